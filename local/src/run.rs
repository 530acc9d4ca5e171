//! Runs one command in a jail to its end, its timeout or its sandbox's end.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::StatusCode;
use orkestr::Secret;
use orkestr::api::types::ExecRequest;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::create;
use crate::jail::{self, Child, Exit};
use crate::problem::{Issue, Problem};
use crate::sandbox::{Running, Sandbox};

/// Between SIGTERM and SIGKILL (reference: a command over its timeout).
const GRACE: Duration = Duration::from_secs(2);

/// How much is read at once, and so the longest chunk of a stream.
const CHUNK: usize = 32 * 1024;

/// More than a pipe holds by default.
const MOST_LEFT_BEHIND: usize = 1024 * 1024;

const DEFAULT_TIMEOUT: i64 = 60;
const LONGEST_TIMEOUT: u64 = 3600;

/// A command's output, as it comes.
#[derive(Debug)]
pub(crate) enum Output {
    Stdout(Vec<u8>),
    Stderr(Vec<u8>),
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Exited(i32),
    Killed(i32),
    TimedOut,
    /// The sandbox ended under it.
    Gone,
}

/// A command that runs.
pub(crate) struct Run {
    child: Child,
    started: Instant,
    timeout: Duration,
    pauses: watch::Receiver<Running>,
    paused_before: Duration,
}

/// Takes what a command writes. The command waits while the taker is slow, as at any pipe.
pub(crate) trait Sink: Send {
    fn take(&mut self, output: Output) -> impl Future<Output = ()> + Send;
}

impl Run {
    pub(crate) async fn start(sandbox: &Sandbox, request: &ExecRequest) -> Result<Self, Problem> {
        let timeout = check(request)?;
        let jail = sandbox.ready().await?;
        let command = jail::Command {
            argv: ["/bin/sh", "-c", &request.command].map(OsString::from).into(),
            cwd: PathBuf::from(request.cwd.as_deref().unwrap_or("/workspace")),
            env: environment(&sandbox.facts.env, request.env.as_ref()),
        };
        let pauses = sandbox.watch();
        let paused_before = pauses.borrow().paused_before;
        // Code that fights its own shell can keep it from ever starting.
        let child = tokio::time::timeout(timeout, jail.spawn(command)).await.map_err(|_| {
            let detail = "The command did not start within its timeout";
            Problem::new(StatusCode::REQUEST_TIMEOUT, detail).with_code("exec_timeout")
        })??;
        Ok(Self { child, started: Instant::now(), timeout, pauses, paused_before })
    }

    pub(crate) fn pid(&self) -> i32 {
        self.child.process.pid
    }

    /// What a client is told of a command that ran too long.
    pub(crate) fn timeout_message(&self) -> String {
        format!("The command ran longer than its timeout of {} s", self.timeout.as_secs())
    }

    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// Reads until the command's exit, not until the end of its output: a child that it leaves
    /// behind may hold that open.
    pub(crate) async fn finish(mut self, sink: &mut impl Sink) -> Result<End, Problem> {
        let in_time = late(self.started + self.timeout, self.paused_before, self.pauses.clone());
        if let Some(exit) = self.pump(in_time, sink).await {
            return self.ended(exit, sink).await;
        }
        // Where this fails, there is no process left to signal.
        drop(self.child.process.signal_group(libc::SIGTERM).await);
        let before = self.pauses.borrow().paused_before;
        let too_late = late(Instant::now() + GRACE, before, self.pauses.clone());
        if self.pump(too_late, sink).await.is_none() {
            drop(self.child.process.signal_group(libc::SIGKILL).await);
            drop(self.child.process.wait().await);
        }
        Ok(End::TimedOut)
    }

    /// As [`finish`](Self::finish) without a timeout. When `stop` comes, the command gets SIGTERM
    /// and later SIGKILL; how it ends is its own affair.
    pub(crate) async fn finish_unless(
        mut self,
        stop: impl Future<Output = ()>,
        sink: &mut impl Sink,
    ) -> Result<End, Problem> {
        if let Some(exit) = self.pump(stop, sink).await {
            return self.ended(exit, sink).await;
        }
        // Where this fails, there is no process left to signal.
        drop(self.child.process.signal_group(libc::SIGTERM).await);
        let before = self.pauses.borrow().paused_before;
        let too_late = late(Instant::now() + GRACE, before, self.pauses.clone());
        let exit = match self.pump(too_late, sink).await {
            Some(exit) => exit,
            None => {
                drop(self.child.process.signal_group(libc::SIGKILL).await);
                self.child.process.wait().await
            }
        };
        self.ended(exit, sink).await
    }

