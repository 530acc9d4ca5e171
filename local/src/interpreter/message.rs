//! What the server and a kernel say to each other: one JSON object a line.

use orkestr::api::types;
use serde::{Deserialize, Serialize};

/// From the kernel. What has an `n` waits for an [`Ack`] of it, once its output before is read.
#[derive(Debug, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub(super) enum Message {
    /// It takes code from now on.
    Ready,
    Sync {
        n: u64,
    },
    /// Without `n` from a thread that outlives its run.
    Result {
        n: Option<u64>,
        result: Box<types::CodeResult>,
    },
    Done {
        error: Option<types::CodeError>,
        /// Whether a value was too long.
        cut: bool,
    },
}

#[derive(Debug, Serialize)]
pub(super) struct Ack {
    pub(super) ack: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Code<'a> {
    pub(super) code: &'a str,
    /// What tracebacks call it.
    pub(super) name: String,
}
