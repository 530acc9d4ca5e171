//! Upload and download beside plain reqwest doing the same PUT and GET, in the same run, and the
//! memory that each takes. `cargo bench --bench big_files`; `ORKESTR_BENCH_MIB` sets the size.
//!
//! The server is another process, so that only the client's memory is measured.

#![allow(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _};
use orkestr::{Client, Files, Sandbox};
use orkestr_local::LocalServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const RUNS: usize = 5;

fn main() -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // In a task of its own: `block_on` reads bodies more slowly than a worker.
    if std::env::var_os("ORKESTR_BENCH_URL").is_some() {
        runtime.block_on(async { tokio::spawn(client()).await? })
    } else {
        runtime.block_on(serve())
    }
}

async fn serve() -> Outcome<()> {
    // Room for the file that is there and the one that takes its place.
    let server = LocalServer::builder().disk_mb(2 * size_mib()? + 64).start().await?;
    let mut child = std::process::Command::new(std::env::current_exe()?)
        .env("ORKESTR_BENCH_URL", server.base_url())
        .env("ORKESTR_API_KEY", server.api_key().expose())
        .spawn()?;
    let status = tokio::task::spawn_blocking(move || child.wait()).await??;
    if status.success() { Ok(()) } else { Err("the client failed".into()) }
}

async fn client() -> Outcome<()> {
    let mib = size_mib()?;
    let client = Client::builder().base_url(std::env::var("ORKESTR_BENCH_URL")?).build()?;
    let sbx =
        Sandbox::create("debian-12").client(&client).timeout(Duration::from_secs(900)).await?;
    let files = sbx.files();
    let place = Place::new()?;
    let (up, down) = (place.0.join("up"), place.0.join("down"));
    fill(&up, mib)?;

    // The first round warms up; memory is measured before plain reqwest adds its own.
    let before = peak_kib()?;
    ours_up(&files, &up).await?;
    ours_down(&files, &down).await?;
    let grown = peak_kib()? - before;
    assert!(same(&up, &down)?, "the file came back changed");
    println!("memory: {mib} MiB up and down took {} KiB more at its peak", grown);

    let http = reqwest::Client::builder().no_proxy().tcp_nodelay(true).build()?;
    let mut times = [const { Vec::new() }; 4];
    for _ in 0..RUNS {
        // Interleaved: what else the machine does befalls all alike.
        times[0].push(timed(ours_up(&files, &up)).await?);
        times[1].push(timed(plain_up(&http, &files, &up)).await?);
        times[2].push(timed(ours_down(&files, &down)).await?);
        times[3].push(timed(plain_down(&http, &files, &down)).await?);
    }
    let [ours_up, plain_up, ours_down, plain_down] = times.map(median);
    let speed = |time: f64| mib as f64 / time;
    for (what, ours, plain) in [("upload", ours_up, plain_up), ("download", ours_down, plain_down)]
    {
        println!(
            "{what}: orkestr {:.0} MiB/s, plain reqwest {:.0} MiB/s, ratio {:.2}",
            speed(ours),
            speed(plain),
            plain / ours
        );
    }
    sbx.terminate().await?;
    Ok(())
}

fn size_mib() -> Outcome<u64> {
    Ok(std::env::var("ORKESTR_BENCH_MIB").map_or(Ok(256), |text| text.parse())?)
}

async fn ours_up(files: &Files, from: &Path) -> Outcome<()> {
    files.upload("/workspace/big").from_file(from).await?;
    Ok(())
}

async fn ours_down(files: &Files, to: &Path) -> Outcome<()> {
    files.download("/workspace/big").to_file(to).await?;
    Ok(())
}

/// As one would write it by hand; reqwest's own way from a file sends a few KiB at a time.
async fn plain_up(http: &reqwest::Client, files: &Files, from: &Path) -> Outcome<()> {
    let url = files.presign_upload("/workspace/big").await?;
    let file = tokio::fs::File::open(from).await?;
    let length = file.metadata().await?.len();
    let chunks = futures::stream::try_unfold(file, async |mut file| {
        let mut chunk = vec![0; 256 * 1024];
        let count = file.read(&mut chunk).await?;
        chunk.truncate(count);
        std::io::Result::Ok((count > 0).then_some((chunk, file)))
    });
    let body = reqwest::Body::wrap_stream(chunks);
    let request = http.put(url.url.expose()).header("content-length", length).body(body);
    request.send().await?.error_for_status()?;
    Ok(())
}

async fn plain_down(http: &reqwest::Client, files: &Files, to: &Path) -> Outcome<()> {
    let url = files.presign_download("/workspace/big").await?;
    let mut body =
        http.get(url.url.expose()).send().await?.error_for_status()?.bytes_stream().boxed();
    let mut file = tokio::fs::File::create(to).await?;
    while let Some(chunk) = body.try_next().await? {
        file.write_all(&chunk).await?;
    }
    file.flush().await?;
    Ok(())
}

async fn timed(work: impl Future<Output = Outcome<()>>) -> Outcome<f64> {
    let started = Instant::now();
    work.await?;
    Ok(started.elapsed().as_secs_f64())
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// The most memory that this process ever held.
fn peak_kib() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()).ok_or("no VmHWM")?;
    Ok(number.parse()?)
}

fn fill(path: &Path, mib: u64) -> Outcome<()> {
    use std::io::Write as _;
    let mut file = std::fs::File::create(path)?;
    for index in 0..mib {
        let chunk: Vec<u8> =
            (0..1_u64 << 17).flat_map(|n| (n * 7919 + index).to_le_bytes()).collect();
        file.write_all(&chunk)?;
    }
    Ok(())
}

fn same(left: &Path, right: &Path) -> Outcome<bool> {
    use std::io::Read as _;
    let (mut left, mut right) = (std::fs::File::open(left)?, std::fs::File::open(right)?);
    if left.metadata()?.len() != right.metadata()?.len() {
        return Ok(false);
    }
    let (mut a, mut b) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    loop {
        let count = left.read(&mut a)?;
        if count == 0 {
            return Ok(true);
        }
        right.read_exact(&mut b[..count])?;
        if a[..count] != b[..count] {
            return Ok(false);
        }
    }
}

struct Place(PathBuf);

impl Place {
    fn new() -> Outcome<Self> {
        // In memory where there is such a place: the disk is not what is measured.
        let shm = Path::new("/dev/shm");
        let base = if shm.is_dir() { shm.to_owned() } else { std::env::temp_dir() };
        let path = base.join(format!("orkestr-bench-{}", std::process::id()));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
