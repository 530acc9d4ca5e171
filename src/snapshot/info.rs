//! What the server says of a snapshot.

use serde::Serialize;

use crate::Timestamp;
use crate::api::{NetworkMode, SnapshotStatus, Template, types};

/// The state of a snapshot at one moment. `Snapshot` in the contract.
///
/// Everything that an older server may leave out is an `Option`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SnapshotInfo {
    /// The id, `snap_...`.
    pub id: String,
    /// Where it stands.
    pub status: SnapshotStatus,
    /// Its name for people.
    pub name: Option<String>,
    /// The sandbox that it was taken of.
    pub source_sandbox_id: Option<String>,
    /// The template of that sandbox.
    pub template: Option<Template>,
    /// The virtual CPUs of sandboxes that start from it.
    pub cpu: Option<f64>,
    /// Their memory in MB.
    pub memory_mb: Option<u64>,
    /// Their network mode.
    pub network: Option<NetworkMode>,
    /// Its size in MB.
    pub size_mb: Option<u64>,
    /// The machine that it is on.
    pub node_id: Option<String>,
    /// The region that it is in.
    pub region: Option<String>,
    /// Why it failed, for people.
    pub error_message: Option<String>,
    /// When it was asked for.
    pub created_at: Option<Timestamp>,
    /// When it became ready.
    pub ready_at: Option<Timestamp>,
}

impl From<types::Snapshot> for SnapshotInfo {
    fn from(wire: types::Snapshot) -> Self {
        Self {
            id: wire.id,
            status: wire.status,
            name: wire.name,
            source_sandbox_id: wire.source_sandbox_id,
            template: wire.template,
            cpu: wire.cpu,
            memory_mb: wire.memory_mb.and_then(|number| number.unsigned()),
            network: wire.network,
            size_mb: wire.size_mb.and_then(|number| number.unsigned()),
            node_id: wire.node_id,
            region: wire.region,
            error_message: wire.error_message,
            created_at: wire.created_at,
            ready_at: wire.ready_at,
        }
    }
}
