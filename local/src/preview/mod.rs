//! Previews: a port of a sandbox, reached over HTTP on a loopback port of its own.
//!
//! Names below `localhost` are not resolved everywhere, so each preview has an address in place of
//! the hosted service's name. Nothing listens before somebody has asked for a host.

mod guard;
mod proxy;
mod rewrite;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use axum::http::StatusCode;
use tokio::task::JoinHandle;

use crate::problem::Problem;
use crate::sandbox::Sandbox;

/// The ports of one sandbox that can be reached at a time. They stay open until its end.
const MOST_PORTS: usize = 32;

/// The open previews of one sandbox, by port. Dropping them ends them and every connection.
#[derive(Debug, Default)]
pub(crate) struct Previews(BTreeMap<u16, Preview>);

#[derive(Debug)]
struct Preview {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Preview {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Previews {
    /// Returns when nothing listens any more and every connection is closed.
    pub(crate) async fn close(self) {
        for mut preview in self.0.into_values() {
            preview.task.abort();
            // Its error says that it was aborted.
            drop((&mut preview.task).await);
        }
    }
}

/// Where `port` of the sandbox is reached: the same address whenever it is asked for.
pub(crate) fn open(sandbox: &Arc<Sandbox>, port: u16) -> Result<SocketAddr, Problem> {
    let mut live = sandbox.live();
    let Some(live) = &mut *live else {
        return Err(Problem::not_ready(&sandbox.id, sandbox.status().as_str(), ""));
    };
    let previews = &mut live.previews.0;
    if let Some(preview) = previews.get(&port) {
        return Ok(preview.address);
    }
    if previews.len() >= MOST_PORTS {
        let detail = format!("A sandbox has at most {MOST_PORTS} preview ports");
        let problem = Problem::new(StatusCode::BAD_REQUEST, detail);
        return Err(problem.with_code("too_many_previews"));
    }
    let (listener, address) = listen().map_err(Problem::internal)?;
    let task = tokio::spawn(proxy::serve(listener, proxy::Target::new(sandbox, port)));
    tracing::info!(sandbox = %sandbox.id, port, %address, "preview opened");
    previews.insert(port, Preview { address, task });
    Ok(address)
}

fn listen() -> io::Result<(tokio::net::TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((tokio::net::TcpListener::from_std(listener)?, address))
}
