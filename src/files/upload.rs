//! Sending files of any size.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use tokio::io::{AsyncRead, ReadBuf};

use super::presigned::{self, Watch};
use super::{Files, checked, local};
use crate::error::{Error, ErrorKind};

/// Up to here a file goes in one call: cheaper than a second round trip, small enough to hold.
pub(super) const ONE_CALL: u64 = 1024 * 1024;

/// How much is read at a time.
pub(super) const CHUNK: usize = 256 * 1024;

pub(super) type Progress = Box<dyn FnMut(u64, u64) + Send>;

type Source = BoxStream<'static, Result<Bytes, Box<dyn StdError + Send + Sync>>>;

/// A file to send; see [`Files::upload`]. One of the `from_` methods sends it.
#[must_use = "an upload is sent by one of its `from_` methods"]
pub struct Upload {
    files: Files,
    path: String,
    progress: Option<Progress>,
}

impl Files {
    /// Sends a file of any size to `path`, in constant memory and in place of what was there.
    ///
    /// Up to 1 MiB goes in one call, more through a presigned URL
    /// ([`presign_upload`](Self::presign_upload)). Directories above it are made. The file has
    /// mode `0o644` unless it was there with another.
    ///
    /// ```no_run
    /// # async fn run(sbx: orkestr::Sandbox) -> Result<(), orkestr::Error> {
    /// let files = sbx.files();
    /// files
    ///     .upload("/workspace/model.bin")
    ///     .progress(|sent, total| println!("{sent} of {total} bytes"))
    ///     .from_file("model.bin")
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn upload(&self, path: impl Into<String>) -> Upload {
        Upload { files: self.clone(), path: path.into(), progress: None }
    }
}

impl Upload {
    /// Calls `report` with the bytes handed to the connection so far and the total: first with 0,
    /// never with less than before, and with the total at the end. It should return at once.
    pub fn progress(mut self, report: impl FnMut(u64, u64) + Send + 'static) -> Self {
        self.progress = Some(Box::new(report));
        self
    }

    /// Sends a local file. Returns its length.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if it cannot be read, or grows or shrinks while it is, and those of
    /// [`from_reader`](Self::from_reader).
    ///
    /// # Cancel safety
    ///
    /// As for [`from_reader`](Self::from_reader).
    pub async fn from_file(self, path: impl AsRef<Path>) -> Result<u64, Error> {
        checked(&self.path)?;
        let (file, length) = local::open(path.as_ref()).await?;
        self.send(local::chunks(file).boxed(), length).await
    }

    /// Sends what `reader` gives until its end, which must be `length` bytes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if the reader fails, or has fewer or more than `length` bytes: the file
    /// is not whole then. [`ErrorKind::InvalidInput`] for a path that is not absolute.
    /// [`ErrorKind::Api`] outside the writable roots, or if the host of the presigned URL refuses
    /// it. [`ErrorKind::Connection`] if the connection breaks or stands still; nothing is sent
    /// twice. [`ErrorKind::SandboxNotReady`] on a paused or terminated sandbox.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the connection closes, and what the file then holds is not
    /// defined: nothing, its old content, or a part.
    pub async fn from_reader(
        self,
        reader: impl AsyncRead + Send + 'static,
        length: u64,
    ) -> Result<u64, Error> {
        let reader = Box::pin(reader);
        let chunks = futures::stream::try_unfold(reader, |mut reader| async move {
            let mut chunk = vec![0; CHUNK];
            let mut buffer = ReadBuf::new(&mut chunk);
            std::future::poll_fn(|cx| reader.as_mut().poll_read(cx, &mut buffer)).await?;
            let count = buffer.filled().len();
            chunk.truncate(count);
            Ok((count > 0).then(|| (Bytes::from(chunk), reader)))
        });
        self.send(chunks.boxed(), length).await
    }

