//! What the account's plan allows.

use std::future::IntoFuture;
use std::time::Duration;

use futures::future::BoxFuture;
use serde::{Serialize, Serializer};

use crate::api::{Integer, SandboxSize, types};
use crate::client::options::{CallOptions, call_options};
use crate::client::{Call, Safety};
use crate::error::{Error, Scope};

/// The plan of the account that the API key belongs to; see [`Sandbox::limits`](crate::Sandbox::limits).
///
/// Everything that an older server may leave out is an `Option`: `None` says nothing of a limit,
/// except where it says so here.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Limits {
    /// The plan's name.
    pub plan: String,
    /// How many sandboxes may run at once.
    pub max_concurrent: u64,
    /// How many snapshots may exist. A paused sandbox is one.
    pub max_snapshots: u64,
    /// How many of them may have a name.
    pub max_named_snapshots: Option<u64>,
    /// The longest timeout of a sandbox. Serialised as a number, `max_timeout_seconds`.
    #[serde(rename = "max_timeout_seconds", serialize_with = "as_seconds")]
    #[cfg_attr(feature = "schemars", schemars(with = "Option<u64>"))]
    pub max_timeout: Option<Duration>,
    /// How long a sandbox may run in all, however often its timeout is set anew; `None` if there
    /// is no such limit. Serialised as a number, `max_running_lifetime_seconds`.
    #[serde(rename = "max_running_lifetime_seconds", serialize_with = "as_seconds")]
    #[cfg_attr(feature = "schemars", schemars(with = "Option<u64>"))]
    pub max_running_lifetime: Option<Duration>,
    /// The sizes that may be chosen.
    pub allowed_sizes: Option<Vec<SandboxSize>>,
    /// All sizes; empty if the server does not tell them.
    pub sizes: Vec<SizeLimit>,
    /// The regions that may be chosen; empty if the server does not tell them.
    pub regions: Vec<Region>,
    /// Whether a sandbox may have an allowlist of its own
    /// ([`allow_domains`](crate::CreateSandbox::allow_domains)).
    pub custom_egress_allowlist: Option<bool>,
    /// The domains that a sandbox with the network mode `restricted` reaches by default.
    pub default_egress_domains: Option<Vec<String>>,
    /// The trial credit in euros; `None` if there is none.
    pub trial_credit_eur: Option<f64>,
    /// How much of it is used, in euros.
    pub trial_credit_used_eur: Option<f64>,
}

/// One size of sandboxes, in [`Limits::sizes`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SizeLimit {
    /// The size.
    pub size: SandboxSize,
    /// Its virtual CPUs.
    pub cpu: Option<f64>,
    /// Its memory in MB.
    pub memory_mb: Option<u64>,
    /// Whether the plan allows it.
    pub allowed: Option<bool>,
}

/// A place where sandboxes run, in [`Limits::regions`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Region {
    /// What [`CreateSandbox::region`](crate::CreateSandbox::region) takes.
    pub id: String,
    /// Its name for people.
    pub label: Option<String>,
}

impl Limits {
    /// Whether the plan allows a size; `None` if the server does not tell.
    pub fn allows(&self, size: impl Into<SandboxSize>) -> Option<bool> {
        let size = size.into();
        let row = self.sizes.iter().find(|row| row.size == size).and_then(|row| row.allowed);
        row.or_else(|| self.allowed_sizes.as_ref().map(|sizes| sizes.contains(&size)))
    }

    /// What is left of the trial credit in euros; `None` if there is none.
    pub fn trial_credit_left_eur(&self) -> Option<f64> {
        let used = self.trial_credit_used_eur.unwrap_or(0.0);
        self.trial_credit_eur.map(|credit| (credit - used).max(0.0))
    }
}

impl From<types::Limits> for Limits {
    fn from(wire: types::Limits) -> Self {
        let count = |number: Integer| number.unsigned().unwrap_or(0);
        let time = |number: Option<Integer>| number?.unsigned().map(Duration::from_secs);
        let size = |wire: types::SizeLimit| SizeLimit {
            size: wire.size,
            cpu: wire.cpu,
            memory_mb: wire.memory_mb.and_then(Integer::unsigned),
            allowed: wire.allowed,
        };
        let region = |wire: types::Region| Region { id: wire.id, label: wire.label };
        Self {
            plan: wire.plan,
            max_concurrent: count(wire.max_concurrent),
            max_snapshots: count(wire.max_snapshots),
            max_named_snapshots: wire.max_named_snapshots.and_then(Integer::unsigned),
            max_timeout: time(wire.max_timeout_seconds),
            max_running_lifetime: time(wire.max_running_lifetime_seconds),
            allowed_sizes: wire.allowed_sizes,
            sizes: wire.sizes.unwrap_or_default().into_iter().map(size).collect(),
            regions: wire.regions.unwrap_or_default().into_iter().map(region).collect(),
            custom_egress_allowlist: wire.custom_egress_allowlist,
            default_egress_domains: wire.default_egress_domains,
            trial_credit_eur: wire.trial_credit_eur,
            trial_credit_used_eur: wire.trial_credit_used_eur,
        }
    }
}

fn as_seconds<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_secs()).serialize(serializer)
}

/// Asks for the plan's limits; see [`Sandbox::limits`](crate::Sandbox::limits). Await it.
#[derive(Clone, Debug)]
#[must_use = "a request is sent only when it is awaited"]
pub struct GetLimits {
    options: CallOptions,
}

impl GetLimits {
    pub(crate) fn new() -> Self {
        Self { options: CallOptions::default() }
    }

    call_options!();

    async fn send(self) -> Result<Limits, Error> {
        let client = self.options.resolve()?;
        let call = Call { scope: Scope::Resource, ..client.plain(Safety::Repeatable) };
        let send = |api: crate::api::Client| async move { api.get_limits().await };
        Ok(client.call(call, send).await?.into_inner().into())
    }
}

impl IntoFuture for GetLimits {
    type Output = Result<Limits, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
