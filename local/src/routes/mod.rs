//! The endpoints, a file a topic.

pub(crate) mod clock;
pub(crate) mod code;
pub(crate) mod commands;
pub(crate) mod exec;
pub(crate) mod faults;
pub(crate) mod files;
pub(crate) mod hosts;
pub(crate) mod limits;
pub(crate) mod metrics;
pub(crate) mod paths;
pub(crate) mod presigned;
pub(crate) mod sandboxes;
pub(crate) mod snapshots;
pub(crate) mod volumes;
pub(crate) mod webhooks;
