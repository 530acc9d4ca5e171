//! Files on this machine: read in chunks, and written whole or not at all.

use std::error::Error as StdError;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::Stream;
use tokio::task::JoinHandle;

use super::upload::CHUNK;
use crate::error::{Error, ErrorKind};

/// A regular file and its length.
pub(super) async fn open(path: &Path) -> Result<(File, u64), Error> {
    let owned = path.to_owned();
    let opened = blocking(move || {
        // Before it is opened: opening a FIFO would wait for a writer.
        if !fs::metadata(&owned)?.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        let file = File::open(&owned)?;
        let length = file.metadata()?.len();
        Ok((file, length))
    });
    opened.await.map_err(|error| failed("read", path, error))
}

pub(super) fn chunks(
    file: File,
) -> impl Stream<Item = Result<Bytes, Box<dyn StdError + Send + Sync>>> + Send {
    let file = Arc::new(file);
    // The next chunk is read while the one before it is sent.
    let ahead = move || {
        let file = file.clone();
        tokio::task::spawn_blocking(move || {
            let mut chunk = Vec::with_capacity(CHUNK);
            (&*file).take(CHUNK as u64).read_to_end(&mut chunk)?;
            Ok::<_, io::Error>(chunk)
        })
    };
    futures::stream::try_unfold((None, ahead), |(reading, ahead)| async move {
        let reading = reading.unwrap_or_else(&ahead);
        let chunk = reading.await.map_err(io::Error::other)??;
        let next = (!chunk.is_empty()).then(&ahead);
        Ok(next.map(|next| (Bytes::from(chunk), (Some(next), ahead))))
    })
}

/// A file that takes its name when it is whole; until then, and if that never comes, nothing of
/// it is to be seen.
#[derive(Debug)]
pub(super) struct Partial {
    file: Arc<File>,
    temporary: PathBuf,
    target: PathBuf,
    waiting: Vec<Bytes>,
    size: usize,
    /// The chunks before these, so that the next come while these are written.
    writing: Option<JoinHandle<io::Result<()>>>,
    named: bool,
}

impl Partial {
    pub(super) async fn create(target: &Path) -> Result<Self, Error> {
        let owned = target.to_owned();
        let created = blocking(move || Self::create_now(owned));
        created.await.map_err(|error| failed("write", target, error))
    }

    fn create_now(target: PathBuf) -> io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let existing = fs::metadata(&target).ok();
        if existing.as_ref().is_some_and(fs::Metadata::is_dir) || target.file_name().is_none() {
            return Err(io::Error::other("it is a directory; name the file in it"));
        }
        // A file in its place would leave a machine without its `/dev/null`.
        if existing.as_ref().is_some_and(|existing| !existing.is_file()) {
            return Err(io::Error::other("it is not a regular file; use `to_writer`"));
        }
        // In the same directory, and so on the same file system: a rename is all or nothing.
        let nanos =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.subsec_nanos());
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!(".orkestr-{}-{count}-{nanos}.part", std::process::id());
        let temporary = target.with_file_name(name);
        let file = OpenOptions::new().write(true).create_new(true).open(&temporary)?;
        let partial = Self {
            file: Arc::new(file),
            temporary,
            target,
            waiting: Vec::new(),
            size: 0,
            writing: None,
            named: false,
        };
        if let Some(existing) = existing {
            partial.file.set_permissions(existing.permissions())?;
        }
        Ok(partial)
    }

    pub(super) async fn write(&mut self, chunk: Bytes) -> Result<(), Error> {
        self.size += chunk.len();
        self.waiting.push(chunk);
        if self.size < CHUNK { Ok(()) } else { self.flush().await }
    }

    /// Begins to write what is waiting, once what was before it is written.
    async fn flush(&mut self) -> Result<(), Error> {
        self.written().await?;
        let (file, chunks) = (self.file.clone(), std::mem::take(&mut self.waiting));
        self.size = 0;
        self.writing = Some(tokio::task::spawn_blocking(move || {
            chunks.iter().try_for_each(|chunk| (&*file).write_all(chunk))
        }));
        Ok(())
    }

    async fn written(&mut self) -> Result<(), Error> {
        let Some(writing) = self.writing.take() else { return Ok(()) };
        let written = writing.await.map_err(io::Error::other).and_then(|written| written);
        written.map_err(|error| failed("write", &self.target, error))
    }

    /// Gives it its name, in place of what had it.
    pub(super) async fn finish(mut self) -> Result<(), Error> {
        self.flush().await?;
        self.written().await?;
        let (from, to) = (self.temporary.clone(), self.target.clone());
        blocking(move || fs::rename(from, to))
            .await
            .map_err(|error| failed("write", &self.target, error))?;
        self.named = true;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.named {
            // If it was named in this very moment, it is gone from here.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

pub(super) fn failed(what: &str, path: &Path, error: io::Error) -> Error {
    let message = format!("cannot {what} the local file `{}`: {error}", path.display());
    Error::new(ErrorKind::Io, message).with_source(error)
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_or_a_device_is_never_replaced() {
        let name = format!("orkestr-special-{}.sock", std::process::id());
        let socket = std::env::temp_dir().join(name);
        let _ = fs::remove_file(&socket);
        let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
        let refused = Partial::create(&socket).await;
        let is_there = std::os::unix::net::UnixStream::connect(&socket).is_ok();
        fs::remove_file(&socket).expect("removed");
        let error = refused.map(drop).expect_err("no regular file");
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.message().contains("not a regular file") && is_there, "{error}");
    }
}
