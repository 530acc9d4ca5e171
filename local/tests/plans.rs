//! Every limit of a plan and every scope of a key, reached for real.

use std::time::Duration;

use orkestr::{Client, Error, ErrorKind, RetryPolicy, Sandbox, SandboxStatus};
use orkestr_local::{ApiKey, LocalServer, Plan, Scope};

async fn server(plan: Plan) -> (LocalServer, Client) {
    let server = LocalServer::builder().plan(plan).start().await.expect("a server");
    let client = impatient(&server, server.api_key().expose());
    (server, client)
}

/// Never tries again.
fn impatient(server: &LocalServer, key: &str) -> Client {
    let never = RetryPolicy::none();
    let builder = Client::builder().base_url(server.base_url()).api_key(key);
    builder.transient_retry(never).fleet_full_retry(never).build().expect("a client")
}

fn is(error: &Error, kind: ErrorKind, status: u16, code: Option<&str>) {
    assert_eq!((error.kind(), error.status(), error.code()), (kind, Some(status), code), "{error}");
}

#[tokio::test]
async fn what_is_too_large_for_the_plan_is_refused_and_what_is_open_is_fitted() {
    let plan =
        Plan::unlimited().name("hobby").sizes(["small"]).max_timeout(Duration::from_secs(60));
    let (_server, client) = server(plan.custom_egress_allowlist(false)).await;
    let create = || Sandbox::create("debian-12").client(&client);

    let error = create().size("large").await.expect_err("too large");
    is(&error, ErrorKind::PlanLimit, 403, Some("plan_limit"));
    assert!(error.message().contains("'large'") && error.message().contains("small"), "{error}");
    for request in [create().cpu(2.0), create().memory_mb(2048)] {
        let error = request.await.expect_err("too large");
        is(&error, ErrorKind::PlanLimit, 403, Some("plan_limit"));
    }
    let error = create().network("restricted").allow_domains(["a.example"]).await;
    is(&error.expect_err("a list"), ErrorKind::PlanLimit, 403, Some("plan_limit"));
    let error = create().timeout(Duration::from_secs(61)).await.expect_err("too long");
    is(&error, ErrorKind::PlanLimit, 403, Some("lifetime_cap_reached"));

    let sbx = create().await.expect("what the plan has");
    assert_eq!((sbx.cpu(), sbx.memory_mb()), (1.0, 1024));
    let error = sbx.set_timeout(Duration::from_secs(61)).await.expect_err("too long");
    is(&error, ErrorKind::PlanLimit, 403, Some("lifetime_cap_reached"));
    sbx.set_timeout(Duration::from_secs(60)).await.expect("just fits");
    create().size("small").cpu(0.5).await.expect("less than the plan has");
}

