//! What the server says of a background command.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::api::{CommandStatus, types};

/// The state of a background command at one moment. `Command` in the contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct CommandInfo {
    /// The id, `cmd_...`.
    pub id: String,
    /// The command line, if the server says it.
    pub command: Option<String>,
    /// Its process id in the sandbox, if the server says it.
    pub pid: Option<i64>,
    /// The status.
    pub status: CommandStatus,
    /// The code that it exited with; none while it runs, and none if a signal ended it.
    pub exit_code: Option<i32>,
    /// When it was started, if the server says it.
    pub started_at: Option<Timestamp>,
}

impl From<types::Command> for CommandInfo {
    fn from(wire: types::Command) -> Self {
        Self {
            id: wire.id,
            command: wire.command,
            pid: wire.pid.map(i64::from),
            status: wire.status,
            exit_code: wire.exit_code,
            started_at: wire.started_at,
        }
    }
}

impl CommandInfo {
    /// How it ended, once it has. A status of the future may be one of waiting as well as of
    /// having ended: it is taken for an end only if it comes with an exit code.
    pub(super) fn exit(&self) -> Option<CommandExit> {
        let has_ended = matches!(self.status, CommandStatus::Exited | CommandStatus::Killed);
        (has_ended || self.exit_code.is_some())
            .then(|| CommandExit { status: self.status.clone(), exit_code: self.exit_code })
    }
}

/// How a background command ended; from [`Command::wait`](super::Command::wait).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct CommandExit {
    /// [`CommandStatus::Exited`], or [`CommandStatus::Killed`] if a signal ended it.
    pub status: CommandStatus,
    /// The code that it exited with; none if a signal ended it.
    pub exit_code: Option<i32>,
}

impl CommandExit {
    /// Whether the exit code is 0.
    pub fn success(&self) -> bool {
        self.exit_code == Some(0)
    }
}
