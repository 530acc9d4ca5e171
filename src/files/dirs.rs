//! Whole directories, with ignore rules.

use std::fs;
use std::future::IntoFuture;
use std::path::PathBuf;

use futures::StreamExt as _;
use futures::future::BoxFuture;

use super::tree::{named, plain, remote, rules, set_mode, walk};
use super::upload::ONE_CALL;
use super::{BatchFile, DEFAULT_MODE, FileEntry, Files, checked, local};
use crate::error::{Error, ErrorKind};

/// How many bytes of small files are gathered for one call.
const GATHERED: u64 = 4 * 1024 * 1024;

/// As many as one call carries.
const GATHERED_FILES: usize = 64;

/// How many files are fetched at a time.
const AT_ONCE: usize = 8;

/// Symbolic links look like what they lead to, so a tree may be endless.
const DEEPEST: usize = 40;

/// What [`Files::upload_dir`] or [`Files::download_dir`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DirReport {
    /// How many files were transferred.
    pub files: u64,
    /// How many bytes they hold.
    pub bytes: u64,
    /// What was left out although no rule says so: local symbolic links, and on both sides what is
    /// neither a file nor a directory. Relative to the directory.
    pub skipped: Vec<PathBuf>,
}

/// A directory to send; see [`Files::upload_dir`]. Await it.
#[derive(Clone, Debug)]
#[must_use = "a request is sent only when it is awaited"]
pub struct UploadDir {
    files: Files,
    from: PathBuf,
    to: String,
    exclude: Vec<String>,
    ignore_files: bool,
}

/// A directory to fetch; see [`Files::download_dir`]. Await it.
#[derive(Clone, Debug)]
#[must_use = "a request is sent only when it is awaited"]
pub struct DownloadDir {
    files: Files,
    from: String,
    to: PathBuf,
    exclude: Vec<String>,
}

impl Files {
    /// Sends what is in the local directory `from` to the directory `to`, with permission bits.
    ///
    /// Left out are `.git`, what `.gitignore` and `.ignore` files in `from` and below say
    /// ([`ignore_files`](UploadDir::ignore_files) switches that off), and symbolic links, which
    /// are not followed but told in [`DirReport::skipped`]. Files that are already in `to` stay
    /// unless one of the same name comes. A presigned URL takes no mode, so a file above 1 MiB has
    /// its own only where the service keeps that of a file that is there, as `orkestr-local` does.
    ///
    /// # Errors
    ///
    /// Those of [`Upload::from_file`](super::Upload::from_file) at the first file that fails; its
    /// name is in the message. [`ErrorKind::InvalidInput`] for a glob that cannot be read,
    /// [`ErrorKind::Io`] for a name that is not UTF-8.
    ///
    /// # Cancel safety
    ///
    /// If it fails or the future is dropped, some files are there and others not.
    pub fn upload_dir(&self, from: impl Into<PathBuf>, to: impl Into<String>) -> UploadDir {
        let (files, from, to) = (self.clone(), from.into(), to.into());
        UploadDir { files, from, to, exclude: Vec::new(), ignore_files: true }
    }

    /// Fetches what is in the directory `from` into the local directory `to`, which is made if it
    /// is missing, with permission bits, a few at a time. Symbolic links come as what they lead
    /// to.
    ///
    /// # Errors
    ///
    /// Those of [`Download::to_file`](super::Download::to_file) at the first file that fails, and
    /// [`ErrorKind::Decode`] for a name that would leave `to` or a tree of more than 40 levels,
    /// as a circle of symbolic links makes one.
    ///
    /// # Cancel safety
    ///
    /// If it fails or the future is dropped, some files are there, each of them whole.
    pub fn download_dir(&self, from: impl Into<String>, to: impl Into<PathBuf>) -> DownloadDir {
        DownloadDir { files: self.clone(), from: from.into(), to: to.into(), exclude: Vec::new() }
    }
}

impl UploadDir {
    /// Leaves out what `glob` matches, with the rules of a line in `.gitignore`.
    pub fn exclude(mut self, glob: impl Into<String>) -> Self {
        self.exclude.push(glob.into());
        self
    }

    /// Whether `.gitignore` and `.ignore` files count and `.git` is left out. Default: yes.
    pub fn ignore_files(mut self, follow: bool) -> Self {
        self.ignore_files = follow;
        self
    }

