//! Kernel calls that nix has no wrapper for, as safe functions.

use std::ffi::CStr;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use nix::NixPath;
use nix::errno::Errno;
use nix::mount::MsFlags;

const OPEN_TREE_CLONE: libc::c_uint = 1;
const OPEN_TREE_CLOEXEC: libc::c_uint = libc::O_CLOEXEC as libc::c_uint;
const MOVE_MOUNT_F_EMPTY_PATH: libc::c_uint = 4;

/// `MOUNT_ATTR_*` of linux/mount.h.
pub(super) mod attr {
    pub(crate) const RDONLY: u64 = 0x1;
    pub(crate) const NOSUID: u64 = 0x2;
    pub(crate) const NODEV: u64 = 0x4;
    pub(crate) const NOEXEC: u64 = 0x8;
}

/// The side of a clone that the caller finds itself on.
pub(super) enum Cloned {
    Parent { pid: i32, pidfd: OwnedFd },
    Child,
}

/// clone3 with the semantics of fork: memory is copied, nothing is shared. The new process is a sibling
/// (`CLONE_PARENT` is always added), so that whoever started this process can wait for it.
///
/// # Safety
/// The process must be single-threaded: locks held by other threads would stay locked in the child.
pub(super) unsafe fn clone_sibling(flags: u64) -> Result<Cloned, Errno> {
    let mut pidfd: libc::c_int = -1;
    // SAFETY: clone_args is plain data for which all zeroes is "nothing asked for".
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = flags | (libc::CLONE_PARENT | libc::CLONE_PIDFD) as u64;
    args.pidfd = &raw mut pidfd as u64;
    // SAFETY: args outlives the call, no stack is passed (so the child goes on with a copy of ours), and the caller
    // promises that there is one thread only.
    let pid = Errno::result(unsafe {
        libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<libc::clone_args>())
    })?;
    if pid == 0 {
        return Ok(Cloned::Child);
    }
    // SAFETY: the kernel has stored a new descriptor there, which nobody else owns.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Cloned::Parent { pid: pid as i32, pidfd })
}

/// A detached copy of the mount at `path` (symbolic links followed), with what is mounted below it if `recursive`.
pub(super) fn open_tree(path: &Path, recursive: bool) -> Result<OwnedFd, Errno> {
    let mut flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | libc::AT_NO_AUTOMOUNT as libc::c_uint;
    if recursive {
        flags |= libc::AT_RECURSIVE as libc::c_uint;
    }
    let fd = path.with_nix_path(|path| {
        // SAFETY: path is NUL-terminated and outlives the call.
        Errno::result(unsafe {
            libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags)
        })
    })??;
    // SAFETY: a new descriptor, which nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Sets attributes and makes the mounts private, for a detached tree as a whole.
pub(super) fn restrict_tree(tree: BorrowedFd<'_>, set: u64) -> Result<(), Errno> {
    mount_setattr(
        tree.as_raw_fd(),
        c"",
        libc::AT_EMPTY_PATH | libc::AT_RECURSIVE,
        set,
        MsFlags::MS_PRIVATE.bits(),
    )
}

/// Sets attributes on the one mount at `path`.
pub(super) fn restrict_mount(path: &CStr, set: u64) -> Result<(), Errno> {
    mount_setattr(libc::AT_FDCWD, path, 0, set, 0)
}

fn mount_setattr(
    dir: i32,
    path: &CStr,
    flags: libc::c_int,
    set: u64,
    propagation: u64,
) -> Result<(), Errno> {
    let attr = libc::mount_attr { attr_set: set, attr_clr: 0, propagation, userns_fd: 0 };
    // SAFETY: path and attr outlive the call, and the size is that of attr.
    Errno::result(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            dir,
            path.as_ptr(),
            flags,
            &raw const attr,
            size_of::<libc::mount_attr>(),
        )
    })
    .map(drop)
}

