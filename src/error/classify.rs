//! What a failed answer means. A `code` decides before the status, and nothing is too broken to
//! be classified: a proxy's HTML or an empty body keeps its status.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{Error, ErrorKind, Inner};

/// Whose absence or state an answer speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The sandbox itself, or exec in it.
    Sandbox,
    /// What a sandbox has or is made of: 404 is no proof that the sandbox is gone, and 409 speaks
    /// of it.
    Within,
    /// Anything else that has an id or a path of its own.
    Resource,
    /// A path in a sandbox: 404 is no proof that the sandbox is gone.
    Files,
}

/// The parts of a failed answer.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) request_id: Option<String>,
    pub(crate) retry_after: Option<&'a str>,
    pub(crate) body: &'a [u8],
}

/// Bodies are quoted only where a person would read them.
const LONGEST_TEXT: usize = 300;

pub(crate) fn from_answer(answer: &Answer<'_>, scope: Scope) -> Error {
    let parsed: Option<Value> = serde_json::from_slice(answer.body).ok();
    let body = Body::read(parsed.as_ref(), answer.body);
    let kind = body
        .code
        .as_deref()
        .and_then(known_code)
        .unwrap_or_else(|| by_status(answer.status, scope));
    let header = answer.retry_after.and_then(retry_after);
    let message =
        body.message.or_else(|| body.detail.clone()).unwrap_or_else(|| reason(answer.status));
    Error(Box::new(Inner {
        kind,
        message,
        status: Some(answer.status),
        code: body.code,
        detail: body.detail,
        request_id: answer.request_id.clone(),
        retry_after: header.or(body.retry_after),
        signal: body.signal,
        sandbox_id: None,
        source: None,
    }))
}

/// What else than the documented event a stream ended with: its members, as far as they are there.
pub(crate) fn from_value(value: &Value) -> Error {
    let body = Body::read(Some(value), b"");
    from_event(body.code, body.message.or(body.detail), body.signal)
}

/// A stream's `error` event.
pub(crate) fn from_event(
    code: Option<String>,
    message: Option<String>,
    signal: Option<i32>,
) -> Error {
    let kind = code.as_deref().and_then(known_code).unwrap_or(ErrorKind::Api);
    let message = message
        .or_else(|| code.clone())
        .unwrap_or_else(|| "the server ended the stream with an error".to_owned());
    let mut error = Error::new(kind, message);
    error.0.code = code;
    error.0.signal = signal;
    error
}

/// What a code means, whatever the status beside it.
pub(crate) fn known_code(code: &str) -> Option<ErrorKind> {
    Some(match code {
        "snapshot_cap_reached" => ErrorKind::SnapshotCapReached,
        "network_policy_blocked" => ErrorKind::NetworkPolicy,
        "exec_timeout" | "timed_out" => ErrorKind::ExecTimeout,
        "exec_killed" | "killed_by_signal" => ErrorKind::ExecKilled,
        "fleet_full_retry" => ErrorKind::FleetFull,
        "interpreter_unavailable" => ErrorKind::InterpreterUnavailable,
        "plan_limit"
        | "usage_exhausted"
        | "session_cap_reached"
        | "trial_exhausted"
        | "lifetime_cap_reached" => ErrorKind::PlanLimit,
        "volume_in_use" | "volume_name_taken" | "snapshot_not_ready" => ErrorKind::Conflict,
        "sandbox_ended" => ErrorKind::SandboxNotReady,
        "sandbox_not_found" => ErrorKind::SandboxNotFound,
        "command_not_found" | "context_not_found" | "file_not_found" | "snapshot_not_found"
        | "volume_not_found" => ErrorKind::NotFound,
        // A refused path is no matter of the key.
        "not_permitted" | "read_only" | "invalid_path" => ErrorKind::Api,
        "is_a_directory" => ErrorKind::IsADirectory,
        "not_a_directory" => ErrorKind::NotADirectory,
        _ => return None,
    })
}

fn by_status(status: u16, scope: Scope) -> ErrorKind {
    match (status, scope) {
        (401 | 403, _) => ErrorKind::Auth,
        (404, Scope::Sandbox) => ErrorKind::SandboxNotFound,
        (404, Scope::Files | Scope::Within | Scope::Resource) => ErrorKind::NotFound,
        (409, Scope::Resource) => ErrorKind::Conflict,
        (409, _) => ErrorKind::SandboxNotReady,
        (429, _) => ErrorKind::RateLimit,
        _ => ErrorKind::Api,
    }
}

