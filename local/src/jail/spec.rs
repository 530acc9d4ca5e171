//! What a sandbox and a command are made from, and what is known of them afterwards.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::Error;

/// The directory that holds `python` where the host has only `python3`; put it last on `PATH`.
pub const ALIAS_DIR: &str = "/.orkestr/bin";

/// A `PATH` that finds the programs of the host's system directories and [`ALIAS_DIR`].
pub const DEFAULT_PATH: &str =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/.orkestr/bin";

/// The user and group id that commands see.
pub const INNER_ID: u32 = 1000;

/// The user and group id of the host that commands run as when the server is root.
pub const UNPRIVILEGED_ID: u32 = 65534;

/// Where [`Network::Proxy`] listens.
pub const PROXY_PORT: u16 = 3128;

/// What a sandbox is made from.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The host name inside, at most 64 bytes.
    pub hostname: String,
    /// What the sandbox may connect to.
    pub network: Network,
    /// What it may use up.
    pub limits: Limits,
    /// More of the host to show, read-only and at the same path, e.g. a language manager below a home directory.
    pub read_only_paths: Vec<PathBuf>,
    /// Provide `python` in [`ALIAS_DIR`] when the host has `python3` and no `python`.
    pub python_alias: bool,
    /// A directory of the host that is shown at /persist and may be written to. It belongs to the user that commands run
    /// as: see [`UNPRIVILEGED_ID`].
    pub persist: Option<PathBuf>,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            hostname: "sandbox".to_owned(),
            network: Network::Off,
            limits: Limits::default(),
            read_only_paths: Vec::new(),
            python_alias: true,
            persist: None,
        }
    }
}

impl Spec {
    /// Refuses what could not work, before a process is started for it.
    pub(super) fn check(&self) -> Result<(), Error> {
        let name = self.hostname.as_bytes();
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        if name.is_empty() || name.len() > 64 || !name.iter().all(plain) {
            return Err(Error::InvalidSpec(format!(
                "the host name {:?} is not 1 to 64 letters, digits, dots, hyphens and underscores",
                self.hostname
            )));
        }
        for path in &self.read_only_paths {
            use std::path::Component;
            let plain = path
                .components()
                .all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
            if !path.is_absolute() || !plain || path.parent().is_none() {
                return Err(Error::InvalidSpec(format!(
                    "the read-only path {} is not absolute and plain (no `..`, not the root)",
                    path.display()
                )));
            }
            let whole = ["/dev", "/etc", "/persist", "/proc", "/sys", "/tmp", "/workspace"]
                .iter()
                .any(|own| path == Path::new(own));
            if whole
                || ["/dev", "/persist", "/proc", "/sys"].iter().any(|own| path.starts_with(own))
            {
                let path = path.display();
                return Err(Error::InvalidSpec(format!(
                    "the read-only path {path} is in the way of the sandbox's own"
                )));
            }
            if let Err(cause) = std::fs::metadata(path) {
                return Err(Error::InvalidSpec(format!(
                    "the read-only path {}: {cause}",
                    path.display()
                )));
            }
        }
        match &self.persist {
            Some(path) if !path.is_absolute() || !path.is_dir() => {
                Err(Error::InvalidSpec(format!(
                    "the volume's directory {} is no absolute path of a directory",
                    path.display()
                )))
            }
            _ => Ok(()),
        }
    }
}

/// What a sandbox may connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// A network namespace of its own with only a loopback interface.
    Off,
    /// As [`Network::Off`], with a socket that listens on [`PROXY_PORT`] of the loopback address and belongs to the server:
    /// see [`Jail::take_proxy_listener`](super::Jail::take_proxy_listener).
    Proxy,
    /// The host's network, its abstract Unix sockets and loopback services included.
    Host,
}

/// What a sandbox may use up.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Memory of all processes together. Checked by the agent every 20 to 100 ms, which kills the biggest process when
    /// it is exceeded; in between, `RLIMIT_DATA` stops a single process at twice this plus 512 MiB. Memory that no process
    /// has mapped (pipes, sockets) is not counted; memfd is not there.
    pub memory_bytes: u64,
    /// Processes and threads at a time.
    pub max_processes: u64,
    /// The size of the tmpfs that holds /workspace and /tmp together. It lives in memory, and comes on top of `memory_bytes`.
    pub disk_bytes: u64,
    /// The largest file that a command may write, 0 for any size. It does not bound what all files take together.
    pub file_bytes: u64,
    /// Rounded up to whole processors and set as the affinity of each command. Code inside can widen it again.
    /// Zero or less means all of them.
    pub cpus: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 1 << 30,
            max_processes: 256,
            disk_bytes: 1 << 30,
            file_bytes: 0,
            cpus: 0.0,
        }
    }
}

/// A program to run in a sandbox.
#[derive(Clone, Debug)]
pub struct Command {
    /// The program, looked up on the `PATH` of `env` unless it contains a slash, and its arguments.
    pub argv: Vec<OsString>,
    /// Where it starts.
    pub cwd: PathBuf,
    /// Its complete environment; nothing is inherited.
    pub env: Vec<(OsString, OsString)>,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this status.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

/// What a sandbox has used and is using.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    /// Processor time since the start, of everything that ran (processes whose parent ignored their end excepted).
    pub cpu_seconds: f64,
    /// The resident memory now; pages that several processes share are counted for each.
    pub memory_bytes: u64,
    /// Processes now, those that have ended without being waited for included.
    pub processes: u64,
}
