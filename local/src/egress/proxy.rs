//! Takes the connections of one sandbox and passes on those that the policy allows.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Blocked;
use super::head::{self, Head};
use super::policy::{Policy, Refusal};

/// A sandbox's connections at a time. Further ones wait to be accepted.
const MOST_CONNECTIONS: usize = 256;

const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const LINGER: Duration = Duration::from_secs(2);

/// Ends with its future, and so does every connection.
pub(crate) async fn serve(
    listener: TcpListener,
    policy: Arc<Policy>,
    blocked: Blocked,
    sandbox: String,
) {
    let sandbox = Arc::<str>::from(sandbox);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < MOST_CONNECTIONS => {
                match accepted {
                    Ok((client, _)) => {
                        let (policy, blocked) = (policy.clone(), blocked.clone());
                        let sandbox = sandbox.clone();
                        connections.spawn(async move {
                            // A connection that breaks is the affair of its two ends.
                            drop(connect(client, &policy, &blocked, &sandbox).await);
                        });
                    }
                    // Out of descriptors, say: the others will end some time.
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connect(
    mut client: TcpStream,
    policy: &Policy,
    blocked: &Blocked,
    sandbox: &str,
) -> std::io::Result<()> {
    let mut read = Vec::new();
    let head = match timeout(HEAD_TIMEOUT, read_head(&mut client, &mut read)).await {
        Ok(Ok(Some(head))) => head,
        Ok(Ok(None)) => return Ok(()),
        Ok(Err(why)) => return answer(&mut client, "400 Bad Request", why, None).await,
        Err(_) => {
            return answer(&mut client, "408 Request Timeout", "The request is late", None).await;
        }
    };
    let mut upstream = match reach(policy, &head).await {
        Ok(upstream) => upstream,
        Err(Refusal::Blocked(reason)) => {
            blocked.add(&reason);
            tracing::info!(%sandbox, %reason, "blocked");
            let code = Some("network_policy_blocked");
            return answer(&mut client, "403 Forbidden", &reason, code).await;
        }
        Err(Refusal::Unreachable(reason)) => {
            return answer(&mut client, "502 Bad Gateway", &reason, None).await;
        }
    };
    match &head.forward {
        None => client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?,
        Some(forward) => upstream.write_all(forward).await?,
    }
    upstream.write_all(&read[head.length..]).await?;
    copy_bidirectional(&mut client, &mut upstream).await.map(drop)
}

/// `None` when the client leaves without having asked for anything.
async fn read_head(
    client: &mut TcpStream,
    read: &mut Vec<u8>,
) -> Result<Option<Head>, &'static str> {
    loop {
        read.reserve(4096);
        if !matches!(client.read_buf(read).await, Ok(length) if length > 0) {
            return Ok(None);
        }
        if let Some(head) = head::parse(read)? {
            return Ok(Some(head));
        }
        if read.len() >= head::LONGEST {
            return Err("The head of the request is too long");
        }
    }
}

async fn reach(policy: &Policy, head: &Head) -> Result<TcpStream, Refusal> {
    let mut why = format!("{} has no address", head.host);
    for address in policy.resolve(&head.host, head.port).await? {
        match timeout(CONNECT_TIMEOUT, TcpStream::connect::<SocketAddr>(address)).await {
            Ok(Ok(upstream)) => {
                // Latency is the client's affair; nothing here should add to it.
                let _ = upstream.set_nodelay(true);
                return Ok(upstream);
            }
            Ok(Err(error)) => why = format!("{} cannot be reached: {error}", head.host),
            Err(_) => why = format!("{} did not answer in time", head.host),
        }
    }
    Err(Refusal::Unreachable(why))
}

async fn answer(
    client: &mut TcpStream,
    status: &str,
    detail: &str,
    code: Option<&str>,
) -> std::io::Result<()> {
    let mut body = json!({"detail": detail});
    if let Some(code) = code {
        body["code"] = json!(code);
    }
    let body = body.to_string();
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    );
    client.write_all(answer.as_bytes()).await?;
    client.shutdown().await?;
    // Closing with something unread would tear the answer away from the client.
    let rest = async { while matches!(client.read(&mut [0; 4096]).await, Ok(1..)) {} };
    drop(timeout(LINGER, rest).await);
    Ok(())
}
