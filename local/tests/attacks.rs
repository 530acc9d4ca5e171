//! Code that means harm, over the API: each attempt fails, and nobody else notices.

mod support;

use futures::StreamExt as _;
use orkestr::{ErrorKind, Sandbox};
use orkestr_local::LocalServer;
use support::program::Program;

async fn create(client: &orkestr::Client) -> Sandbox {
    Sandbox::create("debian-12").client(client).await.expect("a sandbox")
}

async fn out(sandbox: &Sandbox, script: &str) -> String {
    let out = sandbox.exec(script).await.expect("it runs");
    out.stdout + &out.stderr
}

async fn has(sandbox: &Sandbox, program: &str) -> bool {
    sandbox.exec(format!("command -v {program}")).await.expect("it runs").success()
}

/// Descriptors on their way in sockets are counted for each user of the host, and sandboxes are
/// all the same one.
#[tokio::test]
async fn descriptors_in_flight_block_nobody_else() {
    let program = Program::start();
    let client = program.client();
    let (attacker, bystander) = (create(&client).await, create(&client).await);
    if !has(&attacker, "python3").await {
        return;
    }
    let script = r#"exec python3 -c '
import array, resource, socket, os, time
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
null = os.open("/dev/null", 0)
fds = array.array("i", [null] * 250)
pairs = []
sent = 0
try:
    while sent < 2000000:
        pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        pairs.append(pair)
        pair[0].setblocking(False)
        try:
            while True:
                pair[0].sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
                sent += 250
        except BlockingIOError:
            pass
except OSError as error:
    print(sent, error, flush=True)
time.sleep(600)'"#;
    let mut stream = attacker.exec_stream(script).await.expect("a stream").text();
    let mut seen = String::new();
    while !seen.contains('\n') {
        if let Some(Ok(orkestr::ExecEvent::Stdout(text) | orkestr::ExecEvent::Stderr(text))) =
            stream.next().await
        {
            seen.push_str(&text);
        }
    }
    assert!(seen.contains("Too many references"), "{seen}");
    for _ in 0..3 {
        bystander.files().write("/workspace/f", "fine").await.expect("written");
        assert_eq!(bystander.files().read("/workspace/f").await.expect("read"), "fine");
        assert_eq!(out(&bystander, "cat f").await, "fine");
    }
    out(&create(&client).await, "true").await;
    attacker.terminate().await.expect("terminated");
}

#[tokio::test]
async fn two_sandboxes_see_nothing_of_each_other() {
    let program = Program::start();
    let client = program.client();
    let (one, other) = (create(&client).await, create(&client).await);
    let mut stream = one
        .exec_stream(
            "echo secret > /workspace/s; echo secret > /tmp/s; echo secret > /dev/shm/s; \
             exec 3>/tmp/held; echo up; exec sleep 7601.5",
        )
        .env("OF_ONE", "secret")
        .await
        .expect("a stream");
    while !matches!(stream.next().await, Some(Ok(orkestr::ExecEvent::Stdout(_)))) {}
    for (probe, expected) in [
        ("ls /workspace /tmp /dev/shm | grep -c '^s$'", "0\n"),
        ("cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c 7601.[5]", "0\n"),
        ("cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep -c OF_ONE=", "0\n"),
        ("ls -d /proc/[0-9]* | wc -l | tr -d ' ' | grep -cx '[1-9]'", "1\n"),
        ("tail -n +2 /proc/sysvipc/shm | wc -l; wc -l < /proc/locks", "0\n0\n"),
    ] {
        assert_eq!(out(&other, probe).await, expected, "{probe}");
    }
    assert_ne!(out(&one, "hostname").await, out(&other, "hostname").await);
    // Everything that may be signalled is its own.
    out(&other, "sleep 60 & kill -KILL -1").await;
    assert_eq!(out(&one, "cat /proc/[0-9]*/comm | grep -c sleep").await, "1\n");
    assert_eq!(out(&other, "cat /workspace/s 2>&1 | grep -c 'No such'").await, "1\n");
}

