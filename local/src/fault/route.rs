//! Which requests a fault strikes.

use axum::http::Method;

use super::FaultError;
use super::operations::OPERATIONS;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Any,
    Operation(&'static str),
    Path { method: Option<String>, pattern: String },
}

impl Route {
    pub(super) fn parse(text: Option<&str>) -> Result<Self, FaultError> {
        let Some(text) = text.map(str::trim).filter(|text| *text != "*") else {
            return Ok(Self::Any);
        };
        if let Some((name, ..)) = OPERATIONS.iter().find(|(name, ..)| *name == text) {
            return Ok(Self::Operation(name));
        }
        let (method, pattern) = match text.split_once(' ') {
            Some((method, pattern)) => (Some(method.to_ascii_uppercase()), pattern.trim()),
            None => (None, text),
        };
        let is_method = |method: &String| Method::from_bytes(method.as_bytes()).is_ok();
        if !pattern.starts_with('/') || !method.as_ref().is_none_or(is_method) {
            return Err(FaultError::UnknownRoute(text.to_owned()));
        }
        Ok(Self::Path { method, pattern: pattern.to_owned() })
    }

    pub(super) fn matches(&self, method: &str, path: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Operation(name) => operation(method, path) == Some(*name),
            Self::Path { method: wanted, pattern } => {
                wanted.as_ref().is_none_or(|wanted| wanted == method) && fits(pattern, path)
            }
        }
    }
}

/// The operation of a request: of those that fit, the one that leaves the least open.
fn operation(method: &str, path: &str) -> Option<&'static str> {
    let fitting =
        OPERATIONS.iter().filter(|(_, wanted, pattern)| *wanted == method && fits(pattern, path));
    fitting.min_by_key(|(_, _, pattern)| pattern.matches('{').count()).map(|(name, ..)| *name)
}

fn fits(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    for wanted in pattern.split('/') {
        if wanted == "**" {
            return true;
        }
        let Some(segment) = segments.next() else { return false };
        let is_open = wanted == "*" || (wanted.starts_with('{') && wanted.ends_with('}'));
        if !is_open && wanted != segment {
            return false;
        }
    }
    segments.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_and_paths() {
        for (route, request, expected) in [
            ("create_sandbox", "POST /v1/sandboxes", true),
            ("create_sandbox", "GET /v1/sandboxes", false),
            ("get_sandbox", "GET /v1/sandboxes/sbx_1", true),
            ("get_sandbox", "GET /v1/sandboxes/limits", false),
            ("get_limits", "GET /v1/sandboxes/limits", true),
            ("list_snapshots", "GET /v1/sandboxes/snapshots", true),
            ("exec_command", "POST /v1/sandboxes/sbx_1/exec", true),
            ("post /v1/sandboxes/*/exec", "POST /v1/sandboxes/sbx_1/exec", true),
            ("/v1/sandboxes/{id}/exec", "POST /v1/sandboxes/sbx_1/exec", true),
            ("/v1/sandboxes/*", "POST /v1/sandboxes/sbx_1/exec", false),
            ("GET /v1/**", "GET /v1/sandboxes/sbx_1", true),
            ("GET /v1/**", "POST /v1/sandboxes", false),
            ("*", "DELETE /v1/sandboxes/sbx_1", true),
        ] {
            let (method, path) = request.split_once(' ').expect("a method and a path");
            let route = Route::parse(Some(route)).expect("a route");
            assert_eq!(route.matches(method, path), expected, "{route:?} {request}");
        }
    }

    #[test]
    fn other_words_are_refused() {
        for text in ["exec", "", "v1/sandboxes", "GET sandboxes", "(GET) /v1/sandboxes"] {
            assert!(Route::parse(Some(text)).is_err(), "{text}");
        }
    }
}