#[tokio::test]
async fn running_sandboxes_are_counted() {
    let (_server, client) = server(Plan::unlimited().max_concurrent(2)).await;
    let create = || Sandbox::create("debian-12").client(&client);
    // At the same time: no two of them can take the last place.
    let results = futures::future::join_all((0..6).map(|_| async { create().await })).await;
    let (running, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!((running.len(), refused.len()), (2, 4));
    for error in refused.into_iter().filter_map(Result::err) {
        is(&error, ErrorKind::PlanLimit, 429, Some("session_cap_reached"));
    }
    let mut running = running.into_iter().filter_map(Result::ok);
    let (first, second) = (running.next().expect("one"), running.next().expect("two"));

    // A paused one gives its place away, and needs one to come back.
    let id = first.pause().await.expect("a pause");
    let third = create().await.expect("room");
    let error = Sandbox::resume(&id).client(&client).await.expect_err("no room");
    is(&error, ErrorKind::PlanLimit, 429, Some("session_cap_reached"));
    assert_eq!(
        Sandbox::get(&id).client(&client).await.expect("it").status(),
        SandboxStatus::Paused
    );
    second.terminate().await.expect("an end");
    second.terminate().await.expect("ends once");
    let first = Sandbox::resume(&id).client(&client).await.expect("room");
    assert!(create().await.is_err(), "an end that is told twice counts once");
    first.terminate().await.expect("an end");
    third.terminate().await.expect("an end");
    create().await.expect("room");
    // What was refused for another reason took no place.
    create().timeout(Duration::from_secs(1)).await.expect_err("not valid");
    create().await.expect("room");
}

#[tokio::test]
async fn a_pause_that_is_refused_changes_nothing() {
    let (_server, client) = server(Plan::unlimited().max_concurrent(1).max_snapshots(0)).await;
    let create = || Sandbox::create("debian-12").client(&client);
    let sbx = create().await.expect("room");
    let error = sbx.pause().await.expect_err("no snapshots");
    is(&error, ErrorKind::SnapshotCapReached, 409, Some("snapshot_cap_reached"));
    assert_eq!(sbx.exec("echo runs on").await.expect("output").stdout, "runs on\n");
    assert!(create().await.is_err());
    sbx.terminate().await.expect("an end");
    create().await.expect("room");
}

#[tokio::test]
async fn paused_sandboxes_are_the_snapshots_that_are_kept() {
    let (_server, client) = server(Plan::unlimited().max_snapshots(1)).await;
    let create = || Sandbox::create("debian-12").client(&client);
    let (a, b) = (create().await.expect("a"), create().await.expect("b"));
    let id = a.pause().await.expect("room");
    let error = b.pause().await.expect_err("no room");
    is(&error, ErrorKind::SnapshotCapReached, 409, Some("snapshot_cap_reached"));
    assert!(error.is_plan_limit());
    b.refresh().await.expect("it is there");
    assert_eq!(b.status(), SandboxStatus::Running);

    Sandbox::resume(&id).client(&client).await.expect("resumed");
    b.pause().await.expect("room again");
    b.terminate().await.expect("an end while paused");
    a.pause().await.expect("room again");
}

#[tokio::test]
async fn a_full_fleet_is_waited_for() {
    let plan = Plan::unlimited().fleet_capacity(1).fleet_retry_after(Duration::from_millis(6500));
    let (_server, client) = server(plan).await;
    let sbx = Sandbox::create("debian-12").client(&client).await.expect("room");
    let error = Sandbox::create("debian-12").client(&client).await.expect_err("full");
    is(&error, ErrorKind::FleetFull, 503, Some("fleet_full_retry"));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));

    let patient = RetryPolicy::fleet_full().max_retries(u32::MAX).max_delay(Duration::ZERO);
    let second = Sandbox::create("debian-12").client(&client).fleet_full_retry(patient);
    let (second, ended) = tokio::join!(second.into_future(), sbx.terminate());
    ended.expect("an end");
    second.expect("the place that came free");
}

#[tokio::test]
async fn requests_above_the_rate_wait_as_long_as_they_are_told() {
    // So slow that no token comes while the test runs.
    let (server, client) = server(Plan::unlimited().request_rate(0.001, 3)).await;
    for _ in 0..3 {
        Sandbox::list().client(&client).await.expect("a token");
    }
    let error = Sandbox::list().client(&client).await.expect_err("no token");
    is(&error, ErrorKind::RateLimit, 429, None);
    let wait = error.retry_after().expect("a wait").as_secs();
    assert!((900..=1000).contains(&wait), "{wait}");
    // A wrong key costs nothing and gets no other answer.
    let wrong = impatient(&server, "ork_wrong");
    is(&Sandbox::list().client(&wrong).await.expect_err("wrong"), ErrorKind::Auth, 401, None);
}

#[tokio::test]
async fn running_uses_the_trial_credit_up() {
    // Any time at all costs more than this.
    let plan = Plan::unlimited().trial_credit(1e-15);
    let (server, client) = server(plan).await;
    let sbx = Sandbox::create("debian-12").client(&client).await.expect("credit");
    let error = Sandbox::create("debian-12").client(&client).await.expect_err("no credit");
    is(&error, ErrorKind::PlanLimit, 402, Some("trial_exhausted"));
    assert_eq!(sbx.exec("echo runs on").await.expect("output").stdout, "runs on\n");
    let id = sbx.pause().await.expect("a pause");
    let error = Sandbox::resume(&id).client(&client).await.expect_err("no credit");
    is(&error, ErrorKind::PlanLimit, 402, Some("trial_exhausted"));

    let limits = server.client().api().get_limits().await.expect("limits").into_inner();
    assert_eq!((limits.trial_credit_eur, limits.trial_credit_used_eur), (Some(1e-15), Some(1e-15)));
}

