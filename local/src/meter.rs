//! What a sandbox uses and has used, measured at an interval of the server's clock.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use orkestr::Timestamp;
use orkestr::api::{Integer, SandboxStatus as Status, types};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::jail::{self, Jail};
use crate::sandbox::Sandbox;

const INTERVAL: Duration = Duration::from_secs(5);
const WINDOW: Duration = Duration::from_secs(60);

/// Processor time comes in ticks of 10 ms: a rate over less than this says little.
const SPAN: Duration = Duration::from_secs(1);
/// So little may have passed since the start; in place of less, a rate is taken over this.
const LEAST_SPAN: Duration = Duration::from_millis(100);

/// The measurements of one sandbox. It outlives the sandbox's processes.
#[derive(Debug)]
pub(crate) struct Meter {
    /// Both clocks at the same moment: the times of samples never go back.
    epoch: (Instant, SystemTime),
    /// One measurement at a time, so that they come in order.
    turn: tokio::sync::Mutex<()>,
    record: Mutex<Record>,
}

#[derive(Debug)]
struct Record {
    /// Since when it runs without a break, if it does.
    running_since: Option<Instant>,
    /// How long it ran before.
    ran_before: Duration,
    last: Reading,
    /// Oldest first.
    samples: VecDeque<Sample>,
    next: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    cpu_seconds: f64,
    memory_bytes: u64,
    processes: u64,
    /// [`Jail::spawns`] before it was asked.
    spawns: u64,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Instant,
    /// How long the sandbox had run by then.
    ran: Duration,
    cpu_seconds: f64,
    cpu_percent: f64,
    memory_bytes: u64,
}

