//! Volumes: storage that outlives sandboxes.

mod create;
mod handle;
mod info;
mod list;
mod update;

pub use create::CreateVolume;
pub use handle::Volume;
pub use info::VolumeInfo;
pub use list::{FindVolume, ListVolumes};
pub use update::UpdateVolume;

use crate::client::{Call, Client, Safety};
use crate::error::Scope;

/// A call on one volume or on all of them.
fn on_volumes(client: &Client, safety: Safety) -> Call {
    Call { scope: Scope::Resource, ..client.plain(safety) }
}
