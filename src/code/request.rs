//! The two ways to run code, awaited like any future.

use std::future::IntoFuture;
use std::time::Duration;

use futures::future::BoxFuture;

use super::{CodeStream, Execution};
use crate::Sandbox;
use crate::api::{CodeLanguage, types};
use crate::client::{Call, Safety};
use crate::error::{Error, Scope};
use crate::exec::{DEFAULT_TIMEOUT, body_of};
use crate::wire::whole_seconds;

#[derive(Clone, Debug)]
struct Code {
    sandbox: Sandbox,
    code: String,
    language: Option<CodeLanguage>,
    context_id: Option<String>,
    timeout: Option<Duration>,
}

impl Code {
    fn new(sandbox: &Sandbox, code: String) -> Self {
        let sandbox = sandbox.clone();
        Self { sandbox, code, language: None, context_id: None, timeout: None }
    }

    fn body(&self, stream: bool) -> Result<types::RunCodeRequest, Error> {
        Ok(types::RunCodeRequest {
            code: self.code.clone(),
            language: self.language.clone(),
            context_id: self.context_id.clone().map(|id| types::NullableContextId(Some(id))),
            timeout_seconds: self.timeout.map(whole_seconds).transpose()?,
            stream: Some(stream),
            ..types::RunCodeRequest::default()
        })
    }

    /// Beyond the code's own timeout: the server's word on it is worth waiting for.
    fn patience(&self) -> Duration {
        let timeout = self.timeout.unwrap_or(DEFAULT_TIMEOUT);
        timeout.saturating_add(self.sandbox.client().exec_grace())
    }

    fn call(&self, streams: bool) -> Call {
        // With a context, 404 may speak of that alone.
        let scope = if self.context_id.is_some() { Scope::Within } else { Scope::Sandbox };
        Call { scope, safety: Safety::Once, limit: self.patience(), streams }
    }
}

macro_rules! code_options {
    () => {
        /// The context to run in: a [`CodeContext`](super::CodeContext), or the id of one.
        /// Default: the sandbox's default context.
        pub fn context(mut self, context: impl Into<String>) -> Self {
            self.code.context_id = Some(context.into());
            self
        }

        /// The language of the code. Default: Python.
        pub fn language(mut self, language: impl Into<CodeLanguage>) -> Self {
            self.code.language = Some(language.into());
            self
        }

        /// How long the code may run, rounded up to whole seconds. Default: 60 s. Then it is
        /// interrupted, and [`Execution::interrupted`](super::Execution::interrupted) says so.
        pub fn timeout(mut self, timeout: Duration) -> Self {
            self.code.timeout = Some(timeout);
            self
        }
    };
}

/// Code to run to its end; see [`Sandbox::run_code`]. Await it.
#[derive(Clone, Debug)]
#[must_use = "a request is sent only when it is awaited"]
pub struct CodeRequest {
    code: Code,
}

impl CodeRequest {
    pub(super) fn new(sandbox: &Sandbox, code: String) -> Self {
        Self { code: Code::new(sandbox, code) }
    }

    code_options!();

    async fn send(self) -> Result<Execution, Error> {
        let body = &self.code.body(false)?;
        let (client, id) = (self.code.sandbox.client(), self.code.sandbox.id());
        let send = |api: crate::api::Client| async move { api.run_code(id, body).await };
        Ok(client.call(self.code.call(false), send).await?.into_inner().into())
    }
}

impl IntoFuture for CodeRequest {
    type Output = Result<Execution, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// Code whose output and results are read as they come; see [`Sandbox::run_code_stream`].
/// Await it.
#[derive(Clone, Debug)]
#[must_use = "a request is sent only when it is awaited"]
pub struct CodeStreamRequest {
    code: Code,
}

impl CodeStreamRequest {
    pub(super) fn new(sandbox: &Sandbox, code: String) -> Self {
        Self { code: Code::new(sandbox, code) }
    }

    code_options!();

    async fn send(self) -> Result<CodeStream, Error> {
        let body = &self.code.body(true)?;
        let (client, id) = (self.code.sandbox.client(), self.code.sandbox.id());
        let call = self.code.call(true);
        let send = |api: crate::api::Client| async move { api.run_code_stream(id, body).await };
        let answer = client.call(call, send).await?;
        let (body, request_id) = body_of(client, answer, call.scope).await?;
        let stream = CodeStream::new(body, self.code.patience(), request_id);
        Ok(stream.hiding(client.api_key().clone()))
    }
}

impl IntoFuture for CodeStreamRequest {
    type Output = Result<CodeStream, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
