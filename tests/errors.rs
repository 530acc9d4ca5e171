//! What the facade makes of failures, over a real connection.

mod support;

use std::future::IntoFuture as _;
use std::time::Duration;

use futures::StreamExt as _;
use orkestr::{Client, Error, ErrorKind, RetryPolicy, Sandbox};
use serde_json::{Value, json};
use support::{Answer, ID, KEY, Recorder, sandbox, sandbox_json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

fn failure(status: u16, body: &Value) -> Answer {
    Answer::json(status, body)
}

fn fleet_full() -> Answer {
    let body = json!({"detail": "no capacity", "code": "fleet_full_retry", "retry_after": 30});
    failure(503, &body).header("retry-after", "0")
}

/// Retries as by default, without the waits.
fn eager(recorder: &Recorder) -> Client {
    Client::builder()
        .api_key(KEY)
        .base_url(recorder.base_url())
        .transient_retry(RetryPolicy::transient().initial_delay(Duration::ZERO))
        .fleet_full_retry(RetryPolicy::fleet_full().initial_delay(Duration::ZERO))
        .build()
        .expect("a valid client")
}

#[tokio::test]
async fn every_documented_answer_to_exec_is_its_error() {
    use ErrorKind::*;
    for (status, code, kind) in [
        (409, Some("snapshot_cap_reached"), SnapshotCapReached),
        (400, Some("network_policy_blocked"), NetworkPolicy),
        (408, Some("exec_timeout"), ExecTimeout),
        (504, Some("exec_timeout"), ExecTimeout),
        (200, Some("exec_timeout"), ExecTimeout),
        (500, Some("exec_killed"), ExecKilled),
        (503, Some("fleet_full_retry"), FleetFull),
        (409, Some("interpreter_unavailable"), InterpreterUnavailable),
        (402, Some("plan_limit"), PlanLimit),
        (403, Some("trial_exhausted"), PlanLimit),
        (429, Some("session_cap_reached"), PlanLimit),
        (401, None, Auth),
        (403, None, Auth),
        (404, None, SandboxNotFound),
        (409, None, SandboxNotReady),
        (409, Some("volume_in_use"), Conflict),
        (429, None, RateLimit),
        (418, None, Api),
        (500, None, Api),
    ] {
        let mut body = json!({"detail": "so it is", "signal": 9});
        if let Some(code) = code {
            body["code"] = json!(code);
        }
        let (recorder, sbx) = sandbox([failure(status, &body).header("retry-after", "3")]).await;
        let error = sbx.exec("true").await.expect_err("a failure");
        assert_eq!(error.kind(), kind, "{status} {code:?}: {error}");
        assert_eq!((error.status(), error.code()), (Some(status), code));
        assert_eq!((error.message(), error.detail()), ("so it is", Some("so it is")));
        assert_eq!(error.request_id(), Some("req_test"));
        assert_eq!(error.retry_after(), Some(Duration::from_secs(3)));
        assert_eq!(error.signal(), Some(9));
        assert_eq!(recorder.requests().len(), 2, "{status} {code:?}: exec was sent again");
    }
}

#[tokio::test]
async fn a_stream_that_is_refused_is_the_same_error() {
    let (_recorder, sbx) = sandbox([failure(409, &json!({"detail": "paused"}))]).await;
    let error = sbx.exec_stream("true").await.expect_err("a failure");
    assert_eq!((error.kind(), error.message()), (ErrorKind::SandboxNotReady, "paused"));
}

#[tokio::test]
async fn a_stream_that_is_no_stream_is_refused() {
    let (_recorder, sbx) = sandbox([Answer::json(200, &json!({"stdout": ""}))]).await;
    let error = sbx.exec_stream("true").await.expect_err("JSON in place of events");
    assert_eq!((error.kind(), error.status()), (ErrorKind::Decode, Some(200)));
    assert_eq!(error.request_id(), Some("req_test"));
}

#[tokio::test]
async fn html_in_place_of_json_keeps_status_and_request_id() {
    let html = |status| Answer {
        status,
        headers: vec![("content-type", "text/html".into()), ("x-request-id", "req_html".into())],
        body: b"<html>Bad Gateway</html>".to_vec(),
    };
    let (_recorder, sbx) = sandbox([html(502)]).await;
    let error = sbx.exec("true").await.expect_err("a failure");
    assert_eq!((error.kind(), error.status()), (ErrorKind::Api, Some(502)));
    assert!(error.is_transient());

    let (_recorder, sbx) = sandbox([html(200)]).await;
    let error = sbx.exec("true").await.expect_err("no JSON");
    assert_eq!((error.kind(), error.status()), (ErrorKind::Decode, Some(200)));
    assert_eq!(error.request_id(), Some("req_html"));
}

#[tokio::test]
async fn a_success_with_another_status_is_a_success() {
    let recorder = Recorder::start([Answer::json(200, &sandbox_json(ID))]).await;
    Sandbox::create("node-22").client(&recorder.client()).await.expect("200 for 201");
    let (_recorder, sbx) = sandbox([Answer::json(200, &json!({"ok": true}))]).await;
    sbx.terminate().await.expect("200 with a body for 204");
}

#[tokio::test]
async fn an_answer_with_a_missing_member_quotes_no_value() {
    let mut body = sandbox_json(ID);
    body["preview_auth_token"] = json!(["pvt_secret"]);
    let recorder = Recorder::start([Answer::json(200, &body)]).await;
    let error = Sandbox::get(ID).client(&recorder.client()).await.expect_err("another type");
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(!format!("{error} {error:?}").contains("pvt_secret"));
}

#[tokio::test]
async fn create_and_resume_retry_while_the_fleet_is_full() {
    let created = Answer::json(201, &sandbox_json(ID));
    let recorder = Recorder::start([fleet_full(), fleet_full(), created]).await;
    Sandbox::create("node-22").client(&eager(&recorder)).await.expect("the third try");
    assert_eq!(recorder.requests().len(), 3);

    let recorder = Recorder::start([fleet_full()]).await;
    let error = Sandbox::resume(ID).client(&eager(&recorder)).await.expect_err("always full");
    assert!(error.is_fleet_full() && error.retry_after() == Some(Duration::ZERO));
    assert_eq!(recorder.requests().len(), 6, "one request and five retries");
}

#[tokio::test]
async fn fleet_full_retries_can_be_switched_off_per_call() {
    let recorder = Recorder::start([fleet_full()]).await;
    let client = eager(&recorder);
    let never = RetryPolicy::none();
    let error = Sandbox::create("node-22").client(&client).fleet_full_retry(never).await;
    assert!(error.expect_err("full").is_fleet_full());
    assert_eq!(recorder.requests().len(), 1);
    let once = RetryPolicy::fleet_full().max_retries(1);
    let error = Sandbox::resume(ID).client(&client).fleet_full_retry(once).await;
    assert!(error.expect_err("full").is_fleet_full());
    assert_eq!(recorder.requests().len(), 3);
}

#[tokio::test]
async fn a_wait_beyond_the_budget_is_not_begun() {
    let patient = fleet_full().header("retry-after", "3600");
    let recorder = Recorder::start([patient]).await;
    let policy = RetryPolicy::fleet_full().max_delay(Duration::from_secs(3600));
    let create = Sandbox::create("node-22").client(&eager(&recorder)).fleet_full_retry(policy);
    let error = create.await.expect_err("full");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
    assert_eq!(recorder.requests().len(), 1);
}

#[tokio::test]
async fn what_is_safe_to_repeat_is_repeated_and_nothing_else() {
    for status in [429, 502, 503, 504] {
        let answers = [Answer::empty(status), Answer::json(200, &sandbox_json(ID))];
        let recorder = Recorder::start(answers).await;
        Sandbox::get(ID).client(&eager(&recorder)).await.expect("the second try");

        let answers =
            [Answer::json(200, &sandbox_json(ID)), Answer::empty(status), Answer::empty(204)];
        let recorder = Recorder::start(answers).await;
        let sbx = Sandbox::get(ID).client(&eager(&recorder)).await.expect("a sandbox");
        sbx.terminate().await.expect("the second try");

        let answers = [Answer::json(200, &sandbox_json(ID)), Answer::empty(status)];
        let recorder = Recorder::start(answers).await;
        let sbx = Sandbox::get(ID).client(&eager(&recorder)).await.expect("a sandbox");
        let files = sbx.files();
        let results: [Result<(), Error>; 7] = [
            sbx.exec("true").await.map(drop),
            sbx.exec_stream("true").await.map(drop),
            sbx.pause().await.map(drop),
            sbx.set_timeout(Duration::from_secs(60)).await,
            files.write("/workspace/a", "b").await,
            files.delete("/workspace/a").await,
            Sandbox::create("node-22").client(sbx.client()).await.map(drop),
        ];
        assert!(results.iter().all(Result::is_err));
        assert_eq!(recorder.requests().len(), 8, "{status}");
    }
}

#[tokio::test]
async fn other_failures_are_not_repeated() {
    for status in [400, 401, 404, 409, 422, 500] {
        let recorder = Recorder::start([Answer::empty(status)]).await;
        let got = Sandbox::get(ID).client(&eager(&recorder)).await;
        assert_eq!(got.expect_err("a failure").status(), Some(status));
        assert_eq!(recorder.requests().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_buffered_answer_with_a_known_code_is_its_error() {
    let body = json!({"stdout": "part", "stderr": "", "exit_code": -1, "code": "exec_timeout",
        "message": "too late"});
    let (_recorder, sbx) = sandbox([Answer::json(200, &body)]).await;
    let error = sbx.exec("true").await.expect_err("a code decides");
    assert_eq!((error.kind(), error.message()), (ErrorKind::ExecTimeout, "too late"));
    assert_eq!((error.status(), error.request_id()), (Some(200), Some("req_test")));

    let (_recorder, sbx) = sandbox([Answer::json(200, &body)]).await;
    let error = sbx.exec_stream("true").await.expect_err("no stream");
    assert_eq!((error.kind(), error.request_id()), (ErrorKind::ExecTimeout, Some("req_test")));
}

#[tokio::test]
async fn a_key_that_the_server_repeats_is_shown_nowhere() {
    // As read from a file, with its line end.
    let key = "ork_secret_key\n";
    let body = json!({"detail": "bad key ork_secret_key", "code": "for_ork_secret_key"});
    let event = "data: {\"kind\": \"error\", \"message\": \"no ork_secret_key\"}\n\n";
    let get = Answer::json(200, &sandbox_json(ID));
    let recorder = Recorder::start([get, failure(401, &body), Answer::events(event)]).await;
    let client = Client::builder().api_key(key).base_url(recorder.base_url()).build();
    let sbx = Sandbox::get(ID).client(&client.expect("a valid client")).await.expect("a sandbox");
    let mut shown = format!("{:?}", sbx.exec("true").await.expect_err("a failure"));
    let stream = sbx.exec_stream("true").await.expect("a stream");
    shown += &format!("{:?}", stream.wait_with_output().await.expect_err("a failure"));
    assert!(shown.contains("***") && !shown.contains("ork_secret_key"), "{shown}");
}

#[tokio::test]
async fn an_unreadable_answer_to_create_leaves_no_sandbox() {
    let mut body = sandbox_json(ID);
    body["region"] = json!(null);
    let recorder = Recorder::start([Answer::json(201, &body), Answer::empty(204)]).await;
    let create = Sandbox::create("node-22").client(&recorder.client());
    let error = create.await.expect_err("no region");
    assert_eq!((error.kind(), error.sandbox_id()), (ErrorKind::Decode, Some(ID)));
    let last = recorder.request();
    assert_eq!(
        (&last["method"], &last["path"]),
        (&json!("DELETE"), &json!(format!("/v1/sandboxes/{ID}")))
    );

    let recorder = Recorder::start([Answer::json(201, &body), Answer::empty(500)]).await;
    let error = Sandbox::create("node-22").client(&recorder.client()).await.expect_err("no region");
    assert_eq!((error.kind(), error.sandbox_id()), (ErrorKind::Cleanup, Some(ID)));
}

#[tokio::test]
async fn a_sandbox_that_is_gone_is_terminated() {
    let (_recorder, sbx) = sandbox([failure(404, &json!({"detail": "gone"}))]).await;
    sbx.terminate().await.expect("there is nothing left to end");
}

#[tokio::test]
async fn a_caller_who_left_is_not_retried_for() {
    let recorder = Recorder::start([fleet_full().header("retry-after", "1")]).await;
    let create = Sandbox::create("node-22").client(&eager(&recorder));
    let mut create = Box::pin(create.into_future());
    while recorder.requests().is_empty() {
        tokio::select! {
            _ = &mut create => panic!("it waits for a second"),
            () = tokio::time::sleep(Duration::from_millis(5)) => {}
        }
    }
    drop(create);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(recorder.requests().len(), 1);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Answer::empty(307).header("location", "http://127.0.0.1:9/elsewhere");
    let recorder = Recorder::start([elsewhere]).await;
    let error = Sandbox::get(ID).client(&recorder.client()).await.expect_err("a redirect");
    assert_eq!((error.kind(), error.status()), (ErrorKind::Api, Some(307)));
}

/// Answers GET with a sandbox and all else with `bytes`, and closes the connection after each.
async fn raw_server(bytes: &'static str, get: bool) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let body = sandbox_json(ID).to_string();
    let length = body.len();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
    let found = format!("{head}\r\ncontent-length: {length}\r\n\r\n{body}");
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0; 4096];
            drop(socket.read(&mut request).await);
            let answer = if get && request.starts_with(b"GET") { &found } else { bytes };
            drop(socket.write_all(answer.as_bytes()).await);
            drop(socket.shutdown().await);
        }
    });
    format!("http://{address}")
}

