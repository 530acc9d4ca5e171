//! What is known of one volume.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use orkestr::api::{Integer, VolumeStatus, types};
use serde::{Deserialize, Serialize};

const HOUR: u64 = 3600;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) size_mb: i64,
    pub(super) region: String,
    pub(super) max_lifetime_days: Option<u32>,
    pub(super) max_lifetime_hours: Option<u32>,
    /// Since when they count, in Unix seconds.
    pub(super) lifetime_from: u64,
    /// The sandbox that has it. Sandboxes end with their server, so it is never written down.
    #[serde(skip)]
    pub(super) attached: Option<String>,
}

impl Record {
    /// In Unix seconds. Where both lifetimes are set, the shorter one counts.
    pub(super) fn ends_at(&self) -> Option<u64> {
        let days = self.max_lifetime_days.map(|days| u64::from(days) * 24 * HOUR);
        let hours = self.max_lifetime_hours.map(|hours| u64::from(hours) * HOUR);
        let shorter = days.into_iter().chain(hours).min()?;
        Some(self.lifetime_from.saturating_add(shorter))
    }

    pub(super) fn is_over(&self, now: u64) -> bool {
        self.ends_at().is_some_and(|end| end <= now)
    }

    /// As it stands on the wire.
    pub(super) fn view(&self) -> types::Volume {
        let attached = self.attached.clone().filter(|sandbox| !sandbox.is_empty());
        let is_attached = self.attached.is_some();
        let number = |number: u32| Integer::from(number);
        types::Volume {
            id: self.id.clone(),
            name: self.name.clone(),
            size_mb: Some(Integer(self.size_mb)),
            status: Some(if is_attached {
                VolumeStatus::Attached
            } else {
                VolumeStatus::Available
            }),
            region: Some(self.region.clone()),
            node_id: Some("local".to_owned()),
            attached_sandbox_id: attached,
            max_lifetime_days: self.max_lifetime_days.map(number),
            max_lifetime_hours: self.max_lifetime_hours.map(number),
            expires_at: self.ends_at().map(|end| (UNIX_EPOCH + Duration::from_secs(end)).into()),
            ..types::Volume::default()
        }
    }
}

/// Unix seconds.
pub(super) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
