//! What a client refuses, hides and promises.

mod support;

use std::future::IntoFuture as _;
use std::time::Duration;

use futures::TryStreamExt as _;
use orkestr::{
    Client, ClientBuilder, CreateSandbox, Error, ErrorKind, ExecEvent, ExecRequest, ExecResult,
    ExecStream, ExecStreamRequest, ExecTextStream, FileEntry, Files, GetSandbox, ListSandboxes,
    MAX_CONTENT_BYTES, ResumeSandbox, Sandbox, SandboxGuard, SandboxInfo, SandboxStream, Secret,
    Timestamp,
};
use serde_json::json;
use support::{Answer, ID, KEY, Recorder, sandbox, sandbox_json};

#[test]
fn base_urls_that_cannot_work_are_refused_by_what_is_wrong() {
    for (url, wrong) in [
        ("", "no URL"),
        ("api.orkestr.eu", "no URL"),
        ("ftp://api.orkestr.eu", "scheme"),
        ("https://me:pw_secret@api.orkestr.eu", "credentials"),
        ("https://api.orkestr.eu/?x=1", "query"),
        ("https://api.orkestr.eu/#x", "fragment"),
    ] {
        let error = Client::builder().api_key(KEY).base_url(url).build().expect_err(url);
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.message().contains(wrong), "{url}: {error}");
        assert!(!format!("{error} {error:?}").contains("pw_secret"));
    }
    for (url, kept) in [
        ("https://api.orkestr.eu/", "https://api.orkestr.eu"),
        (" http://127.0.0.1:8787 ", "http://127.0.0.1:8787"),
        ("https://gateway.example/orkestr//", "https://gateway.example/orkestr"),
    ] {
        let client = Client::builder().api_key(KEY).base_url(url).build().expect(url);
        assert_eq!(client.base_url(), kept);
    }
}

#[test]
fn a_key_that_no_header_can_carry_is_an_auth_error_that_does_not_show_it() {
    for key in ["", "  ", "ork_a\nsecret", "ork_\u{7f}secret"] {
        let error = Client::new(key).expect_err("no key");
        assert_eq!(error.kind(), ErrorKind::Auth);
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
}

#[tokio::test]
async fn nothing_prints_a_secret() {
    let mut body = sandbox_json(ID);
    body["preview_auth_token"] = json!("pvt_secret");
    let recorder = Recorder::start([Answer::json(201, &body)]).await;
    let client = Client::builder().api_key("ork_secret").base_url(recorder.base_url());
    let shown_builder = format!("{client:?}");
    let client = client.build().expect("a valid client");
    let create =
        Sandbox::create("node-22").client(&client).api_key("ork_secret").env("A", "env_secret");
    let shown_create = format!("{create:#?}");
    let sbx = create.await.expect("created");
    let exec = sbx.exec("true").env("B", "env_secret");
    let raw = client.api();
    assert_eq!(sbx.preview_auth_token().as_ref().map(Secret::expose), Some("pvt_secret"));
    let shown = format!(
        "{shown_builder} {shown_create} {client:?} {exec:#?} {sbx:#?} {:?} {raw:?} {}",
        sbx.exec_stream("true").env("B", "env_secret"),
        serde_json::to_string(&*sbx.info()).expect("serialisable"),
    );
    assert!(!shown.contains("secret"), "{shown}");
}

#[tokio::test]
async fn input_that_cannot_be_sent_is_refused_before_it_is() {
    let (recorder, sbx) = sandbox([]).await;
    let client = sbx.client();
    let files = sbx.files();
    let large = vec![0; MAX_CONTENT_BYTES + 1];
    let text = "x".repeat(MAX_CONTENT_BYTES + 1);
    let refused: Vec<(&str, Result<(), Error>)> = vec![
        ("sandbox id", Sandbox::get("..").client(client).await.map(drop)),
        ("sandbox id", Sandbox::get("").client(client).await.map(drop)),
        ("sandbox id", Sandbox::resume("a/b").client(client).await.map(drop)),
        (
            "timeout",
            Sandbox::create("node-22").client(client).timeout(Duration::ZERO).await.map(drop),
        ),
        ("cpu", Sandbox::create("node-22").client(client).cpu(f64::NAN).await.map(drop)),
        (
            "memory_mb",
            Sandbox::create_from_snapshot("snap_1").client(client).memory_mb(1).await.map(drop),
        ),
        ("timeout", sbx.exec("true").timeout(Duration::ZERO).await.map(drop)),
        ("timeout", sbx.exec_stream("true").timeout(Duration::MAX).await.map(drop)),
        ("timeout", sbx.set_timeout(Duration::ZERO).await),
        ("absolute", files.write("a.txt", "").await),
        ("absolute", files.read("").await.map(drop)),
        ("absolute", files.list("~").await.map(drop)),
        ("NUL", files.delete("/workspace/\0").await),
        ("16 MiB", files.write_bytes("/workspace/a", &large).await),
        ("presign_upload", files.write("/workspace/a", &text).await),
        ("mode", files.write_with_mode("/workspace/a", "", 0o10000).await),
    ];
    for (about, result) in refused {
        let error = result.expect_err(about);
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.message().contains(about), "{about}: {error}");
    }
    assert_eq!(recorder.requests().len(), 1, "only the first get was sent");
}

