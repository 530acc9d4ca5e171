//! The one error type.

mod classify;

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

pub(crate) use classify::{Answer, Scope, from_answer, from_event, from_value, known_code};

/// Anything that can go wrong between a call and its result.
///
/// Dispatch on [`kind`](Self::kind) or on a predicate such as
/// [`is_exec_timeout`](Self::is_exec_timeout); the rest says what the server said. Neither
/// `Debug` nor `Display`, nor any [`source`](StdError::source), shows a key, a token or a
/// variable's value.
///
/// ```
/// use orkestr::{Error, ErrorKind};
///
/// fn advice(error: &Error) -> &'static str {
///     match error.kind() {
///         ErrorKind::ExecTimeout => "the command timed out; the sandbox is still running",
///         ErrorKind::Auth => "check the API key and its scopes",
///         _ if error.is_transient() => "try again",
///         _ => "give up",
///     }
/// }
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    status: Option<u16>,
    code: Option<String>,
    detail: Option<String>,
    request_id: Option<String>,
    retry_after: Option<Duration>,
    signal: Option<i32>,
    sandbox_id: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What went wrong, as far as a program can act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The API key is missing, invalid or expired, or its scope does not suffice (401, 403).
    /// Nothing was done; give a key with the scope that the message names.
    Auth,
    /// The plan's request rate is used up (429). [`Error::retry_after`] says how long to wait.
    RateLimit,
    /// A limit of the plan is reached. Waiting does not help; end something or change the plan.
    PlanLimit,
    /// The plan's number of snapshots is reached, so nothing was paused or captured (409). Also
    /// a plan limit: [`Error::is_plan_limit`] is true. Delete a snapshot first.
    SnapshotCapReached,
    /// There is no such sandbox, or it belongs to somebody else (404).
    SandboxNotFound,
    /// Something other than a sandbox is missing: a file, a command, a volume (404).
    NotFound,
    /// The sandbox is in the wrong state for the call, such as exec on a paused one (409).
    SandboxNotReady,
    /// The resource is in a state that forbids the call, such as a volume in use or a snapshot that
    /// is not ready (409).
    Conflict,
    /// The command ran longer than its timeout and was ended. The sandbox runs on.
    ExecTimeout,
    /// The caller stopped waiting: for a background command, which runs on, or for a snapshot.
    WaitTimeout,
    /// The command was ended by a signal: [`Error::signal`].
    ExecKilled,
    /// Code in the sandbox tried to reach a host that the network policy blocks.
    NetworkPolicy,
    /// No machine was free (503). Nothing was created; trying again later is safe.
    FleetFull,
    /// The sandbox has no code interpreter (409). Create it from `code-interpreter`.
    InterpreterUnavailable,
    /// A directory stands where a file was asked for.
    IsADirectory,
    /// A file stands where a directory was asked for.
    NotADirectory,
    /// The server was not reached, or the connection broke before the answer or the stream was
    /// whole: DNS, TCP, TLS, a timeout, a stream without its last event.
    Connection,
    /// The caller's input cannot be sent. Nothing was sent.
    InvalidInput,
    /// The answer came whole but is not what the API describes, or not UTF-8 where text was
    /// asked for.
    Decode,
    /// Reading or writing on the caller's side failed: a local file, a reader, a writer, a
    /// stream. Also a source that has fewer or more bytes than was said. Nothing that is whole
    /// was written.
    Io,
    /// A webhook's delivery is not signed under the secret, or not at all. Use nothing of it.
    InvalidSignature,
    /// A sandbox that was to be terminated, or a command of it that was to be killed, may still
    /// run: [`Error::sandbox_id`]. The source says why.
    Cleanup,
    /// Any other answer that means failure: look at [`Error::status`] and [`Error::code`].
    Api,
}

