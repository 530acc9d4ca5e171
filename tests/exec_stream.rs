//! Commands whose output is read as it comes, against the local server.

mod local_support;

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use futures::{Stream, StreamExt as _, TryStreamExt as _};
use local_support::{
    Marker, PATIENCE, TestResult, WAIT_FOR_GO, eventually, failure, go, in_time, sandbox,
};
use orkestr::{Error, ErrorKind, ExecEvent};

/// The next event, without which the test has failed.
async fn next<T>(
    events: &mut (impl Stream<Item = Result<ExecEvent<T>, Error>> + Unpin),
) -> ExecEvent<T> {
    in_time(events.next()).await.expect("an event").expect("no error")
}

/// The error that ends the stream, and the stdout before it.
async fn failed_end(
    mut events: impl Stream<Item = Result<ExecEvent, Error>> + Unpin,
) -> (String, Error) {
    let mut stdout = Vec::new();
    loop {
        match in_time(events.next()).await.expect("an error before the end") {
            Ok(ExecEvent::Stdout(bytes)) => stdout.extend(bytes),
            Ok(ExecEvent::Exited { .. }) => panic!("an exit in place of an error"),
            Ok(_) => {}
            Err(error) => {
                assert!(events.next().await.is_none(), "the error is the last item");
                assert!(error.request_id().is_some(), "{error}");
                return (String::from_utf8(stdout).expect("text"), error);
            }
        }
    }
}

#[tokio::test]
async fn the_events_come_in_their_order() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let stream = sbx.exec_stream("echo out; echo err >&2; exit 3").await?;
    assert!(stream.request_id().is_some());
    let events: Vec<ExecEvent> = in_time(stream.try_collect()).await?;
    assert!(matches!(events[0], ExecEvent::Started { pid: Some(1..) }), "{events:?}");
    assert!(matches!(events.last(), Some(ExecEvent::Exited { exit_code: 3, .. })), "{events:?}");
    let mut between = events[1..events.len() - 1].to_vec();
    // Two pipes: which is read first is left open.
    between.sort_by_key(|event| matches!(event, ExecEvent::Stderr(_)));
    let expected = [ExecEvent::Stdout(b"out\n".to_vec()), ExecEvent::Stderr(b"err\n".to_vec())];
    assert_eq!(between, expected);
    Ok(())
}

#[tokio::test]
async fn a_silent_command_has_a_start_and_an_exit() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let events: Vec<ExecEvent> = sbx.exec_stream("sleep 0.2").await?.try_collect().await?;
    let [ExecEvent::Started { .. }, ExecEvent::Exited { exit_code: 0, duration, .. }] = events[..]
    else {
        panic!("{events:?}");
    };
    assert!(duration >= Duration::from_millis(200), "{duration:?}");
    Ok(())
}

#[tokio::test]
async fn output_comes_while_the_command_runs() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let command = format!("echo first; {WAIT_FOR_GO}; echo second >&2");
    let mut events = sbx.exec_stream(command).await?;
    assert!(matches!(next(&mut events).await, ExecEvent::Started { .. }));
    assert_eq!(next(&mut events).await, ExecEvent::Stdout(b"first\n".to_vec()));
    // Only now: had the output waited for the end, neither would ever have come.
    go(&sbx).await?;
    assert_eq!(next(&mut events).await, ExecEvent::Stderr(b"second\n".to_vec()));
    assert!(matches!(next(&mut events).await, ExecEvent::Exited { exit_code: 0, .. }));
    assert!(events.next().await.is_none());
    Ok(())
}

#[tokio::test]
async fn the_rest_can_be_collected_after_the_first_events() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let command = format!("echo first; {WAIT_FOR_GO}; echo second; echo third >&2; exit 4");
    let mut events = sbx.exec_stream(command).await?;
    next(&mut events).await;
    next(&mut events).await;
    go(&sbx).await?;
    let rest = in_time(events.wait_with_output()).await?;
    assert_eq!(
        (rest.stdout.as_slice(), rest.stderr.as_slice()),
        (&b"second\n"[..], &b"third\n"[..])
    );
    assert_eq!(rest.exit_code, 4);
    Ok(())
}

#[tokio::test]
async fn bytes_that_are_not_utf8_come_exactly() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let all: Vec<u8> = (0..=255).collect();
    sbx.files().write_bytes("/workspace/all", &all).await?;
    let output = sbx.exec_stream("cat all; cat all all >&2").await?.wait_with_output().await?;
    assert_eq!(output.stdout, all);
    assert_eq!(output.stderr, [all.as_slice(), all.as_slice()].concat());
    Ok(())
}

#[tokio::test]
async fn the_text_view_keeps_a_character_whole() -> TestResult {
    let (_server, sbx) = sandbox().await;
    // Two of the three bytes of a euro sign, and the third only after they have arrived.
    let command = format!("printf 'a\\342\\202'; {WAIT_FOR_GO}; printf '\\254b'");
    let mut events = sbx.exec_stream(command).await?.text();
    assert!(matches!(next(&mut events).await, ExecEvent::Started { .. }));
    assert_eq!(next(&mut events).await, ExecEvent::Stdout("a".to_owned()));
    go(&sbx).await?;
    assert_eq!(next(&mut events).await, ExecEvent::Stdout("\u{20ac}b".to_owned()));
    assert!(matches!(next(&mut events).await, ExecEvent::Exited { exit_code: 0, .. }));
    Ok(())
}

