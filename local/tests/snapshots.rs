//! Snapshots and the sandboxes that start from them, over the API.

mod http;
mod support;

use std::time::Duration;

use orkestr::{
    Client, Error, ErrorKind, NetworkMode, Sandbox, SandboxStatus, Snapshot, SnapshotStatus,
};
use orkestr_local::{LocalServer, Plan};
use serde_json::json;
use support::program::Program;

async fn server() -> (LocalServer, Client) {
    let server = LocalServer::start().await.expect("a server");
    let client = server.client();
    (server, client)
}

async fn create(client: &Client) -> Sandbox {
    Sandbox::create("debian-12").client(client).await.expect("a sandbox")
}

async fn out(sandbox: &Sandbox, script: &str) -> String {
    let out = sandbox.exec(script).await.expect("it runs");
    assert!(out.success(), "{script}: {}{}", out.stdout, out.stderr);
    out.stdout
}

#[track_caller]
fn is(error: &Error, kind: ErrorKind, status: u16, code: Option<&str>) {
    assert_eq!((error.kind(), error.status(), error.code()), (kind, Some(status), code), "{error}");
}

#[tokio::test]
async fn a_fork_begins_as_its_source_was_and_goes_its_own_way() {
    let (_server, client) = server().await;
    let source = Sandbox::create("python-3.12")
        .cpu(0.5)
        .memory_mb(300)
        .network(NetworkMode::Restricted)
        .allow_domains(["example.com"])
        .region("fsn1")
        .env("SECRET", "of the source")
        .metadata("run", "1");
    let source = source.client(&client).await.expect("a sandbox");
    out(
        &source,
        "mkdir d; echo before > d/f; chmod 640 d/f; ln -s f d/l; echo t > /tmp/t; touch -d @99 d/f",
    )
    .await;
    let snapshot = source.snapshot().name("base").await.expect("taken");
    assert_eq!(
        (snapshot.status(), snapshot.name().as_deref()),
        (SnapshotStatus::Ready, Some("base"))
    );
    let info = snapshot.info();
    assert_eq!(info.source_sandbox_id.as_deref(), Some(source.id()));
    assert_eq!(
        (info.cpu, info.memory_mb, info.region.as_deref()),
        (Some(0.5), Some(300), Some("fsn1"))
    );
    assert_eq!(info.size_mb, Some(1));
    assert!(info.ready_at >= info.created_at && info.created_at.is_some());
    source.refresh().await.expect("it lives");
    assert_eq!(source.status(), SandboxStatus::Running);

    let fork =
        snapshot.fork().env("OWN", "x").metadata("run", "2").timeout(Duration::from_secs(60));
    let fork = fork.await.expect("a fork");
    assert_eq!((fork.template().as_str(), fork.cpu(), fork.memory_mb()), ("python-3.12", 0.5, 300));
    assert_eq!((fork.network(), fork.region().as_str()), (NetworkMode::Restricted, "fsn1"));
    assert_eq!(fork.metadata().into_iter().collect::<Vec<_>>(), [("run".into(), "2".into())]);
    let look = "cat d/f d/l /tmp/t; stat -c '%a %Y' d/f; readlink d/l; echo ${SECRET-none} $OWN";
    assert_eq!(out(&fork, look).await, "before\nbefore\nt\n640 99\nf\nnone x\n");
    out(&source, "echo changed > d/f; echo new > n").await;
    out(&fork, "rm /tmp/t; echo forked > d/f").await;
    let other = Sandbox::create_from_snapshot(snapshot.id()).client(&client).await.expect("a fork");
    assert_eq!(out(&other, "cat d/f /tmp/t; ls").await, "before\nt\nd\n");
    assert_eq!(out(&source, "cat d/f /tmp/t; ls").await, "changed\nt\nd\nn\n");
    assert_eq!(out(&fork, "cat d/f; ls /tmp").await, "forked\n");

    // It needs neither its source nor the forks.
    source.terminate().await.expect("terminated");
    fork.terminate().await.expect("terminated");
    let forks =
        (0..3).map(|_| async { out(&snapshot.fork().await.expect("a fork"), "cat d/f").await });
    assert_eq!(futures::future::join_all(forks).await, ["before\n"; 3]);
    let again = other.snapshot().await.expect("of a fork");
    assert_eq!(out(&again.fork().await.expect("a fork"), "cat d/f").await, "before\n");

    let listed = Snapshot::list().client(&client).await.expect("listed");
    let ids: Vec<&str> = listed.iter().map(Snapshot::id).collect();
    assert_eq!(ids, [again.id(), snapshot.id()]);
    let got = Snapshot::get(snapshot.id()).client(&client).await.expect("found");
    assert_eq!(got.info(), snapshot.info());
    snapshot.delete().await.expect("deleted");
    snapshot.delete().await.expect("it is gone");
    let error = snapshot.refresh().await.expect_err("it is gone");
    is(&error, ErrorKind::NotFound, 404, Some("snapshot_not_found"));
    let error = snapshot.fork().await.expect_err("it is gone");
    is(&error, ErrorKind::NotFound, 404, Some("snapshot_not_found"));
    assert_eq!(out(&other, "cat d/f").await, "before\n");
}

