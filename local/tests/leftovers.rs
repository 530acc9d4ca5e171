//! After the end of a sandbox, of the server, or of a test, nothing is left on the host.

#![allow(clippy::print_stdout, reason = "a child process reports so")]

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use futures::StreamExt as _;
use nix::sys::signal::Signal;
use orkestr::{Client, ExecEvent, NetworkMode, Sandbox};
use orkestr_local::LocalServer;
use support::program::Program;
use support::{eventually, host_processes};

/// Starts what could stay behind, each a `sleep` of `seconds`: a child that left its session, one
/// whose parent is gone, one that ignores SIGTERM, one in a stream.
async fn busy(client: &Client, seconds: &str) -> Sandbox {
    let create = Sandbox::create("debian-12").client(client).network(NetworkMode::Restricted);
    let sbx = create.await.expect("a sandbox");
    let script = format!(
        "setsid sleep {seconds} & (setsid sh -c 'sleep {seconds} & exit' &)
        sh -c 'trap \"\" TERM; sleep {seconds}; sleep {seconds}' & echo up; exec sleep {seconds}"
    );
    let mut stream = sbx.exec_stream(script).await.expect("a stream");
    while !matches!(stream.next().await, Some(Ok(ExecEvent::Stdout(_)))) {}
    drop(stream);
    let needle = sleeping(seconds);
    eventually("all run", async || host_processes(&needle).len() == 4).await;
    sbx
}

fn sleeping(seconds: &str) -> String {
    format!("sleep\0{seconds}\0")
}

/// What lies where a program would leave something.
fn directories() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for place in [std::env::temp_dir(), "/run".into(), "/var/tmp".into(), "/dev/shm".into()] {
        for entry in std::fs::read_dir(&place).into_iter().flatten().flatten() {
            let path = entry.path().to_string_lossy().into_owned();
            // Other tests and people use the same machine.
            if path.contains("orkestr") || path.contains("sbx") {
                found.insert(path);
            }
        }
    }
    found
}

fn mounts() -> String {
    std::fs::read_to_string("/proc/self/mountinfo").expect("mounts")
}

#[tokio::test]
async fn a_terminated_sandbox_leaves_nothing() {
    let (program, before, host_mounts) = (Program::start(), directories(), mounts());
    let client = program.client();
    busy(&client, "7501.1").await.terminate().await.expect("terminated");
    // The connection stays open; all else is as it was after the first.
    let (descriptors, mounts_then) = (program.descriptors(), program.mounts());
    for round in 0..5 {
        let sbx = busy(&client, "7501.2").await;
        if round % 2 == 1 {
            sbx.pause().await.expect("paused");
        }
        sbx.terminate().await.expect("terminated");
        assert_eq!(host_processes(&sleeping("7501.2")), Vec::<i32>::new());
        assert_eq!(program.children(), Vec::<i32>::new());
    }
    eventually("descriptors are closed", async || program.descriptors() <= descriptors).await;
    assert_eq!((program.mounts(), mounts()), (mounts_then, host_mounts));
    assert_eq!(directories(), before);
}

#[tokio::test]
async fn an_expired_sandbox_leaves_nothing() {
    let server = LocalServer::start().await.expect("a server");
    busy(&server.client(), "7502.1").await;
    server.advance(std::time::Duration::from_secs(600)).await;
    assert_eq!(host_processes(&sleeping("7502.1")), Vec::<i32>::new());
}

#[tokio::test]
async fn the_end_of_the_program_leaves_nothing() {
    let (before, host_mounts) = (directories(), mounts());
    for signal in [Signal::SIGKILL, Signal::SIGTERM, Signal::SIGINT] {
        let mut program = Program::start();
        let client = program.client();
        busy(&client, "7503.1").await;
        busy(&client, "7503.2").await.pause().await.expect("paused");
        let agents = program.children();
        assert_eq!(agents.len(), 2);
        program.end(signal);
        for seconds in ["7503.1", "7503.2"] {
            let needle = sleeping(seconds);
            eventually("all are gone", async || host_processes(&needle).is_empty()).await;
        }
        let is_gone = |pid: &i32| !std::path::Path::new(&format!("/proc/{pid}")).exists();
        // After SIGKILL, whoever adopts them reaps them.
        eventually("the agents are gone", async || {
            agents.iter().all(|pid| is_gone(pid) || is_zombie(*pid))
        })
        .await;
        let address = program.address().to_string();
        assert!(tokio::net::TcpStream::connect(address).await.is_err());
        assert_eq!((directories(), mounts()), (before.clone(), host_mounts.clone()));
    }
}

fn is_zombie(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
}

#[tokio::test]
async fn the_death_of_the_agent_is_the_end_of_the_sandbox() {
    let program = Program::start();
    let sbx = busy(&program.client(), "7504.1").await;
    let agent = program.children()[0];
    let pid = nix::unistd::Pid::from_raw(agent);
    nix::sys::signal::kill(pid, Signal::SIGKILL).expect("it runs");
    eventually("the server notices", async || {
        sbx.refresh().await.expect("an answer");
        sbx.status() == orkestr::SandboxStatus::Failed
    })
    .await;
    assert_eq!(host_processes(&sleeping("7504.1")), Vec::<i32>::new());
    eventually("it is reaped", async || program.children().is_empty()).await;
    let error = sbx.exec("true").await.expect_err("it is gone");
    assert_eq!(error.kind(), orkestr::ErrorKind::SandboxNotReady);
    sbx.terminate().await.expect("nothing is left to end");
}

/// Plays the test that fails; only when `LEFTOVERS_HELPER` asks for it.
#[test]
fn helper() {
    let Ok(kind) = std::env::var("LEFTOVERS_HELPER") else { return };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let server = LocalServer::start().await.expect("a server");
        let sbx = busy(&server.client(), "7505.1").await;
        if kind == "paused" {
            sbx.pause().await.expect("paused");
        }
        println!("\nready");
        if kind == "abort" {
            std::process::abort();
        }
        panic!("the test fails");
    });
}

#[tokio::test]
async fn a_test_that_panics_leaves_nothing() {
    let before = directories();
    for kind in ["running", "paused", "abort"] {
        let mut test = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "helper", "--nocapture"])
            .env("LEFTOVERS_HELPER", kind)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the helper");
        let stdout = BufReader::new(test.stdout.take().expect("a pipe"));
        let was_ready = stdout.lines().map_while(Result::ok).any(|line| line == "ready");
        assert!(!test.wait().expect("an end").success() && was_ready, "{kind}");
        let needle = sleeping("7505.1");
        if kind == "abort" {
            eventually("all are gone", async || host_processes(&needle).is_empty()).await;
        }
        assert_eq!(host_processes(&needle), Vec::<i32>::new(), "{kind}");
        assert_eq!(directories(), before);
    }
}
