//! Freezing, and limits that hold without hurting the server or other sandboxes.

mod support;

use std::time::Duration;

use orkestr_local::jail::{Error, Exit, Jail, Limits, Spec};
use support::{attempt, eventually, jail, line, run, sh};

async fn limited(limits: Limits) -> Jail {
    Jail::start(Spec { limits, ..Spec::default() }).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_sandbox_stands_still() {
    let jail = jail().await;
    let mut child =
        jail.spawn(sh("i=0; while :; do i=$((i+1)); echo $i > /workspace/n; done")).await.unwrap();
    eventually("it counts", async || jail.files().stat("/workspace/n").await.unwrap().is_some())
        .await;
    jail.freeze().await.unwrap();
    let before = jail.usage().await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(jail.usage().await.unwrap().cpu_seconds, before.cpu_seconds);
    assert!(matches!(jail.spawn(sh("true")).await, Err(Error::Frozen)));
    jail.files().write("/workspace/while", "frozen", 0o644).await.unwrap();
    jail.freeze().await.unwrap();
    jail.thaw().await.unwrap();
    assert_eq!(run(&jail, "cat while").await, "frozen");
    eventually("it goes on", async || jail.usage().await.unwrap().cpu_seconds > before.cpu_seconds)
        .await;
    child.process.signal_group(libc::SIGKILL).await.unwrap();
    assert_eq!(child.process.wait().await.unwrap(), Exit::Signal(9));
    jail.thaw().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_storm_can_be_frozen() {
    let jail = limited(Limits { max_processes: 60, ..Limits::default() }).await;
    for _ in 0..4 {
        // Processes that end while others are born, and that wake each other.
        jail.spawn(sh(
            "while :; do (true & kill -CONT -1 2>/dev/null) & true; done >/dev/null 2>&1",
        ))
        .await
        .unwrap();
    }
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        jail.freeze().await.unwrap();
        let before = jail.usage().await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        let after = jail.usage().await.unwrap();
        assert_eq!((after.processes, after.cpu_seconds), (before.processes, before.cpu_seconds));
        jail.thaw().await.unwrap();
    }
    jail.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_bomb_stays_inside() {
    let bystander = jail().await;
    if run(&bystander, "command -v perl || true").await.is_empty() {
        return;
    }
    let jail = limited(Limits { max_processes: 64, ..Limits::default() }).await;
    let bomb = jail.spawn(sh("exec perl -e 'fork while 1'")).await.unwrap();
    eventually("it has grown", async || jail.usage().await.unwrap().processes >= 60).await;
    for _ in 0..20 {
        assert!(jail.usage().await.unwrap().processes <= 64);
        assert_eq!(run(&bystander, "echo fine").await, "fine");
    }
    // Even now the server can get a word in, as long as it needs no more processes.
    assert_eq!(attempt(&jail, "echo $((1+1))").await.0, "2\n");
    jail.kill().await;
    drop(bomb);
    assert_eq!(run(&bystander, "echo fine").await, "fine");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_number_of_commands_is_limited_too() {
    let jail = limited(Limits { max_processes: 5, ..Limits::default() }).await;
    let mut children = vec![];
    for _ in 0..5 {
        children.push(jail.spawn(sh("exec sleep 7301.25")).await.unwrap());
    }
    assert!(matches!(jail.spawn(sh("true")).await, Err(Error::ProcessLimit)));
    children.pop().unwrap().process.signal_group(libc::SIGKILL).await.unwrap();
    eventually("there is room again", async || jail.spawn(sh("true")).await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_hog_is_killed_and_nothing_else() {
    let limits = Limits { memory_bytes: 64 << 20, ..Limits::default() };
    let jail = limited(limits).await;
    let mut other = jail.spawn(sh("echo up; read x < /dev/zero; exit 0")).await.unwrap();
    let mut quiet = jail.spawn(sh("echo up; exec sleep 7302.25")).await.unwrap();
    line(&mut other.stdout).await;
    line(&mut quiet.stdout).await;
    other.process.signal_group(libc::SIGKILL).await.unwrap();
    // tail keeps everything until it sees a line's end.
    let mut hog = jail.spawn(sh("exec tail -n 1 /dev/zero")).await.unwrap();
    assert_eq!(hog.process.wait().await.unwrap(), Exit::Signal(9));
    assert!(jail.usage().await.unwrap().memory_bytes < 64 << 20);
    assert_eq!(run(&jail, "echo fine").await, "fine");
    quiet.process.signal_group(libc::SIGTERM).await.unwrap();
    assert_eq!(quiet.process.wait().await.unwrap(), Exit::Signal(15));
}

#[tokio::test(flavor = "multi_thread")]
async fn shared_memory_counts_once() {
    let jail = limited(Limits { memory_bytes: 100 << 20, ..Limits::default() }).await;
    if run(&jail, "command -v python3 || true").await.is_empty() {
        return;
    }
    // 60 MB in a parent and four children that have not written to it: 60 MB, not 300.
    let script = "python3 -c '
import os, time
data = bytearray(60 << 20)
data[::4096] = b\"x\" * len(data[::4096])
children = []
for n in range(4):
    pid = os.fork()
    if pid == 0:
        sum(data[::4096]); time.sleep(0.5); os._exit(0)
    children.append(pid)
print([os.waitpid(pid, 0)[1] for pid in children])'";
    assert_eq!(run(&jail, script).await, "[0, 0, 0, 0]");
    // Memory that processes share on purpose is counted, though.
    let script = "exec python3 -c '
import mmap
data = mmap.mmap(-1, 300 << 20)
for n in range(0, len(data), 4096): data[n] = 1
print(\"survived\")
import time; time.sleep(60)'";
    let (output, exit) = attempt(&jail, script).await;
    assert_eq!(exit, Exit::Signal(9), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_allocation_beyond_all_limits_fails_at_once() {
    let jail = limited(Limits { memory_bytes: 64 << 20, ..Limits::default() }).await;
    if run(&jail, "command -v python3 || true").await.is_empty() {
        return;
    }
    let (output, exit) = attempt(&jail, "python3 -c 'bytearray(1 << 30)'").await;
    assert!(output.contains("MemoryError") && exit == Exit::Code(1), "{output} {exit:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn processors_can_be_limited() {
    let jail = limited(Limits { cpus: 0.5, ..Limits::default() }).await;
    assert_eq!(run(&jail, "nproc").await, "1");
    for all in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
        let jail = limited(Limits { cpus: all, ..Limits::default() }).await;
        let expected = std::thread::available_parallelism().unwrap().to_string();
        assert_eq!(run(&jail, "nproc").await, expected, "{all}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn extreme_limits_do_no_harm() {
    let most = limited(Limits {
        memory_bytes: u64::MAX,
        max_processes: u64::MAX,
        disk_bytes: u64::MAX,
        cpus: 1.0,
        ..Limits::default()
    })
    .await;
    assert_eq!(run(&most, "echo x | cat").await, "x");
    let least = limited(Limits {
        memory_bytes: 0,
        max_processes: 1,
        disk_bytes: 0,
        cpus: 1.0,
        ..Limits::default()
    })
    .await;
    let mut child = least.spawn(sh("while :; do :; done")).await.unwrap();
    assert_eq!(child.process.wait().await.unwrap(), Exit::Signal(9));
}
