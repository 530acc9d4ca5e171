//! The shape of every request that the facade can send.

mod support;

use std::time::Duration;

use futures::TryStreamExt as _;
use insta::assert_json_snapshot;
use orkestr::{NetworkMode, OnTimeout, Sandbox, SandboxSize, SandboxStatus};
use serde_json::json;
use support::{Answer, ID, Recorder, sandbox, sandbox_json};

async fn created() -> Recorder {
    Recorder::start([Answer::json(201, &sandbox_json(ID))]).await
}

#[tokio::test]
async fn create_sends_only_what_was_set() {
    let recorder = created().await;
    Sandbox::create("python-3.12").client(&recorder.client()).await.expect("created");
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn create_with_everything() {
    let recorder = created().await;
    Sandbox::create("debian-12")
        .client(&recorder.client())
        .cpu(1.5)
        .memory_mb(512)
        .size(SandboxSize::Small)
        .network(NetworkMode::Restricted)
        .allow_domains(["example.org", "example.com"])
        .timeout(Duration::from_millis(59_001))
        .on_timeout(OnTimeout::Pause)
        .auto_resume(true)
        .preview_auth(true)
        .env("A", "1")
        .envs([("B", "2"), ("C", "3")])
        .metadata("agent_run", "r_42")
        .metadata("owner", "me")
        .region("fsn1")
        .volume("cache")
        .await
        .expect("created");
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn create_from_a_snapshot() {
    let recorder = created().await;
    Sandbox::create_from_snapshot("snap_01")
        .client(&recorder.client())
        .timeout(Duration::from_secs(60))
        .env("A", "1")
        .metadata("fork", "1")
        .await
        .expect("created");
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn get() {
    let (recorder, _) = sandbox([]).await;
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn list_without_filters() {
    let recorder = Recorder::start([Answer::json(200, &json!({"sandboxes": []}))]).await;
    Sandbox::list().client(&recorder.client()).await.expect("listed");
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn list_with_filters_and_pages() {
    let page = |id: &str, next: serde_json::Value| {
        let page = json!({"sandboxes": [sandbox_json(id)], "total": 2, "next_cursor": next});
        Answer::json(200, &page)
    };
    let recorder =
        Recorder::start([page("sbx_2", json!("c 1&2")), page("sbx_1", json!(null))]).await;
    let sandboxes: Vec<Sandbox> = Sandbox::list()
        .client(&recorder.client())
        .status(SandboxStatus::Running)
        .metadata("agent run", "r&42")
        .metadata("owner", "me")
        .page_size(1)
        .stream()
        .try_collect()
        .await
        .expect("listed");
    let ids: Vec<_> = sandboxes.iter().map(Sandbox::id).collect();
    assert_eq!(ids, ["sbx_2", "sbx_1"]);
    assert_json_snapshot!(recorder.requests());
}

#[tokio::test]
async fn resume() {
    let recorder = Recorder::start([Answer::json(200, &sandbox_json(ID))]).await;
    Sandbox::resume(ID).client(&recorder.client()).await.expect("resumed");
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn refresh() {
    let (recorder, sbx) = sandbox([Answer::json(200, &sandbox_json(ID))]).await;
    sbx.refresh().await.expect("refreshed");
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn pause() {
    let paused = json!({"sandbox_id": ID, "snapshot_id": "snap_1", "status": "paused",
        "snapshot_size_mb": 12, "created_at": "2026-11-01T09:30:00Z"});
    let (recorder, sbx) = sandbox([Answer::json(200, &paused)]).await;
    assert_eq!(sbx.pause().await.expect("paused"), ID);
    assert_eq!(sbx.status(), SandboxStatus::Paused);
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn terminate() {
    let (recorder, sbx) = sandbox([Answer::empty(204)]).await;
    sbx.terminate().await.expect("terminated");
    assert_eq!(sbx.status(), SandboxStatus::Terminated);
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn set_timeout() {
    let (recorder, sbx) = sandbox([Answer::json(200, &sandbox_json(ID))]).await;
    sbx.set_timeout(Duration::from_secs(900)).await.expect("set");
    assert_json_snapshot!(recorder.request());
}

fn exec_result() -> Answer {
    Answer::json(200, &json!({"stdout": "4\n", "stderr": "", "exit_code": 0, "duration_ms": 18}))
}

#[tokio::test]
async fn exec() {
    let (recorder, sbx) = sandbox([exec_result()]).await;
    sbx.exec("python -c 'print(2+2)'").await.expect("run");
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn exec_with_everything() {
    let (recorder, sbx) = sandbox([exec_result()]).await;
    sbx.exec("make")
        .cwd("/tmp")
        .env("A", "1")
        .envs([("B", "2")])
        .timeout(Duration::from_secs(5))
        .await
        .expect("run");
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn exec_stream() {
    let exited = "data: {\"kind\": \"exec_exited\", \"code\": 0, \"duration_ms\": 1}\n\n";
    let (recorder, sbx) = sandbox([Answer::events(exited)]).await;
    let stream = sbx
        .exec_stream("make")
        .cwd("/tmp")
        .env("A", "1")
        .timeout(Duration::from_secs(5))
        .await
        .expect("started");
    stream.wait_with_output().await.expect("run");
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn files_write() {
    let (recorder, sbx) = sandbox([Answer::empty(201)]).await;
    sbx.files().write("/workspace/a b.txt", "héllo").await.expect("written");
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn files_write_bytes() {
    let (recorder, sbx) =
        sandbox([Answer::json(201, &json!({"path": "/workspace/blob.bin"}))]).await;
    sbx.files().write_bytes("/workspace/blob.bin", [0, 255, 128]).await.expect("written");
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn files_write_with_mode() {
    let (recorder, sbx) = sandbox([Answer::empty(201)]).await;
    sbx.files().write_with_mode("/workspace/run.sh", "true", 0o755).await.expect("written");
    assert_json_snapshot!(recorder.request());
}

fn file() -> Answer {
    let file = json!({"path": "/a", "is_dir": false, "content": "NA==", "size": 1});
    Answer::json(200, &file)
}

#[tokio::test]
async fn files_read() {
    let (recorder, sbx) = sandbox([file()]).await;
    assert_eq!(sbx.files().read("/workspace/a b&c.txt").await.expect("read"), "4");
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn files_read_bytes() {
    let (recorder, sbx) = sandbox([file()]).await;
    assert_eq!(sbx.files().read_bytes("/workspace/a").await.expect("read"), b"4");
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn files_list() {
    let listing = json!({"path": "/workspace", "is_dir": true, "entries": [
        {"name": "a", "is_dir": false, "size": 1, "mode": 420, "modified_at": "2026-11-01T09:30:00Z"},
    ]});
    let (recorder, sbx) = sandbox([Answer::json(200, &listing)]).await;
    let entries = sbx.files().list("/workspace").await.expect("listed");
    assert_eq!((entries[0].name.as_str(), entries[0].mode), ("a", 0o644));
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn files_delete() {
    let (recorder, sbx) = sandbox([Answer::empty(204)]).await;
    sbx.files().delete("/workspace/a").await.expect("deleted");
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn files_stat() {
    let stat = json!({"path": "/a", "exists": true, "is_dir": false, "size": 3, "mode": 420});
    let (recorder, sbx) = sandbox([Answer::json(200, &stat)]).await;
    let stat = sbx.files().stat("/workspace/a b&c").await.expect("asked").expect("is there");
    assert_eq!((stat.size, stat.mode, stat.is_dir), (Some(3), 0o644, false));
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn files_exists() {
    let missing = json!({"path": "/a", "exists": false, "size": null});
    let (recorder, sbx) = sandbox([Answer::json(200, &missing)]).await;
    assert!(!sbx.files().exists("/a").await.expect("asked"));
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn files_mkdir() {
    let (recorder, sbx) = sandbox([Answer::empty(201)]).await;
    sbx.files().mkdir("/workspace/a/b").await.expect("made");
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn files_rename() {
    let (recorder, sbx) = sandbox([Answer::empty(200)]).await;
    sbx.files().rename("/workspace/a", "/workspace/b").await.expect("moved");
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn files_presign() {
    let url = json!({"url": "https://files.example/u?sig=s", "method": "PUT", "path": "/a",
        "expires_at": "2026-11-01T09:30:00Z"});
    let (recorder, sbx) = sandbox([Answer::json(200, &url)]).await;
    let files = sbx.files();
    let signed = files.presign_upload("/workspace/a").await.expect("signed");
    assert_eq!(
        (signed.url.expose(), signed.method.as_str()),
        ("https://files.example/u?sig=s", "PUT")
    );
    assert!(!format!("{signed:?}").contains("sig=s"));
    files
        .presign_download("/workspace/a")
        .expires_in(Duration::from_millis(60_001))
        .await
        .expect("signed");
    assert_json_snapshot!(&recorder.requests()[1..]);
    for seconds in [0, 59, 3601] {
        let request = files.presign_upload("/a").expires_in(Duration::from_secs(seconds));
        let error = request.await.expect_err("out of range");
        assert_eq!(error.kind(), orkestr::ErrorKind::InvalidInput);
    }
}

#[tokio::test]
async fn files_write_batch() {
    let results = json!({"results": [
        {"path": "/workspace/a", "bytes_written": 2},
        {"path": "/etc/b", "bytes_written": null, "error": {"code": "not_permitted", "message": "no"}},
    ]});
    let (recorder, sbx) = sandbox([Answer::json(200, &results)]).await;
    let files = [
        orkestr::BatchFile::new("/workspace/a", "hi").mode(0o755),
        orkestr::BatchFile::new("/etc/b", "hi"),
    ];
    let rows = sbx.files().write_batch(files).await;
    assert!(matches!(rows[0].result, Ok(2)));
    let error = rows[1].result.as_ref().expect_err("not permitted");
    assert_eq!((error.code(), error.message()), (Some("not_permitted"), "no"));
    assert_json_snapshot!(recorder.request());
}

/// The presigned host sees neither the key nor a chunked body, and its words stay out of errors.
#[tokio::test]
async fn files_upload_by_presigned_url() {
    let host = Recorder::start([Answer {
        status: 403,
        headers: vec![("content-type", "application/xml".to_owned())],
        body: b"<Error>sig=hidden has expired</Error>".to_vec(),
    }])
    .await;
    let presigned = json!({"url": format!("{}/put?sig=hidden", host.base_url())});
    let (_recorder, sbx) = sandbox([Answer::json(200, &presigned)]).await;
    let content = vec![b'x'; 1024 * 1024 + 1];
    let upload = sbx.files().upload("/workspace/a");
    let error = upload.from_reader(std::io::Cursor::new(content), 1024 * 1024 + 1).await;
    let error = error.expect_err("refused");
    assert_eq!((error.kind(), error.status()), (orkestr::ErrorKind::Api, Some(403)));
    assert!(!format!("{error} {error:?}").contains("hidden"), "{error:?}");
    let mut request = host.request();
    assert_eq!(request["body"].as_str().map(str::len), Some(1024 * 1024 + 1));
    request["body"] = json!("[1 MiB + 1]");
    assert_json_snapshot!(request);
}
