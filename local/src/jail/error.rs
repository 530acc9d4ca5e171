//! What can go wrong, for callers.

use std::io;
use std::path::PathBuf;

use nix::errno::Errno;

/// Why a sandbox could not be started or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel (or a container around this process) refused the isolation. Nothing was run.
    #[error("cannot isolate a sandbox: {step} failed: {cause}. {remedy}")]
    NamespacesRefused {
        /// What was tried.
        step: String,
        /// What the kernel said.
        cause: io::Error,
        /// What the person in charge of the machine can do about it.
        remedy: String,
    },
    /// The specification cannot work.
    #[error("invalid sandbox: {0}")]
    InvalidSpec(String),
    /// The sandbox has ended.
    #[error("the sandbox has ended")]
    AgentGone,
    /// The sandbox is frozen; thaw it first.
    #[error("the sandbox is paused")]
    Frozen,
    /// The program does not exist in the sandbox.
    #[error("{}: no such program in the sandbox", .0.display())]
    NotFound(PathBuf),
    /// The working directory cannot be entered.
    #[error("cannot use {} as the working directory: {cause}", path.display())]
    BadCwd {
        /// The directory asked for.
        path: PathBuf,
        /// What the kernel said.
        cause: io::Error,
    },
    /// The command cannot be started.
    #[error("cannot start the command: {0}")]
    Spawn(io::Error),
    /// What is to be unpacked needs more than the sandbox's disk.
    #[error("the sandbox's disk is too small for what is to be unpacked")]
    DiskFull,
    /// The sandbox runs as many commands as its process limit allows.
    #[error("the sandbox runs as many processes as its limit allows")]
    ProcessLimit,
    /// Anything else.
    #[error("the sandbox cannot do that: {0}")]
    Io(#[from] io::Error),
}

/// Why a file operation failed. Each names the path as it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// Nothing is there.
    #[error("{0}: no such file or directory")]
    NotFound(String),
    /// A directory is there, and a file was expected.
    #[error("{0}: is a directory")]
    IsDirectory(String),
    /// Something on the way, or the path itself, is not a directory.
    #[error("{0}: not a directory")]
    NotDirectory(String),
    /// The sandbox's user may not, or the path leads outside of what is writable (/workspace, /tmp and a volume) or into /proc.
    #[error("{0}: not permitted")]
    NotPermitted(String),
    /// A FIFO, device or socket.
    #[error("{0}: not a regular file")]
    NotRegular(String),
    /// The file is bigger than the reader takes.
    #[error("{path}: {size} bytes are more than the {max} allowed")]
    TooLarge {
        /// The path asked for.
        path: String,
        /// The size of the file, or what was read of it so far.
        size: u64,
        /// The limit.
        max: u64,
    },
    /// The sandbox's disk is full.
    #[error("{0}: no space left in the sandbox")]
    NoSpace(String),
    /// Not a path that can mean anything.
    #[error("{path:?} is not a valid path: {reason}")]
    InvalidPath {
        /// The path asked for.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Something is there already.
    #[error("{0}: already exists")]
    AlreadyExists(String),
    /// The sandbox has ended.
    #[error("{0}: the sandbox has ended")]
    AgentGone(String),
    /// Anything else.
    #[error("{path}: {cause}")]
    Io {
        /// The path asked for.
        path: String,
        /// What the kernel said.
        cause: io::Error,
    },
}

impl FileError {
    pub(super) fn new(path: &str, errno: Errno) -> Self {
        let path = path.to_owned();
        match errno {
            Errno::ENOENT => Self::NotFound(path),
            Errno::EISDIR => Self::IsDirectory(path),
            Errno::ENOTDIR => Self::NotDirectory(path),
            Errno::EACCES | Errno::EPERM | Errno::EROFS => Self::NotPermitted(path),
            // What the agent says of anything that is neither file nor directory; the kernel says it of such FIFOs.
            Errno::ENXIO => Self::NotRegular(path),
            Errno::ENOSPC | Errno::EDQUOT => Self::NoSpace(path),
            Errno::EEXIST | Errno::ENOTEMPTY => Self::AlreadyExists(path),
            Errno::ENAMETOOLONG => Self::InvalidPath { path, reason: "it is too long" },
            Errno::ELOOP => {
                Self::InvalidPath { path, reason: "its symbolic links lead round in a circle" }
            }
            errno => Self::Io { path, cause: errno.into() },
        }
    }

    pub(crate) fn from_io(path: &str, cause: io::Error) -> Self {
        match cause.raw_os_error() {
            Some(code) => Self::new(path, Errno::from_raw(code)),
            None => Self::Io { path: path.to_owned(), cause },
        }
    }
}
