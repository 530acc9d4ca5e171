//! What to do about a host that refuses the isolation: looks at the usual causes.

use std::fs;
use std::path::Path;

use nix::errno::Errno;

/// Advice for the person in charge of the machine.
pub(super) fn remedy(step: &str, errno: Errno) -> String {
    advise(step, errno, &Host::look())
}

/// What the host says of itself.
#[derive(Default)]
struct Host {
    /// /proc/sys/user/max_user_namespaces
    max_user_namespaces: Option<u64>,
    /// /proc/sys/kernel/unprivileged_userns_clone (Debian's kernels)
    unprivileged_clone: Option<u64>,
    /// /proc/sys/kernel/apparmor_restrict_unprivileged_userns (Ubuntu's)
    apparmor_restricts: Option<u64>,
    /// A seccomp filter applies to this process.
    filtered: bool,
    container: bool,
    root: bool,
}

impl Host {
    fn look() -> Self {
        let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse().ok();
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self {
            max_user_namespaces: number("/proc/sys/user/max_user_namespaces"),
            unprivileged_clone: number("/proc/sys/kernel/unprivileged_userns_clone"),
            apparmor_restricts: number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
            filtered: status
                .lines()
                .any(|line| line.starts_with("Seccomp:") && line.ends_with('2')),
            container: ["/.dockerenv", "/run/.containerenv"]
                .iter()
                .any(|path| Path::new(path).exists()),
            root: nix::unistd::geteuid().is_root(),
        }
    }
}

fn advise(step: &str, errno: Errno, host: &Host) -> String {
    if host.max_user_namespaces == Some(0) {
        return "User namespaces are switched off here: set `sysctl user.max_user_namespaces=10000`".to_owned();
    }
    if errno == Errno::ENOSPC && step.contains("clone3") {
        return "There are too many namespaces already, or they are nested too deep: end some sandboxes, or raise \
                `sysctl user.max_user_namespaces` and its neighbours user.max_*_namespaces"
            .to_owned();
    }
    if matches!(errno, Errno::EAGAIN | Errno::ENOMEM | Errno::EMFILE | Errno::ENFILE) {
        return "The host is short of processes, memory or open files (`ulimit -u`, `ulimit -n`)"
            .to_owned();
    }
    if errno == Errno::ENOSYS {
        return "The kernel is older than 5.14, or a container's seccomp filter hides the call: use a newer kernel, or run \
                the container with `--security-opt seccomp=unconfined`"
            .to_owned();
    }
    if !host.root && host.unprivileged_clone == Some(0) {
        return "Only root may create user namespaces here: set `sysctl kernel.unprivileged_userns_clone=1`".to_owned();
    }
    if !host.root && host.apparmor_restricts == Some(1) {
        return "AppArmor keeps ordinary users from using user namespaces: set \
                `sysctl kernel.apparmor_restrict_unprivileged_userns=0`, or give this program an AppArmor profile with `userns,`"
            .to_owned();
    }
    if step.contains("fresh /proc") {
        return "A container that hides parts of /proc cannot have sandboxes inside: run it with \
                `--security-opt systempaths=unconfined` (Docker) or `--security-opt unmask=ALL` (Podman)"
            .to_owned();
    }
    if step.contains("_map") && host.root {
        return "Root of a container that has no user id 65534 cannot run sandboxes: run this program as an ordinary user, or \
                give the container a larger range of ids and the capabilities SETUID and SETGID"
            .to_owned();
    }
    if step.contains("pivot_root") {
        return "This program seems to run in a chroot or from an initial ramdisk, where the root cannot be swapped"
            .to_owned();
    }
    if host.container || host.filtered {
        return "A container refuses it: run it with `--security-opt seccomp=unconfined --security-opt apparmor=unconfined \
                --security-opt systempaths=unconfined`, or run this program outside of the container"
            .to_owned();
    }
    "The kernel or a security module (SELinux, AppArmor, seccomp) refuses it: see the kernel log (`dmesg`, `journalctl -k`)"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_has_its_advice() {
        let table = [
            (
                "clone3",
                Errno::ENOSPC,
                Host { max_user_namespaces: Some(0), ..Host::default() },
                "user.max_user_namespaces",
            ),
            ("clone3", Errno::ENOSPC, Host::default(), "too many"),
            (
                "clone3",
                Errno::EPERM,
                Host { unprivileged_clone: Some(0), ..Host::default() },
                "unprivileged_userns_clone=1",
            ),
            (
                "write uid_map",
                Errno::EPERM,
                Host { apparmor_restricts: Some(1), ..Host::default() },
                "apparmor_restrict",
            ),
            ("clone3", Errno::ENOSYS, Host::default(), "5.14"),
            (
                "mount a fresh /proc",
                Errno::EPERM,
                Host { container: true, ..Host::default() },
                "systempaths",
            ),
            (
                "clone3",
                Errno::EPERM,
                Host { filtered: true, root: true, ..Host::default() },
                "seccomp=unconfined",
            ),
            ("write uid_map", Errno::EPERM, Host { root: true, ..Host::default() }, "65534"),
            ("clone3", Errno::EPERM, Host::default(), "security module"),
        ];
        for (step, errno, host, expected) in table {
            let advice = advise(step, errno, &host);
            assert!(advice.contains(expected), "{step} {errno}: {advice}");
        }
    }
}
