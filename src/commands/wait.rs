//! Waiting for a command's end.

use std::future::IntoFuture;
use std::time::Duration;

use futures::future::BoxFuture;

use super::{Command, CommandExit};
use crate::error::{Error, ErrorKind};
use crate::rt;

/// How often the state is asked for: the first pause, and what it grows to.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Waits for a command's end; see [`Command::wait`]. Await it.
#[derive(Clone, Debug)]
#[must_use = "nothing waits until this is awaited"]
pub struct WaitCommand {
    command: Command,
    timeout: Option<Duration>,
}

impl WaitCommand {
    pub(super) fn new(command: &Command) -> Self {
        Self { command: command.clone(), timeout: None }
    }

    /// How long to wait. Default: until the end. When the limit is over the caller gets
    /// [`ErrorKind::WaitTimeout`] and nothing happens to the command.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    async fn send(self) -> Result<CommandExit, Error> {
        let Some(limit) = self.timeout else {
            return self.ended().await;
        };
        let message = format!(
            "command {} has not ended within {} s; it may still run",
            self.command.id(),
            limit.as_secs_f64()
        );
        rt::or_late(limit, self.ended(), Error::new(ErrorKind::WaitTimeout, message)).await
    }

    async fn ended(&self) -> Result<CommandExit, Error> {
        let mut pause = FIRST_PAUSE;
        loop {
            if let Some(exit) = self.command.info().exit() {
                return Ok(exit);
            }
            self.command.refresh().await?;
            if self.command.info().exit().is_none() {
                rt::sleep(pause).await;
                pause = (pause * 3 / 2).min(LONGEST_PAUSE);
            }
        }
    }
}

impl IntoFuture for WaitCommand {
    type Output = Result<CommandExit, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
