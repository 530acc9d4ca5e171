//! The re-executed program: it clones the agent into new namespaces, gives it its ids, and goes away.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::sys::stat::Mode;
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, getegid, geteuid, pipe2};

use super::host::{self, HostParts};
use super::spec::{INNER_ID, UNPRIVILEGED_ID};
use super::sys::Cloned;
use super::wire::{Setup, Started};
use super::{agent, setup, socket, sys};

/// A step that the kernel refused.
pub(super) struct Refusal {
    pub step: String,
    pub errno: Errno,
}

impl Refusal {
    /// For `map_err`: names the step.
    pub(super) fn at(step: &str) -> impl FnOnce(Errno) -> Self + '_ {
        move |errno| Self { step: step.to_owned(), errno }
    }

    /// For `map_err` after std's calls.
    pub(super) fn at_io(step: &str) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |error| Self {
            step: step.to_owned(),
            errno: Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)),
        }
    }
}

/// Never returns: `main` belongs to the program that was started again only for this.
pub(super) fn run() -> ! {
    let status = match take_control() {
        Ok(control) => match start(&control) {
            Ok(()) => 0,
            Err(refusal) => {
                report(&control, refusal);
                1
            }
        },
        Err(_) => {
            complain();
            2
        }
    };
    exit(status)
}

#[allow(clippy::print_stderr, reason = "there is no server to report to")]
fn complain() {
    eprintln!("{} is for the use of this program itself", super::ctor::VARIABLE);
}

/// Ends the process without running what the program has registered for its end.
pub(super) fn exit(status: i32) -> ! {
    // SAFETY: ends the process; no memory is touched.
    unsafe { libc::_exit(status) }
}

fn report(control: &OwnedFd, refusal: Refusal) {
    let message =
        Started::Refused { step: OsString::from(refusal.step), errno: refusal.errno as i32 };
    // When the server is gone too there is nobody left to tell.
    let _ = socket::send(control.as_fd(), &message.encode(), &[]);
}

/// Moves the control socket away from standard input, and closes all that a careless parent has left open.
fn take_control() -> Result<OwnedFd, Errno> {
    sys::reset_signals();
    // SAFETY: descriptor 0 stays open for as long as it is borrowed here.
    let input = unsafe { BorrowedFd::borrow_raw(0) };
    nix::sys::socket::getsockopt(&input, nix::sys::socket::sockopt::SockType)?;
    let null = open("/dev/null", OFlag::O_RDWR, Mode::empty())?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)?;
    std::mem::forget(null);
    sys::close_from(3)?;
    // SAFETY: fcntl returns a new descriptor, which nobody else owns.
    let control = unsafe { OwnedFd::from_raw_fd(fcntl(input, FcntlArg::F_DUPFD_CLOEXEC(3))?) };
    // SAFETY: as above; descriptors 1 and 2 are /dev/null and stay open.
    dup2_stdin(unsafe { BorrowedFd::borrow_raw(1) })?;
    Ok(control)
}

fn start(control: &OwnedFd) -> Result<(), Refusal> {
    let (bytes, mut beside) = socket::receive(control.as_fd())
        .map_err(Refusal::at("receive the setup"))?
        .ok_or(Refusal { step: "receive the setup".to_owned(), errno: Errno::EPIPE })?;
    let server = beside.pop();
    let (Some(setup), Some(server)) = (Setup::decode(&bytes), server) else {
        return Err(Refusal { step: "read the setup".to_owned(), errno: Errno::EBADMSG });
    };
    // The host would rather lose a sandbox than its server.
    let _ = fs::write("/proc/self/oom_score_adj", "300");
    let _ = nix::sys::prctl::set_name(c"orkestr-agent");
    sys::join_new_keyring();

    if !setup.persist.is_empty() {
        nix::unistd::chdir(setup.persist.as_os_str())
            .map_err(Refusal::at("enter the volume's directory"))?;
    }

    // Root of the host reaches paths that the sandbox's user cannot, and may copy mounts without a namespace of its own.
    // Root of a container may not, and has to make do with what the sandbox's user reaches.
    let root = geteuid().is_root();
    let parts = match root.then(|| host::gather(&setup)) {
        None | Some(Err(Refusal { errno: Errno::EPERM, .. })) => None,
        Some(gathered) => Some(gathered?),
    };

    let (gate, open_gate) = pipe2(OFlag::O_CLOEXEC).map_err(Refusal::at("make a pipe"))?;
    let mut flags = libc::CLONE_NEWUSER
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWCGROUP;
    if setup.own_network {
        flags |= libc::CLONE_NEWNET;
    }
    // SAFETY: nothing has started a thread: this runs before main.
    match unsafe { sys::clone_sibling(flags as u64) }
        .map_err(Refusal::at("create the namespaces (clone3)"))?
    {
        Cloned::Child => {
            drop(open_gate);
            become_agent(control, server, gate, &setup, root, parts)
        }
        Cloned::Parent { pid, pidfd } => {
            let done = map_ids(pid, root).and_then(|()| {
                socket::send(control.as_fd(), &Started::Cloned.encode(), &[pidfd.as_fd()])
                    .map_err(Refusal::at("report the agent"))?;
                File::from(open_gate).write_all(b"!").map_err(Refusal::at_io("let the agent go on"))
            });
            if done.is_err() {
                let _ = sys::pidfd_kill(pidfd.as_fd());
                // The server hears of it here, since only it can reap the clone.
                let _ = socket::send(control.as_fd(), &Started::Cloned.encode(), &[pidfd.as_fd()]);
            }
            done
        }
    }
}

/// Only one id exists inside, and never the host's root: its kernel id may write host-wide settings below /proc/sys
/// without any capability.
fn map_ids(pid: i32, root: bool) -> Result<(), Refusal> {
    let (uid, gid) = if root {
        (UNPRIVILEGED_ID, UNPRIVILEGED_ID)
    } else {
        (geteuid().as_raw(), getegid().as_raw())
    };
    let write = |file: &str, text: String| {
        fs::write(format!("/proc/{pid}/{file}"), text)
            .map_err(Refusal::at_io(&format!("write {file}")))
    };
    write("uid_map", format!("{INNER_ID} {uid} 1\n"))?;
    if !root {
        write("setgroups", "deny".to_owned())?;
    }
    write("gid_map", format!("{INNER_ID} {gid} 1\n"))
}

fn become_agent(
    control: &OwnedFd,
    server: OwnedFd,
    gate: OwnedFd,
    setup: &Setup,
    root: bool,
    parts: Option<HostParts>,
) -> ! {
    let mut go = [0];
    if !matches!(File::from(gate).read(&mut go), Ok(1)) {
        exit(1);
    }
    if let Err(refusal) = setup::isolate(setup, root, parts) {
        report(control, refusal);
        exit(1);
    }
    agent::run(control, server, setup)
}
