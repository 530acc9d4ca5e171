//! Commands: output, exits, errors, signals, what outlives them.

#![allow(clippy::print_stdout, reason = "a child process reports so")]

mod support;

use std::ffi::OsString;
use std::time::{Duration, Instant};

use orkestr_local::jail::{Command, Error, Exit, Jail, Limits, Spec};
use support::{attempt, collect, eventually, host_processes, jail, line, run, sh};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test(flavor = "multi_thread")]
async fn a_command_runs_and_ends() {
    let jail = jail().await;
    let (stdout, stderr, exit) =
        collect(jail.spawn(sh("echo out; echo err >&2; exit 7")).await.unwrap()).await;
    assert_eq!((stdout.as_str(), stderr.as_str(), exit), ("out\n", "err\n", Exit::Code(7)));
    for (script, expected) in [
        ("exit 255", Exit::Code(255)),
        ("kill -9 $$", Exit::Signal(9)),
        ("kill -40 $$", Exit::Signal(40)),
    ] {
        assert_eq!(attempt(&jail, script).await.1, expected, "{script}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exit_can_be_asked_for_again_and_waiting_can_be_given_up() {
    let jail = jail().await;
    run(&jail, "mkfifo go").await;
    let mut child = jail.spawn(sh("read x < go; exit 3")).await.unwrap();
    for _ in 0..20 {
        assert!(
            tokio::time::timeout(Duration::from_millis(1), child.process.wait()).await.is_err()
        );
    }
    run(&jail, "echo > go").await;
    for _ in 0..3 {
        assert_eq!(child.process.wait().await.unwrap(), Exit::Code(3));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_started_is_an_error() {
    let jail = jail().await;
    let command = |argv: &[&str], cwd: &str| Command {
        argv: argv.iter().map(OsString::from).collect(),
        cwd: cwd.into(),
        env: vec![],
    };
    let failure =
        async |argv: &[&str], cwd: &str| jail.spawn(command(argv, cwd)).await.unwrap_err();
    let error = failure(&["/bin/true"], "/no/such").await;
    assert!(
        matches!(&error, Error::BadCwd { path, .. } if path.as_os_str() == "/no/such"),
        "{error}"
    );
    assert!(error.to_string().contains("/no/such"), "{error}");
    assert!(matches!(failure(&["/bin/true"], "/etc/passwd").await, Error::BadCwd { .. }));
    assert!(
        matches!(failure(&["/no/such"], "/").await, Error::NotFound(path) if path.as_os_str() == "/no/such")
    );
    assert!(matches!(failure(&["no-such-program"], "/").await, Error::NotFound(_)));
    assert!(matches!(failure(&["/etc/passwd"], "/").await, Error::Spawn(_)));
    assert!(matches!(failure(&["/workspace"], "/").await, Error::Spawn(_)));
    for invalid in [&[][..], &[""], &["/bin/true", "a\0b"]] {
        let error = failure(invalid, "/").await;
        assert!(matches!(error, Error::Spawn(_) | Error::NotFound(_)), "{invalid:?}: {error}");
    }
    for name in ["", "A=B"] {
        let command =
            Command { env: vec![(name.into(), "x".into())], ..command(&["/bin/true"], "/") };
        assert!(matches!(jail.spawn(command).await, Err(Error::Spawn(_))), "{name}");
    }
    let huge =
        Command { argv: vec!["/bin/true".into(), "x".repeat(3 << 20).into()], ..command(&[], "/") };
    assert!(matches!(jail.spawn(huge).await, Err(Error::Spawn(_))));
    let absurd = Command {
        argv: vec!["/bin/true".into(), "x".repeat(20 << 20).into()],
        ..command(&[], "/")
    };
    assert!(matches!(jail.spawn(absurd).await, Err(Error::Spawn(_))));
    assert_eq!(run(&jail, "echo still there").await, "still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_arguments_and_environments_arrive() {
    let jail = jail().await;
    let mut command = sh("echo ${#V} ${#1} $#");
    command.argv.push("name".into());
    for _ in 0..10 {
        command.argv.push("y".repeat(100_000).into());
    }
    command.env.push(("V".into(), "x".repeat(120_000).into()));
    let (stdout, _, exit) = collect(jail.spawn(command).await.unwrap()).await;
    assert_eq!((stdout.as_str(), exit), ("120000 100000 10\n", Exit::Code(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_are_found_on_the_path_of_the_command() {
    let jail = jail().await;
    run(&jail, "mkdir bin; printf '#!/bin/sh\\necho mine $1\\n' > bin/mine; chmod +x bin/mine")
        .await;
    let command = Command {
        argv: vec!["mine".into(), "x".into()],
        cwd: "/tmp".into(),
        env: vec![("PATH".into(), "/no:/workspace/bin".into())],
    };
    assert_eq!(collect(jail.spawn(command).await.unwrap()).await.0, "mine x\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_can_be_talked_to_apart_from_its_output() {
    let jail = jail().await;
    let script = "read line; echo \"got $line\"; echo answer >&0; read line || echo closed";
    let (child, mut socket) = jail.spawn_connected(sh(script)).await.unwrap();
    socket.write_all(b"question\n").await.unwrap();
    let mut answer = [0; 7];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"answer\n");
    drop(socket);
    let (stdout, _, exit) = collect(child).await;
    assert_eq!((stdout.as_str(), exit), ("got question\nclosed\n", Exit::Code(0)));
    // The others have none.
    assert_eq!(run(&jail, "cat; readlink /proc/self/fd/0").await, "/dev/null");
    let refused = jail.spawn_connected(Command { argv: vec!["/none".into()], ..sh("") }).await;
    assert!(matches!(refused, Err(Error::NotFound(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_is_reported_while_a_background_child_holds_the_output() {
    let jail = jail().await;
    let mut child = jail.spawn(sh("sleep 7202.25 & echo started")).await.unwrap();
    assert_eq!(line(&mut child.stdout).await, "started");
    assert_eq!(child.process.wait().await.unwrap(), Exit::Code(0));
    child.process.signal_group(libc::SIGKILL).await.unwrap();
    let mut rest = Vec::new();
    child.stdout.read_to_end(&mut rest).await.unwrap();
    eventually("nothing is left of the group", async || {
        matches!(child.process.signal_group(libc::SIGTERM).await, Err(Error::Io(error)) if error.raw_os_error() == Some(libc::ESRCH))
    })
    .await;
    assert!(child.process.signal_group(1000).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_reaches_every_group_of_the_session() {
    let jail = jail().await;
    // Job control puts the background job into a group of its own.
    let mut child = jail
        .spawn(sh("bash -c 'set -m; sleep 7203.25 & sleep 7203.25 & echo ready; wait'"))
        .await
        .unwrap();
    assert_eq!(line(&mut child.stdout).await, "ready");
    eventually("both run", async || host_processes("sleep\x007203.25").len() == 2).await;
    child.process.signal_group(libc::SIGTERM).await.unwrap();
    assert_eq!(child.process.wait().await.unwrap(), Exit::Signal(libc::SIGTERM));
    eventually("both are gone", async || host_processes("sleep\x007203.25").is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn daemons_die_with_the_sandbox() {
    let jail = jail().await;
    let (out, exit) = attempt(&jail, "setsid sh -c 'sleep 7204.25 & sleep 7204.25' >/dev/null 2>&1 & (setsid sleep 7204.25 >/dev/null 2>&1 &) ; exit 0").await;
    assert_eq!(exit, Exit::Code(0), "{out}");
    eventually("all run", async || host_processes("sleep\x007204.25").len() >= 3).await;
    jail.kill().await;
    assert_eq!(host_processes("sleep\x007204.25"), Vec::<i32>::new());
    jail.kill().await;
    jail.dead().await;
    assert!(matches!(jail.spawn(sh("true")).await, Err(Error::AgentGone)));
    assert!(matches!(jail.usage().await, Err(Error::AgentGone)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_sandbox_ends_what_waits_for_it() {
    let jail = jail().await;
    let mut child = jail.spawn(sh("sleep 7205.25")).await.unwrap();
    let dead = tokio::spawn({
        let jail = jail.clone();
        async move { jail.dead().await }
    });
    let ((), exit) = tokio::join!(jail.kill(), child.process.wait());
    assert!(matches!(exit, Err(Error::AgentGone)), "{exit:?}");
    let mut rest = Vec::new();
    child.stdout.read_to_end(&mut rest).await.unwrap();
    dead.await.unwrap();
}

/// A process inside may stop another between its fork and its exec. That may cost the sandbox its next command, but not
/// the server its hold on the sandbox.
#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_that_stops_its_own_commands_can_be_ended() {
    let jail = jail().await;
    if run(&jail, "command -v perl || true").await.is_empty() {
        return;
    }
    let _stopper = jail.spawn(sh("exec perl -e 'while (1) { kill STOP => -1 }'")).await.unwrap();
    for _ in 0..30 {
        let _ = tokio::time::timeout(Duration::from_millis(10), jail.spawn(sh("true"))).await;
        jail.usage().await.unwrap();
    }
    jail.files().write("/workspace/f", "x", 0o644).await.unwrap();
    jail.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_commands_at_once() {
    let jail = Jail::start(Spec {
        limits: Limits { max_processes: 1000, ..Limits::default() },
        ..Spec::default()
    })
    .await
    .unwrap();
    let tasks: Vec<_> = (0..100)
        .map(|n| {
            let jail = jail.clone();
            tokio::spawn(async move {
                assert_eq!(run(&jail, &format!("echo {n}")).await, n.to_string())
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(jail.usage().await.unwrap().processes, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_grows() {
    let jail = jail().await;
    let before = jail.usage().await.unwrap();
    assert_eq!(before.processes, 0);
    let mut child = jail
        .spawn(sh("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done; sleep 7206.25; :"))
        .await
        .unwrap();
    line(&mut child.stdout).await;
    let during = jail.usage().await.unwrap();
    assert!(
        during.processes >= 1
            && during.memory_bytes > 100_000
            && during.cpu_seconds > before.cpu_seconds,
        "{during:?}"
    );
    child.process.signal_group(libc::SIGKILL).await.unwrap();
    child.process.wait().await.unwrap();
    eventually("all are gone", async || jail.usage().await.unwrap().processes == 0).await;
    let after = jail.usage().await.unwrap();
    assert!(
        after.processes == 0
            && after.memory_bytes == 0
            && after.cpu_seconds >= during.cpu_seconds - 0.02,
        "{after:?}"
    );
}

/// Prints what the design promises; asserts only what no loaded machine can miss.
#[tokio::test(flavor = "multi_thread")]
async fn timings() {
    let first = jail().await;
    run(&first, "true").await;
    let (mut starts, mut commands) = (vec![], vec![]);
    for _ in 0..20 {
        let start = Instant::now();
        let jail = jail().await;
        let mut child = jail.spawn(sh("echo x")).await.unwrap();
        line(&mut child.stdout).await;
        starts.push(start.elapsed());
        jail.kill().await;
        let start = Instant::now();
        let mut child = first.spawn(sh("echo x")).await.unwrap();
        line(&mut child.stdout).await;
        commands.push(start.elapsed());
    }
    starts.sort();
    commands.sort();
    println!("median: start to first byte {:?}, further command {:?}", starts[10], commands[10]);
    assert!(commands[10] < Duration::from_secs(5));
}
