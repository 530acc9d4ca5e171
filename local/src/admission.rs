//! Counts what is there against the plan: running sandboxes, snapshots, requests, credit.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Request, State as Shared};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use orkestr::api::types;
use tokio::time::Instant;

use crate::app::App;
use crate::clock::Clock;
use crate::create::Wanted;
use crate::plan::{Plan, Rate, Refusal};
use crate::problem::Problem;
use crate::sandbox::Facts;

/// No client is told to wait longer.
const LONGEST_WAIT: f64 = 24.0 * 3600.0;

#[derive(Debug)]
pub(crate) struct Admission {
    plan: Plan,
    clock: Clock,
    counts: Mutex<Counts>,
}

#[derive(Debug)]
struct Counts {
    running: u32,
    snapshots: u32,
    named_snapshots: u32,
    meter: Meter,
    bucket: Option<Bucket>,
}

impl Admission {
    pub(crate) fn new(plan: Plan, clock: Clock) -> Arc<Self> {
        let now = clock.now();
        let bucket = plan.request_rate.map(|rate| Bucket::full(rate, now));
        let meter = Meter { spent: 0.0, per_second: 0.0, since: now };
        let counts =
            Mutex::new(Counts { running: 0, snapshots: 0, named_snapshots: 0, meter, bucket });
        Arc::new(Self { plan, clock, counts })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn limits(&self) -> types::Limits {
        let used = self.counts().meter.settle(self.clock.now());
        self.plan.view(used)
    }

    /// A place for a new sandbox, whose facts are fitted into the plan.
    pub(crate) fn admit(
        self: &Arc<Self>,
        wanted: &Wanted,
        facts: &mut Facts,
    ) -> Result<Seat, Problem> {
        self.plan.fit(wanted, facts)?;
        let price = self.plan.price(facts);
        let slot = self.run(price)?;
        Ok(Seat { admission: self.clone(), price, slot: Mutex::new(Some(slot)) })
    }

    pub(crate) fn lifetime(&self, timeout: std::time::Duration) -> Result<(), Problem> {
        Ok(self.plan.lifetime(timeout)?)
    }

    fn run(self: &Arc<Self>, price: f64) -> Result<Slot, Problem> {
        let mut counts = self.counts();
        let used = counts.meter.settle(self.clock.now());
        let plan = &self.plan;
        if let Some(credit) = plan.trial_credit_eur.filter(|credit| used >= *credit) {
            let detail = format!("The trial credit of {credit} EUR is used up");
            let problem = Problem::new(StatusCode::PAYMENT_REQUIRED, detail);
            return Err(problem.with_code("trial_exhausted"));
        }
        let running = counts.running;
        if let Some(most) = plan.max_concurrent.filter(|most| running >= *most) {
            let name = &plan.name;
            let detail = format!("The plan '{name}' allows {most} running sandboxes at once");
            let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, detail);
            return Err(problem.with_code("session_cap_reached"));
        }
        if plan.fleet_capacity.is_some_and(|most| running >= most) {
            let problem = Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "No machine has room for the sandbox; try again later",
            );
            let wait = plan.fleet_retry_after.as_secs_f64();
            return Err(problem.with_code("fleet_full_retry").with_retry_after(whole(wait)));
        }
        counts.running += 1;
        counts.meter.per_second += price;
        Ok(Slot { admission: self.clone(), kind: Kind::Running { price } })
    }

    /// Room for one snapshot more, kept until the slot is dropped.
    pub(crate) fn snapshot(self: &Arc<Self>) -> Result<Slot, Problem> {
        let mut counts = self.counts();
        let kept = counts.snapshots;
        if let Some(most) = self.plan.max_snapshots.filter(|most| kept >= *most) {
            let name = &self.plan.name;
            let detail = format!("The plan '{name}' keeps {most} snapshots; delete one first");
            let problem = Problem::new(StatusCode::CONFLICT, detail);
            return Err(problem.with_code("snapshot_cap_reached"));
        }
        counts.snapshots += 1;
        Ok(Slot { admission: self.clone(), kind: Kind::Snapshot })
    }

    /// Room for one snapshot's name, kept until the slot is dropped.
    pub(crate) fn named_snapshot(self: &Arc<Self>) -> Result<Slot, Problem> {
        let mut counts = self.counts();
        let kept = counts.named_snapshots;
        if let Some(most) = self.plan.max_named_snapshots.filter(|most| kept >= *most) {
            let name = &self.plan.name;
            let detail =
                format!("The plan '{name}' keeps {most} snapshots with a name; delete one first");
            let problem = Problem::new(StatusCode::CONFLICT, detail);
            return Err(problem.with_code("snapshot_cap_reached"));
        }
        counts.named_snapshots += 1;
        Ok(Slot { admission: self.clone(), kind: Kind::NamedSnapshot })
    }
}

