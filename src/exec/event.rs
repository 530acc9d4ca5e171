//! The events of a running command, and their reading from the wire.

use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::millis;
use crate::api::OutputStream;
use crate::error::{Error, ErrorKind, from_event, from_value};
use crate::open_enum::TextVisitor;
use crate::wire::{Base64, Integer};

/// What happens to a streamed command. `T` is the form of its output: `Vec<u8>` as it came, or
/// `String` from [`ExecStream::text`](super::ExecStream::text).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExecEvent<T = Vec<u8>> {
    /// The command has started. The first event.
    Started {
        /// Its process id in the sandbox, if the server says it.
        pid: Option<i64>,
    },
    /// A piece of the standard output, cut anywhere.
    Stdout(T),
    /// A piece of the standard error, cut anywhere.
    Stderr(T),
    /// The command has exited. The last event.
    Exited {
        /// The code that it exited with.
        exit_code: i32,
        /// How long it ran, measured by the server; zero if it did not say.
        duration: Duration,
    },
}

/// One event as it stands on the wire (`ExecEvent` in the contract). All members in one flat
/// struct, with the bytes decoded as they are read: half the time of a tagged enum.
#[derive(Deserialize)]
struct Frame {
    kind: Kind,
    stream: Option<OutputStream>,
    data: Option<Base64>,
    code: Option<Code>,
    pid: Option<i64>,
    duration_ms: Option<Integer>,
}

enum Kind {
    Started,
    Chunk,
    Exited,
    Error,
    Unknown,
}

impl From<&str> for Kind {
    fn from(text: &str) -> Self {
        match text {
            "exec_started" => Self::Started,
            "exec_chunk" => Self::Chunk,
            "exec_exited" => Self::Exited,
            "error" => Self::Error,
            _ => Self::Unknown,
        }
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor(std::marker::PhantomData))
    }
}

/// `code` is the exit code of one kind, and the reason of another.
#[derive(Deserialize)]
#[serde(untagged)]
enum Code {
    Exit(i32),
    Other(serde::de::IgnoredAny),
}

/// The event in `data`; `None` for a kind that this version does not know.
///
/// # Errors
///
/// What the server reports by an `error` event, or an event that is not what the API describes.
pub(crate) fn read(data: &str) -> Result<Option<ExecEvent>, Error> {
    let Ok(frame) = serde_json::from_str::<Frame>(data) else {
        return read_loosely(data);
    };
    match frame.kind {
        Kind::Started => Ok(Some(ExecEvent::Started { pid: frame.pid })),
        Kind::Chunk => match (frame.stream, frame.data) {
            (None, _) => Err(missing("exec_chunk", "stream")),
            (_, None) => Err(missing("exec_chunk", "data")),
            (Some(OutputStream::Stdout), Some(Base64(data))) => Ok(Some(ExecEvent::Stdout(data))),
            (Some(OutputStream::Stderr), Some(Base64(data))) => Ok(Some(ExecEvent::Stderr(data))),
            (Some(_), _) => Ok(None),
        },
        Kind::Exited => match frame.code {
            Some(Code::Exit(exit_code)) => {
                Ok(Some(ExecEvent::Exited { exit_code, duration: millis(frame.duration_ms) }))
            }
            _ => read_loosely(data),
        },
        Kind::Error => read_loosely(data),
        Kind::Unknown => Ok(None),
    }
}

