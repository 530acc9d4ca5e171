//! A sandbox ends with its handle and with the server, and nothing of it is left on the host.

#![allow(clippy::print_stdout, reason = "a child process reports so")]

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use orkestr_local::jail::{Jail, Spec};
use support::{eventually, host_processes, jail, line, run, sh};

/// Tests that look at all descriptors or mounts of this process must not run beside others.
static ALONE: tokio::sync::RwLock<()> = tokio::sync::RwLock::const_new(());

fn descriptors() -> BTreeSet<String> {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap();
    entries
        .filter_map(|entry| {
            Some(std::fs::read_link(entry.ok()?.path()).ok()?.to_string_lossy().into_owned())
        })
        .collect()
}

fn children() -> Vec<i32> {
    let own = std::process::id().to_string();
    let entries = std::fs::read_dir("/proc").unwrap();
    entries
        .filter_map(|entry| {
            let pid: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let parent = stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?;
            (parent == own).then_some(pid)
        })
        .collect()
}

fn namespace_of(pid: i32) -> Option<String> {
    std::fs::read_link(format!("/proc/{pid}/ns/pid"))
        .ok()
        .map(|link| link.to_string_lossy().into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left() {
    let _alone = ALONE.write().await;
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    drop(jail().await);
    eventually("the first is reaped", async || children().is_empty()).await;
    let before = descriptors();
    for round in 0..10 {
        let jail = jail().await;
        let mut child =
            jail.spawn(sh("(setsid sleep 7401.25 &) ; echo up; exec sleep 7401.25")).await.unwrap();
        line(&mut child.stdout).await;
        jail.files().write("/workspace/f", "x", 0o644).await.unwrap();
        if round % 2 == 0 {
            jail.kill().await;
            assert_eq!(children(), Vec::<i32>::new());
        } else {
            drop(jail);
            eventually("it is reaped", async || children().is_empty()).await;
        }
        assert_eq!(host_processes("sleep\x007401.25"), Vec::<i32>::new());
    }
    assert_eq!(descriptors(), before);
    assert_eq!(std::fs::read_to_string("/proc/self/mountinfo").unwrap(), mounts);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_given_up_start_leaves_nothing() {
    let _alone = ALONE.write().await;
    for micros in [0, 200, 1000, 2000, 3000, 4000, 6000] {
        let start = Jail::start(Spec::default());
        let _ = tokio::time::timeout(std::time::Duration::from_micros(micros), start).await;
    }
    eventually("all are gone", async || children().is_empty()).await;
}

#[test]
fn the_end_of_the_runtime_is_the_end_of_its_sandboxes() {
    let _alone = ALONE.blocking_write();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let kept = runtime.block_on(async {
        let detached = jail().await;
        tokio::spawn(async move {
            run(&detached, "exec sleep 7402.25").await;
        });
        eventually("it runs", async || !host_processes("sleep\x007402.25").is_empty()).await;
        jail().await
    });
    drop(runtime);
    let left = |count| {
        let start = std::time::Instant::now();
        while children().len() > count {
            assert!(start.elapsed().as_secs() < 60, "{:?}", children());
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    };
    left(1);
    // A handle that outlives the runtime still ends its sandbox.
    drop(kept);
    left(0);
}

/// The sandbox must not depend on the thread that happened to start it.
#[test]
fn a_thread_that_ends_takes_no_sandbox_along() {
    let _beside = ALONE.blocking_read();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_keep_alive(std::time::Duration::from_millis(1))
        .build()
        .unwrap();
    runtime.block_on(async {
        let jail = jail().await;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        assert_eq!(run(&jail, "echo alive").await, "alive");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_killed_from_outside_is_noticed() {
    let _beside = ALONE.read().await;
    let jail = jail().await;
    let mut child = jail.spawn(sh("exec sleep 7403.25")).await.unwrap();
    let mut victim = 0;
    eventually("it runs", async || {
        victim = host_processes("sleep\x007403.25").first().copied().unwrap_or(0);
        victim != 0
    })
    .await;
    let stat = std::fs::read_to_string(format!("/proc/{victim}/stat")).unwrap();
    let agent: i32 =
        stat.rsplit_once(')').unwrap().1.split_ascii_whitespace().nth(1).unwrap().parse().unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(agent), nix::sys::signal::Signal::SIGKILL)
        .unwrap();
    jail.dead().await;
    assert!(host_processes("sleep\x007403.25").is_empty());
    assert!(child.process.wait().await.is_err());
}

/// Plays the server that dies; only when `JAIL_TEST_HELPER` asks for it.
#[test]
fn helper() {
    let Ok(kind) = std::env::var("JAIL_TEST_HELPER") else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let jail = runtime.block_on(async {
        let jail = jail().await;
        let script = format!("(setsid sleep 7404.{kind} &) ; echo up; exec sleep 7404.{kind}");
        let mut child = jail.spawn(sh(&script)).await.unwrap();
        line(&mut child.stdout).await;
        eventually("both run", async || {
            host_processes(&format!("sleep\x007404.{kind}")).len() == 2
        })
        .await;
        if kind == "77" {
            jail.freeze().await.unwrap();
        }
        jail
    });
    if kind == "78" {
        // SAFETY: the child makes no call but these two.
        match unsafe { nix::unistd::fork() }.unwrap() {
            nix::unistd::ForkResult::Parent { child } => println!("\nforked {child}"),
            // SAFETY: neither touches any memory.
            nix::unistd::ForkResult::Child => unsafe {
                libc::sleep(300);
                libc::_exit(0)
            },
        }
    }
    println!("\nready");
    if kind == "79" {
        // An exit that runs no destructor.
        std::process::exit(0);
    }
    std::thread::sleep(std::time::Duration::from_secs(300));
    drop(jail);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_death_of_the_server_is_the_end() {
    let _alone = ALONE.write().await;
    // 76: running, 77: frozen, 78: while a process that the server forked still holds its socket, 79: a plain exit
    for kind in ["76", "77", "78", "79"] {
        let mut server = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "helper", "--nocapture"])
            .env("JAIL_TEST_HELPER", kind)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let needle = format!("sleep\x007404.{kind}");
        let mut forked = None;
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines().map_while(Result::ok);
        let ready = lines.any(|line| {
            forked = line.strip_prefix("forked ").map(|pid| pid.parse().unwrap()).or(forked);
            line == "ready"
        });
        assert!(ready, "the helper started");
        if kind != "79" {
            assert!(!host_processes(&needle).is_empty());
            server.kill().unwrap();
        }
        server.wait().unwrap();
        eventually("all processes are gone", async || host_processes(&needle).is_empty()).await;
        if let Some(pid) = forked {
            let pid = nix::unistd::Pid::from_raw(pid);
            nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL)
                .expect("it has lived until now");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_at_once() {
    let _alone = ALONE.write().await;
    let before = descriptors().len();
    let starts: Vec<_> = (0..200)
        .map(|n| {
            tokio::spawn(async move {
                let jail = jail().await;
                jail.files().write("/workspace/n", n.to_string(), 0o644).await.unwrap();
                jail
            })
        })
        .collect();
    let mut jails = vec![];
    for start in starts {
        jails.push(start.await.unwrap());
    }
    let commands: Vec<_> = jails
        .iter()
        .cloned()
        .enumerate()
        .map(|(n, jail)| {
            tokio::spawn(async move { assert_eq!(run(&jail, "cat n").await, n.to_string()) })
        })
        .collect();
    for command in commands {
        command.await.unwrap();
    }
    let namespaces: BTreeSet<_> = children().into_iter().filter_map(namespace_of).collect();
    assert!(!is_readable() || namespaces.len() == 200, "{}", namespaces.len());
    let kills: Vec<_> =
        jails.into_iter().map(|jail| tokio::spawn(async move { jail.kill().await })).collect();
    for kill in kills {
        kill.await.unwrap();
    }
    assert_eq!(children(), Vec::<i32>::new());
    assert!(descriptors().len() <= before);
}

/// Agents are closed to ordinary users, so only root can tell their namespaces apart.
fn is_readable() -> bool {
    support::is_root()
}

/// Programs that the server starts for itself at the same time inherit nothing.
#[tokio::test(flavor = "multi_thread")]
async fn no_descriptor_leaks_into_other_children() {
    let _beside = ALONE.read().await;
    let listed = || {
        let output = Command::new("ls").arg("/proc/self/fd").stdin(Stdio::null()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    // Whoever runs the tests may have left some open.
    let before = listed();
    let other = tokio::task::spawn_blocking(move || {
        for _ in 0..100 {
            assert_eq!(listed(), before);
        }
    });
    for _ in 0..10 {
        let jail = jail().await;
        run(&jail, "true").await;
    }
    other.await.unwrap();
}
