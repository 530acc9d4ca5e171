//! Commands in a sandbox: `sbx.exec` and `sbx.exec_stream`.

pub(crate) mod event;
mod request;
mod stream;
mod text;

pub use event::ExecEvent;
pub(crate) use request::{DEFAULT_TIMEOUT, body_of};
pub use request::{ExecRequest, ExecStreamRequest};
pub use stream::ExecStream;
pub use text::ExecTextStream;

use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::api::{Integer, types};

/// What a command that ended by itself has left, from [`Sandbox::exec`](crate::Sandbox::exec).
///
/// An exit code other than 0 is a result, not an error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ExecResult {
    /// The standard output, as text.
    pub stdout: String,
    /// The standard error, as text.
    pub stderr: String,
    /// The code that the command exited with.
    pub exit_code: i32,
    /// How long it ran, measured by the server in whole milliseconds; zero if it did not say.
    /// Serialised as a number, `duration_ms`.
    #[serde(rename = "duration_ms", serialize_with = "as_millis")]
    #[cfg_attr(feature = "schemars", schemars(with = "u64"))]
    pub duration: Duration,
}

impl ExecResult {
    /// Whether the exit code is 0.
    pub fn success(&self) -> bool {
        self.exit_code == 0
    }
}

impl From<types::ExecResult> for ExecResult {
    fn from(wire: types::ExecResult) -> Self {
        Self {
            stdout: wire.stdout.unwrap_or_default(),
            stderr: wire.stderr.unwrap_or_default(),
            exit_code: wire.exit_code,
            duration: millis(wire.duration_ms),
        }
    }
}

/// What a streamed command has left, byte for byte, from [`ExecStream::wait_with_output`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExecOutput {
    /// The standard output that was not read from the stream before.
    pub stdout: Vec<u8>,
    /// The standard error that was not read from the stream before.
    pub stderr: Vec<u8>,
    /// The code that the command exited with.
    pub exit_code: i32,
    /// How long it ran, measured by the server; zero if it did not say.
    pub duration: Duration,
}

impl ExecOutput {
    /// Whether the exit code is 0.
    pub fn success(&self) -> bool {
        self.exit_code == 0
    }

    /// The same as text, with U+FFFD in place of what is not UTF-8.
    pub fn into_result(self) -> ExecResult {
        ExecResult {
            stdout: lossy(self.stdout),
            stderr: lossy(self.stderr),
            exit_code: self.exit_code,
            duration: self.duration,
        }
    }
}

pub(crate) fn as_millis<S: Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_millis().try_into().unwrap_or(u64::MAX))
}

fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

pub(crate) fn millis(number: Option<Integer>) -> Duration {
    Duration::from_millis(number.and_then(Integer::unsigned).unwrap_or(0))
}