    async fn send(self) -> Result<DirReport, Error> {
        let to = checked(&self.to)?.trim_end_matches('/').to_owned();
        let rules = rules(&self.from, &self.exclude)?;
        let (from, ignore_files) = (self.from.clone(), self.ignore_files);
        let walked = tokio::task::spawn_blocking(move || walk(&from, rules, ignore_files)).await;
        let tree = walked.map_err(|error| {
            Error::new(ErrorKind::Io, "the directory was not read to its end").with_source(error)
        })??;
        let mut report = DirReport { skipped: tree.skipped, ..DirReport::default() };
        for directory in &tree.bare {
            self.files.mkdir(remote(&to, directory)?).await?;
        }
        let (mut gathered, mut size) = (Vec::new(), 0);
        for file in tree.files {
            let (path, source) = (remote(&to, &file.path)?, self.from.join(&file.path));
            if file.size > ONE_CALL {
                if file.mode != DEFAULT_MODE {
                    // A file that is there keeps its mode, and the URL takes none.
                    self.files.write_with_mode(&path, [], file.mode).await?;
                }
                let sent = self.files.upload(&path).from_file(&source).await;
                report.bytes += sent.map_err(|error| named(&path, error))?;
                report.files += 1;
                continue;
            }
            let read = source.clone();
            let content = local::blocking(move || fs::read(read)).await;
            let content = content.map_err(|error| local::failed("read", &source, error))?;
            size += content.len() as u64;
            gathered.push(BatchFile::new(path, content).mode(file.mode));
            if gathered.len() == GATHERED_FILES || size >= GATHERED {
                self.flush(std::mem::take(&mut gathered), &mut report).await?;
                size = 0;
            }
        }
        self.flush(gathered, &mut report).await?;
        Ok(report)
    }

    async fn flush(&self, files: Vec<BatchFile>, report: &mut DirReport) -> Result<(), Error> {
        for row in self.files.write_batch(files).await {
            report.bytes += row.result.map_err(|error| named(&row.path, error))?;
            report.files += 1;
        }
        Ok(())
    }
}

impl DownloadDir {
    /// Leaves out what `glob` matches, with the rules of a line in `.gitignore`.
    pub fn exclude(mut self, glob: impl Into<String>) -> Self {
        self.exclude.push(glob.into());
        self
    }

    async fn send(self) -> Result<DirReport, Error> {
        let from = checked(&self.from)?.trim_end_matches('/').to_owned();
        let listed = self.list(&from).await?;
        let fetches = listed.into_iter().map(|(below, entry)| self.fetch(&from, below, entry));
        let mut fetched = futures::stream::iter(fetches).buffered(AT_ONCE);
        let mut report = DirReport::default();
        while let Some(outcome) = fetched.next().await {
            match outcome? {
                Fetched::Whole(size) => {
                    report.bytes += size;
                    report.files += 1;
                }
                Fetched::Not(path) => report.skipped.push(path),
            }
        }
        Ok(report)
    }

    /// The files of the tree, with local directories for them.
    async fn list(&self, from: &str) -> Result<Vec<(PathBuf, FileEntry)>, Error> {
        let rules = rules(&self.to, &self.exclude)?;
        let mut files = Vec::new();
        let mut open = vec![(PathBuf::new(), 0)];
        while let Some((directory, depth)) = open.pop() {
            let path = remote(from, &directory)?;
            let entries = self.files.list(if path.is_empty() { "/" } else { &path }).await?;
            let place = self.to.join(&directory);
            let made = place.clone();
            let made = local::blocking(move || fs::create_dir_all(made)).await;
            made.map_err(|error| local::failed("write", &place, error))?;
            for entry in entries {
                let below = directory.join(plain(&entry.name)?);
                if rules.matched(&below, entry.is_dir).is_ignore() {
                    continue;
                }
                if !entry.is_dir {
                    files.push((below, entry));
                } else if depth < DEEPEST {
                    open.push((below, depth + 1));
                } else {
                    let message = format!(
                        "`{path}/{}` is more than {DEEPEST} levels deep; if symbolic links \
                         lead round in a circle, `exclude` one of them",
                        entry.name
                    );
                    return Err(Error::new(ErrorKind::Decode, message));
                }
            }
        }
        Ok(files)
    }

    async fn fetch(&self, from: &str, below: PathBuf, entry: FileEntry) -> Result<Fetched, Error> {
        let (path, target) = (remote(from, &below)?, self.to.join(&below));
        match self.files.download_listed(&path, entry.size).to_file(&target).await {
            Ok(size) => {
                let set = target.clone();
                let set = local::blocking(move || set_mode(&set, entry.mode)).await;
                set.map_err(|error| local::failed("write", &target, error))?;
                Ok(Fetched::Whole(size))
            }
            // A dangling link, a FIFO, or a file that went meanwhile.
            Err(error)
                if error.kind() == ErrorKind::NotFound
                    || error.code() == Some("not_a_regular_file") =>
            {
                Ok(Fetched::Not(below))
            }
            Err(error) => Err(named(&path, error)),
        }
    }
}

enum Fetched {
    Whole(u64),
    Not(PathBuf),
}

impl IntoFuture for UploadDir {
    type Output = Result<DirReport, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl IntoFuture for DownloadDir {
    type Output = Result<DirReport, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
