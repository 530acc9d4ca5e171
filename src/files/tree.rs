//! Local directory trees: what of one is sent, and the names in both directions.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use ignore::WalkBuilder;
use ignore::overrides::{Override, OverrideBuilder};

use super::local;
use crate::error::{Error, ErrorKind};

#[derive(Default)]
pub(super) struct Tree {
    pub(super) files: Vec<LocalFile>,
    /// Directories without a file of their own.
    pub(super) bare: BTreeSet<PathBuf>,
    pub(super) skipped: Vec<PathBuf>,
}

/// With a path relative to the directory.
pub(super) struct LocalFile {
    pub(super) path: PathBuf,
    pub(super) size: u64,
    pub(super) mode: u32,
}

pub(super) fn walk(from: &Path, rules: Override, ignore_files: bool) -> Result<Tree, Error> {
    let failed = |error: io::Error| local::failed("read", from, error);
    if !fs::metadata(from).map_err(failed)?.is_dir() {
        return Err(failed(io::Error::other("it is not a directory; use `upload`")));
    }
    let walk = WalkBuilder::new(from)
        .standard_filters(false)
        .git_ignore(ignore_files)
        .ignore(ignore_files)
        .require_git(false)
        .overrides(rules)
        .filter_entry(move |entry| !(ignore_files && entry.file_name() == ".git"))
        .sort_by_file_name(std::cmp::Ord::cmp)
        .build();
    let mut tree = Tree::default();
    for entry in walk {
        let entry = entry.map_err(|error| failed(io::Error::other(error)))?;
        let path = entry.path().strip_prefix(from).unwrap_or(entry.path()).to_owned();
        let kind = entry.file_type();
        // The directory itself may be named by a symbolic link.
        if path.as_os_str().is_empty() || kind.is_some_and(|kind| kind.is_dir()) {
            tree.bare.insert(path);
        } else if kind.is_some_and(|kind| kind.is_file()) {
            let facts = entry.metadata().map_err(|error| failed(io::Error::other(error)))?;
            if let Some(parent) = path.parent() {
                tree.bare.remove(parent);
            }
            tree.files.push(LocalFile { path, size: facts.len(), mode: mode(&facts) });
        } else {
            tree.skipped.push(path);
        }
    }
    Ok(tree)
}

pub(super) fn rules(root: &Path, exclude: &[String]) -> Result<Override, Error> {
    let mut builder = OverrideBuilder::new(root);
    for glob in exclude {
        // Overrides read a plain glob as what to keep.
        builder.add(&format!("!{glob}")).map_err(|error| {
            Error::invalid_input(format!("{glob:?} is no glob")).with_source(error)
        })?;
    }
    builder
        .build()
        .map_err(|error| Error::invalid_input("the globs are too many").with_source(error))
}

/// `path` below `root` as the sandbox writes it.
pub(super) fn remote(root: &str, path: &Path) -> Result<String, Error> {
    let mut joined = root.to_owned();
    for part in path.components() {
        let name = part.as_os_str().to_str().ok_or_else(|| {
            let message = format!("the name {part:?} is not UTF-8 and cannot be sent");
            Error::new(ErrorKind::Io, message)
        })?;
        joined.push('/');
        joined.push_str(name);
    }
    Ok(joined)
}

/// A name from the sandbox must not lead out of the local directory.
pub(super) fn plain(name: &str) -> Result<&str, Error> {
    let mut parts = Path::new(name).components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(part)), None) if part == name && !name.contains('\0') => Ok(name),
        _ => {
            let message = format!("the listing has {name:?}, which is no name of a file");
            Err(Error::new(ErrorKind::Decode, message))
        }
    }
}

pub(super) fn named(path: &str, error: Error) -> Error {
    let message = format!("`{path}`: {}", error.message());
    error.with_message(message)
}

#[cfg(unix)]
fn mode(facts: &fs::Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    facts.permissions().mode() & 0o777
}

#[cfg(not(unix))]
fn mode(_: &fs::Metadata) -> u32 {
    super::DEFAULT_MODE
}

/// Without set-user-id and the like: a sandbox must not plant them here.
#[cfg(unix)]
pub(super) fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    if mode == 0 {
        Ok(())
    } else {
        fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o777))
    }
}

#[cfg(not(unix))]
pub(super) fn set_mode(_: &Path, _: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for bad in ["", ".", "..", "/", "/etc", "a/b", "a/", "../a", "a\0"] {
            assert!(plain(bad).is_err(), "{bad:?}");
        }
        for good in ["a", "...", " ", "b&ü=%.bin", "-rf", "\n"] {
            assert!(plain(good).is_ok(), "{good:?}");
        }
    }
}