#[tokio::test]
async fn dropping_the_stream_leaves_the_command_running() -> TestResult {
    let (_server, sbx) = sandbox().await;
    // It goes on writing to nobody, more than any pipe holds.
    let write = "head -c 1000000 /dev/zero";
    let command = format!("{write}; {WAIT_FOR_GO}; {write}; echo done > /workspace/result");
    let mut events = sbx.exec_stream(command).await?;
    next(&mut events).await;
    drop(events);
    go(&sbx).await?;
    eventually("the command has come to its end", || async {
        sbx.files().read("/workspace/result").await.is_ok_and(|text| text == "done\n")
    })
    .await;
    Ok(())
}

/// As coreutils print it.
fn sha256(bytes: &[u8]) -> String {
    let mut program = Command::new("sha256sum");
    let mut program =
        program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("coreutils");
    program.stdin.take().expect("a pipe").write_all(bytes).expect("written");
    let output = program.wait_with_output().expect("a hash");
    String::from_utf8(output.stdout).expect("text")
}

#[tokio::test]
async fn much_output_arrives_complete() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let command = "head -c 67108864 /dev/urandom > big; cat big; sha256sum < big >&2";
    let mut events = sbx.exec_stream(command).await?;
    // Some of it event by event, the rest at once.
    let mut read = Vec::new();
    while read.len() < 1 << 20 {
        if let ExecEvent::Stdout(bytes) = next(&mut events).await {
            read.extend(bytes);
        }
    }
    let rest = in_time(events.wait_with_output()).await?;
    read.extend(rest.stdout);
    assert_eq!((read.len(), rest.exit_code), (64 << 20, 0));
    assert_eq!(sha256(&read).as_bytes(), rest.stderr);
    Ok(())
}

#[tokio::test]
async fn a_timeout_ends_the_stream_with_an_error_and_keeps_the_output_before_it() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let marker = Marker::new();
    let command = format!("echo kept; {}", marker.sleep());
    let events = sbx.exec_stream(command).timeout(Duration::from_secs(1)).await?;
    let (stdout, error) = failed_end(events).await;
    assert_eq!((stdout.as_str(), error.kind()), ("kept\n", ErrorKind::ExecTimeout));
    marker.is_gone().await;
    assert!(sbx.exec("true").await?.success());

    let collected = sbx.exec_stream("sleep 300").timeout(Duration::from_secs(1)).await?;
    failure(in_time(collected.wait_with_output()).await, ErrorKind::ExecTimeout);
    Ok(())
}

#[tokio::test]
async fn what_a_command_says_when_its_timeout_ends_it_is_kept() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let command = "trap 'echo cleaned up; exit 0' TERM; echo ready; while :; do sleep 0.05; done";
    let runs = (0..8).map(|_| async {
        let events = sbx.exec_stream(command).timeout(Duration::from_secs(1)).await?;
        Ok::<_, Error>(failed_end(events).await)
    });
    for (stdout, error) in futures::future::try_join_all(runs).await? {
        assert_eq!(error.kind(), ErrorKind::ExecTimeout);
        assert_eq!(stdout, "ready\ncleaned up\n");
    }
    Ok(())
}

#[tokio::test]
async fn a_signal_ends_the_stream_with_an_error_and_keeps_the_output_before_it() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let events = sbx.exec_stream("echo kept; kill -9 $$").await?;
    let (stdout, error) = failed_end(events).await;
    assert_eq!((stdout.as_str(), error.kind()), ("kept\n", ErrorKind::ExecKilled));
    assert_eq!(error.signal(), Some(9));
    Ok(())
}

#[tokio::test]
async fn terminating_the_sandbox_ends_a_stream_with_an_error() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let mut events = sbx.exec_stream("echo on; sleep 300").await?;
    next(&mut events).await;
    next(&mut events).await;
    sbx.terminate().await?;
    let (_, error) = failed_end(events).await;
    assert!(!error.is_exec_timeout() && !error.is_exec_killed(), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_server_that_ends_ends_a_stream_with_an_error() -> TestResult {
    let (server, sbx) = sandbox().await;
    let mut events = sbx.exec_stream("echo on; sleep 300").await?;
    next(&mut events).await;
    in_time(server.shutdown()).await;
    failed_end(events).await;
    Ok(())
}

#[tokio::test]
async fn a_background_child_that_holds_stdout_does_not_hold_the_stream() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let run = sbx.exec_stream("sleep 300 & echo done").timeout(PATIENCE).await?;
    let output = in_time(run.wait_with_output()).await?;
    assert_eq!((output.stdout.as_slice(), output.exit_code), (&b"done\n"[..], 0));
    Ok(())
}
