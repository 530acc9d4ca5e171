//! Snapshots: prepare a sandbox once, then start as many as you like from it.

#![allow(clippy::print_stdout, reason = "examples print what they do")]

mod support;

use std::error::Error;
use std::time::Duration;

use orkestr::{ErrorKind, Sandbox, Snapshot};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let _server = support::connect().await?;
    let sbx = Sandbox::create("debian-12").await?.terminate_on_drop();

    println!("# Prepare: what takes long is done once");
    sbx.files().write("/workspace/dataset.txt", "three\nlines\nhere\n").await?;
    sbx.exec("sort dataset.txt > sorted.txt").await?;

    println!("# Save it; the sandbox runs on");
    let snapshot = sbx.snapshot().name("prepared").await?;
    snapshot.wait_ready().timeout(Duration::from_secs(60)).await?;
    println!("{} {} {:?}", snapshot.id(), snapshot.status(), snapshot.info().size_mb);

    println!("# Try three ways at once, each in a sandbox of its own");
    let tries = ["wc -l < sorted.txt", "head -n 1 sorted.txt", "rm sorted.txt && ls"];
    let tries = tries.map(|command| {
        let fork = snapshot.fork().metadata("try", command);
        async move {
            let fork = fork.await?.terminate_on_drop();
            let out = fork.exec(command).await?;
            fork.terminate().await?;
            Ok::<_, orkestr::Error>((command, out.stdout))
        }
    });
    for outcome in futures::future::join_all(tries).await {
        let (command, stdout) = outcome?;
        println!("{command}: {stdout:?}");
    }
    println!("the source still has: {:?}", sbx.exec("ls").await?.stdout);

    println!("# The id is all that another process needs");
    let id = snapshot.id().to_owned();
    sbx.terminate().await?;
    let later = Sandbox::create_from_snapshot(&id).await?;
    println!("{:?}", later.exec("cat sorted.txt").await?.stdout);
    later.terminate().await?;

    println!("# Size and network come with the snapshot");
    match Sandbox::create_from_snapshot(&id).cpu(4.0).await {
        Err(error) if error.kind() == ErrorKind::InvalidInput => println!("{error}"),
        other => println!("{other:?}"),
    }

    println!("# Snapshots count against the plan: delete what is not needed");
    for snapshot in Snapshot::list().await? {
        if snapshot.name().as_deref() == Some("prepared") {
            snapshot.delete().await?;
        }
    }
    Ok(())
}
