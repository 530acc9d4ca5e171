//! Faults on demand: what a test asks for, and its form as JSON.

mod apply;
mod body;
mod connection;
mod events;
mod operations;
mod registry;
mod route;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use apply::apply;
pub(crate) use connection::{Connection, Listener};
pub use registry::FaultHandle;
pub(crate) use registry::Faults;
use route::Route;

/// Something that goes wrong with the next requests that match; give it to
/// [`LocalServer::fault`](crate::LocalServer::fault).
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use orkestr::{RetryPolicy, Sandbox};
/// use orkestr_local::{Fault, LocalServer};
///
/// let server = LocalServer::start().await?;
/// let full = Fault::status(503).code("fleet_full_retry").retry_after(0);
/// let full = server.fault(full.on("create_sandbox").times(2))?;
///
/// // The client tries again until there is room.
/// Sandbox::create("python-3.12").client(&server.client()).await?;
/// assert_eq!(full.hits(), 2);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// A fault with a [`status`](Self::status) answers in place of the API: the request is not carried
/// out. All others strike the answer to a request that is carried out, the nastier case: a create
/// whose answer is lost has created a sandbox. [`and`](Self::and) puts several into one. Without
/// [`on`](Self::on) a fault matches every request below `/v1`, without [`times`](Self::times) one.
///
/// # Over HTTP
///
/// A running `orkestr-local` takes the same faults by admin calls, which ask for a key with the
/// scope of their method and are never struck themselves:
///
/// | call | answer |
/// |---|---|
/// | `POST /local/faults` | 201, the fault with its `id` |
/// | `GET /local/faults` | 200 `{"faults": [...]}`, those that are still to strike, and stalls |
/// | `DELETE /local/faults/{id}`, `DELETE /local/faults` | 204; one or all end, with their stalls |
///
/// The body is an object; every member is optional and named as the function here: `on`, `times`,
/// `always` (true), `status`, `retry_after`, `code`, `detail`, `html` (true), `stall` (true),
/// `stall_after`, `cut` (true), `cut_after`, `slow_ms`, `split`, `crlf`, `comments`,
/// `unknown_kinds`, `unknown_fields` (all true).
///
/// ```text
/// curl -H "Authorization: Bearer ork_local" http://127.0.0.1:8787/local/faults \
///   -d '{"status": 503, "retry_after": 1, "on": "create_sandbox", "times": 2}'
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a fault does nothing until it is given to a server"]
pub struct Fault {
    #[serde(skip_serializing_if = "Option::is_none")]
    on: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<u64>,
    #[serde(skip_serializing_if = "is_false")]
    always: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    html: bool,
    #[serde(skip_serializing_if = "is_false")]
    stall: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stall_after: Option<u64>,
    #[serde(skip_serializing_if = "is_false")]
    cut: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cut_after: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slow_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    split: Option<usize>,
    #[serde(skip_serializing_if = "is_false")]
    crlf: bool,
    #[serde(skip_serializing_if = "is_false")]
    comments: bool,
    #[serde(skip_serializing_if = "is_false")]
    unknown_kinds: bool,
    #[serde(skip_serializing_if = "is_false")]
    unknown_fields: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_false(value: &bool) -> bool {
    !*value
}

/// Why a fault cannot be injected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultError {
    /// The route is neither an operation nor a path.
    #[error(
        "{0:?} is neither an operation of the API, such as create_sandbox, nor a path, such as \
         POST /v1/sandboxes/*/exec"
    )]
    UnknownRoute(String),
    /// No answer can have the status.
    #[error("{0} is no status of an answer; it must be from 200 to 599")]
    BadStatus(u16),
    /// A part of an answer was set without a status.
    #[error("{0} needs a status: begin with Fault::status")]
    NeedsStatus(&'static str),
    /// Pieces of no bytes.
    #[error("an answer cannot be split into pieces of 0 bytes; 1 is the least")]
    EmptyPieces,
    /// Nothing would go wrong.
    #[error("the fault does nothing: give it a status, a stall, a cut or another effect")]
    NoEffect,
}

impl Fault {
    /// Answers `status`, with the reason as `detail`, and does not carry the request out.
    pub fn status(status: u16) -> Self {
        Self { status: Some(status), ..Self::default() }
    }

    /// Answers `status` with a page of HTML, as a proxy in front does.
    pub fn html(status: u16) -> Self {
        Self { html: true, ..Self::status(status) }
    }

    /// Sends nothing until the fault is cleared or the server ends. Then the answer comes.
    pub fn stall() -> Self {
        Self { stall: true, ..Self::default() }
    }

    /// Sends the first `bytes` of the body, and the rest when the fault is cleared.
    pub fn stall_after(bytes: u64) -> Self {
        Self { stall_after: Some(bytes), ..Self::default() }
    }

    /// Closes the connection in place of an answer.
    pub fn cut() -> Self {
        Self { cut: true, ..Self::default() }
    }

    /// Closes the connection behind the first `bytes` of the body. A shorter body is cut at its
    /// end, where only the framing still misses.
    pub fn cut_after(bytes: u64) -> Self {
        Self { cut_after: Some(bytes), ..Self::default() }
    }

    /// Waits before each piece of the body, in whole milliseconds.
    pub fn slow(delay: Duration) -> Self {
        let slow_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        Self { slow_ms: Some(slow_ms), ..Self::default() }
    }

