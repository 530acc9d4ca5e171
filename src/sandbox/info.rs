//! What the server says of a sandbox.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::api::types;
use crate::api::{NetworkMode, OnTimeout, SandboxStatus, Template};
use crate::{Secret, Timestamp};

/// The state of a sandbox at one moment. `Sandbox` in the contract.
///
/// Everything that an older server may leave out is an `Option`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SandboxInfo {
    /// The id, `sbx_...`.
    pub id: String,
    /// The status.
    pub status: SandboxStatus,
    /// The template that it was created from.
    pub template: Template,
    /// The network mode.
    pub network: NetworkMode,
    /// Virtual CPUs.
    pub cpu: f64,
    /// Memory in MB.
    pub memory_mb: u64,
    /// Where it runs.
    pub region: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its lifetime ends.
    pub expires_at: Timestamp,
    /// What happens when its lifetime ends.
    pub on_timeout: Option<OnTimeout>,
    /// Whether exec and file calls resume it when it is paused.
    pub auto_resume: Option<bool>,
    /// Whether its preview URLs ask for a token.
    pub preview_auth: Option<bool>,
    /// The token that its preview URLs ask for. Not serialised.
    #[serde(skip)]
    pub preview_auth_token: Option<Secret>,
    /// When a paused sandbox is deleted for good.
    pub paused_expires_at: Option<Timestamp>,
    /// The machine that it runs on.
    pub node_id: Option<String>,
    /// The caller's tags; empty if there are none.
    pub metadata: BTreeMap<String, String>,
    /// The volume that is mounted at `/persist`.
    pub volume: Option<String>,
    /// The domain below which its preview hosts are.
    pub preview_host_base: Option<String>,
}

impl SandboxInfo {
    /// The news, and what was known and is not mentioned again: a token may be told only once.
    pub(super) fn absorb(&mut self, wire: types::Sandbox) {
        let keeps_metadata = wire.metadata.is_none();
        let known = std::mem::replace(self, Self::from(wire));
        self.preview_auth_token = self.preview_auth_token.take().or(known.preview_auth_token);
        self.preview_host_base = self.preview_host_base.take().or(known.preview_host_base);
        self.volume = self.volume.take().or(known.volume);
        if keeps_metadata {
            self.metadata = known.metadata;
        }
    }
}

impl From<types::Sandbox> for SandboxInfo {
    fn from(wire: types::Sandbox) -> Self {
        Self {
            id: wire.id,
            status: wire.status,
            template: wire.template,
            network: wire.network,
            cpu: wire.cpu,
            memory_mb: wire.memory_mb.unsigned().unwrap_or(0),
            region: wire.region,
            created_at: wire.created_at,
            expires_at: wire.expires_at,
            on_timeout: wire.on_timeout,
            auto_resume: wire.auto_resume,
            preview_auth: wire.preview_auth,
            preview_auth_token: wire.preview_auth_token,
            paused_expires_at: wire.paused_expires_at,
            node_id: wire.node_id,
            metadata: wire.metadata.unwrap_or_default(),
            volume: wire.volume,
            preview_host_base: wire.preview_host_base,
        }
    }
}
