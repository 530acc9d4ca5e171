//! The local server for an ordinary user: all that it does needs no rights.
//!
//! Root runs these tests as root, and then again in a process of an ordinary user.

mod local_support;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use local_support::{
    Marker, TEMPLATE, TestResult, WAIT_FOR_GO, becomes, failure, go, in_time, sandbox, server,
};
use orkestr::{ErrorKind, ExecEvent, Sandbox, SandboxStatus};

/// Nobody's id on any usual system.
const ORDINARY: u32 = 54_321;

/// Set for the process of the ordinary user.
const INNER: &str = "ORKESTR_TEST_UNPRIVILEGED";

fn user() -> u32 {
    fs::metadata("/proc/self").expect("a /proc").uid()
}

/// A copy of this program where everybody can run it.
struct Everybodys(PathBuf);

impl Everybodys {
    fn copy_of_this_program() -> Self {
        let directory =
            std::env::temp_dir().join(format!("orkestr-unprivileged-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("a directory");
        let copied = Self(directory);
        let open = |path: &PathBuf| fs::set_permissions(path, fs::Permissions::from_mode(0o755));
        let this = std::env::current_exe().expect("a path");
        // By another program: one that this program is writing cannot be run while a child that has just been
        // forked holds the file open.
        let copy = Command::new("cp").arg(this).arg(copied.program()).status();
        assert!(copy.is_ok_and(|status| status.success()), "no copy");
        open(&copied.0).and_then(|()| open(&copied.program())).expect("for everybody");
        copied
    }

    fn program(&self) -> PathBuf {
        self.0.join("tests")
    }
}

impl Drop for Everybodys {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

#[test]
fn everything_here_works_for_an_ordinary_user() {
    if std::env::var_os(INNER).is_some() {
        assert_eq!(user(), ORDINARY, "the rights were not given up");
    }
    if user() != 0 {
        // The tests beside this one have shown it.
        return;
    }
    let copy = Everybodys::copy_of_this_program();
    // Without other groups: the standard library leaves them all when root becomes another user.
    let output = Command::new(copy.program())
        .env(INNER, "1")
        .uid(ORDINARY)
        .gid(ORDINARY)
        .current_dir(&copy.0)
        .output()
        .expect("it can be run");
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "as user {ORDINARY}:\n{stdout}\n{stderr}");
    assert!(stdout.contains("a_sandbox_is_created_listed_and_terminated ... ok"), "{stdout}");
}

#[tokio::test]
async fn a_sandbox_is_created_listed_and_terminated() -> TestResult {
    let (server, sbx) = sandbox().await;
    assert_eq!(sbx.status(), SandboxStatus::Running);
    let marker = Marker::new();
    sbx.exec(format!("{} &", marker.sleep())).await?;
    let listed = Sandbox::list().client(&server.client()).await?;
    assert_eq!(listed[0].id(), sbx.id());
    sbx.terminate().await?;
    assert_eq!(marker.processes(), 0);
    failure(sbx.exec("true").await, ErrorKind::SandboxNotReady);
    Ok(())
}

#[tokio::test]
async fn a_servers_end_is_the_end_of_its_sandboxes() -> TestResult {
    let (server, sbx) = sandbox().await;
    let marker = Marker::new();
    sbx.exec(format!("{} &", marker.sleep())).await?;
    marker.has_started().await;
    in_time(server.shutdown()).await;
    assert_eq!(marker.processes(), 0);
    Ok(())
}

#[tokio::test]
async fn commands_run_and_are_streamed() -> TestResult {
    let server = server().await;
    let sbx = Sandbox::create(TEMPLATE).client(&server.client()).env("WHO", "me").await?;
    let result = sbx.exec("echo $WHO; pwd; echo err >&2; exit 3").await?;
    assert_eq!((result.stdout.as_str(), result.stderr.as_str()), ("me\n/workspace\n", "err\n"));
    assert_eq!(result.exit_code, 3);
    // Opened anew by its name, an output asks for the rights of a file.
    assert_eq!(sbx.exec("echo again > /dev/stdout").await?.stdout, "again\n");

    let mut events = sbx.exec_stream(format!("echo first; {WAIT_FOR_GO}; echo second")).await?;
    let mut stdout = Vec::new();
    while let Some(event) = in_time(futures::TryStreamExt::try_next(&mut events)).await? {
        if let ExecEvent::Stdout(bytes) = event {
            stdout.extend(bytes);
            go(&sbx).await?;
        }
    }
    assert_eq!(stdout, b"first\nsecond\n");
    Ok(())
}

#[tokio::test]
async fn timeouts_and_signals_end_commands() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let marker = Marker::new();
    let deaf = format!("trap '' TERM; {0} & {0}", marker.sleep());
    let outcome = in_time(sbx.exec(deaf).timeout(Duration::from_secs(1))).await;
    failure(outcome, ErrorKind::ExecTimeout);
    marker.is_gone().await;
    let error = failure(sbx.exec("kill -9 $$").await, ErrorKind::ExecKilled);
    assert_eq!(error.signal(), Some(9));
    assert!(sbx.exec("true").await?.success());
    Ok(())
}

#[tokio::test]
async fn files_are_written_read_listed_and_removed() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let files = sbx.files();
    let bytes: Vec<u8> = (0..=255).collect();
    files.write_bytes("/workspace/a/b.bin", &bytes).await?;
    assert_eq!(files.read_bytes("/workspace/a/b.bin").await?, bytes);
    files.write_with_mode("/workspace/run", "#!/bin/sh\necho it runs\n", 0o755).await?;
    assert_eq!(sbx.exec("./run; echo made > made").await?.stdout, "it runs\n");
    assert_eq!(files.read("/workspace/made").await?, "made\n");
    let names: Vec<_> = files.list("/workspace").await?.into_iter().map(|e| e.name).collect();
    assert_eq!(names, ["a", "made", "run"]);
    files.delete("/workspace/made").await?;
    failure(files.read("/workspace/made").await, ErrorKind::NotFound);
    failure(files.write("/usr/x", "").await, ErrorKind::Api);

