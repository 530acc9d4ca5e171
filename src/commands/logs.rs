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
    /// Where the next output begins, in bytes: the offset to ask for next. Exact where the output
    /// is UTF-8 or the text reaches its end; elsewhere it is not known how many bytes became
    /// U+FFFD, and this is the least: output may then come again, and is never left out.
    pub next_offset: u64,
    /// Whether the answer reached its bound, so that there is more from `next_offset` on.
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
    let truncated = page.truncated.unwrap_or(false);
    let size = page.size.and_then(Integer::unsigned);
    let next_offset = next_offset(offset, &page.content, size.filter(|_| !truncated));
    Ok(CommandLogs { text: page.content, next_offset, truncated })
}

fn next_offset(offset: u64, text: &str, end: Option<u64>) -> u64 {
    let lost = text.matches(char::REPLACEMENT_CHARACTER).count();
    let least = text.len() - lost * (char::REPLACEMENT_CHARACTER.len_utf8() - 1);
    let least = offset.saturating_add(least as u64);
    match end {
        Some(end) if lost > 0 => end.max(least),
        _ => least,
    }
}

pub(super) fn wire(offset: u64) -> Result<Integer, Error> {
    let number = i64::try_from(offset);
    number.map(Integer).map_err(|_| {
        Error::invalid_input(format!("the offset {offset} is larger than the API can express"))
    })
}
