//! The files of a sandbox as seen from inside: the agent opens them, the server reads and writes.

use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::sys::stat::{FileStat, SFlag, fstatat};

use super::FileError;
use super::link::Link;
use super::wire::{Reply, Request};

/// The files of a sandbox. Paths are absolute and mean what they mean inside; the rights are those of the sandbox's user,
/// and only /workspace, /tmp and, with a volume, /persist can be written to. Works while the sandbox is frozen.
#[derive(Clone)]
pub struct Files(Arc<Link>);

/// What a path holds.
#[derive(Debug)]
pub enum Content {
    /// A regular file, complete.
    File {
        /// What it holds.
        bytes: Vec<u8>,
        /// Its permission bits.
        mode: u32,
        /// When it was last written to.
        modified: SystemTime,
    },
    /// A directory's entries, sorted by name.
    Directory(Vec<Entry>),
}

/// What is known of a file or directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, without the path.
    pub name: String,
    /// Whether it is a directory; a symbolic link counts as what it leads to.
    pub is_dir: bool,
    /// Its size in bytes.
    pub size: u64,
    /// Its permission bits.
    pub mode: u32,
    /// When it was last written to.
    pub modified: SystemTime,
}

impl Files {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self(link)
    }

    /// Reads a file of at most `max` bytes, or lists a directory.
    ///
    /// # Errors
    /// [`FileError::TooLarge`] for a bigger file, [`FileError::NotRegular`] for devices and the like,
    /// [`FileError::NotPermitted`] also for everything in /proc.
    pub async fn read(&self, path: &str, max: u64) -> Result<Content, FileError> {
        let (file, entry) = self.open(path, Request::Read { path: checked(path)?.into() }).await?;
        if entry.is_dir {
            return self.list(path, file).await.map(Content::Directory);
        }
        let too_large = |size| FileError::TooLarge { path: path.to_owned(), size, max };
        if entry.size > max {
            return Err(too_large(entry.size));
        }
        let bytes = blocking(path, move || {
            let mut bytes = Vec::with_capacity(usize::try_from(entry.size).unwrap_or(0));
            // It may grow while it is read.
            File::from(file).take(max.saturating_add(1)).read_to_end(&mut bytes).map(|_| bytes)
        })
        .await?;
        if bytes.len() as u64 > max {
            return Err(too_large(bytes.len() as u64));
        }
        Ok(Content::File { bytes, mode: entry.mode, modified: entry.modified })
    }

    /// Opens a regular file for reading.
    ///
    /// # Errors
    /// As [`Files::read`], and [`FileError::IsDirectory`].
    pub async fn open_read(&self, path: &str) -> Result<(File, Entry), FileError> {
        let (file, entry) = self.open(path, Request::Read { path: checked(path)?.into() }).await?;
        if entry.is_dir {
            return Err(FileError::IsDirectory(path.to_owned()));
        }
        Ok((file.into(), entry))
    }

    /// Writes a file, creating it and the directories above it if they are missing.
    ///
    /// # Errors
    /// [`FileError::NotPermitted`] outside of the writable directories, also when a symbolic link leads there;
    /// [`FileError::NoSpace`] when the disk is full (what fitted is there), [`FileError::IsDirectory`].
    pub async fn write(
        &self,
        path: &str,
        bytes: impl AsRef<[u8]> + Send + 'static,
        mode: u32,
    ) -> Result<(), FileError> {
        let mut file = self.open_write(path, mode).await?;
        blocking(path, move || file.write_all(bytes.as_ref())).await
    }

    /// Opens a file for writing, creating it and the directories above it if they are missing. It is empty, whatever it held.
    ///
    /// # Errors
    /// As [`Files::write`].
    pub async fn open_write(&self, path: &str, mode: u32) -> Result<File, FileError> {
        let (file, _) =
            self.open(path, Request::Write { path: checked(path)?.into(), mode }).await?;
        // Only now is it known to be a regular file that may be written to.
        blocking(path, move || {
            let file = File::from(file);
            file.set_len(0).map(|()| file)
        })
        .await
    }

    /// Whether a file may be written there, as far as it can be known without writing it.
    ///
    /// # Errors
    /// As [`Files::write`].
    pub async fn check_write(&self, path: &str) -> Result<(), FileError> {
        self.done(path, Request::MayWrite { path: checked(path)?.into() }).await
    }

    /// Removes a file or a symbolic link.
    ///
    /// # Errors
    /// [`FileError::IsDirectory`], [`FileError::NotFound`], [`FileError::NotPermitted`] outside of the writable directories.
    pub async fn remove_file(&self, path: &str) -> Result<(), FileError> {
        self.done(path, Request::Unlink { path: checked(path)?.into() }).await
    }

    /// Creates a directory; with `parents` also those above it, and then it may exist already.
    ///
    /// # Errors
    /// [`FileError::AlreadyExists`], [`FileError::NotDirectory`], [`FileError::NotFound`] for a missing parent,
    /// [`FileError::NotPermitted`] outside of the writable directories.
    pub async fn create_dir(&self, path: &str, parents: bool) -> Result<(), FileError> {
        let trimmed = match checked(path)?.trim_end_matches('/') {
            "" => "/",
            trimmed => trimmed,
        };
        self.done(path, Request::MakeDir { path: trimmed.into(), parents }).await
    }

    /// Renames a file or directory, replacing a file that is there. Between /workspace, /tmp and /persist, regular files only, and
    /// not in one step: they are copied and then removed.
    ///
    /// # Errors
    /// [`FileError::NotFound`], [`FileError::NotPermitted`] outside of the writable directories. The error names `from`
    /// unless it can only be about `to`.
    pub async fn rename(&self, from: &str, to: &str) -> Result<(), FileError> {
        let request = Request::Rename { from: checked(from)?.into(), to: checked(to)?.into() };
        match self.call(from, request).await? {
            (Reply::Done, _) => Ok(()),
            (Reply::Failed { errno: libc::EXDEV }, _) => self.move_across(from, to).await,
            (Reply::Failed { errno }, _) => {
                let errno = Errno::from_raw(errno);
                let about_target = matches!(
                    errno,
                    Errno::EISDIR | Errno::EEXIST | Errno::ENOTEMPTY | Errno::ENOSPC
                );
                Err(FileError::new(if about_target { to } else { from }, errno))
            }
            (other, _) => Err(unexpected(from, &other)),
        }
    }

    async fn move_across(&self, from: &str, to: &str) -> Result<(), FileError> {
        let (mut source, entry) = self.open_read(from).await?;
        let mut target = self.open_write(to, entry.mode).await?;
        blocking(to, move || io::copy(&mut source, &mut target)).await?;
        self.remove_file(from).await
    }

    /// What is known of a path, symbolic links followed; `None` when nothing is there.
    ///
    /// # Errors
    /// [`FileError::NotPermitted`] and the like when that cannot be found out.
    pub async fn stat(&self, path: &str) -> Result<Option<Entry>, FileError> {
        match self.call(path, Request::Stat { path: checked(path)?.into() }).await? {
            (Reply::Failed { errno: libc::ENOENT | libc::ENOTDIR }, _) => Ok(None),
            (reply, _) => entry(path, &reply).map(Some),
        }
    }

    async fn list(&self, path: &str, directory: OwnedFd) -> Result<Vec<Entry>, FileError> {
        let found = blocking(path, move || entries(directory)).await?;
        let mut listed = Vec::with_capacity(found.len());
        for (mut entry, is_link) in found {
            // Only the agent knows where a link leads.
            if is_link && let Ok(Some(target)) = self.stat(&format!("{path}/{}", entry.name)).await
            {
                entry = Entry { name: entry.name, ..target };
            }
            listed.push(entry);
        }
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(listed)
    }

    async fn call(
        &self,
        path: &str,
        request: Request,
    ) -> Result<(Reply, Option<OwnedFd>), FileError> {
        let answer = async { self.0.ask(&request, &[]).await?.next().await };
        answer.await.map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => FileError::AgentGone(path.to_owned()),
            _ => FileError::from_io(path, error),
        })
    }

    async fn done(&self, path: &str, request: Request) -> Result<(), FileError> {
        match self.call(path, request).await? {
            (Reply::Done, _) => Ok(()),
            (other, _) => Err(unexpected(path, &other)),
        }
    }

    async fn open(&self, path: &str, request: Request) -> Result<(OwnedFd, Entry), FileError> {
        let (reply, file) = self.call(path, request).await?;
        let entry = entry(path, &reply)?;
        Ok((file.ok_or_else(|| FileError::new(path, Errno::EMFILE))?, entry))
    }
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Files").finish_non_exhaustive()
    }
}

