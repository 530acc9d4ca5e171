//! The handle of a running sandbox.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use tokio::io::unix::AsyncFd;
use tokio::net::{TcpSocket, TcpStream, UnixStream};

use super::launch::{self, launch};
use super::link::{self, Link};
use super::wire::{Reply, Request};
use super::{Child, Command, Error, Files, Spec, Usage, child, sys};

/// A running sandbox. Clones share it; when the last one is dropped, the sandbox is killed.
///
/// It belongs to the tokio runtime that it was started in.
#[derive(Clone)]
pub struct Jail(Arc<Handle>);

struct Handle {
    link: Arc<Link>,
    pidfd: Option<AsyncFd<OwnedFd>>,
    proxy: Mutex<Option<OwnedFd>>,
    reaped: AtomicBool,
    /// Known once it is reaped.
    cpu_time: Mutex<Option<Duration>>,
    /// Changes before and after each command is started.
    spawns: AtomicU64,
}

impl Jail {
    /// Starts a sandbox.
    ///
    /// # Errors
    /// [`Error::NamespacesRefused`] with the remedy when the host does not allow it; nothing is ever run unprotected.
    ///
    /// # Cancel safety
    /// When the future is dropped, a sandbox that comes to exist nevertheless is killed.
    pub async fn start(spec: Spec) -> Result<Self, Error> {
        let launched = tokio::task::spawn_blocking(move || launch(&spec).map(Launched::new)).await;
        let launched =
            launched.map_err(|_| Error::Io(io::Error::other("the runtime is shutting down")))??;
        let agent = launched.take()?;
        // The handle first: it kills the agent if the rest fails.
        let pidfd = link::register(agent.pidfd)?;
        let link = Arc::new(Link::new(agent.control)?);
        Ok(Self(Arc::new(Handle {
            link,
            pidfd: Some(pidfd),
            proxy: Mutex::new(agent.proxy),
            reaped: AtomicBool::new(false),
            cpu_time: Mutex::default(),
            spawns: AtomicU64::new(0),
        })))
    }

    /// Starts a command. It runs on when the [`Child`] is dropped.
    ///
    /// # Errors
    /// [`Error::BadCwd`], [`Error::NotFound`] and [`Error::Spawn`] when it cannot be executed, [`Error::Frozen`] between
    /// [`Jail::freeze`] and [`Jail::thaw`], [`Error::ProcessLimit`] at the limit, [`Error::AgentGone`] after the end.
    ///
    /// # Cancel safety
    /// When the future is dropped, the command may have been started all the same, and runs on without a handle.
    pub async fn spawn(&self, command: Command) -> Result<Child, Error> {
        // Before and after: whoever counts in between has not seen the last of it.
        let _asked = Asked::of(&self.0.spawns);
        Child::spawn(&self.0.link, command, None).await
    }

    /// As [`Jail::spawn`], with the other end of a socket as the command's standard input: a way to talk to it both ways
    /// that its output does not share.
    ///
    /// # Errors
    /// As for [`Jail::spawn`].
    ///
    /// # Cancel safety
    /// As for [`Jail::spawn`].
    pub async fn spawn_connected(&self, command: Command) -> Result<(Child, UnixStream), Error> {
        let (socket, inner) = child::socket()?;
        let _asked = Asked::of(&self.0.spawns);
        let child = Child::spawn(&self.0.link, command, Some(inner)).await?;
        Ok((child, socket))
    }

    /// Stops every process. The agent itself goes on, so files can be used and the sandbox dies with the server.
    ///
    /// # Errors
    /// [`Error::Io`] when processes keep waking each other (then all go on), [`Error::AgentGone`] after the end.
    pub async fn freeze(&self) -> Result<(), Error> {
        self.done(&Request::Freeze).await
    }

    /// Lets every process run again.
    ///
    /// # Errors
    /// [`Error::AgentGone`] after the end.
    pub async fn thaw(&self) -> Result<(), Error> {
        self.done(&Request::Thaw).await
    }

