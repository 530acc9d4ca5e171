//! What a sandbox may use up, over the API: each limit ends in a clear answer, and nobody else
//! notices.

mod support;

use std::time::Duration;

use futures::StreamExt as _;
use orkestr::{ErrorKind, ExecEvent, Sandbox};
use orkestr_local::LocalServer;
use support::program::Program;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

async fn create(client: &orkestr::Client) -> Sandbox {
    Sandbox::create("debian-12").client(client).await.expect("a sandbox")
}

async fn is_fine(sandbox: &Sandbox) {
    assert_eq!(sandbox.exec("echo fine").await.expect("it runs").stdout, "fine\n");
}

#[tokio::test]
async fn a_memory_hog_is_told_what_it_was() {
    let server = LocalServer::start().await.expect("a server");
    let client = server.client();
    let bystander = create(&client).await;
    let small = Sandbox::create("debian-12").client(&client).memory_mb(64);
    let sbx = small.await.expect("a sandbox");
    // tail keeps everything until it sees a line's end. Once as the shell, once below it.
    for hog in ["exec tail -n 1 /dev/zero", "tail -n 1 /dev/zero; exit $?"] {
        let error = sbx.exec(hog).await.expect_err("it is killed");
        assert_eq!((error.kind(), error.signal()), (ErrorKind::ExecKilled, Some(9)), "{hog}");
        assert!(error.message().contains("memory"), "{error}");
        is_fine(&sbx).await;
        is_fine(&bystander).await;
    }
    let error = sbx.exec("kill -KILL $$").await.expect_err("it kills itself");
    assert_eq!((error.kind(), error.signal()), (ErrorKind::ExecKilled, Some(9)));
    assert!(!error.message().contains("memory"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_bomb_ends_at_its_timeout() {
    let server = LocalServer::start().await.expect("a server");
    let client = server.client();
    let (sbx, bystander) = (create(&client).await, create(&client).await);
    let script = "bomb() { bomb | bomb & }; bomb; wait; while :; do :; done";
    let mut bomb =
        sbx.exec_stream(script).timeout(Duration::from_secs(60)).await.expect("a stream");
    let (mut seen, mut is_over) = (String::new(), false);
    loop {
        match bomb.next().await.expect("an event") {
            Ok(ExecEvent::Stderr(text)) => seen.push_str(&String::from_utf8_lossy(&text)),
            Ok(ExecEvent::Exited { exit_code, .. }) => {
                // A shell may give up where it cannot fork.
                assert_ne!(exit_code, 0, "{seen}");
                break;
            }
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::ExecTimeout, "{error}");
                break;
            }
        }
        if !is_over && seen.to_lowercase().contains("fork") {
            is_over = true;
            is_fine(&bystander).await;
            server.advance(Duration::from_secs(60)).await;
        }
    }
    assert!(seen.to_lowercase().contains("fork"), "the limit was met: {seen}");
    is_fine(&bystander).await;
    is_fine(&create(&client).await).await;
    sbx.terminate().await.expect("terminated");
}

#[tokio::test]
async fn a_full_disk_is_an_error_of_its_own() {
    let server = LocalServer::builder().disk_mb(8).start().await.expect("a server");
    let client = server.client();
    let (sbx, bystander) = (create(&client).await, create(&client).await);
    let out = sbx.exec("head -c 20000000 /dev/zero > /workspace/fill").await.expect("a result");
    assert!(!out.success() && out.stderr.contains("No space left"), "{out:?}");
    let error = sbx.files().write_bytes("/tmp/more", [0; 100_000]).await.expect_err("full");
    assert_eq!((error.status(), error.code()), (Some(507), Some("no_space")));
    is_fine(&sbx).await;
    sbx.files().delete("/workspace/fill").await.expect("deleted");
    sbx.files().write_bytes("/tmp/more", [0; 100_000]).await.expect("there is room again");
    // Empty files use it up too.
    let out = sbx.exec("seq 20000 | xargs touch").await.expect("a result");
    assert!(!out.success() && out.stderr.contains("No space left"), "{}", out.exit_code);
    let error = sbx.files().write("/tmp/one/more", "x").await.expect_err("full");
    assert_eq!((error.status(), error.code()), (Some(507), Some("no_space")));
    is_fine(&sbx).await;
    bystander.files().write_bytes("/tmp/more", vec![0; 7_000_000]).await.expect("its own disk");
}

#[tokio::test]
async fn more_output_than_a_buffered_answer_holds_is_an_error() {
    let program = Program::start();
    let sbx = create(&program.client()).await;
    let out = sbx.exec("head -c 1000000 /dev/zero | tr '\\0' x").await.expect("it fits");
    assert_eq!(out.stdout.len(), 1_000_000);
    for stream in ["1", "2"] {
        let script = format!("head -c 200000000 /dev/zero | tr '\\0' x >&{stream}");
        let error = sbx.exec(script).await.expect_err("too much");
        assert_eq!((error.status(), error.code()), (Some(400), Some("output_too_large")));
    }
    // What was read is bounded, whatever was written.
    let peak = program.status("VmHWM:");
    assert!(peak < 200_000, "{peak} kB");
    is_fine(&sbx).await;
}

/// Output that nobody reads waits in the sandbox, not in the server.
#[tokio::test]
async fn output_without_end_does_not_grow_the_server() {
    let program = Program::start();
    let client = program.client();
    let sbx = create(&client).await;
    let before = program.status("VmRSS:");
    let body = r#"{"command": "exec yes", "stream": true, "timeout_seconds": 600}"#;
    let request = format!(
        "POST /v1/sandboxes/{}/exec HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        sbx.id(),
        program.key(),
        body.len()
    );
    let mut silent = tokio::net::TcpStream::connect(program.address()).await.expect("connected");
    silent.write_all(request.as_bytes()).await.expect("sent");
    let mut head = [0; 400];
    silent.read_exact(&mut head).await.expect("an answer");
    assert!(head.starts_with(b"HTTP/1.1 200"));
    // Until the command has to wait.
    let written =
        "grep wchar /proc/$(pgrep -x yes || grep -lx yes /proc/[0-9]*/comm | cut -d/ -f3)/io";
    let mut last = String::new();
    support::eventually("it stands still", async || {
        let now = sbx.exec(written).await.expect("it runs").stdout;
        now.starts_with("wchar") && std::mem::replace(&mut last, now.clone()) == now
    })
    .await;
    let grown = program.status("VmRSS:").saturating_sub(before);
    assert!(grown < 30_000, "{grown} kB");
    // And a client that reads gets far more than the server could hold.
    let mut stream = sbx.exec_stream("exec yes").await.expect("a stream");
    let mut read = 0;
    while read < 100_000_000 {
        if let ExecEvent::Stdout(bytes) = stream.next().await.expect("more").expect("no error") {
            read += bytes.len();
        }
    }
    drop(stream);
    let grown = program.status("VmRSS:").saturating_sub(before);
    assert!(grown < 30_000, "{grown} kB");
    is_fine(&sbx).await;
}