fn checked(path: &str) -> Result<&str, FileError> {
    let invalid = |reason| Err(FileError::InvalidPath { path: path.to_owned(), reason });
    match path {
        _ if !path.starts_with('/') => invalid("it is not absolute"),
        _ if path.contains('\0') => invalid("it contains a NUL"),
        _ if path.len() >= libc::PATH_MAX as usize => invalid("it is too long"),
        _ => Ok(path),
    }
}

fn unexpected(path: &str, reply: &Reply) -> FileError {
    match reply {
        Reply::Failed { errno } => FileError::new(path, Errno::from_raw(*errno)),
        other => FileError::Io {
            path: path.to_owned(),
            cause: io::Error::other(format!("the agent answered {other:?}")),
        },
    }
}

fn entry(path: &str, reply: &Reply) -> Result<Entry, FileError> {
    match *reply {
        Reply::Stat { is_dir, size, mode, seconds, nanos } => {
            let name = path.rsplit('/').find(|part| !part.is_empty()).unwrap_or("/").to_owned();
            Ok(Entry { name, is_dir, size, mode, modified: time(seconds, nanos) })
        }
        ref other => Err(unexpected(path, other)),
    }
}

fn time(seconds: i64, nanos: u32) -> SystemTime {
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let base =
        if seconds < 0 { UNIX_EPOCH.checked_sub(whole) } else { UNIX_EPOCH.checked_add(whole) };
    // touch can set times that SystemTime cannot hold.
    base.and_then(|base| base.checked_add(Duration::from_nanos(u64::from(nanos))))
        .unwrap_or(UNIX_EPOCH)
}

