//! What the logs say, and what they never do.

mod http;
mod support;

use std::io::{self, Write};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use orkestr::{Client, Sandbox, Webhook};
use orkestr_local::{ApiKey, Fault, LocalServer};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

/// Stands in keys, variables, bodies, queries and paths, and so must not stand in a log.
const SECRET: &str = "hush5309";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic while it is held").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lines(log: &str) -> Vec<Value> {
    log.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

fn find<'a>(lines: &'a [Value], wanted: &[(&str, Value)]) -> &'a Value {
    let matches = |line: &&Value| wanted.iter().all(|(name, value)| &line[*name] == value);
    lines.iter().find(matches).unwrap_or_else(|| panic!("no line with {wanted:?} in {lines:#?}"))
}

/// A sandbox's life with the secret wherever a caller may put something.
async fn use_it(client: &Client) -> String {
    let url = format!("http://127.0.0.1:9/{SECRET}?token={SECRET}");
    let hook = Webhook::create(url).client(client).await.expect("a webhook");
    let url = format!("https://{SECRET}@example.com/{SECRET}");
    Webhook::create(url).client(client).await.expect_err("a user");
    let create = Sandbox::create("debian-12").client(client).env("TOKEN", SECRET);
    let sbx = create.metadata("run", SECRET).await.expect("a sandbox");
    sbx.exec(format!("echo $TOKEN {SECRET}")).env("MORE", SECRET).await.expect("output");
    sbx.files().write(format!("/workspace/{SECRET}"), SECRET).await.expect("written");
    sbx.files().read(format!("/workspace/{SECRET}")).await.expect("read");
    sbx.exec("true").cwd(format!("/{SECRET}")).await.expect_err("no such directory");
    Sandbox::list().client(client).metadata("run", SECRET).await.expect("a list");
    Sandbox::get(format!("sbx_{SECRET}_")).client(client).await.expect_err("no such sandbox");
    Sandbox::create(SECRET).client(client).await.expect_err("no such template");
    Sandbox::list().client(client).api_key(format!("ork_{SECRET}x")).await.expect_err("no key");
    sbx.pause().await.expect("paused");
    Sandbox::resume(sbx.id()).client(client).await.expect("resumed");
    sbx.terminate().await.expect("ended");
    support::eventually("nobody takes the delivery", async || {
        hook.refresh().await.expect("it is there");
        hook.last_error().is_some()
    })
    .await;
    hook.delete().await.expect("deleted");
    sbx.id().to_owned()
}

fn check(log: &str, id: &str) {
    assert!(!log.contains(SECRET) && !log.contains("whsec_"), "{log}");
    assert!(log.contains("not delivered"), "{log}");
    let lines = lines(log);
    for (method, route, status) in [
        ("POST", "/v1/sandboxes", 201),
        ("POST", "/v1/sandboxes/{id}/exec", 200),
        ("POST", "/v1/sandboxes/{id}/files", 201),
        ("GET", "/v1/sandboxes/{id}/files", 200),
        ("POST", "/v1/sandboxes/{id}/pause", 200),
        ("DELETE", "/v1/sandboxes/{id}", 204),
    ] {
        let line = find(
            &lines,
            &[
                ("message", "request".into()),
                ("method", method.into()),
                ("route", route.into()),
                ("status", status.into()),
                ("sandbox", id.into()),
            ],
        );
        assert!(line["request_id"].as_str().is_some_and(|id| id.starts_with("req_")), "{line}");
        assert!(line["duration_ms"].is_number() && line["level"] == "INFO", "{line}");
    }
    for (route, status) in [("/v1/sandboxes", 401), ("/v1/sandboxes", 422)] {
        find(&lines, &[("route", route.into()), ("status", status.into())]);
    }
    for change in ["sandbox created", "sandbox paused", "sandbox resumed", "sandbox terminated"] {
        find(&lines, &[("message", change.into()), ("sandbox", id.into())]);
    }
}

#[tokio::test]
async fn a_server_logs_to_the_subscriber_of_its_caller() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let scope = tracing::subscriber::set_default(subscriber);
    let server =
        LocalServer::builder().api_key(SECRET).key(ApiKey::new(SECRET)).start().await.expect("it");
    drop(scope);
    let id = use_it(&server.client()).await;
    server.fault(Fault::cut().on("list_sandboxes")).expect("a fault");
    let lost = http::call(&server, "GET", &format!("/v1/sandboxes?status={SECRET}"), "").await;
    assert_eq!(lost.raw, b"");
    http::call(&server, "GET", &format!("/{SECRET}"), "").await;
    server.shutdown().await;

    let log = String::from_utf8(log.0.lock().expect("no panic").clone()).expect("text");
    // The libraries below speak at trace level too; only ours is promised to be quiet.
    let ours: Vec<&str> = log.lines().filter(|line| line.contains("\"orkestr_local")).collect();
    let log = ours.join("\n");
    check(&log, &id);
    let lines = lines(&log);
    let lost = find(&lines, &[("message", "request without an answer".into())]);
    assert!(lost.get("status").is_none(), "{lost}");
    find(&lines, &[("route", "-".into()), ("status", 404.into())]);
}

#[tokio::test]
async fn the_program_logs_as_json_to_stderr() {
    let mut program = tokio::process::Command::new(env!("CARGO_BIN_EXE_orkestr-local"))
        .args(["--listen", "127.0.0.1:0", "--log", "json", "--read-only-key", "ork_ro"])
        .args(["--api-key", SECRET, "--max-concurrent", "1", "--request-rate", "1000/1000"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the program");
    let mut stdout = BufReader::new(program.stdout.take().expect("a pipe")).lines();
    let ready = stdout.next_line().await.expect("a line").expect("the ready line");
    let base_url = ready.strip_prefix("listening on ").expect("an address");
    let client = Client::builder().base_url(base_url).api_key(SECRET).build().expect("a client");
    let id = use_it(&client).await;
    Sandbox::list().client(&client).api_key("ork_ro").await.expect("it may read");
    let error = Sandbox::create("debian-12").client(&client).api_key("ork_ro").await;
    assert!(error.expect_err("it may only read").is_auth());
    let only = Sandbox::create("debian-12").client(&client).await.expect("room for one");
    let error = Sandbox::create("debian-12").client(&client).await.expect_err("no room");
    assert_eq!(error.code(), Some("session_cap_reached"));
    drop(only);

    let pid = program.id().expect("it runs").to_string();
    let kill = tokio::process::Command::new("kill").arg(&pid).status().await.expect("kill");
    assert!(kill.success());
    let mut log = String::new();
    program.stderr.take().expect("a pipe").read_to_string(&mut log).await.expect("text");
    assert!(program.wait().await.expect("an end").success());
    check(&log, &id);
}

#[tokio::test]
async fn the_program_refuses_what_it_cannot_read() {
    for arguments in [
        ["--log", "xml"],
        ["--log-level", "loud"],
        ["--sizes", "small,giant"],
        ["--max-concurrent", "-1"],
        ["--request-rate", "fast"],
        ["--request-rate", "1/x"],
        ["--trial-credit", "NaN"],
        ["--read-only-key", ""],
    ] {
        let program = tokio::process::Command::new(env!("CARGO_BIN_EXE_orkestr-local"))
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .await
            .expect("the program");
        assert_eq!(program.status.code(), Some(2), "{arguments:?}");
        assert!(!program.stderr.is_empty() && program.stdout.is_empty(), "{arguments:?}");
    }
}
