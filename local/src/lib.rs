//! The orkestr sandbox API on loopback, for development and tests.
//!
//! A [`LocalServer`] runs in your own process and speaks the API of the hosted service: every
//! sandbox is a set of real processes in Linux namespaces of their own, with a private
//! `/workspace`, and gone when it is terminated. No account, no container engine, no setuid
//! helper; it needs Linux 5.14 and unprivileged user namespaces, or root.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use orkestr::Sandbox;
//! use orkestr_local::LocalServer;
//!
//! let server = LocalServer::start().await?;
//! let sbx = Sandbox::create("python-3.12").client(&server.client()).await?;
//! let out = sbx.exec("echo hello").await?;
//! assert_eq!(out.stdout, "hello\n");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! The program `orkestr-local` is the same server for clients in other processes and languages.
//!
//! # Plans
//!
//! A server's [`Plan`] has no limits. One with limits answers as the hosted service does, from
//! counting what is there; an [`ApiKey`] can lack a [`Scope`].
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use orkestr::{RetryPolicy, Sandbox};
//! use orkestr_local::{LocalServer, Plan};
//!
//! let server = LocalServer::builder().plan(Plan::unlimited().max_concurrent(1)).start().await?;
//! let sbx = Sandbox::create("python-3.12").client(&server.client()).await?;
//! let error = Sandbox::create("python-3.12").client(&server.client()).await.unwrap_err();
//! assert!(error.is_plan_limit());
//!
//! sbx.terminate().await?;
//! Sandbox::create("python-3.12").client(&server.client()).await?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Previews and metrics
//!
//! A port of a sandbox is reached on a loopback port of its own, whatever the sandbox's network
//! mode, with streaming bodies and WebSockets. It answers to `127.0.0.1`, `localhost` and `[::1]`
//! alone; to pages of other sites only with the token of `preview_auth`. Nothing listens before
//! the first [`get_host`](orkestr::Sandbox::get_host), and nothing after the sandbox's end.
//! [Metrics](orkestr::Sandbox::metrics) are measured on the sandbox's real processes every 5 s of
//! the server's clock.
//!
//! # Faults
//!
//! What the hosted service shows once a month, a [`Fault`] shows in the next request: error
//! answers, stalls, cut connections, events split at every byte.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use orkestr::Sandbox;
//! use orkestr_local::{Fault, LocalServer};
//!
//! let server = LocalServer::start().await?;
//! let sbx = Sandbox::create("python-3.12").client(&server.client()).await?;
//!
//! server.fault(Fault::cut_after(10).on("exec_command"))?;
//! let error = sbx.exec("echo hello").await.unwrap_err();
//! assert!(error.is_connection());
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Logs
//!
//! The server logs by the `tracing` crate, to the subscriber that was the default where it was
//! started: a line at info for each request, with method, route, status, duration, sandbox and
//! request id, and one for each change of a sandbox. Bodies, queries, variables and keys are
//! never in them.
//!
//! # What it is not
//!
//! It is no security boundary for hostile code. A sandbox is kept apart by the same kernel that
//! runs your machine; it protects you from the accidents of generated code, and the hosted service
//! from its malice.
//!
//! # What differs from the hosted service
//!
//! - Templates decide nothing but names: the programs are the host's, `/usr` read-only. `python`
//!   is the host's `python3`; a missing interpreter fails as in a shell, with exit code 127.
//! - A paused sandbox is frozen in memory. It does not age, and resuming starts its lifetime anew.
//! - Of a background command's output the newest 64 MiB are kept. A command that writes faster than
//!   a follower reads waits for it; one that stalls for 5 s loses its place. The commands are gone
//!   with their sandbox.
//! - Webhooks live as long as the server, and may be on loopback.
//! - A preview's host is a loopback address with a port of its own, and its URL is `http://`.
//! - The code interpreter is the host's `python3`, 3.8 or later, and has what that has. Without one
//!   the code calls answer 409 `interpreter_unavailable`.
//! - A snapshot is a copy of `/workspace` and `/tmp`: no processes, no memory, no extended
//!   attributes. It ends with the server.
//! - A volume's `size_gb` bounds each file that a command writes, not what they take together. Its
//!   region is a name.
#![doc = ""]
#![doc = include_str!("testing.md")]
#![allow(
    clippy::needless_update,
    reason = "a new optional member of the contract must not break a literal of its type"
)]

mod admission;
mod answer;
mod app;
mod auth;
mod builder;
mod clock;
mod commands;
mod create;
mod data;
mod egress;
mod fault;
mod hooks;
mod id;
mod interpreter;
// Not part of the API: public for the tests that attack it.
#[doc(hidden)]
#[allow(clippy::exhaustive_structs, clippy::exhaustive_enums, reason = "used by this crate alone")]
pub mod jail;
mod keys;
mod lifetime;
mod log;
mod meter;
mod plan;
mod preview;
mod problem;
mod query;
mod remove;
mod routes;
mod run;
mod sandbox;
mod server;
mod signature;
mod snapshots;
mod trace;
mod volumes;

pub use builder::LocalServerBuilder;
pub use fault::{Fault, FaultError, FaultHandle};
pub use keys::{ApiKey, Scope};
pub use plan::Plan;
pub use server::{LocalServer, StartError};