#[tokio::test]
async fn the_server_and_its_key_are_out_of_reach() {
    let program = Program::start();
    let client = program.client();
    let sbx = create(&client).await;
    let (key, pid) = (program.key(), program.pid());
    // Written so that the probe does not find itself.
    let needle = format!("[{}]{}", &key[..1], &key[1..]);
    for place in ["cmdline", "environ", "maps", "mountinfo", "comm"] {
        let probe = format!(
            "cat /proc/[0-9]*/{place} 2>/dev/null | tr '\\0' '\\n' | grep -c '{needle}\\|orkestr-loca[l]'"
        );
        assert_eq!(out(&sbx, &probe).await, "0\n", "{place}");
    }
    for probe in [
        format!("kill -0 {pid}"),
        format!("kill -KILL {pid}"),
        format!("ls /proc/{pid}/fd"),
        format!("cat /proc/{pid}/exe"),
        "cat /proc/1/exe".to_owned(),
        "ls -l /proc/1/fd/".to_owned(),
        "cat /proc/1/mem".to_owned(),
        "ls /proc/1/root/ /proc/1/cwd/".to_owned(),
        "nsenter -t 1 -m true".to_owned(),
        "kill -0 0x7fffffff".to_owned(),
    ] {
        let result = sbx.exec(&probe).await.expect("it runs");
        assert!(!result.success(), "{probe}: {}", result.stdout);
    }
    assert_eq!(out(&sbx, "ls /proc/self/fd | tr '\\n' ' '").await.trim(), "0 1 2 3");
    // The namespaces of the agent cannot be opened, so there is nothing to join.
    assert_eq!(out(&sbx, "cat /proc/1/ns/mnt 2>&1 | grep -c denied").await, "1\n");
    out(&create(&client).await, "true").await;
}

#[tokio::test]
async fn the_host_cannot_be_changed_from_inside() {
    let server = LocalServer::start().await.expect("a server");
    let sbx = create(&server.client()).await;
    for attempt in [
        "echo x > /usr/x",
        "echo x > /etc/passwd",
        "rm /bin/true",
        "mv /etc/ssl /etc/x",
        "chmod 777 /usr/bin/env",
        "chown 0 /workspace",
        "mknod /workspace/zero c 1 5",
        "mknod /tmp/disk b 8 0",
        "mount -o remount,rw /",
        "mount -o remount,rw,bind /usr",
        "mount --bind /workspace /etc",
        "mount -t proc proc /tmp",
        "umount /usr",
        "umount -l /proc/sys",
        "unshare -U true",
        "unshare -Ur mount -t tmpfs x /tmp",
        "unshare -p -f true",
        "unshare -n true",
        "chroot / true",
        "hostname other",
        "swapon /workspace/x",
        "dmesg",
        "su -c true",
        "nice -n -5 true 2>&1 | grep -v denied",
        "echo x > /proc/1/oom_score_adj",
        "echo 1 > /proc/sysrq-trigger",
        "echo x > /dev/tty",
        "test -w /proc/sys/kernel/core_pattern",
        "test -w /proc/sys/user/max_user_namespaces",
        "test -w /proc/sys/vm/overcommit_memory",
        "test -e /sys/kernel",
        "test -e /var/run",
        "test -e /dev/mem",
        "ls /home",
        "ls /root",
        "ln /etc/passwd /workspace/p",
        "ulimit -n $(($(ulimit -Hn) + 1))",
        "ulimit -u unlimited",
        "ulimit -d unlimited",
        "ulimit -c 1",
    ] {
        let result = sbx.exec(attempt).await.expect("it runs");
        assert!(!result.success(), "{attempt}: {} {}", result.stdout, result.stderr);
    }
    // A program with the setuid bit gains nothing.
    let script = "cp /usr/bin/env /workspace/e && chmod 6755 /workspace/e && /workspace/e id -u";
    assert_eq!(out(&sbx, script).await, "1000\n");
    let script = "grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status | cut -f2 | tr '\\n' ' '";
    assert_eq!(out(&sbx, script).await, "0000000000000000 0000000000000000 1 ");
}

#[tokio::test]
async fn the_files_api_leads_nowhere_else() {
    let server = LocalServer::start().await.expect("a server");
    let sbx = create(&server.client()).await;
    let outside = std::env::temp_dir().join(format!("attack-{}", std::process::id()));
    std::fs::write(&outside, "of the host").expect("written");
    let script = format!(
        "ln -s / root; ln -s /proc/1/root proc1; ln -s /proc/self/root self; ln -s {} direct; \
         ln -s ../../../../../.. up; ln -s loop loop; mkfifo fifo; ln -s /proc/self/fd/0 fd",
        outside.display()
    );
    out(&sbx, &script).await;
    let files = sbx.files();
    let name = outside.display().to_string();
    for path in [
        name.clone(),
        format!("/workspace/root{name}"),
        format!("/workspace/proc1{name}"),
        format!("/workspace/self{name}"),
        format!("/workspace/up{name}"),
        format!("/workspace/../../../..{name}"),
        "/workspace/direct".to_owned(),
        "/workspace/loop".to_owned(),
        "/workspace/fifo".to_owned(),
        "/workspace/fd".to_owned(),
        "/proc/self/environ".to_owned(),
        "/proc/1/cmdline".to_owned(),
        "/dev/zero".to_owned(),
        "/dev/tty".to_owned(),
        "/etc/shadow".to_owned(),
    ] {
        let error = files.read_bytes(&path).await.expect_err(&path);
        assert!(matches!(error.status(), Some(400 | 403 | 404)), "{path}: {error}");
    }
    for path in [
        "/etc/passwd".to_owned(),
        "/usr/bin/env".to_owned(),
        "/dev/null".to_owned(),
        "/dev/shm/x".to_owned(),
        "/proc/sys/kernel/core_pattern".to_owned(),
        "/workspace/root/etc/x".to_owned(),
        "/workspace/fifo".to_owned(),
        "/workspace/../etc/x".to_owned(),
        "/new".to_owned(),
    ] {
        let error = files.write(&path, "x").await.expect_err(&path);
        assert!(matches!(error.status(), Some(400 | 403)), "{path}: {error}");
        let error = files.delete(&path).await;
        assert!(error.is_err() || path == "/workspace/fifo", "{path}");
    }
    // What is written through a link lands inside, or nowhere.
    drop(files.write("/workspace/direct", "of the sandbox").await);
    assert_eq!(std::fs::read_to_string(&outside).expect("still there"), "of the host");
    std::fs::remove_file(&outside).expect("removed");
}

