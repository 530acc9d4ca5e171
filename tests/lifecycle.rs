//! Lifetimes, pause and resume, against the local server.

mod local_support;

use std::time::{Duration, SystemTime};

use futures::future::join;
use local_support::{
    TEMPLATE, TestResult, WAIT_FOR_GO, becomes, eventually, failure, go, in_time, sandbox, server,
};
use orkestr::{ErrorKind, OnTimeout, Sandbox, SandboxStatus, Timestamp};

/// The time as the sandbox and this test both see it, in nanoseconds.
fn now() -> u128 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.expect("after 1970").as_nanos()
}

fn left(sandbox: &Sandbox) -> f64 {
    let now = Timestamp::from(SystemTime::now());
    sandbox.expires_at().duration_since(now).unwrap_or_default().as_secs_f64()
}

#[tokio::test]
async fn set_timeout_counts_from_now() -> TestResult {
    let (_server, sbx) = sandbox().await;
    for seconds in [1200, 60] {
        sbx.set_timeout(Duration::from_secs(seconds)).await?;
        let left = left(&sbx);
        assert!((seconds as f64 - 20.0..=seconds as f64).contains(&left), "{left} s left");
    }
    let expires_at = sbx.expires_at();
    sbx.refresh().await?;
    assert_eq!(sbx.expires_at(), expires_at);
    for seconds in [9, 3601] {
        let error = failure(sbx.set_timeout(Duration::from_secs(seconds)).await, ErrorKind::Api);
        assert_eq!(error.status(), Some(422));
        assert!(error.message().starts_with("timeout_seconds"), "{error}");
    }
    local_support::refused(sbx.set_timeout(Duration::ZERO).await);
    Ok(())
}

/// The shortest lifetime is 10 s, so that everything about its end is in one test.
#[tokio::test]
async fn at_the_end_of_its_lifetime_a_sandbox_ends_or_pauses_as_it_was_told() -> TestResult {
    let server = server().await;
    let client = server.client();
    let create = || Sandbox::create(TEMPLATE).client(&client).timeout(Duration::from_secs(10));
    let killed = create().await?;
    let paused = create().on_timeout(OnTimeout::Pause).await?;
    let wakes = create().on_timeout(OnTimeout::Pause).auto_resume(true).await?;
    let prolonged = create().await?;
    let shortened = create().timeout(Duration::from_secs(600)).await?;
    prolonged.set_timeout(Duration::from_secs(60)).await?;
    shortened.set_timeout(Duration::from_secs(10)).await?;
    for sbx in [&paused, &wakes] {
        sbx.files().write("/workspace/state", "kept").await?;
    }

    // It is not only the status that says so: the command ends with its sandbox.
    let outcome = in_time(killed.exec("sleep 300").timeout(Duration::from_secs(60))).await;
    failure(outcome, ErrorKind::SandboxNotReady);
    assert!(left(&killed) < 1.0, "it ended {} s too early", left(&killed));
    becomes(&killed, SandboxStatus::Terminated).await;
    becomes(&shortened, SandboxStatus::Terminated).await;
    becomes(&paused, SandboxStatus::Paused).await;
    becomes(&wakes, SandboxStatus::Paused).await;
    prolonged.refresh().await?;
    assert_eq!(prolonged.status(), SandboxStatus::Running);

    failure(paused.exec("true").await, ErrorKind::SandboxNotReady);
    assert_eq!(wakes.exec("cat state").await?.stdout, "kept");
    let resumed = Sandbox::resume(paused.id()).client(&client).await?;
    assert_eq!(resumed.exec("cat state").await?.stdout, "kept");
    assert!(left(&resumed) > 1.0, "a lifetime of its own: {} s left", left(&resumed));
    Ok(())
}

#[tokio::test]
async fn a_paused_sandbox_runs_nothing_until_it_is_resumed() -> TestResult {
    let (server, sbx) = sandbox().await;
    let client = server.client();
    sbx.files().write("/workspace/a", "kept").await?;
    let id = sbx.pause().await?;
    assert_eq!((id.as_str(), sbx.status()), (sbx.id(), SandboxStatus::Paused));
    assert_eq!(Sandbox::get(&id).client(&client).await?.status(), SandboxStatus::Paused);
    let listed = Sandbox::list().client(&client).status(SandboxStatus::Paused).await?;
    assert_eq!(listed.len(), 1);

    let files = sbx.files();
    for (call, outcome) in [
        ("exec", sbx.exec("true").await.map(drop)),
        ("exec_stream", sbx.exec_stream("true").await.map(drop)),
        ("write", files.write("/workspace/b", "").await),
        ("read", files.read("/workspace/a").await.map(drop)),
        ("list", files.list("/workspace").await.map(drop)),
        ("delete", files.delete("/workspace/a").await),
        ("pause", sbx.pause().await.map(drop)),
    ] {
        let error = failure(outcome, ErrorKind::SandboxNotReady);
        assert_eq!(error.status(), Some(409), "{call}");
        assert!(error.message().contains("paused"), "{call}: {error}");
    }

    let resumed = Sandbox::resume(&id).client(&client).await?;
    assert_eq!((resumed.id(), resumed.status()), (sbx.id(), SandboxStatus::Running));
    assert_eq!(resumed.files().read("/workspace/a").await?, "kept");
    // The old handle goes on as well.
    assert_eq!(sbx.exec("cat a").await?.stdout, "kept");
    failure(Sandbox::resume(&id).client(&client).await, ErrorKind::SandboxNotReady);
    Ok(())
}

