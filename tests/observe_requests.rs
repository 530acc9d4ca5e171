//! Limits, metrics and hosts: the shape of each request, and what answers mean.

mod support;

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use insta::assert_json_snapshot;
use orkestr::{ErrorKind, RetryPolicy, Sandbox, SandboxStatus, Timestamp};
use serde_json::{Value, json};
use support::{Answer, ID, Recorder, sandbox, sandbox_json};

fn limits(more: Value) -> Answer {
    let mut body = json!({"plan": "pro", "max_concurrent": 20, "max_snapshots": 10});
    for (name, value) in more.as_object().expect("members") {
        body[name] = value.clone();
    }
    Answer::json(200, &body)
}

/// Metrics with samples at these times.
fn metrics(status: &str, times: &[f64]) -> Answer {
    let samples: Vec<Value> =
        times.iter().map(|t| json!({"t": t, "cpu_percent": 1.5, "mem_bytes": 7})).collect();
    Answer::json(
        200,
        &json!({
            "sandbox_id": ID, "sandbox_status": status, "sample_interval_seconds": 0.0,
            "samples": samples,
        }),
    )
}

fn host(url: &str) -> Answer {
    Answer::json(200, &json!({"port": 8080, "host": "8080-x.example.com", "url": url}))
}

fn unix(seconds: u64) -> Timestamp {
    (std::time::UNIX_EPOCH + Duration::from_secs(seconds)).into()
}

