//! Takes the connections of one preview and passes their requests on into the sandbox.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode, Version};
use axum::response::IntoResponse as _;
use futures::future::BoxFuture;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::upgrade::{OnUpgrade, on};
use hyper::{client, server, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use orkestr::Secret;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

use super::{guard, rewrite};
use crate::jail;
use crate::problem::Problem;
use crate::sandbox::Sandbox;

/// Connections to one preview at a time. Further ones wait to be accepted.
const MOST_CONNECTIONS: usize = 256;

/// The longest head of a request, and of an answer.
const LONGEST_HEAD: usize = 64 * 1024;
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// What listens but does not accept fills its queue, and then lets connections wait.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the requests of one preview go. It does not keep the sandbox.
pub(super) struct Target {
    sandbox: Weak<Sandbox>,
    port: u16,
    token: Option<Secret>,
    /// What tells a request that comes round from a new one.
    name: String,
}

impl Target {
    pub(super) fn new(sandbox: &Arc<Sandbox>, port: u16) -> Self {
        Self {
            sandbox: Arc::downgrade(sandbox),
            port,
            token: sandbox.preview_auth_token.clone(),
            name: format!("{}-{port}", sandbox.id),
        }
    }
}

/// Two connections that have become one.
type Tunnel = BoxFuture<'static, io::Result<()>>;

/// Ends with its future, and so does every connection.
pub(super) async fn serve(listener: TcpListener, target: Target) {
    let target = Arc::new(target);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < MOST_CONNECTIONS => {
                match accepted {
                    Ok((client, _)) => drop(connections.spawn(attend(client, target.clone()))),
                    // Out of descriptors, say: the others will end some time.
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn attend(client: TcpStream, target: Arc<Target>) {
    // Latency is the two ends' affair; nothing here should add to it.
    let _ = client.set_nodelay(true);
    let tunnel = Arc::<Mutex<Option<Tunnel>>>::default();
    let service = service_fn(|request| {
        let (target, tunnel) = (target.clone(), tunnel.clone());
        async move {
            let method = request.method().clone();
            let answer = forward(&target, request, &tunnel).await;
            let answer = answer.unwrap_or_else(|problem| problem.into_response());
            // Never the path or the query: a token may be in it.
            let status = answer.status().as_u16();
            tracing::debug!(preview = target.name, %method, status, "preview request");
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(client), service)
        .with_upgrades();
    // A connection that breaks is the affair of its two ends.
    drop(connection.await);
    let tunnel = tunnel.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(tunnel) = tunnel {
        drop(tunnel.await);
    }
}

async fn forward(
    target: &Target,
    mut request: Request<Incoming>,
    tunnel: &Mutex<Option<Tunnel>>,
) -> Result<Response<Body>, Problem> {
    if request.method() == Method::CONNECT {
        let detail = "A preview is a server, not a proxy";
        return Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail));
    }
    guard::admit(&mut request, target.token.as_ref())?;
    if !rewrite::pass_once(request.headers_mut(), &target.name) {
        let detail = format!("Port {} leads back to this preview", target.port);
        return Err(Problem::new(StatusCode::LOOP_DETECTED, detail).with_code("preview_loop"));
    }
    let protocol = rewrite::wanted_upgrade(request.headers());
    let ours = protocol.is_some().then(|| on(&mut request));
    let exact = request.body().size_hint().exact().is_some();
    rewrite::for_next_hop(request.headers_mut(), exact, protocol);
    *request.version_mut() = Version::HTTP_11;
    // Without the scheme and the host that a request to a proxy has.
    if let Some(path) = request.uri().path_and_query().cloned() {
        *request.uri_mut() = path.into();
    }

    let upstream = reach(target).await?;
    let handshake = client::conn::http1::Builder::new()
        .max_buf_size(LONGEST_HEAD)
        .handshake(TokioIo::new(upstream))
        .await;
    let (mut sender, connection) = handshake.map_err(|error| broken(target, &error))?;
    let driver = Driver(tokio::spawn(connection.with_upgrades()).abort_handle());
    let answer = sender.send_request(request).await.map_err(|error| broken(target, &error))?;
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        return switch(target, answer, ours, driver, tunnel);
    }
    let (mut head, body) = answer.into_parts();
    rewrite::for_next_hop(&mut head.headers, body.size_hint().exact().is_some(), None);
    Ok(Response::from_parts(head, Body::new(Held { body, _driver: driver })))
}

/// A connection to the port; a paused sandbox that was created so resumes first.
async fn reach(target: &Target) -> Result<TcpStream, Problem> {
    let port = target.port;
    let Some(sandbox) = target.sandbox.upgrade() else {
        return Err(Problem::new(StatusCode::CONFLICT, "The sandbox has ended"));
    };
    let jail = sandbox.ready().await?;
    let why = match timeout(CONNECT_TIMEOUT, jail.connect(port)).await {
        Ok(Ok(upstream)) => {
            let _ = upstream.set_nodelay(true);
            return Ok(upstream);
        }
        Ok(Err(jail::Error::Io(error))) if error.kind() == io::ErrorKind::ConnectionRefused => {
            format!("Nothing in the sandbox listens on port {port}")
        }
        Ok(Err(jail::Error::Io(error))) => {
            format!("Port {port} of the sandbox cannot be reached: {error}")
        }
        Ok(Err(error)) => return Err(error.into()),
        Err(_) => format!("What listens on port {port} of the sandbox takes no connection"),
    };
    Err(Problem::new(StatusCode::BAD_GATEWAY, why).with_code("port_unreachable"))
}

fn broken(target: &Target, error: &hyper::Error) -> Problem {
    let port = target.port;
    let detail = format!("What listens on port {port} of the sandbox gave no HTTP answer: {error}");
    Problem::new(StatusCode::BAD_GATEWAY, detail).with_code("bad_answer")
}

/// Hands the answer on, and both connections to the tunnel that follows it.
fn switch(
    target: &Target,
    mut answer: Response<Incoming>,
    ours: Option<OnUpgrade>,
    driver: Driver,
    tunnel: &Mutex<Option<Tunnel>>,
) -> Result<Response<Body>, Problem> {
    let Some(ours) = ours else {
        let detail =
            format!("What listens on port {} of the sandbox changes the protocol", target.port);
        return Err(Problem::new(StatusCode::BAD_GATEWAY, detail).with_code("bad_answer"));
    };
    let theirs = on(&mut answer);
    let joined: Tunnel = Box::pin(async move {
        let _driver = driver;
        let (ours, theirs) = tokio::try_join!(ours, theirs).map_err(io::Error::other)?;
        let (mut ours, mut theirs) = (TokioIo::new(ours), TokioIo::new(theirs));
        tokio::io::copy_bidirectional(&mut ours, &mut theirs).await.map(drop)
    });
    *tunnel.lock().unwrap_or_else(PoisonError::into_inner) = Some(joined);
    let (mut head, _) = answer.into_parts();
    let protocol = rewrite::wanted_upgrade(&head.headers);
    rewrite::for_next_hop(&mut head.headers, false, protocol);
    Ok(Response::from_parts(head, Body::empty()))
}

/// The connection into the sandbox. Dropping it closes it.
struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An answer's body and the connection that it comes from.
struct Held {
    body: Incoming,
    _driver: Driver,
}

impl hyper::body::Body for Held {
    type Data = hyper::body::Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
