//! The handle to one sandbox.

mod accessors;
mod create;
mod guard;
mod info;
mod lifecycle;
mod list;
mod observe;
mod reach;

use std::fmt;
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

pub use create::CreateSandbox;
pub use guard::SandboxGuard;
pub use info::SandboxInfo;
pub use list::{ListSandboxes, SandboxStream};
pub use reach::{GetSandbox, ResumeSandbox};

use crate::api::Template;
use crate::api::types;
use crate::client::{Client, check_id};
use crate::commands::{self, Command, SpawnRequest};
use crate::exec::{ExecRequest, ExecStreamRequest};
use crate::snapshot::SnapshotRequest;
use crate::{Error, ErrorKind, Files};

/// One sandbox: an isolated, short-lived Linux VM.
///
/// A handle is cheap to clone, and clones share what is known of the sandbox: the accessors tell
/// what the server last said, and [`refresh`](Self::refresh) asks again. Dropping a handle does
/// not end the sandbox; [`terminate`](Self::terminate), its timeout,
/// [`with_temp`](Self::with_temp) and a [`SandboxGuard`] do.
///
/// ```no_run
/// use orkestr::Sandbox;
///
/// # async fn run() -> Result<(), orkestr::Error> {
/// let sbx = Sandbox::create("python-3.12").await?;
/// let out = sbx.exec("python -c 'print(2 + 2)'").await?;
/// println!("{}", out.stdout);
/// sbx.terminate().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Sandbox(Arc<Inner>);

struct Inner {
    client: Client,
    id: String,
    info: RwLock<Arc<SandboxInfo>>,
}

impl Sandbox {
    /// Creates a sandbox from a template. Await the request; options are its setters.
    /// `POST /v1/sandboxes`.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use orkestr::{NetworkMode, Sandbox, Template};
    ///
    /// # async fn run() -> Result<(), orkestr::Error> {
    /// let sbx = Sandbox::create(Template::Python3_12)
    ///     .cpu(1.0)
    ///     .memory_mb(2048)
    ///     .network(NetworkMode::Off)
    ///     .timeout(Duration::from_secs(600))
    ///     .env("OPENAI_API_KEY", "sk-...")
    ///     .metadata("agent_run", "r_42")
    ///     .region("fsn1")
    ///     .await?;
    /// println!("{} {}", sbx.id(), sbx.status());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Auth`](crate::ErrorKind::Auth) before anything is sent if there is no key;
    /// [`FleetFull`](crate::ErrorKind::FleetFull) once the retries are spent;
    /// [`PlanLimit`](crate::ErrorKind::PlanLimit); [`Api`](crate::ErrorKind::Api) with status 422
    /// for a parameter out of bounds, whose name is in the message.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped while the request is under way, the request goes on in the
    /// background and the sandbox that comes of it is terminated. If the runtime itself ends
    /// meanwhile, that cannot be done, and
    /// [`on_cleanup_error`](crate::ClientBuilder::on_cleanup_error) hears of it.
    pub fn create(template: impl Into<Template>) -> CreateSandbox {
        CreateSandbox::from_template(template.into())
    }

    /// Creates a sandbox from a snapshot (`snap_...`): a fork of the sandbox that it was taken
    /// of. Size, network and region are the snapshot's, and a volume cannot be attached: setting
    /// them is an error of kind [`ErrorKind::InvalidInput`] before anything is sent.
    /// `POST /v1/sandboxes`. Otherwise as [`create`](Self::create).
    pub fn create_from_snapshot(snapshot: impl Into<String>) -> CreateSandbox {
        CreateSandbox::from_snapshot(snapshot.into())
    }

    /// Attaches to a sandbox by its id, also from another process than its creator's.
    /// `GET /v1/sandboxes/{id}`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SandboxNotFound`](crate::ErrorKind::SandboxNotFound) if there is none with
    /// this id, or it belongs to somebody else.
    pub fn get(id: impl Into<String>) -> GetSandbox {
        GetSandbox::new(id.into())
    }

