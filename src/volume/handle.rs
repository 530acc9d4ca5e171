//! The handle to one volume.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use super::{CreateVolume, FindVolume, ListVolumes, UpdateVolume, VolumeInfo, list, on_volumes};
use crate::Timestamp;
use crate::api::{VolumeStatus, types};
use crate::client::{Client, Safety, check_id};
use crate::error::Error;

/// Storage that outlives sandboxes: a sandbox created with
/// [`CreateSandbox::volume`](crate::CreateSandbox::volume) has it at `/persist`. One sandbox at a
/// time can have it.
///
/// A handle is cheap to clone, and clones share what is known of the volume: the accessors tell
/// what the server last said, and [`refresh`](Self::refresh) asks again. Dropping it does nothing
/// to the volume; [`delete`](Self::delete) and its lifetime do.
///
/// ```no_run
/// use orkestr::{Sandbox, Volume};
///
/// # async fn run() -> Result<(), orkestr::Error> {
/// let models = Volume::create("models", 10).region("fsn1").max_lifetime_days(30).await?;
/// let sbx = Sandbox::create("python-3.12").volume(models.name()).await?;
/// sbx.files().write("/persist/notes.txt", "still here tomorrow").await?;
/// sbx.terminate().await?;
///
/// let sbx = Sandbox::create("python-3.12").volume(models.name()).await?;
/// println!("{}", sbx.files().read("/persist/notes.txt").await?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Volume(Arc<Inner>);

struct Inner {
    client: Client,
    id: String,
    info: RwLock<Arc<VolumeInfo>>,
}

impl Volume {
    pub(super) fn from_wire(client: Client, wire: types::Volume) -> Self {
        let info = VolumeInfo::from(wire);
        let id = info.id.clone();
        Self(Arc::new(Inner { client, id, info: RwLock::new(Arc::new(info)) }))
    }

    pub(super) fn update_info(&self, wire: types::Volume) {
        let mut info = self.0.info.write().unwrap_or_else(PoisonError::into_inner);
        *info = Arc::new(VolumeInfo::from(wire));
    }

    /// Creates a volume of `size_gb` GB, which may be a fraction. Await the request; options are
    /// its setters. `POST /v1/sandboxes/volumes`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if two lifetimes are set,
    /// [`Api`](crate::ErrorKind::Api) with status 422 for a name or a size that the server does not
    /// take, [`Conflict`](crate::ErrorKind::Conflict) for a name that is taken,
    /// [`PlanLimit`](crate::ErrorKind::PlanLimit).
    ///
    /// # Cancel safety
    ///
    /// The request is never sent twice. If the future is dropped, the volume may exist:
    /// [`find`](Self::find) tells.
    pub fn create(name: impl Into<String>, size_gb: impl Into<f64>) -> CreateVolume {
        CreateVolume::new(name.into(), size_gb.into())
    }

    /// Lists your volumes. `GET /v1/sandboxes/volumes`.
    ///
    /// ```no_run
    /// use orkestr::Volume;
    ///
    /// # async fn run() -> Result<(), orkestr::Error> {
    /// for volume in Volume::list().await? {
    ///     println!("{} {} {:?}", volume.id(), volume.name(), volume.attached_sandbox_id());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn list() -> ListVolumes {
        ListVolumes::new()
    }

    /// Finds a volume by its id or its name. The API has no call for one volume: this asks for the
    /// whole list and picks. `GET /v1/sandboxes/volumes`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound), without a status, if the list does not
    /// have it.
    pub fn find(name_or_id: impl Into<String>) -> FindVolume {
        FindVolume::new(name_or_id.into())
    }

    /// Asks the server for the present state: for the whole list, of which it takes its own.
    /// `GET /v1/sandboxes/volumes`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound), without a status, if it is gone.
    pub async fn refresh(&self) -> Result<(), Error> {
        self.update_info(list::by_id(self.client(), self.id()).await?);
        Ok(())
    }

    /// Sets or clears one of its two lifetimes. Call exactly one setter of the request, and await
    /// it; the accessors tell the outcome. `PATCH /v1/sandboxes/volumes/{id}`.
    ///
    /// ```no_run
    /// # async fn run(volume: orkestr::Volume) -> Result<(), orkestr::Error> {
    /// volume.update().max_lifetime_days(60).await?;
    /// println!("{:?}", volume.expires_at());
    /// volume.update().clear_max_lifetime_days().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if not exactly one is changed,
    /// [`NotFound`](crate::ErrorKind::NotFound) if it is gone.
    pub fn update(&self) -> UpdateVolume {
        UpdateVolume::new(self)
    }

    /// Moves it to another region. It may still be on its way afterwards: [`status`](Self::status)
    /// tells, after a [`refresh`](Self::refresh). `POST /v1/sandboxes/volumes/{id}/move`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Api`](crate::ErrorKind::Api) with status 422 for an unknown region,
    /// [`Conflict`](crate::ErrorKind::Conflict) while a sandbox uses it,
    /// [`NotFound`](crate::ErrorKind::NotFound) if it is gone.
    ///
    /// # Cancel safety
    ///
    /// The request is never sent twice. Dropping the future does not undo the move.
    pub async fn move_to(&self, region: impl Into<String>) -> Result<(), Error> {
        let body = &types::MoveVolumeRequest {
            region: region.into(),
            ..types::MoveVolumeRequest::default()
        };
        let (client, id) = (self.client(), check_id("volume id", self.id())?);
        let send = |api: crate::api::Client| async move { api.move_volume(id, body).await };
        let wire = client.call(on_volumes(client, Safety::Once), send).await?.into_inner();
        self.update_info(wire);
        Ok(())
    }

    /// Removes it and what is on it, for good; one that is gone already is no error.
    /// `DELETE /v1/sandboxes/volumes/{id}`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) while a sandbox uses it.
    pub async fn delete(&self) -> Result<(), Error> {
        let (client, id) = (self.client(), check_id("volume id", self.id())?);
        let send = |api: crate::api::Client| async move { api.delete_volume(id).await };
        match client.call(on_volumes(client, Safety::Repeatable), send).await {
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

/// What the server last said of the volume.
impl Volume {
    /// All of it at one moment.
    pub fn info(&self) -> Arc<VolumeInfo> {
        self.0.info.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The id, `vol_...`.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Its name.
    pub fn name(&self) -> String {
        self.info().name.clone()
    }

    /// The status when it was last asked for, if the server says it.
    pub fn status(&self) -> Option<VolumeStatus> {
        self.info().status.clone()
    }

    /// The region that it is in, if the server says it.
    pub fn region(&self) -> Option<String> {
        self.info().region.clone()
    }

    /// Its size in MB, if the server says it.
    pub fn size_mb(&self) -> Option<u64> {
        self.info().size_mb
    }

    /// The sandbox that uses it.
    pub fn attached_sandbox_id(&self) -> Option<String> {
        self.info().attached_sandbox_id.clone()
    }

    /// When it is deleted; none for never.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.info().expires_at
    }
}

impl fmt::Debug for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.info(), f)
    }
}
