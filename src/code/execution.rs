//! What a run of code has left.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::CodeResult;
use crate::api::types;
use crate::exec::{as_millis, millis};

/// What a run of code has left, from [`Sandbox::run_code`](crate::Sandbox::run_code) and
/// [`CodeStream::wait`](super::CodeStream::wait).
///
/// An exception is a result, in [`error`](Self::error), and not an [`Error`](crate::Error).
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Execution {
    /// The values that the code showed, in order.
    pub results: Vec<CodeResult>,
    /// The standard output.
    pub stdout: String,
    /// The standard error.
    pub stderr: String,
    /// The exception that ended the code, if one did.
    pub error: Option<CodeError>,
    /// The number of the run in its context, if the server says it.
    pub execution_count: Option<u64>,
    /// The context that it ran in, if the server says it.
    pub context_id: Option<String>,
    /// How long it ran, measured by the server in whole milliseconds; zero if it did not say.
    /// Serialised as a number, `duration_ms`.
    #[serde(rename = "duration_ms", serialize_with = "as_millis")]
    #[cfg_attr(feature = "schemars", schemars(with = "u64"))]
    pub duration: Duration,
    /// Whether it was interrupted at its timeout. Unless [`restarted`](Self::restarted), the
    /// variables are as it left them.
    pub interrupted: bool,
    /// Whether the interpreter was started anew and the variables are lost.
    pub restarted: bool,
    /// The parts that were too long and were cut, such as `stdout`.
    pub truncated: Vec<String>,
}

impl Execution {
    /// The value of the last expression as text, or what else the code showed last with a text.
    pub fn text(&self) -> Option<&str> {
        self.results.iter().rev().find_map(|result| result.text.as_deref())
    }

    /// The images among the results, in order.
    pub fn pngs(&self) -> impl Iterator<Item = &[u8]> {
        self.results.iter().filter_map(|result| result.png.as_deref())
    }

    /// The exception that ended the code, if one did.
    pub fn error(&self) -> Option<&CodeError> {
        self.error.as_ref()
    }

    /// Whether the code came to its end: without an exception, and not interrupted.
    pub fn success(&self) -> bool {
        self.error.is_none() && !self.interrupted
    }

    /// The last event has what the events before it have not told.
    pub(super) fn finish(&mut self, done: CodeDone) {
        let CodeDone { error, execution_count, context_id, duration, .. } = done;
        self.error = error.or(self.error.take());
        (self.execution_count, self.context_id) = (execution_count, context_id);
        self.duration = duration;
        (self.interrupted, self.restarted) = (done.interrupted, done.restarted);
        self.truncated = done.truncated;
    }
}

impl From<types::CodeExecution> for Execution {
    fn from(wire: types::CodeExecution) -> Self {
        Self {
            results: wire.results.into_iter().map(CodeResult::from).collect(),
            stdout: wire.stdout.unwrap_or_default(),
            stderr: wire.stderr.unwrap_or_default(),
            error: wire.error.map(CodeError::from),
            execution_count: wire.execution_count.and_then(|count| count.unsigned()),
            context_id: wire.context_id,
            duration: millis(wire.duration_ms),
            interrupted: wire.interrupted.unwrap_or_default(),
            restarted: wire.restarted.unwrap_or_default(),
            truncated: wire.truncated.unwrap_or_default(),
        }
    }
}

/// How a run ended, beside what it showed and wrote: the last event of a
/// [`CodeStream`](super::CodeStream). The members are those of [`Execution`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CodeDone {
    /// The exception that ended the code, if the server repeats it here.
    pub error: Option<CodeError>,
    /// The number of the run in its context, if the server says it.
    pub execution_count: Option<u64>,
    /// The context that it ran in, if the server says it.
    pub context_id: Option<String>,
    /// How long it ran, measured by the server in whole milliseconds; zero if it did not say.
    /// Serialised as a number, `duration_ms`.
    #[serde(rename = "duration_ms", serialize_with = "as_millis")]
    pub duration: Duration,
    /// Whether it was interrupted at its timeout.
    pub interrupted: bool,
    /// Whether the interpreter was started anew and the variables are lost.
    pub restarted: bool,
    /// The parts that were too long and were cut, such as `stdout`.
    pub truncated: Vec<String>,
}

impl From<types::CodeDoneEvent> for CodeDone {
    fn from(wire: types::CodeDoneEvent) -> Self {
        Self {
            error: wire.error.map(CodeError::from),
            execution_count: wire.execution_count.and_then(|count| count.unsigned()),
            context_id: wire.context_id,
            duration: millis(wire.duration_ms),
            interrupted: wire.interrupted.unwrap_or_default(),
            restarted: wire.restarted.unwrap_or_default(),
            truncated: wire.truncated.unwrap_or_default(),
        }
    }
}

/// An exception in the code. `CodeError` in the contract.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct CodeError {
    /// Its type, such as `ValueError`.
    pub name: String,
    /// Its message; empty if there is none.
    #[serde(default)]
    pub value: String,
    /// Where it was raised, line by line, for people and models.
    #[serde(default)]
    pub traceback: Vec<String>,
}

impl From<types::CodeError> for CodeError {
    fn from(wire: types::CodeError) -> Self {
        Self {
            name: wire.name,
            value: wire.value.unwrap_or_default(),
            traceback: wire.traceback.unwrap_or_default(),
        }
    }
}

/// `ValueError: no such column`.
impl fmt::Display for CodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.value.is_empty() { Ok(()) } else { write!(f, ": {}", self.value) }
    }
}
