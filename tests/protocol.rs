//! What the local server answers to a client that is not ours.

mod local_support;

use local_support::http::{Answer, Api, text};
use reqwest::Method;
use serde_json::{Value, json};

/// ISO 8601 with a `Z` or an offset.
#[track_caller]
fn assert_timestamp(value: &Value) {
    let text = text(value);
    let parsed = chrono::DateTime::parse_from_rfc3339(&text);
    assert!(parsed.is_ok(), "{text}");
}

#[track_caller]
fn assert_sandbox(sandbox: &Value, status: &str) {
    assert!(text(&sandbox["id"]).starts_with("sbx_"), "{sandbox}");
    for (name, expected) in [("status", status), ("template", "debian-12"), ("network", "off")] {
        assert_eq!(sandbox[name], expected, "{sandbox}");
    }
    assert!(sandbox["cpu"].is_number() && sandbox["memory_mb"].is_u64(), "{sandbox}");
    assert!(sandbox["region"].is_string(), "{sandbox}");
    assert_timestamp(&sandbox["created_at"]);
    assert_timestamp(&sandbox["expires_at"]);
}

#[tokio::test]
async fn a_sandbox_from_create_to_delete() {
    let api = Api::start().await;
    let body = json!({"template": "debian-12", "timeout_seconds": 60, "metadata": {"run": "r_42"},
        "env": {"A": "1"}});
    let created = api.post("/sandboxes", body).await.json(201);
    assert_sandbox(&created, "running");
    assert_eq!(created["metadata"], json!({"run": "r_42"}));
    assert!(created.get("env").is_none(), "variables may be secrets");
    let id = text(&created["id"]);
    let path = format!("/sandboxes/{id}");

    assert_eq!(api.get(&path).await.json(200), created);
    let list = api.get("/sandboxes").await.json(200);
    assert_eq!((&list["sandboxes"], &list["total"]), (&json!([created]), &json!(1)));
    assert!(list.get("next_cursor").is_none_or(Value::is_null), "{list}");

    let moved =
        api.post(&format!("{path}/timeout"), json!({"timeout_seconds": 600})).await.json(200);
    assert_sandbox(&moved, "running");
    assert!(text(&moved["expires_at"]) > text(&created["expires_at"]));

    let paused = api.call(Method::POST, &format!("{path}/pause"), None).await.json(200);
    assert_eq!((&paused["sandbox_id"], &paused["status"]), (&json!(id), &json!("paused")));
    assert!(text(&paused["snapshot_id"]).starts_with("snap_"), "{paused}");
    assert!(paused["snapshot_size_mb"].is_number(), "{paused}");
    assert_timestamp(&paused["created_at"]);
    assert_sandbox(&api.get(&path).await.json(200), "paused");
    api.post(&format!("{path}/exec"), json!({"command": "true"})).await.problem(409, None);

    let resumed = api.call(Method::POST, &format!("{path}/resume"), None).await.json(200);
    assert_sandbox(&resumed, "running");

    api.delete(&path).await.empty(204);
    api.delete(&path).await.empty(204);
    assert_sandbox(&api.get(&path).await.json(200), "terminated");
    api.post(&format!("{path}/exec"), json!({"command": "true"})).await.problem(409, None);
    api.get(&format!("{path}/files?path=/workspace")).await.problem(409, None);
}

#[tokio::test]
async fn a_buffered_command() {
    let api = Api::start().await;
    let path = format!("{}/exec", api.sandbox().await);
    let body = json!({"command": "echo $A; pwd; echo err >&2; exit 3", "cwd": "/tmp",
        "env": {"A": "1"}, "timeout_seconds": 30, "stream": false});
    let result = api.post(&path, body).await.json(200);
    assert_eq!(result["stdout"], "1\n/tmp\n");
    assert_eq!((&result["stderr"], &result["exit_code"]), (&json!("err\n"), &json!(3)));
    assert!(result["duration_ms"].is_u64(), "{result}");

    let late = api.post(&path, json!({"command": "sleep 300", "timeout_seconds": 1})).await;
    assert!((400..600).contains(&late.status));
    late.problem(late.status, Some("exec_timeout"));
    let killed = api.post(&path, json!({"command": "kill -9 $$"})).await;
    assert!((400..600).contains(&killed.status));
    killed.problem(killed.status, Some("exec_killed"));
    assert_eq!(killed.json(killed.status)["signal"], 9);
}