impl ErrorKind {
    fn summary(self) -> &'static str {
        match self {
            Self::Auth => "authentication failed",
            Self::RateLimit => "rate limit reached",
            Self::PlanLimit => "plan limit reached",
            Self::SnapshotCapReached => "snapshot cap reached",
            Self::SandboxNotFound => "sandbox not found",
            Self::NotFound => "not found",
            Self::SandboxNotReady => "sandbox not ready",
            Self::Conflict => "conflict",
            Self::ExecTimeout => "command timed out",
            Self::WaitTimeout => "waiting timed out",
            Self::ExecKilled => "command killed",
            Self::NetworkPolicy => "blocked by the network policy",
            Self::FleetFull => "no capacity",
            Self::InterpreterUnavailable => "no code interpreter",
            Self::IsADirectory => "is a directory",
            Self::NotADirectory => "not a directory",
            Self::Connection => "connection failed",
            Self::InvalidInput => "invalid input",
            Self::Decode => "unreadable answer",
            Self::Io => "local reading or writing failed",
            Self::InvalidSignature => "invalid signature",
            Self::Cleanup => "cleanup failed",
            Self::Api => "request failed",
        }
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            status: None,
            code: None,
            detail: None,
            request_id: None,
            retry_after: None,
            signal: None,
            sandbox_id: None,
            source: None,
        }))
    }

    pub(crate) fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, message)
    }

    pub(crate) fn with_source(
        mut self,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn with_request_id(mut self, request_id: Option<String>) -> Self {
        self.0.request_id = self.0.request_id.or(request_id);
        self
    }

    pub(crate) fn with_status(mut self, status: Option<u16>) -> Self {
        self.0.status = self.0.status.or(status);
        self
    }

    pub(crate) fn with_hint(mut self, hint: &str) -> Self {
        self.0.message.push_str(hint);
        self
    }

    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    pub(crate) fn with_message(mut self, message: String) -> Self {
        self.0.message = message;
        self
    }

    /// The same failure for another of the things that it befell; the source is told once.
    pub(crate) fn again(&self) -> Self {
        let inner = &*self.0;
        Self(Box::new(Inner {
            kind: inner.kind,
            message: inner.message.clone(),
            status: inner.status,
            code: inner.code.clone(),
            detail: inner.detail.clone(),
            request_id: inner.request_id.clone(),
            retry_after: inner.retry_after,
            signal: inner.signal,
            sandbox_id: inner.sandbox_id.clone(),
            source: None,
        }))
    }

    pub(crate) fn with_sandbox_id(mut self, sandbox_id: &str) -> Self {
        self.0.sandbox_id = Some(sandbox_id.to_owned());
        self
    }

    /// The sandbox is known, and ending it failed.
    pub(crate) fn cleanup(sandbox_id: &str, source: Error) -> Self {
        let message = format!("sandbox {sandbox_id} could not be terminated and may still run");
        Self::new(ErrorKind::Cleanup, message)
            .with_sandbox_id(sandbox_id)
            .with_request_id(source.0.request_id.clone())
            .with_source(source)
    }

    /// A server that repeats the request's key in its answer must not bring it into a log.
    pub(crate) fn without(mut self, secret: &str) -> Self {
        // A shorter one is no key that a server would know, and would tear holes into any text.
        if secret.len() >= 6 {
            let Inner { message, detail, code, request_id, .. } = &mut *self.0;
            let others = [detail, code, request_id].into_iter().filter_map(Option::as_mut);
            for text in std::iter::once(message).chain(others) {
                if text.contains(secret) {
                    *text = text.replace(secret, "***");
                }
            }
        }
        self
    }

    /// What went wrong, for a `match`.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What went wrong, for a person: the server's words where it gave some.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The HTTP status of the answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The server's machine-readable reason, such as `exec_timeout`.
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// The server's `detail`: its text, or each failed field of a 422 with what is wrong.
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// The id that the server gave the request, for its support. `x-request-id`.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// How long the server asks to wait before the next try.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The number of the signal that ended the command, with [`ErrorKind::ExecKilled`].
    pub fn signal(&self) -> Option<i32> {
        self.0.signal
    }

    /// The sandbox that may still run, with [`ErrorKind::Cleanup`]; or the one that a create with
    /// an unreadable answer has made, with [`ErrorKind::Decode`].
    pub fn sandbox_id(&self) -> Option<&str> {
        self.0.sandbox_id.as_deref()
    }

    /// [`ErrorKind::Auth`]. Check the key and its scopes.
    pub fn is_auth(&self) -> bool {
        self.kind() == ErrorKind::Auth
    }

    /// [`ErrorKind::RateLimit`]. Wait for [`retry_after`](Self::retry_after).
    pub fn is_rate_limit(&self) -> bool {
        self.kind() == ErrorKind::RateLimit
    }

    /// [`ErrorKind::PlanLimit`] or [`ErrorKind::SnapshotCapReached`].
    pub fn is_plan_limit(&self) -> bool {
        matches!(self.kind(), ErrorKind::PlanLimit | ErrorKind::SnapshotCapReached)
    }

    /// [`ErrorKind::SnapshotCapReached`]. Delete a snapshot, then pause again.
    pub fn is_snapshot_cap_reached(&self) -> bool {
        self.kind() == ErrorKind::SnapshotCapReached
    }

    /// [`ErrorKind::SandboxNotFound`]. Create a new one.
    pub fn is_sandbox_not_found(&self) -> bool {
        self.kind() == ErrorKind::SandboxNotFound
    }

    /// [`ErrorKind::NotFound`] or [`ErrorKind::SandboxNotFound`].
    pub fn is_not_found(&self) -> bool {
        matches!(self.kind(), ErrorKind::NotFound | ErrorKind::SandboxNotFound)
    }

    /// [`ErrorKind::SandboxNotReady`]. Look at the status; resume it if it is paused.
    pub fn is_sandbox_not_ready(&self) -> bool {
        self.kind() == ErrorKind::SandboxNotReady
    }

    /// [`ErrorKind::ExecTimeout`]. The sandbox is still running.
    pub fn is_exec_timeout(&self) -> bool {
        self.kind() == ErrorKind::ExecTimeout
    }

    /// [`ErrorKind::ExecKilled`]. The sandbox is still running.
    pub fn is_exec_killed(&self) -> bool {
        self.kind() == ErrorKind::ExecKilled
    }

    /// [`ErrorKind::NetworkPolicy`]. Allow the domain, or open the network, at create.
    pub fn is_network_policy(&self) -> bool {
        self.kind() == ErrorKind::NetworkPolicy
    }

    /// [`ErrorKind::FleetFull`]. Try again later; nothing was created.
    pub fn is_fleet_full(&self) -> bool {
        self.kind() == ErrorKind::FleetFull
    }

    /// [`ErrorKind::Connection`]. A call that changes something may or may not have been done.
    pub fn is_connection(&self) -> bool {
        self.kind() == ErrorKind::Connection
    }

    /// Whether the cause passes by itself: no capacity, a rate limit, a lost connection, 502 to
    /// 504. Whether to repeat a call that changes something is for the caller to decide.
    pub fn is_transient(&self) -> bool {
        match self.kind() {
            ErrorKind::RateLimit | ErrorKind::FleetFull | ErrorKind::Connection => true,
            ErrorKind::Api => matches!(self.status(), Some(502..=504)),
            _ => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.kind.summary(), self.0.message)?;
        let status = self.0.status.map(|status| format!("HTTP {status}"));
        let code = self.0.code.as_ref().map(|code| format!("code {code}"));
        let request_id = self.0.request_id.as_ref().map(|id| format!("request id {id}"));
        let facts: Vec<String> = [status, code, request_id].into_iter().flatten().collect();
        if facts.is_empty() { Ok(()) } else { write!(f, " ({})", facts.join(", ")) }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Error");
        shown.field("kind", &self.0.kind).field("message", &self.0.message);
        let optional: [(&str, &dyn fmt::Debug, bool); 7] = [
            ("status", &self.0.status, self.0.status.is_some()),
            ("code", &self.0.code, self.0.code.is_some()),
            ("request_id", &self.0.request_id, self.0.request_id.is_some()),
            ("retry_after", &self.0.retry_after, self.0.retry_after.is_some()),
            ("signal", &self.0.signal, self.0.signal.is_some()),
            ("sandbox_id", &self.0.sandbox_id, self.0.sandbox_id.is_some()),
            ("source", &self.0.source, self.0.source.is_some()),
        ];
        for (name, value, _) in optional.iter().filter(|(_, _, is_set)| *is_set) {
            shown.field(name, value);
        }
        shown.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
