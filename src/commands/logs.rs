//! A command's output so far, as text.

use serde::Serialize;

use super::{Command, on_command};
use crate::client::Safety;
use crate::error::Error;
use crate::wire::Integer;

/// Output of a command from an offset on; from [`Command::logs`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct CommandLogs {
    /// The text. What is not UTF-8 became U+FFFD, so its length need not be that of the output.
    pub text: String,
    /// Where the next output begins, in bytes: the offset to ask for next.
    pub next_offset: u64,
    /// Whether output from the asked offset on is missing because the server no longer keeps it.
    pub truncated: bool,
}

impl CommandLogs {
    /// The text's bytes, which are the output's own where that is UTF-8.
    pub fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

pub(super) async fn get(command: &Command, offset: u64) -> Result<CommandLogs, Error> {
    let (client, sandbox, id) = (command.client(), command.sandbox_id(), command.id());
    let wire_offset = &wire(offset)?;
    let send = |api: crate::api::Client| async move {
        api.get_command_logs(sandbox, id, None, Some(wire_offset), None).await
    };
    let call = on_command(client, Safety::Repeatable);
    let page = client.call(call, send).await?.into_inner();
    // A server that does not say the size has sent what there is.
    let next = page.size.and_then(Integer::unsigned);
    let next = next.unwrap_or_else(|| offset.saturating_add(page.content.len() as u64));
    Ok(CommandLogs {
        text: page.content,
        next_offset: next.max(offset),
        truncated: page.truncated.unwrap_or(false),
    })
}

pub(super) fn wire(offset: u64) -> Result<Integer, Error> {
    let number = i64::try_from(offset);
    number.map(Integer).map_err(|_| {
        Error::invalid_input(format!("the offset {offset} is larger than the API can express"))
    })
}
