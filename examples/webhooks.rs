//! Webhooks: receive what happens to sandboxes, and trust nothing that is not signed.
//!
//! The receiver here is on loopback, which only a local server calls: with `ORKESTR_API_KEY` set
//! it must be an https URL that the service can reach.

#![allow(clippy::print_stdout, reason = "examples print what they do")]

mod support;

use std::error::Error;

use orkestr::{Sandbox, Secret, Webhook, WebhookEvent, WebhookEventType};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Some(_server) = support::connect().await? else {
        println!("the hosted service does not call loopback: unset ORKESTR_API_KEY");
        return Ok(());
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/hooks/orkestr", listener.local_addr()?);

    println!("# Register it: the secret is told once");
    let hook = Webhook::create(url).await?;
    let secret = hook.secret().ok_or("no secret")?;
    println!("{} is active: {:?}", hook.id(), hook.active());

    println!("# Something happens");
    let sbx = Sandbox::create("debian-12").metadata("agent_run", "r_42").await?;
    sbx.pause().await?;
    Sandbox::resume(sbx.id()).await?;
    sbx.terminate().await?;

    println!("# It arrives, in order");
    loop {
        let (mut stream, _) = listener.accept().await?;
        let Some(event) = receive(&mut stream, &secret).await? else { continue };
        println!("{} {:?} {}", event.event_type(), event.sandbox_id(), event.data()["status"]);
        if *event.event_type() == WebhookEventType::SandboxTerminated {
            println!("because: {}", event.data()["reason"]);
            break;
        }
    }

    println!("# A delivery that somebody made up");
    let forged = br#"{"event":"sandbox.terminated"}"#;
    let headers = [("x-orkestr-signature", format!("sha256={}", "0".repeat(64)))];
    if let Err(error) = WebhookEvent::verify(&secret, headers, forged) {
        println!("{error}");
    }

    hook.delete().await?;
    println!("{} webhooks are left", Webhook::list().await?.len());
    Ok(())
}

/// What the handler of any HTTP framework does: the headers and the raw body in, 200 or 401 out.
async fn receive(
    stream: &mut TcpStream,
    secret: &Secret,
) -> Result<Option<WebhookEvent>, Box<dyn Error>> {
    let (headers, body) = read_request(stream).await?;
    let event = WebhookEvent::verify(secret, headers, &body);
    let status = if event.is_ok() { "200 OK" } else { "401 Unauthorized" };
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(answer.as_bytes()).await?;
    Ok(event.ok())
}

/// As much of HTTP as this example needs.
async fn read_request(
    stream: &mut TcpStream,
) -> Result<(Vec<(String, String)>, Vec<u8>), Box<dyn Error>> {
    let mut reader = BufReader::new(stream);
    let (mut headers, mut length) = (Vec::new(), 0);
    reader.read_line(&mut String::new()).await?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).await?;
        let Some((name, value)) = line.split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse()?;
        }
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).await?;
    Ok((headers, body))
}
