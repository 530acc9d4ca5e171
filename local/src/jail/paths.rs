//! File operations in the agent: with the rights of the sandbox's user, in a mount namespace without the host's files.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat2, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat, mkdirat};
use nix::sys::statfs::{PROC_SUPER_MAGIC, fstatfs};
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::sys;
use super::wire::Reply;

/// Everything that a path may be asked for. Since only the agent resolves paths, and its root is the sandbox's, neither a
/// symbolic link nor a race with one can lead out.
pub(super) struct Paths {
    /// The mounts that may be written to: /workspace, /tmp and, where there is one, /persist.
    writable: Vec<u64>,
}

impl Paths {
    pub(super) fn new(has_persist: bool) -> Result<Self, Errno> {
        let roots = ["/workspace", "/tmp", "/persist"];
        let roots = &roots[..if has_persist { 3 } else { 2 }];
        let mounts = roots.iter().map(|root| sys::mount_id(look(OsStr::new(root))?.as_fd()));
        Ok(Self { writable: mounts.collect::<Result<_, _>>()? })
    }

    /// A regular file or directory, for reading.
    pub(super) fn read(&self, path: &OsStr) -> Result<(OwnedFd, Reply), Errno> {
        // Before the real open, which a FIFO or a device could notice.
        plain(&look(path)?)?;
        let file = open(path, OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY, 0)?;
        let stat = plain(&file)?;
        Ok((file, described(&stat)))
    }

    /// A regular file for writing, created along with its parents if missing. What it held is still there.
    pub(super) fn write(&self, path: &OsStr, mode: u32) -> Result<(OwnedFd, Reply), Errno> {
        let (parent, _) = split(path)?;
        match look(path) {
            Ok(found) if is_dir(&plain(&found)?) => return Err(Errno::EISDIR),
            Ok(_) => {}
            Err(Errno::ENOENT) => {
                self.make_dirs(parent)?;
                // Before the open makes a file where none may be.
                self.writable_parent(path)?;
            }
            Err(errno) => return Err(errno),
        }
        let mode = mode & 0o777;
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let file = open(path, flags, mode)?;
        let stat = plain(&file)?;
        self.writable(&file)?;
        fchmod(&file, Mode::from_bits_truncate(mode))?;
        Ok((file, described(&stat)))
    }

    pub(super) fn unlink(&self, path: &OsStr) -> Result<(), Errno> {
        let (parent, name) = self.writable_parent(path)?;
        unlinkat(parent, name, UnlinkatFlags::NoRemoveDir)
    }

    pub(super) fn make_dir(&self, path: &OsStr, parents: bool) -> Result<(), Errno> {
        if parents {
            return self.make_dirs(path);
        }
        let (parent, name) = self.writable_parent(path)?;
        mkdirat(parent, name, Mode::from_bits_truncate(0o755))
    }

    pub(super) fn rename(&self, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
        let (from_parent, from) = self.writable_parent(from)?;
        let (to_parent, to) = self.writable_parent(to)?;
        renameat(from_parent, from, to_parent, to)
    }

    /// Whether [`Paths::write`] would find a place for the file.
    pub(super) fn may_write(&self, path: &OsStr) -> Result<(), Errno> {
        let (mut above, _) = split(path)?;
        match look(path) {
            Ok(found) if is_dir(&plain(&found)?) => return Err(Errno::EISDIR),
            Ok(found) => return self.writable(&found),
            Err(Errno::ENOENT) => {}
            Err(errno) => return Err(errno),
        }
        loop {
            match look(above) {
                Ok(found) if is_dir(&fstat(&found)?) => return self.writable(&found),
                Ok(_) => return Err(Errno::ENOTDIR),
                Err(Errno::ENOENT) => {
                    let bytes = above.as_bytes();
                    let end = bytes.iter().rposition(|&byte| byte != b'/').ok_or(Errno::ENOENT)?;
                    let slash = bytes[..=end].iter().rposition(|&byte| byte == b'/');
                    above = OsStr::from_bytes(&bytes[..=slash.ok_or(Errno::ENOENT)?]);
                }
                Err(errno) => return Err(errno),
            }
        }
    }

