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
//! - Snapshots, volumes, previews, the code interpreter, webhooks, metrics
//!   and presigned URLs are not there: their paths answer 404, their create options 422.
#![doc = ""]
#![doc = include_str!("testing.md")]
#![allow(
    clippy::needless_update,
    reason = "a new optional member of the contract must not break a literal of its type"
)]

mod answer;
mod app;
mod auth;
mod clock;
mod commands;
mod create;
mod egress;
mod id;
// Not part of the API: public for the tests that attack it.
#[doc(hidden)]
#[allow(clippy::exhaustive_structs, clippy::exhaustive_enums, reason = "used by this crate alone")]
pub mod jail;
mod lifetime;
mod log;
mod problem;
mod query;
mod routes;
mod run;
mod sandbox;
mod server;

pub use server::{LocalServer, LocalServerBuilder, StartError};
