//! What a handle knows of its sandbox.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use super::{Sandbox, SandboxInfo};
use crate::api::{NetworkMode, OnTimeout, SandboxStatus, Template};
use crate::{Secret, Timestamp};

/// What the server last said of the sandbox.
impl Sandbox {
    /// All of it at one moment.
    pub fn info(&self) -> Arc<SandboxInfo> {
        self.0.info.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The id, `sbx_...`: keep it to attach again with [`Sandbox::get`].
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The status when it was last asked for.
    pub fn status(&self) -> SandboxStatus {
        self.info().status.clone()
    }

    /// The template that it was created from.
    pub fn template(&self) -> Template {
        self.info().template.clone()
    }

    /// The network mode.
    pub fn network(&self) -> NetworkMode {
        self.info().network.clone()
    }

    /// Virtual CPUs.
    pub fn cpu(&self) -> f64 {
        self.info().cpu
    }

    /// Memory in MB.
    pub fn memory_mb(&self) -> u64 {
        self.info().memory_mb
    }

    /// Where it runs.
    pub fn region(&self) -> String {
        self.info().region.clone()
    }

    /// When it was created.
    pub fn created_at(&self) -> Timestamp {
        self.info().created_at
    }

    /// When its lifetime ends; [`set_timeout`](Self::set_timeout) moves it.
    pub fn expires_at(&self) -> Timestamp {
        self.info().expires_at
    }

    /// What happens when its lifetime ends, if the server says it.
    pub fn on_timeout(&self) -> Option<OnTimeout> {
        self.info().on_timeout.clone()
    }

    /// Whether exec and file calls resume it when it is paused, if the server says it.
    pub fn auto_resume(&self) -> Option<bool> {
        self.info().auto_resume
    }

    /// Whether its preview URLs ask for a token, if the server says it.
    pub fn preview_auth(&self) -> Option<bool> {
        self.info().preview_auth
    }

    /// The token that its preview URLs ask for.
    pub fn preview_auth_token(&self) -> Option<Secret> {
        self.info().preview_auth_token.clone()
    }

    /// When a paused sandbox is deleted for good.
    pub fn paused_expires_at(&self) -> Option<Timestamp> {
        self.info().paused_expires_at
    }

    /// The machine that it runs on.
    pub fn node_id(&self) -> Option<String> {
        self.info().node_id.clone()
    }

    /// The caller's tags.
    pub fn metadata(&self) -> BTreeMap<String, String> {
        self.info().metadata.clone()
    }

    /// The volume that is mounted at `/persist`.
    pub fn volume(&self) -> Option<String> {
        self.info().volume.clone()
    }

    /// The domain below which its preview hosts are.
    pub fn preview_host_base(&self) -> Option<String> {
        self.info().preview_host_base.clone()
    }
}
