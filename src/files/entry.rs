//! One entry of a directory.

use serde::Serialize;

use crate::Timestamp;
use crate::api::{Integer, types};

/// One entry of a directory, from [`Files::list`](super::Files::list).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct FileEntry {
    /// Its name, without the directory.
    pub name: String,
    /// Whether it is a directory.
    pub is_dir: bool,
    /// Its size in bytes; 0 if the server did not say.
    pub size: u64,
    /// Its permission bits, such as `0o644`; 0 if the server did not say.
    pub mode: u32,
    /// When its content last changed, if the server said it.
    pub modified_at: Option<Timestamp>,
}

impl From<types::FileEntry> for FileEntry {
    fn from(wire: types::FileEntry) -> Self {
        Self {
            name: wire.name,
            is_dir: wire.is_dir,
            size: wire.size.and_then(Integer::unsigned).unwrap_or(0),
            mode: wire.mode.and_then(|Integer(mode)| mode.try_into().ok()).unwrap_or(0),
            modified_at: wire.modified_at,
        }
    }
}

/// What is known of a path, from [`Files::stat`](super::Files::stat).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct FileStat {
    /// The path.
    pub path: String,
    /// Whether it is a directory.
    pub is_dir: bool,
    /// Its size in bytes, if the server said it.
    pub size: Option<u64>,
    /// Its permission bits, such as `0o644`; 0 if the server did not say.
    pub mode: u32,
    /// When its content last changed, if the server said it.
    pub modified_at: Option<Timestamp>,
}

impl FileStat {
    /// `None` where there is nothing.
    pub(super) fn from_wire(wire: types::FileStat) -> Option<Self> {
        wire.exists.then(|| Self {
            path: wire.path,
            is_dir: wire.is_dir.unwrap_or(false),
            size: wire.size.and_then(Integer::unsigned),
            mode: wire.mode.and_then(|Integer(mode)| mode.try_into().ok()).unwrap_or(0),
            modified_at: wire.modified_at,
        })
    }
}
