//! Webhooks: every event of a sandbox's life, delivered signed, once and in order; and their
//! management.

mod http;
mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use orkestr::{
    Client, ErrorKind, OnTimeout, Sandbox, SandboxStatus, Volume, Webhook,
    WebhookEventType as Event,
};
use orkestr_local::{ApiKey, LocalServer, Scope};
use serde_json::{Value, json};
use support::eventually;
use support::receiver::Receiver;

const HOUR: Duration = Duration::from_secs(3600);

async fn start() -> (LocalServer, Client) {
    let server = LocalServer::start().await.expect("a server");
    let client = server.client();
    (server, client)
}

async fn hook(client: &Client, receiver: &Receiver) -> Webhook {
    Webhook::create(receiver.url()).client(client).await.expect("a webhook")
}

async fn sandbox(client: &Client) -> Sandbox {
    Sandbox::create("debian-12").client(client).await.expect("a sandbox")
}

#[tokio::test]
async fn every_event_arrives_signed_once_and_in_order() {
    let (_server, client) = start().await;
    let mut receiver = Receiver::start().await;
    let hook = hook(&client, &receiver).await;
    let secret = hook.secret().expect("told once");

    let create = Sandbox::create("debian-12").client(&client).auto_resume(true).preview_auth(true);
    let sbx = create.env("KEY", "hush5309").metadata("run", "r_1").await.expect("a sandbox");
    sbx.pause().await.expect("paused");
    Sandbox::resume(sbx.id()).client(&client).await.expect("resumed");
    sbx.pause().await.expect("paused");
    sbx.exec("true").await.expect("resumed by itself");
    sbx.terminate().await.expect("terminated");
    sbx.terminate().await.expect("once more is nothing");

    let mut ids = BTreeSet::new();
    for (event, status, reason) in [
        (Event::SandboxCreated, SandboxStatus::Running, None),
        (Event::SandboxPaused, SandboxStatus::Paused, None),
        (Event::SandboxResumed, SandboxStatus::Running, None),
        (Event::SandboxPaused, SandboxStatus::Paused, None),
        (Event::SandboxResumed, SandboxStatus::Running, None),
        (Event::SandboxTerminated, SandboxStatus::Terminated, Some("requested")),
    ] {
        let call = receiver.next().await;
        assert_eq!(call.request_line, "POST /hooks?token=hush5309 HTTP/1.1");
        assert_eq!(call.header("content-type"), "application/json");
        assert_eq!(call.header("x-orkestr-event"), event.as_str());
        let told = call.verify(&secret).expect("signed");
        assert_eq!(*told.event_type(), event);
        assert_eq!(told.sandbox_id(), Some(sbx.id()));
        assert_eq!(told.delivery_id(), Some(call.header("x-orkestr-delivery")));
        assert!(ids.insert(told.delivery_id().map(str::to_owned)), "each has an id of its own");
        assert!(told.created_at() >= Some(sbx.created_at()), "{told:?}");
        let data = told.data();
        assert_eq!(data["status"], status.as_str());
        assert_eq!(data["metadata"], json!({"run": "r_1"}));
        assert_eq!(data.get("reason").and_then(Value::as_str), reason);
        assert_eq!(data.get("preview_auth_token"), None);
        assert!(!String::from_utf8_lossy(&call.body).contains("hush5309"));

        assert_eq!(
            call.verify(&"whsec_other".into()).expect_err("not so").kind(),
            ErrorKind::InvalidSignature
        );
        let mut other = call.clone();
        other.body.push(b' ');
        assert!(other.verify(&secret).is_err());
    }
    eventually("the last answer is counted", async || {
        hook.refresh().await.expect("it is there");
        hook.last_delivery_at().is_some()
    })
    .await;
    assert_eq!((hook.active(), hook.consecutive_failures()), (Some(true), Some(0)));
    assert_eq!((hook.last_error(), receiver.rest()), (None, vec![]));
}

