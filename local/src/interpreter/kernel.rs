//! One Python process that runs code: starting it, talking to it, ending it.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use axum::http::StatusCode;
use orkestr::api::OutputStream;
use serde::Serialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::message::{Ack, Code, Message};
use super::output::Output;
use crate::jail::{self, Child, Exit, Process};
use crate::problem::Problem;
use crate::run::{self, MOST_LEFT_BEHIND};
use crate::sandbox::Sandbox;

/// Takes the kernel from the socket, so that neither `ps` nor /workspace shows it.
const LOADER: &str = include_str!("loader.py");
const KERNEL: &str = include_str!("kernel.py");

/// Beside what commands get, unless the sandbox has its own.
const ENVIRONMENT: [(&str, &str); 3] = [
    // There is no display.
    ("MPLBACKEND", "Agg"),
    // A cache in the home directory would lie between the user's files.
    ("MPLCONFIGDIR", "/tmp/.matplotlib"),
    // Python itself imports before the loader does, and not from the user's files either. The
    // loader takes it back.
    ("PYTHONSAFEPATH", "kernel"),
];

/// The kernel sends nothing as long as this.
const LONGEST_LINE: usize = 64 * 1024 * 1024;

/// What a kernel may write between two runs; the rest is lost.
const MOST_BETWEEN: usize = 1024 * 1024;

/// A Python process. When this is dropped, its socket closes and it ends once it looks there.
#[derive(Debug)]
pub(super) struct Kernel {
    child: Child,
    socket: UnixStream,
    socket_open: bool,
    stdout_open: bool,
    stderr_open: bool,
    unread: Vec<u8>,
    /// So much of it is known to hold no end of a line.
    searched: usize,
    unsent: Vec<u8>,
    /// Half dealt with: what the kernel wrote before it comes first.
    message: Option<Message>,
    exit: Option<Fate>,
    /// What it wrote while no code ran.
    between: Vec<(OutputStream, Vec<u8>)>,
    between_bytes: usize,
}

/// How a process ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    Code(i32),
    Signal(i32),
    OutOfMemory,
    /// With its sandbox.
    Gone,
}

/// How code ended.
#[derive(Debug)]
pub(super) enum End {
    Done {
        error: Option<orkestr::api::types::CodeError>,
        cut: bool,
    },
    /// The process is gone.
    Died(Fate),
    /// It says what no kernel says.
    Broken,
}

impl Kernel {
    /// Starts one and waits until it takes code.
    pub(super) async fn start(sandbox: &Arc<Sandbox>, cwd: &str) -> Result<Self, Problem> {
        let jail = sandbox.ready().await?;
        let mut env = run::environment(&sandbox.facts, None);
        for (name, value) in ENVIRONMENT {
            if !env.iter().any(|(known, _)| known == name) {
                env.push((name.into(), value.into()));
            }
        }
        let argv = ["python3", "-c", LOADER].map(OsString::from).into();
        let command = jail::Command { argv, cwd: PathBuf::from(cwd), env };
        let (child, socket) = jail.spawn_connected(command).await.map_err(|error| match error {
            jail::Error::NotFound(_) => unavailable(
                "This machine has no python3 that its sandboxes see; they see /usr, and what \
                     the server was told to show",
            ),
            error => error.into(),
        })?;
        let mut kernel = Self {
            child,
            socket,
            socket_open: true,
            stdout_open: true,
            stderr_open: true,
            unread: Vec::new(),
            searched: 0,
            unsent: format!("{}\n{KERNEL}", KERNEL.len()).into_bytes(),
            message: None,
            exit: None,
            between: Vec::new(),
            between_bytes: 0,
        };
        kernel.greet().await?;
        Ok(kernel)
    }

