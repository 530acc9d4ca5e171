//! The tour: create, files, exec, stream, pause and resume, a scoped sandbox, two failures.
//!
//! `cargo run --example quickstart` runs it on a local server in this process. With
//! `ORKESTR_API_KEY` set, it runs unchanged on the hosted service.

#![allow(clippy::print_stdout, reason = "examples print what they do")]

mod support;

use std::error::Error;
use std::time::Duration;

use futures::StreamExt;
use orkestr::{ErrorKind, ExecEvent, Sandbox};

const SCRIPT: &str = "\
import sys
print('hello from Python', '.'.join(map(str, sys.version_info[:2])))
";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let _server = support::connect().await?;

    println!("\n# Create");
    let sbx = Sandbox::create("python-3.12")
        .timeout(Duration::from_secs(300))
        .env("GREETING", "hello")
        .metadata("agent_run", "r_42")
        .await?;
    println!(
        "{} is {}, from {}, until {}",
        sbx.id(),
        sbx.status(),
        sbx.template(),
        sbx.expires_at()
    );

    // Whatever becomes of the tour, the sandbox does not outlive it.
    let outcome = tour(sbx.clone()).await;
    sbx.terminate().await?;
    println!("terminated {}", sbx.id());
    outcome?;

    println!("\n# A sandbox for one scope");
    let sum = Sandbox::with_temp("python-3.12", |sbx| async move {
        Ok::<_, orkestr::Error>(sbx.exec("echo $((2 + 2))").await?.stdout)
    })
    .await?;
    println!("2 + 2 = {}", sum.trim());

    println!("\n# A wrong key");
    match Sandbox::list().api_key("ork_wrong").await {
        Err(error) if error.kind() == ErrorKind::Auth => println!("{error}"),
        other => return Err(format!("expected an auth error, got {other:?}").into()),
    }
    Ok(())
}

async fn tour(sbx: Sandbox) -> Result<(), Box<dyn Error>> {
    println!("\n# Write and read files");
    let files = sbx.files();
    files.write("/workspace/main.py", SCRIPT).await?;
    files.write_bytes("/workspace/blob.bin", [0, 1, 2]).await?;
    println!("read back {} bytes", files.read_bytes("/workspace/blob.bin").await?.len());

    println!("\n# Run a command");
    let out = sbx.exec("echo \"$GREETING from $(uname -s)\"").await?;
    print!("{}", out.stdout);
    let out = sbx.exec("python /workspace/main.py").timeout(Duration::from_secs(60)).await?;
    if out.success() {
        print!("{}", out.stdout);
    } else {
        // A local server has the interpreters of its host, and no others.
        print!("exit code {}: {}", out.exit_code, out.stderr);
    }

    println!("\n# Stream a command's output as it comes");
    let command = "for i in 1 2 3; do echo step $i; sleep 0.2; done; echo done >&2";
    let mut events = sbx.exec_stream(command).await?.text();
    while let Some(event) = events.next().await {
        match event? {
            ExecEvent::Stdout(text) => print!("stdout: {text}"),
            ExecEvent::Stderr(text) => print!("stderr: {text}"),
            ExecEvent::Exited { exit_code, duration } => {
                println!("exit code {exit_code} after {duration:?}");
            }
            _ => {}
        }
    }

    println!("\n# List files");
    for entry in files.list("/workspace").await? {
        println!("{:o} {:>5} {}", entry.mode, entry.size, entry.name);
    }
    files.delete("/workspace/blob.bin").await?;

    println!("\n# Pause, and resume by the id alone");
    let id = sbx.pause().await?;
    println!("paused {id}");
    let sbx = Sandbox::resume(id).await?;
    println!("{}: main.py is still there: {}", sbx.status(), {
        let names = sbx.files().list("/workspace").await?;
        names.iter().any(|entry| entry.name == "main.py")
    });

    println!("\n# A command that runs too long");
    match sbx.exec("sleep 60").timeout(Duration::from_secs(1)).await {
        Err(error) if error.is_exec_timeout() => println!("{error}"),
        other => return Err(format!("expected a timeout, got {other:?}").into()),
    }
    println!("the sandbox is still {}", {
        sbx.refresh().await?;
        sbx.status()
    });
    Ok(())
}
