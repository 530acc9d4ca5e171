//! Pause: what runs is kept, and so are the files; the id is all that an agent has to store.

#![allow(clippy::print_stdout, reason = "examples print what they do")]

mod support;

use std::error::Error;
use std::time::Duration;

use orkestr::Sandbox;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let _server = support::connect().await?;
    let sbx = Sandbox::create("debian-12").timeout(Duration::from_secs(120)).await?;
    sbx.files().write("/workspace/state.txt", "step 1\n").await?;

    let id = sbx.pause().await?;
    println!("paused {id}");
    let error = sbx.exec("true").await.expect_err("a paused sandbox runs nothing");
    println!("exec: {error}");

    let sbx = Sandbox::resume(id).await?;
    println!("{}: {:?}", sbx.status(), sbx.files().read("/workspace/state.txt").await?);
    sbx.set_timeout(Duration::from_secs(60)).await?;
    println!("lives until {}", sbx.expires_at());
    sbx.terminate().await?;

    // Created so, a paused sandbox resumes by itself.
    let sbx = Sandbox::create("debian-12").auto_resume(true).await?;
    sbx.pause().await?;
    print!("{}", sbx.exec("echo awake again").await?.stdout);
    sbx.terminate().await?;
    Ok(())
}
