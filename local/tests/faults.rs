//! Each fault, and what the client makes of it.

mod http;

use std::time::Duration;

use futures::StreamExt as _;
use orkestr::{Client, ErrorKind, ExecEvent, RetryPolicy, Sandbox};
use orkestr_local::{Fault, LocalServer};

async fn start() -> (LocalServer, Sandbox) {
    let server = LocalServer::start().await.expect("a server");
    let sbx = Sandbox::create("debian-12").client(&server.client()).await.expect("a sandbox");
    (server, sbx)
}

/// Writes to both outputs, with bytes that are no UTF-8 and characters of several bytes.
const COMMAND: &str = r"printf 'gr\303\274n\377'; printf 'err\n' >&2; exit 3";

type Seen = (bool, Vec<u8>, Vec<u8>, i32);

async fn stream(sbx: &Sandbox) -> Result<Seen, orkestr::Error> {
    let mut events = sbx.exec_stream(COMMAND).await?;
    let (mut seen, mut count) = ((false, Vec::new(), Vec::new(), -1), 0);
    while let Some(event) = events.next().await {
        match event? {
            ExecEvent::Started { pid } => seen.0 = count == 0 && pid.is_some(),
            ExecEvent::Stdout(bytes) => seen.1.extend(bytes),
            ExecEvent::Stderr(bytes) => seen.2.extend(bytes),
            ExecEvent::Exited { exit_code, .. } => seen.3 = exit_code,
            _ => panic!("another event"),
        }
        count += 1;
    }
    Ok(seen)
}

fn expected() -> Seen {
    (true, b"gr\xc3\xbcn\xff".to_vec(), b"err\n".to_vec(), 3)
}

#[tokio::test]
async fn an_answer_of_a_fault_is_the_documented_error_and_is_not_repeated() {
    let (server, sbx) = start().await;
    for (fault, kind, status, code) in [
        (Fault::status(429).retry_after(7), ErrorKind::RateLimit, 429, None),
        (Fault::status(500), ErrorKind::Api, 500, None),
        (Fault::html(502), ErrorKind::Api, 502, None),
        (Fault::status(503), ErrorKind::Api, 503, None),
        (
            Fault::status(402).code("usage_exhausted"),
            ErrorKind::PlanLimit,
            402,
            Some("usage_exhausted"),
        ),
    ] {
        let has_wait = status == 429;
        let handle = server.fault(fault.on("exec_command")).expect("a fault");
        let error = sbx.exec("touch /tmp/ran").await.expect_err("the fault");
        assert_eq!((error.kind(), error.status(), error.code()), (kind, Some(status), code));
        assert_eq!(error.retry_after(), has_wait.then_some(Duration::from_secs(7)));
        assert!(error.request_id().is_some_and(|id| id.starts_with("req_")));
        assert_eq!(handle.hits(), 1);
    }
    let out = sbx.exec("test -e /tmp/ran").await.expect("no fault is left");
    assert_eq!(out.exit_code, 1, "a command that was refused did run");
    let detail = Fault::status(500).detail("so it is").on("exec_command");
    server.fault(detail).expect("a fault");
    assert_eq!(sbx.exec("true").await.expect_err("the fault").message(), "so it is");
}

#[tokio::test]
async fn what_is_safe_is_tried_again_as_often_as_the_fault_strikes() {
    let (server, sbx) = start().await;
    for fault in [Fault::status(429), Fault::status(503), Fault::status(502)] {
        let fault = fault.retry_after(0).on("get_sandbox").times(2);
        let handle = server.fault(fault).expect("a fault");
        sbx.refresh().await.expect("the third try");
        assert_eq!(handle.hits(), 2);
    }
    let full = Fault::status(503).code("fleet_full_retry").retry_after(0);
    let full = server.fault(full.on("POST /v1/sandboxes").times(5)).expect("a fault");
    Sandbox::create("debian-12").client(&server.client()).await.expect("the sixth try");
    assert_eq!(full.hits(), 5);

    let lost = server.fault(Fault::cut().on("get_sandbox")).expect("a fault");
    sbx.refresh().await.expect("the second try");
    assert_eq!(lost.hits(), 1);
}