    async fn greet(&mut self) -> Result<(), Problem> {
        loop {
            match self.next_message() {
                Ok(Some(Message::Ready)) => return Ok(()),
                Ok(None) => {}
                Ok(Some(_)) | Err(_) => return Err(unavailable("The interpreter does not start")),
            }
            self.flush().await;
            if !self.socket_open {
                // It is ending, or has something else in mind.
                self.kill().await;
                return Err(self.stillborn(self.exit.unwrap_or(Fate::Gone)));
            }
            tokio::select! {
                fate = fate(&mut self.child.process) => {
                    self.exit = Some(fate);
                    return Err(self.stillborn(fate));
                }
                () = receive(&mut self.socket, &mut self.unread, &mut self.socket_open) => {}
            }
        }
    }

    /// A Python that cannot run the kernel says why, at the end of its traceback.
    fn stillborn(&self, fate: Fate) -> Problem {
        if let Fate::Gone = fate {
            return gone();
        }
        let mut left = MOST_LEFT_BEHIND;
        let mut stderr = Vec::new();
        while let Some(bytes) = run::rest(&self.child.stderr, &mut left) {
            stderr.extend_from_slice(&bytes);
        }
        let stderr = String::from_utf8_lossy(&stderr);
        let reason = stderr.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no reason");
        unavailable(&format!("The python3 of this machine does not run the interpreter: {reason}"))
    }

    pub(super) fn run(&mut self, code: &str, number: i64) {
        self.say(&Code { code, name: format!("<cell {number}>") });
    }

    fn say(&mut self, message: &impl Serialize) {
        if serde_json::to_writer(&mut self.unsent, message).is_ok() {
            self.unsent.push(b'\n');
        }
    }

