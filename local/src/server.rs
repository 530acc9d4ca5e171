//! The server in a process: its thread, its address, its end.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use std::{fmt, io};

use orkestr::{Client, Secret};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracing::subscriber::NoSubscriber;

use crate::app::{self, App, Config};
use crate::builder::LocalServerBuilder;
use crate::fault::{Connection, Fault, FaultError, FaultHandle, Faults, Listener};
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
    app: Arc<App>,
    runtime: Handle,
    faults: Arc<Faults>,
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
    /// The data directory cannot be used: another server has it, or it is no directory of this kind.
    #[error("cannot use {} as the data directory: {cause}", path.display())]
    DataDir {
        /// The directory asked for.
        path: PathBuf,
        /// What is in the way.
        #[source]
        cause: io::Error,
    },
    /// The system refused a thread or a runtime.
    #[error("cannot start the server: {0}")]
    Io(#[from] io::Error),
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
        LocalServerBuilder::new()
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

    /// Moves the server's clock forward, instead of waiting: lifetimes, the timeouts of commands,
    /// and every time in its answers follow it. Returns when each sandbox whose lifetime is over
    /// has been paused or terminated.
    ///
    /// A command past its timeout is ended right after, within the 2 s between SIGTERM and
    /// SIGKILL. Clocks inside of sandboxes, and those of the client, stay as they are. All moves
    /// together end after a hundred years.
    ///
    /// # Cancel safety
    ///
    /// The clock is moved also if the future is dropped after its first poll.
    pub async fn advance(&self, by: Duration) {
        let app = self.app.clone();
        // On the server's own runtime, so that any executor may wait.
        drop(self.runtime.spawn(async move { app.advance(by).await }).await);
    }

    /// Lets `fault` strike the next requests that match.
    ///
    /// Of several that match, the one that was given first strikes. A stall ends when its fault
    /// is cleared or the server ends: no test has to wait by time.
    ///
    /// # Errors
    ///
    /// [`FaultError`]: a route that is none, a status that no answer has, a fault without effect.
    pub fn fault(&self, fault: Fault) -> Result<FaultHandle, FaultError> {
        self.faults.add(fault)
    }

    /// Ends every fault. Answers that they hold up go on.
    pub fn clear_faults(&self) {
        self.faults.clear_all();
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

    pub(crate) async fn launch(
        config: Config,
        listen: SocketAddr,
        api_key: Secret,
    ) -> Result<Self, StartError> {
        let faults = config.faults.clone();
        // Logs go where those of the caller go, on the server's threads too.
        let log = tracing::dispatcher::get_default(Clone::clone);
        // A subscriber that is set later as the global default counts as well.
        let log = Some(log).filter(|log| !log.is::<NoSubscriber>());
        let thread_log = log.clone();
        let (stop, stopped) = oneshot::channel();
        let (started, starting) = oneshot::channel();
        let thread = std::thread::Builder::new().name("orkestr-local".into()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .thread_name("orkestr-local")
                .on_thread_start(move || {
                    // For the whole life of the thread.
                    std::mem::forget(thread_log.as_ref().map(tracing::dispatcher::set_default));
                })
                .enable_all()
                .build();
            match runtime {
                Ok(runtime) => {
                    let _log = log.as_ref().map(tracing::dispatcher::set_default);
                    runtime.block_on(serve(config, listen, started, stopped));
                }
                Err(error) => drop(started.send(Err(error.into()))),
            }
        })?;
        match starting.await {
            Ok(Ok(Started { address, app, runtime })) => Ok(Self {
                address,
                api_key,
                faults,
                app,
                runtime,
                stop: Some(stop),
                thread: Some(thread),
            }),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(io::Error::other("the server's thread has ended").into()),
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

/// What the handle learns of the server's thread.
struct Started {
    address: SocketAddr,
    app: Arc<App>,
    runtime: Handle,
}

async fn serve(
    config: Config,
    listen: SocketAddr,
    started: oneshot::Sender<Result<Started, StartError>>,
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
    let data_dir = config.data_dir.clone().unwrap_or_default();
    let app = match App::new(config, signer) {
        Ok(app) => app,
        Err(cause) => {
            return drop(started.send(Err(StartError::DataDir { path: data_dir, cause })));
        }
    };
    let expiry = tokio::spawn(app.volumes.clone().keep());
    let service = app::router(app.clone()).into_make_service_with_connect_info::<Connection>();
    let server = tokio::spawn(async move { axum::serve(Listener(listener), service).await });
    drop(started.send(Ok(Started { address, app: app.clone(), runtime: Handle::current() })));
    // Resolves when the handle is dropped: nothing is ever sent.
    drop(stopped.await);
    server.abort();
    app.events.close();
    expiry.abort();
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
