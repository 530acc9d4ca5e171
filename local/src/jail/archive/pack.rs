//! Packs what a sandbox holds, while nothing in it runs.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::BufWriter;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat, readlinkat};
use nix::sys::stat::{FchmodatFlags, FileStat, Mode, SFlag, fchmod, fchmodat, fstat, fstatat};
use nix::unistd::{Whence, lseek};

use super::{CHUNK, Meta, ROOTS, Record, Writer, c_string};

/// Writes everything below the roots into `archive`. Nothing else may change it meanwhile.
///
/// The sandbox's user may have locked files and directories against itself: they are opened for as long as they are read.
pub(in super::super) fn pack(archive: OwnedFd) -> Result<(), Errno> {
    let mut packer = Packer {
        out: Writer::new(archive),
        device: 0,
        links: HashMap::new(),
        buffer: vec![0; CHUNK],
    };
    for root in ROOTS {
        packer.tree(root)?;
    }
    packer.out.record(&Record::End)?;
    packer.out.flush()
}

struct Packer {
    out: Writer<BufWriter<File>>,
    /// Of the data: what is mounted on top is another's.
    device: u64,
    /// Files with several names, by inode.
    links: HashMap<u64, u64>,
    buffer: Vec<u8>,
}

/// A directory that was entered.
struct Level {
    /// What is left of it.
    names: Vec<CString>,
    /// What it has to be locked again with.
    locked: Option<Mode>,
}

impl Packer {
    fn tree(&mut self, root: &CStr) -> Result<(), Errno> {
        let stat = fstatat(AT_FDCWD, root, AtFlags::empty())?;
        self.device = stat.st_dev;
        let (mut here, locked) = unlocked(AT_FDCWD, root, &stat, OFlag::O_DIRECTORY, 0o500)?;
        let mut levels = vec![Level { names: Vec::new(), locked }];
        let packed = self.walk(&stat, &mut here, &mut levels);
        // After a failure on the way, what was unlocked for it is locked again.
        while let Some(level) = levels.pop() {
            leave(&mut here, &level, levels.is_empty());
        }
        packed
    }

    fn walk(
        &mut self,
        stat: &FileStat,
        here: &mut OwnedFd,
        levels: &mut Vec<Level>,
    ) -> Result<(), Errno> {
        let names = names(here)?;
        self.out.record(&Record::Root { meta: meta(stat), staging: unused(&names) })?;
        if let Some(level) = levels.last_mut() {
            level.names = names;
        }
        while let Some(level) = levels.last_mut() {
            let Some(name) = level.names.pop() else {
                self.out.record(&Record::Leave)?;
                if let Some(level) = levels.pop() {
                    leave(here, &level, levels.is_empty());
                }
                continue;
            };
            if let Some((inner, locked)) = self.entry(here, name)? {
                *here = inner;
                levels.push(Level { names: Vec::new(), locked });
                let found = self::names(here)?;
                if let Some(level) = levels.last_mut() {
                    level.names = found;
                }
            }
        }
        Ok(())
    }