    /// Passes on what the code writes and shows, until it ends. May be given up and taken up again
    /// at any point.
    pub(super) async fn pump(&mut self, output: &mut Output) -> End {
        loop {
            self.flush().await;
            if self.message.is_some() {
                self.drain(output).await;
                output.room().await;
                match self.message.take() {
                    Some(Message::Sync { n }) => self.say(&Ack { ack: n }),
                    Some(Message::Result { n, result }) => {
                        output.result(*result);
                        if let Some(n) = n {
                            self.say(&Ack { ack: n });
                        }
                    }
                    Some(Message::Done { error, cut }) => return End::Done { error, cut },
                    Some(Message::Ready) | None => {}
                }
                continue;
            }
            match self.next_message() {
                Ok(Some(message)) => {
                    self.message = Some(message);
                    continue;
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "a kernel's message cannot be read");
                    return End::Broken;
                }
            }
            if let Some(fate) = self.exit {
                self.drain(output).await;
                return End::Died(fate);
            }
            output.room().await;
            tokio::select! {
                fate = fate(&mut self.child.process) => {
                    self.exit = Some(fate);
                    // Its last words may be on their way.
                    while self.socket.try_read_buf(&mut self.unread).is_ok_and(|length| length > 0) {}
                }
                () = receive(&mut self.socket, &mut self.unread, &mut self.socket_open),
                    if self.socket_open => {}
                bytes = run::chunk(&mut self.child.stdout), if self.stdout_open => {
                    self.stdout_open = !bytes.is_empty();
                    output.bytes(OutputStream::Stdout, &bytes);
                }
                bytes = run::chunk(&mut self.child.stderr), if self.stderr_open => {
                    self.stderr_open = !bytes.is_empty();
                    output.bytes(OutputStream::Stderr, &bytes);
                }
            }
        }
    }

    /// What is in the pipes by now. A process that never stops writing is not waited for: a pipe
    /// holds no more than this.
    async fn drain(&self, output: &mut Output) {
        for stream in [OutputStream::Stdout, OutputStream::Stderr] {
            let mut left = MOST_LEFT_BEHIND;
            loop {
                output.room().await;
                let pipe = match stream {
                    OutputStream::Stdout => &self.child.stdout,
                    _ => &self.child.stderr,
                };
                let Some(bytes) = run::rest(pipe, &mut left) else { break };
                output.bytes(stream.clone(), &bytes);
            }
        }
    }

    /// Until something has happened while no code runs: threads and children of earlier code may
    /// write, and the process may end. `Some` once it has. Loses nothing when it is given up.
    pub(super) async fn idle(&mut self) -> Option<Fate> {
        if self.exit.is_some() {
            return self.exit;
        }
        tokio::select! {
            fate = fate(&mut self.child.process) => {
                self.exit = Some(fate);
                return self.exit;
            }
            bytes = run::chunk(&mut self.child.stdout), if self.stdout_open => {
                self.stdout_open = !bytes.is_empty();
                self.keep(OutputStream::Stdout, bytes);
            }
            bytes = run::chunk(&mut self.child.stderr), if self.stderr_open => {
                self.stderr_open = !bytes.is_empty();
                self.keep(OutputStream::Stderr, bytes);
            }
        }
        None
    }

    fn keep(&mut self, stream: OutputStream, bytes: Vec<u8>) {
        self.between_bytes += bytes.len();
        if self.between_bytes <= MOST_BETWEEN {
            self.between.push((stream, bytes));
        }
    }

    /// Gives what was written since the last run to this one.
    pub(super) fn hand_over(&mut self, output: &mut Output) {
        for (stream, bytes) in std::mem::take(&mut self.between) {
            output.bytes(stream, &bytes);
        }
        if std::mem::take(&mut self.between_bytes) > MOST_BETWEEN {
            output.truncated.extend(["stdout", "stderr"]);
        }
    }

    pub(super) async fn interrupt(&self) {
        // Where this fails, there is no process left to signal.
        drop(self.child.process.signal_group(libc::SIGINT).await);
    }

    /// Ends it, and what it has started in its session.
    pub(super) async fn kill(&mut self) {
        drop(self.child.process.signal_group(libc::SIGKILL).await);
        if self.exit.is_none() {
            self.exit = Some(fate(&mut self.child.process).await);
        }
    }

    /// After the end: what it has written last.
    pub(super) async fn last_words(&self, output: &mut Output) {
        output.stop_waiting();
        self.drain(output).await;
    }

    fn next_message(&mut self) -> Result<Option<Message>, io::Error> {
        // A long line comes in many pieces.
        let new = self.unread.iter().skip(self.searched);
        let Some(end) = new.copied().position(|byte| byte == b'\n') else {
            self.searched = self.unread.len();
            let is_too_long = self.unread.len() > LONGEST_LINE;
            return if is_too_long { Err(io::Error::other("too long a line")) } else { Ok(None) };
        };
        let end = std::mem::take(&mut self.searched) + end;
        let line: Vec<u8> = self.unread.drain(..=end).collect();
        Ok(Some(serde_json::from_slice(&line)?))
    }

    /// A kernel that no longer reads is found out by its end, or by the run's timeout.
    async fn flush(&mut self) {
        while !self.unsent.is_empty() {
            match self.socket.write(&self.unsent).await {
                Ok(length @ 1..) => drop(self.unsent.drain(..length)),
                Ok(0) | Err(_) => self.unsent.clear(),
            }
        }
    }
}

async fn receive(socket: &mut UnixStream, unread: &mut Vec<u8>, open: &mut bool) {
    unread.reserve(32 * 1024);
    *open = socket.read_buf(unread).await.is_ok_and(|length| length > 0);
}

async fn fate(process: &mut Process) -> Fate {
    match process.wait().await {
        Ok(Exit::Signal(libc::SIGKILL)) if process.memory_kills() > 0 => Fate::OutOfMemory,
        Ok(Exit::Code(code)) => Fate::Code(code),
        Ok(Exit::Signal(signal)) => Fate::Signal(signal),
        Err(_) => Fate::Gone,
    }
}

pub(crate) fn gone() -> Problem {
    Problem::new(StatusCode::CONFLICT, "The sandbox ended while the code ran")
        .with_code("sandbox_ended")
}

pub(crate) fn unavailable(detail: &str) -> Problem {
    Problem::new(StatusCode::CONFLICT, detail).with_code("interpreter_unavailable")
}