impl Meter {
    pub(crate) fn new(clock: &Clock) -> Self {
        let now = clock.now();
        // Before its first command a sandbox has no process.
        let last = Reading { cpu_seconds: 0.0, memory_bytes: 0, processes: 0, spawns: 0 };
        Self {
            epoch: (now, clock.time()),
            turn: tokio::sync::Mutex::default(),
            record: Mutex::new(Record {
                running_since: None,
                ran_before: Duration::ZERO,
                last,
                samples: VecDeque::new(),
                next: now,
            }),
        }
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After every change of a sandbox's status: only what runs costs time.
    pub(crate) fn follow(&self, sandbox: &Sandbox) {
        let mut record = self.record();
        let (status, deadline) = {
            let state = sandbox.state();
            (state.status.clone(), state.deadline)
        };
        let now = sandbox.clock.now();
        if status != Status::Running {
            // A clock that was moved far has passed the end before anybody could act on it.
            record.ran_before = record.ran(now.min(deadline));
            record.running_since = None;
        } else if record.running_since.is_none() {
            record.running_since = Some(now);
        }
    }

    /// All that it ever used, after its end.
    pub(crate) fn settle(&self, cpu_time: Option<Duration>) {
        let mut record = self.record();
        let known = record.last.cpu_seconds;
        record.last = Reading {
            cpu_seconds: cpu_time.map_or(known, |time| known.max(time.as_secs_f64())),
            memory_bytes: 0,
            processes: 0,
            ..record.last
        };
    }

    /// Measures now, and keeps that as a sample if one is due and the sandbox runs.
    async fn observe(&self, sandbox: &Sandbox, jail: &Jail) -> Result<(), jail::Error> {
        let _turn = self.turn.lock().await;
        let last = self.record().last;
        let spawns = jail.spawns();
        let reading = if last.processes == 0 && last.spawns == spawns {
            last
        } else {
            let usage = jail.usage().await?;
            Reading {
                // A process that ends in the middle of a look may be missed by it.
                cpu_seconds: usage.cpu_seconds.max(last.cpu_seconds),
                memory_bytes: usage.memory_bytes,
                processes: usage.processes,
                spawns,
            }
        };
        let mut record = self.record();
        // Read while the record is held: no sample is added later that is older than an answer.
        let now = sandbox.clock.now();
        if sandbox.jail().is_none() {
            // It has ended meanwhile, and its end knows more.
            return Ok(());
        }
        record.last = reading;
        if record.running_since.is_some() && now >= record.next {
            record.keep(now, sandbox.facts.cpu);
        }
        Ok(())
    }

    fn unix_millis(&self, at: Instant) -> i64 {
        let time = self.epoch.1 + at.saturating_duration_since(self.epoch.0);
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

impl Record {
    fn ran(&self, now: Instant) -> Duration {
        let on = self.running_since.map(|since| now.saturating_duration_since(since));
        self.ran_before + on.unwrap_or_default()
    }

    /// Processors in use since some sample.
    fn cores_since(&self, sample: Option<&Sample>, ran: Duration) -> f64 {
        let Some(sample) = sample else { return 0.0 };
        let span = ran.saturating_sub(sample.ran).max(LEAST_SPAN);
        (self.last.cpu_seconds - sample.cpu_seconds).max(0.0) / span.as_secs_f64()
    }

    fn keep(&mut self, now: Instant, cores: f64) {
        let ran = self.ran(now);
        let cpu_percent = percent(self.cores_since(self.samples.back(), ran), cores);
        let Reading { cpu_seconds, memory_bytes, .. } = self.last;
        self.samples.push_back(Sample { at: now, ran, cpu_seconds, cpu_percent, memory_bytes });
        self.next = now + INTERVAL;
        while self.samples.front().is_some_and(|first| now - first.at > WINDOW) {
            self.samples.pop_front();
        }
    }

    /// The newest sample that is old enough to tell a rate by.
    fn reference(&self, ran: Duration) -> Option<&Sample> {
        let is_old = |sample: &&Sample| ran.saturating_sub(sample.ran) >= SPAN;
        self.samples.iter().rev().find(is_old).or(self.samples.front())
    }
}

fn percent(part: f64, whole: f64) -> f64 {
    part / whole * 100.0
}

#[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

impl Sandbox {
    /// As `GET /v1/sandboxes/{id}/metrics` tells it, with the samples after `since` (Unix seconds).
    pub(crate) async fn metrics(&self, since: Option<f64>) -> types::Metrics {
        if let Some(jail) = self.jail() {
            // One that ends just now is told of as far as it is known.
            let _ = self.meter.observe(self, &jail).await;
        }
        let (status, deadline) = {
            let state = self.state();
            (state.status.clone(), state.deadline)
        };
        let meter = &self.meter;
        let record = meter.record();
        let now = self.clock.now();
        let cores = self.facts.cpu;
        let limit_bytes = self.facts.memory_mb << 20;
        let (ran, as_of) = (record.ran(now.min(deadline)), meter.unix_millis(now));
        let is_live = status == Status::Running;
        let usage_cores = record.cores_since(record.reference(ran), ran);
        let memory = record.last.memory_bytes;
        #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
        let (memory_percent, gb) =
            (percent(memory as f64, limit_bytes as f64), limit_bytes as f64 / f64::from(1 << 30));
        let samples = record.samples.iter().filter(|sample| {
            let t = meter.unix_millis(sample.at);
            // Half a millisecond: the number may have been through a float parser or two.
            now - sample.at <= WINDOW && since.is_none_or(|since| seconds(t) - since > 0.0005)
        });
        types::Metrics {
            sandbox_id: self.id.clone(),
            sandbox_status: Some(status),
            as_of: Some(moment(as_of)),
            as_of_unix: Some(seconds(as_of)),
            sample_interval_seconds: Some(INTERVAL.as_secs_f64()),
            window_seconds: Some(WINDOW.as_secs_f64()),
            cpu: Some(types::CpuMetrics {
                cores: Some(cores),
                usage_cores: is_live.then_some(usage_cores),
                usage_percent: is_live.then(|| percent(usage_cores, cores)),
                ..types::CpuMetrics::default()
            }),
            memory: Some(types::MemoryMetrics {
                limit_bytes: Some(Integer(limit_bytes)),
                usage_bytes: is_live.then(|| bytes(memory)),
                usage_percent: is_live.then_some(memory_percent),
                ..types::MemoryMetrics::default()
            }),
            lifetime: Some(types::LifetimeMetrics {
                cpu_seconds: Some(record.last.cpu_seconds),
                gb_seconds: Some(gb * ran.as_secs_f64()),
                ..types::LifetimeMetrics::default()
            }),
            samples: Some(
                samples
                    .map(|sample| types::MetricsSample {
                        t: moment(meter.unix_millis(sample.at)),
                        cpu_percent: Some(sample.cpu_percent),
                        mem_bytes: Some(bytes(sample.memory_bytes)),
                        ..types::MetricsSample::default()
                    })
                    .collect(),
            ),
            ..types::Metrics::default()
        }
    }
}

fn moment(unix_millis: i64) -> Timestamp {
    (UNIX_EPOCH + Duration::from_millis(unix_millis.unsigned_abs())).into()
}

fn bytes(count: u64) -> Integer {
    Integer(i64::try_from(count).unwrap_or(i64::MAX))
}

/// Takes the samples of one sandbox until it is dropped. It does not keep the sandbox.
///
/// A sandbox without processes is not even asked: hundreds of idle ones cost a timer each.
#[derive(Debug)]
pub(crate) struct Sampler(AbortHandle);

impl Sampler {
    pub(crate) fn start(sandbox: &Arc<Sandbox>) -> Self {
        let (clock, sandbox) = (sandbox.clock.clone(), Arc::downgrade(sandbox));
        Self(tokio::spawn(sample(clock, sandbox)).abort_handle())
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn sample(clock: Clock, sandbox: Weak<Sandbox>) {
    let Some(mut changed) = sandbox.upgrade().map(|sandbox| sandbox.watch()) else { return };
    loop {
        changed.mark_unchanged();
        let due = {
            let Some(sandbox) = sandbox.upgrade() else { return };
            let Some(jail) = sandbox.jail() else { return };
            if sandbox.status() == Status::Running {
                if sandbox.meter.observe(&sandbox, &jail).await.is_err() {
                    return;
                }
                let now = clock.now();
                // Between two statuses nothing is kept; it is looked at again soon.
                let soon = now + Duration::from_millis(100);
                Some(sandbox.meter.record().next.clamp(soon, now + INTERVAL))
            } else {
                None
            }
        };
        match due {
            Some(due) => clock.sleep_until(due).await,
            // What is paused has no samples.
            None if changed.changed().await.is_err() => return,
            None => {}
        }
    }
}
