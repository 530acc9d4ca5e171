//! Answers and requests in JSON.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use futures::StreamExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::problem::{Issue, Problem};

/// The largest body: 16 MiB of content as base64, and room for what stands around it.
const LARGEST_BODY: usize = 24 * 1024 * 1024;

/// Of a larger body so much is read and dropped, so that the client is done with sending and reads
/// the answer in place of a broken connection.
const LARGEST_REFUSED: usize = 256 * 1024 * 1024;

pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let (status, body) = match serde_json::to_vec(value) {
        Ok(body) => (status, body),
        Err(error) => {
            tracing::error!(%error, "an answer cannot be written");
            (StatusCode::INTERNAL_SERVER_ERROR, br#"{"detail":"Internal error"}"#.to_vec())
        }
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// As [`json`], with null for each of these members that is absent: where a reader is told to look, it finds something.
pub(crate) fn json_with_nulls(value: &impl Serialize, pointers: &[&str]) -> Response {
    let mut value = serde_json::to_value(value).unwrap_or_default();
    for pointer in pointers {
        let (parent, name) = pointer.rsplit_once('/').unwrap_or(("", pointer));
        if let Some(Value::Object(members)) = value.pointer_mut(parent) {
            members.entry(name).or_insert(Value::Null);
        }
    }
    json(StatusCode::OK, &value)
}

pub(crate) fn empty() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// A request's JSON body as one of the contract's types; what does not fit is a 422 that names
/// the field.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let mut chunks = request.into_body().into_data_stream();
        let (mut body, mut length) = (Vec::new(), 0);
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| {
                Problem::new(StatusCode::BAD_REQUEST, "The request's body cannot be read")
            })?;
            length += chunk.len();
            if length <= LARGEST_BODY {
                body.extend_from_slice(&chunk);
            } else if length > LARGEST_REFUSED {
                break;
            }
        }
        if length > LARGEST_BODY { Err(too_large()) } else { read(&body).map(Self) }
    }
}

/// More content than one call carries.
pub(crate) fn too_large() -> Problem {
    let detail = "One call carries at most 16 MiB of content; use a presigned URL for more";
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail).with_code("content_too_large")
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let invalid = |issue: Issue| Problem::invalid(vec![issue]);
    if body.is_empty() {
        return Err(invalid(Issue::body("", "Field required").with_kind("missing")));
    }
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        let at = format!("JSON decode error at line {}, column {}", error.line(), error.column());
        invalid(Issue::body("", at).with_kind("json_invalid"))
    })?;
    if !value.is_object() {
        let issue = Issue::body("", "Input should be an object");
        return Err(invalid(issue.with_kind("model_attributes_type")));
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let path =
            if path == "." { String::new() } else { path.replace('[', ".").replace(']', "") };
        let reason = error.into_inner().to_string();
        let missing =
            reason.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
        invalid(match missing {
            Some(field) => {
                let place = format!("{path}.{field}");
                Issue::body(&place, "Field required").with_kind("missing")
            }
            None => Issue::body(&path, reason).with_kind("type_error"),
        })
    })
}

#[cfg(test)]
mod tests {
    use orkestr::api::types::{CreateSandboxRequest, ExecRequest};
    use serde_json::json;

    use super::*;

    fn refused<T: DeserializeOwned>(body: &str) -> Value {
        match read::<T>(body.as_bytes()) {
            Ok(_) => panic!("{body} was accepted"),
            Err(problem) => problem.detail[0]["loc"].clone(),
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        assert_eq!(refused::<ExecRequest>("{}"), json!(["body", "command"]));
        assert_eq!(refused::<ExecRequest>(""), json!(["body"]));
        assert_eq!(refused::<ExecRequest>("[]"), json!(["body"]));
        assert_eq!(refused::<ExecRequest>("{"), json!(["body"]));
        assert_eq!(refused::<ExecRequest>(r#"{"command": 1}"#), json!(["body", "command"]));
        let metadata = r#"{"metadata": {"run": 1}}"#;
        assert_eq!(refused::<CreateSandboxRequest>(metadata), json!(["body", "metadata", "run"]));
        let domains = r#"{"allow_domains": ["a", 1]}"#;
        assert_eq!(refused::<CreateSandboxRequest>(domains), json!(["body", "allow_domains", 1]));
    }

    #[test]
    fn unknown_members_are_passed_over() {
        assert!(read::<ExecRequest>(br#"{"command": "true", "x": 1}"#).is_ok());
    }
}
