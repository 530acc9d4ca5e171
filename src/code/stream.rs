//! A running piece of code's events, as they arrive.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::{Stream, StreamExt as _};

use super::event::{self, CodeEvent};
use super::{CodeDone, Execution};
use crate::Secret;
use crate::error::{Error, ErrorKind};
use crate::sse::{Body, Events};

/// What running code writes and shows; see
/// [`Sandbox::run_code_stream`](crate::Sandbox::run_code_stream).
///
/// Yields [`CodeEvent`]s and ends after [`CodeEvent::Done`] or after one error, whatever the
/// server sends behind it. An exception in the code is an event, not an error. A connection that
/// ends before either is an error of kind [`ErrorKind::Connection`].
///
/// Dropping the stream closes the connection; the code runs on until its own timeout.
#[must_use = "a stream does nothing until it is polled"]
pub struct CodeStream {
    events: Option<Events>,
    ended: bool,
    request_id: Option<String>,
    api_key: Option<Secret>,
}

impl CodeStream {
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
                    "the stream ended before the code did; it may still run",
                )),
            };
        };
        this.ended = matches!(item, Err(_) | Ok(CodeEvent::Done(CodeDone { .. })));
        let api_key = this.api_key.as_ref().map_or("", Secret::expose);
        Poll::Ready(Some(
            item.map_err(|error| error.with_request_id(this.request_id.clone()).without(api_key)),
        ))
    }
}

impl fmt::Debug for CodeStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeStream")
            .field("ended", &self.ended)
            .field("request_id", &self.request_id)
            .finish()
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
