//! Volumes: files that outlive the sandboxes that work on them.

#![allow(clippy::print_stdout, reason = "examples print what they do")]

mod support;

use std::error::Error;

use orkestr::{ErrorKind, Sandbox, Volume};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let _server = support::connect().await?;

    println!("# Create one of half a GB that is deleted after a day");
    let name = "example-notes";
    let volume = match Volume::create(name, 0.5).max_lifetime_hours(24).await {
        Err(error) if error.kind() == ErrorKind::Conflict => Volume::find(name).await?,
        other => other?,
    };
    println!("{} {} {:?} MB", volume.id(), volume.name(), volume.size_mb());

    println!("# A sandbox has it at /persist");
    let first = Sandbox::create("debian-12").volume(name).await?.terminate_on_drop();
    first.exec("date > /persist/first-run; echo remembered > /persist/note").await?;
    volume.refresh().await?;
    println!("used by {:?}", volume.attached_sandbox_id());

    println!("# One sandbox at a time");
    match Sandbox::create("debian-12").volume(name).await {
        Err(error) if error.kind() == ErrorKind::Conflict => println!("{error}"),
        other => println!("{other:?}"),
    }
    first.terminate().await?;

    println!("# The next one finds what the first has left");
    let second = Sandbox::create("debian-12").volume(volume.id()).await?.terminate_on_drop();
    print!("{}", second.files().read("/persist/note").await?);
    second.terminate().await?;

    println!("# Its lifetime can be set, and cleared");
    volume.update().max_lifetime_hours(12).await?;
    println!("until {:?}", volume.expires_at());
    volume.update().clear_max_lifetime_hours().await?;
    println!("until {:?}", volume.expires_at());

    println!("# It can move, and it can go");
    volume.move_to("hel1").await?;
    println!("in {:?}", volume.region());
    volume.delete().await?;
    for volume in Volume::list().await? {
        println!("left: {} {}", volume.id(), volume.name());
    }
    Ok(())
}
