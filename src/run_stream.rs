//! What the streams of commands and of code share: events of one kind, of which one is the last.

use std::fmt;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::Secret;
use crate::error::{Error, ErrorKind};
use crate::sse::{Body, Events};

/// Ends after the last event or after one error, whatever the server sends behind it.
pub(crate) struct RunStream {
    events: Option<Events>,
    ended: bool,
    request_id: Option<String>,
    api_key: Option<Secret>,
}

impl RunStream {
    pub(crate) fn new(body: Body, idle: Duration, request_id: Option<String>) -> Self {
        Self { events: Some(Events::new(body, idle)), ended: false, request_id, api_key: None }
    }

    /// Keeps the key out of what the server says.
    pub(crate) fn hiding(mut self, api_key: Secret) -> Self {
        self.api_key = Some(api_key);
        self
    }

    pub(crate) fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// What `read` makes of the next event that means something to it. `cut` is what is said if
    /// the stream ends before the event that `is_last`.
    pub(crate) fn poll_event<T>(
        &mut self,
        cx: &mut Context<'_>,
        read: impl Fn(&str) -> Result<Option<T>, Error>,
        is_last: impl Fn(&T) -> bool,
        cut: &'static str,
    ) -> Poll<Option<Result<T, Error>>> {
        let Some(events) = &mut self.events else {
            return Poll::Ready(None);
        };
        if self.ended {
            events.drain(cx);
            self.events = None;
            return Poll::Ready(None);
        }
        let item = loop {
            break match ready!(events.poll_data(cx)) {
                Some(Ok(data)) => match read(&data) {
                    Ok(None) => continue,
                    Ok(Some(event)) => Ok(event),
                    Err(error) => Err(error),
                },
                Some(Err(error)) => Err(error),
                None => Err(Error::new(ErrorKind::Connection, cut)),
            };
        };
        self.ended = item.as_ref().map_or(true, is_last);
        let api_key = self.api_key.as_ref().map_or("", Secret::expose);
        Poll::Ready(Some(
            item.map_err(|error| error.with_request_id(self.request_id.clone()).without(api_key)),
        ))
    }
}

impl fmt::Debug for RunStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunStream")
            .field("ended", &self.ended)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}
