//! What becomes of a webhook's deliveries, without a network.

use orkestr::verify_webhook_signature;
use proptest::prelude::*;

use super::super::target::Target;
use super::*;

fn hook() -> Hook {
    let receiver = Target::check("http://127.0.0.1:9/").expect("loopback").connect();
    let body = types::CreateWebhookRequest::default();
    Hook::new(receiver.expect("a client"), body, Clock::new()).expect("random bytes")
}

fn delivery(n: usize) -> Delivery {
    Delivery::new(format!("dlv_{n}"), WebhookEventType::SandboxCreated, vec![])
}

fn failed() -> Result<(), String> {
    Err("HTTP 500".to_owned())
}

#[test]
fn a_secret_is_random_and_never_shown() {
    let (one, other) = (hook(), hook());
    assert_ne!(one.secret(), other.secret());
    let secret = one.secret().expose();
    assert_eq!(secret.len(), "whsec_".len() + 64);
    assert!(!format!("{one:?}").contains(&secret[6..]));
    assert_eq!(one.view().secret, None);
}

#[test]
fn a_delivery_is_tried_again_and_then_given_up() {
    let hook = hook();
    let before = hook.clock.now();
    for (attempt, seconds) in WAITS.into_iter().enumerate() {
        let Next::Again(at) = hook.record(&delivery(0), attempt, failed()) else {
            panic!("given up after attempt {attempt}");
        };
        let wait = Duration::from_secs(seconds);
        assert!(at >= before + wait && at <= hook.clock.now() + wait);
    }
    assert_eq!(hook.record(&delivery(0), WAITS.len(), failed()), Next::GiveUp);
    let view = hook.view();
    assert_eq!((view.active, view.consecutive_failures), (Some(true), Some(Integer(4))));
    assert_eq!(view.last_error.as_deref(), Some("HTTP 500"));
    assert!(view.last_delivery_at.is_some());

    assert_eq!(hook.record(&delivery(1), 0, Ok(())), Next::Done);
    let view = hook.view();
    assert_eq!((view.consecutive_failures, view.last_error), (Some(Integer(0)), None));
}

#[test]
fn failures_in_a_row_switch_it_off_and_enabling_forgets_them() {
    let hook = hook();
    hook.queue(delivery(1));
    for n in 1..MOST_FAILURES {
        assert_ne!(hook.record(&delivery(0), 0, failed()), Next::GiveUp, "{n}");
    }
    assert!(hook.wants(&WebhookEventType::SandboxCreated));
    assert_eq!(hook.record(&delivery(0), 0, failed()), Next::GiveUp);
    assert_eq!(hook.view().active, Some(false));
    assert!(!hook.wants(&WebhookEventType::SandboxCreated));
    assert!(hook.state().waiting.is_empty(), "what happened before is not told later");

    let view = hook.enable();
    assert_eq!((view.active, view.consecutive_failures), (Some(true), Some(Integer(0))));
    assert_eq!(view.last_error, None);
    assert!(hook.wants(&WebhookEventType::SandboxCreated));
}

#[test]
fn no_more_waits_than_there_is_room_for() {
    let hook = hook();
    for n in 0..MOST_WAITING + 5 {
        hook.queue(delivery(n));
    }
    let state = hook.state();
    assert_eq!(state.waiting.len(), MOST_WAITING);
    assert_eq!(state.waiting.front().map(|one| one.id.as_str()), Some("dlv_0"));
}

#[test]
fn what_is_signed_here_is_verified_there() {
    let hook = hook();
    proptest!(|(body: Vec<u8>)| {
        let signature = hook.signature(&body);
        prop_assert!(verify_webhook_signature(hook.secret(), &body, signature.as_str()));
        prop_assert!(!verify_webhook_signature("whsec_other", &body, signature.as_str()));
    });
}