    /// Sends the chunks of `stream`, which must be `length` bytes in all.
    ///
    /// # Errors
    ///
    /// As for [`from_reader`](Self::from_reader).
    ///
    /// # Cancel safety
    ///
    /// As for [`from_reader`](Self::from_reader).
    pub async fn from_stream<B, E>(
        self,
        stream: impl Stream<Item = Result<B, E>> + Send + 'static,
        length: u64,
    ) -> Result<u64, Error>
    where
        B: AsRef<[u8]> + Send + 'static,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        let chunks = stream.map(|chunk| chunk.map(Bytes::from_owner).map_err(Into::into));
        self.send(chunks.boxed(), length).await
    }

    async fn send(self, source: Source, length: u64) -> Result<u64, Error> {
        checked(&self.path)?;
        let watch = Arc::new(Watch::default());
        let mut body = Exact::new(source, length, self.progress, watch.clone());
        if length <= ONE_CALL {
            let mut content = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
            body.quiet = true;
            while let Some(chunk) = body.next().await {
                match chunk {
                    Ok(chunk) => content.extend_from_slice(&chunk),
                    Err(error) => return Err(watch.failure().unwrap_or_else(|| io_error(error))),
                }
            }
            body.report(0);
            self.files.write_bytes(self.path, content).await?;
            if length > 0 {
                body.report(length);
            }
        } else {
            let url = self.files.presign_upload(&self.path).await?;
            body.report(0);
            presigned::put(self.files.sandbox.client(), &url, length, body, &watch).await?;
        }
        Ok(length)
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").field("path", &self.path).finish_non_exhaustive()
    }
}

fn io_error(error: io::Error) -> Error {
    Error::new(ErrorKind::Io, "the source cannot be read").with_source(error)
}

/// A source that must have as many bytes as was said.
///
/// The last chunk is held back until the source has ended: else the server would have a whole file
/// before a source that is too long is found out.
struct Exact {
    source: Source,
    length: u64,
    left: u64,
    last: Option<Bytes>,
    ended: bool,
    progress: Option<Progress>,
    /// Reading is not yet sending.
    quiet: bool,
    watch: Arc<Watch>,
}

impl Exact {
    fn new(source: Source, length: u64, progress: Option<Progress>, watch: Arc<Watch>) -> Self {
        Self {
            source,
            length,
            left: length,
            last: None,
            ended: false,
            progress,
            quiet: false,
            watch,
        }
    }

    fn report(&mut self, sent: u64) {
        if let Some(progress) = &mut self.progress {
            progress(sent, self.length);
        }
    }

    fn give(&mut self, chunk: Bytes) -> Poll<Option<io::Result<Bytes>>> {
        let sent = self.length - self.left;
        self.watch.sent(sent);
        if !self.quiet {
            self.report(sent);
        }
        Poll::Ready(Some(Ok(chunk)))
    }

    fn fail(&mut self, error: Error) -> Poll<Option<io::Result<Bytes>>> {
        self.ended = true;
        let told = io::Error::other(error.message().to_owned());
        self.watch.fail(error);
        Poll::Ready(Some(Err(told)))
    }

    fn wrong_length(&mut self, has: &str) -> Poll<Option<io::Result<Bytes>>> {
        let message = format!("the source has {has} where {} bytes were said", self.length);
        self.fail(Error::new(ErrorKind::Io, message))
    }
}

impl Stream for Exact {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if self.ended {
                return Poll::Ready(None);
            }
            self.watch.waits_for_source(true);
            let next = ready!(self.source.poll_next_unpin(cx));
            self.watch.waits_for_source(false);
            match next {
                Some(Ok(chunk)) if chunk.is_empty() => {}
                Some(Ok(chunk)) if chunk.len() as u64 > self.left => {
                    return self.wrong_length("more");
                }
                Some(Ok(chunk)) => {
                    self.left -= chunk.len() as u64;
                    if self.left > 0 {
                        return self.give(chunk);
                    }
                    self.last = Some(chunk);
                }
                Some(Err(error)) => {
                    let read = self.length - self.left;
                    let message =
                        format!("the source failed after {read} of {} bytes", self.length);
                    return self.fail(Error::new(ErrorKind::Io, message).with_source(error));
                }
                None if self.left > 0 => {
                    let has = format!("only {} bytes", self.length - self.left);
                    return self.wrong_length(&has);
                }
                None => {
                    self.ended = true;
                    if let Some(last) = self.last.take() {
                        return self.give(last);
                    }
                }
            }
        }
    }
}
