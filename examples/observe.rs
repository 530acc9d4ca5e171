//! What a sandbox uses and where its ports are reached: limits, metrics, previews.

#![allow(clippy::print_stdout, reason = "examples print what they do")]

mod support;

use std::time::Duration;

use futures::TryStreamExt as _;
use orkestr::Sandbox;
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
    let sbx = Sandbox::create("python-3.12").preview_auth(true).await?;
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
    println!("{}", sbx.get_host(8080).await?);
    let preview = sbx.preview_url(8080).await?;
    // `Debug` hides the token; `preview.expose()` is the URL for a browser.
    println!("{preview:?}");
    if let (Some((name, token)), true) = (preview.header(), preview.url().starts_with("http://")) {
        // Nothing listens in the sandbox, and the local server says so.
        let host = preview.host();
        let mut stream = TcpStream::connect(host).await?;
        let head = format!("GET / HTTP/1.0\r\nHost: {host}\r\n{name}: {}\r\n\r\n", token.expose());
        stream.write_all(head.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        println!("{}", answer.lines().next().unwrap_or_default());
    }

    sbx.terminate().await?;
    println!("{:?}", sbx.metrics().await?.lifetime);
    Ok(())
}
