//! Taking a snapshot.

use std::future::IntoFuture;

use futures::future::BoxFuture;

use super::Snapshot;
use crate::api::types;
use crate::client::Safety;
use crate::error::Error;
use crate::sandbox::Sandbox;

/// A snapshot to take; see [`Sandbox::snapshot`]. Await it.
#[derive(Clone, Debug)]
#[must_use = "a request is sent only when it is awaited"]
pub struct SnapshotRequest {
    sandbox: Sandbox,
    name: Option<String>,
}

impl SnapshotRequest {
    pub(crate) fn new(sandbox: &Sandbox) -> Self {
        Self { sandbox: sandbox.clone(), name: None }
    }

    /// A name for people; nothing is found by it. Default: none. The plan may keep fewer snapshots
    /// with a name than without.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    async fn send(self) -> Result<Snapshot, Error> {
        let body = &types::CreateSnapshotRequest {
            name: self.name,
            ..types::CreateSnapshotRequest::default()
        };
        let (client, id) = (self.sandbox.client(), self.sandbox.id());
        let send = |api: crate::api::Client| async move { api.create_snapshot(id, body).await };
        let wire = client.call(client.plain(Safety::Once), send).await?.into_inner();
        Ok(Snapshot::from_wire(client.clone(), wire))
    }
}

impl IntoFuture for SnapshotRequest {
    type Output = Result<Snapshot, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
