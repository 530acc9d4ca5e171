//! Fetching files of any size.

use std::fmt;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use tokio::io::AsyncWrite;

use super::local::Partial;
use super::upload::{ONE_CALL, Progress};
use super::{Files, presigned};
use crate::api::Integer;
use crate::error::{Error, ErrorKind};
use crate::rt;

/// A file to fetch; see [`Files::download`]. One of its methods fetches it.
#[must_use = "a download is begun by `to_file`, `to_writer` or `stream`"]
pub struct Download {
    files: Files,
    path: String,
    /// From a listing that has just been read; it need not be asked for.
    size: Option<u64>,
    progress: Option<Progress>,
}

impl Files {
    /// Fetches a file of any size, in constant memory.
    ///
    /// Its size is asked for first (`GET /v1/sandboxes/{id}/files/stat`). Up to 1 MiB comes in one
    /// call, more through a presigned URL ([`presign_download`](Self::presign_download)). A
    /// transfer that breaks is an error; it is neither begun anew nor resumed.
    ///
    /// ```no_run
    /// # async fn run(sbx: orkestr::Sandbox) -> Result<(), orkestr::Error> {
    /// let files = sbx.files();
    /// files
    ///     .download("/workspace/result.parquet")
    ///     .progress(|received, total| println!("{received} of {total} bytes"))
    ///     .to_file("result.parquet")
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn download(&self, path: impl Into<String>) -> Download {
        Download { files: self.clone(), path: path.into(), size: None, progress: None }
    }

    /// As [`download`](Self::download), of a file whose size a listing may have told.
    #[cfg(feature = "dirs")]
    pub(super) fn download_listed(&self, path: &str, size: u64) -> Download {
        Download { size: (size > 0).then_some(size), ..self.download(path) }
    }
}

impl Download {
    /// Calls `report` with the bytes received so far and the total: first with 0, never with less
    /// than before, and with the total at the end. It should return at once.
    pub fn progress(mut self, report: impl FnMut(u64, u64) + Send + 'static) -> Self {
        self.progress = Some(Box::new(report));
        self
    }

    /// Fetches it into a local file, in place of what was there. Returns its length.
    ///
    /// The file appears under its name when it is whole; before, it is a hidden temporary file in
    /// the same directory, which must exist.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if the local file cannot be written, and those of
    /// [`stream`](Self::stream). The local file is then as it was.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the temporary file is removed. If that happens at the very end,
    /// the new file may be in place.
    pub async fn to_file(self, path: impl AsRef<Path>) -> Result<u64, Error> {
        // First: a place that cannot be written to is better found out before the transfer.
        let mut file = Partial::create(path.as_ref()).await?;
        let mut chunks = self.open().await?;
        while let Some(chunk) = chunks.next().await? {
            file.write(chunk).await?;
        }
        file.finish().await?;
        Ok(chunks.received)
    }

    /// Fetches it into `writer` and flushes that. Returns its length.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if the writer fails, and those of [`stream`](Self::stream). The writer
    /// has a part of the file then.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the writer has a part of the file.
    pub async fn to_writer(
        self,
        writer: &mut (impl AsyncWrite + Send + Unpin + ?Sized),
    ) -> Result<u64, Error> {
        let failed = |error| Error::new(ErrorKind::Io, "the writer failed").with_source(error);
        let mut chunks = self.open().await?;
        let mut writer = Pin::new(writer);
        while let Some(mut chunk) = chunks.next().await? {
            while !chunk.is_empty() {
                let write = std::future::poll_fn(|cx| writer.as_mut().poll_write(cx, &chunk));
                let count = write.await.map_err(failed)?;
                if count == 0 {
                    return Err(failed(std::io::ErrorKind::WriteZero.into()));
                }
                drop(chunk.split_to(count));
            }
        }
        std::future::poll_fn(|cx| writer.as_mut().poll_flush(cx)).await.map_err(failed)?;
        Ok(chunks.received)
    }

    /// Begins to fetch it, chunk by chunk as it comes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if there is no such file, [`ErrorKind::IsADirectory`] for a
    /// directory, [`ErrorKind::InvalidInput`] for a path that is not absolute,
    /// [`ErrorKind::SandboxNotReady`] on a paused or terminated sandbox, [`ErrorKind::Api`] if the
    /// host of the presigned URL refuses it. [`ErrorKind::Connection`] if the connection breaks or
    /// ends early, or no byte comes for [`ClientBuilder::timeout`](crate::ClientBuilder::timeout).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future or the stream closes the connection.
    pub async fn stream(self) -> Result<DownloadStream, Error> {
        let chunks = self.open().await?;
        let total = chunks.total;
        let stream = futures::stream::try_unfold(chunks, |mut chunks| async move {
            Ok(chunks.next().await?.map(|chunk| (Vec::from(chunk), chunks)))
        });
        Ok(DownloadStream { total, stream: stream.boxed() })
    }

