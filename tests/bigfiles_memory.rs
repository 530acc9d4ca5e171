//! How much memory a large transfer takes, measured in a process that does nothing else.

#![cfg(target_os = "linux")]

use std::time::Duration;

use orkestr::{Client, Sandbox};
use orkestr_local::LocalServer;

const URL: &str = "ORKESTR_TEST_MEMORY_URL";
const MOST_KIB: u64 = 16 * 1024;

/// `ORKESTR_TEST_MEMORY_MIB` sets the size; the local server has room for less than 1024.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_transfer_takes_little_memory() {
    let server = LocalServer::start().await.expect("this machine allows sandboxes");
    let (url, key) = (server.base_url(), server.api_key().clone());
    let child = tokio::task::spawn_blocking(move || {
        std::process::Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "the_process_that_is_measured", "--ignored", "--nocapture"])
            .env(URL, url)
            .env("ORKESTR_API_KEY", key.expose())
            .output()
            .expect("started")
    });
    let output = child.await.expect("no panic");
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}{stderr}");
}

#[test]
#[ignore = "started by the other test with a server to talk to"]
fn the_process_that_is_measured() {
    let Ok(url) = std::env::var(URL) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async { tokio::spawn(measured(url)).await.expect("no panic") });
}

async fn measured(url: String) {
    let size =
        std::env::var("ORKESTR_TEST_MEMORY_MIB").map_or(256, |mib| mib.parse().expect("MiB")) << 20;
    let client = Client::builder().base_url(url).build().expect("a client");
    let create = Sandbox::create("debian-12").client(&client).timeout(Duration::from_secs(900));
    let sbx = create.await.expect("created");
    let files = sbx.files();
    let place = std::env::temp_dir().join(format!("orkestr-memory-{}", std::process::id()));
    std::fs::create_dir(&place).expect("a directory");
    let (up, down) = (place.join("up"), place.join("down"));
    // Without blocks on the disk, until it is read; then it shows whether a byte moved.
    let source = std::fs::File::create(&up).expect("created");
    source.set_len(size).expect("a size");
    use std::os::unix::fs::FileExt as _;
    for at in (0..size - 8).step_by(999_983) {
        source.write_all_at(&at.to_le_bytes(), at).expect("written");
    }
    // What TLS, the connection pool and the threads take is there after a first small transfer.
    files.write("/tmp/warm", "x").await.expect("written");
    let before = peak_kib();
    assert_eq!(files.upload("/workspace/big").from_file(&up).await.expect("sent"), size);
    let download = files.download("/workspace/big");
    assert_eq!(download.to_file(&down).await.expect("fetched"), size);
    let grown = peak_kib() - before;
    let remote = sbx.exec("sha256sum < /workspace/big").timeout(Duration::from_secs(600)).await;
    let remote = remote.expect("run").stdout;
    let local = |path: &std::path::Path| {
        let file = std::fs::File::open(path).expect("there");
        let run = std::process::Command::new("sha256sum").stdin(file).output().expect("run");
        String::from_utf8(run.stdout).expect("text")
    };
    let (sent, fetched) = (local(&up), local(&down));
    std::fs::remove_dir_all(&place).expect("removed");
    assert_eq!((&sent, &fetched), (&remote, &remote));
    assert!(grown < MOST_KIB, "{} MiB took {grown} KiB more", size >> 20);
}

/// The most memory that this process ever held.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("readable");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
    line.split_whitespace().next().expect("a number").parse().expect("a number")
}
