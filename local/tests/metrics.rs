//! What a sandbox uses, measured on real processes.

mod support;

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use orkestr::{ErrorKind, Metrics, MetricsSample, Sandbox, SandboxStatus};
use orkestr_local::LocalServer;
use serde_json::Value;
use support::eventually;

const INTERVAL: Duration = Duration::from_secs(5);

async fn start() -> (LocalServer, Sandbox) {
    let server = LocalServer::start().await.expect("a server");
    let create = Sandbox::create("debian-12").client(&server.client()).timeout(INTERVAL * 360);
    let sbx = create.await.expect("a sandbox");
    (server, sbx)
}

async fn measure(sbx: &Sandbox) -> Metrics {
    sbx.metrics().await.expect("metrics")
}

fn gb_seconds(metrics: &Metrics) -> f64 {
    metrics.lifetime.gb_seconds.expect("a total")
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("it hangs")
}

/// Works for a while.
const WORK: &str = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";

#[tokio::test]
async fn an_idle_sandbox_uses_nothing() {
    let (_server, sbx) = start().await;
    let metrics = measure(&sbx).await;
    assert_eq!(
        (metrics.sandbox_id.as_str(), &metrics.status),
        (sbx.id(), &Some(SandboxStatus::Running))
    );
    assert_eq!(metrics.sample_interval, Some(INTERVAL));
    assert_eq!(metrics.window, Some(Duration::from_secs(60)));
    assert_eq!((metrics.cpu.cores, metrics.cpu.usage_cores), (Some(1.0), Some(0.0)));
    assert_eq!(metrics.memory.limit_bytes, Some(2048 << 20));
    assert_eq!((metrics.memory.usage_bytes, metrics.memory.usage_percent), (Some(0), Some(0.0)));
    assert_eq!(metrics.lifetime.cpu_time, Some(Duration::ZERO));
    let as_of = metrics.as_of.expect("a time");
    assert!(as_of >= metrics.samples[0].at && sbx.created_at() <= as_of);
    let first = &metrics.samples[0];
    assert_eq!((first.cpu_percent, first.memory_bytes), (Some(0.0), Some(0)));
}

#[tokio::test]
async fn what_runs_is_measured() {
    let (server, sbx) = start().await;
    let held = "x=$(head -c 33554432 /dev/zero | tr '\\0' x); echo up; while :; do :; done";
    let mut output = sbx.exec_stream(held).await.expect("a stream");
    while !matches!(output.next().await, Some(Ok(orkestr::ExecEvent::Stdout(_)))) {}
    let metrics = measure(&sbx).await;
    let held = metrics.memory.usage_bytes.expect("it runs");
    assert!((32 << 20..1 << 30).contains(&held), "{held}");
    let percent = metrics.memory.usage_percent.expect("it runs");
    assert!((percent - held as f64 / f64::from(1 << 20) / 20.48).abs() < 1e-6, "{percent}");
    eventually("its time counts", async || {
        let metrics = measure(&sbx).await;
        let (cores, percent) = (metrics.cpu.usage_cores, metrics.cpu.usage_percent);
        let (cores, percent) = (cores.expect("it runs"), percent.expect("it runs"));
        assert!((cores * 100.0 - percent).abs() < 1e-6, "it has one: {cores} {percent}");
        cores > 0.0 && metrics.lifetime.cpu_time > Some(Duration::from_millis(200))
    })
    .await;
    let since = measure(&sbx).await.as_of.expect("a time");
    server.advance(INTERVAL).await;
    let sample = sbx.metrics().since(since).await.expect("metrics").samples.pop().expect("one");
    assert!(sample.memory_bytes >= Some(32 << 20) && sample.cpu_percent > Some(0.0), "{sample:?}");
}

