//! Rewrites answers into forms that a client must understand as well.

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::Response;
use futures::StreamExt as _;
use serde_json::{Value, json};

use super::Fault;

/// Comments, and the lines that carry no data.
const NOISE: &str = ": keep-alive\n\n:\nevent: message\nid: 7\nretry: 1000\n";

/// Kinds of the future; the second uses a known member's name for something else.
const STRANGERS: [&str; 2] = [
    "data: {\"kind\": \"x_future\", \"cpu\": 0.5}\n\n",
    "data: {\"kind\": \"x_future\", \"code\": {\"a\": 1}, \"data\": [], \"stream\": 3}\n\n",
];

pub(super) async fn rewrite(fault: &Fault, response: Response) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    match kind {
        Some(kind) if kind.starts_with("text/event-stream") => {
            let events = Events::new(fault);
            response.map(|body| events.carry(body))
        }
        Some(kind) if kind.starts_with("application/json") && fault.unknown_fields => {
            let (mut head, body) = response.into_parts();
            match axum::body::to_bytes(body, usize::MAX).await {
                Ok(bytes) => {
                    head.headers.remove(header::CONTENT_LENGTH);
                    Response::from_parts(head, Body::from(with_strange_members(&bytes)))
                }
                Err(error) => {
                    let cut = futures::stream::iter([Err::<Bytes, _>(error)]);
                    Response::from_parts(head, Body::from_stream(cut))
                }
            }
        }
        _ => response,
    }
}

fn with_strange_members(text: &[u8]) -> Bytes {
    match serde_json::from_slice::<Value>(text) {
        Ok(mut value) => {
            add_members(&mut value);
            value.to_string().into()
        }
        Err(_) => Bytes::copy_from_slice(text),
    }
}

/// Into the answer's own objects: below these names the caller's keys stand.
fn add_members(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                if !matches!(name.as_str(), "metadata" | "env" | "json" | "chart") {
                    add_members(member);
                }
            }
            members.insert("x_future".to_owned(), json!({"a": [1, null]}));
        }
        Value::Array(items) => items.iter_mut().for_each(add_members),
        _ => {}
    }
}

struct Events {
    crlf: bool,
    comments: bool,
    unknown_kinds: bool,
    unknown_fields: bool,
    partial: Vec<u8>,
    count: usize,
}

impl Events {
    fn new(fault: &Fault) -> Self {
        Self {
            crlf: fault.crlf,
            comments: fault.comments,
            unknown_kinds: fault.unknown_kinds,
            unknown_fields: fault.unknown_fields,
            partial: Vec::new(),
            count: 0,
        }
    }

    fn carry(mut self, body: Body) -> Body {
        Body::from_stream(
            body.into_data_stream().map(move |piece| piece.map(|piece| self.push(&piece))),
        )
    }

    /// The events that `piece` completes, rewritten.
    fn push(&mut self, piece: &[u8]) -> Bytes {
        self.partial.extend_from_slice(piece);
        let mut out = Vec::new();
        while let Some(end) = self.partial.windows(2).position(|pair| pair == b"\n\n") {
            let event: Vec<u8> = self.partial.drain(..end + 2).collect();
            self.write(&event, &mut out);
        }
        if self.crlf {
            out = out
                .into_iter()
                .flat_map(|byte| {
                    let (return_, byte) = ((byte == b'\n').then_some(b'\r'), Some(byte));
                    return_.into_iter().chain(byte)
                })
                .collect();
        }
        out.into()
    }

    fn write(&mut self, event: &[u8], out: &mut Vec<u8>) {
        if self.unknown_kinds {
            out.extend_from_slice(STRANGERS[self.count % STRANGERS.len()].as_bytes());
        }
        self.count += 1;
        if self.comments {
            out.extend_from_slice(NOISE.as_bytes());
        }
        match event.strip_prefix(b"data: ") {
            Some(data) if self.unknown_fields => {
                out.extend_from_slice(b"data: ");
                out.extend_from_slice(&with_strange_members(data.trim_ascii_end()));
                out.extend_from_slice(b"\n\n");
            }
            _ => out.extend_from_slice(event),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(fault: &Fault, pieces: &[&str]) -> String {
        let mut events = Events::new(fault);
        let out: Vec<u8> = pieces.iter().flat_map(|piece| events.push(piece.as_bytes())).collect();
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn each_event_is_rewritten_wherever_it_was_cut() {
        let pieces = ["data: {\"kind\":", "\"a\"}\n", "\ndata: {}\n\n"];
        assert_eq!(
            rewritten(&Fault::crlf(), &pieces),
            "data: {\"kind\":\"a\"}\r\n\r\ndata: {}\r\n\r\n"
        );
        assert_eq!(
            rewritten(&Fault::unknown_fields(), &pieces),
            "data: {\"kind\":\"a\",\"x_future\":{\"a\":[1,null]}}\n\n\
             data: {\"x_future\":{\"a\":[1,null]}}\n\n"
        );
        let kinds = rewritten(&Fault::unknown_kinds(), &pieces);
        assert_eq!(kinds.matches("x_future").count(), 2);
        let comments = rewritten(&Fault::comments(), &pieces);
        assert_eq!(comments.matches(": keep-alive").count(), 2);
    }
}
