//! The id of each request, and its line in the log: never a body, a query or a key.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;

use crate::id;

/// On an answer: the sandbox that it is about, where the path does not name it.
#[derive(Clone, Debug)]
pub(crate) struct About(pub(crate) String);

/// On an answer: nothing of it reaches the client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lost;

/// Gives every answer its `x-request-id`, and the log a line.
pub(crate) async fn identify(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let sandbox = route.as_deref().and_then(|route| sandbox_of(route, request.uri().path()));
    let mut line = Line {
        method: request.method().clone(),
        route,
        sandbox,
        request_id: id::new("req"),
        status: None,
        started: Instant::now(),
    };
    let mut response = next.run(request).await;
    if response.extensions().get::<Lost>().is_none() {
        line.status = Some(response.status().as_u16());
    }
    if let Some(About(sandbox)) = response.extensions().get() {
        line.sandbox = Some(sandbox.clone());
    }
    if let Ok(value) = HeaderValue::from_str(&line.request_id) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

/// Written when it is dropped: also for a client that leaves before its answer.
struct Line {
    method: Method,
    route: Option<String>,
    sandbox: Option<String>,
    request_id: String,
    status: Option<u16>,
    started: Instant,
}

impl Drop for Line {
    fn drop(&mut self) {
        tracing::info!(
            method = %self.method,
            // A path that is no route's may hold anything.
            route = self.route.as_deref().unwrap_or("-"),
            status = self.status,
            duration_ms = self.started.elapsed().as_secs_f64() * 1000.0,
            sandbox = self.sandbox.as_deref(),
            request_id = self.request_id,
            "{}",
            if self.status.is_some() { "request" } else { "request without an answer" }
        );
    }
}

/// The segment of `path` that stands at the route's first parameter, if it looks like an id.
fn sandbox_of(route: &str, path: &str) -> Option<String> {
    let place = route.split('/').position(|segment| segment.starts_with('{'))?;
    let segment = path.split('/').nth(place)?;
    let rest = segment.strip_prefix("sbx_")?;
    let plausible = rest.len() <= 40 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plausible.then(|| segment.to_owned())
}

#[cfg(test)]
mod tests {
    use super::sandbox_of;

    #[test]
    fn only_what_looks_like_an_id_is_logged() {
        let route = "/v1/sandboxes/{id}/exec";
        let of = |segment: &str| sandbox_of(route, &format!("/v1/sandboxes/{segment}/exec"));
        assert_eq!(of("sbx_01JD3Z"), Some("sbx_01JD3Z".to_owned()));
        for other in ["ork_key", "sbx_a%0Ab", "sbx_ork_key", &format!("sbx_{}", "A".repeat(41))] {
            assert_eq!(of(other), None, "{other}");
        }
        assert_eq!(sandbox_of("/v1/sandboxes", "/v1/sandboxes"), None);
    }
}
