//! What a proxy changes in the head of a request and of an answer.

use axum::http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HeaderMap, HeaderName, HeaderValue, TE, TRANSFER_ENCODING,
    UPGRADE, VIA,
};

/// Headers that speak of one connection alone, whatever `Connection` says.
const HOP_BY_HOP: [HeaderName; 6] = [
    CONNECTION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// The protocol that the sender of a request wants to change to.
pub(super) fn wanted_upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let is_named = names(headers).any(|name| name == UPGRADE);
    headers.get(UPGRADE).filter(|_| is_named).cloned()
}

/// Makes a head fit for the next connection. `exact` tells whether the length of the body is known.
pub(super) fn for_next_hop(headers: &mut HeaderMap, exact: bool, upgrade: Option<HeaderValue>) {
    let named: Vec<HeaderName> = names(headers).collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        // Whoever names these would change what the message is.
        if name != axum::http::header::HOST && name != CONTENT_LENGTH {
            headers.remove(name);
        }
    }
    // Has been answered here.
    headers.remove(EXPECT);
    if !exact {
        headers.remove(CONTENT_LENGTH);
    }
    if let Some(protocol) = upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, protocol);
    }
}

/// Adds this proxy to those that the request has come through; false if it has been here before.
pub(super) fn pass_once(headers: &mut HeaderMap, me: &str) -> bool {
    let been_here = headers.get_all(VIA).iter().any(|value| {
        let entries = value.to_str().unwrap_or_default().split(',');
        entries.into_iter().any(|entry| entry.split_whitespace().nth(1) == Some(me))
    });
    if let Ok(via) = HeaderValue::try_from(format!("1.1 {me}")) {
        headers.append(VIA, via);
    }
    !been_here
}

fn names(headers: &HeaderMap) -> impl Iterator<Item = HeaderName> {
    let values = headers.get_all(CONNECTION).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(|name| name.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn what_speaks_of_one_connection_is_taken_out() {
        let mut head = headers(&[
            ("host", "localhost"),
            ("connection", "close, X-Hop, host, content-length"),
            ("x-hop", "1"),
            ("keep-alive", "1"),
            ("transfer-encoding", "chunked"),
            ("te", "x"),
            ("content-length", "3"),
            ("x-end", "2"),
            ("upgrade", "h2c"),
        ]);
        assert_eq!(wanted_upgrade(&head), None);
        for_next_hop(&mut head, true, None);
        assert_eq!(
            head,
            headers(&[("host", "localhost"), ("content-length", "3"), ("x-end", "2")])
        );
        for_next_hop(&mut head, false, None);
        assert_eq!(head, headers(&[("host", "localhost"), ("x-end", "2")]));
    }

    #[test]
    fn an_upgrade_stays_one() {
        let mut head = headers(&[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")]);
        let wanted = wanted_upgrade(&head);
        assert!(wanted.is_some());
        for_next_hop(&mut head, true, wanted);
        assert_eq!(head, headers(&[("connection", "upgrade"), ("upgrade", "websocket")]));
    }

    #[test]
    fn a_request_passes_once() {
        let mut head = headers(&[("via", "1.0 fred, 1.1 other")]);
        assert!(pass_once(&mut head, "sbx_1-80"));
        assert!(pass_once(&mut head, "sbx_1-8"));
        assert!(!pass_once(&mut head, "sbx_1-80"));
    }
}
