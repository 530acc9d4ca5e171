//! The head of a request to the proxy.

/// The longest head that is read.
pub(crate) const LONGEST: usize = 32 * 1024;

const MOST_HEADERS: usize = 100;

/// What the head asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// What goes to the host first: nothing for a tunnel, the rewritten head for a plain request.
    pub(crate) forward: Option<Vec<u8>>,
    /// Where the head ends in what was read.
    pub(crate) length: usize,
}

/// `Ok(None)` until the head is complete.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Head>, &'static str> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let length = match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err("This is no HTTP request"),
    };
    let (method, target) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
    if method == "CONNECT" {
        let (host, port) = authority(target, None).ok_or("CONNECT needs HOST:PORT")?;
        return Ok(Some(Head { host, port, forward: None, length }));
    }
    let absolute = "This is a proxy: it takes CONNECT, and http:// URLs";
    let scheme = target.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("http://"));
    let rest = scheme.map(|_| &target[7..]).ok_or(absolute)?;
    let (name, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (host, port) = authority(name, Some(80)).ok_or(absolute)?;
    let slash = if path.starts_with('/') { "" } else { "/" };
    // One request a connection: what follows it is for the same host, whatever it says.
    let mut forward =
        format!("{method} {slash}{path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n")
            .into_bytes();
    for header in request.headers.iter() {
        let dropped =
            ["host", "connection", "keep-alive", "proxy-connection", "proxy-authorization"];
        if !dropped.iter().any(|name| header.name.eq_ignore_ascii_case(name)) {
            forward.extend_from_slice(header.name.as_bytes());
            forward.extend_from_slice(b": ");
            forward.extend_from_slice(header.value);
            forward.extend_from_slice(b"\r\n");
        }
    }
    forward.extend_from_slice(b"\r\n");
    Ok(Some(Head { host, port, forward: Some(forward), length }))
}

/// `host`, `host:port` or `[v6]:port`.
fn authority(text: &str, default: Option<u16>) -> Option<(String, u16)> {
    let (host, port) = match text.rfind(':') {
        Some(colon) if !text[colon..].contains(']') => {
            let port: u16 = text[colon + 1..].parse().ok()?;
            // As it is passed on: no sign, no zeros before it.
            if text[colon + 1..] != port.to_string() {
                return None;
            }
            (&text[..colon], Some(port))
        }
        _ => (text, default),
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_plain = match bare {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            !host.is_empty() && host.bytes().all(plain)
        }
    };
    is_plain.then(|| Some((host.to_owned(), port?)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tunnel() {
        let bytes = b"CONNECT api.example.com:443 HTTP/1.1\r\nHost: other\r\n\r\nrest";
        let head = parse(bytes).expect("valid").expect("complete");
        assert_eq!((head.host.as_str(), head.port, head.forward), ("api.example.com", 443, None));
        assert_eq!(&bytes[head.length..], b"rest");
        for cut in 0..head.length {
            assert_eq!(parse(&bytes[..cut]), Ok(None), "{cut}");
        }
        let head = parse(b"CONNECT [::1]:443 HTTP/1.1\r\n\r\n").expect("valid").expect("complete");
        assert_eq!((head.host.as_str(), head.port), ("[::1]", 443));
    }

    #[test]
    fn a_plain_request_is_rewritten_for_its_own_host() {
        let bytes = b"GET http://example.com/a?b HTTP/1.1\r\nHost: evil.example\r\n\
            Proxy-Authorization: x\r\nConnection: keep-alive\r\nAccept: */*\r\n\r\n";
        let head = parse(bytes).expect("valid").expect("complete");
        assert_eq!((head.host.as_str(), head.port), ("example.com", 80));
        let forward = String::from_utf8(head.forward.expect("a head")).expect("text");
        assert_eq!(
            forward,
            "GET /a?b HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\nAccept: */*\r\n\r\n"
        );
        let head = parse(b"GET HTTP://h:81?q HTTP/1.0\r\n\r\n").expect("valid").expect("complete");
        assert_eq!(head.port, 81);
        assert!(head.forward.expect("a head").starts_with(b"GET /?q HTTP/1.1\r\nHost: h:81\r\n"));
    }

    #[test]
    fn what_a_proxy_does_not_take() {
        for bytes in [
            "CONNECT example.com HTTP/1.1\r\n\r\n",
            "CONNECT example.com:99999 HTTP/1.1\r\n\r\n",
            "CONNECT user@example.com:443 HTTP/1.1\r\n\r\n",
            "CONNECT [::1:443 HTTP/1.1\r\n\r\n",
            "CONNECT [x]:443 HTTP/1.1\r\n\r\n",
            "CONNECT :443 HTTP/1.1\r\n\r\n",
            "CONNECT example.com:+443 HTTP/1.1\r\n\r\n",
            "GET http://example.com:0080/ HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET https://example.com/ HTTP/1.1\r\n\r\n",
            "GET http:// HTTP/1.1\r\n\r\n",
            "GET http://user@example.com/ HTTP/1.1\r\n\r\n",
            "\u{16}\u{3}\u{1}",
        ] {
            assert!(parse(bytes.as_bytes()).is_err(), "{bytes:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            drop(parse(&bytes));
            for start in ["CONNECT ", "GET http://"] {
                drop(parse(&[start.as_bytes(), &bytes].concat()));
            }
        }

        /// Whatever a client says, its request goes to the host that the policy was asked about.
        #[test]
        fn what_is_passed_on_names_the_host_that_was_checked(
            target in "http://[a-zA-Z0-9.:@\\[\\]/?#%-]{0,40}",
            headers in proptest::collection::vec(("[hH]ost|[a-zA-Z-]{1,12}", "[ -~]{0,20}"), 0..5),
        ) {
            let mut text = format!("GET {target} HTTP/1.1\r\n");
            for (name, value) in &headers {
                text += &format!("{name}: {value}\r\n");
            }
            text += "\r\n";
            if let Ok(Some(head)) = parse(text.as_bytes()) {
                let forward = String::from_utf8(head.forward.expect("no tunnel")).expect("text");
                let hosts: Vec<_> = forward
                    .lines()
                    .filter(|line| line.to_ascii_lowercase().starts_with("host:"))
                    .collect();
                let bare = format!("Host: {}", head.host);
                let full = format!("{bare}:{}", head.port);
                proptest::prop_assert!(hosts.len() == 1, "{:?}", hosts);
                proptest::prop_assert!(hosts[0] == bare || hosts[0] == full, "{:?}", hosts);
                proptest::prop_assert_eq!(forward.matches("\r\n\r\n").count(), 1);
            }
        }
    }
}
