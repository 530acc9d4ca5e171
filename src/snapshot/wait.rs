//! Waiting until a snapshot is ready.

use std::future::IntoFuture;
use std::time::Duration;

use futures::future::BoxFuture;

use super::Snapshot;
use crate::api::SnapshotStatus;
use crate::error::{Error, ErrorKind};
use crate::rt;

/// How often the state is asked for: the first pause, and what it grows to.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Waits until a snapshot is ready; see [`Snapshot::wait_ready`]. Await it.
#[derive(Clone, Debug)]
#[must_use = "nothing waits until this is awaited"]
pub struct WaitSnapshot {
    snapshot: Snapshot,
    timeout: Option<Duration>,
}

impl WaitSnapshot {
    pub(super) fn new(snapshot: &Snapshot) -> Self {
        Self { snapshot: snapshot.clone(), timeout: None }
    }

    /// How long to wait. Default: until it is ready or has failed. When the limit is over the
    /// caller gets [`ErrorKind::WaitTimeout`] and nothing happens to the snapshot.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    async fn send(self) -> Result<(), Error> {
        let Some(limit) = self.timeout else {
            return self.ready().await;
        };
        let message = format!(
            "snapshot {} is not ready within {} s; it may still become so",
            self.snapshot.id(),
            limit.as_secs_f64()
        );
        rt::or_late(limit, self.ready(), Error::new(ErrorKind::WaitTimeout, message)).await
    }

    async fn ready(&self) -> Result<(), Error> {
        let mut pause = FIRST_PAUSE;
        loop {
            let info = self.snapshot.info();
            match info.status {
                SnapshotStatus::Ready => return Ok(()),
                SnapshotStatus::Failed => {
                    let reason = info.error_message.as_deref().unwrap_or("no reason is given");
                    let message = format!("snapshot {} has failed: {reason}", info.id);
                    return Err(Error::new(ErrorKind::Conflict, message));
                }
                // One of the future may be one of waiting.
                _ => {}
            }
            rt::sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
            self.snapshot.refresh().await?;
        }
    }
}

impl IntoFuture for WaitSnapshot {
    type Output = Result<(), Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
