//! The events of a running piece of code, and their reading from the wire.

use serde_json::Value;

use super::{CodeDone, CodeError, CodeResult};
use crate::api::{OutputStream, types};
use crate::error::{Error, ErrorKind, from_event, from_value};

/// What happens to code whose run is streamed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CodeEvent {
    /// A piece of the standard output.
    Stdout(String),
    /// A piece of the standard error.
    Stderr(String),
    /// A value that the code showed.
    Result(CodeResult),
    /// The exception that ended the code. It is data: the run ends with
    /// [`Done`](Self::Done) all the same.
    Error(CodeError),
    /// The run has ended. The last event.
    Done(CodeDone),
}

/// The event in `data`; `None` for a kind that this version does not know.
///
/// # Errors
///
/// What the server reports by an `error` event with a code, or an event that is not what the API
/// describes.
pub(super) fn read(data: &str) -> Result<Option<CodeEvent>, Error> {
    #[derive(serde::Deserialize)]
    struct Kind<'a> {
        #[serde(borrow)]
        kind: std::borrow::Cow<'a, str>,
    }
    let Ok(Kind { kind }) = serde_json::from_str(data) else {
        return Err(without_kind(data));
    };
    match &*kind {
        "stream" => {
            let types::CodeStreamEvent { stream, text, .. } = parse(&kind, data)?;
            Ok(match stream {
                OutputStream::Stdout => Some(CodeEvent::Stdout(text)),
                OutputStream::Stderr => Some(CodeEvent::Stderr(text)),
                _ => None,
            })
        }
        "result" => {
            let event: types::CodeResultEvent = parse(&kind, data)?;
            Ok(Some(CodeEvent::Result(event.result.into())))
        }
        "error" => error(data).map(Some),
        "done" => {
            let event: types::CodeDoneEvent = parse(&kind, data)?;
            Ok(Some(CodeEvent::Done(event.into())))
        }
        _ => Ok(None),
    }
}

fn parse<'a, T: serde::Deserialize<'a>>(kind: &str, data: &'a str) -> Result<T, Error> {
    serde_json::from_str(data).map_err(|_| {
        let message = format!("a `{kind}` event of the stream is not what the API describes");
        Error::new(ErrorKind::Decode, message)
    })
}

/// With a code the run itself has failed, however the rest is written: its reason must not be
/// lost. Without one, an exception is data.
fn error(data: &str) -> Result<CodeEvent, Error> {
    let value: Value = serde_json::from_str(data).unwrap_or_default();
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let Some(code) = text(&value["error_code"]).or_else(|| text(&value["code"])) else {
        let event: types::CodeErrorEvent = parse("error", data)?;
        let missing = "an `error` event came without its `error`";
        let error = event.error.ok_or_else(|| Error::new(ErrorKind::Decode, missing))?;
        return Ok(CodeEvent::Error(error.into()));
    };
    let error = &value["error"];
    let message = [&error["value"], &value["message"], &value["detail"], error, &error["name"]]
        .into_iter()
        .find_map(text);
    let signal = value["signal"].as_i64().and_then(|signal| signal.try_into().ok());
    Err(from_event(Some(code), message, signal))
}