    async fn open(self) -> Result<Chunks, Error> {
        let path = &self.path;
        let size = match self.size {
            Some(size) => Some(size),
            None => self.files.size(path).await?,
        };
        let limit = self.files.sandbox.client().timeout();
        let (body, total) = if size.is_some_and(|size| size <= ONE_CALL) {
            let content = self.files.verified(path).await?;
            let total = content.len() as u64;
            (Body::Whole(Some(content.into())), Some(total))
        } else {
            let url = self.files.presign_download(path).await?;
            let response = presigned::get(self.files.sandbox.client(), &url).await?;
            let total = response.content_length().or(size);
            (Body::Coming(response), total)
        };
        let mut chunks = Chunks { body, limit, received: 0, total, progress: self.progress };
        chunks.report();
        Ok(chunks)
    }
}

impl Files {
    async fn size(&self, path: &str) -> Result<Option<u64>, Error> {
        match self.stat(path).await? {
            Some(stat) if !stat.is_dir => Ok(stat.size),
            Some(_) => {
                let message = format!("`{path}` is a directory; list it with `list`");
                Err(Error::new(ErrorKind::IsADirectory, message))
            }
            None => {
                let message = format!("there is no file `{path}`");
                Err(Error::new(ErrorKind::NotFound, message))
            }
        }
    }

    async fn verified(&self, path: &str) -> Result<Vec<u8>, Error> {
        let found = self.look(path).await?;
        let said = found.size.and_then(Integer::unsigned);
        let content = Self::content_of(path, found)?;
        match said {
            Some(said) if said != content.len() as u64 => {
                let has = content.len();
                let message = format!("the answer has {has} of the {said} bytes of `{path}`");
                Err(Error::new(ErrorKind::Decode, message))
            }
            _ => Ok(content),
        }
    }
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download").field("path", &self.path).finish_non_exhaustive()
    }
}

/// The content of a file as it comes; from [`Download::stream`].
///
/// Ends only when the file is whole: any other end is an error, after which nothing comes.
#[must_use = "a stream does nothing unless it is polled"]
pub struct DownloadStream {
    total: Option<u64>,
    stream: BoxStream<'static, Result<Vec<u8>, Error>>,
}

impl DownloadStream {
    /// How many bytes will come in all, if the server said it.
    pub fn total(&self) -> Option<u64> {
        self.total
    }
}

impl Stream for DownloadStream {
    type Item = Result<Vec<u8>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.stream.poll_next_unpin(cx)
    }
}

impl fmt::Debug for DownloadStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DownloadStream").field("total", &self.total).finish_non_exhaustive()
    }
}

enum Body {
    Whole(Option<Bytes>),
    Coming(reqwest::Response),
}

struct Chunks {
    body: Body,
    /// The longest wait for one chunk.
    limit: std::time::Duration,
    received: u64,
    total: Option<u64>,
    progress: Option<Progress>,
}

impl Chunks {
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let chunk = match &mut self.body {
            Body::Whole(content) => content.take().filter(|content| !content.is_empty()),
            Body::Coming(response) => {
                let chunk = async {
                    let before = "the file was whole";
                    response.chunk().await.map_err(|error| presigned::broken(error, before))
                };
                rt::or_late(self.limit, chunk, rt::no_answer(self.limit)).await?
            }
        };
        let Some(chunk) = chunk else {
            return match self.total {
                Some(total) if total != self.received => Err(self.wrong_length(total)),
                _ => Ok(None),
            };
        };
        self.received += chunk.len() as u64;
        if let Some(total) = self.total.filter(|total| self.received > *total) {
            return Err(self.wrong_length(total));
        }
        self.report();
        Ok(Some(chunk))
    }

    fn report(&mut self) {
        let total = self.total.unwrap_or(self.received);
        if let Some(progress) = &mut self.progress {
            progress(self.received, total);
        }
    }

    fn wrong_length(&self, total: u64) -> Error {
        let message = format!("{} bytes came of a file of {total}", self.received);
        Error::new(ErrorKind::Connection, message)
    }
}
