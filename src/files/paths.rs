//! Facts about paths, directories, and moving things.

use super::{FileStat, Files, checked};
use crate::api::types;
use crate::client::Safety;
use crate::error::Error;

impl Files {
    /// What is at a path, symbolic links followed; `None` if there is nothing.
    /// `GET /v1/sandboxes/{id}/files/stat`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for a path that is not
    /// absolute, [`SandboxNotReady`](crate::ErrorKind::SandboxNotReady) on a paused or terminated
    /// sandbox. A missing path is no error.
    pub async fn stat(&self, path: impl Into<String>) -> Result<Option<FileStat>, Error> {
        let path = path.into();
        let path = checked(&path)?;
        let (client, id) = (self.sandbox.client(), self.sandbox.id());
        let send = |api: crate::api::Client| async move { api.stat_path(id, path).await };
        let wire = client.call(client.path_call(Safety::Repeatable), send).await?.into_inner();
        Ok(FileStat::from_wire(wire))
    }

    /// Whether there is a file or directory at a path. `GET /v1/sandboxes/{id}/files/stat`.
    ///
    /// # Errors
    ///
    /// As for [`stat`](Self::stat).
    pub async fn exists(&self, path: impl Into<String>) -> Result<bool, Error> {
        Ok(self.stat(path).await?.is_some())
    }

    /// Makes a directory and those above it that are missing. One that is there already is no
    /// error. `POST /v1/sandboxes/{id}/files/mkdir`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Api`](crate::ErrorKind::Api) outside the writable roots,
    /// [`NotADirectory`](crate::ErrorKind::NotADirectory) where a file is in the way, and the
    /// others of [`write_bytes`](Self::write_bytes).
    pub async fn mkdir(&self, path: impl Into<String>) -> Result<(), Error> {
        let path = path.into();
        checked(&path)?;
        // Absent means with parents (reference: "parents": true).
        let body = &types::MakeDirectoryRequest { path, ..types::MakeDirectoryRequest::default() };
        let (client, id) = (self.sandbox.client(), self.sandbox.id());
        let send = |api: crate::api::Client| async move { api.make_directory(id, body).await };
        client.call(client.path_call(Safety::Once), send).await?;
        Ok(())
    }

    /// Moves a file or directory, in place of a file that is there. Both ends must be in the
    /// writable roots. `POST /v1/sandboxes/{id}/files/move`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is nothing at `from`,
    /// [`Api`](crate::ErrorKind::Api) outside the writable roots, and the others of
    /// [`write_bytes`](Self::write_bytes).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, it may be moved or not.
    pub async fn rename(
        &self,
        from: impl Into<String>,
        to: impl Into<String>,
    ) -> Result<(), Error> {
        let (source, destination) = (from.into(), to.into());
        checked(&source)?;
        checked(&destination)?;
        let body =
            &types::MovePathRequest { source, destination, ..types::MovePathRequest::default() };
        let (client, id) = (self.sandbox.client(), self.sandbox.id());
        let send = |api: crate::api::Client| async move { api.move_path(id, body).await };
        // Sent again after a success that was lost on the way, it would fail with "not found".
        client.call(client.path_call(Safety::Once), send).await?;
        Ok(())
    }
}
