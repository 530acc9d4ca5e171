//! How a body travels under a fault: in pieces, slowly, held up, cut.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use futures::StreamExt as _;

use super::connection::Connection;
use super::registry::Entry;

pub(super) struct Transport {
    struck: Arc<Entry>,
    connection: Connection,
    sent: u64,
    stall_after: Option<u64>,
    cut_after: Option<u64>,
    waiting: Bytes,
    started: bool,
}

impl Transport {
    pub(super) fn new(struck: Arc<Entry>, connection: Connection) -> Self {
        let (stall_after, cut_after) = (struck.fault.stall_after, struck.fault.cut_after);
        let waiting = Bytes::new();
        Self { struck, connection, sent: 0, stall_after, cut_after, waiting, started: false }
    }

    /// The next piece of `source`, or `None` at its end.
    async fn next(&mut self, source: &mut BodyDataStream) -> Option<io::Result<Bytes>> {
        // What was handed over before leaves before the next piece comes.
        let mut flushed = !self.started || self.struck.fault.split.is_none();
        self.started = true;
        if self.waiting.is_empty() && !self.is_due() {
            if !flushed {
                self.connection.flushed().await;
                flushed = true;
            }
            loop {
                match source.next().await {
                    Some(Ok(bytes)) if bytes.is_empty() => {}
                    Some(Ok(bytes)) => {
                        self.waiting = bytes;
                        break;
                    }
                    Some(Err(error)) => return Some(Err(io::Error::other(error))),
                    None if self.cut_after.is_some() => return Some(Err(self.cut().await)),
                    None => return None,
                }
            }
        }
        if self.stall_after == Some(self.sent) {
            self.stall_after = None;
            self.struck.cleared().await;
        }
        if self.cut_after == Some(self.sent) {
            return Some(Err(self.cut().await));
        }
        if self.waiting.is_empty() {
            return Some(Ok(Bytes::new()));
        }
        if !flushed {
            self.connection.flushed().await;
        }
        if let Some(delay) = self.struck.fault.slow_ms {
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
        let mut length = self.waiting.len();
        if let Some(split) = self.struck.fault.split {
            length = length.min(split);
        }
        for mark in [self.stall_after, self.cut_after].into_iter().flatten() {
            let left = usize::try_from(mark - self.sent).unwrap_or(usize::MAX);
            length = length.min(left);
        }
        let piece = self.waiting.split_to(length);
        self.sent += piece.len() as u64;
        Some(Ok(piece))
    }

    /// Whether something happens before the next byte is asked for.
    fn is_due(&self) -> bool {
        let here = Some(self.sent);
        self.stall_after == here || self.cut_after == here
    }

    async fn cut(&mut self) -> io::Error {
        self.connection.flushed().await;
        self.connection.cut();
        io::Error::new(io::ErrorKind::ConnectionAborted, "cut by a fault")
    }
}

/// `body` under the fault. A stall keeps no more of it than one piece.
pub(super) fn carry(body: Body, transport: Transport) -> Body {
    let source = body.into_data_stream();
    let pieces =
        futures::stream::unfold((source, transport), |(mut source, mut transport)| async move {
            let piece = transport.next(&mut source).await?;
            Some((piece, (source, transport)))
        });
    Body::from_stream(pieces)
}
