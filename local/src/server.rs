//! The server in a process: its thread, its address, its end.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::{fmt, io};

use orkestr::{Client, Secret};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::app::{self, App, Config};
use crate::id;
use crate::jail::{self, Jail};
use crate::signature::Signer;

/// A running server on loopback. Dropping it ends it and every sandbox, and waits until they are
/// gone.
///
/// It runs on a thread and a runtime of its own, so it can be started from any runtime and
/// outlives the runtime of a test. Any number can run in one process.
pub struct LocalServer {
    address: SocketAddr,
    api_key: Secret,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The address is not on loopback. A server of this kind runs whatever it is sent.
    #[error(
        "{0} is not a loopback address; this server runs any command it is sent, so it only listens on loopback"
    )]
    NotLoopback(SocketAddr),
    /// This machine refuses the isolation that sandboxes need. Nothing is run without it.
    #[error("sandboxes cannot run on this machine: {0}")]
    Unsupported(String),
    /// The system refused a thread or a runtime.
    #[error("cannot start the server: {0}")]
    Io(#[from] io::Error),
}

/// Configures a [`LocalServer`]; see [`LocalServer::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `start` is called"]
pub struct LocalServerBuilder {
    listen: SocketAddr,
    api_key: Option<Secret>,
    read_only_paths: Vec<PathBuf>,
}

impl LocalServer {
    /// Starts a server on a free port of 127.0.0.1 with a key of its own.
    ///
    /// # Errors
    ///
    /// As for [`LocalServerBuilder::start`].
    pub async fn start() -> Result<Self, StartError> {
        Self::builder().start().await
    }

    /// Starts the configuration of a server.
    pub fn builder() -> LocalServerBuilder {
        LocalServerBuilder {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            api_key: None,
            read_only_paths: Vec::new(),
        }
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL to give to a client.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The key that it asks for.
    pub fn api_key(&self) -> &Secret {
        &self.api_key
    }

    /// A client of this server.
    pub fn client(&self) -> Client {
        Client::builder()
            .base_url(self.base_url())
            .api_key(self.api_key.clone())
            .build()
            .expect("the server's own address and key are valid")
    }

    /// Ends the server and every sandbox, and waits until they are gone.
    pub async fn shutdown(mut self) {
        if let Some(thread) = self.begin_stop() {
            // Joining blocks, and this may be the only thread of its runtime.
            let (done, wait) = oneshot::channel();
            let joiner = std::thread::spawn(move || {
                drop(thread.join());
                let _ = done.send(());
            });
            drop(wait.await);
            drop(joiner.join());
        }
    }

    fn begin_stop(&mut self) -> Option<JoinHandle<()>> {
        drop(self.stop.take());
        self.thread.take()
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        if let Some(thread) = self.begin_stop() {
            // A panic of the server's thread is already printed.
            drop(thread.join());
        }
    }
}

impl fmt::Debug for LocalServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalServer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl LocalServerBuilder {
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

    /// Starts the server, and a first sandbox to see whether this machine allows them.
    ///
    /// # Errors
    ///
    /// [`StartError`]: an address that is taken or not on loopback, or a machine that refuses
    /// namespaces, with the cause and the remedy.
    pub async fn start(self) -> Result<LocalServer, StartError> {
        if !self.listen.ip().is_loopback() {
            return Err(StartError::NotLoopback(self.listen));
        }
        let api_key = self.api_key.unwrap_or_else(|| Secret::new(id::new("ork")));
        let config = Config { api_key: api_key.clone(), read_only_paths: self.read_only_paths };
        let (stop, stopped) = oneshot::channel();
        let (started, starting) = oneshot::channel();
        let listen = self.listen;
        let thread = std::thread::Builder::new().name("orkestr-local".into()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .thread_name("orkestr-local")
                .enable_all()
                .build();
            match runtime {
                Ok(runtime) => runtime.block_on(serve(config, listen, started, stopped)),
                Err(error) => drop(started.send(Err(error.into()))),
            }
        })?;
        match starting.await {
            Ok(Ok(address)) => {
                Ok(LocalServer { address, api_key, stop: Some(stop), thread: Some(thread) })
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(io::Error::other("the server's thread has ended").into()),
        }
    }
}

async fn serve(
    config: Config,
    listen: SocketAddr,
    started: oneshot::Sender<Result<SocketAddr, StartError>>,
    stopped: oneshot::Receiver<()>,
) {
    let (listener, address) = match prepare(&config, listen).await {
        Ok(prepared) => prepared,
        Err(error) => return drop(started.send(Err(error))),
    };
    let signer = match Signer::new() {
        Ok(signer) => signer,
        Err(error) => return drop(started.send(Err(io::Error::other(error).into()))),
    };
    let app = App::new(config, signer);
    let service = app::router(app.clone());
    let server = tokio::spawn(async move { axum::serve(listener, service).await });
    drop(started.send(Ok(address)));
    // Resolves when the handle is dropped: nothing is ever sent.
    drop(stopped.await);
    server.abort();
    app.terminate_all().await;
}

async fn prepare(
    config: &Config,
    listen: SocketAddr,
) -> Result<(TcpListener, SocketAddr), StartError> {
    let cannot_listen = |cause| StartError::Listen { address: listen, cause };
    let listener = TcpListener::bind(listen).await.map_err(cannot_listen)?;
    let address = listener.local_addr().map_err(cannot_listen)?;
    let spec = jail::Spec { read_only_paths: config.read_only_paths.clone(), ..Default::default() };
    let probe = Jail::start(spec).await;
    let probe = probe.map_err(|error| StartError::Unsupported(error.to_string()))?;
    probe.kill().await;
    Ok((listener, address))
}