#[tokio::test]
async fn a_capture_disturbs_nothing_that_runs_and_copies_no_process() {
    let (_server, client) = server().await;
    let source = create(&client).await;
    let script =
        "n=0; echo up; while [ ! -e stop ]; do n=$((n+1)); echo $n > count; done; echo ended";
    let command = source.spawn(script).await.expect("spawned");
    let snapshot = source.snapshot().await.expect("taken");
    let fork = snapshot.fork().await.expect("a fork");
    // The first process, and the shell that counts.
    assert_eq!(out(&fork, "set -- /proc/[0-9]*; echo $#").await, "2\n");
    assert!(fork.commands().await.expect("listed").is_empty());
    source.files().write("/workspace/stop", "").await.expect("written");
    assert!(command.wait().await.expect("it ends").success());
    assert_eq!(command.logs(0).await.expect("logs").text, "up\nended\n");

    // A paused one is captured as it is, and is not resumed for it.
    source.pause().await.expect("paused");
    let snapshot = source.snapshot().await.expect("taken");
    source.refresh().await.expect("it is there");
    assert_eq!(source.status(), SandboxStatus::Paused);
    let error = source.exec("true").await.expect_err("still paused");
    assert_eq!(error.kind(), ErrorKind::SandboxNotReady);
    let fork = snapshot.fork().await.expect("a fork");
    assert_eq!(fork.status(), SandboxStatus::Running);
    assert_eq!(out(&fork, "ls").await, "count\nstop\n");
    let source = Sandbox::resume(source.id()).client(&client).await.expect("resumed");
    assert_eq!(out(&source, "echo on").await, "on\n");
}

#[tokio::test]
async fn calls_that_come_meanwhile_wait_and_succeed() {
    let (_server, client) = server().await;
    let source = create(&client).await;
    out(&source, "head -c 60000000 /dev/zero | tr '\\0' x > big").await;
    for round in 0..3 {
        let path = format!("/workspace/f{round}");
        let files = source.files();
        let (snapshot, ran, written, paused) = tokio::join!(
            source.snapshot(),
            source.exec("echo ran"),
            files.write(&path, "x"),
            source.snapshot(),
        );
        assert_eq!(ran.expect("it runs").stdout, "ran\n");
        written.expect("written");
        paused.expect("taken").delete().await.expect("deleted");
        snapshot.expect("taken").delete().await.expect("deleted");
    }
}

#[tokio::test]
async fn a_sandbox_that_has_ended_or_never_was_is_refused() {
    let (server, client) = server().await;
    let source = create(&client).await;
    source.terminate().await.expect("terminated");
    let error = source.snapshot().await.expect_err("it has ended");
    is(&error, ErrorKind::SandboxNotReady, 409, None);
    let call = async |path: String, body: &str| http::call(&server, "POST", &path, body).await;
    let answer = call("/v1/sandboxes/sbx_none/snapshots".into(), "{}").await;
    assert_eq!(answer.status, 404);
    for body in [r#"{"name": ""}"#, r#"{"name": "a\nb"}"#, r#"{"name": 1}"#, ""] {
        let path = format!("/v1/sandboxes/{}/snapshots", source.id());
        let answer = call(path, body).await;
        assert_eq!(answer.status, 422, "{body}: {}", answer.text());
    }
    for (member, value) in [
        ("cpu", json!(1)),
        ("memory_mb", json!(512)),
        ("size", json!("small")),
        ("network", json!("off")),
        ("allow_domains", json!([])),
        ("region", json!("fsn1")),
        ("volume", json!("v")),
    ] {
        let body = json!({"snapshot": "snap_1", member: value}).to_string();
        let answer = call("/v1/sandboxes".into(), &body).await;
        assert_eq!(answer.status, 422, "{body}");
        assert!(answer.text().contains(&format!("[\"body\",\"{member}\"")), "{}", answer.text());
    }
    let error = Sandbox::create_from_snapshot("snap_none").client(&client).await.expect_err("none");
    is(&error, ErrorKind::NotFound, 404, Some("snapshot_not_found"));
}

