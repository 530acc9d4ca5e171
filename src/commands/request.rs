//! Starting a background command.

use std::collections::BTreeMap;
use std::future::IntoFuture;

use futures::future::BoxFuture;

use super::Command;
use crate::api::types;
use crate::client::Safety;
use crate::error::{Error, ErrorKind};
use crate::{Sandbox, Secret, rt};

/// A command to start in the background; see [`Sandbox::spawn`]. Await it.
#[derive(Clone, Debug)]
#[must_use = "a request is sent only when it is awaited"]
pub struct SpawnRequest {
    sandbox: Sandbox,
    command: String,
    cwd: Option<String>,
    env: BTreeMap<String, Secret>,
    kill_on_drop: bool,
}

impl SpawnRequest {
    pub(crate) fn new(sandbox: &Sandbox, command: String) -> Self {
        Self {
            sandbox: sandbox.clone(),
            command,
            cwd: None,
            env: BTreeMap::new(),
            kill_on_drop: false,
        }
    }

    /// The directory to run in. Default: `/workspace`.
    pub fn cwd(mut self, path: impl Into<String>) -> Self {
        self.cwd = Some(path.into());
        self
    }

    /// Adds one variable to the command's environment, over the sandbox's own.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Adds variables to the command's environment.
    pub fn envs<K: Into<String>, V: Into<Secret>>(
        mut self,
        vars: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let vars = vars.into_iter().map(|(name, value)| (name.into(), value.into()));
        self.env.extend(vars);
        self
    }

    /// Whether the command is killed when the last clone of its handle, and the last
    /// [`CommandStream`](super::CommandStream) made from it, is dropped. Default: no, it runs on.
    ///
    /// The request is then sent from a thread of its own; a failure is told to the client's
    /// [`on_cleanup_error`](crate::ClientBuilder::on_cleanup_error). A process that exits right
    /// after the drop may be gone before the request is.
    pub fn kill_on_drop(mut self, enabled: bool) -> Self {
        self.kill_on_drop = enabled;
        self
    }

    async fn send(self) -> Result<Command, Error> {
        if !self.kill_on_drop {
            return self.post().await;
        }
        // The request runs as a task: if the caller leaves, the command that comes of it is known
        // here, and its handle kills it.
        let (sender, receiver) = futures::channel::oneshot::channel();
        let request = async move {
            drop(sender.send(self.post().await));
        };
        if let Err(request) = rt::spawn(request) {
            request.await;
        }
        receiver.await.unwrap_or_else(|_| {
            Err(Error::new(
                ErrorKind::Connection,
                "the runtime shut down while the command was being started; it may run",
            ))
        })
    }

    async fn post(self) -> Result<Command, Error> {
        let body = &types::StartCommandRequest {
            command: self.command,
            cwd: self.cwd,
            env: (!self.env.is_empty()).then_some(self.env),
            ..types::StartCommandRequest::default()
        };
        let (client, id) = (self.sandbox.client(), self.sandbox.id());
        let send = |api: crate::api::Client| async move { api.start_command(id, body).await };
        let wire = client.call(client.plain(Safety::Once), send).await?.into_inner();
        Ok(Command::from_wire(client.clone(), id.to_owned(), wire, self.kill_on_drop))
    }
}

impl IntoFuture for SpawnRequest {
    type Output = Result<Command, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
