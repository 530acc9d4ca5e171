//! Removing trees that hostile code has made, as fast as they are deep.
//!
//! `std::fs::remove_dir_all` follows no symbolic link either, but it goes one call and one descriptor deeper with each
//! directory: a tree can be deeper than the stack, and directories can be locked against their own user.

use std::ffi::CString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{FchmodatFlags, Mode, SFlag, fchmodat, fstatat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::id;

const DIRECTORY: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// Removes a directory and everything below it. Nothing else may work in it.
pub(crate) fn tree(path: &Path) -> io::Result<()> {
    below(path)?;
    std::fs::remove_dir(path)
}

/// Removes everything below a directory.
pub(crate) fn below(path: &Path) -> io::Result<()> {
    let top = openat(AT_FDCWD, path, DIRECTORY, Mode::empty())?;
    // Every directory is brought to the top before it is emptied, so nothing is ever deeper than two levels.
    // Whoever made the tree cannot have known these names.
    let mut lifted = Lifted { prefix: id::new("lifted"), count: 0 };
    let mut waiting = empty(&top, &top, &mut lifted)?;
    while let Some(name) = waiting.pop() {
        let directory = openat(&top, name.as_c_str(), DIRECTORY, Mode::empty())?;
        waiting.extend(empty(&directory, &top, &mut lifted)?);
        unlinkat(&top, name.as_c_str(), UnlinkatFlags::RemoveDir)?;
    }
    Ok(())
}

/// Removes what a directory holds but its directories, which are unlocked and moved to `top`; returns their names there.
fn empty(directory: &OwnedFd, top: &OwnedFd, lifted: &mut Lifted) -> Result<Vec<CString>, Errno> {
    let is_top = std::ptr::eq(directory, top);
    let mut moved = Vec::new();
    for name in names(directory)? {
        let stat = fstatat(directory, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW)?;
        if stat.st_mode & SFlag::S_IFMT.bits() != SFlag::S_IFDIR.bits() {
            unlinkat(directory, name.as_c_str(), UnlinkatFlags::NoRemoveDir)?;
            continue;
        }
        if stat.st_mode & 0o700 != 0o700 {
            // It is a directory, and nothing else works here: no symbolic link is followed.
            fchmodat(directory, name.as_c_str(), Mode::S_IRWXU, FchmodatFlags::FollowSymlink)?;
        }
        if is_top {
            moved.push(name);
        } else {
            let new = lifted.next()?;
            renameat(directory, name.as_c_str(), top, new.as_c_str())?;
            moved.push(new);
        }
    }
    Ok(moved)
}

/// Names for what is brought to the top.
struct Lifted {
    prefix: String,
    count: u64,
}

impl Lifted {
    fn next(&mut self) -> Result<CString, Errno> {
        self.count += 1;
        CString::new(format!("{}-{}", self.prefix, self.count)).map_err(|_| Errno::EINVAL)
    }
}

fn names(directory: &OwnedFd) -> Result<Vec<CString>, Errno> {
    let mut found = Vec::new();
    for entry in Dir::openat(directory, c".", DIRECTORY, Mode::empty())?.iter() {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            found.push(entry.file_name().to_owned());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn scratch(name: &str) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("remove-{name}-{}", std::process::id()));
        fs::create_dir(&path).expect("a directory");
        path
    }

    #[test]
    fn nothing_is_left_and_nothing_beside_is_touched() {
        let place = scratch("beside");
        let (tree, beside) = (place.join("tree"), place.join("beside"));
        fs::create_dir_all(tree.join("a/b/c")).expect("directories");
        fs::create_dir_all(tree.join("lifted-1/x")).expect("directories");
        fs::create_dir_all(tree.join("a/lifted-2/y")).expect("directories");
        fs::create_dir(&beside).expect("a directory");
        fs::write(beside.join("f"), "kept").expect("a file");
        fs::write(tree.join("a/b/c/f"), "x").expect("a file");
        fs::hard_link(beside.join("f"), tree.join("a/linked")).expect("a link");
        for (target, link) in
            [(beside.as_path(), "a/out"), (Path::new("/"), "root"), (Path::new(".."), "a/b/up")]
        {
            symlink(target, tree.join(link)).expect("a link");
        }
        for locked in ["a/b/c", "a/b", "a"] {
            fs::set_permissions(tree.join(locked), Permissions::from_mode(0o000)).expect("ours");
        }
        super::tree(&tree).expect("removed");
        assert!(!tree.exists());
        assert_eq!(fs::read_to_string(beside.join("f")).expect("it is there"), "kept");
        super::tree(&place).expect("removed");
    }

    #[test]
    fn a_tree_deeper_than_the_stack_and_the_descriptors() {
        let place = scratch("deep");
        let mut here = openat(AT_FDCWD, &place, DIRECTORY, Mode::empty()).expect("a directory");
        for _ in 0..5_000 {
            nix::sys::stat::mkdirat(&here, c"d", Mode::S_IRWXU).expect("a directory");
            here = openat(&here, c"d", DIRECTORY, Mode::empty()).expect("a directory");
        }
        drop(here);
        tree(&place).expect("removed");
        assert!(!place.exists());
    }
}
