//! What an account may do: the plan of a server.

use std::time::Duration;

use orkestr::SandboxSize;
use orkestr::api::{Integer, types};

use crate::create::{self, Wanted};
use crate::egress::DEFAULT_DOMAINS;
use crate::sandbox::Facts;

/// What the account of a server may do. Every limit is enforced by counting what is there.
///
/// The default is [`Plan::unlimited`]. The limits add up: set those that a test is about.
///
/// | limit | what passes it | answer |
/// |---|---|---|
/// | [`sizes`](Self::sizes), [`max_cpu`](Self::max_cpu), [`max_memory_mb`](Self::max_memory_mb) | create | 403 `plan_limit` |
/// | [`custom_egress_allowlist`](Self::custom_egress_allowlist) | create with `allow_domains` | 403 `plan_limit` |
/// | [`max_timeout`](Self::max_timeout) | create, set timeout | 403 `lifetime_cap_reached` |
/// | [`trial_credit`](Self::trial_credit) | create, resume | 402 `trial_exhausted` |
/// | [`max_concurrent`](Self::max_concurrent) | create, resume | 429 `session_cap_reached` |
/// | [`fleet_capacity`](Self::fleet_capacity) | create, resume | 503 `fleet_full_retry`, `Retry-After` |
/// | [`max_snapshots`](Self::max_snapshots) | pause, snapshot | 409 `snapshot_cap_reached` |
/// | [`max_named_snapshots`](Self::max_named_snapshots) | snapshot with a name | 409 `snapshot_cap_reached` |
/// | [`request_rate`](Self::request_rate) | any call below `/v1` | 429 without a code, `Retry-After` |
///
/// What a caller leaves unset is fitted into the plan instead of being refused: a plan whose
/// longest timeout is 60 s gives a create without `timeout_seconds` those 60 s.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[must_use = "a plan does nothing until it is given to a server"]
pub struct Plan {
    pub(crate) name: String,
    sizes: Option<Vec<SandboxSize>>,
    max_cpu: Option<f64>,
    max_memory_mb: Option<u32>,
    custom_egress_allowlist: bool,
    max_timeout: Option<Duration>,
    pub(crate) max_concurrent: Option<u32>,
    pub(crate) max_snapshots: Option<u32>,
    pub(crate) max_named_snapshots: Option<u32>,
    pub(crate) request_rate: Option<Rate>,
    pub(crate) fleet_capacity: Option<u32>,
    pub(crate) fleet_retry_after: Duration,
    pub(crate) trial_credit_eur: Option<f64>,
    eur_per_vcpu_hour: f64,
    eur_per_gb_hour: f64,
}

/// Requests that may come at once, and how fast new ones are allowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate {
    pub(crate) per_second: f64,
    pub(crate) burst: u32,
}

/// The regions that a volume can be in, the default one first. All of them are this machine.
pub(crate) const REGIONS: [(&str, &str); 3] = [
    ("local", "This machine"),
    ("fsn1", "This machine, as fsn1"),
    ("hel1", "This machine, as hel1"),
];

fn region((id, label): (&str, &str)) -> types::Region {
    types::Region { id: id.to_owned(), label: Some(label.to_owned()), ..types::Region::default() }
}

/// In place of "no limit" where the wire asks for a number.
const NO_LIMIT: i64 = i32::MAX as i64;

impl Default for Plan {
    fn default() -> Self {
        Self::unlimited()
    }
}

impl Plan {
    /// A plan without limits, named `local`.
    pub fn unlimited() -> Self {
        Self {
            name: "local".to_owned(),
            sizes: None,
            max_cpu: None,
            max_memory_mb: None,
            custom_egress_allowlist: true,
            max_timeout: None,
            max_concurrent: None,
            max_snapshots: None,
            max_named_snapshots: None,
            request_rate: None,
            fleet_capacity: None,
            fleet_retry_after: Duration::from_secs(2),
            trial_credit_eur: None,
            eur_per_vcpu_hour: 0.04,
            eur_per_gb_hour: 0.01,
        }
    }

    /// The plan's name, as `GET /v1/sandboxes/limits` tells it. Default: `local`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The sizes that may be chosen. The largest of them also bounds `cpu` and `memory_mb`, where
    /// [`max_cpu`](Self::max_cpu) and [`max_memory_mb`](Self::max_memory_mb) do not say otherwise.
    /// Default: all.
    pub fn sizes<S: Into<SandboxSize>>(mut self, sizes: impl IntoIterator<Item = S>) -> Self {
        self.sizes = Some(sizes.into_iter().map(Into::into).collect());
        self
    }

