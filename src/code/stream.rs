//! A running piece of code's events, as they arrive.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{Stream, StreamExt as _};

use super::Execution;
use super::event::{self, CodeEvent};
use crate::Secret;
use crate::error::{Error, ErrorKind};
use crate::run_stream::RunStream;
use crate::sse::Body;

const CUT: &str = "the stream ended before the code did; it may still run";

/// What running code writes and shows; see
/// [`Sandbox::run_code_stream`](crate::Sandbox::run_code_stream).
///
/// Yields [`CodeEvent`]s and ends after [`CodeEvent::Done`] or after one error, whatever the
/// server sends behind it. An exception in the code is an event, not an error. A connection that
/// ends before either is an error of kind [`ErrorKind::Connection`].
///
/// Dropping the stream closes the connection; the code runs on until its own timeout.
#[must_use = "a stream does nothing until it is polled"]
#[derive(Debug)]
pub struct CodeStream(RunStream);

impl CodeStream {
    pub(super) fn new(body: Body, idle: Duration, request_id: Option<String>) -> Self {
        Self(RunStream::new(body, idle, request_id))
    }

    /// Keeps the key out of what the server says.
    pub(super) fn hiding(self, api_key: Secret) -> Self {
        Self(self.0.hiding(api_key))
    }

    /// The id that the server gave the request.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id()
    }

    /// Reads to the end and keeps what comes, without bound. What was read from the stream before
    /// is not in it.
    ///
    /// # Errors
    ///
    /// The stream's error; what came before it is then lost, so read event by event where that
    /// matters.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection; the code runs on until its own timeout.
    pub async fn wait(mut self) -> Result<Execution, Error> {
        let mut execution = Execution::default();
        while let Some(event) = self.next().await {
            match event? {
                CodeEvent::Stdout(text) => execution.stdout.push_str(&text),
                CodeEvent::Stderr(text) => execution.stderr.push_str(&text),
                CodeEvent::Result(result) => execution.results.push(result),
                CodeEvent::Error(error) => execution.error = Some(error),
                CodeEvent::Done(done) => {
                    execution.finish(done);
                    // To its end, which frees the connection.
                    drop(self.next().await);
                    return Ok(execution);
                }
            }
        }
        Err(Error::new(ErrorKind::InvalidInput, "the stream was already read to its end"))
    }
}

impl Stream for CodeStream {
    type Item = Result<CodeEvent, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let is_last = |event: &CodeEvent| matches!(event, CodeEvent::Done(_));
        self.get_mut().0.poll_event(cx, event::read, is_last, CUT)
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
