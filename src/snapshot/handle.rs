//! The handle to one snapshot.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use super::{GetSnapshot, ListSnapshots, SnapshotInfo, WaitSnapshot, on_snapshots};
use crate::api::{SnapshotStatus, types};
use crate::client::{Client, Safety, check_id};
use crate::error::Error;
use crate::sandbox::{CreateSandbox, Sandbox};

/// A saved state of a sandbox, from which any number of others can start; from
/// [`Sandbox::snapshot`].
///
/// It outlives its sandbox, and stays until it is [deleted](Self::delete). A handle is cheap to
/// clone, and clones share what is known of the snapshot: the accessors tell what the server last
/// said, and [`refresh`](Self::refresh) asks again. Dropping it does nothing to the snapshot.
///
/// ```no_run
/// # async fn run(sbx: orkestr::Sandbox) -> Result<(), orkestr::Error> {
/// sbx.exec("pip install numpy").await?;
/// let snapshot = sbx.snapshot().name("with-numpy").await?;
/// snapshot.wait_ready().await?;
///
/// let (one, other) = (snapshot.fork().await?, snapshot.fork().env("SEED", "2").await?);
/// one.exec("rm -rf /workspace/*").await?; // nobody else notices
/// snapshot.delete().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Snapshot(Arc<Inner>);

struct Inner {
    client: Client,
    id: String,
    info: RwLock<Arc<SnapshotInfo>>,
}

impl Snapshot {
    pub(super) fn from_wire(client: Client, wire: types::Snapshot) -> Self {
        let info = SnapshotInfo::from(wire);
        let id = info.id.clone();
        Self(Arc::new(Inner { client, id, info: RwLock::new(Arc::new(info)) }))
    }

    /// Reaches a snapshot by its id. To start a sandbox from it, its id is enough:
    /// [`Sandbox::create_from_snapshot`]. `GET /v1/sandboxes/snapshots/{id}`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is none with this id, or it
    /// belongs to somebody else.
    pub fn get(id: impl Into<String>) -> GetSnapshot {
        GetSnapshot::new(id.into())
    }

    /// Lists your snapshots. `GET /v1/sandboxes/snapshots`.
    ///
    /// ```no_run
    /// use orkestr::Snapshot;
    ///
    /// # async fn run() -> Result<(), orkestr::Error> {
    /// for snapshot in Snapshot::list().await? {
    ///     println!("{} {} {:?}", snapshot.id(), snapshot.status(), snapshot.info().size_mb);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn list() -> ListSnapshots {
        ListSnapshots::new()
    }

    /// Creates a sandbox from it. Await the request; options are its setters. Size, network and
    /// region are the snapshot's and cannot be set. It is sent with this handle's client.
    /// `POST /v1/sandboxes`.
    ///
    /// # Errors
    ///
    /// As for [`Sandbox::create`], and [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) or
    /// [`SandboxNotReady`](crate::ErrorKind::SandboxNotReady) while it is not
    /// [ready](Self::wait_ready).
    pub fn fork(&self) -> CreateSandbox {
        Sandbox::create_from_snapshot(self.id()).client(self.client())
    }

    /// Asks the server for the present state. `GET /v1/sandboxes/snapshots/{id}`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if it is gone.
    pub async fn refresh(&self) -> Result<(), Error> {
        let (client, id) = (self.client(), check_id("snapshot id", self.id())?);
        let send = |api: crate::api::Client| async move { api.get_snapshot(id).await };
        let call = on_snapshots(client, Safety::Repeatable);
        let wire = client.call(call, send).await?.into_inner();
        let mut info = self.0.info.write().unwrap_or_else(PoisonError::into_inner);
        *info = Arc::new(SnapshotInfo::from(wire));
        Ok(())
    }

    /// Waits until sandboxes can start from it. Await the request; [`WaitSnapshot::timeout`]
    /// limits it.
    ///
    /// It asks for the state, first after 100 ms and later every 2 s, unless the snapshot was
    /// ready when it was last asked for. A status that this version does not know is one of
    /// waiting.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) with the reason if the capture has
    /// failed, [`WaitTimeout`](crate::ErrorKind::WaitTimeout) when the caller's limit is over, and
    /// otherwise as for [`refresh`](Self::refresh).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the snapshot alone.
    pub fn wait_ready(&self) -> WaitSnapshot {
        WaitSnapshot::new(self)
    }

    /// Removes it for good; one that is gone already is no error. Sandboxes that were started from
    /// it stay. `DELETE /v1/sandboxes/snapshots/{id}`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) if the server will not delete it now.
    pub async fn delete(&self) -> Result<(), Error> {
        let (client, id) = (self.client(), check_id("snapshot id", self.id())?);
        let send = |api: crate::api::Client| async move { api.delete_snapshot(id).await };
        match client.call(on_snapshots(client, Safety::Repeatable), send).await {
            // Perhaps by a first try whose answer was lost.
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    /// The client that this handle sends with.
    pub fn client(&self) -> &Client {
        &self.0.client
    }
}

/// What the server last said of the snapshot.
impl Snapshot {
    /// All of it at one moment.
    pub fn info(&self) -> Arc<SnapshotInfo> {
        self.0.info.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The id, `snap_...`: keep it to start sandboxes from it later.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The status when it was last asked for.
    pub fn status(&self) -> SnapshotStatus {
        self.info().status.clone()
    }

    /// Its name for people.
    pub fn name(&self) -> Option<String> {
        self.info().name.clone()
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.info(), f)
    }
}
