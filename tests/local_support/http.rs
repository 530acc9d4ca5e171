//! A client that is not ours: plain HTTP and JSON, written from the wire document alone.

use orkestr_local::LocalServer;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::{in_time, server};

/// What every other implementation of a client would have.
pub(crate) struct Api {
    pub(crate) server: LocalServer,
    pub(crate) http: reqwest::Client,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Api {
    pub(crate) async fn start() -> Self {
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { server: server().await, http }
    }

    /// Sends with the right key; `path` is below `/v1` and sent as it is.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let request = self.request(method, path).bearer_auth(self.server.api_key().expose());
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        answer(request).await
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}/v1{path}", self.server.base_url()))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, None).await
    }

    /// The path of a new sandbox.
    pub(crate) async fn sandbox(&self) -> String {
        let created = self.post("/sandboxes", json!({"template": "debian-12"})).await.json(201);
        format!("/sandboxes/{}", text(&created["id"]))
    }
}

pub(crate) async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response: Response = in_time(request.send()).await.expect("an answer");
    let header =
        |name| response.headers().get(name).map(|value| value.to_str().expect("text").to_owned());
    assert!(header("x-request-id").is_some_and(|id| !id.is_empty()), "{}", response.url());
    let status = response.status().as_u16();
    let content_type = header("content-type");
    if status == 401 {
        assert_eq!(header("www-authenticate").as_deref(), Some("Bearer"));
    }
    let body = in_time(response.bytes()).await.expect("a whole body").to_vec();
    Answer { status, content_type, body }
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.content_type.as_deref(), Some("application/json"));
        serde_json::from_slice(&self.body).expect("JSON")
    }

    #[track_caller]
    pub(crate) fn empty(&self, status: u16) {
        assert_eq!((self.status, self.body.len()), (status, 0));
    }

    /// The `detail` of a failure, which must be a text, with its `code` if it must have one.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: Option<&str>) -> String {
        let body = self.json(status);
        assert_eq!(body.get("code").and_then(Value::as_str), code, "{body}");
        text(&body["detail"])
    }

    /// The places of a 422, each with its reason and its type.
    #[track_caller]
    pub(crate) fn places(&self) -> Vec<Value> {
        let body = self.json(422);
        let issues = body["detail"].as_array().expect("a list");
        for issue in issues {
            assert!(issue["loc"].is_array(), "{issue}");
            assert!(!text(&issue["msg"]).is_empty() && !text(&issue["type"]).is_empty(), "{issue}");
        }
        issues.iter().map(|issue| issue["loc"].clone()).collect()
    }
}

#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}
