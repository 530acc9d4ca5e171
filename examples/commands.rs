//! Background commands: start one, follow it, leave it and go on at the same byte.

#![allow(clippy::print_stdout, reason = "examples print what they do")]

mod support;

use std::error::Error;
use std::time::Duration;

use futures::TryStreamExt;
use orkestr::{Command, CommandCursor, CommandEvent, ErrorKind, Sandbox};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let _server = support::connect().await?;
    let sbx = Sandbox::create("debian-12").await?.terminate_on_drop();

    println!("# Start: the handle is there at once");
    let script = "for n in 1 2 3 4; do echo step $n; sleep 0.2; done; echo done >&2; exit 3";
    let command = sbx.spawn(script).env("LANG", "C").await?;
    println!("{} is {} with pid {:?}", command.id(), command.status(), command.pid());

    println!("# Wait a little: the limit is the caller's, the command runs on");
    match command.wait().timeout(Duration::from_millis(100)).await {
        Err(error) if error.kind() == ErrorKind::WaitTimeout => println!("{error}"),
        other => println!("{other:?}"),
    }

    println!("# Follow it, and leave in the middle");
    let mut stream = command.stream(0);
    if let Some(event) = stream.try_next().await? {
        print_event(event);
    }
    let stored = serde_json::to_string(&stream.cursor())?;
    println!("stored: {stored}");
    drop(stream);

    println!("# Go on from what was stored, as another process would");
    let cursor: CommandCursor = serde_json::from_str(&stored)?;
    let mut stream = Command::attach(cursor).stream()?;
    while let Some(event) = stream.try_next().await? {
        print_event(event);
    }

    println!("# All of it at once, as text");
    let logs = command.logs(0).await?;
    println!("{:?}, next offset {}", logs.text, logs.next_offset);

    println!("# One that must not outlive its handle, and one that is killed");
    let scoped = sbx.spawn("sleep 1000").kill_on_drop(true).await?;
    drop(scoped);
    let server = sbx.spawn("exec sleep 1000").await?;
    server.kill().await?;
    println!("{:?}", server.wait().await?);
    for command in sbx.commands().await? {
        println!("{} {} {:?}", command.id(), command.status(), command.exit_code());
    }

    sbx.terminate().await?;
    Ok(())
}

fn print_event(event: CommandEvent) {
    match event {
        CommandEvent::Stdout(bytes) => print!("out {}", String::from_utf8_lossy(&bytes)),
        CommandEvent::Stderr(bytes) => print!("err {}", String::from_utf8_lossy(&bytes)),
        CommandEvent::Exited { exit_code, .. } => println!("exit code {exit_code}"),
        CommandEvent::Killed { signal } => println!("killed by signal {signal:?}"),
        other => println!("{other:?}"),
    }
}
