//! Deliveries in every form that a body may have.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::verify_webhook_signature;

const SECRET: &str = "whsec_4f1a9c0be27d4c55";
const NO_HEADERS: [(&str, &str); 0] = [];

// As the contract's example, signed by Python.
const BODY: &str = r#"{"event":"sandbox.terminated","delivery_id":"dlv_1","created_at":"2026-08-03T09:24:07Z","sandbox_id":"sbx_1","data":{"reason":"timeout"}}"#;
const SIGNATURE: &str = "sha256=0401e8430517c5fbdaba133a4e4515833738b56facaba6971ae815dbf121e1d4";

fn parse(body: &Value) -> WebhookEvent {
    let body = body.to_string();
    WebhookEvent::parse_unverified(NO_HEADERS, body.as_bytes()).expect("an event")
}

#[test]
fn a_signed_delivery_is_read_and_anything_else_is_not() {
    let headers = [("X-Orkestr-Signature", SIGNATURE), ("X-Orkestr-Event", "volume.moved")];
    let event = WebhookEvent::verify(SECRET, headers, BODY.as_bytes()).expect("signed");
    // The body is signed, the header is not.
    assert_eq!(*event.event_type(), WebhookEventType::SandboxTerminated);
    assert_eq!(event.delivery_id(), Some("dlv_1"));
    assert_eq!(event.sandbox_id(), Some("sbx_1"));
    assert_eq!(event.created_at().expect("a time").to_string(), "2026-08-03T09:24:07Z");
    assert_eq!(*event.data(), json!({"reason": "timeout"}));
    assert_eq!(event.body()["data"], json!({"reason": "timeout"}));

    let upper = SIGNATURE.to_ascii_uppercase();
    for (headers, message) in [
        (vec![], "no header"),
        (vec![("X-Orkestr-Signatures", SIGNATURE)], "no header"),
        (vec![("x-orkestr-signature", SIGNATURE); 2], "more than one"),
        (vec![("x-orkestr-signature", upper.as_str())], "lowercase"),
        (vec![("x-orkestr-signature", "")], "lowercase"),
    ] {
        let refused = WebhookEvent::verify(SECRET, headers.clone(), BODY.as_bytes());
        let error = refused.expect_err(message);
        assert_eq!(error.kind(), ErrorKind::InvalidSignature, "{headers:?}");
        assert!(error.message().contains(message), "{error}");
    }
    let headers = [("x-orkestr-signature", SIGNATURE)];
    for (secret, body) in [("whsec_other", BODY), (SECRET, "{}"), (SECRET, "")] {
        let error = WebhookEvent::verify(secret, headers, body.as_bytes()).expect_err("other");
        assert_eq!(error.kind(), ErrorKind::InvalidSignature);
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("whsec_") && !shown.contains(&SIGNATURE[7..]), "{shown}");
    }
    let error = WebhookEvent::verify(" ", headers, BODY.as_bytes()).expect_err("no secret");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn headers_of_any_shape() {
    let mut map = reqwest::header::HeaderMap::new();
    map.insert("x-orkestr-signature", SIGNATURE.parse().expect("a value"));
    assert!(WebhookEvent::verify(SECRET, &map, BODY.as_bytes()).is_ok());
    let map = std::collections::HashMap::from([(
        "X-ORKESTR-SIGNATURE".to_owned(),
        SIGNATURE.as_bytes().to_vec(),
    )]);
    let secret = Secret::new(SECRET);
    assert!(WebhookEvent::verify(&secret, &map, BODY.as_bytes()).is_ok());
    assert!(WebhookEvent::verify(secret, map, BODY.as_bytes()).is_ok());
}

#[test]
fn every_plausible_form_of_a_body() {
    for body in [
        json!({"event": "sandbox.created", "id": "evt_1", "created_at": "2026-08-03T09:24:07Z",
            "sandbox_id": "sbx_1"}),
        json!({"type": "sandbox.created", "delivery_id": "evt_1",
            "timestamp": "2026-08-03T09:24:07+00:00", "data": {"sandbox_id": "sbx_1"}}),
        json!({"event_type": "sandbox.created", "event_id": "evt_1", "timestamp": 1_785_749_047,
            "data": {"id": "sbx_1", "status": "running"}}),
        json!({"type": "sandbox.created", "id": "evt_1", "created": 1_785_749_047_000_i64,
            "data": {"object": {"id": "sbx_1"}}}),
        json!({"type": "event", "event": {"type": "sandbox.created", "id": "evt_1",
            "created_at": "2026-08-03T09:24:07Z", "data": {"sandbox": {"id": "sbx_1"}}}}),
        json!({"event": "sandbox.created", "delivery": "evt_1", "occurred_at": "1785749047",
            "sandbox": {"id": "sbx_1"}, "payload": {}}),
        json!({"event": "sandbox.created", "delivery_id": "evt_1", "id": "sbx_1",
            "time": 1_785_749_047.0, "sandbox": null, "data": null}),
    ] {
        let event = parse(&body);
        assert_eq!(*event.event_type(), WebhookEventType::SandboxCreated, "{body}");
        assert_eq!(event.delivery_id(), Some("evt_1"), "{body}");
        assert_eq!(event.sandbox_id(), Some("sbx_1"), "{body}");
        assert_eq!((event.volume_id(), event.template_id()), (None, None), "{body}");
        let time = event.created_at().expect("a time").to_string();
        assert_eq!(time, "2026-08-03T09:24:07Z", "{body}");
        assert_eq!(*event.body(), body);
    }
    let moved = parse(&json!({"event": "volume.moved", "data": {"id": "vol_1", "region": "hel1"}}));
    assert_eq!((moved.volume_id(), moved.sandbox_id()), (Some("vol_1"), None));
    let built = parse(&json!({"event": "template.build_finished", "template_id": "tmpl_1"}));
    assert_eq!(built.template_id(), Some("tmpl_1"));
    // A sandbox has a template too, but by its name.
    let named = parse(&json!({"event": "sandbox.created", "data": {"template": "node-22"}}));
    assert_eq!(named.template_id(), None);
}

