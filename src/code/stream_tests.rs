use std::time::Duration;

use bytes::Bytes;
use futures::executor::block_on;
use futures::{FutureExt as _, StreamExt as _};
use proptest::prelude::*;
use serde_json::json;

use super::super::{CodeDone, CodeError, CodeEvent, CodeResult};
use super::CodeStream;
use crate::{Error, ErrorKind, Secret};

fn stream(pieces: Vec<Bytes>) -> CodeStream {
    let body = futures::stream::iter(pieces.into_iter().map(Ok));
    CodeStream::new(Box::pin(body), Duration::from_secs(60), Some("req_1".to_owned()))
}

fn all(pieces: Vec<Bytes>) -> Vec<Result<CodeEvent, Error>> {
    block_on(stream(pieces).collect())
}

const DONE: &str = r#"{"kind": "done", "execution_count": 7, "context_id": "ctx_1"}"#;

fn done() -> CodeEvent {
    CodeEvent::Done(CodeDone {
        execution_count: Some(7),
        context_id: Some("ctx_1".to_owned()),
        ..CodeDone::default()
    })
}

/// What may stand around the events of a stream without meaning anything.
#[derive(Clone, Debug)]
struct Dressing {
    line_end: &'static str,
    before: &'static str,
}

fn dressing() -> impl Strategy<Value = Dressing> {
    let line_end = prop::sample::select(vec!["\n", "\r\n", "\r"]);
    let before = prop::sample::select(vec![
        "",
        ": keep-alive@@",
        "event: message@id: 17@",
        "retry: 1000@@",
        "data: {\"kind\": \"progress\", \"text\": {\"cpu\": 1}, \"error_code\": 4}@@",
        "data: {\"kind\": \"stream\", \"stream\": \"trace\", \"text\": \"x\"}@@",
    ]);
    (line_end, before).prop_map(|(line_end, before)| Dressing { line_end, before })
}

fn written(events: &[(CodeEvent, Dressing)]) -> Vec<u8> {
    let mut wire = String::new();
    for (event, dressing) in events {
        let data = match event {
            CodeEvent::Stdout(text) => json!({"kind": "stream", "stream": "stdout", "text": text}),
            CodeEvent::Stderr(text) => json!({"kind": "stream", "stream": "stderr", "text": text}),
            CodeEvent::Result(result) => json!({"kind": "result", "result": result}),
            CodeEvent::Error(error) => json!({"kind": "error", "error": error}),
            CodeEvent::Done(_) => serde_json::from_str(DONE).expect("JSON"),
        };
        wire += &format!("{}data: ", dressing.before).replace('@', dressing.line_end);
        wire += &data.to_string();
        wire += &dressing.line_end.repeat(2);
    }
    wire.into_bytes()
}

fn events() -> impl Strategy<Value = Vec<(CodeEvent, Dressing)>> {
    let png = any::<Vec<u8>>().prop_map(|png| CodeResult {
        kind: "image_png".into(),
        png: Some(png),
        ..CodeResult::default()
    });
    let other = any::<String>().prop_map(|text| CodeResult {
        kind: "x-future".into(),
        text: Some(text.clone()),
        extra: [("x_form".to_owned(), json!([text]))].into(),
        ..CodeResult::default()
    });
    let error = any::<(String, Vec<String>)>().prop_map(|(value, traceback)| CodeError {
        name: "ValueError".to_owned(),
        value,
        traceback,
    });
    let event = prop_oneof![
        any::<String>().prop_map(CodeEvent::Stdout),
        any::<String>().prop_map(CodeEvent::Stderr),
        png.prop_map(CodeEvent::Result),
        other.prop_map(CodeEvent::Result),
        error.prop_map(CodeEvent::Error),
    ];
    let events = prop::collection::vec((event, dressing()), 0..8);
    (events, dressing()).prop_map(|(mut events, last)| {
        events.push((done(), last));
        events
    })
}

fn cut(bytes: &[u8], cuts: &[prop::sample::Index]) -> Vec<Bytes> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|ends| Bytes::copy_from_slice(&bytes[ends[0]..ends[1]])).collect()
}