    /// The most virtual CPUs of one sandbox. Default: no limit.
    pub fn max_cpu(mut self, cpus: f64) -> Self {
        self.max_cpu = Some(cpus);
        self
    }

    /// The most memory of one sandbox, in MiB. Default: no limit.
    pub fn max_memory_mb(mut self, memory_mb: u32) -> Self {
        self.max_memory_mb = Some(memory_mb);
        self
    }

    /// Whether a sandbox may have an allowlist of its own (`allow_domains`). Default: true.
    pub fn custom_egress_allowlist(mut self, allowed: bool) -> Self {
        self.custom_egress_allowlist = allowed;
        self
    }

    /// The longest lifetime that a create or a set timeout may ask for, in whole seconds. Default:
    /// the API's 3600 s.
    pub fn max_timeout(mut self, timeout: Duration) -> Self {
        self.max_timeout = Some(timeout);
        self
    }

    /// How many sandboxes may run at once. Paused ones do not count. Default: no limit.
    pub fn max_concurrent(mut self, count: u32) -> Self {
        self.max_concurrent = Some(count);
        self
    }

    /// How many snapshots may be kept. Every paused sandbox is one, until it is resumed or
    /// terminated. A sandbox whose `on_timeout` finds no room is terminated instead. Default: no
    /// limit.
    pub fn max_snapshots(mut self, count: u32) -> Self {
        self.max_snapshots = Some(count);
        self
    }

    /// How many snapshots with a name may be kept. Each also counts as a snapshot. Default: no
    /// limit.
    pub fn max_named_snapshots(mut self, count: u32) -> Self {
        self.max_named_snapshots = Some(count);
        self
    }

    /// How many requests a second are answered, by a token bucket of `burst` tokens that is full
    /// at first; with a `burst` of 0 nothing is. Default: no limit.
    pub fn request_rate(mut self, per_second: f64, burst: u32) -> Self {
        self.request_rate = Some(Rate { per_second, burst });
        self
    }

    /// How many sandboxes the machines have room for: beyond it the fleet is full. Default: no
    /// limit.
    pub fn fleet_capacity(mut self, count: u32) -> Self {
        self.fleet_capacity = Some(count);
        self
    }

    /// The `Retry-After` of a full fleet, in whole seconds, rounded up. Default: 2 s.
    pub fn fleet_retry_after(mut self, wait: Duration) -> Self {
        self.fleet_retry_after = wait;
        self
    }

    /// The credit in euros that running sandboxes use up, see [`prices`](Self::prices). When it
    /// is gone nothing is started any more; what runs, runs on. Default: no trial.
    pub fn trial_credit(mut self, eur: f64) -> Self {
        self.trial_credit_eur = Some(eur);
        self
    }

    /// What an hour of one virtual CPU and of one GiB cost, in euros, for the trial credit.
    /// Default: 0.04 and 0.01, which are nobody's prices.
    pub fn prices(mut self, eur_per_vcpu_hour: f64, eur_per_gb_hour: f64) -> Self {
        self.eur_per_vcpu_hour = eur_per_vcpu_hour;
        self.eur_per_gb_hour = eur_per_gb_hour;
        self
    }

    /// Fits what the caller left open into the plan.
    ///
    /// # Errors
    ///
    /// What the caller asked for and the plan does not have.
    pub(crate) fn fit(&self, wanted: &Wanted, facts: &mut Facts) -> Result<(), Refusal> {
        let refuse = |detail| Err(Refusal { code: "plan_limit", detail });
        let name = &self.name;
        if let (Some(size), Some(allowed)) = (&wanted.size, &self.sizes)
            && !allowed.contains(size)
        {
            let allowed: Vec<&str> = allowed.iter().map(SandboxSize::as_str).collect();
            let allowed = allowed.join(", ");
            return refuse(format!("The plan '{name}' has no size '{size}'; allowed: {allowed}"));
        }
        if wanted.allow_domains && !self.custom_egress_allowlist {
            return refuse(format!("The plan '{name}' has no allowlists of one's own"));
        }
        let (most_cpu, most_memory) = self.largest();
        if facts.cpu > most_cpu {
            if wanted.cpu || wanted.size.is_some() {
                let cpu = facts.cpu;
                return refuse(format!("The plan '{name}' allows {most_cpu} CPUs, not {cpu}"));
            }
            facts.cpu = most_cpu;
        }
        if facts.memory_mb > most_memory {
            if wanted.memory_mb || wanted.size.is_some() {
                let memory = facts.memory_mb;
                let detail = format!("The plan '{name}' allows {most_memory} MB, not {memory}");
                return refuse(detail);
            }
            facts.memory_mb = most_memory;
        }
        match self.lifetime(facts.timeout) {
            Err(_) if !wanted.timeout => facts.timeout = self.max_timeout.unwrap_or(facts.timeout),
            fits => fits?,
        }
        Ok(())
    }