/// One running sandbox or one snapshot, counted until it is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    admission: Arc<Admission>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Running { price: f64 },
    Snapshot,
    NamedSnapshot,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = self.admission.counts();
        match self.kind {
            Kind::Running { price } => {
                counts.meter.settle(self.admission.clock.now());
                counts.running -= 1;
                // Sums of floats drift: what nobody runs costs nothing.
                let rest = counts.meter.per_second - price;
                counts.meter.per_second = if counts.running == 0 { 0.0 } else { rest };
            }
            Kind::Snapshot => counts.snapshots -= 1,
            Kind::NamedSnapshot => counts.named_snapshots -= 1,
        }
    }
}

/// What one sandbox is counted as: running, kept, or gone.
#[derive(Debug)]
pub(crate) struct Seat {
    admission: Arc<Admission>,
    price: f64,
    slot: Mutex<Option<Slot>>,
}

impl Seat {
    /// Room to be kept in, to [`take`](Self::take) once the sandbox is paused.
    pub(crate) fn to_pause(&self) -> Result<Slot, Problem> {
        self.admission.snapshot()
    }

    /// Room to run in, to [`take`](Self::take) once the sandbox runs again.
    pub(crate) fn to_run(&self) -> Result<Slot, Problem> {
        self.admission.run(self.price)
    }

    pub(crate) fn take(&self, slot: Slot) {
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(slot);
    }

    pub(crate) fn leave(&self) {
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// What running sandboxes have cost so far.
#[derive(Debug)]
struct Meter {
    spent: f64,
    per_second: f64,
    since: Instant,
}

impl Meter {
    fn settle(&mut self, now: Instant) -> f64 {
        self.spent += self.per_second * now.saturating_duration_since(self.since).as_secs_f64();
        self.since = now;
        self.spent
    }
}

#[derive(Debug)]
struct Bucket {
    rate: Rate,
    tokens: f64,
    since: Instant,
}

impl Bucket {
    fn full(rate: Rate, now: Instant) -> Self {
        Self { rate, tokens: f64::from(rate.burst), since: now }
    }

    /// Takes a token, or says in how many seconds there is one.
    fn take(&mut self, now: Instant) -> Result<(), u64> {
        let elapsed = now.saturating_duration_since(self.since).as_secs_f64();
        let rate = self.rate.per_second.max(0.0);
        self.tokens = elapsed.mul_add(rate, self.tokens).min(self.rate.burst.into());
        self.since = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        Err(whole((1.0 - self.tokens) / rate).max(1))
    }
}

/// Whole seconds, rounded up.
fn whole(seconds: f64) -> u64 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is clamped")]
    let whole = seconds.ceil().clamp(0.0, LONGEST_WAIT) as u64;
    whole
}

/// Answers 429 where the plan's request rate is used up.
pub(crate) async fn limit_rate(
    Shared(app): Shared<Arc<App>>,
    request: Request,
    next: Next,
) -> Response {
    if app.admission.plan.request_rate.is_some() {
        let taken = match &mut app.admission.counts().bucket {
            Some(bucket) => {
                bucket.take(app.admission.clock.now()).map_err(|wait| (wait, bucket.rate))
            }
            None => Ok(()),
        };
        if let Err((wait, rate)) = taken {
            let detail = format!(
                "Too many requests: the plan allows {} a second, {} at once",
                rate.per_second, rate.burst
            );
            let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, detail);
            return problem.with_retry_after(wait).into_response();
        }
    }
    next.run(request).await
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::new(StatusCode::FORBIDDEN, refusal.detail).with_code(refusal.code)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bucket_fills_with_time_up_to_its_burst() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut bucket = Bucket::full(Rate { per_second: 0.5, burst: 2 }, start);
        let taken = [0, 0, 0, 1, 2, 3, 100, 100, 100].map(|second| bucket.take(at(second)));
        let (yes, no) = (Ok(()), Err);
        assert_eq!(taken, [yes, yes, no(2), no(1), yes, no(1), yes, yes, no(2)]);
    }

    #[test]
    fn a_bucket_without_a_rate_never_fills() {
        let start = Instant::now();
        let mut bucket = Bucket::full(Rate { per_second: -1.0, burst: 1 }, start);
        assert_eq!(bucket.take(start), Ok(()));
        assert_eq!(bucket.take(start + Duration::from_secs(60)), Err(86_400));
    }

    #[test]
    fn the_meter_adds_up_what_runs() {
        let start = Instant::now();
        let mut meter = Meter { spent: 0.0, per_second: 0.5, since: start };
        assert!((meter.settle(start + Duration::from_secs(4)) - 2.0).abs() < 1e-9);
        meter.per_second = 0.0;
        assert!((meter.settle(start + Duration::from_secs(9)) - 2.0).abs() < 1e-9);
    }
}