/// Attaches a detached tree at `path`.
pub(super) fn attach(tree: BorrowedFd<'_>, path: &Path) -> Result<(), Errno> {
    path.with_nix_path(|path| {
        // SAFETY: both strings are NUL-terminated and outlive the call.
        Errno::result(unsafe {
            libc::syscall(
                libc::SYS_move_mount,
                tree.as_raw_fd(),
                c"".as_ptr(),
                libc::AT_FDCWD,
                path.as_ptr(),
                MOVE_MOUNT_F_EMPTY_PATH,
            )
        })
    })?
    .map(drop)
}

/// The mount that an open file was reached through.
pub(super) fn mount_id(file: BorrowedFd<'_>) -> Result<u64, Errno> {
    const STATX_MNT_ID: libc::c_uint = 0x1000;
    // SAFETY: statx is plain data for which zeroes are valid.
    let mut found: libc::statx = unsafe { std::mem::zeroed() };
    // SAFETY: the name is NUL-terminated, and found outlives the call.
    Errno::result(unsafe {
        libc::statx(
            file.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            STATX_MNT_ID,
            &raw mut found,
        )
    })?;
    if found.stx_mask & STATX_MNT_ID == 0 { Err(Errno::ENOSYS) } else { Ok(found.stx_mnt_id) }
}

/// A descriptor of the process `pid` that becomes readable when it has ended.
pub(super) fn pidfd_open(pid: u32) -> Result<OwnedFd, Errno> {
    // SAFETY: no pointers are passed.
    let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    // SAFETY: a new descriptor, which nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Kills the process of a pidfd.
pub(super) fn pidfd_kill(pidfd: BorrowedFd<'_>) -> Result<(), Errno> {
    let info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: the kernel takes a null siginfo as "like kill".
    Errno::result(unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), libc::SIGKILL, info, 0)
    })
    .map(drop)
}

/// Closes every descriptor from `first` on. Only for a process that owns none of them through Rust values.
pub(super) fn close_from(first: u32) -> Result<(), Errno> {
    // SAFETY: no pointers are passed.
    Errno::result(unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) }).map(drop)
}

/// Marks every descriptor from `first` on to be closed by exec.
pub(super) fn close_on_exec_from(first: u32) -> Result<(), Errno> {
    // SAFETY: no pointers are passed.
    Errno::result(unsafe {
        libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC)
    })
    .map(drop)
}

/// Gives up every capability for good: bounding, ambient, inheritable, permitted and effective.
pub(super) fn drop_capabilities() -> Result<(), Errno> {
    for capability in 0..64 {
        match prctl(libc::PR_CAPBSET_DROP, capability, 0) {
            Ok(()) => {}
            // The first number beyond the kernel's last capability.
            Err(Errno::EINVAL) if capability > 0 => break,
            Err(error) => return Err(error),
        }
    }
    prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL as u64, 0)?;
    const VERSION_3: u32 = 0x2008_0522;
    #[repr(C)]
    struct Header(u32, i32);
    let header = Header(VERSION_3, 0);
    let none = [[0_u32; 3]; 2];
    // SAFETY: the header and the two data words of version 3 outlive the call; the kernel only reads them.
    Errno::result(unsafe { libc::syscall(libc::SYS_capset, &raw const header, &raw const none) })
        .map(drop)
}

/// prctl with integer arguments.
fn prctl(option: libc::c_int, arg2: u64, arg3: u64) -> Result<(), Errno> {
    // SAFETY: used only with options whose arguments are integers.
    Errno::result(unsafe { libc::prctl(option, arg2, arg3, 0_u64, 0_u64) }).map(drop)
}

