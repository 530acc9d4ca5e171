//! Listing volumes, and finding one among them.

use std::future::IntoFuture;

use futures::future::BoxFuture;

use super::{Volume, on_volumes};
use crate::api::types;
use crate::client::options::{CallOptions, call_options};
use crate::client::{Client, Safety};
use crate::error::{Error, ErrorKind};

/// A list of volumes; see [`Volume::list`]. Await it.
#[derive(Clone, Debug)]
#[must_use = "a request is sent only when it is awaited"]
pub struct ListVolumes {
    options: CallOptions,
}

impl ListVolumes {
    pub(super) fn new() -> Self {
        Self { options: CallOptions::default() }
    }

    call_options!();

    async fn send(self) -> Result<Vec<Volume>, Error> {
        let client = self.options.resolve()?;
        let wire = all(&client).await?;
        Ok(wire.into_iter().map(|wire| Volume::from_wire(client.clone(), wire)).collect())
    }
}

impl IntoFuture for ListVolumes {
    type Output = Result<Vec<Volume>, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// A volume to find among all; see [`Volume::find`]. Await it.
#[derive(Clone, Debug)]
#[must_use = "a request is sent only when it is awaited"]
pub struct FindVolume {
    name_or_id: String,
    options: CallOptions,
}

impl FindVolume {
    pub(super) fn new(name_or_id: String) -> Self {
        Self { name_or_id, options: CallOptions::default() }
    }

    call_options!();

    async fn send(self) -> Result<Volume, Error> {
        let client = self.options.resolve()?;
        let wire = one(&client, &self.name_or_id).await?;
        Ok(Volume::from_wire(client, wire))
    }
}

impl IntoFuture for FindVolume {
    type Output = Result<Volume, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

async fn all(client: &Client) -> Result<Vec<types::Volume>, Error> {
    let send = |api: crate::api::Client| async move { api.list_volumes().await };
    let call = on_volumes(client, Safety::Repeatable);
    Ok(client.call(call, send).await?.into_inner().volumes)
}

/// By its id, or else by its name.
async fn one(client: &Client, name_or_id: &str) -> Result<types::Volume, Error> {
    let volumes = all(client).await?;
    let found = volumes.iter().position(|volume| volume.id == name_or_id);
    let found = found.or_else(|| volumes.iter().position(|volume| volume.name == name_or_id));
    take(volumes, found, "name or the id", name_or_id)
}

/// By its id alone: another may have that for its name.
pub(super) async fn by_id(client: &Client, id: &str) -> Result<types::Volume, Error> {
    let volumes = all(client).await?;
    let found = volumes.iter().position(|volume| volume.id == id);
    take(volumes, found, "id", id)
}

fn take(
    mut volumes: Vec<types::Volume>,
    found: Option<usize>,
    what: &str,
    wanted: &str,
) -> Result<types::Volume, Error> {
    found.map(|index| volumes.swap_remove(index)).ok_or_else(|| {
        Error::new(ErrorKind::NotFound, format!("no volume has the {what} {wanted:?}"))
    })
}
