//! What a sandbox uses and where its ports are reached: limits, metrics, previews.

#![allow(clippy::print_stdout, reason = "examples print what they do")]

mod support;

use std::time::Duration;

use futures::TryStreamExt as _;
use orkestr::{NetworkMode, Sandbox};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _server = support::connect().await?;

    println!("# What the plan allows");
    let limits = Sandbox::limits().await?;
    println!("{}: {} at once", limits.plan, limits.max_concurrent);
    for size in &limits.sizes {
        println!("{} {:?} {:?} {:?}", size.size, size.cpu, size.memory_mb, size.allowed);
    }

    println!("# What a sandbox uses");
    // The hosted service previews only what has a network.
    let create = Sandbox::create("python-3.12").network(NetworkMode::Restricted);
    let sbx = create.preview_auth(true).await?.terminate_on_drop();
    sbx.exec("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done").await?;
    let metrics = sbx.metrics().await?;
    println!("{:?} {:?}", metrics.cpu, metrics.memory);
    println!("{:?} of processor time in all", metrics.lifetime.cpu_time);

    println!("# Its samples as they are taken, until the sandbox ends; here the first");
    let mut samples = sbx.metrics_stream().every(Duration::from_secs(1));
    if let Some(sample) = samples.try_next().await? {
        println!("{} {:?} % {:?} bytes", sample.at, sample.cpu_percent, sample.memory_bytes);
    }

    println!("# Where a port of it is reached");
    sbx.files().write("/workspace/index.html", "served by a sandbox\n").await?;
    sbx.spawn("python -m http.server 8080").await?;
    println!("{}", sbx.get_host(8080).await?);
    let preview = sbx.preview_url(8080).await?;
    // `Debug` hides the token; `preview.expose()` is the URL for a browser.
    println!("{preview:?}");
    if let (Some((name, token)), true) = (preview.header(), preview.url().starts_with("http://")) {
        let host = preview.host();
        let head = format!("GET / HTTP/1.0\r\nHost: {host}\r\n{name}: {}\r\n\r\n", token.expose());
        let mut answer = fetch(host, &head).await?;
        // Until something listens in the sandbox, the local server says that nothing does.
        for _ in 0..200 {
            if !answer.starts_with("HTTP/1.0 502") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            answer = fetch(host, &head).await?;
        }
        println!("{}", answer.lines().next().unwrap_or_default());
        println!("{}", answer.lines().last().unwrap_or_default());
    }

    let ended = sbx.clone();
    sbx.terminate().await?;
    println!("{:?}", ended.metrics().await?.lifetime);
    Ok(())
}

async fn fetch(host: &str, request: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(host).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}
