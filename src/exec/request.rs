//! The two ways to run a command, awaited like any future.

use std::collections::BTreeMap;
use std::future::IntoFuture;
use std::time::Duration;

use futures::future::BoxFuture;
use progenitor_client::{ByteStream, ResponseValue};

use super::{ExecResult, ExecStream};
use crate::api::types;
use crate::client::{Call, Client, Safety};
use crate::error::{Error, ErrorKind, Scope, from_event, known_code};
use crate::sse::Body;
use crate::wire::whole_seconds;
use crate::{Sandbox, Secret};

/// How long a command may run where the caller says nothing (reference: "sbx.exec").
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
struct Command {
    sandbox: Sandbox,
    command: String,
    cwd: Option<String>,
    env: BTreeMap<String, Secret>,
    timeout: Option<Duration>,
}

impl Command {
    fn new(sandbox: &Sandbox, command: String) -> Self {
        Self { sandbox: sandbox.clone(), command, cwd: None, env: BTreeMap::new(), timeout: None }
    }

    fn body(&self, stream: bool) -> Result<types::ExecRequest, Error> {
        Ok(types::ExecRequest {
            command: self.command.clone(),
            cwd: self.cwd.clone(),
            env: (!self.env.is_empty()).then(|| self.env.clone()),
            timeout_seconds: self.timeout.map(whole_seconds).transpose()?,
            stream: Some(stream),
            ..types::ExecRequest::default()
        })
    }

    /// Beyond the command's own timeout: the server's word on it is worth waiting for.
    fn patience(&self) -> Duration {
        let timeout = self.timeout.unwrap_or(DEFAULT_TIMEOUT);
        timeout.saturating_add(self.sandbox.client().exec_grace())
    }

    fn call(&self, streams: bool) -> Call {
        Call { scope: Scope::Sandbox, safety: Safety::Once, limit: self.patience(), streams }
    }
}

macro_rules! command_options {
    () => {
        /// The directory to run in. Default: `/workspace`.
        pub fn cwd(mut self, path: impl Into<String>) -> Self {
            self.command.cwd = Some(path.into());
            self
        }

        /// Adds one variable to the command's environment, over the sandbox's own.
        pub fn env(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
            self.command.env.insert(name.into(), value.into());
            self
        }

        /// Adds variables to the command's environment.
        pub fn envs<K: Into<String>, V: Into<Secret>>(
            mut self,
            vars: impl IntoIterator<Item = (K, V)>,
        ) -> Self {
            let vars = vars.into_iter().map(|(name, value)| (name.into(), value.into()));
            self.command.env.extend(vars);
            self
        }

        /// How long the command may run, rounded up to whole seconds. Default: 60 s. Then it
        /// gets SIGTERM, 2 s later SIGKILL, and the call ends with
        /// [`ErrorKind::ExecTimeout`](crate::ErrorKind::ExecTimeout); the sandbox runs on.
        pub fn timeout(mut self, timeout: Duration) -> Self {
            self.command.timeout = Some(timeout);
            self
        }
    };
}

/// A command to run to its end; see [`Sandbox::exec`]. Await it.
#[derive(Clone, Debug)]
#[must_use = "a request is sent only when it is awaited"]
pub struct ExecRequest {
    command: Command,
}

impl ExecRequest {
    pub(crate) fn new(sandbox: &Sandbox, command: String) -> Self {
        Self { command: Command::new(sandbox, command) }
    }

    command_options!();

    async fn send(self) -> Result<ExecResult, Error> {
        let command = &self.command;
        let body = &command.body(false)?;
        let id = command.sandbox.id();
        let send = |api: crate::api::Client| async move { api.exec_command(id, body).await };
        let client = command.sandbox.client();
        let answer = client.call(command.call(false), send).await?;
        // A code decides, whatever the status.
        if answer.code.as_deref().and_then(known_code).is_some() {
            let message = answer.message.clone().or_else(|| answer.detail.clone());
            let error = from_event(answer.code.clone(), message, answer.signal);
            return Err(client.described(error, &answer));
        }
        Ok(answer.into_inner().into())
    }
}

impl IntoFuture for ExecRequest {
    type Output = Result<ExecResult, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// A command whose output is read as it comes; see [`Sandbox::exec_stream`]. Await it.
#[derive(Clone, Debug)]
#[must_use = "a request is sent only when it is awaited"]
pub struct ExecStreamRequest {
    command: Command,
}

impl ExecStreamRequest {
    pub(crate) fn new(sandbox: &Sandbox, command: String) -> Self {
        Self { command: Command::new(sandbox, command) }
    }

    command_options!();

    async fn send(self) -> Result<ExecStream, Error> {
        let command = &self.command;
        let body = &command.body(true)?;
        let id = command.sandbox.id();
        let send = |api: crate::api::Client| async move { api.exec_command_stream(id, body).await };
        let client = command.sandbox.client();
        let answer = client.call(command.call(true), send).await?;
        let (body, request_id) = body_of(client, answer, Scope::Sandbox).await?;
        let stream = ExecStream::new(body, command.patience(), request_id);
        Ok(stream.hiding(client.api_key().clone()))
    }
}

/// The body of an answer that is a stream of events, and the request's id.
pub(crate) async fn body_of(
    client: &Client,
    answer: ResponseValue<ByteStream>,
    scope: Scope,
) -> Result<(Body, Option<String>), Error> {
    let headers = answer.headers();
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let request_id = header("x-request-id").map(str::to_owned);
    let content_type = header("content-type").unwrap_or("text/event-stream");
    if !content_type.trim_start().to_ascii_lowercase().starts_with("text/event-stream") {
        let message = format!("the server answered {content_type} where a stream was asked for");
        let error = client.described(Error::new(ErrorKind::Decode, message), &answer);
        return Err(client.reason(answer, scope).await.unwrap_or(error));
    }
    Ok((answer.into_inner_stream(), request_id))
}

impl IntoFuture for ExecStreamRequest {
    type Output = Result<ExecStream, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
