//! A running command's events, as they arrive.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{Stream, StreamExt as _};

use super::event::{self, ExecEvent};
use super::{ExecOutput, ExecTextStream};
use crate::Secret;
use crate::error::{Error, ErrorKind};
use crate::run_stream::RunStream;
use crate::sse::Body;

const CUT: &str = "the stream ended before the command did; it may still run";

/// The output of a running command; see [`Sandbox::exec_stream`](crate::Sandbox::exec_stream).
///
/// Yields [`ExecEvent`]s and ends after [`ExecEvent::Exited`] or after one error, whatever the
/// server sends behind it. A connection that ends before either is an error of kind
/// [`ErrorKind::Connection`].
///
/// Dropping the stream closes the connection; the command runs on until its own timeout.
#[must_use = "a stream does nothing until it is polled"]
#[derive(Debug)]
pub struct ExecStream(RunStream);

impl ExecStream {
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

    /// The same events with their output as text. A UTF-8 sequence that is split over chunks
    /// comes whole; what is not UTF-8 becomes U+FFFD.
    pub fn text(self) -> ExecTextStream {
        ExecTextStream::new(self)
    }

    /// Reads to the end and keeps what comes, without bound.
    ///
    /// # Errors
    ///
    /// The stream's error; what came before it is then lost, so read event by event where that
    /// matters.
    pub async fn wait_with_output(mut self) -> Result<ExecOutput, Error> {
        let mut output = ExecOutput::default();
        while let Some(event) = self.next().await {
            match event? {
                ExecEvent::Stdout(data) => output.stdout.extend_from_slice(&data),
                ExecEvent::Stderr(data) => output.stderr.extend_from_slice(&data),
                ExecEvent::Exited { exit_code, duration } => {
                    (output.exit_code, output.duration) = (exit_code, duration);
                    // To its end, which frees the connection.
                    drop(self.next().await);
                    return Ok(output);
                }
                ExecEvent::Started { .. } => {}
            }
        }
        Err(Error::new(ErrorKind::InvalidInput, "the stream was already read to its end"))
    }
}

impl Stream for ExecStream {
    type Item = Result<ExecEvent, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let is_last = |event: &ExecEvent| matches!(event, ExecEvent::Exited { .. });
        self.get_mut().0.poll_event(cx, event::read, is_last, CUT)
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
