//! How much of what the wire gives is left after decoding: `exec_stream` against reqwest's bare
//! `bytes_stream` of the same body, in one run. `cargo bench --bench exec_stream`.

#![allow(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use orkestr::api::Base64;
use orkestr::{Client, ExecEvent, Sandbox};

const ID: &str = "sbx_01JD3Z5K8QWXYV2M4N6P8R0T2A";
const ROUNDS: usize = 7;

fn events(size: usize, count: usize) -> Vec<u8> {
    let data: Vec<u8> = (0..size).map(|n| (n * 31 % 251) as u8).collect();
    let data = serde_json::to_string(&Base64::from(data)).expect("a string");
    let event =
        format!("data: {{\"kind\": \"exec_chunk\", \"stream\": \"stdout\", \"data\": {data}}}\n\n");
    let mut body = event.repeat(count).into_bytes();
    body.extend_from_slice(
        b"data: {\"kind\": \"exec_exited\", \"code\": 0, \"duration_ms\": 1}\n\n",
    );
    body
}

/// Answers GET with a sandbox and POST with `body`, one connection after the other.
fn serve(body: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let sandbox = format!(
        r#"{{"id": "{ID}", "status": "running", "template": "node-22", "network": "off", "cpu": 1,
            "memory_mb": 1, "region": "x", "created_at": "2026-11-01T09:30:00Z",
            "expires_at": "2026-11-01T09:40:00Z"}}"#
    );
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.expect("a connection");
            let mut request = [0; 4096];
            let length = socket.read(&mut request).unwrap_or(0);
            let (kind, body) = if request[..length].starts_with(b"GET") {
                ("application/json", sandbox.as_bytes())
            } else {
                ("text/event-stream", body.as_slice())
            };
            let length = body.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
            );
            drop(socket.write_all(head.as_bytes()).and_then(|()| socket.write_all(body)));
        }
    });
    url
}

async fn bare(url: String) -> Duration {
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let started = Instant::now();
    let response = http.post(url).body("{}").send().await.expect("an answer");
    let mut body = response.bytes_stream();
    while let Some(chunk) = body.next().await {
        std::hint::black_box(chunk.expect("a chunk"));
    }
    started.elapsed()
}

async fn decoded(sbx: Sandbox) -> Duration {
    let started = Instant::now();
    let mut stream = sbx.exec_stream("x").await.expect("a stream");
    while let Some(event) = stream.next().await {
        if let ExecEvent::Stdout(data) = event.expect("an event") {
            std::hint::black_box(data);
        }
    }
    started.elapsed()
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}

#[tokio::main]
async fn main() {
    for (size, count) in [(32 * 1024, 4096), (1024, 65_536), (20, 500_000)] {
        let body = events(size, count);
        let wire = body.len();
        let url = serve(body);
        let client = Client::builder().api_key("ork_bench").base_url(&url).build();
        let sbx = Sandbox::get(ID).client(&client.expect("a client")).await.expect("a sandbox");
        let (mut bares, mut decodeds) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            // In tasks: inside `block_on`, bodies are read several times slower.
            bares.push(tokio::spawn(bare(url.clone())).await.expect("no panic"));
            decodeds.push(tokio::spawn(decoded(sbx.clone())).await.expect("no panic"));
        }
        let (bare, decoded) = (median(bares), median(decodeds));
        let megabytes = wire as f64 / 1e6;
        println!(
            "{size:>6} B x {count:>6}: bare {:>5.0} MB/s, decoded {:>5.0} MB/s, ratio {:.2}, {:.0} ns more an event",
            megabytes / bare,
            megabytes / decoded,
            bare / decoded,
            (decoded - bare) * 1e9 / count as f64,
        );
    }
}