/// A symlink that changes while the API follows it.
#[tokio::test(flavor = "multi_thread")]
async fn a_flipping_link_gives_nothing_away() {
    let server = LocalServer::start().await.expect("a server");
    let sbx = create(&server.client()).await;
    let host = std::env::temp_dir().join(format!("flip-{}", std::process::id()));
    std::fs::create_dir_all(&host).expect("created");
    std::fs::write(host.join("file"), "of the host").expect("written");
    let script = format!(
        "mkdir real; echo inside > real/file; ln -s real flip; echo up; \
         while :; do ln -sfn real flip; ln -sfn {0} flip; ln -sfn /proc/1/root{0} flip; done",
        host.display()
    );
    let mut flipping = sbx.exec_stream(script).await.expect("a stream");
    while !matches!(flipping.next().await, Some(Ok(orkestr::ExecEvent::Stdout(_)))) {}
    let mut seen = 0;
    for _ in 0..300 {
        match sbx.files().read("/workspace/flip/file").await {
            Ok(text) => {
                assert_eq!(text, "inside\n");
                seen += 1;
            }
            Err(error) => assert!(matches!(error.status(), Some(400 | 403 | 404)), "{error}"),
        }
        drop(sbx.files().write("/workspace/flip/new", "x").await);
    }
    drop(flipping);
    let left: Vec<_> = std::fs::read_dir(&host).expect("there").flatten().collect();
    assert_eq!(left.len(), 1);
    std::fs::remove_dir_all(&host).expect("removed");
    assert!(seen > 0, "the link was never seen where it may lead");
}

/// Each uses up what there is of something; the next sandbox must not notice.
#[tokio::test]
async fn what_one_uses_up_the_others_have() {
    let server = LocalServer::builder().disk_mb(64).start().await.expect("a server");
    let client = server.client();
    let bystander = create(&client).await;
    for (what, script) in [
        ("inodes", "cd /tmp; seq 30000 | xargs touch"),
        ("shared memory", "head -c 4000000000 /dev/zero > /dev/shm/x"),
        ("directories", "seq -f '/workspace/%g/a/b/c' 5000 | xargs mkdir -p"),
        ("processes", "for i in $(seq 300); do sleep 60 & done 2>/dev/null"),
    ] {
        let sbx = create(&client).await;
        match sbx.exec(script).timeout(std::time::Duration::from_secs(8)).await {
            Ok(_) => {}
            Err(error) => assert!(
                matches!(error.kind(), ErrorKind::ExecTimeout | ErrorKind::ExecKilled),
                "{what}: {error}"
            ),
        }
        assert_eq!(out(&bystander, "echo fine; sleep 0 & wait").await, "fine\n", "{what}");
        bystander.files().write("/workspace/f", vec!["x"; 1_000_000].concat()).await.expect(what);
        sbx.terminate().await.expect("terminated");
    }
}

/// Memory that no process has mapped would not be counted.
#[tokio::test]
async fn some_system_calls_are_not_there() {
    let server = LocalServer::start().await.expect("a server");
    let sbx = create(&server.client()).await;
    if !cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) || !has(&sbx, "python3").await {
        return;
    }
    let script = format!(
        "exec python3 -c '
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
for number in {:?}:
    print(libc.syscall(number, 0, 0, 0, 0, 0), errno.errorcode.get(ctypes.get_errno()))'",
        [
            libc::SYS_memfd_create,
            libc::SYS_memfd_secret,
            libc::SYS_io_uring_setup,
            libc::SYS_bpf,
            libc::SYS_perf_event_open,
            libc::SYS_userfaultfd,
            libc::SYS_keyctl,
            libc::SYS_getpid | 0x4000_0000,
        ]
    );
    assert_eq!(out(&sbx, &script).await, "-1 ENOSYS\n".repeat(8));
    // The same numbers mean other calls to 32-bit code, and that gets none at all.
    let status = out(&sbx, "grep Seccomp: /proc/self/status").await;
    assert_eq!(status, "Seccomp:\t2\n");
}
