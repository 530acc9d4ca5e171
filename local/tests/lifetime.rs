//! Lifetimes, pauses and the clock, over the API.

mod support;

use std::time::Duration;

use futures::StreamExt as _;
use orkestr::{ErrorKind, ExecEvent, OnTimeout, Sandbox, SandboxStatus as Status};
use orkestr_local::{LocalServer, Plan};

const MINUTE: Duration = Duration::from_secs(60);

async fn server() -> LocalServer {
    LocalServer::start().await.expect("a server")
}

async fn create(server: &LocalServer) -> Sandbox {
    Sandbox::create("debian-12").client(&server.client()).await.expect("a sandbox")
}

/// What the server says now.
async fn status(sandbox: &Sandbox) -> Status {
    sandbox.refresh().await.expect("an answer");
    sandbox.status()
}

fn lifetime(sandbox: &Sandbox) -> Duration {
    sandbox.expires_at().duration_since(sandbox.created_at()).expect("it ends after its start")
}

async fn until(sandbox: &Sandbox, wanted: Status) {
    support::eventually(wanted.as_str(), async || status(sandbox).await == wanted).await;
}

#[tokio::test]
async fn a_lifetime_ends_at_its_second() {
    let server = server().await;
    let sbx = Sandbox::create("debian-12").client(&server.client()).timeout(10 * MINUTE).await;
    let sbx = sbx.expect("a sandbox");
    assert_eq!(lifetime(&sbx), 10 * MINUTE);
    server.advance(9 * MINUTE).await;
    assert_eq!(status(&sbx).await, Status::Running);
    sbx.exec("true").await.expect("it still runs");
    server.advance(MINUTE).await;
    assert_eq!(status(&sbx).await, Status::Terminated);
    assert_eq!(lifetime(&sbx), 10 * MINUTE);
    let error = sbx.exec("true").await.expect_err("it has ended");
    assert_eq!(error.kind(), ErrorKind::SandboxNotReady);
    let error = sbx.set_timeout(MINUTE).await.expect_err("it has ended");
    assert_eq!(error.kind(), ErrorKind::SandboxNotReady);
    sbx.terminate().await.expect("once more is nothing");
}

#[tokio::test]
async fn a_lifetime_can_end_in_a_pause_in_which_nothing_ages() {
    let server = server().await;
    let create = Sandbox::create("debian-12").client(&server.client()).timeout(MINUTE);
    let sbx = create.on_timeout(OnTimeout::Pause).await.expect("a sandbox");
    sbx.files().write("/workspace/kept", "kept").await.expect("written");
    server.advance(MINUTE).await;
    assert_eq!(status(&sbx).await, Status::Paused);
    server.advance(1000 * MINUTE).await;
    assert_eq!(status(&sbx).await, Status::Paused);
    let resumed = Sandbox::resume(sbx.id()).client(&server.client()).await.expect("resumed");
    assert_eq!(resumed.status(), Status::Running);
    // Its lifetime starts anew.
    assert!(lifetime(&resumed) >= 1002 * MINUTE);
    server.advance(MINUTE / 2).await;
    assert_eq!(resumed.exec("cat kept").await.expect("it runs").stdout, "kept");
    server.advance(MINUTE / 2).await;
    assert_eq!(status(&sbx).await, Status::Paused);
}

#[tokio::test]
async fn a_new_timeout_counts_from_now() {
    let server = server().await;
    let (short, long, kept) = (create(&server).await, create(&server).await, create(&server).await);
    server.advance(5 * MINUTE).await;
    for (sandbox, timeout) in [(&short, MINUTE), (&long, 20 * MINUTE)] {
        sandbox.set_timeout(timeout).await.expect("set");
        assert!(lifetime(sandbox) >= 5 * MINUTE + timeout);
        let before = sandbox.expires_at();
        sandbox.set_timeout(timeout).await.expect("set");
        assert!(sandbox.expires_at() >= before);
    }
    server.advance(MINUTE).await;
    assert_eq!(status(&short).await, Status::Terminated);
    assert_eq!(status(&kept).await, Status::Running);
    server.advance(4 * MINUTE).await;
    assert_eq!(status(&kept).await, Status::Terminated);
    server.advance(14 * MINUTE).await;
    assert_eq!(status(&long).await, Status::Running);
    server.advance(MINUTE).await;
    assert_eq!(status(&long).await, Status::Terminated);
}