#[tokio::test]
async fn a_full_call_of_content_is_sent() {
    let (recorder, sbx) = sandbox([Answer::empty(201)]).await;
    sbx.files().write_bytes("/workspace/a", vec![7; MAX_CONTENT_BYTES]).await.expect("written");
    let sent = recorder.request()["body"]["content"].as_str().map(str::len);
    assert_eq!(sent, Some(MAX_CONTENT_BYTES.div_ceil(3) * 4));
}

#[tokio::test]
async fn a_list_that_never_ends_is_an_error() {
    let page = json!({"sandboxes": [sandbox_json(ID)], "next_cursor": "again"});
    let recorder = Recorder::start([Answer::json(200, &page)]).await;
    let listed = Sandbox::list().client(&recorder.client()).await;
    assert_eq!(listed.expect_err("the same page").kind(), ErrorKind::Decode);
    assert_eq!(recorder.requests().len(), 2);
}

#[tokio::test]
async fn pages_that_go_round_are_an_error() {
    let page = |next: &str| Answer::json(200, &json!({"sandboxes": [], "next_cursor": next}));
    let recorder = Recorder::start([page("a"), page("b"), page("a")]).await;
    let listed = Sandbox::list().client(&recorder.client()).await;
    assert_eq!(listed.expect_err("a circle").kind(), ErrorKind::Decode);
    assert_eq!(recorder.requests().len(), 3);
}

#[tokio::test]
async fn what_an_answer_does_not_repeat_is_kept() {
    let mut body = sandbox_json(ID);
    body["preview_auth_token"] = json!("pvt_1");
    body["metadata"] = json!({"a": "b"});
    let answers = [Answer::json(200, &body), Answer::json(200, &sandbox_json(ID))];
    let recorder = Recorder::start(answers).await;
    let sbx = Sandbox::get(ID).client(&recorder.client()).await.expect("a sandbox");
    sbx.refresh().await.expect("refreshed");
    assert_eq!(sbx.preview_auth_token().as_ref().map(Secret::expose), Some("pvt_1"));
    assert_eq!(sbx.metadata()["a"], "b");
}

#[tokio::test]
async fn an_id_that_leads_elsewhere_is_not_taken_from_an_answer() {
    let recorder = Recorder::start([Answer::json(200, &sandbox_json(".."))]).await;
    let error = Sandbox::get(ID).client(&recorder.client()).await.expect_err("no id");
    assert_eq!(error.kind(), ErrorKind::Decode);
}