#[test]
fn what_the_body_lacks_the_headers_tell() {
    let headers = [("X-ORKESTR-EVENT", "sandbox.paused"), ("x-orkestr-delivery", "dlv_7")];
    let body = br#"{"id": "sbx_1", "status": "paused", "type": "sandbox"}"#;
    let event = WebhookEvent::parse_unverified(headers, body).expect("an event");
    assert_eq!(*event.event_type(), WebhookEventType::SandboxPaused);
    assert_eq!((event.delivery_id(), event.sandbox_id()), (Some("dlv_7"), Some("sbx_1")));
    assert_eq!(*event.data(), *event.body());
    let event = WebhookEvent::parse_unverified(NO_HEADERS, body).expect("an event");
    assert_eq!((event.event_type().as_str(), event.delivery_id()), ("sandbox", None));
}

#[test]
fn unknown_events_are_kept_and_bodies_without_one_are_refused() {
    let event = parse(&json!({"event": "sandbox.teleported", "x": [1]}));
    assert_eq!(event.event_type().as_str(), "sandbox.teleported");
    assert!(matches!(event.event_type(), WebhookEventType::Unknown(_)));
    for bad in ["", "{", "[]", "\"sandbox.created\"", "null", "{}", r#"{"event": 1}"#] {
        let error = WebhookEvent::parse_unverified(NO_HEADERS, bad.as_bytes()).expect_err(bad);
        assert_eq!(error.kind(), ErrorKind::Decode, "{bad}");
    }
}

#[test]
fn times_out_of_all_bounds_are_none() {
    for time in [json!(-1), json!(1e300), json!("soon"), json!([]), json!("NaN"), json!("1e400")] {
        let event = parse(&json!({"event": "sandbox.created", "created_at": time}));
        assert_eq!(event.created_at(), None, "{time}");
    }
}

#[test]
fn debug_shows_no_content() {
    let event = parse(&json!({"event": "sandbox.created", "data": {"metadata": {"a": "hidden"}}}));
    assert!(!format!("{event:?}").contains("hidden"), "{event:?}");
}

fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof!["[a-z_.]{0,20}", any::<String>()];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        // Such as survive JSON to the last bit.
        any::<i32>().prop_map(|n| Value::from(f64::from(n) / 4.0)),
        any::<i64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    let name = prop::sample::select(vec![
        "event",
        "type",
        "id",
        "data",
        "object",
        "sandbox",
        "sandbox_id",
        "created_at",
        "time",
        "x",
    ]);
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.clone().prop_map(str::to_owned), inner, 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_body_panics(body in any_json(), raw: Vec<u8>, headers: Vec<(String, Vec<u8>)>) {
        let text = body.to_string();
        let read = WebhookEvent::parse_unverified(headers.clone(), text.as_bytes());
        if let Ok(event) = read {
            prop_assert_eq!(event.body(), &body);
        }
        drop(WebhookEvent::parse_unverified(headers.clone(), &raw));
        prop_assert!(WebhookEvent::verify(SECRET, headers, &raw).is_err());
    }

    #[test]
    fn an_event_is_given_exactly_where_the_signature_holds(
        body in prop::sample::select(vec![BODY, "{}", r#"{"event":"sandbox.created"}"#]),
        signature in prop::sample::select(vec![SIGNATURE, "", "sha256=00"]),
        secret in prop::sample::select(vec![SECRET, "whsec_other"]),
    ) {
        let given = WebhookEvent::verify(secret, [("x-orkestr-signature", signature)], body.as_bytes());
        prop_assert_eq!(given.is_ok(), verify_webhook_signature(secret, body.as_bytes(), signature));
    }
}