    /// Lists your sandboxes, newest first: await it for all of them, or take them as a
    /// [`stream`](ListSandboxes::stream). `GET /v1/sandboxes`.
    ///
    /// ```no_run
    /// use orkestr::{Sandbox, SandboxStatus};
    ///
    /// # async fn run() -> Result<(), orkestr::Error> {
    /// for sbx in Sandbox::list().status(SandboxStatus::Running).await? {
    ///     println!("{} {} {}", sbx.id(), sbx.template(), sbx.created_at());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn list() -> ListSandboxes {
        ListSandboxes::new()
    }

    /// Resumes a paused sandbox by the id that [`pause`](Self::pause) returned.
    /// `POST /v1/sandboxes/{id}/resume`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SandboxNotFound`](crate::ErrorKind::SandboxNotFound),
    /// [`SandboxNotReady`](crate::ErrorKind::SandboxNotReady) if it cannot be resumed, and
    /// [`FleetFull`](crate::ErrorKind::FleetFull) once the retries are spent.
    pub fn resume(id: impl Into<String>) -> ResumeSandbox {
        ResumeSandbox::new(id.into())
    }

    /// Creates a sandbox, runs `f` with it, and terminates it: when `f` returns, when it fails,
    /// when it panics, and when the future that this returns is dropped half-way.
    ///
    /// Takes a template, or a [`CreateSandbox`] with options. `f` may fail with any error that an
    /// [`Error`] converts into.
    ///
    /// ```no_run
    /// use orkestr::{Error, Sandbox};
    ///
    /// # async fn run() -> Result<(), Error> {
    /// let answer = Sandbox::with_temp("python-3.12", |sbx| async move {
    ///     let out = sbx.exec("python -c 'print(2 + 2)'").await?;
    ///     Ok::<_, Error>(out.stdout)
    /// })
    /// .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What create fails with, what `f` fails with, or
    /// [`ErrorKind::Cleanup`](crate::ErrorKind::Cleanup) with the sandbox's id if `f` succeeded
    /// and terminating failed. Where terminating fails and there is another error to return, or
    /// nobody to return one to, the client's
    /// [`on_cleanup_error`](crate::ClientBuilder::on_cleanup_error) hears of it.
    pub async fn with_temp<T, E, F, A>(create: impl Into<CreateSandbox>, f: F) -> Result<T, E>
    where
        F: FnOnce(Sandbox) -> A,
        A: Future<Output = Result<T, E>>,
        E: From<Error>,
    {
        guard::with_temp(create.into(), f).await
    }

    /// Runs a shell command to its end and returns its output. Await the request; options are
    /// its setters. `POST /v1/sandboxes/{id}/exec`.
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// # async fn run(sbx: orkestr::Sandbox) -> Result<(), orkestr::Error> {
    /// let result = sbx
    ///     .exec("python /workspace/main.py")
    ///     .timeout(Duration::from_secs(60))
    ///     .await?;
    /// println!("{} {} {:?}", result.stdout, result.exit_code, result.duration);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ExecTimeout`](crate::ErrorKind::ExecTimeout),
    /// [`ExecKilled`](crate::ErrorKind::ExecKilled) with the signal, and
    /// [`SandboxNotReady`](crate::ErrorKind::SandboxNotReady) on a paused or terminated sandbox.
    /// An exit code other than 0 is a result.
    ///
    /// # Cancel safety
    ///
    /// The request is never sent twice. Dropping the future does not stop the command: it runs
    /// until its timeout.
    pub fn exec(&self, command: impl Into<String>) -> ExecRequest {
        ExecRequest::new(self, command.into())
    }

    /// Runs a shell command and yields its output as it arrives. Await the request for an
    /// [`ExecStream`](crate::ExecStream). `POST /v1/sandboxes/{id}/exec` with `stream`.
    ///
    /// ```no_run
    /// use futures::StreamExt;
    /// use orkestr::ExecEvent;
    ///
    /// # async fn run(sbx: orkestr::Sandbox) -> Result<(), orkestr::Error> {
    /// let mut events = sbx.exec_stream("python long_task.py").await?.text();
    /// while let Some(event) = events.next().await {
    ///     match event? {
    ///         ExecEvent::Stdout(text) => print!("{text}"),
    ///         ExecEvent::Stderr(text) => eprint!("{text}"),
    ///         ExecEvent::Exited { exit_code, duration } => {
    ///             println!("exit={exit_code} duration={duration:?}");
    ///         }
    ///         _ => {}
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`exec`](Self::exec), at the start or from the stream.
    pub fn exec_stream(&self, command: impl Into<String>) -> ExecStreamRequest {
        ExecStreamRequest::new(self, command.into())
    }

    /// Starts a shell command in the background and returns its handle at once. Await the
    /// request; options are its setters. `POST /v1/sandboxes/{id}/commands`.
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// # async fn run(sbx: orkestr::Sandbox) -> Result<(), orkestr::Error> {
    /// let server = sbx.spawn("python -m http.server 8080").env("PYTHONUNBUFFERED", "1").await?;
    /// println!("{} {:?} {}", server.id(), server.pid(), server.status());
    /// println!("{}", server.logs(0).await?.text);
    /// server.kill().await?;
    /// let exit = server.wait().timeout(Duration::from_secs(10)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SandboxNotReady`](crate::ErrorKind::SandboxNotReady) on a paused or terminated sandbox. A
    /// command that the shell cannot find is a command that exits with 127.
    ///
    /// # Cancel safety
    ///
    /// The request is never sent twice. If the future is dropped, the command may have been
    /// started and runs on, except with [`SpawnRequest::kill_on_drop`].
    pub fn spawn(&self, command: impl Into<String>) -> SpawnRequest {
        SpawnRequest::new(self, command.into())
    }

    /// The background commands of the sandbox. `GET /v1/sandboxes/{id}/commands`.
    ///
    /// # Errors
    ///
    /// [`SandboxNotFound`](crate::ErrorKind::SandboxNotFound), and
    /// [`SandboxNotReady`](crate::ErrorKind::SandboxNotReady) on a terminated sandbox.
    pub async fn commands(&self) -> Result<Vec<Command>, Error> {
        commands::list(self).await
    }

    /// Reaches a background command by its id, whoever started it. Without a handle of the
    /// sandbox, [`Command::attach`] does the same. `GET /v1/sandboxes/{id}/commands/{cmd}`.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no such command, and
    /// [`SandboxNotReady`](crate::ErrorKind::SandboxNotReady) on a terminated sandbox.
    pub async fn command(&self, id: impl AsRef<str>) -> Result<Command, Error> {
        commands::get(self.client().clone(), self.id(), id.as_ref()).await
    }

    /// Saves the sandbox as a snapshot, from which others can start: [`Snapshot::fork`] and
    /// [`create_from_snapshot`](Self::create_from_snapshot). The sandbox runs on, or stays paused.
    /// Await the request for a [`Snapshot`], which may still be being captured:
    /// [`Snapshot::wait_ready`]. `POST /v1/sandboxes/{id}/snapshots`.
    ///
    /// [`Snapshot`]: crate::Snapshot
    /// [`Snapshot::fork`]: crate::Snapshot::fork
    /// [`Snapshot::wait_ready`]: crate::Snapshot::wait_ready
    ///
    /// # Errors
    ///
    /// [`SnapshotCapReached`](crate::ErrorKind::SnapshotCapReached) if the plan keeps no further
    /// snapshot, [`SandboxNotReady`](crate::ErrorKind::SandboxNotReady) if the sandbox has ended.
    ///
    /// # Cancel safety
    ///
    /// The request is never sent twice. If the future is dropped, the snapshot may exist:
    /// [`Snapshot::list`](crate::Snapshot::list) tells.
    pub fn snapshot(&self) -> SnapshotRequest {
        SnapshotRequest::new(self)
    }

    /// The sandbox's files.
    pub fn files(&self) -> Files {
        Files::new(self)
    }

    /// A guard that terminates the sandbox when it is dropped.
    pub fn terminate_on_drop(self) -> SandboxGuard {
        SandboxGuard::new(self)
    }

    /// The client that this handle sends with.
    pub fn client(&self) -> &Client {
        &self.0.client
    }

    /// # Errors
    ///
    /// An id that would change the path of later requests.
    pub(crate) fn from_wire(client: Client, wire: types::Sandbox) -> Result<Self, Error> {
        let info = SandboxInfo::from(wire);
        let id = info.id.clone();
        check_id("sandbox id", &id).map_err(|error| {
            let message = format!("the answer is not what the API describes: {}", error.message());
            Error::new(ErrorKind::Decode, message)
        })?;
        Ok(Self(Arc::new(Inner { client, id, info: RwLock::new(Arc::new(info)) })))
    }

    fn update(&self, change: impl FnOnce(&mut SandboxInfo)) {
        let mut info = self.0.info.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut info));
    }
}