#[tokio::test]
async fn a_lifetime_that_is_over_is_told_and_then_what_came_of_it() {
    let (server, client) = start().await;
    let mut receiver = Receiver::start().await;
    hook(&client, &receiver).await;
    let create = || Sandbox::create("debian-12").client(&client).timeout(HOUR);

    create().await.expect("a sandbox");
    server.advance(HOUR).await;
    for expected in ["sandbox.created", "sandbox.expired", "sandbox.terminated timeout"] {
        assert_eq!(receiver.event().await, expected);
    }

    let paused = create().on_timeout(OnTimeout::Pause).await.expect("a sandbox");
    server.advance(HOUR).await;
    paused.terminate().await.expect("terminated");
    for expected in
        ["sandbox.created", "sandbox.expired", "sandbox.paused", "sandbox.terminated requested"]
    {
        assert_eq!(receiver.event().await, expected);
    }
    assert_eq!(receiver.rest(), [""; 0]);
}

#[tokio::test]
async fn a_sandbox_whose_first_process_dies_is_told_of_once() {
    let program = support::program::Program::start();
    let client = program.client();
    let mut receiver = Receiver::start().await;
    hook(&client, &receiver).await;
    let sbx = sandbox(&client).await;
    let [first] = program.children()[..] else { panic!("one sandbox has one first process") };
    let first = nix::unistd::Pid::from_raw(first);
    nix::sys::signal::kill(first, nix::sys::signal::Signal::SIGKILL).expect("it runs");
    assert_eq!(receiver.event().await, "sandbox.created");
    assert_eq!(receiver.event().await, "sandbox.terminated failed");
    sbx.terminate().await.expect("it has ended");
    let sentinel = sandbox(&client).await;
    let call = receiver.next().await;
    assert_eq!(call.json()["sandbox_id"], sentinel.id());
}

/// What a receiver may see of one sandbox, as a state machine.
fn follows(before: &str, event: &str) -> bool {
    let event = event.trim_start_matches("sandbox.");
    match before {
        "" => event == "created",
        "created" | "resumed" => matches!(event, "paused" | "expired") || event.starts_with("term"),
        "expired" => event == "paused" || event.starts_with("term"),
        "paused" => event == "resumed" || event.starts_with("term"),
        _ => false,
    }
}

#[tokio::test]
async fn whatever_comes_at_once_is_told_in_one_possible_order() {
    let (server, client) = start().await;
    let mut receiver = Receiver::start().await;
    hook(&client, &receiver).await;
    let all = futures::future::join_all((0..8).map(|n| {
        let action = if n % 2 == 0 { OnTimeout::Kill } else { OnTimeout::Pause };
        let create = Sandbox::create("debian-12").client(&client).auto_resume(n % 3 == 0);
        create.timeout(HOUR / 60).on_timeout(action).into_future()
    }));
    let all: Vec<Sandbox> = all.await.into_iter().map(|one| one.expect("a sandbox")).collect();
    let storm = all.iter().flat_map(|sbx| {
        (0..8).map(|n| {
            let (server, client, sbx) = (&server, client.clone(), sbx.clone());
            async move {
                // Each may fail: another was faster.
                match n {
                    0 | 4 => drop(sbx.pause().await),
                    1 | 5 => drop(Sandbox::resume(sbx.id()).client(&client).await),
                    // Not waited for: in a sandbox that stays paused it does not end.
                    2 | 6 => drop(tokio::spawn(sbx.exec("true").into_future())),
                    3 => server.advance(HOUR / 120).await,
                    _ => drop(sbx.refresh().await),
                }
            }
        })
    });
    futures::future::join_all(storm).await;
    let twice = all.iter().chain(&all).map(|sbx| sbx.terminate());
    for ended in futures::future::join_all(twice).await {
        ended.expect("terminated");
    }

    let sentinel = sandbox(&client).await;
    let mut last = std::collections::BTreeMap::new();
    loop {
        let call = receiver.next().await;
        let id = call.json()["sandbox_id"].as_str().expect("an id").to_owned();
        let event = call.summary().replace("sandbox.", "");
        if id == sentinel.id() {
            break;
        }
        let before = last.insert(id, event.clone()).unwrap_or_default();
        assert!(follows(&before, &event), "{event} after {before}");
    }
    assert_eq!(last.len(), all.len());
    for (id, event) in last {
        assert!(event.starts_with("terminated"), "{id} ends with {event}");
    }
}

