//! Asking again and again.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use futures::future::BoxFuture;

use super::{Metrics, MetricsSample, request};
use crate::api::SandboxStatus;
use crate::error::Error;
use crate::{Sandbox, Timestamp, rt};

/// Where the server does not tell its interval.
const INTERVAL: Duration = Duration::from_secs(5);
/// No server is asked more often on its own word, or left alone longer.
const SHORTEST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// The samples of a sandbox, each once and oldest first; from
/// [`Sandbox::metrics_stream`](crate::Sandbox::metrics_stream).
///
/// Begins with what the server still keeps, about the last minute, and then asks for news at the
/// server's own interval. It goes on while the sandbox is paused, when there are none, and ends
/// when it is terminated or has failed, or is no longer known.
///
/// A request that fails is sent again as the client's
/// [`transient_retry`](crate::ClientBuilder::transient_retry) says; what remains is the stream's
/// one error, and its end. [`last`](Self::last) tells from where another stream would go on.
///
/// Everything happens while it is polled: a caller that looks away for longer than the server
/// keeps samples misses those in between. Dropping it ends a request that is under way, and
/// nothing else; a `next()` that is dropped loses nothing.
#[must_use = "a stream does nothing until it is polled"]
pub struct MetricsStream {
    sandbox: Sandbox,
    every: Option<Duration>,
    /// The time of the newest sample that was received.
    seen: Option<Timestamp>,
    /// The time of the newest sample that was given.
    last: Option<Timestamp>,
    /// Whether the server has ever known the sandbox.
    is_known: bool,
    ready: VecDeque<MetricsSample>,
    state: State,
}

enum State {
    Asking(BoxFuture<'static, Result<Metrics, Error>>),
    Waiting(Pin<Box<tokio::time::Sleep>>),
    Start,
    Done,
}

impl MetricsStream {
    pub(crate) fn new(sandbox: &Sandbox) -> Self {
        Self {
            sandbox: sandbox.clone(),
            every: None,
            seen: None,
            last: None,
            is_known: false,
            ready: VecDeque::new(),
            state: State::Start,
        }
    }

    /// Only samples after this moment. Default: all that the server keeps.
    pub fn since(mut self, time: impl Into<Timestamp>) -> Self {
        self.last = Some(time.into());
        self.seen = self.last;
        self
    }

    /// How long to wait between two requests. Default: the server's sample interval, from 0.5 s to
    /// 30 s. Longer than the server's window, about a minute, would miss samples.
    pub fn every(mut self, interval: Duration) -> Self {
        self.every = Some(interval);
        self
    }

    /// The time of the newest sample that this stream has given, or what
    /// [`since`](Self::since) was set to.
    pub fn last(&self) -> Option<Timestamp> {
        self.last
    }

    fn ask(&self) -> BoxFuture<'static, Result<Metrics, Error>> {
        let (sandbox, since) = (self.sandbox.clone(), self.seen);
        Box::pin(async move { request::get(sandbox.client(), sandbox.id(), since).await })
    }

    fn take(&mut self, metrics: Metrics) -> State {
        self.is_known = true;
        let mut samples = metrics.samples;
        samples.sort_by_key(|sample| sample.at);
        for sample in samples {
            if self.seen.is_none_or(|seen| sample.at > seen) {
                self.seen = Some(sample.at);
                self.ready.push_back(sample);
            }
        }
        if matches!(metrics.status, Some(SandboxStatus::Terminated | SandboxStatus::Failed)) {
            return State::Done;
        }
        let told = metrics.sample_interval.unwrap_or(INTERVAL).clamp(SHORTEST, LONGEST);
        State::Waiting(Box::pin(rt::sleep(self.every.unwrap_or(told))))
    }
}

impl Stream for MetricsStream {
    type Item = Result<MetricsSample, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(sample) = this.ready.pop_front() {
                this.last = Some(sample.at);
                return Poll::Ready(Some(Ok(sample)));
            }
            match &mut this.state {
                State::Start => this.state = State::Asking(this.ask()),
                State::Waiting(sleep) => {
                    if sleep.as_mut().poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                    this.state = State::Start;
                }
                State::Asking(asking) => match asking.as_mut().poll(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(metrics)) => this.state = this.take(metrics),
                    Poll::Ready(Err(error)) => {
                        this.state = State::Done;
                        // Servers forget sandboxes some time after their end.
                        if !(this.is_known && error.is_sandbox_not_found()) {
                            return Poll::Ready(Some(Err(error)));
                        }
                    }
                },
                State::Done => return Poll::Ready(None),
            }
        }
    }
}

impl fmt::Debug for MetricsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsStream")
            .field("sandbox", &self.sandbox.id())
            .field("last", &self.last)
            .field("ended", &matches!(self.state, State::Done))
            .finish_non_exhaustive()
    }
}
