//! Files: text, bytes, modes, listings, and what is refused.

#![allow(clippy::print_stdout, reason = "examples print what they do")]

mod support;

use std::error::Error;

use orkestr::Sandbox;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let _server = support::connect().await?;
    let sbx = Sandbox::create("debian-12").await?.terminate_on_drop();
    let files = sbx.files();

    files.write("/workspace/notes/today.txt", "remember the milk\n").await?;
    println!("{:?}", files.read("/workspace/notes/today.txt").await?);

    files.write_bytes("/workspace/blob.bin", [0xff, 0x00, 0x7f]).await?;
    println!("{:?}", files.read_bytes("/workspace/blob.bin").await?);

    files.write_with_mode("/workspace/run.sh", "#!/bin/sh\necho I run\n", 0o755).await?;
    print!("{}", sbx.exec("/workspace/run.sh").await?.stdout);

    for entry in files.list("/workspace").await? {
        let kind = if entry.is_dir { "dir " } else { "file" };
        let time = entry.modified_at.map(|time| time.to_string()).unwrap_or_default();
        println!("{kind} {:o} {:>6} {time} {}", entry.mode, entry.size, entry.name);
    }

    for (what, error) in [
        ("a directory read", files.read("/workspace").await.err()),
        ("a file listed", files.list("/workspace/blob.bin").await.err()),
        ("no UTF-8", files.read("/workspace/blob.bin").await.err()),
        ("nothing there", files.read("/workspace/nothing").await.err()),
        ("a relative path", files.read("blob.bin").await.err()),
        ("outside", files.write("/usr/x", "").await.err()),
    ] {
        println!("{what}: {}", error.ok_or("expected an error")?);
    }

    files.delete("/workspace/blob.bin").await?;
    sbx.terminate().await?;
    Ok(())
}
