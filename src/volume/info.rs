//! What the server says of a volume.

use serde::Serialize;

use crate::Timestamp;
use crate::api::{VolumeStatus, types};

/// The state of a volume at one moment. `Volume` in the contract.
///
/// Everything that an older server may leave out is an `Option`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct VolumeInfo {
    /// The id, `vol_...`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its size in MB.
    pub size_mb: Option<u64>,
    /// Where it stands.
    pub status: Option<VolumeStatus>,
    /// The region that it is in.
    pub region: Option<String>,
    /// The machine that it is on.
    pub node_id: Option<String>,
    /// The sandbox that uses it.
    pub attached_sandbox_id: Option<String>,
    /// How many days it lives.
    pub max_lifetime_days: Option<u64>,
    /// How many hours it lives.
    pub max_lifetime_hours: Option<u64>,
    /// When it is deleted; none for never.
    pub expires_at: Option<Timestamp>,
}

impl From<types::Volume> for VolumeInfo {
    fn from(wire: types::Volume) -> Self {
        Self {
            id: wire.id,
            name: wire.name,
            size_mb: wire.size_mb.and_then(|number| number.unsigned()),
            status: wire.status,
            region: wire.region,
            node_id: wire.node_id,
            attached_sandbox_id: wire.attached_sandbox_id,
            max_lifetime_days: wire.max_lifetime_days.and_then(|number| number.unsigned()),
            max_lifetime_hours: wire.max_lifetime_hours.and_then(|number| number.unsigned()),
            expires_at: wire.expires_at,
        }
    }
}
