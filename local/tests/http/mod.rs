//! One HTTP request by hand, to see what is on the wire.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]

use orkestr_local::LocalServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub struct Answer {
    pub raw: Vec<u8>,
    pub status: u16,
    head: String,
    pub body: Vec<u8>,
    /// The lengths of the chunks, of a chunked body.
    pub pieces: Vec<usize>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

pub async fn call(server: &LocalServer, method: &str, path: &str, body: &str) -> Answer {
    call_with_key(server, server.api_key().expose(), method, path, body).await
}

pub async fn call_with_key(
    server: &LocalServer,
    key: &str,
    method: &str,
    path: &str,
    body: &str,
) -> Answer {
    let mut socket = TcpStream::connect(server.address()).await.expect("a connection");
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         authorization: Bearer {key}\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    socket.write_all(request.as_bytes()).await.expect("sent");
    let mut raw = Vec::new();
    socket.read_to_end(&mut raw).await.expect("read to the end");
    parse(raw)
}

fn parse(raw: Vec<u8>) -> Answer {
    let Some(end) = raw.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Answer { raw, status: 0, head: String::new(), body: vec![], pieces: vec![] };
    };
    let head = String::from_utf8_lossy(&raw[..end]).into_owned();
    let mut body = raw[end + 4..].to_vec();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let mut pieces = Vec::new();
    if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        let (mut rest, mut whole) = (body.as_slice(), Vec::new());
        while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
            let length = std::str::from_utf8(&rest[..end]).expect("a length");
            let length = usize::from_str_radix(length, 16).expect("a length");
            if length == 0 {
                break;
            }
            whole.extend_from_slice(&rest[end + 2..end + 2 + length]);
            pieces.push(length);
            rest = &rest[end + 4 + length..];
        }
        body = whole;
    }
    Answer { raw, status, head, body, pieces }
}
