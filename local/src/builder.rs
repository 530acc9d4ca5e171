//! What a server is started with.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use orkestr::Secret;

use crate::app::Config;
use crate::id;
use crate::keys::ApiKey;
use crate::plan::Plan;
use crate::server::{LocalServer, StartError};

/// Configures a [`LocalServer`]; see [`LocalServer::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `start` is called"]
pub struct LocalServerBuilder {
    listen: SocketAddr,
    api_key: Option<Secret>,
    read_only_paths: Vec<PathBuf>,
    disk_mb: u64,
    transition: Duration,
    upstreams: BTreeMap<String, SocketAddr>,
    keys: Vec<ApiKey>,
    plan: Plan,
    data_dir: Option<PathBuf>,
}

impl LocalServerBuilder {
    pub(crate) fn new() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            api_key: None,
            read_only_paths: Vec::new(),
            disk_mb: 1024,
            transition: Duration::ZERO,
            upstreams: BTreeMap::new(),
            keys: Vec::new(),
            plan: Plan::unlimited(),
            data_dir: None,
        }
    }

    /// The loopback address to listen on. Default: `127.0.0.1:0`, a free port.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// The key to ask for. Default: a new one for each server.
    pub fn api_key(mut self, api_key: impl Into<Secret>) -> Self {
        self.api_key = Some(api_key.into());
        self
    }

    /// Shows one more path of the host in every sandbox, read-only and at the same place, such as
    /// a language manager below a home directory.
    pub fn read_only_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.read_only_paths.push(path.into());
        self
    }

    /// The size in MB of each sandbox's disk, which holds /workspace and /tmp. Default: 1024. It
    /// lives in memory and takes only what is written.
    pub fn disk_mb(mut self, size: u64) -> Self {
        self.disk_mb = size.min(1 << 40);
        self
    }

    /// How long starting, pausing and resuming take at least, by the server's clock. Default: no
    /// longer than they need here, a few milliseconds; the hosted service may need seconds.
    ///
    /// Meanwhile the sandbox is `starting`, `pausing` or `resuming` for everybody who looks. With
    /// [`LocalServer::advance`] a test decides when that ends.
    pub fn transition_time(mut self, time: Duration) -> Self {
        self.transition = time;
        self
    }

    /// Serves a host from elsewhere to sandboxes with the network mode `restricted`: what they
    /// send to `host`, on whatever port, goes to `address`. For a mock of an API that an agent's
    /// code calls.
    ///
    /// The policy stays as it is: `host` must be on the allowlist, and its port 443 or 80.
    pub fn upstream(mut self, host: impl Into<String>, address: SocketAddr) -> Self {
        self.upstreams.insert(host.into().to_ascii_lowercase(), address);
        self
    }

    /// One more key, for example one that may only read.
    ///
    /// ```
    /// use orkestr_local::{ApiKey, LocalServer, Scope};
    ///
    /// let reader = ApiKey::new("ork_ro").scopes([Scope::SandboxesRead]);
    /// let builder = LocalServer::builder().key(reader);
    /// ```
    pub fn key(mut self, key: ApiKey) -> Self {
        self.keys.push(key);
        self
    }

    /// What the account may do. Default: [`Plan::unlimited`].
    pub fn plan(mut self, plan: Plan) -> Self {
        self.plan = plan;
        self
    }

    /// Where volumes lie, so that they outlive the server. It is made if it is missing, is closed to
    /// other users, and belongs to one server at a time. Default: a temporary directory, which is
    /// removed at the end.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use orkestr::{Sandbox, Volume};
    /// use orkestr_local::LocalServer;
    ///
    /// # let place = std::env::temp_dir().join(format!("doc-data-dir-{}", std::process::id()));
    /// let server = LocalServer::builder().data_dir(&place).start().await?;
    /// Volume::create("cache", 1).client(&server.client()).await?;
    /// server.shutdown().await;
    ///
    /// let server = LocalServer::builder().data_dir(&place).start().await?;
    /// let sbx = Sandbox::create("debian-12").volume("cache").client(&server.client()).await?;
    /// # drop((server, sbx));
    /// # std::fs::remove_dir_all(&place)?;
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn data_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(path.into());
        self
    }

    /// Starts the server, and a first sandbox to see whether this machine allows them.
    ///
    /// # Errors
    ///
    /// [`StartError`]: an address that is taken or not on loopback, a data directory that cannot be
    /// used, or a machine that refuses namespaces, with the cause and the remedy.
    pub async fn start(self) -> Result<LocalServer, StartError> {
        if !self.listen.ip().is_loopback() {
            return Err(StartError::NotLoopback(self.listen));
        }
        let api_key = self.api_key.unwrap_or_else(|| Secret::new(id::new("ork")));
        let mut keys = self.keys;
        keys.push(ApiKey::new(api_key.clone()));
        let config = Config {
            keys,
            plan: self.plan,
            faults: Arc::default(),
            read_only_paths: self.read_only_paths,
            disk_mb: self.disk_mb,
            transition: self.transition,
            upstreams: self.upstreams,
            data_dir: self.data_dir,
        };
        LocalServer::launch(config, self.listen, api_key).await
    }
}