    /// Writes one entry. A directory is written as entered, and comes back open.
    fn entry(
        &mut self,
        here: &OwnedFd,
        name: CString,
    ) -> Result<Option<(OwnedFd, Option<Mode>)>, Errno> {
        let stat = match fstatat(here, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::ENOENT) => return Ok(None),
            Err(errno) => return Err(errno),
        };
        if stat.st_dev != self.device {
            return Ok(None);
        }
        let meta = meta(&stat);
        match SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits()) {
            SFlag::S_IFDIR => {
                self.out.record(&Record::Enter { name: name.clone(), meta })?;
                return unlocked(here, &name, &stat, OFlag::O_DIRECTORY, 0o500).map(Some);
            }
            SFlag::S_IFREG => self.file(here, name, &stat)?,
            SFlag::S_IFLNK => {
                let target = c_string(&readlinkat(here, name.as_c_str())?)?;
                self.out.record(&Record::Symlink { name, meta, target })?;
            }
            SFlag::S_IFIFO => self.out.record(&Record::Fifo { name, meta })?,
            SFlag::S_IFSOCK => self.out.record(&Record::Socket { name, meta })?,
            // There are no devices, and there is nothing else.
            _ => {}
        }
        Ok(None)
    }

    fn file(&mut self, here: &OwnedFd, name: CString, stat: &FileStat) -> Result<(), Errno> {
        let mut link = 0;
        if stat.st_nlink > 1 {
            if let Some(&link) = self.links.get(&stat.st_ino) {
                return self.out.record(&Record::HardLink { name, link });
            }
            link = self.links.len() as u64 + 1;
            self.links.insert(stat.st_ino, link);
        }
        let (file, locked) = unlocked(here, &name, stat, OFlag::empty(), 0o400)?;
        let size = u64::try_from(fstat(&file)?.st_size).unwrap_or(0);
        self.out.record(&Record::File { name, meta: meta(stat), size, link })?;
        let copied = self.extents(&File::from(file.try_clone().map_err(super::errno)?), size);
        if let Some(mode) = locked {
            fchmod(&file, mode)?;
        }
        copied
    }

    /// Holes are left out.
    fn extents(&mut self, file: &File, size: u64) -> Result<(), Errno> {
        let mut end = 0;
        while end < size {
            let seek = |from: u64, whence| {
                let from = i64::try_from(from).map_err(|_| Errno::EOVERFLOW)?;
                lseek(file, from, whence).map(|offset| u64::try_from(offset).unwrap_or(0))
            };
            let start = match seek(end, Whence::SeekData) {
                Ok(start) if start < size => start,
                // Nothing but a hole is left.
                Ok(_) | Err(Errno::ENXIO) => break,
                Err(errno) => return Err(errno),
            };
            end = seek(start, Whence::SeekHole)?.min(size);
            self.out.record(&Record::Extent { offset: start, length: end - start })?;
            self.copy(file, start, end)?;
        }
        self.out.record(&Record::Extent { offset: 0, length: 0 })
    }

    fn copy(&mut self, file: &File, mut from: u64, to: u64) -> Result<(), Errno> {
        while from < to {
            let wanted = usize::try_from(to - from).unwrap_or(usize::MAX).min(CHUNK);
            let chunk = &mut self.buffer[..wanted];
            let read = file.read_at(chunk, from).map_err(super::errno)?;
            if read == 0 {
                // Cut by a call of the files API that had begun before: what was announced has to come.
                chunk.fill(0);
            }
            let read = if read == 0 { wanted } else { read };
            self.out.bytes(&self.buffer[..read])?;
            from += read as u64;
        }
        Ok(())
    }
}

/// Back to the directory above, with the one that is left locked again. There is nobody to tell of a failure: the helper
/// ends, and its sandbox has a directory with more rights than its user gave it.
fn leave(here: &mut OwnedFd, level: &Level, is_root: bool) {
    let above = if is_root {
        None
    } else {
        openat(
            &*here,
            c"..",
            OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
            Mode::empty(),
        )
        .ok()
    };
    if let Some(mode) = level.locked {
        let _ = fchmod(&*here, mode);
    }
    if let Some(above) = above {
        *here = above;
    }
}

/// Opens an entry that is no symbolic link; the mode is what to lock it with again if it was locked.
fn unlocked(
    here: impl AsFd,
    name: &CStr,
    stat: &FileStat,
    flags: OFlag,
    needed: u32,
) -> Result<(OwnedFd, Option<Mode>), Errno> {
    let mode = Mode::from_bits_truncate(stat.st_mode & 0o7777);
    let needed = Mode::from_bits_truncate(needed);
    let is_locked = !mode.contains(needed);
    if is_locked {
        fchmodat(&here, name, mode | needed, FchmodatFlags::FollowSymlink)?;
    }
    let flags = flags | OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    match openat(&here, name, flags, Mode::empty()) {
        Ok(file) => Ok((file, is_locked.then_some(mode))),
        Err(errno) => {
            if is_locked {
                let _ = fchmodat(&here, name, mode, FchmodatFlags::FollowSymlink);
            }
            Err(errno)
        }
    }
}

fn names(directory: &OwnedFd) -> Result<Vec<CString>, Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let mut found = Vec::new();
    for entry in Dir::openat(directory, c".", flags, Mode::empty())?.iter() {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            found.push(entry.file_name().to_owned());
        }
    }
    Ok(found)
}

/// A name that is none of `names`.
fn unused(names: &[CString]) -> CString {
    let mut staging = b".orkestr-links".to_vec();
    while names.iter().any(|name| name.to_bytes() == staging) {
        // A name cannot be longer than 255 bytes, so some length is free long before that.
        staging.push(b'_');
    }
    CString::new(staging).unwrap_or_default()
}

fn meta(stat: &FileStat) -> Meta {
    Meta {
        mode: stat.st_mode & 0o7777,
        seconds: stat.st_mtime,
        nanos: u32::try_from(stat.st_mtime_nsec).unwrap_or(0),
    }
}
