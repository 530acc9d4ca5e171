//! Webhooks: every event of a sandbox's life, delivered signed, once and in order, to receivers
//! that are well, slow, failing or gone.

mod http;
mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use orkestr::{
    Client, ErrorKind, OnTimeout, Sandbox, SandboxStatus, Webhook, WebhookEventType as Event,
};
use orkestr_local::{ApiKey, LocalServer, Scope};
use serde_json::{Value, json};
use support::eventually;
use support::receiver::{Answer, Receiver};

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

/// Waits until the server has counted so many failures in a row.
async fn failures(hook: &Webhook, count: u64) {
    eventually("the failures", async || {
        hook.refresh().await.expect("it is there");
        hook.consecutive_failures() == Some(count)
    })
    .await;
}

/// What arrives next.
async fn next(receiver: &mut Receiver) -> String {
    receiver.next().await.summary()
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
        assert_eq!(next(&mut receiver).await, expected);
    }

    let paused = create().on_timeout(OnTimeout::Pause).await.expect("a sandbox");
    server.advance(HOUR).await;
    paused.terminate().await.expect("terminated");
    for expected in
        ["sandbox.created", "sandbox.expired", "sandbox.paused", "sandbox.terminated requested"]
    {
        assert_eq!(next(&mut receiver).await, expected);
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
    assert_eq!(next(&mut receiver).await, "sandbox.created");
    assert_eq!(next(&mut receiver).await, "sandbox.terminated failed");
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
        assert_eq!(next(&mut all).await, expected);
    }
    assert_eq!(next(&mut some).await, "sandbox.paused");
    assert_eq!(next(&mut some).await, "sandbox.terminated requested");
    assert_eq!((all.rest(), some.rest()), (vec![], vec![]));
}

#[tokio::test]
async fn a_failed_delivery_is_sent_again_with_its_id_and_holds_the_next_ones_back() {
    let (server, client) = start().await;
    let mut receiver = Receiver::start().await;
    let hook = hook(&client, &receiver).await;
    let secret = hook.secret().expect("told once");
    receiver.answer(Answer::Status(500));
    let sbx = sandbox(&client).await;
    sbx.pause().await.expect("paused");
    let first = receiver.next().await;
    failures(&hook, 1).await;
    assert_eq!(hook.last_error().as_deref(), Some("HTTP 500"));
    assert_eq!(hook.active(), Some(true));

    receiver.answer(Answer::Nothing);
    server.advance(HOUR).await;
    let second = receiver.next().await;
    failures(&hook, 2).await;
    assert!(hook.last_error().is_some_and(|error| error.contains("connection")), "{hook:?}");

    receiver.answer(Answer::Status(204));
    server.advance(HOUR).await;
    let third = receiver.next().await;
    for again in [&second, &third] {
        assert_eq!(again.body, first.body);
        for name in ["x-orkestr-event", "x-orkestr-delivery", "x-orkestr-signature"] {
            assert_eq!(again.header(name), first.header(name));
        }
        again.verify(&secret).expect("signed");
    }
    let next = receiver.next().await;
    assert_eq!(next.summary(), "sandbox.paused", "in the order of the events");
    assert_ne!(next.header("x-orkestr-delivery"), first.header("x-orkestr-delivery"));
    failures(&hook, 0).await;
    assert_eq!(hook.last_error(), None);
}

#[tokio::test]
async fn a_receiver_that_only_fails_is_switched_off_and_can_be_enabled() {
    let (server, client) = start().await;
    let mut receiver = Receiver::start().await;
    let hook = hook(&client, &receiver).await;
    receiver.answer(Answer::Status(503));
    for _ in 0..4 {
        sandbox(&client).await;
    }
    let mut deliveries = Vec::new();
    for count in 1..=20 {
        deliveries.push(receiver.next().await.header("x-orkestr-delivery").to_owned());
        eventually("it is counted", async || {
            hook.refresh().await.expect("it is there");
            // One more where a delivery was given up: the next one does not wait.
            hook.consecutive_failures() >= Some(count)
        })
        .await;
        server.advance(HOUR / 6).await;
    }
    assert_eq!((hook.active(), hook.consecutive_failures()), (Some(false), Some(20)));
    // Six attempts each, and then the next one.
    let distinct: BTreeSet<_> = deliveries.iter().collect();
    assert_eq!(distinct.len(), 4);
    deliveries.dedup();
    assert_eq!(deliveries.len(), 4);

    receiver.answer(Answer::Status(200));
    sandbox(&client).await;
    server.advance(HOUR / 6).await;
    hook.enable().await.expect("enabled");
    assert_eq!((hook.active(), hook.consecutive_failures()), (Some(true), Some(0)));
    assert_eq!(hook.last_error(), None);
    // What happened meanwhile is not told.
    let sbx = sandbox(&client).await;
    assert_eq!(receiver.next().await.json()["sandbox_id"], sbx.id());
}