#[derive(Default)]
struct Body {
    code: Option<String>,
    message: Option<String>,
    detail: Option<String>,
    retry_after: Option<Duration>,
    signal: Option<i32>,
}

impl Body {
    fn read(parsed: Option<&Value>, raw: &[u8]) -> Self {
        let Some(object) = parsed.and_then(Value::as_object) else {
            return Self { detail: plain_text(raw), ..Self::default() };
        };
        let mut body = Self::members(object);
        // A gateway's envelope.
        let object = object.get("error").and_then(Value::as_object).unwrap_or(object);
        if body.code.is_none() && body.message.is_none() && body.detail.is_none() {
            body = Self::members(object);
        }
        match object.get("detail") {
            // The framework's way to carry an object: {"detail": {"code": ..., "message": ...}}.
            Some(Value::Object(inner)) => {
                let inner = Self::members(inner);
                body.code = body.code.or(inner.code);
                body.detail = inner.message.clone().or(inner.detail);
                body.message = body.message.or(inner.message);
                body.retry_after = body.retry_after.or(inner.retry_after);
                body.signal = body.signal.or(inner.signal);
            }
            Some(Value::Array(issues)) => {
                body.detail = validation(issues);
                // What names the fields says more than "validation error".
                body.message = body.detail.clone().or(body.message);
            }
            _ => {}
        }
        body
    }

    fn members(object: &Map<String, Value>) -> Self {
        let text = |key: &str| {
            let text = object.get(key)?.as_str()?.trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        Self {
            code: text("code"),
            message: text("message"),
            detail: text("detail"),
            retry_after: object.get("retry_after").and_then(|wait| match wait {
                Value::String(text) => text.trim().parse().ok().and_then(seconds),
                number => number.as_f64().and_then(seconds),
            }),
            signal: object
                .get("signal")
                .and_then(Value::as_i64)
                .and_then(|signal| signal.try_into().ok()),
        }
    }
}

/// `[{"loc": ["body", "metadata"], "msg": "too many keys"}]` as `metadata: too many keys`. Only
/// these two members are read: the list may quote what was sent.
fn validation(issues: &[Value]) -> Option<String> {
    let lines: Vec<String> = issues
        .iter()
        .filter_map(|issue| {
            let reason = issue.get("msg").and_then(Value::as_str);
            let place = issue.get("loc").and_then(Value::as_array).map(|loc| place(loc));
            match (place, reason) {
                (Some(place), Some(reason)) if !place.is_empty() => {
                    Some(format!("{place}: {reason}"))
                }
                (Some(place), None) if !place.is_empty() => Some(format!("{place}: not valid")),
                (_, Some(reason)) => Some(reason.to_owned()),
                _ => issue.as_str().map(str::to_owned),
            }
        })
        .collect();
    (!lines.is_empty()).then(|| lines.join("; "))
}

fn place(loc: &[Value]) -> String {
    let steps = match loc {
        [Value::String(part), rest @ ..]
            if !rest.is_empty()
                && matches!(part.as_str(), "body" | "query" | "path" | "header") =>
        {
            rest
        }
        all => all,
    };
    let steps = steps.iter().map(|step| match step {
        Value::String(name) => name.clone(),
        other => other.to_string(),
    });
    steps.collect::<Vec<_>>().join(".")
}

fn plain_text(raw: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(raw).ok()?.trim();
    let readable = !text.is_empty() && text.len() <= LONGEST_TEXT && !text.contains('<');
    readable.then(|| text.to_owned())
}

/// The header's delta seconds, or the date that HTTP also allows.
fn retry_after(header: &str) -> Option<Duration> {
    let header = header.trim();
    if let Ok(delta) = header.parse::<f64>() {
        return seconds(delta);
    }
    let date = chrono::DateTime::parse_from_rfc2822(header).ok()?;
    let wait = date.to_utc().signed_duration_since(crate::rt::wall_clock()?);
    Some(wait.to_std().unwrap_or_default())
}

fn seconds(number: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(number).ok()
}

fn reason(status: u16) -> String {
    let name = reqwest::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("no known status");
    format!("the server answered {status} ({name}) without saying why")
}

#[cfg(test)]
#[path = "classify_tests.rs"]
mod tests;
