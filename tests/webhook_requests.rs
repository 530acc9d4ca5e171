//! The shape of every request about webhooks, and what is made of the answers.

mod support;

use insta::assert_json_snapshot;
use orkestr::{Client, ErrorKind, RetryPolicy, Webhook, WebhookEvent, WebhookEventType};
use serde_json::{Value, json};
use support::{Answer, Recorder};

const ID: &str = "whk_01JCX0AN6SE0ZBGJ09TQM83XSS";
const URL: &str = "https://agents.acme.dev/hooks/orkestr?token=hidden";

fn webhook() -> Value {
    json!({
        "id": ID, "url": URL, "event_types": ["sandbox.expired", "x-future"], "active": false,
        "consecutive_failures": 20, "last_delivery_at": "2026-08-03T09:24:08Z",
        "last_error": "HTTP 500", "created_at": "2026-08-01T08:00:00+00:00", "x": 1,
    })
}

fn created() -> Value {
    let mut created = webhook();
    created["secret"] = json!("whsec_4f1a9c0be27d4c55");
    created
}

fn list() -> Value {
    json!({"webhooks": [{"id": "whk_other", "url": URL}, webhook()]})
}

/// A webhook whose further calls get `answers`.
async fn existing(answers: impl IntoIterator<Item = Answer>) -> (Recorder, Webhook) {
    let recorder =
        Recorder::start(std::iter::once(Answer::json(200, &list())).chain(answers)).await;
    let hook = Webhook::get(ID).client(&recorder.client()).await.expect("found");
    (recorder, hook)
}

