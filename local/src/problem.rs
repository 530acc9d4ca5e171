//! Failures as the API writes them: `{"detail": ..., "code"?: ..., "signal"?: ...}`.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::jail;

/// A failed answer.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) code: Option<&'static str>,
    pub(crate) detail: Value,
    pub(crate) signal: Option<i32>,
    /// In seconds.
    pub(crate) retry_after: Option<u64>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            code: None,
            detail: Value::String(detail.into()),
            signal: None,
            retry_after: None,
        }
    }

    pub(crate) fn with_code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    pub(crate) fn with_signal(mut self, signal: i32) -> Self {
        self.signal = Some(signal);
        self
    }

    pub(crate) fn with_retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    pub(crate) fn no_sandbox(id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("Sandbox {id} not found"))
    }

    /// The sandbox is in the wrong state for the call.
    pub(crate) fn not_ready(id: &str, status: &str, remedy: &str) -> Self {
        Self::new(StatusCode::CONFLICT, format!("Sandbox {id} is {status}{remedy}"))
    }

    pub(crate) fn internal(error: impl std::fmt::Display) -> Self {
        tracing::error!(%error, "internal error");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, format!("Internal error: {error}"))
    }

    /// The list that the framework of the hosted service answers with.
    pub(crate) fn invalid(issues: Vec<Issue>) -> Self {
        let issues = issues.into_iter().map(Issue::into_json).collect();
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            code: None,
            detail: Value::Array(issues),
            signal: None,
            retry_after: None,
        }
    }

    /// The text of `detail`, for an event of a stream.
    pub(crate) fn message(&self) -> String {
        match &self.detail {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({"detail": self.detail});
        if let Some(code) = self.code {
            body["code"] = json!(code);
        }
        if let Some(signal) = self.signal {
            body["signal"] = json!(signal);
        }
        if let Some(seconds) = self.retry_after {
            body["retry_after"] = json!(seconds);
        }
        let mut response = crate::answer::json(self.status, &body);
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// One field of a request that is not valid.
#[derive(Debug)]
pub(crate) struct Issue {
    loc: Vec<Value>,
    msg: String,
    kind: &'static str,
}

impl Issue {
    /// `path` is dotted, below the body: `metadata.run`.
    pub(crate) fn body(path: &str, msg: impl Into<String>) -> Self {
        let steps = path
            .split('.')
            .filter(|step| !step.is_empty())
            .map(|step| step.parse::<u64>().map_or_else(|_| json!(step), |index| json!(index)));
        let loc = std::iter::once(json!("body")).chain(steps).collect();
        Self { loc, msg: msg.into(), kind: "value_error" }
    }

    pub(crate) fn query(name: &str, msg: impl Into<String>) -> Self {
        Self { loc: vec![json!("query"), json!(name)], msg: msg.into(), kind: "value_error" }
    }

    pub(crate) fn with_kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }

    fn into_json(self) -> Value {
        json!({"loc": self.loc, "msg": self.msg, "type": self.kind})
    }
}

impl From<jail::FileError> for Problem {
    fn from(error: jail::FileError) -> Self {
        use jail::FileError as E;
        let detail = error.to_string();
        let (status, code) = match error {
            E::NotFound(_) => (StatusCode::NOT_FOUND, "file_not_found"),
            E::IsDirectory(_) => (StatusCode::BAD_REQUEST, "is_a_directory"),
            E::NotDirectory(_) => (StatusCode::BAD_REQUEST, "not_a_directory"),
            E::NotPermitted(_) => (StatusCode::FORBIDDEN, "not_permitted"),
            E::NotRegular(_) => (StatusCode::BAD_REQUEST, "not_a_regular_file"),
            E::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "file_too_large"),
            E::NoSpace(_) => (StatusCode::INSUFFICIENT_STORAGE, "no_space"),
            E::InvalidPath { .. } => (StatusCode::BAD_REQUEST, "invalid_path"),
            E::AlreadyExists(_) => (StatusCode::BAD_REQUEST, "already_exists"),
            E::AgentGone(_) => (StatusCode::CONFLICT, "sandbox_ended"),
            _ => return Self::internal(detail),
        };
        Self::new(status, detail).with_code(code)
    }
}

impl From<jail::Error> for Problem {
    fn from(error: jail::Error) -> Self {
        use jail::Error as E;
        let detail = error.to_string();
        match error {
            E::AgentGone => Self::new(StatusCode::CONFLICT, detail).with_code("sandbox_ended"),
            E::Frozen => Self::new(StatusCode::CONFLICT, detail),
            E::DiskFull => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, detail).with_code("no_space")
            }
            E::BadCwd { .. } => Self::new(StatusCode::BAD_REQUEST, detail).with_code("bad_cwd"),
            E::ProcessLimit => {
                Self::new(StatusCode::BAD_REQUEST, detail).with_code("process_limit")
            }
            E::NotFound(_) | E::Spawn(_) => {
                Self::new(StatusCode::BAD_REQUEST, detail).with_code("spawn_failed")
            }
            _ => Self::internal(detail),
        }
    }
}