/// A server that breaks down may say so in the form of its other failures.
fn without_kind(data: &str) -> Error {
    let value: Value = serde_json::from_str(data).unwrap_or_default();
    if ["detail", "message", "error"].iter().any(|name| value.get(name).is_some()) {
        return from_value(&value);
    }
    Error::new(ErrorKind::Decode, "an event of the stream is not what the API describes")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn event(data: &str) -> CodeEvent {
        read(data).expect("readable").expect("a known kind")
    }

    #[test]
    fn the_documented_events() {
        assert_eq!(
            event(r#"{"kind": "stream", "stream": "stdout", "text": "a\n"}"#),
            CodeEvent::Stdout("a\n".to_owned())
        );
        assert_eq!(
            event(r#"{"kind": "stream", "stream": "stderr", "text": "b"}"#),
            CodeEvent::Stderr("b".to_owned())
        );
        let CodeEvent::Result(result) =
            event(r#"{"kind": "result", "result": {"type": "image_png", "png": "NA=="}}"#)
        else {
            panic!("no result");
        };
        assert_eq!((result.kind.as_str(), result.png.as_deref()), ("image_png", Some(&b"4"[..])));
        let error = r#"{"kind": "error", "error": {"name": "KeyError", "value": "'a'"}}"#;
        let CodeEvent::Error(error) = event(error) else { panic!("no error") };
        assert_eq!((error.to_string(), error.traceback.len()), ("KeyError: 'a'".to_owned(), 0));
        let done = r#"{"kind": "done", "execution_count": 2, "context_id": "ctx_1",
            "duration_ms": 9.0, "interrupted": true, "truncated": ["stdout"], "error": null}"#;
        let CodeEvent::Done(done) = event(done) else { panic!("not done") };
        assert_eq!((done.execution_count, done.duration), (Some(2), Duration::from_millis(9)));
        assert_eq!((done.interrupted, done.restarted), (true, false));
        assert_eq!(event(r#"{"kind": "done"}"#), CodeEvent::Done(CodeDone::default()));
    }

    #[test]
    fn what_a_newer_server_adds_is_passed_over_or_kept() {
        for data in [
            r#"{"kind": "progress", "text": 1, "error": {"a": 1}, "error_code": "x"}"#,
            r#"{"kind": "stream", "stream": "trace", "text": "a"}"#,
        ] {
            assert_eq!(read(data).expect(data), None);
        }
        let data =
            r#"{"kind": "result", "result": {"type": "latex", "latex": "x^2", "png": null}}"#;
        let CodeEvent::Result(result) = event(data) else { panic!("no result") };
        assert_eq!((result.kind.as_str(), &result.extra["latex"]), ("latex", &"x^2".into()));
        let written = serde_json::to_value(&result).expect("JSON");
        assert_eq!(written, serde_json::json!({"type": "latex", "latex": "x^2"}));
    }

    #[test]
    fn an_error_with_a_code_is_fatal() {
        for (code, kind) in [
            ("exec_timeout", ErrorKind::ExecTimeout),
            ("interpreter_unavailable", ErrorKind::InterpreterUnavailable),
            ("sandbox_ended", ErrorKind::SandboxNotReady),
            ("x_future", ErrorKind::Api),
        ] {
            let said = r#""error": {"name": "Timeout", "value": "too long", "traceback": []}"#;
            let error = read(&format!(r#"{{"kind": "error", "error_code": "{code}", {said}}}"#));
            let error = error.expect_err(code);
            assert_eq!((error.kind(), error.code()), (kind, Some(code)));
            assert_eq!(error.message(), "too long");
        }
        for (data, message) in [
            (r#"{"kind": "error", "error_code": "exec_timeout"}"#, "exec_timeout"),
            (r#"{"kind": "error", "code": "exec_timeout", "message": "late"}"#, "late"),
            (r#"{"kind": "error", "error_code": "exec_timeout", "error": "late"}"#, "late"),
            (
                r#"{"kind": "error", "error_code": "exec_timeout", "error": {"name": 1}}"#,
                "exec_timeout",
            ),
        ] {
            let error = read(data).expect_err(data);
            assert_eq!((error.kind(), error.message()), (ErrorKind::ExecTimeout, message));
        }
        let broken = read(r#"{"detail": "Internal Server Error"}"#).expect_err("a failure");
        assert_eq!((broken.kind(), broken.message()), (ErrorKind::Api, "Internal Server Error"));
    }

    #[test]
    fn what_is_no_event_is_unreadable() {
        for data in [
            "{}",
            "4",
            "nonsense",
            r#"{"kind": 4}"#,
            r#"{"kind": "error"}"#,
            r#"{"kind": "error", "error": null}"#,
            r#"{"kind": "stream", "stream": "stdout"}"#,
            r#"{"kind": "result", "result": {"type": "image_png", "png": "*"}}"#,
            r#"{"kind": "result"}"#,
            r#"{"kind": "done", "truncated": 4}"#,
        ] {
            assert_eq!(read(data).expect_err(data).kind(), ErrorKind::Decode, "{data}");
        }
    }
}