/// What does not fit the frame: a kind of the future that uses a name for something else, or a
/// known one whose members are written otherwise. Its reason must not be lost.
fn read_loosely(data: &str) -> Result<Option<ExecEvent>, Error> {
    let value: Value = serde_json::from_str(data).unwrap_or_default();
    match value.get("kind").and_then(Value::as_str).map(Kind::from) {
        Some(Kind::Started) => Ok(Some(ExecEvent::Started { pid: value["pid"].as_i64() })),
        Some(Kind::Exited) => {
            let code = value["code"].as_f64().filter(|code| code.fract() == 0.0);
            let code =
                code.filter(|code| (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(code));
            let duration = Integer::deserialize(&value["duration_ms"]).ok();
            match (code, value["signal"].as_i64().and_then(|signal| signal.try_into().ok())) {
                (Some(code), _) => {
                    let exit_code = code as i32;
                    Ok(Some(ExecEvent::Exited { exit_code, duration: millis(duration) }))
                }
                (None, Some(signal)) => Err(killed(signal)),
                _ => Err(missing("exec_exited", "code")),
            }
        }
        Some(Kind::Error) => Err(from_value(&value)),
        Some(Kind::Unknown) => Ok(None),
        // A server that breaks down may say so in the form of its other failures.
        None if ["detail", "message", "error"].iter().any(|name| value.get(name).is_some()) => {
            Err(from_value(&value))
        }
        Some(Kind::Chunk) | None => Err(unreadable()),
    }
}

fn killed(signal: i32) -> Error {
    let message = format!("the command was ended by signal {signal}");
    from_event(Some("exec_killed".to_owned()), Some(message), Some(signal))
}

fn unreadable() -> Error {
    Error::new(ErrorKind::Decode, "an event of the stream is not what the API describes")
}

fn missing(kind: &str, member: &str) -> Error {
    Error::new(ErrorKind::Decode, format!("an `{kind}` event came without its `{member}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_frames() {
        let event = |data: &str| read(data).expect("readable");
        assert_eq!(
            event(r#"{"kind": "exec_started", "pid": 17}"#),
            Some(ExecEvent::Started { pid: Some(17) })
        );
        assert_eq!(
            event(r#"{"kind": "exec_chunk", "stream": "stdout", "data": "NA=="}"#),
            Some(ExecEvent::Stdout(b"4".to_vec()))
        );
        assert_eq!(
            event(r#"{"kind": "exec_exited", "code": 0, "duration_ms": 18, "x": [1]}"#),
            Some(ExecEvent::Exited { exit_code: 0, duration: Duration::from_millis(18) })
        );
    }

    #[test]
    fn what_a_newer_server_adds_is_passed_over() {
        for data in [
            r#"{"kind": "exec_stats", "cpu": 1}"#,
            r#"{"kind": "exec_stats", "code": {"a": 1}, "data": []}"#,
            r#"{"kind": "exec_chunk", "stream": "trace", "data": "NA=="}"#,
        ] {
            assert_eq!(read(data).expect(data), None);
        }
    }

    #[test]
    fn error_events_are_errors_by_their_code() {
        for (code, kind) in [
            ("exec_timeout", ErrorKind::ExecTimeout),
            ("timed_out", ErrorKind::ExecTimeout),
            ("exec_killed", ErrorKind::ExecKilled),
            ("killed_by_signal", ErrorKind::ExecKilled),
            ("network_policy_blocked", ErrorKind::NetworkPolicy),
            ("x_future", ErrorKind::Api),
        ] {
            let data = format!(
                r#"{{"kind": "error", "code": "{code}", "message": "so it is", "signal": 9}}"#
            );
            let error = read(&data).expect_err(code);
            assert_eq!((error.kind(), error.signal()), (kind, Some(9)), "{code}");
            assert_eq!((error.code(), error.message()), (Some(code), "so it is"));
        }
        let bare = read(r#"{"kind": "error"}"#).expect_err("an error");
        assert_eq!(bare.kind(), ErrorKind::Api);
    }

    #[test]
    fn members_that_are_written_otherwise_do_not_hide_the_reason() {
        let error = |data: &str| read(data).expect_err(data);
        let killed = error(r#"{"kind": "error", "code": "exec_killed", "signal": "SIGKILL"}"#);
        assert_eq!((killed.kind(), killed.signal()), (ErrorKind::ExecKilled, None));
        let late = error(r#"{"kind": "error", "code": "exec_timeout", "message": {"a": 1}}"#);
        assert_eq!(late.kind(), ErrorKind::ExecTimeout);
        let detail = error(r#"{"kind": "error", "code": "exec_timeout", "detail": "too late"}"#);
        assert_eq!(detail.message(), "too late");
        let signal = error(r#"{"kind": "exec_exited", "code": null, "signal": 9}"#);
        assert_eq!((signal.kind(), signal.signal()), (ErrorKind::ExecKilled, Some(9)));
        let broken = error(r#"{"detail": "Internal Server Error"}"#);
        assert_eq!((broken.kind(), broken.message()), (ErrorKind::Api, "Internal Server Error"));
        assert_eq!(
            read(r#"{"kind": "exec_started", "pid": "17"}"#).expect("no member that matters"),
            Some(ExecEvent::Started { pid: None })
        );
        assert_eq!(
            read(r#"{"kind": "exec_exited", "code": 3.0, "duration_ms": 18.4}"#).expect("a code"),
            Some(ExecEvent::Exited { exit_code: 3, duration: Duration::from_millis(18) })
        );
    }

    #[test]
    fn an_exit_code_is_never_invented() {
        for data in [
            r#"{"kind": "exec_chunk", "stream": "stdout"}"#,
            r#"{"kind": "exec_chunk", "stream": "stdout", "data": null}"#,
            r#"{"kind": "exec_exited", "code": 1e300}"#,
            r#"{"kind": "exec_exited"}"#,
            r#"{"kind": "exec_exited", "code": null}"#,
            r#"{"kind": "exec_exited", "code": "0"}"#,
            r#"{"kind": "exec_exited", "code": 0.5}"#,
            r#"{"code": 0}"#,
            r#"{"kind": "exec_chunk", "stream": "stdout", "data": "%%%"}"#,
            r#"{"kind": "exec_chunk", "data": "NA=="}"#,
            "[]",
            "nonsense",
        ] {
            assert_eq!(read(data).expect_err(data).kind(), ErrorKind::Decode, "{data}");
        }
    }
}
