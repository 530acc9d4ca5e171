//! The handle to one background command.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Serialize, Serializer};

use super::{
    AttachCommand, CommandCursor, CommandInfo, CommandLogs, CommandStream, WaitCommand, logs,
    on_command,
};
use crate::api::{CommandStatus, types};
use crate::client::{Client, Safety};
use crate::error::{Error, ErrorKind};
use crate::{Timestamp, rt};

/// A command that runs in the background of a sandbox; from
/// [`Sandbox::spawn`](crate::Sandbox::spawn).
///
/// It survives the pause of its sandbox and ends with it. Its output, stdout and stderr combined,
/// is kept by the server and addressed by byte offsets.
///
/// A handle is cheap to clone, and clones share what is known of the command: the accessors tell
/// what the server last said, and [`refresh`](Self::refresh) asks again. Dropping it leaves the
/// command running, unless it was spawned with
/// [`kill_on_drop`](super::SpawnRequest::kill_on_drop).
///
/// It serialises as the [`CommandCursor`] of its first byte of output, from which any process can
/// [`attach`](Self::attach).
///
/// ```no_run
/// use futures::TryStreamExt;
/// use orkestr::{Command, CommandCursor, CommandEvent};
///
/// # async fn run(sbx: orkestr::Sandbox) -> Result<(), orkestr::Error> {
/// let build = sbx.spawn("make").cwd("/workspace/app").await?;
/// let mut stream = build.stream(0);
/// let seen = stream.try_next().await?;
/// let cursor: CommandCursor = stream.cursor(); // keep it with what was seen
///
/// // Later, elsewhere: the next byte and every one after it.
/// let mut stream = Command::attach(cursor).stream()?;
/// while let Some(event) = stream.try_next().await? {
///     match event {
///         CommandEvent::Stdout(bytes) => println!("{} bytes", bytes.len()),
///         CommandEvent::Exited { exit_code, .. } => println!("exit code {exit_code}"),
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Command(Arc<Inner>);

struct Inner {
    client: Client,
    sandbox_id: String,
    id: String,
    kill_on_drop: bool,
    info: RwLock<Arc<CommandInfo>>,
}

impl Command {
    pub(super) fn from_wire(
        client: Client,
        sandbox_id: String,
        wire: types::Command,
        kill_on_drop: bool,
    ) -> Self {
        let info = CommandInfo::from(wire);
        let id = info.id.clone();
        let info = RwLock::new(Arc::new(info));
        Self(Arc::new(Inner { client, sandbox_id, id, kill_on_drop, info }))
    }

    /// Reaches a command from its cursor, also from another process than its spawner's. Await the
    /// request for the handle, or go on reading by [`AttachCommand::stream`].
    /// `GET /v1/sandboxes/{id}/commands/{cmd}`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if there is no such command, or no such sandbox.
    pub fn attach(cursor: impl Into<CommandCursor>) -> AttachCommand {
        AttachCommand::new(cursor.into())
    }

    /// Asks the server for the present state. `GET /v1/sandboxes/{id}/commands/{cmd}`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if it is gone, [`ErrorKind::SandboxNotReady`] if its sandbox has
    /// ended.
    pub async fn refresh(&self) -> Result<(), Error> {
        let (client, sandbox, id) = (self.client(), self.sandbox_id(), self.id());
        let send = |api: crate::api::Client| async move { api.get_command(sandbox, id).await };
        let call = on_command(client, Safety::Repeatable);
        let wire = client.call(call, send).await?.into_inner();
        let mut info = self.0.info.write().unwrap_or_else(PoisonError::into_inner);
        *info = Arc::new(CommandInfo::from(wire));
        Ok(())
    }

    /// Waits until the command has ended. Await the request; [`WaitCommand::timeout`] limits it.
    ///
    /// It asks for the state, first every 50 ms and later every 2 s, and transfers no output. A
    /// status that this version does not know is no end unless it comes with an exit code.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WaitTimeout`] when the caller's limit is over: the command runs on.
    /// Otherwise as for [`refresh`](Self::refresh). A code other than 0 and a kill are results.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the command alone.
    pub fn wait(&self) -> WaitCommand {
        WaitCommand::new(self)
    }

