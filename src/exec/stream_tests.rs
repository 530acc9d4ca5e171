use std::time::Duration;

use bytes::Bytes;
use futures::executor::block_on;
use futures::{FutureExt as _, StreamExt as _};
use proptest::prelude::*;

use super::{ExecEvent, ExecStream};
use crate::wire::Base64;
use crate::{Error, ErrorKind};

fn stream(pieces: Vec<Bytes>) -> ExecStream {
    let body = futures::stream::iter(pieces.into_iter().map(Ok));
    ExecStream::new(Box::pin(body), Duration::from_secs(60), Some("req_1".to_owned()))
}

fn all(pieces: Vec<Bytes>) -> Vec<Result<ExecEvent, Error>> {
    block_on(stream(pieces).collect())
}

fn chunk(stream: &str, data: &[u8]) -> String {
    let data = serde_json::to_string(&Base64::from(data.to_vec())).expect("a string");
    format!(r#"{{"kind": "exec_chunk", "stream": "{stream}", "data": {data}}}"#)
}

const EXITED: &str = r#"{"kind": "exec_exited", "code": 7, "duration_ms": 18}"#;
const EXIT: ExecEvent = ExecEvent::Exited { exit_code: 7, duration: Duration::from_millis(18) };

/// What may stand around the events of a stream without meaning anything.
#[derive(Clone, Debug)]
struct Dressing {
    line_end: &'static str,
    before: &'static str,
    space: bool,
}

fn dressing() -> impl Strategy<Value = Dressing> {
    let line_end = prop::sample::select(vec!["\n", "\r\n", "\r"]);
    let before = prop::sample::select(vec![
        "",
        ": keep-alive@@",
        ":@",
        "event: message@",
        "id: 17@",
        "retry: 1000@",
        "event: ping@@",
        "unknown: field@",
        "data: {\"kind\": \"exec_stats\", \"data\": {\"cpu\": 1}}@@",
        "@@@",
    ]);
    (line_end, before, any::<bool>()).prop_map(|(line_end, before, space)| Dressing {
        line_end,
        before,
        space,
    })
}

fn written(events: &[(ExecEvent, Dressing)]) -> Vec<u8> {
    let mut text = String::new();
    for (event, dressing) in events {
        let json = match event {
            ExecEvent::Started { pid } => {
                let pid = pid.expect("the strategy gives one");
                format!(r#"{{"kind": "exec_started", "pid": {pid}}}"#)
            }
            ExecEvent::Stdout(data) => chunk("stdout", data),
            ExecEvent::Stderr(data) => chunk("stderr", data),
            ExecEvent::Exited { .. } => EXITED.to_owned(),
        };
        let space = if dressing.space { " " } else { "" };
        let block = format!("{}data:{space}{json}@@", dressing.before);
        text += &block.replace('@', dressing.line_end);
    }
    text.into_bytes()
}

fn events() -> impl Strategy<Value = Vec<(ExecEvent, Dressing)>> {
    let event = prop_oneof![
        any::<u16>().prop_map(|pid| ExecEvent::Started { pid: Some(pid.into()) }),
        any::<Vec<u8>>().prop_map(ExecEvent::Stdout),
        any::<Vec<u8>>().prop_map(ExecEvent::Stderr),
    ];
    let events = prop::collection::vec((event, dressing()), 0..8);
    (events, dressing()).prop_map(|(mut events, last)| {
        events.push((EXIT, last));
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
        let expected: Vec<ExecEvent> = events.into_iter().map(|(event, _)| event).collect();
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
fn nothing_follows_the_exit_or_an_error() {
    let error = r#"{"kind": "error", "code": "exec_timeout", "message": "late"}"#;
    for (last, kind) in [(EXITED, None), (error, Some(ErrorKind::ExecTimeout))] {
        let wire = format!("data: {last}\n\ndata: {EXITED}\n\n: more\n\n");
        let got = all(vec![wire.into()]);
        assert_eq!(got.len(), 1);
        assert_eq!(got[0].as_ref().err().map(Error::kind), kind);
        if let Err(error) = &got[0] {
            assert_eq!(error.request_id(), Some("req_1"));
        }
    }
}

#[test]
fn the_end_of_a_body_that_stays_open_is_not_waited_for() {
    let wire = Bytes::from(format!("data: {EXITED}\n\n"));
    let body = futures::stream::iter([Ok(wire)]).chain(futures::stream::pending());
    let mut stream = ExecStream::new(Box::pin(body), Duration::from_secs(60), None);
    assert!(stream.next().now_or_never().flatten().is_some_and(|event| event.is_ok()));
    assert!(matches!(stream.next().now_or_never(), Some(None)));
}

#[test]
fn no_event_at_all_is_an_error() {
    for wire in ["", "\n\n", ": ping\n\n", "event: x\n\n", "data:\n\n"] {
        let got = all(vec![wire.into()]);
        assert_eq!(got.len(), 1, "{wire:?}");
        let error = got[0].as_ref().expect_err("no exit");
        assert_eq!(error.kind(), ErrorKind::Connection, "{wire:?}");
    }
}

#[test]
fn text_that_is_no_utf8_is_unreadable() {
    let got = all(vec![Bytes::from_static(b"data: \xff\xfe\n\n")]);
    assert_eq!(got[0].as_ref().expect_err("not UTF-8").kind(), ErrorKind::Decode);
}

#[test]
fn large_output_is_lossless() {
    let data: Vec<u8> =
        (0..1 << 20).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let event = Bytes::from(format!("data: {}\n\n", chunk("stdout", &data)));
    let last = Bytes::from(format!("data: {EXITED}\n\n"));
    // Slices of one buffer, as a socket gives them, 64 MiB in all.
    let pieces = (0..64).flat_map(|_| {
        (0..event.len()).step_by(16_000).map(|at| event.slice(at..event.len().min(at + 16_000)))
    });
    let output = block_on(stream(pieces.chain([last]).collect()).wait_with_output());
    let output = output.expect("whole");
    assert_eq!((output.exit_code, output.stdout.len()), (7, 64 << 20));
    assert!(output.stdout.chunks(1 << 20).all(|part| part == data));
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_ends_with_an_error_once() {
    let started = Bytes::from_static(b"data: {\"kind\": \"exec_started\", \"pid\": 1}\n\n");
    let body = futures::stream::iter([Ok(started)]).chain(futures::stream::pending());
    let mut stream = ExecStream::new(Box::pin(body), Duration::from_secs(90), None);
    assert!(matches!(stream.next().await, Some(Ok(ExecEvent::Started { .. }))));
    let before = tokio::time::Instant::now();
    let error = stream.next().await.expect("an item").expect_err("silence");
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert_eq!(before.elapsed().as_secs(), 90);
    assert!(stream.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn comments_are_a_sign_of_life() {
    let ping = futures::stream::unfold(0, |count| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let last = format!("data: {EXITED}\n\n");
        let text = if count < 10 { ": keep-alive\n\n".to_owned() } else { last };
        Some((Ok(Bytes::from(text)), count + 1))
    });
    let mut stream = ExecStream::new(Box::pin(ping), Duration::from_secs(90), None);
    assert!(matches!(stream.next().await, Some(Ok(ExecEvent::Exited { .. }))));
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_no_silent_server() {
    let started = "data: {\"kind\": \"exec_started\", \"pid\": 1}\n\n";
    let pieces = vec![Bytes::from(started), Bytes::from(format!("data: {EXITED}\n\n"))];
    let mut stream = stream(pieces);
    assert!(stream.next().await.is_some_and(|event| event.is_ok()));
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(stream.next().await.is_some_and(|event| event.is_ok()));
}

#[test]
fn the_text_view_joins_what_the_wire_cut() {
    let euro = "€".as_bytes();
    let wire = [
        chunk("stdout", &euro[..1]),
        chunk("stderr", &euro[..2]),
        chunk("stdout", &euro[1..]),
        chunk("stderr", b"!"),
        EXITED.to_owned(),
    ];
    let wire: String = wire.iter().map(|event| format!("data: {event}\n\n")).collect();
    let events: Result<Vec<_>, _> =
        block_on(stream(vec![wire.into()]).text().collect::<Vec<_>>()).into_iter().collect();
    assert_eq!(
        events.expect("no error"),
        [
            ExecEvent::Stdout("€".to_owned()),
            ExecEvent::Stderr("\u{fffd}!".to_owned()),
            ExecEvent::Exited { exit_code: 7, duration: Duration::from_millis(18) },
        ]
    );
}

#[test]
fn a_read_stream_has_no_output_left() {
    let mut stream = stream(vec![Bytes::from(format!("data: {EXITED}\n\n"))]);
    assert!(block_on(stream.next()).is_some());
    let error = block_on(stream.wait_with_output()).expect_err("nothing left");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}
