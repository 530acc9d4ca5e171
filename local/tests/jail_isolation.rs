//! What a sandbox can see and do, and what it cannot.

mod support;

use std::fs;

use orkestr_local::jail::{DEFAULT_PATH, Exit, Jail, Network, Spec};
use support::{attempt, is_root, jail, run};

#[tokio::test(flavor = "multi_thread")]
async fn every_namespace_is_its_own() {
    let jail = jail().await;
    for name in ["user", "mnt", "pid", "ipc", "uts", "cgroup", "net"] {
        let outside = fs::read_link(format!("/proc/self/ns/{name}")).unwrap();
        let inside = run(&jail, &format!("readlink /proc/self/ns/{name}")).await;
        assert!(inside.starts_with(name), "{inside}");
        assert_ne!(inside, outside.to_string_lossy(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_an_ordinary_user_without_rights() {
    let jail = jail().await;
    assert_eq!(run(&jail, "id").await, "uid=1000(user) gid=1000(user) groups=1000(user)");
    let status = run(&jail, "cat /proc/self/status").await;
    let field = |name: &str| {
        let line = status
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_else(|| panic!("{name} in {status}"));
        line.split_ascii_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    for name in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        assert_eq!(field(name), ["0000000000000000"], "{name}");
    }
    assert_eq!(field("NoNewPrivs:"), ["1"]);
    let kernel_id = if is_root() { 65534 } else { nix::unistd::geteuid().as_raw() };
    let map = run(&jail, "cat /proc/self/uid_map").await;
    assert_eq!(
        map.split_ascii_whitespace().collect::<Vec<_>>(),
        ["1000", &kernel_id.to_string(), "1"]
    );
    let (pid, session) =
        (run(&jail, "echo $$").await, run(&jail, "cut -d' ' -f6 /proc/self/stat").await);
    assert_ne!((pid.as_str(), session.as_str()), ("1", "1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_processes_seen_from_the_host_are_not_root() {
    let jail = jail().await;
    let _child = jail.spawn(support::sh("exec sleep 7201.25")).await.unwrap();
    let mut found = vec![];
    support::eventually("it runs", async || {
        found = support::host_processes("sleep\x007201.25");
        !found.is_empty()
    })
    .await;
    let status = fs::read_to_string(format!("/proc/{}/status", found[0])).unwrap();
    let ids = status.lines().find(|line| line.starts_with("Uid:")).unwrap();
    let expected = if is_root() { 65534 } else { nix::unistd::geteuid().as_raw() }.to_string();
    assert!(ids.split_ascii_whitespace().skip(1).all(|id| id == expected), "{ids}");
    jail.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_is_hidden_or_read_only() {
    let jail = jail().await;
    for hidden in [
        "/home",
        "/root",
        "/var",
        "/run",
        "/sys",
        "/boot",
        "/etc/shadow",
        "/etc/hostname.x",
        "/dev/vda",
        "/dev/kmsg",
    ] {
        assert_eq!(
            run(&jail, &format!("test -e {hidden} || echo hidden")).await,
            "hidden",
            "{hidden}"
        );
    }
    for read_only in
        ["/", "/usr", "/usr/bin", "/etc", "/dev", "/proc/sys/kernel", "/etc/ssl", "/opt"]
    {
        let (_, exit) = attempt(&jail, &format!("touch {read_only}/x")).await;
        assert_ne!(exit, Exit::Code(0), "{read_only}");
    }
    for writable in ["/workspace", "/tmp", "/dev/shm"] {
        run(&jail, &format!("echo x > {writable}/x && rm {writable}/x")).await;
    }
    for setting in [
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/user/max_user_namespaces",
        "/proc/sysrq-trigger",
    ] {
        let (_, exit) = attempt(&jail, &format!("echo 9 > {setting}")).await;
        assert_ne!(exit, Exit::Code(0), "{setting}");
    }
    let marker = std::env::temp_dir().join(format!("jail-test-{}", std::process::id()));
    fs::write(&marker, "host").unwrap();
    let (_, exit) = attempt(&jail, &format!("cat {}", marker.display())).await;
    fs::remove_file(&marker).unwrap();
    assert_ne!(exit, Exit::Code(0));
    let mounts = run(&jail, "cat /proc/self/mounts").await;
    for line in mounts.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let writable = fields[3].split(',').any(|option| option == "rw");
        let own =
            ["/dev/", "/workspace", "/tmp", "/proc"].iter().any(|path| fields[1].starts_with(path));
        assert!(!writable || own, "{line}");
        assert!(fields[3].split(',').any(|option| option == "nosuid"), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_cannot_come_back() {
    let jail = jail().await;
    for gain in [
        "unshare -U true",
        "unshare -m true",
        "unshare -n true",
        "mount -t tmpfs x /tmp",
        "umount /proc/sys",
        "chroot / true",
    ] {
        let (output, exit) = attempt(&jail, gain).await;
        assert_ne!(exit, Exit::Code(0), "{gain}: {output}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_is_closed_to_its_sandbox() {
    let jail = jail().await;
    for secret in [
        "/proc/1/environ",
        "/proc/1/exe",
        "/proc/1/mem",
        "/proc/1/maps",
        "/proc/1/fd/0",
        "/proc/1/root/etc",
    ] {
        let (output, exit) = attempt(&jail, &format!("head -c 1 {secret}")).await;
        assert_ne!(exit, Exit::Code(0), "{secret}: {output}");
    }
    assert_eq!(run(&jail, "tr '\\0' ' ' < /proc/1/cmdline").await.trim(), "orkestr-agent");
    assert_eq!(run(&jail, "cat /proc/1/comm").await, "orkestr-agent");
    // PID 1 cannot be ended or stopped from inside.
    run(&jail, "kill -KILL 1; kill -STOP 1; kill -TERM 1; true").await;
    assert_eq!(run(&jail, "echo alive").await, "alive");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_inherit_nothing() {
    // SAFETY: tests of this file do not read the environment while another thread is at this.
    unsafe { std::env::set_var("JAIL_TEST_SECRET", "of the host") };
    let leaked = fs::File::open("/dev/null").unwrap();
    nix::fcntl::fcntl(&leaked, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty())).unwrap();
    let jail = jail().await;
    assert_eq!(run(&jail, "ls /proc/self/fd | tr '\\n' ' '").await.trim(), "0 1 2 3");
    assert_eq!(run(&jail, "readlink /proc/self/fd/0").await, "/dev/null");
    let env = run(&jail, "tr '\\0' '\\n' < /proc/$$/environ").await;
    assert_eq!(env, format!("PATH={DEFAULT_PATH}\nHOME=/workspace"));
    assert_eq!(
        run(&jail, "grep -E 'SigIgn|SigBlk' /proc/self/status | cut -f2 | tr '\\n' ' '")
            .await
            .trim(),
        "0000000000000000 0000000000000000"
    );
    assert_eq!(run(&jail, "ulimit -c; umask").await, "0\n0022");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_that_programs_look_for_are_there() {
    let jail = Jail::start(Spec { hostname: "box-1".into(), ..Spec::default() }).await.unwrap();
    assert_eq!(run(&jail, "hostname; cat /etc/hostname").await, "box-1\nbox-1");
    assert_eq!(
        run(&jail, "getent hosts localhost >/dev/null && getent hosts box-1")
            .await
            .split_ascii_whitespace()
            .next(),
        Some("127.0.0.1")
    );
    assert_eq!(
        run(
            &jail,
            "echo x > /dev/null; head -c 4 /dev/zero | wc -c; head -c 2 /dev/urandom | wc -c"
        )
        .await,
        "4\n2"
    );
    assert_eq!(run(&jail, "echo to stdout > /dev/stdout").await, "to stdout");
    assert_eq!(run(&jail, "stat -c %a /tmp /workspace").await, "1777\n755");
    if run(&jail, "command -v python3 || true").await.is_empty() {
        return;
    }
    assert_eq!(run(&jail, "python -c 'print(6 * 7)'").await, "42");
    run(&jail, "python3 -c 'import os, pty; m, s = pty.openpty(); os.ttyname(s); import multiprocessing; multiprocessing.Lock()'").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_network_there_is_only_loopback() {
    let jail = jail().await;
    let interfaces = run(&jail, "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '").await;
    assert_eq!(interfaces, "lo");
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let connect = format!("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}'");
    assert_ne!(attempt(&jail, &connect).await.1, Exit::Code(0));
    run(&jail, "test -e /etc/resolv.conf && exit 1; true").await;

    let open = Jail::start(Spec { network: Network::Host, ..Spec::default() }).await.unwrap();
    run(&open, &connect).await;
    if let Ok(expected) = fs::read_to_string("/etc/resolv.conf") {
        assert_eq!(run(&open, "cat /etc/resolv.conf").await, expected.trim_end());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn loopback_works_inside() {
    let jail = jail().await;
    let script = "python3 -c 'import socket as s; l = s.create_server((\"127.0.0.1\", 0)); s.create_connection(l.getsockname()); print(1)'";
    if !run(&jail, "command -v python3 || true").await.is_empty() {
        assert_eq!(run(&jail, script).await, "1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_of_the_host_can_be_shown_read_only() {
    let directory = std::env::temp_dir().join(format!("jail-shown-{}", std::process::id()));
    fs::create_dir_all(directory.join("bin")).unwrap();
    fs::write(directory.join("bin/data"), "shown").unwrap();
    let spec = Spec { read_only_paths: vec![directory.clone()], ..Spec::default() };
    let jail = Jail::start(spec).await.unwrap();
    let shown = run(&jail, &format!("cat {}/bin/data", directory.display())).await;
    let (_, exit) =
        attempt(&jail, &format!("touch {0}/x || rm {0}/bin/data", directory.display())).await;
    jail.kill().await;
    fs::remove_dir_all(&directory).unwrap();
    assert_eq!(shown, "shown");
    assert_ne!(exit, Exit::Code(0));
    for wrong in ["relative", "/", "/usr/../etc", "/no/such/path", "/proc", "/etc", "/dev/shm"] {
        let spec = Spec { read_only_paths: vec![wrong.into()], ..Spec::default() };
        let error = Jail::start(spec).await.unwrap_err();
        assert!(matches!(error, orkestr_local::jail::Error::InvalidSpec(_)), "{wrong}: {error}");
    }
    for hostname in ["", "with space", "nul\0", &"x".repeat(65)] {
        let error =
            Jail::start(Spec { hostname: hostname.into(), ..Spec::default() }).await.unwrap_err();
        assert!(matches!(error, orkestr_local::jail::Error::InvalidSpec(_)), "{hostname}: {error}");
    }
}

/// Only root can show what an ordinary user cannot reach.
#[tokio::test(flavor = "multi_thread")]
async fn root_can_show_what_lies_behind_a_closed_door() {
    if !is_root() {
        return;
    }
    let closed = std::env::temp_dir().join(format!("jail-closed-{}", std::process::id()));
    let shown = closed.join("shown");
    fs::create_dir_all(&shown).unwrap();
    fs::write(shown.join("data"), "shown").unwrap();
    fs::write(closed.join("data"), "hidden").unwrap();
    nix::unistd::chown(&closed, Some(4321.into()), Some(4321.into())).unwrap();
    fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let jail = Jail::start(Spec { read_only_paths: vec![shown.clone()], ..Spec::default() })
        .await
        .unwrap();
    let data = run(&jail, &format!("cat {}/data; ls {}", shown.display(), closed.display())).await;
    fs::remove_dir_all(&closed).unwrap();
    assert_eq!(data, "shownshown");
}