#[tokio::test]
async fn a_connection_that_is_cut_is_an_error_wherever() {
    let (server, sbx) = start().await;
    for fault in [Fault::cut(), Fault::cut_after(0), Fault::cut_after(1), Fault::cut_after(40)] {
        server.fault(fault.clone().on("exec_command")).expect("a fault");
        let error = sbx.exec("echo hello").await.expect_err("cut");
        assert_eq!(error.kind(), ErrorKind::Connection, "{fault:?}: {error}");
        assert!(std::error::Error::source(&error).is_some());
    }
    for bytes in [0, 1, 20, 45, 60, 110, 1_000_000] {
        server.fault(Fault::cut_after(bytes).on("exec_command")).expect("a fault");
        let error = stream(&sbx).await.err();
        // A client that has the last event needs no more.
        let whole = bytes == 1_000_000;
        assert_eq!(error.map(|error| error.kind()), (!whole).then_some(ErrorKind::Connection));
    }
    // Lost answers were carried out.
    server.fault(Fault::cut().on("exec_command")).expect("a fault");
    sbx.exec("touch /tmp/done").await.expect_err("cut");
    assert_eq!(sbx.exec("test -e /tmp/done").await.expect("an answer").exit_code, 0);
}

#[tokio::test]
async fn a_cut_lets_exactly_so_many_bytes_through() {
    let (server, sbx) = start().await;
    for bytes in [0, 1, 57, 200] {
        server.fault(Fault::cut_after(bytes).on("get_sandbox")).expect("a fault");
        let path = format!("/v1/sandboxes/{}", sbx.id());
        let answer = http::call(&server, "GET", &path, "").await;
        let length = answer.header("content-length").expect("the whole length");
        assert!(length.parse::<u64>().expect("a number") > 200);
        assert_eq!(answer.body.len() as u64, bytes);
    }
    server.fault(Fault::cut().on("get_sandbox")).expect("a fault");
    let answer = http::call(&server, "GET", &format!("/v1/sandboxes/{}", sbx.id()), "").await;
    assert_eq!(answer.raw, b"");
}

#[tokio::test]
async fn a_stream_in_any_legal_form_says_the_same() {
    let (server, sbx) = start().await;
    assert_eq!(stream(&sbx).await.expect("without a fault"), expected());
    for fault in [
        Fault::split(1),
        Fault::split(7),
        Fault::crlf(),
        Fault::comments(),
        Fault::unknown_kinds(),
        Fault::unknown_fields(),
        Fault::slow(Duration::from_millis(1)),
        Fault::crlf().and(Fault::split(1)),
        Fault::crlf()
            .and(Fault::comments())
            .and(Fault::unknown_kinds())
            .and(Fault::unknown_fields())
            .and(Fault::split(1)),
    ] {
        let handle = server.fault(fault.clone().on("exec_command")).expect("a fault");
        assert_eq!(stream(&sbx).await.expect("all events"), expected(), "{fault:?}");
        assert_eq!(handle.hits(), 1);
    }
}

#[tokio::test]
async fn the_faults_of_a_stream_are_on_the_wire() {
    let (server, sbx) = start().await;
    let path = format!("/v1/sandboxes/{}/exec", sbx.id());
    let body = r#"{"command": "echo a", "stream": true}"#;
    let plain = http::call(&server, "POST", &path, body).await;
    assert!(!plain.text().contains('\r') && plain.pieces.len() <= 4, "{}", plain.text());
    for (fault, needle) in [
        (Fault::crlf(), "}\r\n\r\n"),
        (Fault::comments(), ": keep-alive\n"),
        (Fault::comments(), "retry: 1000\n"),
        (Fault::unknown_kinds(), "\"kind\": \"x_future\""),
        (Fault::unknown_fields(), "\"x_future\":{"),
    ] {
        server.fault(fault.on("exec_command")).expect("a fault");
        let text = http::call(&server, "POST", &path, body).await.text();
        assert!(text.contains(needle), "{needle:?} is not in {text:?}");
    }
    server.fault(Fault::split(1).on("exec_command")).expect("a fault");
    let split = http::call(&server, "POST", &path, body).await;
    assert!(split.pieces.iter().all(|length| *length == 1), "{:?}", split.pieces);
    assert!(split.pieces.len() > 100);
}

#[tokio::test]
async fn answers_of_json_have_strange_members_and_come_in_pieces_as_well() {
    let (server, sbx) = start().await;
    let fault = Fault::unknown_fields().and(Fault::split(1)).always();
    let handle = server.fault(fault).expect("a fault");
    assert_eq!(sbx.exec("echo a").await.expect("an answer").stdout, "a\n");
    sbx.files().write("/workspace/a", "b").await.expect("an answer");
    assert_eq!(sbx.files().read("/workspace/a").await.expect("an answer"), "b");
    assert_eq!(sbx.files().list("/workspace").await.expect("an answer").len(), 1);
    sbx.refresh().await.expect("an answer");
    assert_eq!(Sandbox::list().client(&server.client()).await.expect("an answer").len(), 1);
    assert!(handle.hits() >= 6);
    handle.clear();
}

