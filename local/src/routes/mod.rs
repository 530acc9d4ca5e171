//! The endpoints, a file a topic.

pub(crate) mod clock;
pub(crate) mod commands;
pub(crate) mod exec;
pub(crate) mod files;
pub(crate) mod sandboxes;
