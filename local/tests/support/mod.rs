//! Helpers of the jail's tests.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

pub mod place;
pub mod program;
pub mod receiver;

use std::ffi::OsString;
use std::path::PathBuf;

use orkestr_local::jail::{Child, Command, DEFAULT_PATH, Exit, Jail, Spec};
use tokio::io::AsyncReadExt;

/// A shell command as the server starts them.
pub fn sh(script: &str) -> Command {
    Command {
        argv: ["/bin/sh", "-c", script].map(OsString::from).to_vec(),
        cwd: PathBuf::from("/workspace"),
        env: vec![("PATH".into(), DEFAULT_PATH.into()), ("HOME".into(), "/workspace".into())],
    }
}

pub async fn jail() -> Jail {
    Jail::start(Spec::default()).await.expect("a sandbox")
}

/// Everything that a command wrote, and how it ended.
pub async fn collect(mut child: Child) -> (String, String, Exit) {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let (out, err) =
        tokio::join!(child.stdout.read_to_end(&mut stdout), child.stderr.read_to_end(&mut stderr));
    out.expect("stdout");
    err.expect("stderr");
    let exit = child.process.wait().await.expect("an exit");
    (
        String::from_utf8_lossy(&stdout).into_owned(),
        String::from_utf8_lossy(&stderr).into_owned(),
        exit,
    )
}

/// Runs a script to its end; it must succeed.
pub async fn run(jail: &Jail, script: &str) -> String {
    let (stdout, stderr, exit) = collect(jail.spawn(sh(script)).await.expect("spawn")).await;
    assert_eq!(exit, Exit::Code(0), "{script}\nstdout: {stdout}\nstderr: {stderr}");
    stdout.trim_end().to_owned()
}

/// Runs a script whatever comes of it: its output and exit.
pub async fn attempt(jail: &Jail, script: &str) -> (String, Exit) {
    let (stdout, stderr, exit) = collect(jail.spawn(sh(script)).await.expect("spawn")).await;
    (stdout + &stderr, exit)
}

/// Reads from a pipe until one line is complete.
pub async fn line(pipe: &mut tokio::net::unix::pipe::Receiver) -> String {
    let mut line = Vec::new();
    loop {
        let byte = pipe.read_u8().await.expect("a line");
        if byte == b'\n' {
            return String::from_utf8(line).expect("text");
        }
        line.push(byte);
    }
}

pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// The host's ids of processes whose command line contains `needle` (arguments separated by NUL).
pub fn host_processes(needle: &str) -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").expect("/proc");
    entries
        .filter_map(|entry| {
            let pid: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let command = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
            String::from_utf8_lossy(&command).contains(needle).then_some(pid)
        })
        .collect()
}

/// Polls until a condition holds; it must within a generous time.
pub async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let start = std::time::Instant::now();
    while !condition().await {
        assert!(start.elapsed().as_secs() < 60, "{what} did not come true");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// One request as it stands, and the whole answer.
pub async fn http(address: std::net::SocketAddr, request: String) -> String {
    use tokio::io::AsyncWriteExt as _;
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
    stream.write_all(request.as_bytes()).await.expect("it is sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

pub fn children_of(parent: i32) -> Vec<i32> {
    let parent = parent.to_string();
    let entries = std::fs::read_dir("/proc").expect("/proc");
    entries
        .filter_map(|entry| {
            let pid: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let other = stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?;
            (other == parent).then_some(pid)
        })
        .collect()
}