#[tokio::test]
async fn a_key_needs_the_scope() {
    let server = LocalServer::builder()
        .key(ApiKey::new("ork_ro").scopes([Scope::SandboxesRead]))
        .key(ApiKey::new("ork_wo").scopes([Scope::SandboxesWrite]))
        .start()
        .await
        .expect("a server");
    let (reader, writer) = (impatient(&server, "ork_ro"), impatient(&server, "ork_wo"));

    let error = Sandbox::create("debian-12").client(&reader).await.expect_err("reads only");
    is(&error, ErrorKind::Auth, 403, None);
    assert!(error.message().contains("sandboxes:write"), "{error}");
    let sbx = Sandbox::create("debian-12").client(&writer).await.expect("writes");
    let error = Sandbox::get(sbx.id()).client(&writer).await.expect_err("writes only");
    is(&error, ErrorKind::Auth, 403, None);
    assert!(error.message().contains("sandboxes:read"), "{error}");

    let seen = Sandbox::get(sbx.id()).client(&reader).await.expect("reads");
    assert!(seen.exec("true").await.expect_err("reads only").is_auth());
    seen.files().list("/workspace").await.expect("reads");
    seen.terminate().await.expect_err("reads only");
    let all = Sandbox::get(sbx.id()).client(&server.client()).await.expect("both scopes");
    all.terminate().await.expect("both scopes");
}

#[tokio::test]
async fn the_limits_are_told() {
    let plan = Plan::unlimited().name("pro").sizes(["small", "medium"]).max_concurrent(20);
    let plan = plan.max_snapshots(10).max_named_snapshots(5).max_timeout(Duration::from_secs(1800));
    let (_server, client) = server(plan).await;
    let limits = client.api().get_limits().await.expect("limits").into_inner();
    assert_eq!(limits.plan, "pro");
    assert_eq!((limits.max_concurrent.0, limits.max_snapshots.0), (20, 10));
    assert_eq!(limits.max_timeout_seconds.map(i64::from), Some(1800));
    let sizes = limits.sizes.expect("sizes");
    let rows: Vec<_> = sizes
        .iter()
        .map(|row| (row.size.as_str(), row.cpu, row.memory_mb.map(i64::from), row.allowed))
        .collect();
    assert_eq!(
        rows,
        [
            ("small", Some(1.0), Some(1024), Some(true)),
            ("medium", Some(2.0), Some(4096), Some(true)),
            ("large", Some(4.0), Some(8192), Some(false)),
        ]
    );
    let by_facade = Sandbox::limits().client(&client).await.expect("limits");
    assert_eq!(by_facade.max_timeout, Some(Duration::from_secs(1800)));
    assert_eq!((by_facade.allows("small"), by_facade.allows("large")), (Some(true), Some(false)));
    assert_eq!((by_facade.allows("giant"), by_facade.max_named_snapshots), (Some(false), Some(5)));
    assert_eq!((by_facade.max_running_lifetime, by_facade.trial_credit_left_eur()), (None, None));
    assert!(!by_facade.regions[0].id.is_empty());
    let raw = client.request("GET", "/v1/sandboxes/limits").await.expect("limits");
    let raw: serde_json::Value = raw.json().expect("JSON");
    // Null is a value of its own here: uncapped.
    assert_eq!(raw.get("max_running_lifetime_seconds"), Some(&serde_json::Value::Null));
    assert_eq!(raw.as_object().map(serde_json::Map::len), Some(11), "{raw}");
    let (_server, client) = server(Plan::default()).await;
    let limits = client.api().get_limits().await.expect("limits").into_inner();
    assert_eq!(limits.allowed_sizes.expect("sizes").len(), 3);
    assert_eq!(limits.max_timeout_seconds.map(i64::from), Some(3600));
}
