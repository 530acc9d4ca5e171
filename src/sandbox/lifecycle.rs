//! Calls that change or ask for the state of a sandbox.

use std::time::Duration;

use super::Sandbox;
use crate::api::{SandboxStatus, types};
use crate::client::Safety;
use crate::error::Error;
use crate::wire::whole_seconds;

pub(super) async fn refresh(sandbox: &Sandbox) -> Result<(), Error> {
    let (client, id) = (sandbox.client(), sandbox.id());
    let send = |api: crate::api::Client| async move { api.get_sandbox(id).await };
    let wire = client.call(client.plain(Safety::Repeatable), send).await?.into_inner();
    sandbox.update(|info| info.absorb(wire));
    Ok(())
}

pub(super) async fn pause(sandbox: &Sandbox) -> Result<String, Error> {
    let (client, id) = (sandbox.client(), sandbox.id());
    let send = |api: crate::api::Client| async move { api.pause_sandbox(id).await };
    let paused = client.call(client.plain(Safety::Once), send).await?.into_inner();
    sandbox.update(|info| info.status = paused.status.unwrap_or(SandboxStatus::Paused));
    Ok(paused.sandbox_id.unwrap_or_else(|| id.to_owned()))
}

pub(super) async fn terminate(sandbox: &Sandbox) -> Result<(), Error> {
    terminate_with(sandbox.client(), sandbox.id()).await?;
    sandbox.update(|info| info.status = SandboxStatus::Terminated);
    Ok(())
}

/// Through a client that need not be the handle's own.
pub(super) async fn terminate_with(client: &crate::Client, id: &str) -> Result<(), Error> {
    let send = |api: crate::api::Client| async move { api.terminate_sandbox(id).await };
    match client.call(client.plain(Safety::Repeatable), send).await {
        // It is gone, perhaps by a first try whose answer was lost.
        Err(error) if !error.is_sandbox_not_found() => Err(error),
        _ => Ok(()),
    }
}

pub(super) async fn set_timeout(sandbox: &Sandbox, timeout: Duration) -> Result<(), Error> {
    let (client, id) = (sandbox.client(), sandbox.id());
    let timeout_seconds = whole_seconds(timeout)?;
    let body = &types::SetTimeoutRequest { timeout_seconds, ..Default::default() };
    let send = |api: crate::api::Client| async move { api.set_sandbox_timeout(id, body).await };
    let wire = client.call(client.plain(Safety::Once), send).await?.into_inner();
    sandbox.update(|info| info.absorb(wire));
    Ok(())
}