#[tokio::test]
async fn processes_stand_still_while_paused_and_go_on_after() -> TestResult {
    let (server, sbx) = sandbox().await;
    let tick = "while :; do date +%s%N >> /workspace/ticks; sleep 0.01; done";
    sbx.exec(format!("({tick}) > /dev/null 2>&1 &")).await?;
    let sbx = &sbx;
    let ticks = || async move {
        let text = sbx.files().read("/workspace/ticks").await.unwrap_or_default();
        text.lines().filter_map(|line| line.parse::<u128>().ok()).collect::<Vec<_>>()
    };
    eventually("it ticks", || async { ticks().await.len() > 3 }).await;

    sbx.pause().await?;
    let still = now();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let moving = now();
    Sandbox::resume(sbx.id()).client(&server.client()).await?;

    eventually("it ticks again", || async { ticks().await.iter().any(|at| *at > moving) }).await;
    let during = ticks().await.into_iter().filter(|at| (still..moving).contains(at)).count();
    assert_eq!(during, 0, "ticks between pause and resume");
    Ok(())
}

#[tokio::test]
async fn a_command_under_way_survives_a_pause() -> TestResult {
    let (server, sbx) = sandbox().await;
    let command = format!("touch /workspace/begun; {WAIT_FOR_GO}; echo done");
    let pause_and_resume = async {
        let begun = || async { sbx.files().read("/workspace/begun").await.is_ok() };
        eventually("both commands have begun", begun).await;
        sbx.pause().await?;
        Sandbox::resume(sbx.id()).client(&server.client()).await?;
        go(&sbx).await
    };
    let both = join(async { sbx.exec(&command).await }, async {
        sbx.exec_stream(&command).await?.wait_with_output().await
    });
    let ((buffered, streamed), paused) = in_time(join(both, pause_and_resume)).await;
    paused?;
    assert_eq!(buffered?.stdout, "done\n");
    assert_eq!(streamed?.stdout, b"done\n");
    Ok(())
}

#[tokio::test]
async fn with_auto_resume_any_call_wakes_the_sandbox() -> TestResult {
    let server = server().await;
    let sbx = Sandbox::create(TEMPLATE).client(&server.client()).auto_resume(true).await?;
    let files = sbx.files();
    files.write("/workspace/a", "1").await?;

    sbx.pause().await?;
    assert_eq!(sbx.exec("cat a").await?.stdout, "1");
    sbx.pause().await?;
    assert_eq!(sbx.exec_stream("cat a").await?.wait_with_output().await?.stdout, b"1");
    sbx.pause().await?;
    files.write("/workspace/a", "2").await?;
    sbx.pause().await?;
    assert_eq!(files.read("/workspace/a").await?, "2");
    sbx.pause().await?;
    assert_eq!(files.list("/workspace").await?.len(), 1);
    sbx.pause().await?;
    files.delete("/workspace/a").await?;
    sbx.refresh().await?;
    assert_eq!(sbx.status(), SandboxStatus::Running);

    // Many at once: one of them wakes it, all of them run.
    sbx.pause().await?;
    let runs = (0..10).map(|_| sbx.exec("echo up").into_future());
    for result in futures::future::try_join_all(runs).await? {
        assert_eq!(result.stdout, "up\n");
    }

    // Termination is not undone by it.
    sbx.pause().await?;
    sbx.terminate().await?;
    failure(sbx.exec("true").await, ErrorKind::SandboxNotReady);
    Ok(())
}

#[tokio::test]
async fn a_paused_sandbox_can_be_terminated() -> TestResult {
    let (server, sbx) = sandbox().await;
    let marker = local_support::Marker::new();
    sbx.exec(format!("{} &", marker.sleep())).await?;
    sbx.pause().await?;
    marker.has_started().await;
    sbx.terminate().await?;
    assert_eq!(marker.processes(), 0);
    let resumed = Sandbox::resume(sbx.id()).client(&server.client()).await;
    failure(resumed, ErrorKind::SandboxNotReady);
    Ok(())
}
