//! Reaching snapshots that exist: get and list.

use std::future::IntoFuture;

use futures::future::BoxFuture;

use super::{Snapshot, on_snapshots};
use crate::client::options::{CallOptions, call_options};
use crate::client::{Safety, check_id};
use crate::error::Error;

/// A snapshot to reach; see [`Snapshot::get`]. Await it.
#[derive(Clone, Debug)]
#[must_use = "a request is sent only when it is awaited"]
pub struct GetSnapshot {
    id: String,
    options: CallOptions,
}

impl GetSnapshot {
    pub(super) fn new(id: String) -> Self {
        Self { id, options: CallOptions::default() }
    }

    call_options!();

    async fn send(self) -> Result<Snapshot, Error> {
        let client = self.options.resolve()?;
        let id = check_id("snapshot id", &self.id)?;
        let send = |api: crate::api::Client| async move { api.get_snapshot(id).await };
        let call = on_snapshots(&client, Safety::Repeatable);
        let wire = client.call(call, send).await?.into_inner();
        Ok(Snapshot::from_wire(client, wire))
    }
}

impl IntoFuture for GetSnapshot {
    type Output = Result<Snapshot, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// A list of snapshots; see [`Snapshot::list`]. Await it.
#[derive(Clone, Debug)]
#[must_use = "a request is sent only when it is awaited"]
pub struct ListSnapshots {
    options: CallOptions,
}

impl ListSnapshots {
    pub(super) fn new() -> Self {
        Self { options: CallOptions::default() }
    }

    call_options!();

    async fn send(self) -> Result<Vec<Snapshot>, Error> {
        let client = self.options.resolve()?;
        let send = |api: crate::api::Client| async move { api.list_snapshots().await };
        let call = on_snapshots(&client, Safety::Repeatable);
        let wire = client.call(call, send).await?.into_inner();
        let handle = |wire| Snapshot::from_wire(client.clone(), wire);
        Ok(wire.snapshots.into_iter().map(handle).collect())
    }
}

impl IntoFuture for ListSnapshots {
    type Output = Result<Vec<Snapshot>, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