fn client_of(base_url: &str) -> Client {
    let never = RetryPolicy::none();
    let builder = Client::builder().api_key(KEY).base_url(base_url).transient_retry(never);
    builder.build().expect("a valid client")
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_connection_error_that_names_it() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let base_url = format!("http://{}", listener.local_addr().expect("bound"));
    drop(listener);
    let error = Sandbox::get(ID).client(&client_of(&base_url)).await.expect_err("nobody there");
    assert!(error.is_connection() && error.message().contains(&base_url), "{error}");
    assert_eq!(error.status(), None);
    assert!(std::error::Error::source(&error).is_some());
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_a_connection_error() {
    for bytes in [
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{\"id\"",
    ] {
        let client = client_of(&raw_server(bytes, false).await);
        let error = Sandbox::get(ID).client(&client).await.expect_err("broken off");
        assert_eq!(error.kind(), ErrorKind::Connection, "{bytes:?}: {error}");
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_a_connection_error_and_then_ends() {
    for bytes in [
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n\
         2c\r\ndata: {\"kind\": \"exec_started\", \"pid\": 17}\n\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n\
         2c\r\ndata: {\"kind\": \"exec_started\", \"pid\": 17}\n\n\r\n0\r\n\r\n",
    ] {
        let client = client_of(&raw_server(bytes, true).await);
        let sbx = Sandbox::get(ID).client(&client).await.expect("a sandbox");
        let mut stream = sbx.exec_stream("true").await.expect("a head");
        assert!(stream.next().await.is_some_and(|event| event.is_ok()));
        let error = stream.next().await.expect("an item").expect_err("broken off");
        assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
        assert!(stream.next().await.is_none());
    }
}