#[tokio::test]
async fn the_plan_counts_snapshots_and_their_names() {
    let plan = Plan::unlimited().max_snapshots(2).max_named_snapshots(1);
    let server = LocalServer::builder().plan(plan).start().await.expect("a server");
    let client = server.client();
    let source = create(&client).await;
    let limits = client.api().get_limits().await.expect("limits").into_inner();
    assert_eq!(limits.max_named_snapshots.map(i64::from), Some(1));
    let first = source.snapshot().name("one").await.expect("taken");
    let full =
        |error: Error| is(&error, ErrorKind::SnapshotCapReached, 409, Some("snapshot_cap_reached"));
    full(source.snapshot().name("two").await.expect_err("one name"));
    let second = source.snapshot().await.expect("without a name");
    full(source.snapshot().await.expect_err("two in all"));
    full(source.pause().await.expect_err("a pause is one"));
    assert_eq!(Snapshot::list().client(&client).await.expect("listed").len(), 2);
    first.delete().await.expect("deleted");
    source.pause().await.expect("there is room");
    full(source.snapshot().await.expect_err("two in all"));
    second.delete().await.expect("deleted");
    source.snapshot().name("one").await.expect("the name is free");
}

#[tokio::test]
async fn a_slow_capture_is_seen_and_waited_for() {
    let (slow, hour) = (Duration::from_secs(600), Duration::from_secs(3600));
    let server = LocalServer::builder().transition_time(slow).start().await.expect("a server");
    let client = server.client();
    let create =
        tokio::spawn(Sandbox::create("debian-12").timeout(hour).client(&client).into_future());
    support::eventually("it is starting", async || {
        !Sandbox::list().client(&client).await.expect("listed").is_empty()
    })
    .await;
    server.advance(slow).await;
    let source = create.await.expect("no panic").expect("a sandbox");
    source.files().write("/workspace/f", "then").await.expect("written");
    let snapshot = source.snapshot().await.expect("begun");
    assert_eq!((snapshot.status(), snapshot.info().ready_at), (SnapshotStatus::Capturing, None));
    // What it holds is settled: this is too late.
    source.files().write("/workspace/f", "later").await.expect("written");
    let error = snapshot.fork().await.expect_err("not ready");
    is(&error, ErrorKind::Conflict, 409, Some("snapshot_not_ready"));
    let wait = snapshot.wait_ready().timeout(Duration::from_millis(1));
    assert_eq!(wait.await.expect_err("not ready").kind(), ErrorKind::WaitTimeout);
    server.advance(slow).await;
    snapshot.wait_ready().await.expect("ready");
    let fork = tokio::spawn(snapshot.fork().timeout(hour).into_future());
    support::eventually("it is starting", async || {
        Sandbox::list().client(&client).status("starting").await.expect("listed").len() == 1
    })
    .await;
    server.advance(slow).await;
    let fork = fork.await.expect("no panic").expect("a fork");
    assert_eq!(fork.files().read("/workspace/f").await.expect("read"), "then");
}

#[tokio::test]
async fn a_capture_that_fails_says_so_and_takes_no_room() {
    // No file of the program, and so no snapshot, may be larger than 1 MiB.
    let mut program = Program::start_after("ulimit -f 2048", &["--max-snapshots", "1"]);
    let client = program.client();
    let source = create(&client).await;
    out(&source, "for n in 1 2 3 4; do head -c 500000 /dev/zero | tr '\\0' x > $n; done").await;
    let failed = source.snapshot().await.expect("an answer");
    assert_eq!(failed.status(), SnapshotStatus::Failed);
    let error = failed.wait_ready().await.expect_err("it has failed");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.message().contains("signal 25"), "{error}");
    let error = failed.fork().await.expect_err("it has failed");
    is(&error, ErrorKind::Conflict, 409, Some("snapshot_not_ready"));
    // The sandbox has not suffered, and there is room for another.
    out(&source, "rm [1-4]; echo small > f").await;
    let snapshot = source.snapshot().await.expect("taken");
    assert_eq!(out(&snapshot.fork().await.expect("a fork"), "cat f").await, "small\n");
    program.end(nix::sys::signal::Signal::SIGTERM);
}

