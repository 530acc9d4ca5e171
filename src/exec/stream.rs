//! A running command's events, as they arrive.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::{Stream, StreamExt as _};

use super::event::{self, ExecEvent};
use super::{ExecOutput, ExecTextStream};
use crate::Secret;
use crate::error::{Error, ErrorKind};
use crate::sse::{Body, Events};

/// The output of a running command; see [`Sandbox::exec_stream`](crate::Sandbox::exec_stream).
///
/// Yields [`ExecEvent`]s and ends after [`ExecEvent::Exited`] or after one error, whatever the
/// server sends behind it. A connection that ends before either is an error of kind
/// [`ErrorKind::Connection`].
///
/// Dropping the stream closes the connection; the command runs on until its own timeout.
#[must_use = "a stream does nothing until it is polled"]
pub struct ExecStream {
    events: Option<Events>,
    ended: bool,
    request_id: Option<String>,
    api_key: Option<Secret>,
}

impl ExecStream {
    pub(super) fn new(body: Body, idle: Duration, request_id: Option<String>) -> Self {
        Self { events: Some(Events::new(body, idle)), ended: false, request_id, api_key: None }
    }

    /// Keeps the key out of what the server says.
    pub(super) fn hiding(mut self, api_key: Secret) -> Self {
        self.api_key = Some(api_key);
        self
    }

    /// The id that the server gave the request.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
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
                    if let Some(events) = &mut self.events {
                        let drained = std::future::poll_fn(|cx| {
                            events.drain(cx);
                            Poll::Ready(())
                        });
                        drained.await;
                    }
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
        let this = self.get_mut();
        let Some(events) = &mut this.events else {
            return Poll::Ready(None);
        };
        if this.ended {
            events.drain(cx);
            this.events = None;
            return Poll::Ready(None);
        }
        let item = loop {
            break match ready!(events.poll_data(cx)) {
                Some(Ok(data)) => match event::read(&data) {
                    Ok(None) => continue,
                    Ok(Some(event)) => Ok(event),
                    Err(error) => Err(error),
                },
                Some(Err(error)) => Err(error),
                None => Err(Error::new(
                    ErrorKind::Connection,
                    "the stream ended before the command did; it may still run",
                )),
            };
        };
        this.ended = matches!(item, Err(_) | Ok(ExecEvent::Exited { .. }));
        let api_key = this.api_key.as_ref().map_or("", Secret::expose);
        Poll::Ready(Some(
            item.map_err(|error| error.with_request_id(this.request_id.clone()).without(api_key)),
        ))
    }
}

impl fmt::Debug for ExecStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecStream")
            .field("ended", &self.ended)
            .field("request_id", &self.request_id)
            .finish()
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