    /// Sends the body in pieces of `bytes`, each a write of its own: 1 splits every event at
    /// every byte.
    pub fn split(bytes: usize) -> Self {
        Self { split: Some(bytes), ..Self::default() }
    }

    /// Ends the lines of a stream of events with CR and LF.
    pub fn crlf() -> Self {
        Self { crlf: true, ..Self::default() }
    }

    /// Puts comments, and `event:`, `id:` and `retry:` lines, into a stream of events.
    pub fn comments() -> Self {
        Self { comments: true, ..Self::default() }
    }

    /// Puts events of kinds that nobody knows between those of a stream.
    pub fn unknown_kinds() -> Self {
        Self { unknown_kinds: true, ..Self::default() }
    }

    /// Adds members that nobody knows to every object of a JSON answer or of a stream's events.
    pub fn unknown_fields() -> Self {
        Self { unknown_fields: true, ..Self::default() }
    }

    /// Sets the `Retry-After` header and the body's `retry_after`, in seconds.
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Sets the body's `code`.
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Sets the body's `detail`.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Only requests of this route: an operation of the API (`exec_command`, the `operationId` in
    /// the contract), or a path with or without a method (`POST /v1/sandboxes/*/exec`), in which
    /// `*` or `{name}` stands for any one segment and a last `**` for any rest.
    pub fn on(mut self, route: impl Into<String>) -> Self {
        self.on = Some(route.into());
        self
    }

    /// Strikes the next `count` requests that match. Default: 1.
    pub fn times(mut self, count: u64) -> Self {
        self.times = Some(count);
        self
    }

    /// Strikes until it is cleared.
    pub fn always(mut self) -> Self {
        self.always = true;
        self
    }

    /// Both at once. Where both say something about the same, `other` wins.
    pub fn and(self, other: Self) -> Self {
        Self {
            on: other.on.or(self.on),
            times: other.times.or(self.times),
            always: other.always || self.always,
            status: other.status.or(self.status),
            retry_after: other.retry_after.or(self.retry_after),
            code: other.code.or(self.code),
            detail: other.detail.or(self.detail),
            html: other.html || self.html,
            stall: other.stall || self.stall,
            stall_after: other.stall_after.or(self.stall_after),
            cut: other.cut || self.cut,
            cut_after: other.cut_after.or(self.cut_after),
            slow_ms: other.slow_ms.or(self.slow_ms),
            split: other.split.or(self.split),
            crlf: other.crlf || self.crlf,
            comments: other.comments || self.comments,
            unknown_kinds: other.unknown_kinds || self.unknown_kinds,
            unknown_fields: other.unknown_fields || self.unknown_fields,
        }
    }

    fn check(&self) -> Result<Route, FaultError> {
        if let Some(status) = self.status.filter(|status| !(200..600).contains(status)) {
            return Err(FaultError::BadStatus(status));
        }
        if self.status.is_none() {
            let parts = [
                ("a Retry-After", self.retry_after.is_some()),
                ("a code", self.code.is_some()),
                ("a detail", self.detail.is_some()),
                ("HTML", self.html),
            ];
            if let Some((part, _)) = parts.into_iter().find(|(_, is_set)| *is_set) {
                return Err(FaultError::NeedsStatus(part));
            }
        }
        if self.split == Some(0) {
            return Err(FaultError::EmptyPieces);
        }
        let effects = Self { on: None, times: None, always: false, ..self.clone() };
        if effects == Self::default() {
            return Err(FaultError::NoEffect);
        }
        Route::parse(self.on.as_deref())
    }

    /// Whether the body of an answer is touched.
    fn alters_body(&self) -> bool {
        self.rewrites()
            || self.stall_after.is_some()
            || self.cut_after.is_some()
            || self.slow_ms.is_some()
            || self.split.is_some()
    }

    /// Whether the bytes of a body become others.
    fn rewrites(&self) -> bool {
        self.crlf || self.comments || self.unknown_kinds || self.unknown_fields
    }

    fn stalls(&self) -> bool {
        self.stall || self.stall_after.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (fault, expected) in [
            (Fault::default(), FaultError::NoEffect),
            (Fault::default().on("exec_command").times(3), FaultError::NoEffect),
            (Fault::status(99), FaultError::BadStatus(99)),
            (Fault::status(600), FaultError::BadStatus(600)),
            (Fault::stall().code("x"), FaultError::NeedsStatus("a code")),
            (Fault::split(0), FaultError::EmptyPieces),
            (Fault::cut().on("creat_sandbox"), FaultError::UnknownRoute("creat_sandbox".into())),
        ] {
            assert_eq!(fault.check().expect_err("refused"), expected, "{fault:?}");
        }
    }

    #[test]
    fn both_at_once_is_the_sum() {
        let both = Fault::crlf().on("exec_command").and(Fault::split(1).times(2));
        let sum = Fault { crlf: true, split: Some(1), ..Fault::default() };
        assert_eq!(both, sum.on("exec_command").times(2));
    }

    #[test]
    fn the_documented_json() {
        let json = r#"{"status": 503, "retry_after": 1, "on": "create_sandbox", "times": 2}"#;
        let fault: Fault = serde_json::from_str(json).expect("a fault");
        assert_eq!(fault, Fault::status(503).retry_after(1).on("create_sandbox").times(2));
        assert!(serde_json::from_str::<Fault>(r#"{"stal": true}"#).is_err());
    }
}