#[test]
fn runtimes_do_not_share_connections() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build();
    let first = runtime().expect("a runtime");
    let sandbox = Answer::json(200, &sandbox_json(ID));
    let recorder = first.block_on(Recorder::start([sandbox]));
    let base_url = recorder.base_url();
    let get = || Sandbox::get(ID).api_key(KEY).base_url(&base_url).into_future();
    first.block_on(get()).expect("a sandbox");
    // The first one stands still now, with a connection that it keeps.
    let second = runtime().expect("a runtime");
    second.block_on(get()).expect("a connection of its own");
    drop(first);
    second.block_on(get()).expect("a connection of its own");
}

#[tokio::test]
async fn pages_are_asked_for_when_they_are_needed() {
    let page = |id: &str, next: &str| {
        Answer::json(200, &json!({"sandboxes": [sandbox_json(id)], "next_cursor": next}))
    };
    let failure = Answer::json(500, &json!({"detail": "broken"}));
    let recorder = Recorder::start([page("sbx_1", "a"), page("sbx_2", "b"), failure]).await;
    let mut stream = Sandbox::list().client(&recorder.client()).stream();
    assert!(recorder.requests().is_empty());
    assert_eq!(stream.try_next().await.expect("a page").expect("one").id(), "sbx_1");
    assert_eq!(recorder.requests().len(), 1);
    assert_eq!(stream.try_next().await.expect("a page").expect("one").id(), "sbx_2");
    assert_eq!(recorder.requests().len(), 2);
    assert_eq!(stream.try_next().await.expect_err("broken").status(), Some(500));
    assert!(stream.try_next().await.expect("the end").is_none());
}

#[tokio::test]
async fn what_one_handle_learns_its_clones_know() {
    let mut body = sandbox_json(ID);
    body["status"] = json!("paused");
    body["metadata"] = json!({"a": "b"});
    let (_recorder, sbx) = sandbox([Answer::json(200, &body)]).await;
    let other = sbx.clone();
    sbx.refresh().await.expect("refreshed");
    assert_eq!(other.status(), orkestr::SandboxStatus::Paused);
    assert_eq!(other.metadata()["a"], "b");
}

/// What travels between threads, and what a task can hold.
#[test]
fn types_and_futures_travel() {
    fn both<T: Send + Sync + 'static>() {}
    fn handle<T: Clone + Send + Sync + 'static>() {}
    fn future<T: Send>(_: impl FnOnce(Sandbox) -> T) {}
    handle::<Client>();
    handle::<Sandbox>();
    handle::<Files>();
    handle::<Secret>();
    handle::<Timestamp>();
    handle::<ExecResult>();
    handle::<FileEntry>();
    handle::<SandboxInfo>();
    handle::<ExecEvent>();
    handle::<ClientBuilder>();
    handle::<CreateSandbox>();
    handle::<GetSandbox>();
    handle::<ListSandboxes>();
    handle::<ResumeSandbox>();
    handle::<ExecRequest>();
    handle::<ExecStreamRequest>();
    both::<Error>();
    both::<SandboxGuard>();
    both::<ExecStream>();
    both::<ExecTextStream>();
    fn sends<T: Send + 'static>() {}
    sends::<SandboxStream>();
    future(|sbx| async move { sbx.refresh().await });
    future(|sbx| async move { sbx.pause().await });
    future(|sbx| async move { sbx.terminate().await });
    future(|sbx| async move { sbx.set_timeout(Duration::from_secs(60)).await });
    future(|sbx| async move { sbx.exec("true").await });
    future(|sbx| async move { sbx.exec_stream("true").await?.wait_with_output().await });
    future(|sbx| async move { sbx.files().write("/a", "b").await });
    future(|sbx| async move { sbx.files().read("/a").await });
    future(|sbx| async move { sbx.files().list("/").await });
    future(|_| async move {
        Sandbox::with_temp("node-22", |sbx| async move { sbx.exec("true").await }).await
    });
    future(|_| async move { Sandbox::create("node-22").await });
    future(|_| async move { Sandbox::list().await });
}
