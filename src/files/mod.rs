//! The files of a sandbox: `sbx.files()`.

mod batch;
#[cfg(all(feature = "dirs", not(target_arch = "wasm32")))]
mod dirs;
#[cfg(not(target_arch = "wasm32"))]
mod download;
mod entry;
#[cfg(not(target_arch = "wasm32"))]
mod local;
mod paths;
mod presign;
#[cfg(not(target_arch = "wasm32"))]
mod presigned;
#[cfg(all(feature = "dirs", not(target_arch = "wasm32")))]
mod tree;
#[cfg(not(target_arch = "wasm32"))]
mod upload;

use crate::api::types;
use crate::client::Safety;
use crate::error::{Error, ErrorKind};
use crate::sandbox::Sandbox;
use crate::wire::Base64;

pub use batch::{BatchFile, BatchResult};
#[cfg(all(feature = "dirs", not(target_arch = "wasm32")))]
pub use dirs::{DirReport, DownloadDir, UploadDir};
#[cfg(not(target_arch = "wasm32"))]
pub use download::{Download, DownloadStream};
pub use entry::{FileEntry, FileStat};
pub use presign::{Presign, PresignedUrl};
#[cfg(not(target_arch = "wasm32"))]
pub use upload::Upload;

/// How many bytes of content one call carries at most: 16 MiB.
pub const MAX_CONTENT_BYTES: usize = 16 * 1024 * 1024;

/// The mode of a written file (wire: `mode`): the owner writes, everybody reads.
const DEFAULT_MODE: u32 = 0o644;

/// The file operations of one sandbox; from [`Sandbox::files`].
///
/// Paths are absolute. Writes go to the writable roots, which are `/workspace`, `/tmp` and, with
/// a volume, `/persist`; reads work wherever the sandbox can read. One call carries at most
/// [`MAX_CONTENT_BYTES`]; [`upload`](Self::upload) and [`download`](Self::download) carry files of
/// any size.
///
/// ```no_run
/// # async fn run(sbx: orkestr::Sandbox) -> Result<(), orkestr::Error> {
/// let files = sbx.files();
/// files.write("/workspace/script.py", "print('hi')").await?;
/// let text = files.read("/workspace/output.txt").await?;
///
/// files.write_bytes("/workspace/blob.bin", [0, 1, 2]).await?;
/// let raw = files.read_bytes("/workspace/blob.bin").await?;
///
/// for entry in files.list("/workspace").await? {
///     println!("{} {} {} {:o}", entry.name, entry.is_dir, entry.size, entry.mode);
/// }
/// files.delete("/workspace/output.txt").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Files {
    sandbox: Sandbox,
}

impl Files {
    pub(crate) fn new(sandbox: &Sandbox) -> Self {
        Self { sandbox: sandbox.clone() }
    }

    /// Writes `text` as a whole file, in place of what was there, with mode `0o644`.
    /// `POST /v1/sandboxes/{id}/files`.
    ///
    /// # Errors
    ///
    /// As for [`write_bytes`](Self::write_bytes).
    pub async fn write(&self, path: impl Into<String>, text: impl AsRef<str>) -> Result<(), Error> {
        self.put(path.into(), text.as_ref().as_bytes(), DEFAULT_MODE).await
    }

    /// Writes `content` as a whole file, in place of what was there, with mode `0o644`.
    /// `POST /v1/sandboxes/{id}/files`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] before anything is sent for a path that is not absolute or
    /// for more than [`MAX_CONTENT_BYTES`]; [`ErrorKind::Api`] outside the writable roots;
    /// [`ErrorKind::SandboxNotReady`] on a paused or terminated sandbox.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the file may have its old content, the new one, or be cut.
    pub async fn write_bytes(
        &self,
        path: impl Into<String>,
        content: impl AsRef<[u8]>,
    ) -> Result<(), Error> {
        self.put(path.into(), content.as_ref(), DEFAULT_MODE).await
    }

    /// As [`write_bytes`](Self::write_bytes), with the permission bits `mode`, such as `0o755`
    /// for a program.
    ///
    /// # Errors
    ///
    /// As for [`write_bytes`](Self::write_bytes), and [`ErrorKind::InvalidInput`] for a mode
    /// above `0o7777`.
    pub async fn write_with_mode(
        &self,
        path: impl Into<String>,
        content: impl AsRef<[u8]>,
        mode: u32,
    ) -> Result<(), Error> {
        self.put(path.into(), content.as_ref(), mode).await
    }

