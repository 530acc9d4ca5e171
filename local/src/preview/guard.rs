//! Who may use a preview: whoever has the token, if there is one, and no stranger's web page.

use axum::http::header::{HOST, HeaderMap, HeaderValue, ORIGIN, REFERER};
use axum::http::uri::{PathAndQuery, Uri};
use axum::http::{Request, StatusCode};
use orkestr::Secret;

use crate::auth::same;
use crate::problem::Problem;

/// The query parameter and the header that carry the token.
const PARAMETER: &str = "ork_preview_token";
const HEADER: &str = "x-orkestr-preview-token";

/// Lets a request pass, and takes the token out of it: what runs in the sandbox shall not learn it.
pub(super) fn admit<B>(request: &mut Request<B>, token: Option<&Secret>) -> Result<(), Problem> {
    check_host(request.uri(), request.headers())?;
    let Some(token) = token else {
        return check_origin(request.headers());
    };
    let mut offered: Vec<Vec<u8>> = Vec::new();
    for value in request.headers().get_all(HEADER) {
        offered.push(value.as_bytes().to_vec());
    }
    request.headers_mut().remove(HEADER);
    let path = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    let (path, tokens) = without_token(path);
    offered.extend(tokens.into_iter().map(String::into_bytes));
    *request.uri_mut() = path.parse().map_err(|_| {
        Problem::new(StatusCode::BAD_REQUEST, "The request's target is no path and query")
    })?;
    clean_referer(request.headers_mut());
    let token = token.expose().as_bytes();
    // All of them, so that the time tells nothing of one.
    if offered.iter().fold(false, |found, one| found | same(one, token)) {
        return Ok(());
    }
    let detail = format!(
        "This preview needs its sandbox's preview token, in the query as {PARAMETER} or in the \
         header X-Orkestr-Preview-Token"
    );
    Err(Problem::new(StatusCode::UNAUTHORIZED, detail).with_code("preview_token_required"))
}

/// A name that somebody else's DNS lets lead here is not this machine's: a web page at that name
/// would be allowed to read every answer.
fn check_host(uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    let mut hosts = headers.get_all(HOST).into_iter();
    let host = hosts.next().and_then(|value| value.to_str().ok());
    let is_ours = host.is_some_and(is_loopback)
        && hosts.next().is_none()
        && uri.authority().is_none_or(|authority| is_loopback(authority.as_str()));
    if is_ours {
        return Ok(());
    }
    let detail = "A preview is reached at 127.0.0.1, localhost or [::1], and by no other name";
    Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, detail).with_code("foreign_host"))
}

/// Without a token anybody on this machine may come, but not the pages of other sites in a browser.
fn check_origin(headers: &HeaderMap) -> Result<(), Problem> {
    let is_ours = |origin: &HeaderValue| {
        let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
        origin.is_some_and(|(_, host)| is_loopback(host))
    };
    if headers.get_all(ORIGIN).iter().all(is_ours) {
        return Ok(());
    }
    let detail = "Only pages of this machine may use a preview without preview_auth";
    Err(Problem::new(StatusCode::FORBIDDEN, detail).with_code("foreign_origin"))
}

/// Whether a host, with or without a port, is this machine by a name that nobody else gives.
fn is_loopback(host: &str) -> bool {
    let (name, port, names): (_, _, &[&str]) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((name, port)) => (name, port, &["::1"]),
            None => return false,
        },
        None => {
            let (name, port) = host.split_at(host.find(':').unwrap_or(host.len()));
            (name, port, &["127.0.0.1", "localhost"])
        }
    };
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let is_whole = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    is_whole && names.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// A page's address goes along with what it loads.
fn clean_referer(headers: &mut HeaderMap) {
    let Some(referer) = headers.get(REFERER) else { return };
    let cleaned = referer.to_str().ok().map(|text| without_token(text).0);
    match cleaned.and_then(|text| HeaderValue::try_from(text).ok()) {
        Some(cleaned) => drop(headers.insert(REFERER, cleaned)),
        None => drop(headers.remove(REFERER)),
    }
}

/// A URL or its end, byte for byte but for the tokens in its query, and those.
fn without_token(url: &str) -> (String, Vec<String>) {
    let Some((path, query)) = url.split_once('?') else {
        return (url.to_owned(), Vec::new());
    };
    let (mut rest, mut tokens) = (Vec::new(), Vec::new());
    for pair in query.split('&') {
        let read = serde_urlencoded::from_str::<Vec<(String, String)>>(pair).unwrap_or_default();
        match read.into_iter().next() {
            Some((name, token)) if name == PARAMETER => tokens.push(token),
            _ => rest.push(pair),
        }
    }
    if tokens.is_empty() {
        (url.to_owned(), tokens)
    } else if rest.is_empty() {
        (path.to_owned(), tokens)
    } else {
        (format!("{path}?{}", rest.join("&")), tokens)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_names_that_nobody_else_gives_are_loopback() {
        for ours in ["127.0.0.1", "127.0.0.1:80", "localhost:5000", "LOCALHOST", "[::1]:1", "[::1]"]
        {
            assert!(is_loopback(ours), "{ours}");
        }
        for other in [
            "",
            ":80",
            "example.com",
            "127.0.0.1.example.com",
            "localhost.example.com",
            "::1",
            "[::1].example.com",
            "[::1",
            "[localhost]",
            "127.0.0.1:80.example.com",
            "127.0.0.2",
            "localhost@example.com",
            "user@localhost",
            "127.0.0.1:x",
            "localhost/",
            "[]",
            "[é]",
            "[",
            "[é",
        ] {
            assert!(!is_loopback(other), "{other}");
        }
    }

    #[test]
    fn the_token_is_taken_out_and_all_else_stays() {
        for (url, rest, tokens) in [
            ("/", "/", vec![]),
            ("/a?b=%20c&&d", "/a?b=%20c&&d", vec![]),
            ("/a?ork_preview_token=t", "/a", vec!["t"]),
            ("/?x=1&ork_preview_token=a%2Bb&y=?", "/?x=1&y=?", vec!["a+b"]),
            ("/?ork%5Fpreview_token=t&ork_preview_token=u", "/", vec!["t", "u"]),
            ("/?ork_preview_token&z", "/?z", vec![""]),
            ("http://localhost/p?ork_preview_token=t", "http://localhost/p", vec!["t"]),
        ] {
            assert_eq!(
                without_token(url),
                (rest.to_owned(), tokens.iter().map(|t| (*t).into()).collect())
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken(url in "\\PC*", host in "\\PC*") {
            let (rest, tokens) = without_token(&url);
            prop_assert!(!tokens.is_empty() || rest == url);
            is_loopback(&host);
        }
    }
}
