//! Webhooks whose receivers fail, are slow, lead elsewhere or are gone.

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use orkestr::{Client, ErrorKind, Sandbox, Webhook};
use orkestr_local::LocalServer;
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
    for _ in 0..5 {
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
    // Four attempts each, and then the next one.
    let distinct: BTreeSet<_> = deliveries.iter().collect();
    assert_eq!(distinct.len(), 5);
    deliveries.dedup();
    assert_eq!(deliveries.len(), 5);

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
    assert_eq!(quick.event().await, "sandbox.created");
    for _ in 0..10 {
        assert_eq!(quick.event().await, "sandbox.paused");
        assert_eq!(quick.event().await, "sandbox.resumed");
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
    assert_eq!(gone.event().await, "sandbox.paused");
    for hook in [&waiting, &under_way] {
        hook.delete().await.expect("deleted");
        hook.delete().await.expect("it is gone");
        let error = hook.enable().await.expect_err("gone");
        assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, Some("webhook_not_found")));
        assert_eq!(hook.refresh().await.expect_err("gone").kind(), ErrorKind::NotFound);
    }
    gone.given_up().await;
    gone.answer(Answer::Status(200));
    assert_eq!(kept.event().await, "sandbox.paused");
    // Time enough for a worker that is still there.
    for _ in 0..3 {
        server.advance(HOUR / 60).await;
        Sandbox::resume(sbx.id()).client(&client).await.expect("resumed");
        assert_eq!(kept.event().await, "sandbox.resumed");
        sbx.pause().await.expect("paused");
        assert_eq!(kept.event().await, "sandbox.paused");
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