#[tokio::test]
async fn create() {
    let recorder = Recorder::start([Answer::json(201, &created())]).await;
    let hook = Webhook::create(URL).client(&recorder.client()).await.expect("created");
    let secret = hook.secret().expect("told once");
    assert_eq!(secret.expose(), "whsec_4f1a9c0be27d4c55");
    let shown = format!("{hook:?} {:?} {:?}", hook.info(), Webhook::create(URL));
    assert!(!shown.contains("4f1a9c0be27d4c55") && !shown.contains("hidden"), "{shown}");
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn create_with_everything() {
    let recorder = Recorder::start([Answer::json(201, &created())]).await;
    let create = Webhook::create(URL)
        .event_types([WebhookEventType::SandboxCreated, "x.future".into()])
        .client(&recorder.client());
    create.await.expect("created");
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn list_and_every_field() {
    let recorder = Recorder::start([Answer::json(200, &list())]).await;
    let call = Webhook::list().api_key(support::KEY).base_url(recorder.base_url());
    let hooks = call.await.expect("listed");
    let [bare, hook] = hooks.as_slice() else { panic!("two of them: {hooks:?}") };
    assert_eq!((bare.id(), bare.event_types(), bare.active()), ("whk_other", None, None));
    assert_eq!((hook.id(), hook.url().as_str(), hook.active()), (ID, URL, Some(false)));
    let types = hook.event_types().expect("two");
    assert_eq!(types[0], WebhookEventType::SandboxExpired);
    assert_eq!(types[1], "x-future");
    assert_eq!(hook.consecutive_failures(), Some(20));
    assert_eq!(hook.last_error().as_deref(), Some("HTTP 500"));
    assert_eq!(hook.last_delivery_at().expect("called").to_string(), "2026-08-03T09:24:08Z");
    assert_eq!(hook.created_at().expect("created").to_string(), "2026-08-01T08:00:00Z");
    assert_eq!(hook.secret(), None);
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn get_and_refresh_are_the_list() {
    let (recorder, hook) = existing([Answer::json(200, &list())]).await;
    hook.refresh().await.expect("still there");
    let requests = recorder.requests();
    assert_eq!(requests[0], requests[1]);
    let error = Webhook::get("whk_none").client(&recorder.client()).await.expect_err("none");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.message().contains("whk_none"), "{error}");
    assert_eq!(recorder.requests().len(), 3);
    for bad in ["", "..", "a/b"] {
        let error = Webhook::get(bad).client(&recorder.client()).await.expect_err(bad);
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(recorder.requests().len(), 3);
}

#[tokio::test]
async fn enable() {
    let mut enabled = webhook();
    enabled["active"] = json!(true);
    let (recorder, hook) = existing([Answer::json(200, &enabled)]).await;
    hook.enable().await.expect("enabled");
    assert_eq!(hook.active(), Some(true));
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn enable_with_another_answer_asks_for_the_state() {
    for answer in [Answer::empty(200), Answer::json(200, &json!({"status": "ok"}))] {
        let (recorder, hook) = existing([answer, Answer::json(200, &list())]).await;
        hook.enable().await.expect("enabled");
        assert_eq!(hook.active(), Some(false), "as the list says");
        assert_eq!(recorder.requests().len(), 3);
    }
    let (recorder, hook) = existing([Answer::empty(404)]).await;
    assert_eq!(hook.enable().await.expect_err("gone").kind(), ErrorKind::NotFound);
    assert_eq!(recorder.requests().len(), 2);
}

#[tokio::test]
async fn delete() {
    let (recorder, hook) = existing([Answer::empty(204), Answer::empty(404)]).await;
    hook.delete().await.expect("deleted");
    assert_json_snapshot!(recorder.request());
    hook.delete().await.expect("gone is deleted");
    assert_eq!(hook.active(), Some(false));
}

#[tokio::test]
async fn only_what_is_safe_is_sent_again() {
    let policy = RetryPolicy::transient().initial_delay(std::time::Duration::ZERO);
    let patient = |recorder: &Recorder| {
        let client = Client::builder().api_key(support::KEY).base_url(recorder.base_url());
        client.transient_retry(policy).build().expect("a client")
    };
    let broken = || Answer::empty(503);

    let recorder = Recorder::start([broken(), Answer::json(201, &created())]).await;
    Webhook::create(URL).client(&patient(&recorder)).await.expect_err("once");
    assert_eq!(recorder.requests().len(), 1);

    let recorder = Recorder::start([
        broken(),
        Answer::json(200, &list()),
        broken(),
        Answer::empty(204),
        broken(),
        Answer::json(200, &webhook()),
    ])
    .await;
    let hook = Webhook::get(ID).client(&patient(&recorder)).await.expect("found");
    hook.delete().await.expect("deleted");
    assert_eq!(recorder.requests().len(), 4);
    hook.enable().await.expect_err("once");
    assert_eq!(recorder.requests().len(), 5);
}

#[tokio::test]
async fn failures_speak_of_the_webhook() {
    let issue = json!([{"loc": ["body", "url"], "msg": "private", "type": "value_error"}]);
    for (status, detail, kind, message) in [
        (404, json!("no"), ErrorKind::NotFound, "no"),
        (409, json!("no"), ErrorKind::Conflict, "no"),
        (403, json!("no"), ErrorKind::Auth, "no"),
        (422, issue, ErrorKind::Api, "url: private"),
    ] {
        let recorder = Recorder::start([Answer::json(status, &json!({"detail": detail}))]).await;
        let error = Webhook::create(URL).client(&recorder.client()).await.expect_err("a failure");
        assert_eq!((error.kind(), error.message()), (kind, message), "{status}");
    }
}

#[test]
fn the_delivery_of_the_contract_is_read() {
    let contract: Value =
        yaml::from_str(include_str!("../openapi.yaml")).expect("the contract is YAML");
    let delivery = &contract["paths"]["/v1/sandboxes/webhooks"]["post"]["callbacks"]["delivery"];
    let delivery = &delivery["{$request.body#/url}"]["post"];
    let headers = delivery["parameters"].as_array().expect("headers").iter();
    let headers: Vec<(&str, &str)> = headers
        .map(|one| (one["name"].as_str().expect("text"), one["example"].as_str().expect("text")))
        .collect();
    let names: Vec<String> = headers.iter().map(|(name, _)| name.to_lowercase()).collect();
    let (event, delivery_id) = (WebhookEvent::EVENT_HEADER, WebhookEvent::DELIVERY_HEADER);
    assert_eq!(names, [event, delivery_id, WebhookEvent::SIGNATURE_HEADER]);
    let body = &delivery["requestBody"]["content"]["application/json"]["example"];
    // Its signature is of no known secret.
    let parse =
        |body: &Value| WebhookEvent::parse_unverified(headers.clone(), body.to_string().as_bytes());
    let event = parse(body).expect("an event");
    assert_eq!(*event.event_type(), WebhookEventType::SandboxTerminated);
    assert_eq!(event.delivery_id(), body["delivery_id"].as_str());
    assert_eq!(event.sandbox_id(), body["sandbox_id"].as_str());
    assert!(event.created_at().is_some());
    assert_eq!(*event.data(), body["data"]);

    let mut newer = body.clone();
    newer["event"] = json!("x.future");
    newer["x_future"] = json!({"deep": ["er"]});
    assert_eq!(parse(&newer).expect("an event").event_type().as_str(), "x.future");
    let mut nulls = body.clone();
    for value in nulls.as_object_mut().expect("an object").values_mut() {
        *value = Value::Null;
    }
    for bare in [nulls, json!({})] {
        let event = parse(&bare).expect("an event");
        assert_eq!(*event.event_type(), WebhookEventType::SandboxTerminated);
        assert_eq!((event.sandbox_id(), event.created_at()), (None, None));
    }
}

#[tokio::test]
async fn an_id_that_would_lead_elsewhere_is_no_answer() {
    let bad = json!({"webhooks": [{"id": "..", "url": URL}]});
    let recorder = Recorder::start([Answer::json(200, &bad)]).await;
    let error = Webhook::list().client(&recorder.client()).await.expect_err("no id");
    assert_eq!(error.kind(), ErrorKind::Decode);
}