    /// Reads a whole file as text. `GET /v1/sandboxes/{id}/files`.
    ///
    /// # Errors
    ///
    /// As for [`read_bytes`](Self::read_bytes), and [`ErrorKind::Decode`] if it is not UTF-8.
    pub async fn read(&self, path: impl Into<String>) -> Result<String, Error> {
        let path = path.into();
        let bytes = self.content(&path).await?;
        String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let message =
                format!("`{path}` is not UTF-8 (at byte {at}); read it with `read_bytes`");
            Error::new(ErrorKind::Decode, message)
        })
    }

    /// Reads a whole file. `GET /v1/sandboxes/{id}/files`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if there is no such file, [`ErrorKind::IsADirectory`] if it is a
    /// directory, [`ErrorKind::InvalidInput`] for a path that is not absolute,
    /// [`ErrorKind::SandboxNotReady`] on a paused or terminated sandbox.
    pub async fn read_bytes(&self, path: impl Into<String>) -> Result<Vec<u8>, Error> {
        self.content(&path.into()).await
    }

    /// Lists a directory, not what is below its directories. `GET /v1/sandboxes/{id}/files`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if there is no such directory, [`ErrorKind::NotADirectory`] if it
    /// is a file, and the others of [`read_bytes`](Self::read_bytes).
    pub async fn list(&self, path: impl Into<String>) -> Result<Vec<FileEntry>, Error> {
        let path = path.into();
        let found = self.look(&path).await?;
        if !is_dir(&found) {
            let message = format!("`{path}` is a file, not a directory; read it with `read`");
            return Err(Error::new(ErrorKind::NotADirectory, message));
        }
        let entries = found.entries.unwrap_or_default();
        Ok(entries.into_iter().map(FileEntry::from).collect())
    }

    /// Removes a file. Directories are refused. `DELETE /v1/sandboxes/{id}/files`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if there is no such file, [`ErrorKind::IsADirectory`] for a
    /// directory, and the others of [`write_bytes`](Self::write_bytes).
    pub async fn delete(&self, path: impl Into<String>) -> Result<(), Error> {
        let path = path.into();
        let path = checked(&path)?;
        let (client, id) = (self.sandbox.client(), self.sandbox.id());
        let send = |api: crate::api::Client| async move { api.delete_file(id, path).await };
        // Sent again after a success that was lost on the way, it would fail with "not found".
        client.call(client.transfer(Safety::Once), send).await?;
        Ok(())
    }

    async fn put(&self, path: String, content: &[u8], mode: u32) -> Result<(), Error> {
        checked(&path)?;
        if content.len() > MAX_CONTENT_BYTES {
            return Err(Error::invalid_input(format!(
                "{} bytes are too many for `{path}`: one call carries at most {MAX_CONTENT_BYTES} \
                 (16 MiB); use `upload`",
                content.len()
            )));
        }
        checked_mode(mode)?;
        let body = &types::WriteFileRequest {
            path,
            content: Base64::from(content.to_vec()),
            mode: Some(mode.into()),
            ..types::WriteFileRequest::default()
        };
        let (client, id) = (self.sandbox.client(), self.sandbox.id());
        let send = |api: crate::api::Client| async move { api.write_file(id, body).await };
        client.call(client.transfer(Safety::Once), send).await?;
        Ok(())
    }

    async fn content(&self, path: &str) -> Result<Vec<u8>, Error> {
        let found = self.look(path).await?;
        Self::content_of(path, found)
    }

    fn content_of(path: &str, found: types::PathContent) -> Result<Vec<u8>, Error> {
        if is_dir(&found) {
            let message = format!("`{path}` is a directory; list it with `list`");
            return Err(Error::new(ErrorKind::IsADirectory, message));
        }
        match found.content {
            Some(Base64(content)) => Ok(content),
            None => {
                let message = format!("the answer has no content for the file `{path}`");
                Err(Error::new(ErrorKind::Decode, message))
            }
        }
    }

    async fn look(&self, path: &str) -> Result<types::PathContent, Error> {
        let path = checked(path)?;
        let (client, id) = (self.sandbox.client(), self.sandbox.id());
        let send = |api: crate::api::Client| async move { api.read_path(id, path).await };
        Ok(client.call(client.transfer(Safety::Repeatable), send).await?.into_inner())
    }
}

/// An answer that does not say it is a directory if it has entries.
fn is_dir(found: &types::PathContent) -> bool {
    found.is_dir.unwrap_or(found.entries.is_some())
}

fn checked(path: &str) -> Result<&str, Error> {
    if !path.starts_with('/') {
        let message = format!("the path {path:?} is not absolute; it must begin with `/`");
        Err(Error::invalid_input(message))
    } else if path.contains('\0') {
        Err(Error::invalid_input(format!("the path {path:?} has a NUL character")))
    } else {
        Ok(path)
    }
}

fn checked_mode(mode: u32) -> Result<u32, Error> {
    if mode <= 0o7777 {
        return Ok(mode);
    }
    let message = format!("{mode:#o} is no file mode; it must be at most 0o7777");
    Err(Error::invalid_input(message))
}