#[tokio::test]
async fn a_sandbox_that_ends_meanwhile_ends_the_capture() {
    let (_server, client) = server().await;
    for _ in 0..3 {
        let source = create(&client).await;
        out(&source, "head -c 100000000 /dev/zero | tr '\\0' x > big").await;
        let (taken, ended) = tokio::join!(source.snapshot(), source.terminate());
        ended.expect("terminated");
        match taken {
            // Before, in the middle, or after.
            Err(error) => is(&error, ErrorKind::SandboxNotReady, 409, error.code()),
            Ok(snapshot) if snapshot.status() == SnapshotStatus::Failed => {
                let message = snapshot.info().error_message.clone().expect("a reason");
                assert!(message.contains("ended"), "{message}");
            }
            Ok(snapshot) => {
                let fork = snapshot.fork().await.expect("a fork");
                assert_eq!(out(&fork, "stat -c %s big").await, "100000000\n");
                fork.terminate().await.expect("terminated");
            }
        }
    }
}

/// Each of these has brought down something that walks directories.
const HOSTILE: [&str; 7] = [
    "p=$(head -c 2000 /dev/zero | sed 's,\\x0,d/,g'); for n in 1 2 3 4; do mkdir -p $p; cd -P $p; done",
    "truncate -s 8E huge || truncate -s 1T huge; for n in 1 2 3 4 5 6 7 8 9; do ln huge huge$n; done",
    "mkfifo fifo; ln -s /proc/self/root out; ln -s /dev/zero zero; ln -s . self; ln -s self/self self2; ln -s /tmp up",
    "touch \"$(printf 'a\\nb')\" \"$(printf '\\377\\376')\" ' ' -- '-rf' '*' '..a' '.orkestr-links' '.orkestr-links_'; ln -- -rf l",
    "mkdir -p a/b; touch a/b/c a/d; ln a/d a/e; chmod 0 a/b/c a/b a/d a; chmod 4777 -- *; chmod 0 a",
    "i=0; while [ $i -lt 3000 ]; do : > f$i; i=$((i+1)); done; ln f1 g; mkdir .orkestr-links; touch -d @-9999999999 f2",
    "chmod 0 /workspace /tmp",
];

#[tokio::test]
async fn hostile_trees_are_copied_as_they_are() {
    let (_server, client) = server().await;
    for script in HOSTILE {
        let source = create(&client).await;
        let made = source.exec(script).await.expect("it runs");
        assert!(made.success(), "{script}: {}", made.stderr);
        let snapshot = source.snapshot().await.expect("taken");
        assert_eq!(snapshot.status(), SnapshotStatus::Ready, "{script}: {snapshot:?}");
        assert!(snapshot.info().size_mb <= Some(1), "{snapshot:?}");
        let fork = snapshot.fork().await.expect("a fork");
        let look = "find / -xdev -maxdepth 0; for d in /workspace /tmp; do stat -c %a $d; chmod 700 $d; cd $d;
            find . -maxdepth 3 -printf '%p %y %m %s %n %T@ %l\\n' | LC_ALL=C sort; done";
        let (here, there) = (source.exec(look).cwd("/"), fork.exec(look).cwd("/"));
        let (here, there) = (here.await.expect("it runs"), there.await.expect("it runs"));
        assert_eq!(there.stdout, here.stdout, "{script}");
        for sandbox in [source, fork] {
            sandbox.terminate().await.expect("terminated");
        }
        snapshot.delete().await.expect("deleted");
    }
    // The server and others have not noticed.
    assert_eq!(out(&create(&client).await, "echo fine").await, "fine\n");
}

#[tokio::test]
async fn nothing_of_a_snapshot_is_left_behind() {
    let place = std::env::temp_dir().join(format!("snapshots-place-{}", std::process::id()));
    std::fs::create_dir(&place).expect("a directory");
    let line = format!("export TMPDIR={}", place.display());
    let is_empty = || std::fs::read_dir(&place).expect("it is there").count() == 0;
    for signal in [nix::sys::signal::Signal::SIGKILL, nix::sys::signal::Signal::SIGTERM] {
        let mut program = Program::start_after(&line, &[]);
        let client = program.client();
        let source = create(&client).await;
        out(&source, "head -c 1000000 /dev/zero | tr '\\0' x > f").await;
        let before = program.descriptors();
        let snapshot = source.snapshot().await.expect("taken");
        let fork = snapshot.fork().await.expect("a fork");
        assert!(is_empty());
        fork.terminate().await.expect("terminated");
        snapshot.delete().await.expect("deleted");
        support::eventually("its file is closed", async || program.descriptors() <= before).await;
        source.snapshot().await.expect("taken");
        program.end(signal);
        assert!(is_empty());
    }
    std::fs::remove_dir(place).expect("it is empty");
}