/// The events of a stream, each of which must be one `data:` line and an empty one.
#[track_caller]
fn events(answer: &Answer) -> Vec<Value> {
    assert_eq!((answer.status, answer.content_type.as_deref()), (200, Some("text/event-stream")));
    let body = std::str::from_utf8(&answer.body).expect("text");
    let frames = body.strip_suffix("\n\n").expect("a whole last event").split("\n\n");
    let data = frames.map(|frame| frame.strip_prefix("data: ").expect("a data line"));
    data.map(|data| serde_json::from_str(data).expect("one JSON object on one line")).collect()
}

/// The member names of an object, sorted.
fn members(event: &Value) -> Vec<&str> {
    event.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[tokio::test]
async fn a_streamed_command() {
    let api = Api::start().await;
    let path = format!("{}/exec", api.sandbox().await);
    let stream = async |command: &str| {
        let body = json!({"command": command, "stream": true, "timeout_seconds": 1});
        events(&api.post(&path, body).await)
    };
    let all = stream("printf 4; exit 3").await;
    let [started, chunk, exited] = &all[..] else { panic!("{all:?}") };
    assert_eq!((members(started), &started["kind"]), (vec!["kind", "pid"], &json!("exec_started")));
    assert!(started["pid"].as_i64().is_some_and(|pid| pid > 0), "{started}");
    assert_eq!(*chunk, json!({"kind": "exec_chunk", "stream": "stdout", "data": "NA=="}));
    assert_eq!(members(exited), ["code", "duration_ms", "kind"]);
    assert_eq!((&exited["kind"], &exited["code"]), (&json!("exec_exited"), &json!(3)));
    assert!(exited["duration_ms"].is_u64(), "{exited}");

    // The standard alphabet, with padding.
    for (bytes, stream_name, command, data) in [
        ("fb ff fe", "stderr", "printf '\\373\\377\\376' >&2", "+//+"),
        ("3f", "stdout", "printf '?'", "Pw=="),
        ("c3 bf", "stdout", "printf '\\303\\277'", "w78="),
        ("0a 00", "stdout", "printf '\\n\\000'", "CgA="),
    ] {
        let chunk = json!({"kind": "exec_chunk", "stream": stream_name, "data": data});
        assert_eq!(stream(command).await[1], chunk, "{bytes}");
    }

    for (command, code, signal) in
        [("sleep 300", "exec_timeout", None), ("kill -15 $$", "exec_killed", Some(15))]
    {
        let all = stream(command).await;
        let last = all.last().expect("an event");
        assert_eq!((&last["kind"], &last["code"]), (&json!("error"), &json!(code)), "{last}");
        assert_eq!(last.get("signal").and_then(Value::as_i64), signal, "{last}");
        assert!(!text(&last["message"]).is_empty(), "{last}");
    }
}

#[tokio::test]
async fn files() {
    let api = Api::start().await;
    let path = format!("{}/files", api.sandbox().await);
    let at = |file: &str| format!("{path}?path={file}");
    // "é?" in bytes that need both the alphabet's last characters and padding.
    let body = json!({"path": "/workspace/a b/run", "content": "w6k/", "mode": 0o755});
    let written = api.post(&path, body).await;
    assert_eq!(written.status, 201);
    assert!(written.body.is_empty() || written.json(201).is_object());

    for encoded in ["/workspace/a%20b/run", "%2Fworkspace%2Fa+b%2Frun"] {
        let file = api.get(&at(encoded)).await.json(200);
        assert_eq!(file["path"], "/workspace/a b/run");
        assert_eq!((&file["is_dir"], &file["size"]), (&json!(false), &json!(3)));
        assert_eq!(file["content"], "w6k/");
    }
    api.post(&path, json!({"path": "/workspace/plain", "content": ""})).await;
    let listing = api.get(&at("/workspace")).await.json(200);
    assert_eq!((&listing["path"], &listing["is_dir"]), (&json!("/workspace"), &json!(true)));
    assert!(listing.get("content").is_none_or(Value::is_null), "{listing}");
    let entries = listing["entries"].as_array().expect("a list");
    let facts = |entry: &Value| json!([entry["name"], entry["is_dir"], entry["mode"]]);
    let facts: Vec<Value> = entries.iter().map(facts).collect();
    assert_eq!(facts, [json!(["a b", true, 0o755]), json!(["plain", false, 0o644])]);
    assert_eq!(entries[1]["size"], 0);
    assert_timestamp(&entries[1]["modified_at"]);

    api.delete(&at("/workspace/plain")).await.empty(204);
    for missing in
        [api.delete(&at("/workspace/plain")).await, api.get(&at("/workspace/plain")).await]
    {
        // With a code of its own: the sandbox is not what is missing.
        missing.problem(404, Some("file_not_found"));
    }
    let directory = api.delete(&at("/workspace")).await;
    assert!((400..500).contains(&directory.status), "{}", directory.status);
    assert_eq!(api.get(&path).await.places(), [json!(["query", "path"])]);
    let bad = json!({"path": "/workspace/x", "content": "%%%"});
    assert_eq!(api.post(&path, bad).await.places(), [json!(["body", "content"])]);
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let api = Api::start().await;
    let mut ids = Vec::new();
    for (key, value) in [("run", "r 42"), ("run", "a&b=c"), ("other", "r 42")] {
        let body = json!({"template": "debian-12", "metadata": {key: value, "all": "1"}});
        ids.insert(0, text(&api.post("/sandboxes", body).await.json(201)["id"]));
    }
    api.delete(&format!("/sandboxes/{}", ids[2])).await.empty(204);
    let list = async |query: &str| {
        let list = api.get(&format!("/sandboxes{query}")).await.json(200);
        let found = list["sandboxes"].as_array().expect("a list").iter();
        (found.map(|sandbox| text(&sandbox["id"])).collect::<Vec<_>>(), list)
    };
    for (query, expected) in [
        ("", &ids[..]),
        ("?limit=50", &ids[..]),
        ("?limit=200", &ids[..]),
        ("?limit=100000", &ids[..]),
        ("?status=running", &ids[..2]),
        ("?status=terminated", &ids[2..]),
        ("?metadata[all]=1", &ids[..]),
        ("?metadata%5Ball%5D=1&status=running", &ids[..2]),
        ("?metadata[run]=r%2042", &ids[2..]),
        ("?metadata[run]=r+42", &ids[2..]),
        ("?metadata%5Brun%5D=a%26b%3Dc", &ids[1..2]),
        ("?metadata[run]=a%26b%3Dc&metadata[all]=1", &ids[1..2]),
        ("?metadata[run]=a%26b%3Dc&metadata[all]=2", &[]),
        ("?unknown=1", &ids[..]),
    ] {
        let (found, list) = list(query).await;
        assert_eq!(found, expected, "{query}");
        assert_eq!(list["total"], expected.len(), "{query}");
        assert!(list.get("next_cursor").is_none_or(Value::is_null), "{query}");
    }

    let (mut paged, mut query) = (Vec::new(), "?limit=1".to_owned());
    loop {
        let (found, page) = list(&query).await;
        assert_eq!((found.len(), &page["total"]), (1, &json!(3)), "{query}");
        paged.extend(found);
        let Some(cursor) = page.get("next_cursor").and_then(Value::as_str) else { break };
        query = format!("?limit=1&cursor={cursor}");
    }
    assert_eq!(paged, ids);
    for query in ["?limit=0", "?limit=abc", "?limit=-1", "?limit=1.5", "?limit="] {
        let refused = api.get(&format!("/sandboxes{query}")).await;
        assert_eq!(refused.places(), [json!(["query", "limit"])], "{query}");
    }
}

#[tokio::test]
async fn a_page_has_at_most_200_sandboxes() {
    let api = Api::start().await;
    for _ in 0..201 {
        let path = api.sandbox().await;
        api.delete(&path).await.empty(204);
    }
    for (query, length) in [("?limit=1000", 200), ("?limit=200", 200), ("", 50)] {
        let page = api.get(&format!("/sandboxes{query}")).await.json(200);
        assert_eq!(page["sandboxes"].as_array().map(Vec::len), Some(length), "{query}");
        assert_eq!(page["total"], 201);
        assert!(page["next_cursor"].is_string(), "{query}");
    }
}

#[tokio::test]
async fn unknown_members_are_ignored_and_null_is_as_good_as_absent() {
    let api = Api::start().await;
    let body = json!({"template": "debian-12", "x_future": {"a": [1]}, "metadata": null, "env": null,
        "cpu": null, "timeout_seconds": null, "snapshot": null, "volume": null});
    let created = api.post("/sandboxes", body).await.json(201);
    assert_sandbox(&created, "running");
    let path = format!("/sandboxes/{}", text(&created["id"]));
    let body = json!({"command": "pwd", "x_future": 1, "cwd": null, "env": null, "stream": null});
    let result = api.post(&format!("{path}/exec"), body).await.json(200);
    assert_eq!(result["stdout"], "/workspace\n");
    let body = json!({"path": "/workspace/a", "content": "", "mode": null, "x_future": true});
    assert_eq!(api.post(&format!("{path}/files"), body).await.status, 201);
}
