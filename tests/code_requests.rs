//! The shape of every request about code, and what the facade makes of the answers.

mod support;

use std::time::Duration;

use futures::TryStreamExt as _;
use insta::assert_json_snapshot;
use orkestr::{
    CodeContext, CodeEvent, CodeRequest, CodeResultType, CodeStream, CodeStreamRequest,
    CreateContext, ErrorKind, Execution, Sandbox,
};
use serde_json::{Value, json};
use support::{Answer, ID, sandbox};

const CONTEXT: &str = "ctx_01JD3Z8RFMP1XPA7Z3DJ8FSSZ5";

fn context() -> Answer {
    Answer::json(201, &context_json())
}

fn context_json() -> Value {
    json!({"context_id": CONTEXT, "language": "python", "cwd": "/workspace",
        "created_at": "2026-11-01T09:30:00Z", "last_used_at": null, "executions": 0, "alive": true})
}

fn four() -> Answer {
    Answer::json(
        200,
        &json!({"results": [{"type": "text", "text": "4"}], "stdout": "", "stderr": "",
            "error": null, "execution_count": 1, "context_id": CONTEXT, "duration_ms": 31,
            "interrupted": false, "restarted": false, "truncated": []}),
    )
}

#[tokio::test]
async fn run_code() {
    let (recorder, sbx) = sandbox([four()]).await;
    let run = sbx.run_code("2 + 2").await.expect("run");
    assert_eq!((run.text(), run.execution_count, run.success()), (Some("4"), Some(1), true));
    assert_eq!(
        (run.duration, run.context_id.as_deref()),
        (Duration::from_millis(31), Some(CONTEXT))
    );
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn run_code_with_everything() {
    let (recorder, sbx) = sandbox([context(), four(), four()]).await;
    let handle = sbx.create_code_context().await.expect("created");
    let by_id = sbx.run_code("x").context(CONTEXT).language("python");
    by_id.timeout(Duration::from_millis(1500)).await.expect("run");
    assert_json_snapshot!(recorder.request());
    let by_handle = sbx.run_code("x").context(&handle).language("python");
    by_handle.timeout(Duration::from_secs(2)).await.expect("run");
    let requests = recorder.requests();
    assert_eq!(requests[2], requests[3]);
}

#[tokio::test]
async fn run_code_stream() {
    let wire = [
        json!({"kind": "stream", "stream": "stderr", "text": "w"}),
        json!({"kind": "result", "result": {"type": "json", "text": "[1]", "json": [1]}}),
        json!({"kind": "done", "execution_count": 3}),
    ];
    let wire: String = wire.iter().map(|event| format!("data: {event}\n\n")).collect();
    let (recorder, sbx) = sandbox([Answer::events(wire)]).await;
    let stream = sbx.run_code_stream("[1]").await.expect("a stream");
    assert_eq!(stream.request_id(), Some("req_stream"));
    let events: Vec<CodeEvent> = stream.try_collect().await.expect("no error");
    let [CodeEvent::Stderr(text), CodeEvent::Result(result), CodeEvent::Done(done)] = &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!(
        (text.as_str(), &result.json, done.execution_count),
        ("w", &Some(json!([1])), Some(3))
    );
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn contexts() {
    let list = json!({"contexts": [context_json(), {"context_id": "ctx_2", "x": 1}]});
    let (recorder, sbx) = sandbox([
        context(),
        Answer::json(200, &list),
        Answer::json(200, &context_json()),
        Answer::empty(200),
        Answer::empty(204),
    ])
    .await;
    let handle = sbx.create_code_context().cwd("/tmp").await.expect("created");
    assert_eq!(
        (handle.id(), handle.cwd(), handle.alive()),
        (CONTEXT, Some("/workspace"), Some(true))
    );
    assert_eq!((handle.executions(), handle.last_used_at()), (Some(0), None));
    assert_eq!(handle.sandbox().id(), ID);
    let listed = sbx.code_contexts().await.expect("listed");
    assert_eq!((listed[0].info(), listed[1].alive()), (handle.info(), None));
    handle.restart().await.expect("restarted");
    handle.restart().await.expect("restarted, without a body");
    handle.delete().await.expect("deleted");
    let requests = recorder.requests();
    assert_eq!(requests[3], requests[4]);
    assert_json_snapshot!([&requests[1], &requests[2], &requests[3], &requests[5]]);
}

#[tokio::test]
async fn an_exception_is_data_and_a_strange_result_is_kept() {
    let body = json!({
        "results": [{"type": "latex", "latex": "x^2", "text": "x**2"}, {"type": "image_png", "png": "NA=="}],
        "error": {"name": "KeyError", "value": "'a'", "traceback": ["Traceback"], "x": 1},
        "x_future": 1,
    });
    let (_recorder, sbx) = sandbox([Answer::json(200, &body)]).await;
    let run = sbx.run_code("x").await.expect("data");
    assert_eq!(run.error().expect("it raised").to_string(), "KeyError: 'a'");
    assert_eq!((run.success(), run.text()), (false, Some("x**2")));
    assert_eq!(run.results[0].kind, CodeResultType::from("latex"));
    assert_eq!(run.results[0].extra["latex"], "x^2");
    assert_eq!(run.pngs().collect::<Vec<_>>(), [b"4"]);
    let written = serde_json::to_value(&run).expect("JSON");
    assert_eq!(written["results"], body["results"]);
}

#[tokio::test]
async fn failures_are_errors_and_code_is_not_sent_again() {
    let not_found = json!({"detail": "no such context"});
    let busy = json!({"detail": "try later"});
    let unavailable = json!({"detail": "no interpreter", "code": "interpreter_unavailable"});
    for (status, body, context, kind) in [
        (409, &unavailable, None, ErrorKind::InterpreterUnavailable),
        (200, &unavailable, None, ErrorKind::InterpreterUnavailable),
        (404, &not_found, None, ErrorKind::SandboxNotFound),
        (404, &not_found, Some("ctx_1"), ErrorKind::NotFound),
        (409, &busy, None, ErrorKind::SandboxNotReady),
        (503, &busy, None, ErrorKind::Api),
    ] {
        for streams in [false, true] {
            let (recorder, sbx) = sandbox([Answer::json(status, body)]).await;
            let error = if streams {
                let mut request = sbx.run_code_stream("1");
                if let Some(context) = context {
                    request = request.context(context);
                }
                request.await.expect_err("a failure")
            } else {
                let mut request = sbx.run_code("1");
                if let Some(context) = context {
                    request = request.context(context);
                }
                request.await.expect_err("a failure")
            };
            assert_eq!(error.kind(), kind, "{status} {streams}: {error}");
            assert_eq!(recorder.requests().len(), 2, "{status} {streams}: sent again");
        }
    }
}

#[tokio::test]
async fn a_stream_without_its_end_is_an_error() {
    let html = Answer::json(200, &json!({})).header("content-type", "text/html");
    let (_recorder, sbx) = sandbox([html]).await;
    let error = sbx.run_code_stream("1").await.expect_err("no stream");
    assert_eq!(error.kind(), ErrorKind::Decode);
    let text = json!({"kind": "stream", "stream": "stdout", "text": "4"});
    for (wire, kind) in [
        (format!("data: {text}\n\n"), ErrorKind::Connection),
        (String::new(), ErrorKind::Connection),
        ("data: nonsense\n\n".to_owned(), ErrorKind::Decode),
        (
            "data: {\"kind\": \"error\", \"error_code\": \"interpreter_unavailable\"}\n\n"
                .to_owned(),
            ErrorKind::InterpreterUnavailable,
        ),
    ] {
        let (_recorder, sbx) = sandbox([Answer::events(wire)]).await;
        let stream = sbx.run_code_stream("1").await.expect("a stream");
        let error = stream.wait().await.expect_err("no end");
        assert_eq!((error.kind(), error.request_id()), (kind, Some("req_stream")));
    }
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_before() {
    let strange = json!({"context_id": "../x"});
    let (recorder, sbx) = sandbox([Answer::json(201, &strange)]).await;
    let handle = sbx.create_code_context().await.expect("created");
    for error in [
        handle.restart().await.expect_err("no id"),
        handle.delete().await.expect_err("no id"),
        sbx.run_code("1").timeout(Duration::ZERO).await.expect_err("no timeout"),
        sbx.run_code_stream("1").timeout(Duration::ZERO).await.map(drop).expect_err("no timeout"),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
    assert_eq!(recorder.requests().len(), 2);
}

/// What travels between threads, and what a task can hold.
#[test]
fn types_and_futures_travel() {
    fn both<T: Send + Sync + 'static>() {}
    fn handle<T: Clone + Send + Sync + 'static>() {}
    fn future<T: Send>(_: impl FnOnce(Sandbox) -> T) {}
    handle::<CodeContext>();
    handle::<CodeEvent>();
    handle::<CodeRequest>();
    handle::<CodeStreamRequest>();
    handle::<CreateContext>();
    handle::<Execution>();
    both::<CodeStream>();
    future(|sbx| async move { sbx.run_code("1").await });
    future(|sbx| async move { sbx.run_code_stream("1").await?.wait().await });
    future(|sbx| async move { sbx.create_code_context().await?.restart().await });
    future(|sbx| async move { sbx.code_contexts().await?[0].delete().await });
}
