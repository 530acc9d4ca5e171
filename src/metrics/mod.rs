//! What a sandbox uses and has used: `sbx.metrics` and `sbx.metrics_stream`.

mod request;
mod stream;

pub use request::GetMetrics;
pub use stream::MetricsStream;

use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::Timestamp;
use crate::api::{Integer, SandboxStatus, types};

/// The use of a sandbox at one moment and over its lifetime; see
/// [`Sandbox::metrics`](crate::Sandbox::metrics).
///
/// Everything that an older server may leave out is an `Option`. The live values are `None` also
/// while the sandbox does not run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Metrics {
    /// The sandbox.
    pub sandbox_id: String,
    /// Its status.
    pub status: Option<SandboxStatus>,
    /// When it was measured, by the server's clock. The next call's
    /// [`since`](GetMetrics::since).
    pub as_of: Option<Timestamp>,
    /// The time between two samples. Serialised as a number, `sample_interval_seconds`.
    #[serde(rename = "sample_interval_seconds", serialize_with = "as_seconds")]
    #[cfg_attr(feature = "schemars", schemars(with = "Option<f64>"))]
    pub sample_interval: Option<Duration>,
    /// How far back the server keeps samples. Serialised as a number, `window_seconds`.
    #[serde(rename = "window_seconds", serialize_with = "as_seconds")]
    #[cfg_attr(feature = "schemars", schemars(with = "Option<f64>"))]
    pub window: Option<Duration>,
    /// The processor.
    pub cpu: CpuMetrics,
    /// The memory.
    pub memory: MemoryMetrics,
    /// The totals since the sandbox was created.
    pub lifetime: LifetimeMetrics,
    /// The samples, oldest first.
    pub samples: Vec<MetricsSample>,
}

/// The processor's use, in [`Metrics::cpu`].
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct CpuMetrics {
    /// The virtual CPUs that the sandbox has.
    pub cores: Option<f64>,
    /// How many of them are busy; `None` while it does not run.
    pub usage_cores: Option<f64>,
    /// The same in percent of what it has; `None` while it does not run.
    pub usage_percent: Option<f64>,
}

/// The memory's use, in [`Metrics::memory`].
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct MemoryMetrics {
    /// The bytes that the sandbox has.
    pub limit_bytes: Option<u64>,
    /// The bytes that are in use; `None` while it does not run.
    pub usage_bytes: Option<u64>,
    /// The same in percent of what it has; `None` while it does not run.
    pub usage_percent: Option<f64>,
}

/// Totals over a sandbox's lifetime, in [`Metrics::lifetime`]. Paused time costs nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct LifetimeMetrics {
    /// The time that one virtual CPU would have been busy. Serialised as a number, `cpu_seconds`.
    #[serde(rename = "cpu_seconds", serialize_with = "as_seconds")]
    #[cfg_attr(feature = "schemars", schemars(with = "Option<f64>"))]
    pub cpu_time: Option<Duration>,
    /// GB of memory times seconds.
    pub gb_seconds: Option<f64>,
}

/// The use at one moment, in [`Metrics::samples`] and from a [`MetricsStream`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct MetricsSample {
    /// When, by the server's clock.
    pub at: Timestamp,
    /// The processor's use in percent.
    pub cpu_percent: Option<f64>,
    /// The memory in use, in bytes.
    pub memory_bytes: Option<u64>,
}

impl From<types::Metrics> for Metrics {
    fn from(wire: types::Metrics) -> Self {
        let (cpu, memory) = (wire.cpu.unwrap_or_default(), wire.memory.unwrap_or_default());
        let lifetime = wire.lifetime.unwrap_or_default();
        let sample = |wire: types::MetricsSample| MetricsSample {
            at: wire.t,
            cpu_percent: wire.cpu_percent,
            memory_bytes: wire.mem_bytes.and_then(Integer::unsigned),
        };
        Self {
            sandbox_id: wire.sandbox_id,
            status: wire.sandbox_status,
            as_of: wire.as_of.or(wire.as_of_unix.and_then(Timestamp::from_unix)),
            sample_interval: duration(wire.sample_interval_seconds),
            window: duration(wire.window_seconds),
            cpu: CpuMetrics {
                cores: cpu.cores,
                usage_cores: cpu.usage_cores,
                usage_percent: cpu.usage_percent,
            },
            memory: MemoryMetrics {
                limit_bytes: memory.limit_bytes.and_then(Integer::unsigned),
                usage_bytes: memory.usage_bytes.and_then(Integer::unsigned),
                usage_percent: memory.usage_percent,
            },
            lifetime: LifetimeMetrics {
                cpu_time: duration(lifetime.cpu_seconds),
                gb_seconds: lifetime.gb_seconds,
            },
            samples: wire.samples.unwrap_or_default().into_iter().map(sample).collect(),
        }
    }
}

/// A negative one is none.
fn duration(seconds: Option<f64>) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds?).ok()
}

fn as_seconds<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_secs_f64()).serialize(serializer)
}