/// The entries of an open directory, each with whether it is a symbolic link.
fn entries(directory: OwnedFd) -> io::Result<Vec<(Entry, bool)>> {
    let mut dir = Dir::from_fd(directory)?;
    let mut names = Vec::new();
    for entry in dir.iter() {
        let name = entry?.file_name().to_owned();
        if !matches!(name.to_bytes(), b"." | b"..") {
            names.push(name);
        }
    }
    // What has gone since is not listed.
    Ok(names
        .iter()
        .filter_map(|name| {
            let stat = fstatat(&dir, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW).ok()?;
            Some(listed(name, &stat))
        })
        .collect())
}

fn listed(name: &CStr, stat: &FileStat) -> (Entry, bool) {
    let kind = SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits());
    let entry = Entry {
        name: OsStr::from_bytes(name.to_bytes()).to_string_lossy().into_owned(),
        is_dir: kind == SFlag::S_IFDIR,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        mode: stat.st_mode & 0o7777,
        modified: time(stat.st_mtime, u32::try_from(stat.st_mtime_nsec).unwrap_or(0)),
    };
    (entry, kind == SFlag::S_IFLNK)
}

/// Runs file work where it may block.
async fn blocking<T: Send + 'static>(
    path: &str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, FileError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| FileError::from_io(path, error)),
        Err(_) => Err(FileError::from_io(path, io::Error::other("the runtime is shutting down"))),
    }
}
