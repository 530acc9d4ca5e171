//! Attaching to a sandbox by its id: get and resume.

use std::future::IntoFuture;

use futures::future::BoxFuture;

use super::Sandbox;
use crate::client::options::{CallOptions, call_options};
use crate::client::{RetryPolicy, Safety, check_id};
use crate::error::Error;

/// A sandbox to attach to; see [`Sandbox::get`]. Await it.
#[derive(Clone, Debug)]
#[must_use = "a request is sent only when it is awaited"]
pub struct GetSandbox {
    id: String,
    options: CallOptions,
}

impl GetSandbox {
    pub(super) fn new(id: String) -> Self {
        Self { id, options: CallOptions::default() }
    }

    call_options!();

    async fn send(self) -> Result<Sandbox, Error> {
        let client = self.options.resolve()?;
        let id = check_id("sandbox id", &self.id)?;
        let send = |api: crate::api::Client| async move { api.get_sandbox(id).await };
        let wire = client.call(client.plain(Safety::Repeatable), send).await?.into_inner();
        Sandbox::from_wire(client, wire)
    }
}

impl IntoFuture for GetSandbox {
    type Output = Result<Sandbox, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// A paused sandbox to resume; see [`Sandbox::resume`]. Await it.
#[derive(Clone, Debug)]
#[must_use = "a request is sent only when it is awaited"]
pub struct ResumeSandbox {
    id: String,
    options: CallOptions,
}

impl ResumeSandbox {
    pub(super) fn new(id: String) -> Self {
        Self { id, options: CallOptions::default() }
    }

    call_options!();

    /// When to try again while there is no capacity. Default: the client's, which is
    /// [`RetryPolicy::fleet_full`]; [`RetryPolicy::none`] switches it off.
    pub fn fleet_full_retry(mut self, policy: RetryPolicy) -> Self {
        self.options.fleet_full_retry = Some(policy);
        self
    }

    async fn send(self) -> Result<Sandbox, Error> {
        let client = self.options.resolve()?;
        let id = check_id("sandbox id", &self.id)?;
        let policy = self.options.fleet_full_retry.unwrap_or(client.fleet_full_retry());
        let send = |api: crate::api::Client| async move { api.resume_sandbox(id).await };
        let wire = client.call(client.plain(Safety::Launch(policy)), send).await?.into_inner();
        Sandbox::from_wire(client, wire)
    }
}

impl IntoFuture for ResumeSandbox {
    type Output = Result<Sandbox, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
