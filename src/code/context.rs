//! Contexts: interpreters with variables of their own.

use std::fmt;
use std::future::IntoFuture;
use std::sync::Arc;

use futures::future::BoxFuture;
use serde::Serialize;

use super::{CodeRequest, CodeStreamRequest};
use crate::api::{CodeLanguage, types};
use crate::client::{Call, Safety, check_id};
use crate::error::{Error, ErrorKind, Scope};
use crate::{Sandbox, Timestamp};

/// What the server says of a context at one moment. `CodeContext` in the contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct CodeContextInfo {
    /// The id, `ctx_...`.
    #[serde(rename = "context_id")]
    pub id: String,
    /// Its language, if the server says it.
    pub language: Option<CodeLanguage>,
    /// The directory that it was started in, if the server says it.
    pub cwd: Option<String>,
    /// When it was created, if the server says it.
    pub created_at: Option<Timestamp>,
    /// When it last ran code.
    pub last_used_at: Option<Timestamp>,
    /// How many runs its interpreter has seen, if the server says it.
    pub executions: Option<u64>,
    /// Whether its interpreter runs, if the server says it. One that does not starts with the
    /// next run.
    pub alive: Option<bool>,
}

impl From<types::CodeContext> for CodeContextInfo {
    fn from(wire: types::CodeContext) -> Self {
        Self {
            id: wire.context_id,
            language: wire.language,
            cwd: wire.cwd,
            created_at: wire.created_at,
            last_used_at: wire.last_used_at,
            executions: wire.executions.and_then(|count| count.unsigned()),
            alive: wire.alive,
        }
    }
}

/// An interpreter with variables of its own; from
/// [`Sandbox::create_code_context`] and [`Sandbox::code_contexts`].
///
/// Runs in one context follow each other, runs in different ones do not wait. A handle is cheap to
/// clone, keeps what the server said when it was made, and ends nothing when it is dropped: a
/// context lives until it is deleted or its sandbox ends, and survives a pause.
///
/// ```no_run
/// # async fn run(sbx: orkestr::Sandbox) -> Result<(), orkestr::Error> {
/// let context = sbx.create_code_context().cwd("/workspace/data").await?;
/// context.run_code("x = 1").await?;
/// let run = sbx.run_code("x + 1").context(&context).await?; // the same, by handle or id
/// assert_eq!(run.text(), Some("2"));
/// context.restart().await?;
/// context.delete().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct CodeContext {
    sandbox: Sandbox,
    info: Arc<CodeContextInfo>,
}

impl CodeContext {
    fn from_wire(sandbox: &Sandbox, wire: types::CodeContext) -> Self {
        Self { sandbox: sandbox.clone(), info: Arc::new(wire.into()) }
    }

    /// As [`Sandbox::run_code`], in this context.
    pub fn run_code(&self, code: impl Into<String>) -> CodeRequest {
        self.sandbox.run_code(code).context(self)
    }

    /// As [`Sandbox::run_code_stream`], in this context.
    pub fn run_code_stream(&self, code: impl Into<String>) -> CodeStreamRequest {
        self.sandbox.run_code_stream(code).context(self)
    }

    /// Replaces the interpreter by a fresh one: its variables are lost, and code that runs in it
    /// ends. `POST /v1/sandboxes/{id}/code/contexts/{ctx}/restart`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if it was deleted,
    /// [`SandboxNotReady`](crate::ErrorKind::SandboxNotReady) on a paused or terminated sandbox.
    ///
    /// # Cancel safety
    ///
    /// The request is never sent twice. Dropping the future does not undo the restart.
    pub async fn restart(&self) -> Result<(), Error> {
        let context = check_id("context id", self.id())?;
        let (client, id) = (self.sandbox.client(), self.sandbox.id());
        let body = &serde_json::Map::new();
        let send =
            |api: crate::api::Client| async move { api.restart_context(id, context, body).await };
        client.call(on_context(&self.sandbox, Safety::Once), send).await?;
        Ok(())
    }

