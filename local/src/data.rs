//! The directory that outlives sandboxes: one server at a time has it, and nobody else can look into it.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::unistd::geteuid;

use crate::{id, remove};

const LOCK: &str = "lock";
const TRASH: &str = "trash";

/// What a directory of this kind may hold when nothing else says that it is one.
const OWN: [&str; 3] = [LOCK, TRASH, "volumes"];

/// Names of the directories that servers make for themselves.
const PRIVATE: &str = "orkestr-local-";

/// An open data directory. It is free for the next server when this is dropped or the process ends, however it does.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    /// Nobody asked for it by name: it goes with the server.
    is_private: bool,
    trash: Mutex<()>,
    _lock: Flock<File>,
}

impl DataDir {
    /// One that stays, made if it is missing.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        // Absolute, whatever the process does to its current directory later.
        let path = path.canonicalize()?;
        let metadata = fs::metadata(&path)?;
        if metadata.uid() != geteuid().as_raw() {
            let owner = metadata.uid();
            return Err(other(format!("it belongs to the user {owner}, not to this one")));
        }
        let found: Vec<_> = fs::read_dir(&path)?.collect::<Result<_, _>>()?;
        let is_own = found.is_empty() || found.iter().any(|entry| entry.file_name() == LOCK);
        if !is_own && !found.iter().all(|entry| OWN.iter().any(|own| entry.file_name() == *own)) {
            return Err(other("it holds other things; give an empty or a new directory"));
        }
        fs::set_permissions(&path, Permissions::from_mode(0o700))?;
        let Some(lock) = lock(&path)? else {
            return Err(other("another server is using it"));
        };
        let data = Self { path, is_private: false, trash: Mutex::default(), _lock: lock };
        data.empty_trash()?;
        Ok(data)
    }

    /// One that is removed at the end. Those of servers that were killed are removed now.
    pub(crate) fn private() -> io::Result<Self> {
        let place = std::env::temp_dir().canonicalize()?;
        sweep(&place);
        loop {
            let path = place.join(format!("{PRIVATE}{}", id::new("data")));
            DirBuilder::new().mode(0o700).create(&path)?;
            // Another server may sweep it away before it is locked.
            match lock(&path) {
                Ok(Some(lock)) if path.join(LOCK).exists() => {
                    return Ok(Self {
                        path,
                        is_private: true,
                        trash: Mutex::default(),
                        _lock: lock,
                    });
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file of the directory whole or not at all, also where the machine fails.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let (target, new) = (self.path.join(name), self.path.join(format!("{name}.new")));
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&new, &target)?;
        File::open(&self.path)?.sync_all()
    }

    /// Takes what is at `path`, on this file system, out of sight at once, and removes it.
    pub(crate) fn discard(&self, path: &Path) -> io::Result<()> {
        let trash = self.path.join(TRASH);
        DirBuilder::new().recursive(true).mode(0o700).create(&trash)?;
        let moved = unlock(path).and_then(|()| fs::rename(path, trash.join(id::new("gone"))));
        match moved {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => self.empty_trash(),
        }
    }

    fn empty_trash(&self) -> io::Result<()> {
        let _turn = self.trash.lock().unwrap_or_else(PoisonError::into_inner);
        let trash = self.path.join(TRASH);
        if trash.exists() { remove::below(&trash) } else { Ok(()) }
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if self.is_private
            && let Err(error) = remove::tree(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "not removed");
        }
    }
}

/// Opens a directory to its own user, whom code in a sandbox may have locked out of it.
pub(crate) fn unlock(path: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    let mode = metadata.permissions().mode();
    if metadata.is_dir() && mode & 0o700 != 0o700 {
        fs::set_permissions(path, Permissions::from_mode(mode | 0o700))?;
    }
    Ok(())
}

/// A file without a name below `directory`: it is gone with its last descriptor, whatever happens.
pub(crate) fn unnamed_file(directory: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    match options.clone().custom_flags(OFlag::O_TMPFILE.bits()).open(directory) {
        // Some file systems have no such files.
        Err(error) if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EISDIR)) => {
            let path = directory.join(format!("{PRIVATE}{}", id::new("file")));
            let file = options.create_new(true).open(&path)?;
            fs::remove_file(&path)?;
            Ok(file)
        }
        result => result,
    }
}

/// `None` if another process has it.
fn lock(directory: &Path) -> io::Result<Option<Flock<File>>> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let file = options.custom_flags(OFlag::O_NOFOLLOW.bits()).open(directory.join(LOCK))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, errno)) => Err(errno.into()),
    }
}

/// Removes the private directories that nobody has locked: their servers could not do it any more.
fn sweep(place: &Path) {
    let own = geteuid().as_raw();
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let is_private = entry.file_name().to_str().is_some_and(|name| name.starts_with(PRIVATE));
        // Of the entry itself: a symbolic link is no directory.
        let is_own = entry.metadata().is_ok_and(|found| found.is_dir() && found.uid() == own);
        let path = entry.path();
        // One without a lock file may just be being made.
        if is_private
            && is_own
            && path.join(LOCK).exists()
            && let Ok(Some(_lock)) = lock(&path)
        {
            let _ = remove::tree(&path);
        }
    }
}

fn other(reason: impl Into<String>) -> io::Error {
    io::Error::other(reason.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch() -> DataDir {
        DataDir::private().expect("a directory")
    }

    #[test]
    fn one_server_at_a_time_and_only_its_own_directories() {
        let place = scratch();
        let path = place.path().join("a/b");
        let first = DataDir::open(&path).expect("a new directory");
        let mode = fs::metadata(&path).expect("it is there").mode() & 0o777;
        assert_eq!(mode, 0o700);
        let error = DataDir::open(&path).expect_err("it is taken");
        assert!(error.to_string().contains("another server"), "{error}");
        drop(first);
        drop(DataDir::open(&path).expect("free again"));

        let full = place.path().join("full");
        fs::create_dir(&full).expect("a directory");
        fs::write(full.join("thesis.tex"), "years of work").expect("a file");
        let error = DataDir::open(&full).expect_err("not one of ours");
        assert!(error.to_string().contains("other things"), "{error}");
        fs::remove_file(full.join("thesis.tex")).expect("it is there");
        fs::set_permissions(&full, Permissions::from_mode(0o755)).expect("ours");
        drop(DataDir::open(&full).expect("an empty directory"));
        assert_eq!(fs::metadata(&full).expect("it is there").mode() & 0o777, 0o700);
    }

    #[test]
    fn private_ones_are_removed_also_those_of_the_killed() {
        let dir = scratch();
        let path = dir.path().to_owned();
        fs::create_dir(path.join("volumes")).expect("a directory");
        drop(dir);
        assert!(!path.exists());
        // As a server that is killed leaves it.
        let killed = path.with_file_name(format!("{PRIVATE}{}", id::new("data")));
        fs::create_dir(&killed).expect("a directory");
        fs::write(killed.join(LOCK), "").expect("a file");
        let alive = scratch();
        drop(scratch());
        assert!(!killed.exists() && alive.path().exists());
    }

    #[test]
    fn a_file_is_written_whole_and_one_without_a_name_is_nowhere() {
        let dir = scratch();
        dir.write("x.json", b"one").expect("written");
        dir.write("x.json", b"two").expect("written");
        assert_eq!(fs::read(dir.path().join("x.json")).expect("it is there"), b"two");
        let before = fs::read_dir(dir.path()).expect("ours").count();
        let mut file = unnamed_file(dir.path()).expect("a file");
        file.write_all(b"x").expect("written");
        assert_eq!(fs::read_dir(dir.path()).expect("ours").count(), before);
    }
}