    pub(super) fn stat(&self, path: &OsStr) -> Result<Reply, Errno> {
        Ok(described(&fstat(look(path)?)?))
    }

    /// Creates what is missing of a directory and those above it.
    fn make_dirs(&self, path: &OsStr) -> Result<(), Errno> {
        let bytes = path.as_bytes();
        let mut end = 0;
        while end < bytes.len() {
            let start = bytes[end..]
                .iter()
                .position(|&byte| byte != b'/')
                .map_or(bytes.len(), |offset| end + offset);
            end = bytes[start..]
                .iter()
                .position(|&byte| byte == b'/')
                .map_or(bytes.len(), |offset| start + offset);
            let prefix = OsStr::from_bytes(&bytes[..end]);
            match look(prefix) {
                Ok(found) if is_dir(&fstat(&found)?) => {}
                Ok(_) => return Err(Errno::ENOTDIR),
                Err(Errno::ENOENT) => match self.make_dir(prefix, false) {
                    // Somebody inside was faster.
                    Ok(()) | Err(Errno::EEXIST) => {}
                    Err(errno) => return Err(errno),
                },
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    /// The directory that holds the last part of a path, which must be one to write to, and that part.
    fn writable_parent<'a>(&self, path: &'a OsStr) -> Result<(OwnedFd, &'a OsStr), Errno> {
        let (parent, name) = split(path)?;
        let parent = open(parent, OFlag::O_PATH | OFlag::O_DIRECTORY, 0)?;
        self.writable(&parent)?;
        Ok((parent, name))
    }

    /// By the mount and not by the device: the host's programs may lie on the same one as a volume.
    fn writable(&self, file: &OwnedFd) -> Result<(), Errno> {
        let mount = sys::mount_id(file.as_fd())?;
        if self.writable.contains(&mount) { Ok(()) } else { Err(Errno::EROFS) }
    }
}

/// Finds what is there without opening it.
fn look(path: &OsStr) -> Result<OwnedFd, Errno> {
    open(path, OFlag::O_PATH, 0)
}

fn open(path: &OsStr, flags: OFlag, mode: u32) -> Result<OwnedFd, Errno> {
    let how = OpenHow::new()
        .flags(flags | OFlag::O_CLOEXEC)
        .mode(Mode::from_bits_truncate(mode))
        .resolve(ResolveFlag::RESOLVE_NO_MAGICLINKS);
    openat2(AT_FDCWD, path, how)
}

/// Refuses what is neither file nor directory (`ENXIO`), and all of /proc: the agent may read there what commands may not.
fn plain(file: &OwnedFd) -> Result<FileStat, Errno> {
    let stat = fstat(file)?;
    if fstatfs(file)?.filesystem_type() == PROC_SUPER_MAGIC {
        return Err(Errno::EACCES);
    }
    match SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits()) {
        SFlag::S_IFREG | SFlag::S_IFDIR => Ok(stat),
        _ => Err(Errno::ENXIO),
    }
}

fn is_dir(stat: &FileStat) -> bool {
    stat.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFDIR.bits()
}

fn described(stat: &FileStat) -> Reply {
    Reply::Stat {
        is_dir: is_dir(stat),
        size: u64::try_from(stat.st_size).unwrap_or(0),
        mode: stat.st_mode & 0o7777,
        seconds: stat.st_mtime,
        nanos: u32::try_from(stat.st_mtime_nsec).unwrap_or(0),
    }
}

/// The directory part (at least `/`) and the last part of an absolute path, which must be a name.
fn split(path: &OsStr) -> Result<(&OsStr, &OsStr), Errno> {
    let bytes = path.as_bytes();
    let slash = bytes.iter().rposition(|&byte| byte == b'/').ok_or(Errno::EINVAL)?;
    let (parent, name) = (&bytes[..=slash], &bytes[slash + 1..]);
    match name {
        b"" | b"." | b".." => Err(Errno::EISDIR),
        name => Ok((OsStr::from_bytes(parent), OsStr::from_bytes(name))),
    }
}
