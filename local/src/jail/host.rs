//! The parts of the host that a sandbox shows: collected while the host can still be seen.

use std::ffi::OsStr;
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::stage::Refusal;
use super::sys::{self, attr};
use super::wire::Setup;

/// Programs and libraries. What is a symbolic link on the host (merged /usr) is one inside.
const SYSTEM: [&str; 8] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt"];

/// What programs of the system need to find each other, their certificates and the time zone.
const CONFIGURATION: [&str; 16] = [
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/ca-certificates.conf",
    "/etc/crypto-policies",
    "/etc/fonts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    // Without it, the matplotlib of some distributions cannot be imported.
    "/etc/matplotlibrc",
    "/etc/mime.types",
    "/etc/os-release",
    "/etc/pki",
    "/etc/protocols",
    "/etc/services",
    "/etc/ssl",
];

const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// What a part of the host becomes inside, at the same path.
pub(super) enum Part {
    /// A detached, restricted copy of a mount.
    Tree {
        tree: OwnedFd,
        is_dir: bool,
    },
    Link(PathBuf),
}

/// Everything taken from the host.
pub(super) struct HostParts {
    pub parts: Vec<(PathBuf, Part)>,
    pub resolv_conf: Option<Vec<u8>>,
    /// Where `python` is to lead, if it is to be provided.
    pub python: Option<PathBuf>,
    /// What is shown at /persist.
    pub persist: Option<OwnedFd>,
}

/// Collects the parts. Needs the right to copy mounts: the host's root, or that of a fresh mount namespace.
pub(super) fn gather(setup: &Setup) -> Result<HostParts, Refusal> {
    let mut parts = Vec::new();
    let read_only = attr::RDONLY | attr::NOSUID | attr::NODEV;
    for path in SYSTEM.map(Path::new) {
        match fs::read_link(path) {
            Ok(target) => parts.push((path.to_owned(), Part::Link(target))),
            Err(_) => parts.extend(tree(path, read_only)?),
        }
    }
    for path in CONFIGURATION.map(Path::new) {
        parts.extend(tree(path, read_only)?);
    }
    for name in DEVICES {
        let path = Path::new("/dev").join(name);
        parts.extend(tree(&path, attr::NOSUID | attr::NOEXEC)?);
    }
    for path in &setup.read_only_paths {
        let path = Path::new(path);
        match tree(path, read_only)? {
            Some(part) => parts.push(part),
            None => return Err(refused(path, Errno::ENOENT)),
        }
    }
    let resolv_conf = if setup.own_network { None } else { fs::read("/etc/resolv.conf").ok() };
    let python = if setup.python_alias { python3_alone() } else { None };
    let persist = (!setup.persist.is_empty()).then(|| persist(&setup.persist)).transpose()?;
    Ok(HostParts { parts, resolv_conf, python, persist })
}

/// The volume is the current directory: the sandbox's user may reach it without being able to reach what is above it.
fn persist(path: &OsStr) -> Result<OwnedFd, Refusal> {
    let path = Path::new(path);
    let tree = sys::open_tree(Path::new("."), true).map_err(|errno| refused(path, errno))?;
    sys::restrict_tree(tree.as_fd(), attr::NOSUID | attr::NODEV).map_err(|errno| Refusal {
        step: format!("restrict the copy of {} (mount_setattr)", path.display()),
        errno,
    })?;
    Ok(tree)
}

/// A copy of the mount at `path`, or `None` where the host has nothing there.
fn tree(path: &Path, set: u64) -> Result<Option<(PathBuf, Part)>, Refusal> {
    let is_dir = match fs::metadata(path) {
        Ok(metadata) => metadata.is_dir(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(refused(path, Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))));
        }
    };
    let tree = sys::open_tree(path, is_dir).map_err(|errno| refused(path, errno))?;
    sys::restrict_tree(tree.as_fd(), set).map_err(|errno| Refusal {
        step: format!("make the copy of {} read-only (mount_setattr)", path.display()),
        errno,
    })?;
    Ok(Some((path.to_owned(), Part::Tree { tree, is_dir })))
}

fn refused(path: &Path, errno: Errno) -> Refusal {
    Refusal { step: format!("copy the mount of {} (open_tree)", path.display()), errno }
}

fn python3_alone() -> Option<PathBuf> {
    let directories = ["/usr/local/bin", "/usr/bin", "/bin"].map(Path::new);
    if directories.iter().any(|directory| directory.join("python").exists()) {
        return None;
    }
    directories.iter().map(|directory| directory.join("python3")).find(|path| path.exists())
}

/// The path below the new root, which is the current directory while it is built.
pub(super) fn relative(path: &Path) -> &Path {
    let bytes = path.as_os_str().as_bytes();
    let start = bytes.iter().position(|&byte| byte != b'/').unwrap_or(bytes.len());
    Path::new(std::ffi::OsStr::from_bytes(&bytes[start..]))
}