    sbx.exec("mkfifo fifo; ln -s /etc/shadow shadow; ln -s /proc/1/root/etc/passwd root").await?;
    for path in ["/workspace/fifo", "/workspace/shadow", "/workspace/root"] {
        assert!(in_time(files.read(path)).await.is_err(), "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn pause_stops_and_resume_goes_on() -> TestResult {
    let (server, sbx) = sandbox().await;
    sbx.exec(format!("({WAIT_FOR_GO}; echo done > /workspace/done) > /dev/null 2>&1 &")).await?;
    sbx.pause().await?;
    becomes(&sbx, SandboxStatus::Paused).await;
    failure(sbx.exec("true").await, ErrorKind::SandboxNotReady);
    let sbx = Sandbox::resume(sbx.id()).client(&server.client()).await?;
    go(&sbx).await?;
    local_support::eventually("the background job goes on", || async {
        sbx.files().read("/workspace/done").await.is_ok_and(|text| text == "done\n")
    })
    .await;
    Ok(())
}

#[tokio::test]
async fn the_host_is_out_of_reach() -> TestResult {
    let (_server, sbx) = sandbox().await;
    for command in
        ["touch /usr/x", "test -e /root", "test -e /home", "test -e /etc/shadow", "unshare -U true"]
    {
        assert!(!sbx.exec(command).await?.success(), "{command}");
    }
    let devices = sbx.exec("tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '").await?;
    assert_eq!(devices.stdout, "lo\n");
    let capabilities = sbx.exec("grep CapEff /proc/self/status").await?;
    assert!(capabilities.stdout.ends_with("\t0000000000000000\n"), "{}", capabilities.stdout);
    Ok(())
}