#[tokio::test]
async fn a_slow_receiver_holds_up_nobody_else() {
    let (server, client) = start().await;
    let (mut slow, mut quick) = (Receiver::start().await, Receiver::start().await);
    slow.answer(Answer::Silence);
    let slow_hook = hook(&client, &slow).await;
    hook(&client, &quick).await;
    let sbx = sandbox(&client).await;
    let first = slow.next().await;
    for _ in 0..10 {
        sbx.pause().await.expect("paused");
        Sandbox::resume(sbx.id()).client(&client).await.expect("resumed");
    }
    assert_eq!(next(&mut quick).await, "sandbox.created");
    for _ in 0..10 {
        assert_eq!(next(&mut quick).await, "sandbox.paused");
        assert_eq!(next(&mut quick).await, "sandbox.resumed");
    }

    // The clock takes its patience away.
    server.advance(HOUR / 6).await;
    failures(&slow_hook, 1).await;
    assert_eq!(slow_hook.last_error().as_deref(), Some("no answer within 10 s"));
    server.advance(HOUR / 6).await;
    let again = slow.next().await;
    assert_eq!(again.header("x-orkestr-delivery"), first.header("x-orkestr-delivery"));
    // With a call under way, and others that wait.
    tokio::time::timeout(HOUR / 60, server.shutdown()).await.expect("it does not wait for it");
    assert_eq!(slow.rest(), [""; 0]);
}

#[tokio::test]
async fn a_deleted_webhook_is_called_no_more() {
    let (server, client) = start().await;
    let (mut gone, mut kept) = (Receiver::start().await, Receiver::start().await);
    let waiting = hook(&client, &gone).await;
    gone.answer(Answer::Status(500));
    let sbx = sandbox(&client).await;
    gone.next().await;
    failures(&waiting, 1).await;
    let under_way = hook(&client, &gone).await;
    hook(&client, &kept).await;
    gone.answer(Answer::Silence);
    sbx.pause().await.expect("paused");
    assert_eq!(next(&mut gone).await, "sandbox.paused");
    for hook in [&waiting, &under_way] {
        hook.delete().await.expect("deleted");
        hook.delete().await.expect("it is gone");
        let error = hook.enable().await.expect_err("gone");
        assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, Some("webhook_not_found")));
        assert_eq!(hook.refresh().await.expect_err("gone").kind(), ErrorKind::NotFound);
    }
    gone.given_up().await;
    gone.answer(Answer::Status(200));
    assert_eq!(next(&mut kept).await, "sandbox.paused");
    // Time enough for a worker that is still there.
    for _ in 0..3 {
        server.advance(HOUR / 60).await;
        Sandbox::resume(sbx.id()).client(&client).await.expect("resumed");
        assert_eq!(next(&mut kept).await, "sandbox.resumed");
        sbx.pause().await.expect("paused");
        assert_eq!(next(&mut kept).await, "sandbox.paused");
    }
    assert_eq!(gone.rest(), [""; 0]);
}

#[tokio::test]
async fn redirects_are_not_followed_and_nobody_there_is_a_failure() {
    let (server, client) = start().await;
    let (mut receiver, mut elsewhere) = (Receiver::start().await, Receiver::start().await);
    receiver.answer(Answer::Redirect(elsewhere.url()));
    let redirected = hook(&client, &receiver).await;
    let nobody = Receiver::start().await;
    let unreachable = hook(&client, &nobody).await;
    drop(nobody);
    let plain = receiver.url().replace("http:", "https:");
    let no_tls = Webhook::create(plain).client(&client).await.expect("https is accepted");
    sandbox(&client).await;
    for hook in [&redirected, &unreachable, &no_tls] {
        failures(hook, 1).await;
        let error = hook.last_error().expect("a reason");
        assert!(!error.contains("hush5309") && !error.contains("127.0.0.1"), "{error}");
    }
    let error = redirected.last_error().expect("a reason");
    assert_eq!(error, "HTTP 302, and redirects are not followed");
    assert!(unreachable.last_error().expect("a reason").starts_with("no connection: "));
    assert!(no_tls.last_error().expect("a reason").starts_with("no connection: "));
    receiver.answer(Answer::Status(200));
    server.advance(HOUR).await;
    failures(&redirected, 0).await;
    assert_eq!(receiver.next().await.json(), receiver.next().await.json());
    assert_eq!(elsewhere.rest(), [""; 0]);
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
