//! The shape of every request about background commands, of raw requests, and their failures.

mod support;

use std::time::Duration;

use futures::TryStreamExt as _;
use insta::assert_json_snapshot;
use orkestr::{CommandEvent, CommandStatus, ErrorKind};
use serde_json::{Value, json};
use support::{Answer, ID, Recorder, sandbox};

const COMMAND: &str = "cmd_01JD3Z7QKEF5KZNWJ47TAN9ZT2";

fn command(status: &str, exit_code: Value) -> Answer {
    Answer::json(
        200,
        &json!({"id": COMMAND, "command": "make", "pid": 23, "status": status,
        "exit_code": exit_code, "started_at": "2026-11-01T09:30:00Z"}),
    )
}

fn running() -> Answer {
    command("running", Value::Null)
}

#[tokio::test]
async fn spawn() {
    let (recorder, sbx) = sandbox([running()]).await;
    let handle = sbx.spawn("make").await.expect("spawned");
    assert_eq!((handle.id(), handle.sandbox_id(), handle.pid()), (COMMAND, ID, Some(23)));
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn spawn_with_everything() {
    let (recorder, sbx) = sandbox([running()]).await;
    let spawn = sbx.spawn("make").cwd("/workspace/app").env("A", "1").envs([("B", "2")]);
    assert!(!format!("{spawn:?}").contains("\"1\""), "{spawn:?}");
    spawn.await.expect("spawned");
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn commands() {
    let list = json!({"commands": [{"id": COMMAND, "status": "x-future", "x": 1}], "total": 1});
    let (recorder, sbx) = sandbox([Answer::json(200, &list)]).await;
    let listed = sbx.commands().await.expect("listed");
    assert_eq!(listed[0].status().as_str(), "x-future");
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn command_by_id_and_refresh() {
    let (recorder, sbx) = sandbox([running(), command("exited", json!(2))]).await;
    let handle = sbx.command(COMMAND).await.expect("found");
    handle.refresh().await.expect("refreshed");
    assert_eq!((handle.status(), handle.exit_code()), (CommandStatus::Exited, Some(2)));
    let requests = recorder.requests();
    assert_eq!(requests[1], requests[2]);
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn kill() {
    let (recorder, sbx) = sandbox([running(), Answer::empty(204)]).await;
    sbx.command(COMMAND).await.expect("found").kill().await.expect("killed");
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn logs() {
    let page = json!({"content": "ready\n", "size": 5000, "truncated": true});
    let bare = json!({"content": "é"});
    let (recorder, sbx) =
        sandbox([running(), Answer::json(200, &page), Answer::json(200, &bare)]).await;
    let handle = sbx.command(COMMAND).await.expect("found");
    let logs = handle.logs(4096).await.expect("logs");
    assert_eq!((logs.text.as_str(), logs.next_offset, logs.truncated), ("ready\n", 4102, true));
    assert_json_snapshot!(recorder.request());
    let logs = handle.logs(4102).await.expect("logs");
    assert_eq!((logs.next_offset, logs.truncated), (4104, false));
}

#[tokio::test]
async fn stream_and_what_ends_it() {
    let chunk = "data: {\"kind\": \"exec_chunk\", \"stream\": \"stdout\", \"data\": \"NA==\"}\n\n";
    let started = "data: {\"kind\": \"exec_started\", \"pid\": 23}\n\n";
    let error = |code: &str, more: &str| {
        format!("data: {{\"kind\": \"error\", \"code\": \"{code}\"{more}}}\n\n")
    };
    let (recorder, sbx) = sandbox([
        running(),
        Answer::events(format!("{started}{chunk}{}", error("timed_out", ""))),
        Answer::events(format!("{started}{chunk}{}", error("exec_timeout", ""))),
        Answer::events(format!("{started}{}", error("killed_by_signal", ", \"signal\": 9"))),
    ])
    .await;
    let handle = sbx.command(COMMAND).await.expect("found");
    let stream = handle.stream(4096).connection_limit(Duration::from_millis(59_001));
    let events: Vec<_> = stream.try_collect().await.expect("no error");
    let four = || CommandEvent::Stdout(b"4".to_vec());
    assert_eq!(events, [four(), four(), CommandEvent::Killed { signal: Some(9) }]);
    assert_json_snapshot!(recorder.requests()[2..]);
}

#[tokio::test]
async fn a_stream_that_is_none_and_one_that_ends_at_once_are_errors() {
    let html = Answer::json(200, &json!({})).header("content-type", "text/html");
    let quick = Answer::events("data: {\"kind\": \"error\", \"code\": \"timed_out\"}\n\n");
    let unknown = Answer::events("data: {\"kind\": \"error\", \"code\": \"x_future\"}\n\n");
    for (answer, kind) in [
        (html, ErrorKind::Decode),
        // Without retries: a server that gives up at once must not be asked for ever.
        (quick, ErrorKind::Connection),
        (unknown, ErrorKind::Api),
        (Answer::events("data: nonsense\n\n"), ErrorKind::Decode),
        (Answer::events(": nothing\n\n"), ErrorKind::Connection),
    ] {
        let (recorder, sbx) = sandbox([running(), answer]).await;
        let stream = sbx.command(COMMAND).await.expect("found").stream(0);
        let error = stream.try_collect::<Vec<_>>().await.expect_err("an error");
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(recorder.requests().len(), 3, "{error}");
    }
}

#[tokio::test]
async fn breaks_in_a_row_are_bounded_and_output_counts_them_anew() {
    let chunk = "data: {\"kind\": \"exec_chunk\", \"stream\": \"stderr\", \"data\": \"NA==\"}\n\n";
    let nothing = || Answer::events(": nothing\n\n");
    let quick = || Answer::events("data: {\"kind\": \"error\", \"code\": \"timed_out\"}\n\n");
    let (recorder, sbx) = sandbox([
        running(),
        nothing(),
        quick(),
        Answer::events(chunk),
        nothing(),
        quick(),
        nothing(),
    ])
    .await;
    let policy = orkestr::RetryPolicy::transient().max_retries(2).initial_delay(Duration::ZERO);
    let client = orkestr::Client::builder().api_key(support::KEY).transient_retry(policy);
    let client = client.base_url(recorder.base_url()).build().expect("a client");
    let handle = sbx.command(COMMAND).await.expect("found");
    let mut stream = orkestr::Command::attach(&handle).client(&client).stream().expect("a stream");
    let first = stream.try_next().await.expect("no error after two breaks");
    assert_eq!(first, Some(CommandEvent::Stderr(b"4".to_vec())));
    let error = stream.try_next().await.expect_err("the third break without output");
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert_eq!(error.request_id(), Some("req_stream"));
    assert!(stream.try_next().await.expect("ended").is_none());
    assert_eq!(stream.cursor().offset, 1);
    assert_eq!(recorder.requests().len(), 2 + 5);
}

#[tokio::test]
async fn only_an_end_ends_the_wait() {
    let future = command("x-paused", Value::Null);
    let (recorder, sbx) =
        sandbox([running(), future, running(), command("x-ended", json!(3))]).await;
    let handle = sbx.command(COMMAND).await.expect("found");
    let exit = handle.wait().timeout(Duration::from_secs(60)).await.expect("an end");
    assert_eq!((exit.status.as_str(), exit.exit_code), ("x-ended", Some(3)));
    handle.wait().await.expect("known by now");
    assert_eq!(recorder.requests().len(), 5);
}

#[tokio::test]
async fn failures_speak_of_the_command_or_of_the_sandbox() {
    for (status, code, kind) in [
        (404, None, ErrorKind::NotFound),
        (404, Some("sandbox_not_found"), ErrorKind::SandboxNotFound),
        (409, None, ErrorKind::SandboxNotReady),
        (403, None, ErrorKind::Auth),
    ] {
        let mut body = json!({"detail": "no"});
        if let Some(code) = code {
            body["code"] = json!(code);
        }
        let (_recorder, sbx) = sandbox([Answer::json(status, &body)]).await;
        let error = sbx.command(COMMAND).await.expect_err("a failure");
        assert_eq!(error.kind(), kind, "{status} {code:?}");
    }
    // No command is named: the sandbox is what is missing.
    let (_recorder, sbx) = sandbox([Answer::json(404, &json!({"detail": "no"}))]).await;
    assert_eq!(sbx.commands().await.expect_err("none").kind(), ErrorKind::SandboxNotFound);
    assert_eq!(sbx.spawn("true").await.expect_err("none").kind(), ErrorKind::SandboxNotFound);
}

#[tokio::test]
async fn raw_requests() {
    let answer = Answer::json(200, &json!({"n": 1})).header("X-Thing", "yes");
    let recorder = Recorder::start([answer, Answer::empty(204)]).await;
    let client = recorder.client();
    let request = client.request("patch", "/v1/things/t_1").query("a", 1).query("b c", "d&e");
    let answer = request.json(&json!({"name": "x"})).await.expect("answered");
    assert_eq!((answer.status(), answer.header("x-thing")), (200, Some("yes")));
    assert_eq!(answer.request_id(), Some("req_test"));
    assert_eq!(answer.json::<Value>().expect("JSON"), json!({"n": 1}));
    assert_eq!(answer.json::<Vec<u8>>().expect_err("no list").kind(), ErrorKind::Decode);
    let answer = client.request("DELETE", "/v1/things/t_1").await.expect("answered");
    assert_eq!((answer.status(), answer.bytes()), (204, &b""[..]));
    assert_json_snapshot!(recorder.requests());
}

#[tokio::test]
async fn raw_requests_are_classified_and_only_safe_ones_repeated() {
    for (status, code, kind) in [
        (401, None, ErrorKind::Auth),
        (404, None, ErrorKind::NotFound),
        (404, Some("sandbox_not_found"), ErrorKind::SandboxNotFound),
        (409, None, ErrorKind::Conflict),
        (409, Some("snapshot_cap_reached"), ErrorKind::SnapshotCapReached),
        (418, None, ErrorKind::Api),
    ] {
        let mut body = json!({"detail": "no"});
        if let Some(code) = code {
            body["code"] = json!(code);
        }
        let recorder = Recorder::start([Answer::json(status, &body)]).await;
        let error = recorder.client().request("GET", "/v1/x").await.expect_err("a failure");
        assert_eq!((error.kind(), error.status()), (kind, Some(status)), "{code:?}");
        assert_eq!(error.request_id(), Some("req_test"));
    }
    for (method, sent) in [("GET", 2), ("DELETE", 2), ("HEAD", 2), ("POST", 1), ("PUT", 1)] {
        let recorder = Recorder::start([Answer::empty(503), Answer::empty(204)]).await;
        let policy = orkestr::RetryPolicy::transient().initial_delay(Duration::ZERO);
        let client = orkestr::Client::builder().api_key(support::KEY).transient_retry(policy);
        let client = client.base_url(recorder.base_url()).build().expect("a client");
        let result = client.request(method, "/v1/x").await;
        assert_eq!(result.is_ok(), sent == 2, "{method}");
        assert_eq!(recorder.requests().len(), sent, "{method}");
    }
}

#[tokio::test]
async fn a_raw_request_that_would_leave_the_base_url_is_never_sent() {
    let recorder = Recorder::start([Answer::empty(204)]).await;
    let client = recorder.client();
    for path in ["https://evil.example/", "//evil.example/", "v1", "/v1/../x", "/v1/%2e%2e/x"] {
        let error = client.request("GET", path).await.expect_err(path);
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{path}");
    }
    let error = client.request("CONNECT", "/v1/x").await.expect_err("no method");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let unwritable = std::collections::BTreeMap::from([((1, 2), 3)]);
    let request = client.request("POST", "/v1/x").json(&unwritable);
    assert_eq!(request.await.expect_err("no JSON").kind(), ErrorKind::InvalidInput);
    assert_eq!(recorder.requests().len(), 0);
}
