//! The endpoints, a file a topic.

pub(crate) mod exec;
pub(crate) mod files;
pub(crate) mod paths;
pub(crate) mod presigned;
pub(crate) mod sandboxes;