#[tokio::test]
async fn limits_are_asked_for_with_the_calls_own_client() {
    let recorder = Recorder::start([limits(json!({}))]).await;
    let request = Sandbox::limits().api_key(support::KEY).base_url(recorder.base_url());
    let limits = request.await.expect("limits");
    assert_eq!((limits.max_concurrent, limits.max_snapshots), (20, 10));
    assert_eq!((limits.max_timeout, limits.allows("small")), (None, None));
    assert!(limits.sizes.is_empty() && limits.regions.is_empty());
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn all_limits_are_read() {
    let recorder = Recorder::start([limits(json!({
        "allowed_sizes": ["small", "medium", "x-tiny"],
        "sizes": [
            {"size": "small", "cpu": 1, "memory_mb": 1024, "allowed": true},
            {"size": "large", "cpu": 4.0, "memory_mb": 8192, "allowed": false},
            {"size": "medium"},
        ],
        "regions": [{"id": "fsn1", "label": "Falkenstein"}, {"id": "hel1"}],
        "max_named_snapshots": 5,
        "max_timeout_seconds": 3600,
        "max_running_lifetime_seconds": null,
        "custom_egress_allowlist": false,
        "default_egress_domains": ["example.com"],
        "trial_credit_eur": 5.0,
        "trial_credit_used_eur": 1.25,
    }))])
    .await;
    let limits = Sandbox::limits().client(&recorder.client()).await.expect("limits");
    assert_eq!(limits.max_timeout, Some(Duration::from_secs(3600)));
    assert_eq!(limits.max_running_lifetime, None);
    for (size, allowed) in [
        ("small", Some(true)),
        ("medium", Some(true)),
        ("large", Some(false)),
        ("x-tiny", Some(true)),
        ("x-huge", Some(false)),
    ] {
        assert_eq!(limits.allows(size), allowed, "{size}");
    }
    assert_eq!(limits.trial_credit_left_eur(), Some(3.75));
    assert_json_snapshot!(limits);
}

#[tokio::test]
async fn metrics_since_a_moment() {
    let (recorder, sbx) = sandbox([metrics("running", &[1.0, 2.5])]).await;
    let all = sbx.metrics().await.expect("metrics");
    assert_eq!((all.samples.len(), all.status), (2, Some(SandboxStatus::Running)));
    assert_eq!((all.cpu.usage_cores, all.as_of), (None, None));
    let half = unix(1).to_string().replace('Z', ".5Z").parse::<Timestamp>().expect("a time");
    sbx.metrics().since(half).await.expect("metrics");
    sbx.metrics().since(std::time::UNIX_EPOCH).await.expect("metrics");
    assert_json_snapshot!(recorder.requests()[1..]);
}

#[tokio::test]
async fn metrics_serialise_as_on_the_wire() {
    let body = json!({
        "sandbox_id": ID,
        "sandbox_status": "running",
        "as_of_unix": 1_785_748_505.25,
        "sample_interval_seconds": 5,
        "window_seconds": 60.0,
        "cpu": {"cores": 1.0, "usage_cores": 0.42, "usage_percent": 42.0},
        "memory": {"limit_bytes": 2048.0, "usage_bytes": 512, "usage_percent": 25},
        "lifetime": {"cpu_seconds": 21.5, "gb_seconds": 116.0},
        "samples": [{"t": 1_785_748_500.5, "cpu_percent": 38.5, "mem_bytes": 500}],
    });
    let (_recorder, sbx) = sandbox([Answer::json(200, &body)]).await;
    let metrics = sbx.metrics().await.expect("metrics");
    assert_eq!(metrics.lifetime.cpu_time, Some(Duration::from_millis(21_500)));
    assert_json_snapshot!(metrics);
}

#[tokio::test]
async fn times_that_are_none_are_unreadable() {
    let (_recorder, sbx) = sandbox([metrics("running", &[1e300])]).await;
    let error = sbx.metrics().await.expect_err("no time");
    assert_eq!((error.kind(), error.request_id()), (ErrorKind::Decode, Some("req_test")));
}

#[tokio::test]
async fn a_stream_gives_every_sample_once() {
    let (recorder, sbx) = sandbox([
        metrics("running", &[10.25, 15.25]),
        // Servers that begin with the moment asked for, or earlier, or mix the order up.
        metrics("running", &[15.25]),
        metrics("paused", &[]),
        metrics("running", &[25.0, 10.25, 20.0, 15.25]),
        metrics("x-future", &[25.0]),
        metrics("terminated", &[25.0, 30.5]),
    ])
    .await;
    let stream = sbx.metrics_stream().every(Duration::from_millis(1));
    let samples: Vec<_> = stream.try_collect().await.expect("no error");
    let times: Vec<String> = samples.iter().map(|sample| sample.at.to_string()).collect();
    assert_eq!(
        times,
        ["10.250", "15.250", "20", "25", "30.500"].map(|at| format!("1970-01-01T00:00:{at}Z"))
    );
    assert_eq!(samples[0].memory_bytes, Some(7));
    let queries: Vec<Value> =
        recorder.requests()[1..].iter().map(|request| request["query"].clone()).collect();
    let since = |time: &str| json!([format!("since={time}")]);
    assert_eq!(
        queries,
        [json!([]), since("15"), since("15"), since("15"), since("25"), since("25")]
    );
}

#[tokio::test]
async fn a_stream_goes_on_over_what_passes_and_ends_after_what_does_not() {
    let recorder = Recorder::start([
        Answer::json(200, &sandbox_json(ID)),
        metrics("running", &[1.0]),
        Answer::empty(503),
        Answer::empty(502),
        metrics("running", &[2.0]),
        Answer::json(403, &json!({"detail": "no"})),
    ])
    .await;
    let policy = RetryPolicy::transient().initial_delay(Duration::ZERO);
    let client = orkestr::Client::builder().api_key(support::KEY).transient_retry(policy);
    let client = client.base_url(recorder.base_url()).build().expect("a client");
    let sbx = Sandbox::get(ID).client(&client).await.expect("a sandbox");
    let mut stream = sbx.metrics_stream().every(Duration::from_millis(1)).since(unix(0));
    assert_eq!(stream.last(), Some(unix(0)));
    for at in [1, 2] {
        let sample = stream.try_next().await.expect("no error").expect("a sample");
        assert_eq!((sample.at, stream.last()), (unix(at), Some(unix(at))));
    }
    assert_eq!(stream.try_next().await.expect_err("refused").kind(), ErrorKind::Auth);
    assert!(stream.next().await.is_none());
    assert_eq!(recorder.requests().len(), 6);
}

#[tokio::test]
async fn a_sandbox_that_is_forgotten_has_ended() {
    let gone = Answer::json(404, &json!({"detail": "no"}));
    let (_recorder, sbx) = sandbox([metrics("running", &[1.0]), gone.clone()]).await;
    let stream = sbx.metrics_stream().every(Duration::from_millis(1));
    assert_eq!(stream.try_collect::<Vec<_>>().await.expect("no error").len(), 1);
    let (_recorder, sbx) = sandbox([gone]).await;
    let mut stream = sbx.metrics_stream();
    let error = stream.try_next().await.expect_err("never known");
    assert_eq!(error.kind(), ErrorKind::SandboxNotFound);
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn a_dropped_next_loses_nothing() {
    let (recorder, sbx) = sandbox([metrics("running", &[1.0]), metrics("failed", &[2.0])]).await;
    let mut stream = sbx.metrics_stream().every(Duration::from_millis(1));
    let mut times = Vec::new();
    loop {
        // Polled once and dropped, over and over.
        match futures::poll!(stream.next()) {
            std::task::Poll::Ready(Some(sample)) => times.push(sample.expect("a sample").at),
            std::task::Poll::Ready(None) => break,
            std::task::Poll::Pending => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
    assert_eq!((times, recorder.requests().len()), (vec![unix(1), unix(2)], 3));
}

#[tokio::test]
async fn hosts() {
    let (recorder, sbx) = sandbox([host("https://8080-x.example.com")]).await;
    assert_eq!(sbx.get_host(8080).await.expect("a host"), "8080-x.example.com");
    let info = sbx.host_info(65535).await.expect("a host");
    assert_eq!((info.port, info.url.as_str()), (65535, "https://8080-x.example.com"));
    let preview = sbx.preview_url(8080).await.expect("a preview");
    assert_eq!((preview.expose(), preview.url()), (info.url.as_str(), info.url.as_str()));
    assert_eq!((preview.token(), preview.header()), (None, None));
    assert_json_snapshot!(recorder.requests()[1..]);
    for error in [
        sbx.get_host(0).await.expect_err("no port"),
        sbx.host_info(0).await.expect_err("no port"),
        sbx.preview_url(0).await.expect_err("no port"),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(recorder.requests().len(), 4);
}

#[tokio::test]
async fn a_token_is_found_wherever_the_server_tells_it() {
    let body = |token: Value| {
        let mut body = sandbox_json(ID);
        body["preview_auth"] = json!(true);
        body["preview_auth_token"] = token;
        Answer::json(200, &body)
    };
    let host = || host("https://8080-x.example.com");
    let with_token = "https://8080-x.example.com/?ork_preview_token=pvt_1";
    // With the sandbox, or only when it is asked for again, or never.
    let recorder = Recorder::start([body(json!("pvt_1")), host()]).await;
    let sbx = Sandbox::get(ID).client(&recorder.client()).await.expect("a sandbox");
    let preview = sbx.preview_url(8080).await.expect("a preview");
    assert_eq!(preview.expose(), with_token);
    assert!(!format!("{preview:?}{sbx:?}").contains("pvt_1"));

    let recorder = Recorder::start([body(Value::Null), host(), body(json!("pvt_1"))]).await;
    let sbx = Sandbox::get(ID).client(&recorder.client()).await.expect("a sandbox");
    assert_eq!(sbx.preview_url(8080).await.expect("a preview").expose(), with_token);

    let recorder = Recorder::start([body(Value::Null), host(), body(Value::Null)]).await;
    let sbx = Sandbox::get(ID).client(&recorder.client()).await.expect("a sandbox");
    let error = sbx.preview_url(8080).await.expect_err("no token");
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(error.message().contains(ID), "{error}");
}
