//! A place in a command's output that can be stored.

use std::future::IntoFuture;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::{Command, CommandStream};
use crate::client::check_id;
use crate::client::options::{CallOptions, call_options};
use crate::error::Error;

/// A place in the output of a command: all that another process needs to go on there.
///
/// It holds no key. What is before `offset` has been read, so that a reader that stores the
/// cursor together with what it has read sees every byte once, however often it starts again.
///
/// ```
/// use orkestr::CommandCursor;
///
/// # fn main() -> Result<(), serde_json::Error> {
/// let stored = r#"{"sandbox_id": "sbx_01", "command_id": "cmd_01", "offset": 4096}"#;
/// let cursor: CommandCursor = serde_json::from_str(stored)?;
/// assert_eq!(cursor, CommandCursor::new("sbx_01", "cmd_01", 4096));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct CommandCursor {
    /// The sandbox, `sbx_...`.
    pub sandbox_id: String,
    /// The command, `cmd_...`.
    pub command_id: String,
    /// How many bytes of the output, stdout and stderr combined, have been read.
    #[serde(default)]
    pub offset: u64,
}

impl CommandCursor {
    /// The place before byte `offset` of a command's output.
    pub fn new(sandbox_id: impl Into<String>, command_id: impl Into<String>, offset: u64) -> Self {
        Self { sandbox_id: sandbox_id.into(), command_id: command_id.into(), offset }
    }
}

/// A command to reach again; see [`Command::attach`]. Await it, or go on reading.
#[derive(Clone, Debug)]
#[must_use = "a request is sent only when it is awaited"]
pub struct AttachCommand {
    cursor: CommandCursor,
    options: CallOptions,
}

impl AttachCommand {
    pub(super) fn new(cursor: CommandCursor) -> Self {
        Self { cursor, options: CallOptions::default() }
    }

    call_options!();

    /// The output from the cursor on, without asking for the command's state first.
    ///
    /// # Errors
    ///
    /// Before anything is sent: [`ErrorKind::Auth`](crate::ErrorKind::Auth) if there is no key,
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for what is no id.
    pub fn stream(self) -> Result<CommandStream, Error> {
        check_id("sandbox id", &self.cursor.sandbox_id)?;
        check_id("command id", &self.cursor.command_id)?;
        Ok(CommandStream::new(self.options.resolve()?, self.cursor))
    }

    async fn send(self) -> Result<Command, Error> {
        let client = self.options.resolve()?;
        super::get(client, &self.cursor.sandbox_id, &self.cursor.command_id).await
    }
}

impl IntoFuture for AttachCommand {
    type Output = Result<Command, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
