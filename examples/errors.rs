//! Errors: dispatch on the kind, read the rest.

#![allow(clippy::print_stdout, reason = "examples print what they do")]

mod support;

use std::error::Error;
use std::time::Duration;

use orkestr::{ErrorKind, RetryPolicy, Sandbox};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let _server = support::connect().await?;
    let sbx = Sandbox::create("debian-12").await?.terminate_on_drop();

    let failures = [
        sbx.exec("sleep 60").timeout(Duration::from_secs(1)).await.err(),
        sbx.exec("kill -9 $$").await.err(),
        sbx.exec("true").cwd("/nowhere").await.err(),
        Sandbox::get("sbx_00000000000000000000000000").await.err(),
        Sandbox::get("../volumes").await.err(),
        Sandbox::create("debian-12").timeout(Duration::from_secs(1)).await.err(),
        Sandbox::list().api_key("ork_wrong").await.err(),
    ];
    for error in failures {
        let error = error.ok_or("expected an error")?;
        let advice = match error.kind() {
            ErrorKind::ExecTimeout => "the command is gone, the sandbox still runs",
            ErrorKind::ExecKilled => "look at the signal",
            ErrorKind::SandboxNotFound => "create a new one",
            ErrorKind::Auth => "check the key and its scopes",
            ErrorKind::InvalidInput => "nothing was sent",
            _ if error.is_transient() => "try again",
            _ => "read the message",
        };
        println!("{error}\n  {advice}; signal {:?}", error.signal());
    }

    // No capacity is retried for up to a minute; where waiting is of no use, switch it off.
    Sandbox::create("debian-12")
        .fleet_full_retry(RetryPolicy::none())
        .await?
        .terminate_on_drop()
        .terminate()
        .await?;

    // An exit code is a result, not an error.
    println!("exit code {}", sbx.exec("exit 3").await?.exit_code);
    sbx.terminate().await?;
    Ok(())
}