    /// Writes all that /workspace and /tmp hold into `archive`, from its present position. Everything in the sandbox is
    /// stopped meanwhile, and goes on afterwards unless it was frozen; commands and changes of files that are asked for
    /// meanwhile are carried out then.
    ///
    /// # Errors
    /// [`Error::Io`] with what went wrong inside or with the archive, [`Error::AgentGone`] after the end.
    ///
    /// # Cancel safety
    /// When the future is dropped, it is packed all the same.
    pub async fn pack(&self, archive: &File) -> Result<(), Error> {
        self.help(&Request::Pack, archive).await
    }

    /// Fills a sandbox in which nothing has run yet with what [`Jail::pack`] has written.
    ///
    /// # Errors
    /// [`Error::DiskFull`] when its disk is too small, and as for [`Jail::pack`]. Part of it may be there then.
    pub async fn unpack(&self, archive: &File) -> Result<(), Error> {
        match self.help(&Request::Unpack, archive).await {
            Err(Error::Io(cause)) if cause.raw_os_error() == Some(libc::ENOSPC) => {
                Err(Error::DiskFull)
            }
            result => result,
        }
    }

    /// The helper's word, and then the agent's that the helper has ended.
    async fn help(&self, request: &Request, archive: &File) -> Result<(), Error> {
        let answers = self.0.link.ask(request, &[archive.as_fd()]).await.map_err(from_io)?;
        let result = match answers.next().await.map_err(from_io)?.0 {
            Reply::Done => Ok(()),
            Reply::Failed { errno } => Err(Error::Io(io::Error::from_raw_os_error(errno))),
            Reply::Signaled { signal, .. } => {
                let message = format!("the copy was ended by signal {signal}");
                return Err(Error::Io(io::Error::other(message)));
            }
            other => return Err(unexpected(&other)),
        };
        // A request that could not be begun has no second answer: the socket closes.
        let _ = answers.next().await;
        result
    }

    /// What the sandbox has used and is using; works while it is frozen too.
    ///
    /// # Errors
    /// [`Error::AgentGone`] after the end.
    pub async fn usage(&self) -> Result<Usage, Error> {
        match self.0.link.call(&Request::Usage).await.map_err(from_io)? {
            Reply::Usage { cpu_ns, memory, processes } => {
                Ok(Usage { cpu_seconds: cpu_ns as f64 / 1e9, memory_bytes: memory, processes })
            }
            other => Err(unexpected(&other)),
        }
    }

    /// Changes whenever a command may have been started. If it was read before a [`usage`](Self::usage) without processes
    /// and is still the same, that usage still holds.
    pub fn spawns(&self) -> u64 {
        self.0.spawns.load(Ordering::Acquire)
    }