    /// Whether a sandbox may be asked to live so long.
    pub(crate) fn lifetime(&self, timeout: Duration) -> Result<(), Refusal> {
        match self.max_timeout {
            Some(most) if timeout > most => {
                let (name, most, timeout) = (&self.name, most.as_secs(), timeout.as_secs());
                let detail = format!(
                    "The plan '{name}' allows a timeout of at most {most} s, not {timeout} s"
                );
                Err(Refusal { code: "lifetime_cap_reached", detail })
            }
            _ => Ok(()),
        }
    }

    /// The most CPUs and memory that one sandbox may have.
    fn largest(&self) -> (f64, i64) {
        let shapes = || self.sizes.iter().flatten().filter_map(create::shape);
        let cpu = self.max_cpu.or_else(|| shapes().map(|(cpu, _)| cpu).reduce(f64::max));
        let memory = self.max_memory_mb.map(i64::from);
        let memory = memory.or_else(|| shapes().map(|(_, memory)| memory).max());
        (cpu.unwrap_or(f64::INFINITY), memory.unwrap_or(i64::MAX))
    }

    /// What a running sandbox costs, in euros a second.
    pub(crate) fn price(&self, facts: &Facts) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
        let gb = facts.memory_mb as f64 / 1024.0;
        facts.cpu.mul_add(self.eur_per_vcpu_hour, gb * self.eur_per_gb_hour) / 3600.0
    }

    /// As `GET /v1/sandboxes/limits` tells it.
    pub(crate) fn view(&self, trial_used_eur: f64) -> types::Limits {
        let number = |limit: Option<u32>| Integer(limit.map_or(NO_LIMIT, i64::from));
        let is_allowed =
            |size: &SandboxSize| self.sizes.as_ref().is_none_or(|sizes| sizes.contains(size));
        let sizes: Vec<SandboxSize> =
            SandboxSize::KNOWN.iter().map(|name| SandboxSize::from(*name)).collect();
        let rows = sizes.iter().map(|size| {
            let (cpu, memory_mb) = create::shape(size).unzip();
            types::SizeLimit {
                size: size.clone(),
                cpu,
                memory_mb: memory_mb.map(Integer),
                allowed: Some(is_allowed(size)),
                ..types::SizeLimit::default()
            }
        });
        let longest = self.max_timeout.map_or(create::LONGEST_LIFETIME, |most| {
            i64::try_from(most.as_secs()).unwrap_or(i64::MAX).min(create::LONGEST_LIFETIME)
        });
        types::Limits {
            plan: self.name.clone(),
            sizes: Some(rows.collect()),
            allowed_sizes: Some(sizes.iter().filter(|size| is_allowed(size)).cloned().collect()),
            regions: Some(REGIONS.map(region).to_vec()),
            max_concurrent: number(self.max_concurrent),
            max_snapshots: number(self.max_snapshots),
            max_named_snapshots: Some(number(self.max_named_snapshots)),
            max_timeout_seconds: Some(Integer(longest)),
            custom_egress_allowlist: Some(self.custom_egress_allowlist),
            default_egress_domains: Some(DEFAULT_DOMAINS.map(str::to_owned).to_vec()),
            trial_credit_eur: self.trial_credit_eur,
            trial_credit_used_eur: self.trial_credit_eur.map(|credit| trial_used_eur.min(credit)),
            ..types::Limits::default()
        }
    }
}

/// Why the plan does not have what was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: &'static str,
    pub(crate) detail: String,
}