#[tokio::test]
async fn a_stall_holds_the_answer_until_it_is_cleared() {
    let (server, sbx) = start().await;
    let handle = server.fault(Fault::stall().on("exec_command")).expect("a fault");
    let call = sbx.exec("echo late").into_future();
    let clear = async {
        handle.wait_for_hits(1).await;
        handle.clear();
    };
    let (out, ()) = futures::join!(call, clear);
    assert_eq!(out.expect("an answer").stdout, "late\n");

    // In the body: what came before is there.
    let handle = server.fault(Fault::stall_after(60).on("exec_command")).expect("a fault");
    let mut events = sbx.exec_stream(COMMAND).await.expect("a head");
    let first = events.next().await.expect("an event").expect("the first");
    assert!(matches!(first, ExecEvent::Started { .. }));
    assert!(futures::poll!(events.next()).is_pending());
    handle.clear();
    assert_eq!(events.wait_with_output().await.expect("the rest").exit_code, 3);
}

#[tokio::test]
async fn a_stalled_call_ends_with_the_clients_patience_or_with_the_server() {
    let (server, sbx) = start().await;
    let builder = Client::builder().base_url(server.base_url()).api_key(server.api_key().clone());
    let client = builder.timeout(Duration::from_millis(50)).build().expect("a client");
    for fault in [Fault::stall(), Fault::stall_after(5)] {
        server.fault(fault.on("get_sandbox")).expect("a fault");
        let error = Sandbox::get(sbx.id()).client(&client).await.expect_err("no answer");
        assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    }

    let stall = server.fault(Fault::stall().on("exec_command")).expect("a fault");
    let call = tokio::spawn(sbx.exec("true").into_future());
    stall.wait_for_hits(1).await;
    server.shutdown().await;
    let error = call.await.expect("no panic").expect_err("the server is gone");
    assert_eq!(error.kind(), ErrorKind::Connection);
}

#[tokio::test]
async fn only_the_named_route_is_struck_and_only_so_often() {
    let (server, sbx) = start().await;
    let handle = server.fault(Fault::status(500).on("get_sandbox").times(2)).expect("a fault");
    sbx.exec("true").await.expect("another route");
    Sandbox::list().client(&server.client()).await.expect("another route");
    let never = RetryPolicy::none();
    let builder = Client::builder().base_url(server.base_url()).api_key(server.api_key().clone());
    let client = builder.transient_retry(never).build().expect("a client");
    for _ in 0..2 {
        Sandbox::get(sbx.id()).client(&client).await.expect_err("the fault");
    }
    Sandbox::get(sbx.id()).client(&client).await.expect("only twice");
    assert_eq!(handle.hits(), 2);

    server.fault(Fault::status(500).always()).expect("a fault");
    sbx.exec("true").await.expect_err("the fault");
    server.clear_faults();
    sbx.exec("true").await.expect("no fault is left");
    assert!(server.fault(Fault::cut().on("exec")).is_err());
}

#[tokio::test]
async fn faults_come_by_admin_calls_as_well() {
    let (server, sbx) = start().await;
    let body = r#"{"status": 500, "detail": "by hand", "on": "exec_command", "always": true}"#;
    let added = http::call(&server, "POST", "/local/faults", body).await;
    assert_eq!(added.status, 201, "{}", added.text());
    let added: serde_json::Value = serde_json::from_slice(&added.body).expect("JSON");
    assert_eq!(sbx.exec("true").await.expect_err("the fault").message(), "by hand");
    let list = http::call(&server, "GET", "/local/faults", "").await;
    let list: serde_json::Value = serde_json::from_slice(&list.body).expect("JSON");
    assert_eq!((&list["faults"][0]["id"], &list["faults"][0]["hits"]), (&added["id"], &1.into()));

    let one = format!("/local/faults/{}", added["id"].as_str().expect("an id"));
    assert_eq!(http::call(&server, "DELETE", &one, "").await.status, 204);
    assert_eq!(http::call(&server, "DELETE", &one, "").await.status, 404);
    sbx.exec("true").await.expect("no fault is left");

    // A fault of every route leaves the way to end it.
    http::call(&server, "POST", "/local/faults", r#"{"cut": true, "always": true}"#).await;
    sbx.exec("true").await.expect_err("cut");
    assert_eq!(http::call(&server, "DELETE", "/local/faults", "").await.status, 204);
    sbx.exec("true").await.expect("no fault is left");

    for (body, word) in [
        (r#"{"stal": true}"#, "stal"),
        (r#"{"cut": true, "on": "exec"}"#, "create_sandbox"),
        ("{}", "does nothing"),
    ] {
        let refused = http::call(&server, "POST", "/local/faults", body).await;
        assert_eq!(refused.status, 422);
        assert!(refused.text().contains(word), "{}", refused.text());
    }
    let stranger = http::call_with_key(&server, "ork_wrong", "GET", "/local/faults", "").await;
    assert_eq!(stranger.status, 401);
}
