//! A command that runs in a sandbox.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::{Gid, Uid, fchown, geteuid, pipe2};
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::net::unix::pipe;

use super::handle::{from_io, unexpected};
use super::link::{Answers, Link};
use super::spec::UNPRIVILEGED_ID;
use super::wire::{ExecFailure, Reply, Request};
use super::{Command, Error, Exit};

/// A command that was started, and its output. Dropping it does not end the command.
#[derive(Debug)]
pub struct Child {
    /// The command itself.
    pub process: Process,
    /// What it writes to its standard output. Ends when the last process that holds it has closed it.
    pub stdout: pipe::Receiver,
    /// What it writes to its standard error.
    pub stderr: pipe::Receiver,
}

/// A command that was started, apart from its output.
pub struct Process {
    /// Its process id inside the sandbox; it is also the id of its session and group.
    pub pid: i32,
    answers: Answers,
    exit: Option<Exit>,
    memory_kills: u64,
    link: Arc<Link>,
}

impl Child {
    /// With `stdin` as its standard input, else with none.
    pub(super) async fn spawn(
        link: &Arc<Link>,
        command: Command,
        stdin: Option<OwnedFd>,
    ) -> Result<Self, Error> {
        let (program, cwd) =
            (command.argv.first().cloned().unwrap_or_default(), command.cwd.clone());
        let (stdout, inner_stdout) = stdio()?;
        let (stderr, inner_stderr) = stdio()?;
        // Closed by a successful exec.
        let (mut status, inner_status) = open_pipe()?;
        let env = command
            .env
            .into_iter()
            .map(|(name, value)| entry(&name, &value))
            .collect::<Result<_, _>>()?;
        let request = Request::Spawn { argv: command.argv, cwd: command.cwd.into_os_string(), env };
        let mut beside = vec![inner_stdout.as_fd(), inner_stderr.as_fd(), inner_status.as_fd()];
        beside.extend(stdin.as_ref().map(AsFd::as_fd));
        let answers =
            link.ask(&request, &beside).await.map_err(|error| match error.raw_os_error() {
                Some(libc::E2BIG) => Error::Spawn(error),
                _ => from_io(error),
            })?;
        drop(beside);
        drop((inner_stdout, inner_stderr, inner_status, stdin));
        let pid = match answers.next().await.map_err(from_io)?.0 {
            Reply::Spawned { pid } => pid,
            Reply::Failed { errno } => return Err(exec_error(program, Errno::from_raw(errno))),
            other => return Err(unexpected(&other)),
        };
        let mut failure = Vec::new();
        status.read_to_end(&mut failure).await?;
        match ExecFailure::decode(&failure) {
            None => {
                let process =
                    Process { pid, answers, exit: None, memory_kills: 0, link: Arc::clone(link) };
                Ok(Self { process, stdout, stderr })
            }
            Some(ExecFailure::Cwd(errno)) => Err(Error::BadCwd { path: cwd, cause: errno.into() }),
            Some(ExecFailure::Exec(errno)) => Err(exec_error(program, errno)),
            Some(ExecFailure::Other(errno)) => Err(Error::Spawn(errno.into())),
        }
    }
}

/// A socket, and the other end of it for a new process.
pub(super) fn socket() -> io::Result<(UnixStream, OwnedFd)> {
    let (outer, inner) = std::os::unix::net::UnixStream::pair()?;
    outer.set_nonblocking(true)?;
    Ok((UnixStream::from_std(outer)?, inner.into()))
}

impl Process {
    /// Waits for the command itself to end; what it started may run on. Once it has ended, every call says so at once.
    ///
    /// # Errors
    /// [`Error::AgentGone`] when the sandbox ends first.
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped call loses nothing.
    pub async fn wait(&mut self) -> Result<Exit, Error> {
        if let Some(exit) = self.exit {
            return Ok(exit);
        }
        let exit = match self.answers.next().await.map_err(from_io)?.0 {
            Reply::Exited { code, memory_kills } => (Exit::Code(code), memory_kills),
            Reply::Signaled { signal, memory_kills } => (Exit::Signal(signal), memory_kills),
            other => return Err(unexpected(&other)),
        };
        let (exit, memory_kills) = exit;
        self.exit = Some(exit);
        self.memory_kills = memory_kills;
        Ok(exit)
    }

    /// Once it has ended: how many processes of the sandbox were killed meanwhile because all together went beyond the
    /// memory limit.
    pub fn memory_kills(&self) -> u64 {
        self.memory_kills
    }

    /// Sends a signal to the command and all that belongs to its session, as long as any of it is left.
    ///
    /// # Errors
    /// [`Error::Io`] with `ESRCH` when nothing is left, with `EINVAL` for what is no signal; [`Error::AgentGone`] after the end.
    pub async fn signal_group(&self, signal: i32) -> Result<(), Error> {
        match self.link.call(&Request::Signal { pid: self.pid, signal }).await.map_err(from_io)? {
            Reply::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Process")
            .field("pid", &self.pid)
            .field("exit", &self.exit)
            .finish_non_exhaustive()
    }
}

fn exec_error(program: OsString, errno: Errno) -> Error {
    match errno {
        Errno::ENOENT | Errno::ENOTDIR => Error::NotFound(PathBuf::from(program)),
        errno => Error::Spawn(errno.into()),
    }
}

/// `NAME=value`; a name that is empty or contains `=` would come out as another variable.
fn entry(name: &OsStr, value: &OsStr) -> Result<OsString, Error> {
    if name.is_empty() || name.as_encoded_bytes().contains(&b'=') {
        let cause = format!("{name:?} cannot be the name of an environment variable");
        return Err(Error::Spawn(io::Error::new(io::ErrorKind::InvalidInput, cause)));
    }
    let mut entry = name.to_owned();
    entry.push("=");
    entry.push(value);
    Ok(entry)
}

fn open_pipe() -> io::Result<(pipe::Receiver, OwnedFd)> {
    let (outer, inner) = pipe2(OFlag::O_CLOEXEC)?;
    Ok((pipe::Receiver::from_owned_fd(outer)?, inner))
}

fn stdio() -> io::Result<(pipe::Receiver, OwnedFd)> {
    let (outer, inner) = open_pipe()?;
    if geteuid().is_root() {
        // Otherwise `echo x > /dev/stdout` is refused: opening it anew asks for the rights of a file.
        fchown(&inner, Some(Uid::from_raw(UNPRIVILEGED_ID)), Some(Gid::from_raw(UNPRIVILEGED_ID)))?;
    }
    Ok((outer, inner))
}
