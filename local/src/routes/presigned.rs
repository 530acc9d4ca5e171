//! Presigned URLs: made below `/v1`, and used without a key below `/local/files`.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::{Body, BodyDataStream};
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use orkestr::Secret;
use orkestr::api::{PresignMethod, types};

use super::files::DEFAULT_MODE;
use crate::answer::{self, Json};
use crate::app::App;
use crate::id;
use crate::jail;
use crate::problem::{Issue, Problem};
use crate::query::Query;
use crate::sandbox::Sandbox;
use crate::signature::Grant;

/// How many bytes are read or written where it may block, each time.
const CHUNK: usize = 256 * 1024;

pub(crate) async fn presign_download(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(body): Json<types::PresignRequest>,
) -> Result<Response, Problem> {
    presign(&app, &id, &headers, body, PresignMethod::GET).await
}

pub(crate) async fn presign_upload(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(body): Json<types::PresignRequest>,
) -> Result<Response, Problem> {
    presign(&app, &id, &headers, body, PresignMethod::PUT).await
}

async fn presign(
    app: &App,
    id: &str,
    headers: &HeaderMap,
    body: types::PresignRequest,
    method: PresignMethod,
) -> Result<Response, Problem> {
    let sandbox = app.find(id)?;
    let seconds = match u64::try_from(body.expires_in.map_or(600, i64::from)) {
        Ok(seconds @ 60..=3600) => seconds,
        _ => {
            let issue = Issue::body("expires_in", "Input should be from 60 to 3600");
            return Err(Problem::invalid(vec![issue]));
        }
    };
    let files = sandbox.ready().await?.files();
    if method == PresignMethod::GET {
        // What is missing is better said now than to whoever is given the URL.
        files.open_read(&body.path).await?;
    } else if !body.path.starts_with('/') {
        let issue = Issue::body("path", "The path should be absolute");
        return Err(Problem::invalid(vec![issue]));
    } else {
        files.check_write(&body.path).await?;
    }
    // The name by which the caller reaches this server, whatever forwards to it.
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, "The request has no Host header"))?;
    let deadline = app.clock.time() + Duration::from_secs(seconds);
    let expires = unix_seconds(deadline);
    let grant = Grant { method: method.as_str(), sandbox: id, expires, path: &body.path };
    let expires_text = expires.to_string();
    let signature = app.signer.sign(grant);
    let query = [("path", &body.path), ("expires", &expires_text), ("signature", &signature)];
    let query = serde_urlencoded::to_string(query).map_err(Problem::internal)?;
    let url = types::PresignedUrl {
        url: Secret::new(format!("http://{host}/local/files/{id}?{query}")),
        method: Some(method),
        path: Some(body.path),
        expires_at: Some((UNIX_EPOCH + Duration::from_secs(expires)).into()),
        ..types::PresignedUrl::default()
    };
    Ok(answer::json(StatusCode::OK, &url))
}

