//! Files of any size: up and down with progress, batches, and URLs for others.

#![allow(clippy::print_stdout, reason = "examples print what they do")]

mod support;

use std::error::Error;
use std::time::Duration;

use futures::TryStreamExt as _;
use orkestr::Sandbox;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let _server = support::connect().await?;
    let sbx = Sandbox::create("debian-12").await?.terminate_on_drop();
    let files = sbx.files();

    // 40 MiB that are never in memory as a whole.
    let chunk = vec![b'x'; 1 << 20];
    let chunks =
        futures::stream::iter((0..40).map(move |_| Ok::<_, std::io::Error>(chunk.clone())));
    let sent = files.upload("/workspace/big.bin").from_stream(chunks, 40 << 20).await?;
    println!("sent {sent} bytes");
    print!("{}", sbx.exec("sha256sum /workspace/big.bin").await?.stdout);

    let target = std::env::temp_dir().join(format!("orkestr-big-{}.bin", std::process::id()));
    let mut quarter = 0;
    let download = files.download("/workspace/big.bin").progress(move |received, total| {
        if received * 4 / total.max(1) >= quarter {
            println!("{:3} %", received * 100 / total.max(1));
            quarter = received * 4 / total.max(1) + 1;
        }
    });
    println!("fetched {} bytes", download.to_file(&target).await?);
    std::fs::remove_file(&target)?;

    let mut stream = files.download("/workspace/big.bin").stream().await?;
    let mut ends = 0;
    while let Some(chunk) = stream.try_next().await? {
        ends += chunk.iter().filter(|byte| **byte == b'\n').count();
    }
    println!("{ends} lines");

    let batch = [("/workspace/a.txt", "a"), ("/etc/b.txt", "b"), ("/workspace/c.txt", "c")];
    for row in files.write_batch(batch).await {
        match row.result {
            Ok(size) => println!("{}: {size} bytes", row.path),
            Err(error) => println!("{}: {error}", row.path),
        }
    }

    // Whoever has the URL can fetch the file, without a key, for a minute.
    let url =
        files.presign_download("/workspace/a.txt").expires_in(Duration::from_secs(60)).await?;
    println!("{} {:?} until {:?}", url.method, url.url, url.expires_at);

    files.mkdir("/workspace/done").await?;
    files.rename("/workspace/a.txt", "/workspace/done/a.txt").await?;
    println!("{:?}", files.stat("/workspace/done/a.txt").await?);
    sbx.terminate().await?;
    Ok(())
}
