//! Output as it comes: as text, as bytes, and collected half-way.

#![allow(clippy::print_stdout, reason = "examples print what they do")]

mod support;

use std::error::Error;

use futures::{StreamExt, TryStreamExt};
use orkestr::{ExecEvent, Sandbox};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let _server = support::connect().await?;
    let sbx = Sandbox::create("debian-12").await?.terminate_on_drop();

    println!("# Text: a character is never cut, wherever the network cuts");
    let command = "printf '\\342\\202'; sleep 0.2; printf '\\254 and counting\\n'";
    let mut events = sbx.exec_stream(command).await?.text();
    while let Some(event) = events.try_next().await? {
        if let ExecEvent::Stdout(text) = event {
            println!("{text:?}");
        }
    }

    println!("# Bytes: as they came");
    let mut events = sbx.exec_stream("head -c 100000 /dev/zero").await?;
    let (mut chunks, mut bytes) = (0, 0);
    while let Some(event) = events.next().await {
        if let ExecEvent::Stdout(data) = event? {
            chunks += 1;
            bytes += data.len();
        }
    }
    println!("{bytes} bytes in {chunks} chunks");

    println!("# The first event, and then the rest at once");
    let mut events = sbx.exec_stream("echo one; sleep 0.1; echo two >&2; exit 3").await?;
    println!("{:?}", events.next().await.transpose()?);
    let rest = events.wait_with_output().await?.into_result();
    println!("{rest:?}");

    sbx.terminate().await?;
    Ok(())
}
