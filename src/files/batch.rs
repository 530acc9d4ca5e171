//! Many small files at once.

use crate::api::{Integer, types};
use crate::client::Safety;
use crate::error::{Error, ErrorKind, from_event};

use super::{DEFAULT_MODE, Files, MAX_CONTENT_BYTES, checked, checked_mode};

/// How many files one call carries at most.
const MAX_FILES: usize = 64;

/// One file of [`Files::write_batch`].
#[derive(Clone, Debug)]
#[must_use = "a file is written by `Files::write_batch`"]
pub struct BatchFile {
    path: String,
    content: Vec<u8>,
    mode: u32,
}

impl BatchFile {
    /// A file with mode `0o644` at an absolute path.
    pub fn new(path: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), content: content.into(), mode: DEFAULT_MODE }
    }

    /// Its permission bits, such as `0o755` for a program. Default: `0o644`.
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    fn problem(&self) -> Option<Error> {
        let too_large = || {
            let (size, path) = (self.content.len(), &self.path);
            Error::invalid_input(format!(
                "{size} bytes are too many for `{path}`: a file of a batch holds at most \
                 {MAX_CONTENT_BYTES} (16 MiB); use `upload`"
            ))
        };
        let large = (self.content.len() > MAX_CONTENT_BYTES).then(too_large);
        large.or_else(|| checked(&self.path).err()).or_else(|| checked_mode(self.mode).err())
    }
}

impl<P: Into<String>, C: Into<Vec<u8>>> From<(P, C)> for BatchFile {
    fn from((path, content): (P, C)) -> Self {
        Self::new(path, content)
    }
}

/// What became of one file of [`Files::write_batch`].
#[derive(Debug)]
#[must_use = "a file of a batch may have failed"]
#[non_exhaustive]
pub struct BatchResult {
    /// The file's path, as it was given.
    pub path: String,
    /// How many bytes were written, or why it was not.
    pub result: Result<u64, Error>,
}

impl Files {
    /// Writes files in as few calls as possible, at most 64 files and 16 MiB each, and says of
    /// every file what became of it, in the order given. `POST /v1/sandboxes/{id}/files/batch`.
    ///
    /// One file that fails does not stop the others. If a whole call fails, its files fail with
    /// that error, and the rest is not sent: those fail with a message that says so.
    ///
    /// ```no_run
    /// # async fn run(sbx: orkestr::Sandbox) -> Result<(), orkestr::Error> {
    /// let files = [("/workspace/a.txt", "a"), ("/workspace/b.txt", "b")];
    /// for row in sbx.files().write_batch(files).await {
    ///     let size = row.result?;
    ///     println!("{}: {size} bytes", row.path);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Each file has its own: those of [`write_with_mode`](Self::write_with_mode). A file above
    /// 16 MiB is [`ErrorKind::InvalidInput`]; [`upload`](Self::upload) takes it.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, some files may be written and others not.
    pub async fn write_batch<F: Into<BatchFile>>(
        &self,
        files: impl IntoIterator<Item = F>,
    ) -> Vec<BatchResult> {
        let mut results: Vec<BatchResult> = Vec::new();
        let mut group = Group::default();
        let mut failed = None;
        for (index, file) in files.into_iter().enumerate() {
            let file: BatchFile = file.into();
            let result = match file.problem() {
                Some(problem) => Err(problem),
                // Replaced when its group is sent.
                None => Ok(0),
            };
            let send = result.is_ok();
            results.push(BatchResult { path: file.path.clone(), result });
            if !send {
                continue;
            }
            if !group.has_room(&file) {
                self.send_group(std::mem::take(&mut group), &mut results, &mut failed).await;
            }
            group.push(index, file);
        }
        self.send_group(group, &mut results, &mut failed).await;
        results
    }

    async fn send_group(
        &self,
        group: Group,
        results: &mut [BatchResult],
        failed: &mut Option<Error>,
    ) {
        if group.files.is_empty() {
            return;
        }
        if let Some(failed) = failed {
            for index in group.indices {
                let message = format!("not sent, since a call before it failed: {failed}");
                results[index].result = Err(failed.again().with_message(message));
            }
            return;
        }
        let body = &types::BatchWriteRequest { files: group.files };
        let (client, id) = (self.sandbox.client(), self.sandbox.id());
        let send = |api: crate::api::Client| async move { api.write_batch(id, body).await };
        match client.call(client.transfer(Safety::Once), send).await {
            Ok(answer) => {
                let mut rows = answer.into_inner().results;
                let in_order = rows.len() == group.indices.len();
                for (sent, index) in group.indices.into_iter().enumerate() {
                    let result = &mut results[index];
                    // A server that leaves rows out still names those that it has.
                    let row = if in_order {
                        Some(std::mem::take(&mut rows[sent]))
                    } else {
                        let at = rows.iter().position(|row| row.path == result.path);
                        at.map(|at| rows.remove(at))
                    };
                    result.result = outcome(row, body.files[sent].content.0.len());
                }
            }
            Err(error) => {
                for index in group.indices {
                    results[index].result = Err(error.again());
                }
                *failed = Some(error);
            }
        }
    }
}

fn outcome(row: Option<types::BatchFileResult>, size: usize) -> Result<u64, Error> {
    let Some(row) = row else {
        return Err(Error::new(ErrorKind::Decode, "the answer has no row for the file"));
    };
    match (row.error, row.bytes_written.and_then(Integer::unsigned)) {
        (Some(error), _) => {
            let message = error.message.or_else(|| error.code.clone());
            let message = message.unwrap_or_else(|| "the server does not say why".to_owned());
            Err(from_event(error.code, Some(message), None))
        }
        (None, written) if written.is_none_or(|written| written == size as u64) => Ok(size as u64),
        (None, written) => {
            let written = written.unwrap_or_default();
            let message = format!("the server wrote {written} of {size} bytes");
            Err(Error::new(ErrorKind::Api, message))
        }
    }
}

#[derive(Default)]
struct Group {
    files: Vec<types::BatchFile>,
    indices: Vec<usize>,
    size: usize,
}

impl Group {
    fn has_room(&self, file: &BatchFile) -> bool {
        self.files.len() < MAX_FILES && self.size + file.content.len() <= MAX_CONTENT_BYTES
    }

    fn push(&mut self, index: usize, file: BatchFile) {
        self.size += file.content.len();
        self.indices.push(index);
        self.files.push(types::BatchFile {
            path: file.path,
            content: file.content.into(),
            mode: Some(file.mode.into()),
            ..types::BatchFile::default()
        });
    }
}
