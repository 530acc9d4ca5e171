//! Snapshots: saved states of sandboxes, to start others from.

mod handle;
mod info;
mod reach;
mod request;
mod wait;

pub use handle::Snapshot;
pub use info::SnapshotInfo;
pub use reach::{GetSnapshot, ListSnapshots};
pub use request::SnapshotRequest;
pub use wait::WaitSnapshot;

use crate::client::{Call, Client, Safety};
use crate::error::Scope;

/// A call on one snapshot or on all of them.
fn on_snapshots(client: &Client, safety: Safety) -> Call {
    Call { scope: Scope::Resource, ..client.plain(safety) }
}