#[tokio::test]
async fn a_new_timeout_holds_for_the_lifetime_after_a_resume() {
    let server = server().await;
    let sbx = create(&server).await;
    sbx.set_timeout(30 * MINUTE).await.expect("set");
    sbx.pause().await.expect("paused");
    let error = sbx.set_timeout(MINUTE).await.expect_err("a paused one has none");
    assert_eq!(error.kind(), ErrorKind::SandboxNotReady);
    Sandbox::resume(sbx.id()).client(&server.client()).await.expect("resumed");
    server.advance(29 * MINUTE).await;
    assert_eq!(status(&sbx).await, Status::Running);
    server.advance(MINUTE).await;
    assert_eq!(status(&sbx).await, Status::Terminated);
}

#[tokio::test]
async fn exec_and_files_resume_what_was_created_so() {
    let server = server().await;
    let create = Sandbox::create("debian-12").client(&server.client());
    let sbx = create.auto_resume(true).await.expect("a sandbox");
    sbx.files().write("/workspace/n", "7").await.expect("written");
    for round in 0..5 {
        sbx.pause().await.expect("paused");
        if round == 0 {
            assert_eq!(sbx.files().read("/workspace/n").await.expect("resumed"), "7");
        } else {
            // All at once: one of them resumes, the others find it done.
            let all = futures::future::join_all(
                (0..8).map(|_| async { sbx.exec("cat n").await.map(|output| output.stdout) }),
            );
            for stdout in all.await {
                assert_eq!(stdout.expect("resumed"), "7");
            }
        }
        assert_eq!(status(&sbx).await, Status::Running);
    }
    let plain = self::create(&server).await;
    plain.pause().await.expect("paused");
    let error = plain.exec("true").await.expect_err("nobody resumes it");
    assert_eq!(error.kind(), ErrorKind::SandboxNotReady);
    assert_eq!(status(&plain).await, Status::Paused);
}

#[tokio::test]
async fn every_status_can_be_seen() {
    let builder = LocalServer::builder().transition_time(MINUTE);
    let server = builder.start().await.expect("a server");
    let client = server.client();
    let listed = async || {
        let all = Sandbox::list().client(&client).await.expect("a list");
        all.first().cloned()
    };
    let creating = tokio::spawn({
        let client = client.clone();
        async move { Sandbox::create("debian-12").client(&client).await }
    });
    support::eventually("it is listed", async || listed().await.is_some()).await;
    let early = listed().await.expect("a sandbox");
    assert_eq!(early.status(), Status::Starting);
    let not_ready = async |sandbox: &Sandbox| {
        let error = sandbox.exec("true").await.expect_err("it is not running");
        assert_eq!(error.kind(), ErrorKind::SandboxNotReady);
        assert!(error.message().contains(sandbox.status().as_str()), "{error}");
    };
    not_ready(&early).await;
    server.advance(MINUTE).await;
    let sbx = creating.await.expect("no panic").expect("a sandbox");
    assert_eq!(sbx.status(), Status::Running);

    let pausing = tokio::spawn({
        let sbx = sbx.clone();
        async move { sbx.pause().await }
    });
    until(&early, Status::Pausing).await;
    not_ready(&early).await;
    server.advance(MINUTE).await;
    pausing.await.expect("no panic").expect("paused");
    assert_eq!(status(&sbx).await, Status::Paused);

    let resuming = tokio::spawn(Sandbox::resume(sbx.id()).client(&client).into_future());
    until(&early, Status::Resuming).await;
    not_ready(&early).await;
    server.advance(MINUTE).await;
    resuming.await.expect("no panic").expect("resumed");
    assert_eq!(status(&sbx).await, Status::Running);

    // Its end waits for nothing.
    let pausing = tokio::spawn({
        let sbx = sbx.clone();
        async move { sbx.pause().await }
    });
    until(&early, Status::Pausing).await;
    early.terminate().await.expect("terminated");
    let error = pausing.await.expect("no panic").expect_err("there is nothing to pause");
    assert_eq!(error.kind(), ErrorKind::SandboxNotReady);
    assert_eq!(status(&sbx).await, Status::Terminated);
}