    /// Passes output on until the command exits; `None` if `late` comes first.
    async fn pump(
        &mut self,
        late: impl Future<Output = ()>,
        sink: &mut impl Sink,
    ) -> Option<Result<Exit, jail::Error>> {
        tokio::pin!(late);
        let Child { process, stdout, stderr } = &mut self.child;
        let (mut stdout_open, mut stderr_open) = (true, true);
        loop {
            let output = tokio::select! {
                () = &mut late => return None,
                exit = process.wait() => return Some(exit),
                bytes = chunk(stdout), if stdout_open => {
                    stdout_open = !bytes.is_empty();
                    Output::Stdout(bytes)
                }
                bytes = chunk(stderr), if stderr_open => {
                    stderr_open = !bytes.is_empty();
                    Output::Stderr(bytes)
                }
            };
            if output.len() > 0 {
                tokio::select! {
                    () = sink.take(output) => {}
                    () = &mut late => return None,
                }
            }
        }
    }

    async fn ended(
        self,
        exit: Result<Exit, jail::Error>,
        sink: &mut impl Sink,
    ) -> Result<End, Problem> {
        let end = match exit {
            Ok(Exit::Code(code)) => End::Exited(code),
            Ok(Exit::Signal(signal)) => End::Killed(signal),
            Err(jail::Error::AgentGone) => End::Gone,
            Err(error) => return Err(error.into()),
        };
        // What the command wrote is in the pipes by now, all of it. A child that it left behind
        // and that never stops writing is not waited for: a pipe holds no more than this.
        let mut left = MOST_LEFT_BEHIND;
        while let Some(bytes) = rest(&self.child.stdout, &mut left) {
            sink.take(Output::Stdout(bytes)).await;
        }
        let mut left = MOST_LEFT_BEHIND;
        while let Some(bytes) = rest(&self.child.stderr, &mut left) {
            sink.take(Output::Stderr(bytes)).await;
        }
        Ok(end)
    }
}

impl Output {
    pub(crate) fn len(&self) -> usize {
        let (Self::Stdout(bytes) | Self::Stderr(bytes)) = self;
        bytes.len()
    }
}

/// Empty at the end; a pipe that cannot be read has ended as well.
async fn chunk(pipe: &mut Receiver) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(CHUNK);
    match pipe.read_buf(&mut bytes).await {
        Ok(_) => bytes,
        Err(_) => Vec::new(),
    }
}

fn rest(pipe: &Receiver, left: &mut usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; CHUNK.min(*left)];
    let length = pipe.try_read(&mut bytes).ok().filter(|length| *length > 0)?;
    *left -= length;
    bytes.truncate(length);
    Some(bytes)
}

/// Comes at `deadline`, put off by what the sandbox is paused after `paused_before`.
async fn late(deadline: Instant, paused_before: Duration, mut pauses: watch::Receiver<Running>) {
    loop {
        let now = *pauses.borrow_and_update();
        let deadline = deadline + now.paused_before.saturating_sub(paused_before);
        let elapsed = async {
            match now.paused_since {
                None => tokio::time::sleep_until(deadline).await,
                Some(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            () = elapsed => return,
            changed = pauses.changed() => {
                // Its sandbox is gone, and the command with it.
                if changed.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        }
    }
}

fn check(request: &ExecRequest) -> Result<Duration, Problem> {
    let mut issues = Vec::new();
    if request.command.contains('\0') {
        issues.push(Issue::body("command", "A command should not contain NUL"));
    }
    if let Some(cwd) = &request.cwd
        && (!cwd.starts_with('/') || cwd.contains('\0'))
    {
        issues.push(Issue::body("cwd", "Input should be an absolute path"));
    }
    for (name, value) in request.env.iter().flatten() {
        if let Err(message) = create::variable(name, value.expose()) {
            issues.push(Issue::body(&format!("env.{name}"), message));
        }
    }
    let seconds = request.timeout_seconds.map_or(DEFAULT_TIMEOUT, i64::from);
    let timeout = match u64::try_from(seconds) {
        Ok(seconds @ 1..=LONGEST_TIMEOUT) => Duration::from_secs(seconds),
        _ => {
            let message = format!("Input should be from 1 to {LONGEST_TIMEOUT}");
            issues.push(Issue::body("timeout_seconds", message));
            Duration::ZERO
        }
    };
    if issues.is_empty() { Ok(timeout) } else { Err(Problem::invalid(issues)) }
}

/// The complete environment: a few of our own, the sandbox's, the command's.
fn environment(
    sandbox: &BTreeMap<String, Secret>,
    command: Option<&BTreeMap<String, Secret>>,
) -> Vec<(OsString, OsString)> {
    let own = [
        ("HOME", "/workspace"),
        ("USER", "user"),
        ("LANG", "C.UTF-8"),
        ("PATH", jail::DEFAULT_PATH),
    ];
    let mut all: BTreeMap<&str, &str> = own.into_iter().collect();
    for (name, value) in sandbox.iter().chain(command.into_iter().flatten()) {
        all.insert(name, value.expose());
    }
    all.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
}
