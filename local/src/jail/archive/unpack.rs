//! Unpacks what another sandbox held into a new one, before anything runs in it.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat};
use nix::sys::stat::{
    FchmodatFlags, Mode, SFlag, UtimensatFlags, fchmod, fchmodat, futimens, mkdirat, mknodat,
    utimensat,
};
use nix::sys::time::TimeSpec;
use nix::unistd::{UnlinkatFlags, linkat, symlinkat, unlinkat};

use super::{Meta, ROOTS, Reader, Record};

const DIRECTORY: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// Fills the roots, which must be empty, with what `archive` holds.
pub(in super::super) fn unpack(archive: OwnedFd) -> Result<(), Errno> {
    let mut from = Reader::new(archive);
    for root in ROOTS {
        let Record::Root { meta, staging } = from.record()? else { return Err(Errno::EBADMSG) };
        let top = openat(AT_FDCWD, root, DIRECTORY, Mode::empty())?;
        let mut links = Links { staging, directory: None, kept: Vec::new() };
        tree(&mut from, &top, meta, &mut links)?;
        links.end(&top)?;
        // Last: everything before has changed the root itself.
        finish(&top, meta)?;
    }
    if from.record()? == Record::End { Ok(()) } else { Err(Errno::EBADMSG) }
}

fn tree<R: std::io::BufRead>(
    from: &mut Reader<R>,
    top: &OwnedFd,
    meta: Meta,
    links: &mut Links,
) -> Result<(), Errno> {
    let mut here = top.try_clone().map_err(super::errno)?;
    let mut levels = vec![meta];
    loop {
        match from.record()? {
            Record::Enter { name, meta } => {
                match mkdirat(&here, name.as_c_str(), Mode::S_IRWXU) {
                    // A directory on the way to a path of the host that is shown below /workspace or /tmp.
                    Ok(()) | Err(Errno::EEXIST) => {}
                    Err(errno) => return Err(errno),
                }
                here = openat(&here, name.as_c_str(), DIRECTORY, Mode::empty())?;
                levels.push(meta);
            }
            Record::Leave => {
                let meta = levels.pop().ok_or(Errno::EBADMSG)?;
                if levels.is_empty() {
                    return Ok(());
                }
                let above = openat(&here, c"..", DIRECTORY, Mode::empty())?;
                finish(&here, meta)?;
                here = above;
            }
            Record::File { name, meta, size, link } => {
                let file = create(from, &here, &name, size)?;
                finish(&file, meta)?;
                if link > 0 {
                    links.keep(top, &here, &name, link)?;
                }
            }
            Record::HardLink { name, link } => links.name(&here, &name, link)?,
            Record::Symlink { name, meta, target } => {
                symlinkat(target.as_c_str(), &here, name.as_c_str())?;
                let (atime, mtime) = times(meta);
                let flag = UtimensatFlags::NoFollowSymlink;
                utimensat(&here, name.as_c_str(), &atime, &mtime, flag)?;
            }
            Record::Fifo { name, meta } => node(&here, &name, SFlag::S_IFIFO, meta)?,
            Record::Socket { name, meta } => node(&here, &name, SFlag::S_IFSOCK, meta)?,
            Record::Root { .. } | Record::Extent { .. } | Record::End => {
                return Err(Errno::EBADMSG);
            }
        }
    }
}

fn create<R: std::io::BufRead>(
    from: &mut Reader<R>,
    here: &OwnedFd,
    name: &CStr,
    size: u64,
) -> Result<File, Errno> {
    let flags =
        OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let file = File::from(openat(here, name, flags, Mode::S_IRUSR | Mode::S_IWUSR)?);
    file.set_len(size).map_err(super::errno)?;
    loop {
        match from.record()? {
            Record::Extent { length: 0, .. } => return Ok(file),
            Record::Extent { offset, length }
                if offset.checked_add(length).is_some_and(|end| end <= size) =>
            {
                from.copy(&file, offset, length)?;
            }
            _ => return Err(Errno::EBADMSG),
        }
    }
}

fn node(here: &OwnedFd, name: &CStr, kind: SFlag, meta: Meta) -> Result<(), Errno> {
    mknodat(here, name, kind, Mode::S_IRUSR, 0)?;
    // Just made, and nothing else runs: it is no symbolic link.
    fchmodat(here, name, Mode::from_bits_truncate(meta.mode), FchmodatFlags::FollowSymlink)?;
    let (atime, mtime) = times(meta);
    utimensat(here, name, &atime, &mtime, UtimensatFlags::NoFollowSymlink)
}

/// Sets the mode, which may lock its own user out, and the time.
fn finish(file: impl AsFd, meta: Meta) -> Result<(), Errno> {
    fchmod(&file, Mode::from_bits_truncate(meta.mode))?;
    let (atime, mtime) = times(meta);
    futimens(&file, &atime, &mtime)
}

fn times(meta: Meta) -> (TimeSpec, TimeSpec) {
    (TimeSpec::UTIME_OMIT, TimeSpec::new(meta.seconds, i64::from(meta.nanos)))
}

/// Files with several names. Each has one more in a directory of its own until the tree is complete, since the first may
/// be deeper than any path and open descriptors are limited.
struct Links {
    staging: CString,
    directory: Option<OwnedFd>,
    kept: Vec<u64>,
}

impl Links {
    fn keep(&mut self, top: &OwnedFd, here: &OwnedFd, name: &CStr, link: u64) -> Result<(), Errno> {
        if self.directory.is_none() {
            mkdirat(top, self.staging.as_c_str(), Mode::S_IRWXU)?;
            let opened = openat(top, self.staging.as_c_str(), DIRECTORY, Mode::empty())?;
            self.directory = Some(opened);
        }
        let directory = self.directory.as_ref().ok_or(Errno::EBADMSG)?;
        linkat(here, name, directory, link.to_string().as_str(), AtFlags::empty())?;
        self.kept.push(link);
        Ok(())
    }

    fn name(&self, here: &OwnedFd, name: &CStr, link: u64) -> Result<(), Errno> {
        let directory = self.directory.as_ref().ok_or(Errno::EBADMSG)?;
        linkat(directory, link.to_string().as_str(), here, name, AtFlags::empty())
    }

    fn end(&self, top: &OwnedFd) -> Result<(), Errno> {
        let Some(directory) = &self.directory else { return Ok(()) };
        for link in &self.kept {
            unlinkat(directory, link.to_string().as_str(), UnlinkatFlags::NoRemoveDir)?;
        }
        unlinkat(top, self.staging.as_c_str(), UnlinkatFlags::RemoveDir)
    }
}
