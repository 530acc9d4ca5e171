//! Plain HTTP to presigned URLs: no key goes there, and the URL goes nowhere else.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::{FutureExt as _, Stream};
use reqwest::header::CONTENT_LENGTH;
use reqwest::{Response, Url};

use super::presign::PresignedUrl;
use crate::client::Client;
use crate::error::{Answer, Error, ErrorKind, Scope, from_answer};
use crate::rt;

/// No answer is read further than this in search of a reason.
const LONGEST_FAILURE: usize = 64 * 1024;

/// What a body tells of itself while the connection has it.
#[derive(Debug, Default)]
pub(super) struct Watch {
    sent: AtomicU64,
    waits_for_source: AtomicBool,
    failure: Mutex<Option<Error>>,
}

impl Watch {
    pub(super) fn sent(&self, count: u64) {
        self.sent.store(count, Ordering::Relaxed);
    }

    pub(super) fn waits_for_source(&self, waits: bool) {
        self.waits_for_source.store(waits, Ordering::Relaxed);
    }

    pub(super) fn fail(&self, error: Error) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    pub(super) fn failure(&self) -> Option<Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

pub(super) async fn put(
    client: &Client,
    url: &PresignedUrl,
    length: u64,
    body: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    watch: &Arc<Watch>,
) -> Result<(), Error> {
    let request = client
        .http()
        .put(parsed(url)?)
        // With it hyper sends the stream as it is; without it, chunked.
        .header(CONTENT_LENGTH, length)
        .body(reqwest::Body::wrap_stream(body));
    let mut send = std::pin::pin!(request.send());
    // The longest time without a byte, not of the whole; and the server may take time to answer.
    let limit = client.timeout().saturating_mul(5);
    let mut before = 0;
    let sent = loop {
        match rt::or_late(limit, send.as_mut().map(Ok::<_, ()>), ()).await {
            Ok(sent) => break sent,
            Err(()) => {
                let now = watch.sent.load(Ordering::Relaxed);
                if now == before && !watch.waits_for_source.load(Ordering::Relaxed) {
                    let seconds = limit.as_secs_f64();
                    let message = format!("the upload stood still for {seconds} s");
                    return Err(Error::new(ErrorKind::Connection, message));
                }
                before = now;
            }
        }
    };
    if let Some(failure) = watch.failure() {
        return Err(failure);
    }
    let sent = sent.map_err(|error| broken(error, "the answer came"))?;
    whole(sent, url, client.timeout()).await.map(drop)
}

pub(super) async fn get(client: &Client, url: &PresignedUrl) -> Result<Response, Error> {
    let request = client.http().get(parsed(url)?);
    let send = request.send().map(|sent| sent.map_err(|error| broken(error, "the answer came")));
    let limit = client.timeout();
    whole(rt::or_late(limit, send, rt::no_answer(limit)).await?, url, limit).await
}

/// The connection failed; not the URL itself, which must not be told.
pub(super) fn broken(error: reqwest::Error, before: &str) -> Error {
    let message = if error.is_connect() {
        "no connection to the host of the presigned URL".to_owned()
    } else {
        format!("the connection to the host of the presigned URL broke before {before}")
    };
    Error::new(ErrorKind::Connection, message).with_source(error.without_url())
}

fn parsed(url: &PresignedUrl) -> Result<Url, Error> {
    let parsed = Url::parse(url.url.expose()).ok();
    parsed.filter(|url| matches!(url.scheme(), "http" | "https")).ok_or_else(|| {
        Error::new(ErrorKind::Decode, "the presigned URL that the server gave is no http URL")
    })
}

/// A refusal of the presigned host. No key was sent, so it is no matter of authentication: an
/// expired or wrong URL is [`ErrorKind::Api`] with its status.
async fn whole(
    mut response: Response,
    url: &PresignedUrl,
    limit: Duration,
) -> Result<Response, Error> {
    let status = response.status();
    log::debug!("orkestr: presigned {} answered {}", url.method, status.as_u16());
    if status.is_success() {
        return Ok(response);
    }
    let text = |name: &str| response.headers().get(name)?.to_str().ok().map(str::to_owned);
    let (request_id, retry_after) = (text("x-request-id"), text("retry-after"));
    let mut body = Vec::new();
    // That a body breaks or stalls is no reason to lose the status.
    let reading = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk[..chunk.len().min(LONGEST_FAILURE - body.len())]);
            if body.len() == LONGEST_FAILURE {
                break;
            }
        }
    };
    rt::timeout(limit, reading).await;
    let answer = Answer {
        status: status.as_u16(),
        request_id,
        retry_after: retry_after.as_deref(),
        body: &body,
    };
    let error = from_answer(&answer, Scope::Files);
    let error = if error.is_auth() { error.with_kind(ErrorKind::Api) } else { error };
    // A host that repeats the URL must not bring it into a log.
    let secret = url.url.expose();
    let query = secret.split_once('?').map_or("", |(_, query)| query);
    Err(error.without(secret).without(query))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn a_refusal_whose_body_stalls_keeps_its_status() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let stalling = async {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let _ = stream.read(&mut [0; 4096]).await;
            let head = "HTTP/1.1 403 Forbidden\r\ncontent-length: 100\r\n\r\n{";
            stream.write_all(head.as_bytes()).await.expect("sent");
            std::future::pending::<()>().await;
        };
        let client = Client::builder().api_key("ork_test_key").build().expect("a client");
        let url = PresignedUrl {
            url: format!("http://{address}/file").into(),
            method: "GET".into(),
            path: "/workspace/file".into(),
            expires_at: None,
        };
        let refused = async {
            let head =
                client.http().get(parsed(&url).expect("a URL")).send().await.expect("a head");
            whole(head, &url, Duration::from_millis(10)).await.expect_err("refused")
        };
        let error = tokio::select! {
            () = stalling => unreachable!("it never ends"),
            error = refused => error,
        };
        assert_eq!((error.kind(), error.status()), (ErrorKind::Api, Some(403)), "{error}");
    }
}