#[tokio::test]
async fn one_that_never_ran_is_not_told_of() {
    let builder = LocalServer::builder().transition_time(HOUR);
    let server = builder.start().await.expect("a server");
    let client = server.client();
    let mut receiver = Receiver::start().await;
    hook(&client, &receiver).await;
    let create = tokio::spawn(Sandbox::create("debian-12").client(&client).into_future());
    let mut starting = None;
    eventually("it starts", async || {
        starting = Sandbox::list().client(&client).await.expect("a list").pop();
        starting.is_some()
    })
    .await;
    starting.expect("one").terminate().await.expect("terminated");
    create.await.expect("no panic").expect_err("it was terminated");

    let create = tokio::spawn(Sandbox::create("debian-12").client(&client).into_future());
    eventually("it starts", async || {
        let list = Sandbox::list().client(&client).status(SandboxStatus::Starting).await;
        !list.expect("a list").is_empty()
    })
    .await;
    server.advance(HOUR).await;
    let sbx = create.await.expect("no panic").expect("a sandbox");
    assert_eq!(receiver.next().await.json()["sandbox_id"], sbx.id());
}

#[tokio::test]
async fn only_the_events_that_were_asked_for() {
    let (_server, client) = start().await;
    let (mut all, mut some) = (Receiver::start().await, Receiver::start().await);
    hook(&client, &all).await;
    let create = Webhook::create(some.url()).client(&client);
    let types = [Event::SandboxPaused, Event::VolumeMoved, Event::SandboxTerminated];
    let hook = create.event_types(types.clone()).await.expect("a webhook");
    assert_eq!(hook.event_types(), Some(types.to_vec()));

    let sbx = sandbox(&client).await;
    sbx.pause().await.expect("paused");
    Sandbox::resume(sbx.id()).client(&client).await.expect("resumed");
    sbx.terminate().await.expect("terminated");
    for expected in
        ["sandbox.created", "sandbox.paused", "sandbox.resumed", "sandbox.terminated requested"]
    {
        assert_eq!(all.event().await, expected);
    }
    assert_eq!(some.event().await, "sandbox.paused");
    assert_eq!(some.event().await, "sandbox.terminated requested");
    assert_eq!((all.rest(), some.rest()), (vec![], vec![]));
}

#[tokio::test]
async fn what_becomes_of_volumes_is_told() {
    let (server, client) = start().await;
    let mut receiver = Receiver::start().await;
    let hook = hook(&client, &receiver).await;
    let secret = hook.secret().expect("it was just created");
    let volume = Volume::create("v", 1).max_lifetime_hours(1).client(&client).await;
    let volume = volume.expect("created");
    volume.move_to("hel1").await.expect("moved");
    let moved = receiver.next().await.verify(&secret).expect("it is signed");
    assert_eq!(moved.event_type(), &Event::VolumeMoved);
    assert_eq!(moved.volume_id(), Some(volume.id()));
    assert_eq!(moved.data()["region"], "hel1");
    server.advance(HOUR).await;
    let expired = receiver.next().await.verify(&secret).expect("it is signed");
    assert_eq!(expired.event_type(), &Event::VolumeExpired);
    assert_eq!(expired.volume_id(), Some(volume.id()));
    assert_eq!(receiver.rest(), [""; 0]);
}

