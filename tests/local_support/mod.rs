//! What the tests against the local server share.

#![allow(dead_code, reason = "each test binary uses its part")]

pub(crate) mod code;
pub(crate) mod http;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use orkestr::{Error, ErrorKind, Sandbox, SandboxStatus};
use orkestr_local::LocalServer;

pub(crate) const TEMPLATE: &str = "debian-12";

/// Far longer than anything here takes: only a test that fails waits so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A shell loop until the test writes this file.
pub(crate) const WAIT_FOR_GO: &str = "while [ ! -e /workspace/go ]; do sleep 0.02; done";

pub(crate) type TestResult = Result<(), Error>;

pub(crate) async fn server() -> LocalServer {
    LocalServer::start().await.expect("this machine runs sandboxes")
}

/// A sandbox, which ends with its server.
pub(crate) async fn sandbox() -> (LocalServer, Sandbox) {
    let server = server().await;
    let sandbox = Sandbox::create(TEMPLATE).client(&server.client()).await.expect("a sandbox");
    (server, sandbox)
}

/// Lets a command that waits by [`WAIT_FOR_GO`] go on.
pub(crate) async fn go(sandbox: &Sandbox) -> TestResult {
    sandbox.files().write("/workspace/go", "").await
}

/// The error of a call that must fail so, with what every error of the server must have.
#[track_caller]
pub(crate) fn failure<T>(result: Result<T, Error>, kind: ErrorKind) -> Error {
    let Err(error) = result else { panic!("a success in place of {kind:?}") };
    assert_eq!(error.kind(), kind, "{error}");
    let is_from_the_server = error.status().is_some() || error.code().is_some();
    assert_eq!(error.request_id().is_some(), is_from_the_server, "{error}");
    error
}

/// As [`failure`], of a call that must not reach the server.
#[track_caller]
pub(crate) fn refused<T>(result: Result<T, Error>) -> Error {
    let error = failure(result, ErrorKind::InvalidInput);
    assert_eq!(error.status(), None, "{error}");
    error
}

/// Asks again until it holds.
#[track_caller]
pub(crate) fn eventually<A: Future<Output = bool>>(
    what: &str,
    condition: impl FnMut() -> A,
) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    within(PATIENCE, format!("{what} (waited for at {caller})"), condition)
}

async fn within<A: Future<Output = bool>>(
    limit: Duration,
    what: String,
    mut condition: impl FnMut() -> A,
) {
    let started = Instant::now();
    while !condition().await {
        assert!(started.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until the server says so of the sandbox.
#[track_caller]
pub(crate) fn becomes(sandbox: &Sandbox, status: SandboxStatus) -> impl Future<Output = ()> {
    eventually("another status", move || {
        let status = status.clone();
        async move {
            sandbox.refresh().await.expect("a sandbox that is known");
            sandbox.status() == status
        }
    })
}

/// The outcome, unless it hangs.
#[track_caller]
pub(crate) fn in_time<T>(future: impl IntoFuture<Output = T>) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        let outcome = tokio::time::timeout(PATIENCE, future).await;
        outcome.unwrap_or_else(|_| panic!("it hangs at {caller}"))
    }
}

/// A number of seconds to sleep that no other process on this machine sleeps.
pub(crate) struct Marker(String);

impl Marker {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(100);
        Self(format!("9{}{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)))
    }

    /// `sleep` with it.
    pub(crate) fn sleep(&self) -> String {
        format!("sleep {}", self.0)
    }

    /// How many processes of this machine have it in their command line, sandboxed or not.
    pub(crate) fn processes(&self) -> usize {
        let entries = std::fs::read_dir("/proc").expect("a /proc");
        let lines =
            entries.filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok());
        lines
            .filter(|line| line.windows(self.0.len()).any(|part| part == self.0.as_bytes()))
            .count()
    }

    pub(crate) async fn has_started(&self) {
        eventually("a process has started", || async { self.processes() > 0 }).await;
    }

    pub(crate) async fn is_gone(&self) {
        eventually("its processes are gone", || async { self.processes() == 0 }).await;
    }
}