/// The rest of its life.
impl Sandbox {
    /// Asks the server for the present state. `GET /v1/sandboxes/{id}`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SandboxNotFound`](crate::ErrorKind::SandboxNotFound) if it is gone.
    pub async fn refresh(&self) -> Result<(), Error> {
        lifecycle::refresh(self).await
    }

    /// Snapshots the sandbox and stops the compute meter. Returns the id to keep and to give to
    /// [`Sandbox::resume`]. `POST /v1/sandboxes/{id}/pause`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SnapshotCapReached`](crate::ErrorKind::SnapshotCapReached) if the plan keeps
    /// no further snapshot: nothing is paused then.
    /// [`SandboxNotReady`](crate::ErrorKind::SandboxNotReady) if it does not run.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not undo the pause; [`refresh`](Self::refresh) tells.
    pub async fn pause(&self) -> Result<String, Error> {
        lifecycle::pause(self).await
    }

    /// Ends the sandbox and all that runs in it. On one that has ended, or that the server no
    /// longer knows, it does nothing.
    /// `DELETE /v1/sandboxes/{id}`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Connection`](crate::ErrorKind::Connection) and the like: then it may still
    /// run, until its timeout.
    pub async fn terminate(&self) -> Result<(), Error> {
        lifecycle::terminate(self).await
    }

    /// Sets how long the sandbox lives from now on, in whole seconds, rounded up.
    /// [`expires_at`](Self::expires_at) tells the new end. `POST /v1/sandboxes/{id}/timeout`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Api`](crate::ErrorKind::Api) with status 422 outside 10 s to 3600 s, and
    /// [`PlanLimit`](crate::ErrorKind::PlanLimit) beyond what the plan allows.
    pub async fn set_timeout(&self, timeout: Duration) -> Result<(), Error> {
        lifecycle::set_timeout(self, timeout).await
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.info(), f)
    }
}