    /// The processor time of everything that ever ran in it, its agent included. Known when it has ended.
    pub fn final_cpu_time(&self) -> Option<Duration> {
        *self.0.cpu_time.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects to a TCP port of the sandbox's own loopback interface, by IPv4 or else IPv6. With
    /// [`Network::Host`](super::Network::Host) that is the host's.
    ///
    /// # Errors
    /// [`Error::Io`] of kind `ConnectionRefused` when nothing listens there; [`Error::AgentGone`] after the end.
    ///
    /// # Cancel safety
    /// Dropping the future closes what it has opened.
    pub async fn connect(&self, port: u16) -> Result<TcpStream, Error> {
        match self.connect_to((Ipv4Addr::LOCALHOST, port).into()).await {
            Err(Error::Io(refused)) if refused.kind() == io::ErrorKind::ConnectionRefused => {
                // A host without IPv6 has another error for that.
                let v6 = self.connect_to((Ipv6Addr::LOCALHOST, port).into()).await;
                v6.map_err(|error| match error {
                    Error::Io(_) => Error::Io(refused),
                    other => other,
                })
            }
            result => result,
        }
    }

    async fn connect_to(&self, address: SocketAddr) -> Result<TcpStream, Error> {
        let request = Request::Socket { v6: address.is_ipv6() };
        let answers = self.0.link.ask(&request, &[]).await.map_err(from_io)?;
        let (reply, socket) = answers.next().await.map_err(from_io)?;
        let (Reply::Done, Some(socket)) = (&reply, socket) else {
            return Err(unexpected(&reply));
        };
        let socket = TcpSocket::from_std_stream(std::net::TcpStream::from(socket));
        Ok(socket.connect(address).await?)
    }

    async fn done(&self, request: &Request) -> Result<(), Error> {
        match self.0.link.call(request).await.map_err(from_io)? {
            Reply::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// Ends the sandbox. When it returns, no process and no mount is left. May be called any number of times.
    pub async fn kill(&self) {
        if let Some(pidfd) = &self.0.pidfd {
            // Fails only when it is gone already.
            let _ = sys::pidfd_kill(pidfd.get_ref().as_fd());
        }
        self.dead().await;
    }

    /// Waits until the sandbox has ended, for whatever reason.
    pub async fn dead(&self) {
        let Some(pidfd) = &self.0.pidfd else { return };
        while !self.0.reap() {
            match pidfd.readable().await {
                // A pidfd stays readable; if it was somebody else's wake-up, ask again.
                Ok(mut guard) => {
                    if !self.0.reap() {
                        guard.clear_ready();
                    }
                }
                // The runtime is shutting down: nobody will be woken any more.
                Err(_) => return,
            }
        }
    }

    /// The socket that listens inside a sandbox with [`Network::Proxy`](super::Network::Proxy), the first time that it is
    /// asked for. It holds the sandbox's network namespace for as long as it is open.
    pub fn take_proxy_listener(&self) -> Option<TcpListener> {
        let mut proxy = self.0.proxy.lock().unwrap_or_else(PoisonError::into_inner);
        proxy.take().map(TcpListener::from)
    }

    /// The files of the sandbox. They do not keep it alive.
    pub fn files(&self) -> Files {
        Files::new(Arc::clone(&self.0.link))
    }
}

impl std::fmt::Debug for Jail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jail")
            .field("ended", &self.0.reaped.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}

impl Handle {
    /// Takes the agent's status if it has ended, so that no zombie is left.
    fn reap(&self) -> bool {
        if self.reaped.load(Ordering::Acquire) {
            return true;
        }
        let Some(pidfd) = &self.pidfd else { return true };
        // Only one gets the status: whoever else asks waits until it is written down.
        let mut cpu_time = self.cpu_time.lock().unwrap_or_else(PoisonError::into_inner);
        let status = sys::reap_pidfd(pidfd.get_ref().as_fd());
        let ended = !matches!(status, Ok(None) | Err(Errno::EINTR));
        if let Ok(Some(used)) = status {
            *cpu_time = Some(used);
        }
        if ended {
            self.reaped.store(true, Ordering::Release);
        }
        ended
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.reap() {
            return;
        }
        let Some(pidfd) = self.pidfd.take().map(AsyncFd::into_inner) else {
            return;
        };
        let _ = sys::pidfd_kill(pidfd.as_fd());
        // Killed it is; only its last status needs somebody to wait for it, and this thread may be a runtime's.
        let reaper = std::thread::Builder::new()
            .name("jail-reaper".to_owned())
            .spawn(move || launch::end(&pidfd));
        drop(reaper);
    }
}

/// Counts when it is made and when it is dropped.
struct Asked<'a>(&'a AtomicU64);

impl<'a> Asked<'a> {
    fn of(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(count)
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// A start whose result nobody may ever take.
struct Launched(Option<launch::Agent>);

impl Launched {
    fn new(agent: launch::Agent) -> Self {
        Self(Some(agent))
    }

    fn take(mut self) -> Result<launch::Agent, Error> {
        self.0.take().ok_or(Error::AgentGone)
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        if let Some(agent) = self.0.take() {
            launch::end(&agent.pidfd);
        }
    }
}

/// The error of a request that could not be sent or was not answered.
pub(super) fn from_io(error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::BrokenPipe { Error::AgentGone } else { Error::Io(error) }
}

/// The error of an answer that says no, or makes no sense.
pub(super) fn unexpected(reply: &Reply) -> Error {
    match reply {
        Reply::Frozen => Error::Frozen,
        Reply::Limit => Error::ProcessLimit,
        Reply::Failed { errno } => Error::Io(io::Error::from_raw_os_error(*errno)),
        other => Error::Io(io::Error::other(format!("the agent answered {other:?}"))),
    }
}