#[tokio::test]
async fn samples_come_by_the_clock_and_each_once() {
    let (server, sbx) = start().await;
    let mut all: Vec<MetricsSample> = measure(&sbx).await.samples;
    for _ in 0..20 {
        server.advance(INTERVAL).await;
        let since = all.last().expect("one").at;
        let news = sbx.metrics().since(since).await.expect("metrics");
        assert!(!news.samples.is_empty());
        all.extend(news.samples);
    }
    for pair in all.windows(2) {
        let gap = pair[1].at.duration_since(pair[0].at).expect("in order");
        assert!(gap >= INTERVAL - Duration::from_millis(1), "{gap:?}");
    }
    let metrics = measure(&sbx).await;
    let kept = metrics.samples;
    assert!((2..=13).contains(&kept.len()), "{}", kept.len());
    let newest = all.last().expect("one").at;
    let known: Vec<_> = kept.iter().filter(|sample| sample.at <= newest).cloned().collect();
    assert!(!known.is_empty() && all.ends_with(&known), "{kept:?}");
    let oldest = metrics.as_of.expect("a time").duration_since(kept[0].at).expect("older");
    assert!(oldest <= Duration::from_millis(60_001), "{oldest:?}");
    // By the answer's own time nothing comes twice either.
    let as_of = metrics.as_of.expect("a time");
    let news = sbx.metrics().since(as_of).await.expect("metrics").samples;
    assert!(news.iter().all(|sample| sample.at > as_of));
}

#[tokio::test]
async fn samples_are_taken_when_nobody_asks() {
    let (server, sbx) = start().await;
    let mut pause = Duration::from_millis(1);
    eventually("one between two jumps", async || {
        let before = measure(&sbx).await.as_of.expect("a time");
        server.advance(INTERVAL).await;
        tokio::time::sleep(pause).await;
        pause *= 2;
        server.advance(4 * INTERVAL).await;
        let news = sbx.metrics().since(before).await.expect("metrics").samples;
        news.iter().any(|sample| sample.at.duration_since(before) < Some(4 * INTERVAL))
    })
    .await;
}

#[tokio::test]
async fn paused_time_costs_nothing() {
    let (server, sbx) = start().await;
    server.advance(Duration::from_secs(100)).await;
    sbx.pause().await.expect("paused");
    let paused = measure(&sbx).await;
    assert!(gb_seconds(&paused) >= 200.0, "{paused:?}");
    server.advance(Duration::from_secs(3600)).await;
    let later = measure(&sbx).await;
    assert_eq!(later.status, Some(SandboxStatus::Paused));
    assert_eq!(later.lifetime, paused.lifetime);
    assert_eq!((later.cpu.usage_cores, later.cpu.usage_percent), (None, None));
    assert_eq!((later.memory.usage_bytes, later.memory.usage_percent), (None, None));
    assert_eq!((later.cpu.cores, later.memory.limit_bytes), (Some(1.0), Some(2048 << 20)));
    assert!(later.samples.is_empty(), "{later:?}");
    let path = format!("/v1/sandboxes/{}/metrics", sbx.id());
    let raw = sbx.client().request("GET", path).await.expect("metrics");
    let raw: Value = raw.json().expect("JSON");
    assert_eq!(raw.pointer("/cpu/usage_cores"), Some(&Value::Null));
    assert_eq!(raw.pointer("/memory/usage_bytes"), Some(&Value::Null));

    let sbx = Sandbox::resume(sbx.id()).client(&server.client()).await.expect("resumed");
    server.advance(Duration::from_secs(10)).await;
    let resumed = measure(&sbx).await;
    assert!(gb_seconds(&resumed) >= gb_seconds(&paused) + 20.0, "{resumed:?}");
    assert!(gb_seconds(&resumed) < 3600.0, "{resumed:?}");
    assert_eq!(resumed.cpu.usage_cores, Some(0.0));
}

#[tokio::test]
async fn a_paused_sandbox_does_not_keep_the_server_busy() {
    let program = support::program::Program::start();
    let client = program.client();
    for _ in 0..3 {
        let sbx = Sandbox::create("debian-12").client(&client).await.expect("a sandbox");
        sbx.pause().await.expect("paused");
    }
    // What would have been due by now.
    let advance = serde_json::json!({"advance_seconds": 60});
    client.request("POST", "/local/clock").json(&advance).await.expect("moved");
    let before = wakes(program.pid());
    tokio::time::sleep(Duration::from_millis(300)).await;
    let after = wakes(program.pid());
    assert!(after - before < 100, "{} times in 0.3 s", after - before);
}

