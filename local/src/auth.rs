//! Who may call, and the id of each request.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::id;
use crate::problem::Problem;

/// Refuses a request without the key. Unknown paths are refused before, as a framework does.
pub(crate) async fn require_key(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response {
    let header = request.headers().get(header::AUTHORIZATION);
    let token = header.and_then(|value| value.to_str().ok()).and_then(bearer);
    match token {
        Some(token) if same(token.as_bytes(), app.config.api_key.expose().as_bytes()) => {
            next.run(request).await
        }
        Some(_) => Problem::new(StatusCode::UNAUTHORIZED, "Invalid API key").into_response(),
        None => Problem::new(StatusCode::UNAUTHORIZED, "Not authenticated").into_response(),
    }
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// In a time that does not depend on where two keys differ.
fn same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len()
        && left.iter().zip(right).fold(0, |difference, (l, r)| difference | (l ^ r)) == 0
}

/// Gives every answer its `x-request-id`, and the log a line: never a body, never a key.
pub(crate) async fn identify(request: Request, next: Next) -> Response {
    let id = id::new("req");
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let started = Instant::now();
    let mut response = next.run(request).await;
    tracing::info!(
        %method,
        route = route.as_deref().unwrap_or("-"),
        status = response.status().as_u16(),
        duration_ms = started.elapsed().as_secs_f64() * 1000.0,
        request_id = %id,
        "request"
    );
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}
