//! The state of a server, and the table of its routes.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{delete, get, patch, post};
use orkestr::api::SandboxStatus;

use crate::admission::{self, Admission};
use crate::clock::Clock;
use crate::fault::{self, Faults};
use crate::hooks::Events;
use crate::keys::ApiKey;
use crate::plan::Plan;
use crate::problem::Problem;
use crate::routes::{
    clock, code, commands, exec, faults, files, hosts, limits, metrics, paths, presigned,
    sandboxes, snapshots, volumes, webhooks,
};
use crate::sandbox::Sandbox;
use crate::signature::Signer;
use crate::snapshots::Snapshots;
use crate::volumes::Volumes;
use crate::{auth, trace};

/// How many sandboxes that have ended are still listed.
const ENDED_KEPT: usize = 1000;

#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) keys: Vec<ApiKey>,
    pub(crate) plan: Plan,
    pub(crate) faults: Arc<Faults>,
    pub(crate) read_only_paths: Vec<PathBuf>,
    pub(crate) disk_mb: u64,
    pub(crate) transition: Duration,
    /// Hosts that the proxy of `restricted` finds elsewhere.
    pub(crate) upstreams: BTreeMap<String, SocketAddr>,
    /// Where volumes lie; a directory that ends with the server if none is named.
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Debug)]
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) admission: Arc<Admission>,
    pub(crate) signer: Signer,
    /// The sink of everything that webhooks tell.
    pub(crate) events: Events,
    pub(crate) snapshots: Snapshots,
    pub(crate) volumes: Arc<Volumes>,
    // By id, and ids sort by their time.
    sandboxes: Mutex<BTreeMap<String, Arc<Sandbox>>>,
}

impl App {
    /// Fails only for its data directory.
    pub(crate) fn new(config: Config, signer: Signer) -> io::Result<Arc<Self>> {
        let clock = Clock::new();
        let admission = Admission::new(config.plan.clone(), clock.clone());
        let events = Events::new(clock.clone());
        let data_dir = config.data_dir.as_deref();
        let volumes = Volumes::open(clock.clone(), events.clone(), data_dir)?;
        Ok(Arc::new(Self {
            config,
            clock,
            admission,
            signer,
            events,
            snapshots: Snapshots::default(),
            volumes,
            sandboxes: Mutex::default(),
        }))
    }

    pub(crate) fn insert(&self, sandbox: Arc<Sandbox>) {
        let mut sandboxes = self.sandboxes.lock().unwrap_or_else(PoisonError::into_inner);
        sandboxes.insert(sandbox.id.clone(), sandbox);
        let has_ended = |sandbox: &Sandbox| {
            matches!(sandbox.status(), SandboxStatus::Terminated | SandboxStatus::Failed)
        };
        // Cheap while there are few: a server that has seen fewer in all has nothing to drop.
        if sandboxes.len() > ENDED_KEPT {
            let ended = sandboxes.values().filter(|sandbox| has_ended(sandbox));
            let ended: Vec<String> = ended.map(|sandbox| sandbox.id.clone()).collect();
            for id in ended.iter().take(ended.len().saturating_sub(ENDED_KEPT)) {
                sandboxes.remove(id);
            }
        }
    }

    pub(crate) fn find(&self, id: &str) -> Result<Arc<Sandbox>, Problem> {
        let sandboxes = self.sandboxes.lock().unwrap_or_else(PoisonError::into_inner);
        sandboxes.get(id).cloned().ok_or_else(|| Problem::no_sandbox(id))
    }

    /// Newest first.
    pub(crate) fn all(&self) -> Vec<Arc<Sandbox>> {
        let sandboxes = self.sandboxes.lock().unwrap_or_else(PoisonError::into_inner);
        sandboxes.values().rev().cloned().collect()
    }

    /// For one whose create failed.
    pub(crate) fn remove(&self, id: &str) {
        let mut sandboxes = self.sandboxes.lock().unwrap_or_else(PoisonError::into_inner);
        sandboxes.remove(id);
    }