/// How often the threads of a process have waited for something.
fn wakes(pid: i32) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("it runs");
    let counts = threads.filter_map(|thread| {
        let status = std::fs::read_to_string(thread.ok()?.path().join("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        line.trim().parse::<u64>().ok()
    });
    counts.sum()
}

#[tokio::test]
async fn the_totals_of_an_ended_sandbox_are_kept() {
    let (_server, sbx) = start().await;
    sbx.exec(WORK).await.expect("it runs");
    // Nobody has asked before: what it used is learnt from its end.
    sbx.terminate().await.expect("terminated");
    let ended = measure(&sbx).await;
    assert_eq!(ended.status, Some(SandboxStatus::Terminated));
    assert!(ended.lifetime.cpu_time > Some(Duration::from_millis(20)), "{ended:?}");
    assert!(gb_seconds(&ended) > 0.0);
    assert_eq!((ended.cpu.usage_cores, ended.memory.usage_bytes), (None, None));
    assert_eq!(measure(&sbx).await.lifetime, ended.lifetime);
}

#[tokio::test]
async fn the_totals_never_shrink() {
    let (_server, sbx) = start().await;
    let mut before = measure(&sbx).await.lifetime;
    for command in ["true", WORK, "sleep 0.01 & sleep 0.01 & wait", WORK] {
        sbx.exec(command).await.expect("it runs");
        let now = measure(&sbx).await.lifetime;
        assert!(now.cpu_time >= before.cpu_time && now.gb_seconds > before.gb_seconds);
        before = now;
    }
    sbx.terminate().await.expect("terminated");
    assert!(measure(&sbx).await.lifetime.cpu_time >= before.cpu_time);
}

#[tokio::test]
async fn nothing_is_counted_beyond_the_lifetime() {
    let server = LocalServer::start().await.expect("a server");
    let sbx = Sandbox::create("debian-12").client(&server.client()).await.expect("a sandbox");
    server.advance(Duration::from_secs(36_000)).await;
    let counted = gb_seconds(&measure(&sbx).await);
    assert!(counted > 600.0 && counted <= 1200.0, "600 s of 2 GB are {counted}");
}

#[tokio::test]
async fn a_stream_gives_each_sample_until_the_end() {
    let (server, sbx) = start().await;
    let mut stream = sbx.metrics_stream().every(Duration::from_millis(5));
    let mut times = Vec::new();
    for _ in 0..20 {
        let sample = in_time(stream.try_next()).await.expect("no error").expect("a sample");
        assert_eq!(stream.last(), Some(sample.at));
        times.push(sample.at);
        server.advance(INTERVAL).await;
    }
    // What a second stream begins with is what the first has given since.
    let resumed = sbx.metrics_stream().since(times[18]).every(Duration::from_millis(5));
    let resumed: Vec<_> = in_time(resumed.take(1).try_collect()).await.expect("no error");
    let resumed: Vec<MetricsSample> = resumed;
    assert_eq!(resumed[0].at, times[19]);
    assert!(times.is_sorted_by(|one, next| one < next), "{times:?}");

    sbx.pause().await.expect("paused");
    let while_paused = tokio::spawn(async move {
        let rest: Result<Vec<_>, _> = stream.try_collect().await;
        rest.expect("no error")
    });
    server.advance(INTERVAL * 20).await;
    Sandbox::resume(sbx.id()).client(&server.client()).await.expect("resumed");
    let before = measure(&sbx).await.as_of.expect("a time");
    server.advance(INTERVAL).await;
    eventually("a sample after the pause", async || {
        !sbx.metrics().since(before).await.expect("metrics").samples.is_empty()
    })
    .await;
    sbx.terminate().await.expect("terminated");
    let rest = in_time(while_paused).await.expect("no panic");
    assert!(rest.last().is_some_and(|last| last.at > before), "{rest:?}");
    let last = times.last().expect("one");
    assert!(rest.iter().all(|sample| sample.at > *last));
    let ended: Vec<_> = in_time(sbx.metrics_stream().try_collect()).await.expect("no error");
    assert!(!ended.is_empty(), "what was kept");
}

#[tokio::test]
async fn what_is_no_time_is_refused() {
    let (_server, sbx) = start().await;
    let path = format!("/v1/sandboxes/{}/metrics", sbx.id());
    for since in ["x", "-1", "NaN", "inf", ""] {
        let request = sbx.client().request("GET", &path).query("since", since);
        assert_eq!(request.await.expect_err(since).status(), Some(422), "{since}");
    }
    sbx.client().request("GET", &path).query("since", "1e300").await.expect("nothing after");
    let error = sbx.client().request("GET", "/v1/sandboxes/sbx_none/metrics").await;
    assert_eq!(error.expect_err("no sandbox").kind(), ErrorKind::NotFound);
}