#[tokio::test]
async fn what_is_not_valid_is_named() {
    let (server, _client) = start().await;
    let refused = async |body: Value| {
        let path = "/v1/sandboxes/webhooks";
        let answer = http::call(&server, "POST", path, &body.to_string()).await;
        assert_eq!(answer.status, 422, "{}", answer.text());
        let problem: Value = serde_json::from_slice(&answer.body).expect("JSON");
        problem["detail"].as_array().expect("a list").iter().map(|one| one["loc"].clone()).collect()
    };
    let cases: [(Value, Vec<Value>); 8] = [
        (json!({}), vec![json!(["body", "url"])]),
        (json!({"url": 1}), vec![json!(["body", "url"])]),
        (json!({"url": "http://example.com/"}), vec![json!(["body", "url"])]),
        (json!({"url": "https://10.0.0.1/"}), vec![json!(["body", "url"])]),
        (json!({"url": "http://u:p@127.0.0.1/"}), vec![json!(["body", "url"])]),
        (
            json!({"url": "http://127.0.0.1/", "event_types": []}),
            vec![json!(["body", "event_types"])],
        ),
        (
            json!({"url": "http://127.0.0.1/", "event_types": ["sandbox.paused", "sandbox.born"]}),
            vec![json!(["body", "event_types", 1])],
        ),
        (
            json!({"url": "x", "event_types": ["y"]}),
            vec![json!(["body", "url"]), json!(["body", "event_types", 0])],
        ),
    ];
    for (body, expected) in cases {
        let places: Vec<Value> = refused(body.clone()).await;
        assert_eq!(places, expected, "{body}");
    }
}

#[tokio::test]
async fn on_the_wire_the_secret_is_shown_once_and_deleting_is_idempotent() {
    let server = LocalServer::builder()
        .key(ApiKey::new("ork_reader").scopes([Scope::SandboxesRead]))
        .start()
        .await
        .expect("a server");
    let path = "/v1/sandboxes/webhooks";
    let body = r#"{"url": "http://localhost:9/hooks", "event_types": null, "x": 1}"#;
    let created = http::call(&server, "POST", path, body).await;
    assert_eq!(created.status, 201, "{}", created.text());
    let created: Value = serde_json::from_slice(&created.body).expect("JSON");
    let (id, secret) = (created["id"].as_str().expect("an id"), &created["secret"]);
    assert!(id.starts_with("whk_") && secret.as_str().expect("text").starts_with("whsec_"));
    assert_eq!(created["active"], true);
    assert_eq!(created["url"], "http://localhost:9/hooks");

    for (key, method, status) in [("ork_reader", "POST", 403), ("ork_no", "GET", 401)] {
        let answer = http::call_with_key(&server, key, method, path, body).await;
        assert_eq!(answer.status, status);
    }
    let list = http::call_with_key(&server, "ork_reader", "GET", path, "").await;
    assert!(!list.text().contains("secret"), "{}", list.text());
    let list: Value = serde_json::from_slice(&list.body).expect("JSON");
    assert_eq!(list["webhooks"].as_array().expect("a list").len(), 1);
    assert_eq!(list["webhooks"][0]["id"], id);

    let enabled = http::call(&server, "POST", &format!("{path}/{id}/enable"), "").await;
    assert_eq!(enabled.status, 200);
    assert!(enabled.text().contains(id) && !enabled.text().contains("secret"));
    for _ in 0..2 {
        let deleted = http::call(&server, "DELETE", &format!("{path}/{id}"), "").await;
        assert_eq!((deleted.status, deleted.body), (204, vec![]));
    }
    let list = http::call(&server, "GET", path, "").await;
    assert_eq!(list.text(), r#"{"webhooks":[]}"#);
    for (method, path) in [
        ("DELETE", format!("{path}/whk_none")),
        ("POST", format!("{path}/{id}/enable")),
        ("POST", format!("{path}/whk_none/enable")),
    ] {
        assert_eq!(http::call(&server, method, &path, "").await.status, 404, "{path}");
    }
}