pub(crate) async fn download(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let (sandbox, path) = admit(&app, &id, query.as_deref(), &Method::GET)?;
    let (file, entry) = sandbox.ready().await?.files().open_read(&path).await?;
    let mut response = Response::new(Body::from_stream(chunks(file, entry.size)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, entry.size.into());
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    Ok(response)
}

pub(crate) async fn upload(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, Problem> {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let mut body = request.into_body().into_data_stream();
    // A task of its own sees the end of a connection that breaks, and takes the rest away.
    let stored = tokio::spawn(async move {
        let outcome = store(&app, &id, query.as_deref(), length, &mut body).await;
        if outcome.is_err() {
            // A client that is still sending would see a broken connection in place of the answer.
            while let Some(Ok(_)) = body.next().await {}
        }
        outcome
    });
    stored.await.map_err(Problem::internal)??;
    Ok(Response::new(Body::empty()))
}

async fn store(
    app: &App,
    sandbox_id: &str,
    query: Option<&str>,
    length: Option<u64>,
    body: &mut BodyDataStream,
) -> Result<(), Problem> {
    let (sandbox, path) = admit(app, sandbox_id, query, &Method::PUT)?;
    let Some(length) = length else {
        return Err(Problem::new(StatusCode::LENGTH_REQUIRED, "Content-Length is required")
            .with_code("length_required"));
    };
    let files = sandbox.ready().await?.files();
    let there = files.stat(&path).await?;
    if there.as_ref().is_some_and(|entry| entry.is_dir) {
        return Err(jail::FileError::IsDirectory(path).into());
    }
    // A file that is there keeps its mode, since the URL takes none, and all else until the new one is whole.
    let mode = there.map_or(DEFAULT_MODE, |entry| entry.mode);
    let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
    let part = format!("{directory}/.{}.part", id::new("put"));
    let outcome = async {
        let file = files.open_write(&part, mode).await?;
        receive(file, body, length).await?;
        Ok(files.rename(&part, &path).await?)
    };
    let outcome: Result<(), Problem> = outcome.await;
    if outcome.is_err() {
        let _ = files.remove_file(&part).await;
    }
    outcome
}

/// The sandbox and the path that a URL is good for.
fn admit(
    app: &App,
    id: &str,
    query: Option<&str>,
    method: &Method,
) -> Result<(Arc<Sandbox>, String), Problem> {
    let refused = |reason: &str| Problem::new(StatusCode::FORBIDDEN, reason);
    let query = Query::parse(query)?;
    let (Some(path), Some(expires), Some(signature)) =
        (query.get("path"), query.get("expires"), query.get("signature"))
    else {
        return Err(refused("The URL is not signed").with_code("signature_invalid"));
    };
    let expires = expires.parse::<u64>().unwrap_or(0);
    let grant = Grant { method: method.as_str(), sandbox: id, expires, path };
    if !app.signer.verify(grant, signature) {
        let reason = format!("The URL's signature does not allow {method} of this file");
        return Err(refused(&reason).with_code("signature_invalid"));
    }
    if unix_seconds(app.clock.time()) >= expires {
        return Err(refused("The URL has expired").with_code("url_expired"));
    }
    Ok((app.find(id)?, path.to_owned()))
}

fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The file's first `size` bytes; an error, which cuts the connection, if it has become shorter.
fn chunks(file: File, size: u64) -> impl Stream<Item = io::Result<Bytes>> + Send {
    futures::stream::try_unfold((file, size), |(file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let read = tokio::task::spawn_blocking(move || {
            let mut chunk = vec![0; usize::try_from(left).unwrap_or(CHUNK).min(CHUNK)];
            let count = (&file).read(&mut chunk)?;
            if count == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
            chunk.truncate(count);
            Ok((chunk, file))
        });
        let (chunk, file) = read.await.map_err(io::Error::other)??;
        let left = left - chunk.len() as u64;
        Ok(Some((Bytes::from(chunk), (file, left))))
    })
}

async fn receive(mut file: File, body: &mut BodyDataStream, length: u64) -> Result<(), Problem> {
    let mut received = 0;
    let mut waiting: Vec<Bytes> = Vec::new();
    let mut size = 0;
    loop {
        let chunk = match body.next().await {
            None => None,
            Some(Ok(chunk)) => Some(chunk),
            Some(Err(error)) => {
                let detail = format!("The body broke after {received} of {length} bytes: {error}");
                return Err(Problem::new(StatusCode::BAD_REQUEST, detail).with_code("body_cut"));
            }
        };
        let ended = chunk.is_none();
        if let Some(chunk) = chunk {
            received += chunk.len() as u64;
            size += chunk.len();
            waiting.push(chunk);
        }
        if size >= CHUNK || (ended && size > 0) {
            let ready = std::mem::take(&mut waiting);
            size = 0;
            file = write_all(file, ready).await?;
        }
        if ended {
            break;
        }
    }
    if received == length {
        Ok(())
    } else {
        let detail = format!("The body has {received} bytes where Content-Length says {length}");
        Err(Problem::new(StatusCode::BAD_REQUEST, detail).with_code("body_cut"))
    }
}

async fn write_all(file: File, chunks: Vec<Bytes>) -> Result<File, Problem> {
    let write = tokio::task::spawn_blocking(move || {
        chunks.iter().try_for_each(|chunk| (&file).write_all(chunk)).map(|()| file)
    });
    match write.await.map_err(Problem::internal)? {
        Ok(file) => Ok(file),
        Err(error) => Err(jail::FileError::from_io("the file", error).into()),
    }
}
