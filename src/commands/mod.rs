//! Commands in the background: `sbx.spawn`, `sbx.commands` and `sbx.command`.

mod cursor;
mod handle;
mod info;
mod logs;
mod request;
mod stream;
mod wait;

pub use cursor::{AttachCommand, CommandCursor};
pub use handle::Command;
pub use info::{CommandExit, CommandInfo};
pub use logs::CommandLogs;
pub use request::SpawnRequest;
pub use stream::{CommandEvent, CommandStream};
pub use wait::WaitCommand;

use crate::Error;
use crate::client::{Call, Client, Safety, check_id};
use crate::error::Scope;
use crate::sandbox::Sandbox;

/// A call on one command: an answer of 404 may speak of the command alone.
fn on_command(client: &Client, safety: Safety) -> Call {
    Call { scope: Scope::Within, ..client.plain(safety) }
}

pub(crate) async fn list(sandbox: &Sandbox) -> Result<Vec<Command>, Error> {
    let (client, id) = (sandbox.client(), sandbox.id());
    let send = |api: crate::api::Client| async move { api.list_commands(id).await };
    let wire = client.call(client.plain(Safety::Repeatable), send).await?.into_inner();
    let handle = |wire| Command::from_wire(client.clone(), id.to_owned(), wire, false);
    Ok(wire.commands.into_iter().map(handle).collect())
}

pub(crate) async fn get(client: Client, sandbox: &str, command: &str) -> Result<Command, Error> {
    let sandbox = check_id("sandbox id", sandbox)?;
    let command = check_id("command id", command)?;
    let send = |api: crate::api::Client| async move { api.get_command(sandbox, command).await };
    let call = on_command(&client, Safety::Repeatable);
    let wire = client.call(call, send).await?.into_inner();
    Ok(Command::from_wire(client, sandbox.to_owned(), wire, false))
}
