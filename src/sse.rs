//! Server-sent events from a response body, polled directly: no task, no channel.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use sse_stream::SseByteStream;

use crate::error::{Error, ErrorKind};
use crate::rt;

/// A longer event is a defect or an attack: it would be held in memory whole.
const LONGEST_EVENT: usize = 128 * 1024 * 1024;

pub(crate) type Body = Pin<Box<dyn Stream<Item = Result<Bytes, reqwest::Error>> + Send + Sync>>;

/// The `data` of each event; comments, ids and events without data are passed over.
///
/// Yields one error at the most, and nothing after it.
pub(crate) struct Events {
    inner: SseByteStream<Limited>,
    unframed: Arc<AtomicUsize>,
    /// What `unframed` was when the body was last found silent.
    heard: usize,
    idle: Idle,
    done: bool,
}

impl Events {
    /// `idle` is how long the body may stay silent while somebody waits for it.
    pub(crate) fn new(body: Body, idle: Duration) -> Self {
        let unframed = Arc::<AtomicUsize>::default();
        let limited = Limited { body, unframed: unframed.clone() };
        let inner = SseByteStream::new(limited);
        Self { inner, unframed, heard: 0, idle: Idle::new(idle), done: false }
    }

    pub(crate) fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<String, Error>>> {
        if self.done {
            return Poll::Ready(None);
        }
        loop {
            let next = match Pin::new(&mut self.inner).poll_next(cx) {
                Poll::Ready(next) => next,
                Poll::Pending => {
                    // Half an event and a comment are signs of life too.
                    let heard = self.unframed.load(Ordering::Relaxed);
                    if std::mem::replace(&mut self.heard, heard) != heard {
                        self.idle.disarm();
                    }
                    ready!(self.idle.poll_elapsed(cx));
                    self.done = true;
                    return Poll::Ready(Some(Err(self.idle.error())));
                }
            };
            self.idle.disarm();
            match next {
                Some(Ok(event)) => {
                    self.unframed.store(0, Ordering::Relaxed);
                    if let Some(data) = event.data.filter(|data| !data.is_empty()) {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
                Some(Err(error)) => {
                    self.done = true;
                    return Poll::Ready(Some(Err(explain(error))));
                }
                None => {
                    self.done = true;
                    return Poll::Ready(None);
                }
            }
        }
    }
}

impl Events {
    /// Reads what is already here of a stream that has said its last word, and waits for nothing:
    /// a body read to its end frees the connection for the next call.
    pub(crate) fn drain(&mut self, cx: &mut Context<'_>) {
        const ENOUGH: usize = 16;
        for _ in 0..ENOUGH {
            if !matches!(Pin::new(&mut self.inner).poll_next(cx), Poll::Ready(Some(Ok(_)))) {
                break;
            }
        }
        self.done = true;
    }
}

fn explain(error: sse_stream::Error) -> Error {
    match error {
        sse_stream::Error::Body(cause) => match cause.downcast::<BodyError>() {
            Ok(cause) => match *cause {
                BodyError::Broken(cause) => Error::new(
                    ErrorKind::Connection,
                    "the connection broke in the middle of the stream",
                )
                .with_source(cause.without_url()),
                BodyError::TooLong => Error::new(
                    ErrorKind::Decode,
                    format!("an event of the stream is longer than {LONGEST_EVENT} bytes"),
                ),
            },
            Err(cause) => Error::new(ErrorKind::Connection, "the stream broke").with_source(cause),
        },
        other => Error::new(ErrorKind::Decode, "the stream is not UTF-8").with_source(other),
    }
}

/// Counts what has come since the last whole event.
struct Limited {
    body: Body,
    unframed: Arc<AtomicUsize>,
}

#[derive(Debug)]
enum BodyError {
    Broken(reqwest::Error),
    TooLong,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body of the stream cannot be read")
    }
}

impl std::error::Error for BodyError {}

impl Stream for Limited {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = ready!(self.body.as_mut().poll_next(cx));
        Poll::Ready(next.map(|chunk| {
            let chunk = chunk.map_err(BodyError::Broken)?;
            let before = self.unframed.fetch_add(chunk.len(), Ordering::Relaxed);
            if before + chunk.len() > LONGEST_EVENT {
                return Err(BodyError::TooLong);
            }
            Ok(chunk)
        }))
    }
}

/// Runs only while the reader waits: a slow reader is not a silent server.
struct Idle {
    limit: Duration,
    timer: Option<Pin<Box<tokio::time::Sleep>>>,
    armed: bool,
}

impl Idle {
    fn new(limit: Duration) -> Self {
        Self { limit, timer: None, armed: false }
    }

    fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let limit = self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(rt::sleep(limit)));
        if !self.armed {
            // A limit beyond the clock's end is no limit.
            let Some(deadline) = rt::Instant::now().checked_add(limit) else {
                return Poll::Pending;
            };
            timer.as_mut().reset(deadline);
            self.armed = true;
        }
        timer.as_mut().poll(cx)
    }

    fn disarm(&mut self) {
        self.armed = false;
    }

    fn error(&self) -> Error {
        Error::new(
            ErrorKind::Connection,
            format!("the stream was silent for {} s", self.limit.as_secs_f64()),
        )
    }
}
