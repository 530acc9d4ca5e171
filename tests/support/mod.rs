//! A server that answers what it is told and keeps what it was asked.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]

use std::sync::{Arc, Mutex};

use httpmock::{HttpMockRequest, HttpMockResponse, MockServer};
use orkestr::{Client, RetryPolicy, Sandbox};
use serde_json::{Value, json};

pub const KEY: &str = "ork_test_key";

pub struct Recorder {
    server: MockServer,
    requests: Arc<Mutex<Vec<Value>>>,
}

/// One canned answer.
#[derive(Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(status: u16, body: &Value) -> Self {
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            ("x-request-id", "req_test".to_owned()),
        ];
        Self { status, headers, body: body.to_string().into_bytes() }
    }

    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    pub fn events(body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![
            ("content-type", "text/event-stream; charset=utf-8".to_owned()),
            ("x-request-id", "req_stream".to_owned()),
        ];
        Self { status: 200, headers, body: body.into() }
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value.to_owned()));
        self
    }
}

impl Recorder {
    /// Gives the answers in their order, and the last of them from then on.
    pub async fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let answers: Vec<Answer> = answers.into_iter().collect();
        let server = MockServer::start_async().await;
        let requests = Arc::<Mutex<Vec<Value>>>::default();
        let seen = requests.clone();
        server
            .mock_async(move |when, then| {
                when.is_true(|_| true);
                then.respond_with(move |request| {
                    let mut seen = seen.lock().expect("no panic while it is held");
                    let answer = &answers[seen.len().min(answers.len() - 1)];
                    seen.push(shape(request));
                    let headers =
                        answer.headers.iter().map(|(name, value)| (*name, value.as_str()));
                    HttpMockResponse::builder()
                        .status(answer.status)
                        .headers(headers)
                        .body(answer.body.clone())
                        .build()
                });
            })
            .await;
        Self { server, requests }
    }

    pub fn base_url(&self) -> String {
        self.server.base_url()
    }

    /// A client that never waits for a retry.
    pub fn client(&self) -> Client {
        let builder = Client::builder().api_key(KEY).base_url(self.base_url());
        let policy = RetryPolicy::none();
        builder.transient_retry(policy).fleet_full_retry(policy).build().expect("a valid client")
    }

    pub fn requests(&self) -> Vec<Value> {
        self.requests.lock().expect("no panic while it is held").clone()
    }

    /// The last request.
    pub fn request(&self) -> Value {
        self.requests().pop().expect("a request was sent")
    }
}

/// What the contract speaks of, in a form that snapshots well. The key itself stays out.
fn shape(request: &HttpMockRequest) -> Value {
    let uri = request.uri();
    let query: Vec<String> =
        request.query_params().into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut headers = serde_json::Map::new();
    for (name, value) in request.headers_vec() {
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "host" | "content-length" => {}
            "authorization" => {
                let is_right = value == &format!("Bearer {KEY}");
                headers.insert(name, json!(if is_right { "Bearer [the key]" } else { "[other]" }));
            }
            "user-agent" => {
                let product = value.split('/').next();
                headers.insert(name, json!(product));
            }
            _ => {
                headers.insert(name, json!(value));
            }
        }
    }
    let body = request.body_vec();
    let body = if body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&body).unwrap_or_else(|_| json!(String::from_utf8_lossy(&body)))
    };
    json!({
        "method": request.method_str(),
        "path": uri.path(),
        "query": query,
        "headers": headers,
        "body": body,
    })
}

pub fn sandbox_json(id: &str) -> Value {
    json!({
        "id": id,
        "status": "running",
        "template": "python-3.12",
        "network": "off",
        "cpu": 1.0,
        "memory_mb": 2048,
        "region": "fsn1",
        "created_at": "2026-11-01T09:30:00Z",
        "expires_at": "2026-11-01T09:40:00+00:00",
    })
}

pub const ID: &str = "sbx_01JD3Z5K8QWXYV2M4N6P8R0T2A";

/// A sandbox whose further calls get `answers`.
pub async fn sandbox(answers: impl IntoIterator<Item = Answer>) -> (Recorder, Sandbox) {
    let first = Answer::json(200, &sandbox_json(ID));
    let recorder = Recorder::start(std::iter::once(first).chain(answers)).await;
    let sandbox = Sandbox::get(ID).client(&recorder.client()).await.expect("the first answer");
    (recorder, sandbox)
}