    /// Moves the clock, and waits until every sandbox whose lifetime is over has ended or paused.
    pub(crate) async fn advance(&self, by: Duration) {
        self.clock.advance(by);
        futures::future::join_all(self.all().iter().map(|sandbox| sandbox.settled())).await;
        let volumes = self.volumes.clone();
        // Fails only while the server ends.
        let _ = tokio::task::spawn_blocking(move || volumes.expire_due()).await;
    }

    /// Ends every sandbox and waits until nothing of them is left.
    pub(crate) async fn terminate_all(&self) {
        futures::future::join_all(self.all().iter().map(|sandbox| sandbox.terminate())).await;
        self.snapshots.clear();
        self.volumes.close();
    }
}

pub(crate) fn router(app: Arc<App>) -> Router {
    let one = "/v1/sandboxes/{id}";
    let below = |path: &str| format!("{one}/{path}");
    Router::new()
        .route("/v1/sandboxes", post(sandboxes::create).get(sandboxes::list))
        .route("/v1/sandboxes/limits", get(limits::get))
        .route("/v1/sandboxes/webhooks", post(webhooks::create).get(webhooks::list))
        .route("/v1/sandboxes/webhooks/{webhook}", delete(webhooks::delete))
        .route("/v1/sandboxes/webhooks/{webhook}/enable", post(webhooks::enable))
        .route(one, get(sandboxes::get).delete(sandboxes::terminate))
        .route(&below("pause"), post(sandboxes::pause))
        .route(&below("resume"), post(sandboxes::resume))
        .route(&below("timeout"), post(sandboxes::set_timeout))
        .route(&below("metrics"), get(metrics::get))
        .route(&below("host"), get(hosts::get))
        .route(&below("exec"), post(exec::exec))
        .route(&below("commands"), post(commands::start).get(commands::list))
        .route(&below("commands/{command}"), get(commands::get).delete(commands::kill))
        .route(&below("commands/{command}/logs"), get(commands::logs))
        .route(&below("files"), post(files::write).get(files::read).merge(delete(files::remove)))
        .route(&below("files/stat"), get(paths::stat))
        .route(&below("files/mkdir"), post(paths::make_directory))
        .route(&below("files/move"), post(paths::rename))
        .route(&below("files/batch"), post(paths::write_batch))
        .route(&below("files/presign-download"), post(presigned::presign_download))
        .route(&below("files/presign-upload"), post(presigned::presign_upload))
        .route(&below("code"), post(code::run))
        .route(&below("code/contexts"), post(code::create).get(code::list))
        .route(&below("code/contexts/{context}"), delete(code::remove))
        .route(&below("code/contexts/{context}/restart"), post(code::restart))
        .route(&below("snapshots"), post(snapshots::create))
        .route("/v1/sandboxes/snapshots", get(snapshots::list))
        .route("/v1/sandboxes/snapshots/{snapshot}", get(snapshots::get).delete(snapshots::delete))
        .route("/v1/sandboxes/volumes", post(volumes::create).get(volumes::list))
        .route("/v1/sandboxes/volumes/{volume}", patch(volumes::update).delete(volumes::delete))
        .route("/v1/sandboxes/volumes/{volume}/move", post(volumes::move_to))
        .route_layer(from_fn_with_state(app.clone(), admission::limit_rate))
        .route("/local/clock", post(clock::advance))
        .route("/local/faults", post(faults::add).get(faults::list).delete(faults::clear_all))
        .route("/local/faults/{fault}", delete(faults::clear))
        .route_layer(from_fn_with_state(app.clone(), auth::require_key))
        // After the layer: the signature in the URL stands for the key.
        .route("/local/files/{id}", get(presigned::download).put(presigned::upload))
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "Not Found") })
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
        })
        .layer(from_fn_with_state(app.config.faults.clone(), fault::apply))
        .layer(from_fn(trace::identify))
        .with_state(app)
}
