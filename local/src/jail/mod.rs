//! A jail: a short-lived isolated Linux environment made of namespaces, with one agent as its PID 1.
//!
//! `Jail::start` re-executes the current program; an entry before `main` (see `ctor`) makes it the agent. The agent builds
//! a file system of its own from read-only parts of the host and memory, gives up all rights, and then starts commands,
//! reaps them, and opens files on request. It ends with the server, and the kernel ends everything else with it.
//!
//! This is for development and tests. It keeps mistakes away from the host; it is no boundary for hostile code.

#![deny(unsafe_op_in_unsafe_fn)]

mod agent;
mod archive;
mod child;
mod ctor;
mod error;
mod files;
mod filter;
mod handle;
mod host;
mod launch;
mod link;
mod memory;
mod paths;
mod processes;
mod remedy;
mod setup;
mod socket;
mod spawn;
mod spec;
mod stage;
mod sys;
mod wire;

pub use child::{Child, Process};
pub use error::{Error, FileError};
pub use files::{Content, Entry, Files};
pub use handle::Jail;
pub use spec::{
    ALIAS_DIR, Command, DEFAULT_PATH, Exit, INNER_ID, Limits, Network, PROXY_PORT, Spec,
    UNPRIVILEGED_ID, Usage,
};
