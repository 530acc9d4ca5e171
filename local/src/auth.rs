//! Who may call, and what.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::keys::{ApiKey, Scope};
use crate::problem::Problem;

/// Refuses a request without a key, or with one that lacks the scope. Unknown paths are refused
/// before, as a framework does.
pub(crate) async fn require_key(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response {
    let header = request.headers().get(header::AUTHORIZATION);
    let token = header.and_then(|value| value.to_str().ok()).and_then(bearer);
    let refused = match token.map(|token| find(&app.config.keys, token)) {
        None => Problem::new(StatusCode::UNAUTHORIZED, "Not authenticated"),
        Some(None) => Problem::new(StatusCode::UNAUTHORIZED, "Invalid API key"),
        Some(Some(key)) => {
            let scope = needed(request.method());
            if key.scopes.contains(&scope) {
                return next.run(request).await;
            }
            let detail = format!("The API key lacks the scope {}", scope.as_str());
            Problem::new(StatusCode::FORBIDDEN, detail)
        }
    };
    refused.into_response()
}

fn needed(method: &Method) -> Scope {
    if *method == Method::GET || *method == Method::HEAD {
        Scope::SandboxesRead
    } else {
        Scope::SandboxesWrite
    }
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Looks at every key, so that the time tells nothing.
fn find<'a>(keys: &'a [ApiKey], token: &str) -> Option<&'a ApiKey> {
    keys.iter().fold(None, |found, key| {
        if same(token.as_bytes(), key.key.expose().as_bytes()) { Some(key) } else { found }
    })
}

/// In a time that does not depend on where two keys differ.
pub(crate) fn same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len()
        && left.iter().zip(right).fold(0, |difference, (l, r)| difference | (l ^ r)) == 0
}