proptest! {
    #[test]
    fn any_split_gives_the_same_events(events in events(), cuts: Vec<prop::sample::Index>) {
        let wire = written(&events);
        let expected: Vec<CodeEvent> = events.into_iter().map(|(event, _)| event).collect();
        let bytewise = wire.iter().map(|byte| Bytes::copy_from_slice(&[*byte])).collect();
        for pieces in [cut(&wire, &cuts), vec![Bytes::from(wire.clone())], bytewise] {
            let got: Result<Vec<_>, _> = all(pieces).into_iter().collect();
            prop_assert_eq!(&got.expect("no error"), &expected);
        }
    }

    #[test]
    fn a_stream_cut_before_its_last_event_is_an_error(
        events in events(),
        at: prop::sample::Index,
    ) {
        let wire = written(&events);
        // Without its last line ends, the last event is not whole.
        let whole = wire.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).expect("text");
        let got = all(vec![Bytes::copy_from_slice(&wire[..at.index(whole)])]);
        let last = got.last().expect("an error at least").as_ref();
        prop_assert_eq!(last.expect_err("cut").kind(), ErrorKind::Connection);
        prop_assert!(got[..got.len() - 1].iter().all(Result::is_ok));
    }

    #[test]
    fn rubbish_is_an_error_and_never_a_panic(bytes: Vec<u8>) {
        let got = all(vec![Bytes::from(bytes)]);
        prop_assert!(got.last().expect("an error at least").is_err());
    }
}

#[test]
fn nothing_follows_the_last_event_or_an_error() {
    let error = r#"{"kind": "error", "error": {"name": "T", "value": "ork_key is late"},
        "error_code": "exec_timeout"}"#
        .replace('\n', " ");
    for (last, kind) in [(DONE, None), (&*error, Some(ErrorKind::ExecTimeout))] {
        let wire = format!("data: {last}\n\ndata: {DONE}\n\n: more\n\n");
        let stream = stream(vec![wire.into()]).hiding(Secret::new("ork_key"));
        let got: Vec<_> = block_on(stream.collect());
        assert_eq!(got.len(), 1);
        assert_eq!(got[0].as_ref().err().map(Error::kind), kind);
        if let Err(error) = &got[0] {
            assert_eq!((error.request_id(), error.message()), (Some("req_1"), "*** is late"));
        }
    }
}

#[test]
fn an_exception_is_an_event_and_part_of_the_whole() {
    let wire = [
        r#"{"kind": "stream", "stream": "stdout", "text": "a"}"#,
        r#"{"kind": "result", "result": {"type": "text", "text": "4"}}"#,
        r#"{"kind": "stream", "stream": "stdout", "text": "b"}"#,
        r#"{"kind": "error", "error": {"name": "KeyError", "value": "'k'"}}"#,
        r#"{"kind": "done", "duration_ms": 9, "restarted": true, "truncated": ["stdout"]}"#,
    ];
    let wire: String = wire.iter().map(|event| format!("data: {event}\n\n")).collect();
    let whole = block_on(stream(vec![wire.clone().into()]).wait()).expect("whole");
    assert_eq!((whole.stdout.as_str(), whole.text()), ("ab", Some("4")));
    assert_eq!(whole.error().expect("it raised").to_string(), "KeyError: 'k'");
    assert_eq!((whole.duration, whole.restarted), (Duration::from_millis(9), true));
    assert_eq!((whole.truncated.as_slice(), whole.success()), (&["stdout".to_owned()][..], false));

    let rest = block_on(async {
        let mut stream = stream(vec![wire.into()]);
        stream.next().await.expect("an event").expect("no error");
        stream.wait().await.expect("the rest")
    });
    assert_eq!((rest.stdout.as_str(), rest.results.len()), ("b", 1));
}

#[test]
fn the_end_of_a_body_that_stays_open_is_not_waited_for() {
    let wire = Bytes::from(format!("data: {DONE}\n\n"));
    let body = || {
        let wire = wire.clone();
        Box::pin(futures::stream::iter([Ok(wire)]).chain(futures::stream::pending()))
    };
    let mut stream = CodeStream::new(body(), Duration::from_secs(60), None);
    assert!(stream.next().now_or_never().flatten().is_some_and(|event| event.is_ok()));
    assert!(matches!(stream.next().now_or_never(), Some(None)));
    let stream = CodeStream::new(body(), Duration::from_secs(60), None);
    assert!(stream.wait().now_or_never().is_some_and(|whole| whole.is_ok()));
}

#[test]
fn a_read_stream_has_nothing_left() {
    let mut stream = stream(vec![Bytes::from(format!("data: {DONE}\n\n"))]);
    assert!(block_on(stream.next()).is_some());
    let error = block_on(stream.wait()).expect_err("nothing left");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}