#[tokio::test]
async fn one_that_is_terminated_while_it_starts_never_runs() {
    let builder = LocalServer::builder().transition_time(MINUTE);
    let server = builder.start().await.expect("a server");
    let client = server.client();
    let creating = tokio::spawn(Sandbox::create("debian-12").client(&client).into_future());
    let mut early = None;
    support::eventually("it is listed", async || {
        early = Sandbox::list().client(&client).await.expect("a list").first().cloned();
        early.is_some()
    })
    .await;
    early.expect("a sandbox").terminate().await.expect("terminated");
    let error = creating.await.expect("no panic").expect_err("it is gone");
    assert_eq!(error.status(), Some(409));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_in_any_order_at_once_do_no_harm() {
    let server = server().await;
    let sbx = create(&server).await;
    let client = server.client();
    let mut tasks = Vec::new();
    for n in 0..8 {
        let (sbx, client) = (sbx.clone(), client.clone());
        tasks.push(tokio::spawn(async move {
            for round in 0..20 {
                let outcome = match (n + round) % 4 {
                    0 => sbx.pause().await.map(drop),
                    1 => Sandbox::resume(sbx.id()).client(&client).await.map(drop),
                    2 => sbx.set_timeout(10 * MINUTE).await,
                    _ => sbx.exec("echo x").await.map(|out| assert_eq!(out.stdout, "x\n")),
                };
                if let Err(error) = outcome {
                    assert_eq!(error.kind(), ErrorKind::SandboxNotReady, "{error}");
                }
            }
            // A command of another task may be frozen by the last pause of this one.
            if let Err(error) = Sandbox::resume(sbx.id()).client(&client).await {
                assert_eq!(error.kind(), ErrorKind::SandboxNotReady, "{error}");
            }
        }));
    }
    for task in tasks {
        task.await.expect("no panic");
    }
    if status(&sbx).await == Status::Paused {
        Sandbox::resume(sbx.id()).client(&client).await.expect("it can be resumed");
    }
    assert_eq!(sbx.exec("echo fine").await.expect("it runs").stdout, "fine\n");
    let ends = (0..4).map(|_| sbx.terminate());
    for end in futures::future::join_all(ends).await {
        end.expect("terminated");
    }
    assert_eq!(status(&sbx).await, Status::Terminated);
    assert!(support::host_processes(&sbx.id().replace('_', "-").to_lowercase()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_while_a_command_starts_does_not_age_it() {
    let server = server().await;
    let sbx = create(&server).await;
    for _ in 0..20 {
        let run = tokio::spawn(sbx.exec("echo x").timeout(Duration::from_secs(30)).into_future());
        sbx.pause().await.expect("paused");
        server.advance(MINUTE).await;
        Sandbox::resume(sbx.id()).client(&server.client()).await.expect("resumed");
        match run.await.expect("no panic") {
            Ok(out) => assert_eq!(out.stdout, "x\n"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::SandboxNotReady, "{error}"),
        }
    }
}

#[tokio::test]
async fn the_timeout_of_a_command_follows_the_clock() {
    let server = server().await;
    let sbx = create(&server).await;
    // It says when it has started, and that it was asked to end; only SIGKILL ends it.
    let script = "trap 'echo asked' TERM; echo up; while :; do sleep 0.01; done";
    let mut events = sbx.exec_stream(script).timeout(2 * MINUTE).await.expect("a stream").text();
    let mut seen = String::new();
    let error = loop {
        match events.next().await.expect("an end") {
            Ok(ExecEvent::Stdout(text)) => {
                seen.push_str(&text);
                if text.contains("up") {
                    server.advance(MINUTE).await;
                    assert_eq!(sbx.exec("echo x").await.expect("it runs").stdout, "x\n");
                    server.advance(MINUTE).await;
                } else if text.contains("asked") {
                    server.advance(Duration::from_secs(2)).await;
                }
            }
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!((error.kind(), seen.as_str()), (ErrorKind::ExecTimeout, "up\nasked\n"));
    assert!(events.next().await.is_none());
    assert_eq!(sbx.exec("echo x").await.expect("the sandbox runs on").stdout, "x\n");
}

#[tokio::test]
async fn a_command_in_a_paused_sandbox_does_not_age() {
    let server = server().await;
    let sbx = create(&server).await;
    let script = "echo up; while [ ! -e go ]; do sleep 0.01; done; echo done";
    let mut events = sbx.exec_stream(script).timeout(MINUTE).await.expect("a stream").text();
    let mut seen = String::new();
    while let Some(event) = events.next().await {
        match event.expect("no timeout") {
            ExecEvent::Stdout(text) if text.contains("up") => {
                server.advance(MINUTE / 2).await;
                sbx.pause().await.expect("paused");
                server.advance(100 * MINUTE).await;
                Sandbox::resume(sbx.id()).client(&server.client()).await.expect("resumed");
                server.advance(MINUTE / 3).await;
                sbx.files().write("/workspace/go", "").await.expect("written");
            }
            ExecEvent::Stdout(text) => seen.push_str(&text),
            ExecEvent::Exited { exit_code, duration } => {
                assert_eq!((exit_code, seen.as_str()), (0, "done\n"));
                assert!(duration > 100 * MINUTE);
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn the_clock_can_be_moved_from_outside() {
    let server = server().await;
    let sbx = create(&server).await;
    let key = server.api_key().expose().to_owned();
    let ask = async |key: &str, body: &str| {
        let length = body.len();
        let request = format!(
            "POST /local/clock HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\
             Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        support::http(server.address(), request).await
    };
    let answer = ask(&key, r#"{"advance_seconds": 599.5}"#).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"now\":\"20"), "{answer}");
    assert_eq!(status(&sbx).await, Status::Running);
    ask(&key, r#"{"advance_seconds": 0.5}"#).await;
    assert_eq!(status(&sbx).await, Status::Terminated);
    for wrong in ["{}", r#"{"advance_seconds": -1}"#, r#"{"advance_seconds": "1"}"#] {
        let answer = ask(&key, wrong).await;
        assert!(
            answer.starts_with("HTTP/1.1 422") && answer.contains("advance_seconds"),
            "{answer}"
        );
    }
    assert!(ask("ork_wrong", r#"{"advance_seconds": 1}"#).await.starts_with("HTTP/1.1 401"));
    let answer = ask(&key, r#"{"advance_seconds": 1e300}"#).await;
    assert!(answer.starts_with("HTTP/1.1 422"), "{answer}");
    // Far beyond all dates is as far as it goes.
    server.advance(Duration::MAX).await;
    assert_eq!(self::create(&server).await.status(), Status::Running);
}

/// Code can keep commands from ever starting, by stopping each between its fork and its exec.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_does_not_start_ages_by_the_clock_and_not_in_a_pause() {
    let server = server().await;
    let fought = async || {
        let create = Sandbox::create("debian-12").client(&server.client()).timeout(60 * MINUTE);
        let sbx = create.await.expect("a sandbox");
        let script = "touch up; while :; do kill -STOP -1; done";
        sbx.spawn(script).await.expect("started");
        support::eventually("it runs", async || {
            sbx.files().exists("/workspace/up").await.expect("an answer")
        })
        .await;
        let commands: Vec<_> = (0..10)
            .map(|_| {
                let sbx = sbx.clone();
                tokio::spawn(async move { sbx.exec("true").timeout(MINUTE).await })
            })
            .collect();
        (sbx, commands)
    };

    let (sbx, commands) = fought().await;
    support::eventually("all are over", async || {
        server.advance(MINUTE).await;
        sbx.set_timeout(60 * MINUTE).await.expect("it runs on");
        commands.iter().all(tokio::task::JoinHandle::is_finished)
    })
    .await;
    sbx.terminate().await.expect("ended");

    let (sbx, commands) = fought().await;
    sbx.pause().await.expect("paused");
    server.advance(30 * MINUTE).await;
    Sandbox::resume(sbx.id()).client(&server.client()).await.expect("resumed");
    sbx.terminate().await.expect("ended");
    for command in commands {
        if let Err(error) = command.await.expect("no panic") {
            assert_ne!(error.kind(), ErrorKind::ExecTimeout, "{error}");
        }
    }
}

#[tokio::test]
async fn a_sandbox_that_dies_in_a_transition_is_counted_no_more() {
    let builder = LocalServer::builder().transition_time(MINUTE);
    let server = builder.plan(Plan::unlimited().max_snapshots(1)).start().await.expect("a server");
    let make = async || {
        let client = server.client();
        let creating =
            tokio::spawn(async move { Sandbox::create("debian-12").client(&client).await });
        support::eventually("it is starting", async || {
            let all = Sandbox::list().client(&server.client()).await.expect("a list");
            all.iter().any(|sandbox| sandbox.status() == Status::Starting)
        })
        .await;
        server.advance(MINUTE).await;
        creating.await.expect("no panic").expect("a sandbox")
    };
    let pause = |sbx: &Sandbox| {
        let sbx = sbx.clone();
        tokio::spawn(async move { sbx.pause().await })
    };
    let dying = make().await;
    let needle = format!("{}.25", 7_500_000 + std::process::id());
    dying.spawn(format!("exec sleep {needle}")).await.expect("started");
    let process = async || support::host_processes(&format!("sleep\0{needle}\0")).first().copied();
    support::eventually("it runs", async || process().await.is_some()).await;
    let pid = process().await.expect("it runs");
    let facts = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let agent = facts.lines().find_map(|line| line.strip_prefix("PPid:")).expect("a parent");
    let agent = nix::unistd::Pid::from_raw(agent.trim().parse().expect("a number"));

    let pausing = pause(&dying);
    until(&dying, Status::Pausing).await;
    nix::sys::signal::kill(agent, nix::sys::signal::Signal::SIGKILL).expect("it runs");
    pausing.await.expect("no panic").expect_err("there is nothing to pause");
    until(&dying, Status::Failed).await;

    let other = make().await;
    // The end is counted soon after it is seen.
    support::eventually("there is room", async || {
        let pausing = pause(&other);
        support::eventually("it is decided", async || {
            if status(&other).await == Status::Pausing {
                server.advance(MINUTE).await;
            }
            pausing.is_finished()
        })
        .await;
        pausing.await.expect("no panic").is_ok()
    })
    .await;
}
