//! What the local server refuses, and how it says so, to a client that is not ours.

mod local_support;

use local_support::http::{Api, answer};
use reqwest::{Method, header};
use serde_json::json;

#[tokio::test]
async fn what_is_wrong_in_a_body_is_named() {
    let api = Api::start().await;
    let exec = format!("{}/exec", api.sandbox().await);
    let timeout = exec.replace("/exec", "/timeout");
    let files = exec.replace("/exec", "/files");
    for (path, body, place) in [
        ("/sandboxes", json!({"template": 1}), json!(["body", "template"])),
        ("/sandboxes", json!({"template": "cobol-68"}), json!(["body", "template"])),
        ("/sandboxes", json!({"template": "node-22", "cpu": "2"}), json!(["body", "cpu"])),
        (
            "/sandboxes",
            json!({"template": "node-22", "env": {"A": 1}}),
            json!(["body", "env", "A"]),
        ),
        (
            "/sandboxes",
            json!({"template": "node-22", "timeout_seconds": 9}),
            json!(["body", "timeout_seconds"]),
        ),
        (
            "/sandboxes",
            json!({"template": "node-22", "metadata": {"run": "x".repeat(257)}}),
            json!(["body", "metadata", "run"]),
        ),
        ("/sandboxes", json!([]), json!(["body"])),
        (&exec, json!({}), json!(["body", "command"])),
        (&exec, json!({"command": ["ls"]}), json!(["body", "command"])),
        (&exec, json!({"command": "ls", "timeout_seconds": 0}), json!(["body", "timeout_seconds"])),
        (&timeout, json!({}), json!(["body", "timeout_seconds"])),
        (&timeout, json!({"timeout_seconds": "60"}), json!(["body", "timeout_seconds"])),
        (&files, json!({"path": "/workspace/a"}), json!(["body", "content"])),
        (&files, json!({"content": ""}), json!(["body", "path"])),
        (&files, json!({"path": "/a", "content": "", "mode": -1}), json!(["body", "mode"])),
    ] {
        assert_eq!(api.post(path, body.clone()).await.places(), [place], "{path} {body}");
    }
    let both = json!({"template": "node-22", "cpu": 0, "memory_mb": 0});
    assert_eq!(api.post("/sandboxes", both).await.places().len(), 2);

    let key = api.server.api_key().expose();
    for body in ["", "{", "{\"template\": }", "nonsense", "{} {}", "\u{feff}{}"] {
        let request = api.request(Method::POST, "/sandboxes").bearer_auth(key);
        let request = request.header(header::CONTENT_TYPE, "application/json").body(body);
        assert_eq!(answer(request).await.places()[0][0], "body", "{body:?}");
    }
    let request = api.request(Method::POST, "/sandboxes").bearer_auth(key);
    let broken = answer(request.body(b"{\"template\": \"\xff\"}".to_vec())).await;
    assert_eq!(broken.places()[0][0], "body");
}

#[tokio::test]
async fn a_file_beyond_16_mib_is_refused() {
    use base64::Engine as _;
    let api = Api::start().await;
    let path = format!("{}/files", api.sandbox().await);
    for (length, status) in [(16 << 20, 201), ((16 << 20) + 1, 413)] {
        let content = base64::prelude::BASE64_STANDARD.encode(vec![0; length]);
        let body = json!({"path": "/workspace/big", "content": content});
        assert_eq!(api.post(&path, body).await.status, status, "{length}");
    }
}

#[tokio::test]
async fn a_missing_malformed_or_wrong_authorization_is_a_401() {
    let api = Api::start().await;
    let path = api.sandbox().await;
    let key = api.server.api_key().expose();
    let refused = [
        None,
        Some(String::new()),
        Some("Bearer".to_owned()),
        Some("Bearer ".to_owned()),
        Some(key.to_owned()),
        Some(format!("Basic {key}")),
        Some(format!("Bearer{key}")),
        Some("Bearer ork_wrong".to_owned()),
        Some(format!("Bearer {key}x")),
        Some(format!("Bearer {}", &key[..key.len() - 1])),
        Some(format!("Bearer {key}, Bearer {key}")),
    ];
    for authorization in refused {
        for (method, path) in [
            (Method::GET, "/sandboxes".to_owned()),
            (Method::POST, "/sandboxes".to_owned()),
            (Method::DELETE, path.clone()),
            (Method::GET, format!("{path}/files?path=/workspace")),
            (Method::POST, format!("{path}/exec")),
            (Method::GET, "/sandboxes/sbx_nobody".to_owned()),
        ] {
            let mut request = api.request(method, &path);
            if let Some(value) = &authorization {
                request = request.header(header::AUTHORIZATION, value);
            }
            let detail = answer(request).await.problem(401, None);
            assert!(!detail.contains(key), "{detail}");
        }
    }
    assert_eq!(api.get(&path).await.json(200)["status"], "running", "nothing was done");
    // The scheme's name has no case.
    let request = api.request(Method::GET, &path);
    answer(request.header(header::AUTHORIZATION, format!("bearer {key}"))).await.json(200);
}

#[tokio::test]
async fn what_is_not_there_is_a_404_and_a_wrong_method_a_405() {
    let api = Api::start().await;
    let path = api.sandbox().await;
    for missing in [
        "",
        "/",
        "/sandbox",
        "/sandboxes/",
        "/sandboxes/sbx_nobody",
        "/sandboxes/sbx_nobody/files?path=/a",
        &format!("{path}/"),
        &format!("{path}/nothing"),
        "/../v2",
    ] {
        let detail = api.get(missing).await.problem(404, None);
        assert!(!detail.is_empty(), "{missing}");
    }
    for call in ["exec", "pause", "resume", "timeout", "files"] {
        let body = json!({"command": "true", "path": "/a", "content": "", "timeout_seconds": 60});
        api.post(&format!("/sandboxes/sbx_nobody/{call}"), body).await.problem(404, None);
    }
    api.delete("/sandboxes/sbx_nobody").await.problem(404, None);
    for (method, path) in [
        (Method::DELETE, "/sandboxes".to_owned()),
        (Method::PUT, path.clone()),
        (Method::PATCH, path.clone()),
        (Method::GET, format!("{path}/exec")),
        (Method::GET, format!("{path}/pause")),
        (Method::PUT, format!("{path}/files?path=/workspace/a")),
    ] {
        api.call(method, &path, None).await.problem(405, None);
    }
}
