//! What is known of one volume.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use orkestr::api::{Integer, VolumeStatus, types};
use serde::{Deserialize, Serialize};

const HOUR: u64 = 3600;

/// In one of two units, as it was set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Lifetime {
    Days(u32),
    Hours(u32),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) size_mb: i64,
    /// None before the first sandbox, where nobody named one.
    pub(super) region: Option<String>,
    /// In Unix seconds.
    pub(super) created_at: u64,
    /// From its creation on.
    pub(super) lifetime: Option<Lifetime>,
    /// The sandbox that has it. Sandboxes end with their server, so it is never written down.
    #[serde(skip)]
    pub(super) attached: Option<String>,
}

impl Record {
    /// In Unix seconds.
    pub(super) fn ends_at(&self) -> Option<u64> {
        let hours = match self.lifetime? {
            Lifetime::Days(days) => u64::from(days) * 24,
            Lifetime::Hours(hours) => u64::from(hours),
        };
        Some(self.created_at.saturating_add(hours * HOUR))
    }

    pub(super) fn is_over(&self, now: u64) -> bool {
        self.ends_at().is_some_and(|end| end <= now)
    }

    /// As it stands on the wire.
    pub(super) fn view(&self) -> types::Volume {
        let attached = self.attached.clone().filter(|sandbox| !sandbox.is_empty());
        let is_attached = self.attached.is_some();
        let (days, hours) = match self.lifetime {
            Some(Lifetime::Days(days)) => (Some(days), None),
            Some(Lifetime::Hours(hours)) => (None, Some(hours)),
            None => (None, None),
        };
        types::Volume {
            id: self.id.clone(),
            name: self.name.clone(),
            size_mb: Some(Integer(self.size_mb)),
            status: Some(if is_attached {
                VolumeStatus::Attached
            } else {
                VolumeStatus::Available
            }),
            region: self.region.clone(),
            node_id: Some("local".to_owned()),
            attached_sandbox_id: attached,
            max_lifetime_days: days.map(Integer::from),
            max_lifetime_hours: hours.map(Integer::from),
            expires_at: self.ends_at().map(|end| (UNIX_EPOCH + Duration::from_secs(end)).into()),
            ..types::Volume::default()
        }
    }
}

/// Unix seconds.
pub(super) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
