//! All processes of a sandbox at once, seen through its own /proc: freeze, usage, signals to a session.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::unistd::{SysconfVar, sysconf};

use super::sys;
use super::wire::Reply;

/// Rounds of stopping before giving up, a millisecond apart. One is enough unless processes wake each other.
const FREEZE_ROUNDS: u32 = 500;

/// What is of interest in /proc/PID/stat.
pub(super) struct Process {
    pub pid: i32,
    state: u8,
    group: i32,
    session: i32,
    ticks: u64,
}

/// Every process but the agent.
pub(super) fn all() -> Result<impl Iterator<Item = Process>, Errno> {
    let entries = fs::read_dir("/proc")
        .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)))?;
    Ok(entries.filter_map(|entry| {
        let pid: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        // A process may be gone by now.
        if pid == 1 { None } else { parse(pid, &fs::read(format!("/proc/{pid}/stat")).ok()?) }
    }))
}

fn parse(pid: i32, stat: &[u8]) -> Option<Process> {
    // The name in parentheses may contain anything, parentheses included.
    let end = stat.iter().rposition(|&byte| byte == b')')?;
    let fields: Vec<&str> =
        std::str::from_utf8(&stat[end + 1..]).ok()?.split_ascii_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<i64>().ok();
    Some(Process {
        pid,
        state: *fields.first()?.as_bytes().first()?,
        group: number(2)? as i32,
        session: number(3)? as i32,
        // Its own, and that of the children it has waited for.
        ticks: [11, 12, 13, 14]
            .into_iter()
            .try_fold(0, |sum, index| Some(sum + number(index)?.max(0) as u64))?,
    })
}

/// Stops everything but the agent. Repeated until seen to hold: a running process may just have continued a stopped one.
pub(super) fn freeze() -> Result<(), Errno> {
    for _ in 0..FREEZE_ROUNDS {
        match sys::kill(-1, libc::SIGSTOP) {
            Ok(()) => {}
            Err(Errno::ESRCH) => return Ok(()),
            Err(errno) => return Err(errno),
        }
        // Uninterruptible ones stop before they run any of their own code: vfork's parent waits for its child so.
        if all()?.all(|process| matches!(process.state, b'T' | b't' | b'Z' | b'X' | b'D')) {
            return Ok(());
        }
        sleep(Duration::from_millis(1));
    }
    thaw()?;
    Err(Errno::EBUSY)
}

/// Lets everything run again, what a process inside had stopped before the freeze included.
pub(super) fn thaw() -> Result<(), Errno> {
    match sys::kill(-1, libc::SIGCONT) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// What a process inside has stopped.
pub(super) fn stopped() -> Result<Vec<i32>, Errno> {
    let stopped = all()?.filter(|process| process.state == b'T');
    Ok(stopped.map(|process| process.pid).collect())
}

/// Lets every process run again but these.
pub(super) fn thaw_but(stopped: &[i32]) -> Result<(), Errno> {
    if stopped.is_empty() {
        return thaw();
    }
    for process in all()?.filter(|process| !stopped.contains(&process.pid)) {
        // One that was killed meanwhile needs it no more.
        let _ = sys::kill(process.pid, libc::SIGCONT);
    }
    Ok(())
}

/// Processor time since the start, memory and processes now.
pub(super) fn usage() -> Result<Reply, Errno> {
    let reaped = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let reaped_ns = (reaped.user_time() + reaped.system_time()).num_nanoseconds();
    let hertz = constant(SysconfVar::CLK_TCK, 100);
    let (mut ticks, mut memory, mut processes) = (0, 0, 0);
    for process in all()? {
        ticks += process.ticks;
        memory += resident(process.pid);
        processes += 1;
    }
    Ok(Reply::Usage {
        cpu_ns: u64::try_from(reaped_ns).unwrap_or(0) + ticks * (1_000_000_000 / hertz),
        memory,
        processes,
    })
}

/// The resident bytes of a process, 0 if it is gone. From statm, since the figure in stat may be off by megabytes.
pub(super) fn resident(pid: i32) -> u64 {
    let pages = fs::read_to_string(format!("/proc/{pid}/statm"))
        .ok()
        .and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * constant(SysconfVar::PAGE_SIZE, 4096)
}

fn constant(name: SysconfVar, default: u64) -> u64 {
    sysconf(name)
        .ok()
        .flatten()
        .and_then(|value| u64::try_from(value).ok())
        .unwrap_or(default)
        .max(1)
}

/// Sends a signal to the group of a command, and to the other groups that its session has come to have.
pub(super) fn signal_session(session: i32, signal: i32) -> Result<(), Errno> {
    if session <= 1 {
        return Err(Errno::EINVAL);
    }
    let mut reached = match sys::kill(-session, signal) {
        Ok(()) => true,
        Err(Errno::ESRCH) => false,
        Err(errno) => return Err(errno),
    };
    for process in all()?.filter(|process| process.session == session && process.group != session) {
        reached |= sys::kill(process.pid, signal).is_ok();
    }
    if reached { Ok(()) } else { Err(Errno::ESRCH) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_forge_fields() {
        let stat = b"7 (a) R 1 1 1) S 1 6 5 0 -1 0 0 0 0 0 1 2 3 4 20 0 1 0 5 1000 42 0";
        let process = parse(7, stat).unwrap();
        assert_eq!((process.state, process.group, process.session), (b'S', 6, 5));
        assert_eq!(process.ticks, 10);
        assert!(parse(7, b"").is_none());
        assert!(parse(7, b"7 (a) S 1").is_none());
    }
}
