//! The events of a running command, and their reading from the wire.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::millis;
use crate::api::OutputStream;
use crate::error::{Error, ErrorKind, from_event};
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
    message: Option<String>,
    signal: Option<i32>,
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

/// `code` is the exit code of one kind and the reason of another.
#[derive(Deserialize)]
#[serde(untagged)]
enum Code {
    Exit(i32),
    Reason(String),
}

/// The event in `data`; `None` for a kind that this version does not know.
///
/// # Errors
///
/// What the server reports by an `error` event, or an event that is not what the API describes.
pub(crate) fn read(data: &str) -> Result<Option<ExecEvent>, Error> {
    let frame: Frame = match serde_json::from_str(data) {
        Ok(frame) => frame,
        // A kind of the future may use a known member's name for something else.
        Err(error) => return if is_unknown(data) { Ok(None) } else { Err(unreadable(&error)) },
    };
    match frame.kind {
        Kind::Started => Ok(Some(ExecEvent::Started { pid: frame.pid })),
        Kind::Chunk => match (frame.stream, frame.data) {
            (Some(OutputStream::Stdout), Some(Base64(data))) => Ok(Some(ExecEvent::Stdout(data))),
            (Some(OutputStream::Stderr), Some(Base64(data))) => Ok(Some(ExecEvent::Stderr(data))),
            (Some(_), _) => Ok(None),
            (None, _) => Err(missing("exec_chunk", "stream")),
        },
        Kind::Exited => match frame.code {
            Some(Code::Exit(exit_code)) => {
                Ok(Some(ExecEvent::Exited { exit_code, duration: millis(frame.duration_ms) }))
            }
            _ => Err(missing("exec_exited", "code")),
        },
        Kind::Error => {
            let code = match frame.code {
                Some(Code::Reason(code)) => Some(code),
                Some(Code::Exit(_)) | None => None,
            };
            Err(from_event(code, frame.message, frame.signal))
        }
        Kind::Unknown => Ok(None),
    }
}

fn is_unknown(data: &str) -> bool {
    #[derive(Deserialize)]
    struct Any {
        kind: Kind,
    }
    serde_json::from_str::<Any>(data).is_ok_and(|any| matches!(any.kind, Kind::Unknown))
}

fn unreadable(error: &serde_json::Error) -> Error {
    let column = error.column();
    let message = format!("an event of the stream is not what the API describes (column {column})");
    Error::new(ErrorKind::Decode, message)
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
    fn an_exit_code_is_never_invented() {
        for data in [
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
