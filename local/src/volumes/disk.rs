//! Volumes on disk: their directories, and the index of them.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};

use super::record::Record;
use crate::data::DataDir;
use crate::jail::UNPRIVILEGED_ID;

const INDEX: &str = "volumes.json";
const DIRECTORY: &str = "volumes";

/// By id.
pub(super) type Records = BTreeMap<String, Record>;

/// What the index holds.
#[derive(Serialize, Deserialize)]
struct Index {
    volumes: Vec<Record>,
}

/// Whole or not at all.
pub(super) fn write(data: &DataDir, records: &Records) -> io::Result<()> {
    let index = Index { volumes: records.values().cloned().collect() };
    data.write(INDEX, &serde_json::to_vec_pretty(&index)?)
}

/// What the last server has left, put in order.
pub(super) fn read(data: &DataDir) -> io::Result<Records> {
    let unreadable = |error: serde_json::Error| {
        io::Error::other(format!("{INDEX} in it is not what a server writes: {error}"))
    };
    let index = match fs::read(data.path().join(INDEX)) {
        Ok(index) => serde_json::from_slice::<Index>(&index).map_err(unreadable)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Index { volumes: Vec::new() },
        Err(error) => return Err(error),
    };
    let mut records = BTreeMap::new();
    for record in index.volumes {
        // The id becomes part of a path.
        let is_plain = record.id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if is_plain && place_of(data, &record.id).is_dir() {
            records.insert(record.id.clone(), record);
        } else {
            tracing::warn!(volume = %record.id, "the volume's directory is gone, and so is the volume");
        }
    }
    let directory = data.path().join(DIRECTORY);
    for entry in directory.read_dir().into_iter().flatten() {
        let entry = entry?;
        let is_known = entry.file_name().to_str().is_some_and(|name| records.contains_key(name));
        // Made by a server that was killed before it wrote it down, it is empty. Anything else is not ours to remove.
        if !is_known && let Err(error) = fs::remove_dir(entry.path()) {
            let path = entry.path();
            tracing::warn!(path = %path.display(), %error, "no volume's, and left alone");
        }
    }
    Ok(records)
}

/// A directory that the sandbox's user may write to.
pub(super) fn make(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    if nix::unistd::geteuid().is_root() {
        chown(path, Some(UNPRIVILEGED_ID), Some(UNPRIVILEGED_ID))?;
    }
    Ok(())
}

pub(super) fn discard(data: Option<&DataDir>, id: &str) {
    let Some(data) = data else { return };
    if let Err(error) = data.discard(&place_of(data, id)) {
        tracing::error!(volume = id, %error, "what the volume held is not removed");
    }
}

pub(super) fn place_of(data: &DataDir, id: &str) -> PathBuf {
    data.path().join(DIRECTORY).join(id)
}