    /// Ends the command: SIGTERM to its process group, then SIGKILL. On one that has ended it
    /// does nothing. [`wait`](Self::wait) tells when and how it ended.
    /// `DELETE /v1/sandboxes/{id}/commands/{cmd}`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if it is gone, [`ErrorKind::SandboxNotReady`] if its sandbox is
    /// paused or has ended.
    pub async fn kill(&self) -> Result<(), Error> {
        kill(self.client(), self.sandbox_id(), self.id()).await
    }

    /// The output from byte `offset` on that there is now, as text, up to a bound of the server:
    /// while it is [`truncated`](CommandLogs::truncated), ask again from
    /// [`next_offset`](CommandLogs::next_offset).
    /// `GET /v1/sandboxes/{id}/commands/{cmd}/logs`.
    ///
    /// Output that is not UTF-8 arrives with U+FFFD in its place, and so does a character that is
    /// half written: [`stream`](Self::stream) is the way to read bytes.
    ///
    /// # Errors
    ///
    /// As for [`refresh`](Self::refresh), and [`ErrorKind::Api`](crate::ErrorKind::Api) (code
    /// `output_truncated`) where the server no longer keeps the output at `offset`.
    pub async fn logs(&self, offset: u64) -> Result<CommandLogs, Error> {
        logs::get(self, offset).await
    }

    /// The output from byte `offset` on, byte for byte, as it comes, until the command's end.
    /// Nothing is sent before the stream is polled.
    /// `GET /v1/sandboxes/{id}/commands/{cmd}/logs?follow=true`.
    pub fn stream(&self, offset: u64) -> CommandStream {
        CommandStream::new(self.client().clone(), self.cursor(offset)).keeping(self.clone())
    }

    /// The place of byte `offset` in this command's output: serialise it to go on elsewhere.
    pub fn cursor(&self, offset: u64) -> CommandCursor {
        CommandCursor::new(self.sandbox_id(), self.id(), offset)
    }

    /// The client that this handle sends with.
    pub fn client(&self) -> &Client {
        &self.0.client
    }
}

/// What the server last said of the command.
impl Command {
    /// All of it at one moment.
    pub fn info(&self) -> Arc<CommandInfo> {
        self.0.info.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The id, `cmd_...`: keep it with the sandbox's to reach the command again.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The id of the sandbox that it runs in.
    pub fn sandbox_id(&self) -> &str {
        &self.0.sandbox_id
    }

    /// The status when it was last asked for.
    pub fn status(&self) -> CommandStatus {
        self.info().status.clone()
    }

    /// The command line, if the server says it.
    pub fn command_line(&self) -> Option<String> {
        self.info().command.clone()
    }

    /// Its process id in the sandbox, if the server says it.
    pub fn pid(&self) -> Option<i64> {
        self.info().pid
    }

    /// The code that it exited with; none while it runs, and none if a signal ended it.
    pub fn exit_code(&self) -> Option<i32> {
        self.info().exit_code
    }

    /// When it was started, if the server says it.
    pub fn started_at(&self) -> Option<Timestamp> {
        self.info().started_at
    }
}

async fn kill(client: &Client, sandbox: &str, id: &str) -> Result<(), Error> {
    let send = |api: crate::api::Client| async move { api.kill_command(sandbox, id).await };
    client.call(on_command(client, Safety::Repeatable), send).await?;
    Ok(())
}

impl Drop for Inner {
    fn drop(&mut self) {
        let info = self.info.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !self.kill_on_drop || info.exit().is_some() {
            return;
        }
        let (client, sandbox, id) = (self.client.clone(), self.sandbox_id.clone(), self.id.clone());
        rt::detach(async move {
            let killed = async { kill(&client.detached()?, &sandbox, &id).await }.await;
            match killed {
                Ok(()) => {}
                // Nothing of it is left.
                Err(error) if error.is_not_found() || error.is_sandbox_not_ready() => {}
                Err(error) => {
                    let message = format!("command {id} of sandbox {sandbox} could not be killed");
                    let error = Error::new(ErrorKind::Cleanup, message)
                        .with_sandbox_id(&sandbox)
                        .with_source(error);
                    client.report_cleanup_error(&error);
                }
            }
        });
    }
}

impl Serialize for Command {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.cursor(0).serialize(serializer)
    }
}

impl From<&Command> for CommandCursor {
    fn from(command: &Command) -> Self {
        command.cursor(0)
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.info(), f)
    }
}
