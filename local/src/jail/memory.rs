//! The watchdog that keeps a sandbox within its memory limit, for hosts that delegate no cgroup.

use std::fs;

use super::{processes, sys};

/// Milliseconds between looks while less than half of the limit is in use.
const RELAXED: u64 = 100;
const ALERT: u64 = 20;
/// After a kill: the rest is to be looked at soon, but the dying process has to be out of the way.
const AFTER_KILL: u64 = 10;

/// Kills the biggest process when all together exceed the limit. Returns the milliseconds until the next look is due, and
/// whether it has killed.
pub(super) fn watch(limit: u64) -> (u64, bool) {
    let pause = look(limit);
    (pause.unwrap_or(AFTER_KILL), pause.is_none())
}

fn look(limit: u64) -> Option<u64> {
    let Ok(all) = processes::all() else { return Some(ALERT) };
    let found: Vec<(i32, u64)> =
        all.map(|process| (process.pid, processes::resident(process.pid))).collect();
    let sum = |sizes: &[(i32, u64)]| sizes.iter().map(|(_, size)| size).sum::<u64>();
    if sum(&found) <= limit / 2 {
        return Some(RELAXED);
    }
    if sum(&found) <= limit {
        return Some(ALERT);
    }
    // From the cheap and too high to the exact: first without the pages of files, which the kernel can drop, ...
    let mut own: Vec<(i32, u64)> = found;
    for (pid, size) in &mut own {
        *size = fields(&format!("/proc/{pid}/status"), &["RssAnon:", "RssShmem:"]).unwrap_or(*size);
    }
    if sum(&own) <= limit {
        return Some(ALERT);
    }
    // ... then with the pages that processes share counted once, as after a fork of a big process.
    for (pid, size) in &mut own {
        *size = fields(&format!("/proc/{pid}/smaps_rollup"), &["Pss_Anon:", "Pss_Shmem:"])
            .unwrap_or(*size);
    }
    if sum(&own) <= limit {
        return Some(ALERT);
    }
    if let Some((pid, _)) = own.into_iter().max_by_key(|&(_, size)| size) {
        let _ = sys::kill(pid, libc::SIGKILL);
    }
    None
}

/// The sum of lines like `RssAnon:     12 kB`, in bytes. `None` when the file cannot be read or has none of them.
fn fields(path: &str, names: &[&str]) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    text.lines()
        .filter_map(|line| {
            let value = names.iter().find_map(|name| line.strip_prefix(name))?;
            value.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()
        })
        .reduce(|sum, value| sum + value)
        .map(|kilobytes| kilobytes * 1024)
}
