//! The code interpreter: contexts, each with a Python process that keeps its variables.

mod attend;
mod context;
mod kernel;
mod message;
mod output;

pub(crate) use context::{Context, Contexts, not_found};
pub(crate) use kernel::{gone, unavailable};
pub(crate) use output::{Event, Summary};