/// Leaves the session keyring that was inherited, so that keys of the host's user stay out of reach.
pub(super) fn join_new_keyring() {
    const KEYCTL_JOIN_SESSION_KEYRING: libc::c_long = 1;
    // A kernel without keyrings says ENOSYS, and then there is nothing to leave.
    // SAFETY: a null name asks for an anonymous keyring.
    unsafe {
        libc::syscall(
            libc::SYS_keyctl,
            KEYCTL_JOIN_SESSION_KEYRING,
            std::ptr::null::<libc::c_char>(),
        )
    };
}

/// Brings the loopback interface of the current network namespace up.
pub(super) fn loopback_up() -> Result<(), Errno> {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    // SAFETY: ifreq is plain data for which zeroes are valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name[0] = b'l' as libc::c_char;
    request.ifr_name[1] = b'o' as libc::c_char;
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: SIOCSIFFLAGS reads an ifreq, which outlives the call.
    Errno::result(unsafe {
        libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw const request)
    })
    .map(drop)
}

/// How a child ended. nix's waitpid loses the status of a process that died of a real-time signal.
pub(super) enum Reaped {
    Exited(i32, i32),
    Signaled(i32, i32),
    NoneYet,
    NoChildren,
}

/// Takes the status of one child that has ended, without blocking.
pub(super) fn reap() -> Reaped {
    let mut status = 0;
    // SAFETY: status outlives the call.
    let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
    match pid {
        0 => Reaped::NoneYet,
        -1 if Errno::last() == Errno::EINTR => Reaped::NoneYet,
        -1 => Reaped::NoChildren,
        pid if libc::WIFSIGNALED(status) => Reaped::Signaled(pid, libc::WTERMSIG(status)),
        pid => Reaped::Exited(pid, libc::WEXITSTATUS(status)),
    }
}

/// Takes the status of a child that has ended, without blocking: the processor time of it and of all that it has waited
/// for. `None` while it runs.
pub(super) fn reap_pidfd(pidfd: BorrowedFd<'_>) -> Result<Option<Duration>, Errno> {
    // SAFETY: both are plain data for which zeroes are valid.
    let (mut info, mut usage): (libc::siginfo_t, libc::rusage) = unsafe { std::mem::zeroed() };
    let flags = libc::WEXITED | libc::WNOHANG;
    // The raw call, because only that has the usage.
    // SAFETY: info and usage outlive the call.
    Errno::result(unsafe {
        libc::syscall(
            libc::SYS_waitid,
            libc::P_PIDFD,
            pidfd.as_raw_fd(),
            &raw mut info,
            flags,
            &raw mut usage,
        )
    })?;
    // SAFETY: the kernel has filled it in as for SIGCHLD, or left the zeroes.
    if unsafe { info.si_pid() } == 0 {
        return Ok(None);
    }
    let time = |of: libc::timeval| {
        let seconds = Duration::from_secs(of.tv_sec.try_into().unwrap_or(0));
        seconds + Duration::from_micros(of.tv_usec.try_into().unwrap_or(0))
    };
    Ok(Some(time(usage.ru_utime) + time(usage.ru_stime)))
}

/// Sends `signal` to a process, a group (negative) or everything else in the namespace (-1).
pub(super) fn kill(target: i32, signal: i32) -> Result<(), Errno> {
    // SAFETY: no pointers are passed. nix's kill takes no real-time signals.
    Errno::result(unsafe { libc::kill(target, signal) }).map(drop)
}

/// Every signal back to its default action, none blocked: exec hands down what a careless parent ignored.
pub(super) fn reset_signals() {
    // All zeroes: SIG_DFL, no flags, no mask, whatever order the architecture has them in.
    let default = [0_u64; 8];
    let no_old = std::ptr::null::<libc::c_void>();
    for signal in 1..=64 {
        // The raw call, because glibc refuses its own two signals, which a parent may have ignored all the same.
        // SAFETY: the action outlives the call and installs no code. SIGKILL and SIGSTOP are refused, which is fine.
        unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), no_old, 8) };
    }
    let _ = nix::sys::signal::SigSet::empty().thread_set_mask();
}
