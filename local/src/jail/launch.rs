//! Starts an agent from the server: re-executes this program and follows it until the sandbox is complete. Blocking.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt::ReceiveTimeout};
use nix::sys::time::TimeVal;
use nix::sys::wait::{Id, WaitPidFlag, waitid};

use super::spec::{Network, Spec};
use super::wire::{Setup, Started};
use super::{Error, ctor, remedy, socket, sys};

/// A start takes milliseconds; a host so loaded that it takes this long is as good as stuck.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running agent.
pub(super) struct Agent {
    pub control: OwnedFd,
    pub pidfd: OwnedFd,
    /// Listens inside, for the proxy.
    pub proxy: Option<OwnedFd>,
}

/// Kills an agent whose start did not come to its end.
struct Unfinished(Option<OwnedFd>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(pidfd) = self.0.take() {
            end(&pidfd);
        }
    }
}

/// Kills the agent, which takes every process of the sandbox along, and waits until they are gone.
pub(super) fn end(pidfd: &OwnedFd) {
    // Both fail only when it is gone already.
    let _ = sys::pidfd_kill(pidfd.as_fd());
    while waitid(Id::PIDFd(pidfd.as_fd()), WaitPidFlag::WEXITED) == Err(Errno::EINTR) {}
}

/// Starts a sandbox.
pub(super) fn launch(spec: &Spec) -> Result<Agent, Error> {
    ctor::keep();
    if std::env::var_os(ctor::VARIABLE).is_some() {
        // Going on would start this program again and again.
        return Err(Error::Io(io::Error::other(format!(
            "{} is set, but the entry before main did not run",
            ctor::VARIABLE
        ))));
    }
    spec.check()?;
    let (control, inner) = socket::pair().map_err(io::Error::from)?;
    let server =
        sys::pidfd_open(std::process::id()).map_err(|errno| refused("open a pidfd", errno))?;

    let mut program = Command::new("/proc/self/exe");
    program.arg0("orkestr-agent").env_clear().env(ctor::VARIABLE, "1");
    // Without it a program whose libraries lie elsewhere, as under cargo, would not even be loaded.
    if let Some(libraries) = std::env::var_os("LD_LIBRARY_PATH") {
        program.env("LD_LIBRARY_PATH", libraries);
    }
    let mut stage =
        program.stdin(inner).stdout(Stdio::null()).stderr(Stdio::null()).spawn().map_err(
            |cause| refused("start this program again (/proc/self/exe)", errno_of(&cause)),
        )?;
    // Command keeps its copy of the agent's socket until it is dropped, and that would hide the agent's end.
    drop(program);
    let result = follow(&control, &server, spec);
    if result.is_err() {
        // It may be waiting for us; when it has ended already this does nothing.
        let _ = stage.kill();
    }
    let _ = stage.wait();
    result.map(|(pidfd, proxy)| Agent { control, pidfd, proxy })
}

fn follow(
    control: &OwnedFd,
    server: &OwnedFd,
    spec: &Spec,
) -> Result<(OwnedFd, Option<OwnedFd>), Error> {
    let patience = TimeVal::new(PATIENCE.as_secs() as _, 0);
    setsockopt(control, ReceiveTimeout, &patience).map_err(io::Error::from)?;
    let mut agent = Unfinished(None);
    send_patiently(control, &setup(spec).encode(), server)?;
    loop {
        let Some((bytes, mut beside)) =
            socket::receive(control.as_fd()).map_err(io::Error::from)?
        else {
            return Err(Error::Io(io::Error::other(
                "the program that was started again ended without a word",
            )));
        };
        match Started::decode(&bytes) {
            Some(Started::Cloned) => agent.0 = beside.pop(),
            Some(Started::Ready) => {
                let pidfd = agent.0.take().ok_or(Error::AgentGone)?;
                return Ok((pidfd, beside.pop()));
            }
            Some(Started::Refused { step, errno }) => {
                return Err(refused(&step.to_string_lossy(), Errno::from_raw(errno)));
            }
            None => {
                return Err(Error::Io(io::Error::other(
                    "the program that was started again is not an agent",
                )));
            }
        }
    }
}

/// The kernel limits the descriptors that are on their way; many sandboxes starting at once may have to take turns.
fn send_patiently(control: &OwnedFd, bytes: &[u8], server: &OwnedFd) -> Result<(), Error> {
    for _ in 0..1000 {
        match socket::send(control.as_fd(), bytes, &[server.as_fd()]) {
            Err(Errno::ETOOMANYREFS) => std::thread::sleep(Duration::from_millis(5)),
            result => return result.map_err(|errno| Error::Io(errno.into())),
        }
    }
    Err(Error::Io(Errno::ETOOMANYREFS.into()))
}

fn setup(spec: &Spec) -> Setup {
    static NEXT_CPU: AtomicU64 = AtomicU64::new(0);
    // A float's cast saturates, and what is not a number becomes 0: all processors.
    let cpus = spec.limits.cpus.ceil() as u64;
    Setup {
        hostname: OsString::from(&spec.hostname),
        own_network: spec.network != Network::Host,
        proxy: spec.network == Network::Proxy,
        memory_bytes: spec.limits.memory_bytes,
        max_processes: spec.limits.max_processes,
        disk_bytes: spec.limits.disk_bytes,
        cpus,
        first_cpu: if cpus == 0 {
            0
        } else {
            NEXT_CPU.fetch_add(cpus.min(1 << 16), Ordering::Relaxed)
        },
        python_alias: spec.python_alias,
        read_only_paths: spec.read_only_paths.iter().map(OsString::from).collect(),
        persist: spec.persist.as_ref().map(OsString::from).unwrap_or_default(),
        file_bytes: spec.limits.file_bytes,
    }
}

fn refused(step: &str, errno: Errno) -> Error {
    Error::NamespacesRefused {
        step: step.to_owned(),
        cause: errno.into(),
        remedy: remedy::remedy(step, errno),
    }
}

fn errno_of(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))
}