    /// Ends the interpreter, and code that runs in it; one that is gone already is no error.
    /// `DELETE /v1/sandboxes/{id}/code/contexts/{ctx}`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SandboxNotReady`](crate::ErrorKind::SandboxNotReady) on a terminated sandbox.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not undo the end.
    pub async fn delete(&self) -> Result<(), Error> {
        let context = check_id("context id", self.id())?;
        let (client, id) = (self.sandbox.client(), self.sandbox.id());
        let send = |api: crate::api::Client| async move { api.delete_context(id, context).await };
        match client.call(on_context(&self.sandbox, Safety::Repeatable), send).await {
            // Perhaps by a first try whose answer was lost.
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// What the server said of it when this handle was made.
    pub fn info(&self) -> Arc<CodeContextInfo> {
        self.info.clone()
    }

    /// The id, `ctx_...`: keep it to run code in the context from another process.
    pub fn id(&self) -> &str {
        &self.info.id
    }

    /// The sandbox that it is in.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// The directory that it was started in, if the server says it.
    pub fn cwd(&self) -> Option<&str> {
        self.info.cwd.as_deref()
    }

    /// Its language, if the server says it.
    pub fn language(&self) -> Option<&CodeLanguage> {
        self.info.language.as_ref()
    }

    /// When it was created, if the server says it.
    pub fn created_at(&self) -> Option<Timestamp> {
        self.info.created_at
    }

    /// When it last ran code, as of when this handle was made.
    pub fn last_used_at(&self) -> Option<Timestamp> {
        self.info.last_used_at
    }

    /// How many runs its interpreter has seen, as of when this handle was made.
    pub fn executions(&self) -> Option<u64> {
        self.info.executions
    }

    /// Whether its interpreter runs, as of when this handle was made.
    pub fn alive(&self) -> Option<bool> {
        self.info.alive
    }
}

impl From<&CodeContext> for String {
    fn from(context: &CodeContext) -> Self {
        context.id().to_owned()
    }
}

impl From<CodeContext> for String {
    fn from(context: CodeContext) -> Self {
        Self::from(&context)
    }
}

impl fmt::Debug for CodeContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.info, f)
    }
}

/// A context to create; see [`Sandbox::create_code_context`]. Await it.
#[derive(Clone, Debug)]
#[must_use = "a request is sent only when it is awaited"]
pub struct CreateContext {
    sandbox: Sandbox,
    cwd: Option<String>,
}

impl CreateContext {
    pub(super) fn new(sandbox: &Sandbox) -> Self {
        Self { sandbox: sandbox.clone(), cwd: None }
    }

    /// The directory to start in. Default: `/workspace`.
    pub fn cwd(mut self, path: impl Into<String>) -> Self {
        self.cwd = Some(path.into());
        self
    }

    async fn send(self) -> Result<CodeContext, Error> {
        let body = &types::CreateContextRequest {
            cwd: self.cwd,
            ..types::CreateContextRequest::default()
        };
        let (client, id) = (self.sandbox.client(), self.sandbox.id());
        let send = |api: crate::api::Client| async move { api.create_context(id, body).await };
        let wire = client.call(client.plain(Safety::Once), send).await?.into_inner();
        Ok(CodeContext::from_wire(&self.sandbox, wire))
    }
}

impl IntoFuture for CreateContext {
    type Output = Result<CodeContext, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

pub(super) async fn list(sandbox: &Sandbox) -> Result<Vec<CodeContext>, Error> {
    let (client, id) = (sandbox.client(), sandbox.id());
    let send = |api: crate::api::Client| async move { api.list_contexts(id).await };
    let wire = client.call(client.plain(Safety::Repeatable), send).await?.into_inner();
    Ok(wire.contexts.into_iter().map(|wire| CodeContext::from_wire(sandbox, wire)).collect())
}

/// A call on one context: an answer of 404 may speak of the context alone.
fn on_context(sandbox: &Sandbox, safety: Safety) -> Call {
    Call { scope: Scope::Within, ..sandbox.client().plain(safety) }
}
