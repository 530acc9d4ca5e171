//! Runs one command in a jail to its end, its timeout or its sandbox's end.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use orkestr::Secret;
use orkestr::api::NetworkMode;
use orkestr::api::types::ExecRequest;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::create;
use crate::egress;
use crate::jail::{self, Child, Exit};
use crate::problem::{Issue, Problem};
use crate::sandbox::{Facts, Running, Sandbox};

/// Between SIGTERM and SIGKILL (reference: a command over its timeout).
pub(crate) const GRACE: Duration = Duration::from_secs(2);

/// How much is read at once, and so the longest chunk of a stream.
const CHUNK: usize = 32 * 1024;

/// How long a client may take to read one piece of what a command that has ended left behind.
pub(crate) const SLOWEST_CLIENT: Duration = Duration::from_secs(60);

/// More than a pipe holds by default.
pub(crate) const MOST_LEFT_BEHIND: usize = 1024 * 1024;

pub(crate) const DEFAULT_TIMEOUT: i64 = 60;
pub(crate) const LONGEST_TIMEOUT: u64 = 3600;

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
    /// It, or what it waited for, when the sandbox went beyond its memory limit.
    OutOfMemory,
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
    sandbox: Arc<Sandbox>,
    blocked_before: u64,
}

/// Takes what a command writes. The command waits while the taker is slow, as at any pipe.
pub(crate) trait Sink: Send {
    /// Until one piece more can be taken: nothing is read before, so nothing is lost where the
    /// waiting is given up.
    fn room(&mut self) -> impl Future<Output = ()> + Send;

    fn take(&mut self, output: Output);
}

impl Run {
    pub(crate) async fn start(
        sandbox: &Arc<Sandbox>,
        request: &ExecRequest,
    ) -> Result<Self, Problem> {
        let timeout = check(request)?;
        let jail = sandbox.ready().await?;
        let command = jail::Command {
            argv: ["/bin/sh", "-c", &request.command].map(OsString::from).into(),
            cwd: PathBuf::from(request.cwd.as_deref().unwrap_or("/workspace")),
            env: environment(&sandbox.facts, request.env.as_ref()),
        };
        let (pauses, blocked_before) = (sandbox.watch(), sandbox.blocked.count());
        let paused_before = pauses.borrow().paused_before;
        // Before: it may have run for a while when this task hears of its start.
        let started = sandbox.clock.now();
        // Code that fights its own shell can keep it from ever starting.
        let late = late(&sandbox.clock, started + timeout, paused_before, pauses.clone());
        let child = tokio::select! {
            child = jail.spawn(command) => child?,
            () = late => {
                let detail = "The command did not start within its timeout";
                let problem = Problem::new(StatusCode::REQUEST_TIMEOUT, detail);
                return Err(problem.with_code("exec_timeout"));
            }
        };
        let sandbox = sandbox.clone();
        Ok(Self { child, started, timeout, pauses, paused_before, sandbox, blocked_before })
    }

    pub(crate) fn pid(&self) -> i32 {
        self.child.process.pid
    }

    /// What a client is told of a command that ran too long.
    pub(crate) fn timeout_message(&self) -> String {
        format!("The command ran longer than its timeout of {} s", self.timeout.as_secs())
    }

    /// What says how long it has run.
    pub(crate) fn stopwatch(&self) -> impl Fn() -> Duration + Send + use<> {
        let (started, clock) = (self.started, self.sandbox.clock.clone());
        move || clock.now() - started
    }

    /// What says why the network policy has refused something to this sandbox since the start,
    /// if it has. Commands that run at the same time cannot be told apart.
    pub(crate) fn blocked(&self) -> impl Fn() -> Option<String> + Send + use<> {
        let (before, blocked) = (self.blocked_before, self.sandbox.blocked.clone());
        move || blocked.since(before)
    }

    /// Reads until the command's exit, not until the end of its output: a child that it leaves
    /// behind may hold that open.
    pub(crate) async fn finish(mut self, sink: &mut impl Sink) -> Result<End, Problem> {
        let clock = self.sandbox.clock.clone();
        let pauses = self.pauses.clone();
        let in_time = late(&clock, self.started + self.timeout, self.paused_before, pauses);
        if let Some(exit) = self.pump(in_time, sink).await {
            return self.ended(exit, sink).await;
        }
        // Where this fails, there is no process left to signal.
        drop(self.child.process.signal_group(libc::SIGTERM).await);
        let before = self.pauses.borrow().paused_before;
        let too_late = late(&clock, clock.now() + GRACE, before, self.pauses.clone());
        tokio::pin!(too_late);
        if self.pump(&mut too_late, sink).await.is_some() {
            // What it has started may still be on its way out, or deaf to SIGTERM.
            tokio::select! {
                () = self.group_is_gone() => {}
                () = too_late => {}
            }
        }
        drop(self.child.process.signal_group(libc::SIGKILL).await);
        drop(self.child.process.wait().await);
        self.drain(sink).await;
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
        let clock = self.sandbox.clock.clone();
        let before = self.pauses.borrow().paused_before;
        let too_late = late(&clock, clock.now() + GRACE, before, self.pauses.clone());
        tokio::pin!(too_late);
        let exit = self.pump(&mut too_late, sink).await;
        if exit.is_some() {
            // What it has started may still be on its way out, or deaf to SIGTERM.
            tokio::select! {
                () = self.group_is_gone() => {}
                () = too_late => {}
            }
        }
        drop(self.child.process.signal_group(libc::SIGKILL).await);
        let exit = match exit {
            Some(exit) => exit,
            None => self.child.process.wait().await,
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
            tokio::select! {
                () = &mut late => return None,
                exit = process.wait() => return Some(exit),
                () = sink.room() => {}
            }
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
                sink.take(output);
            }
        }
    }

    async fn ended(
        self,
        exit: Result<Exit, jail::Error>,
        sink: &mut impl Sink,
    ) -> Result<End, Problem> {
        let out_of_memory = self.child.process.memory_kills() > 0;
        let end = match exit {
            // What a shell says of a child that SIGKILL has ended.
            Ok(Exit::Code(137) | Exit::Signal(libc::SIGKILL)) if out_of_memory => End::OutOfMemory,
            Ok(Exit::Code(code)) => End::Exited(code),
            Ok(Exit::Signal(signal)) => End::Killed(signal),
            Err(jail::Error::AgentGone) => End::Gone,
            Err(error) => return Err(error.into()),
        };
        self.drain(sink).await;
        Ok(end)
    }

    async fn group_is_gone(&self) {
        while self.child.process.signal_group(0).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn drain(&self, sink: &mut impl Sink) {
        // What the command wrote is in the pipes by now, all of it. A child that it left behind
        // and that never stops writing is not waited for: a pipe holds no more than this.
        let mut left = MOST_LEFT_BEHIND;
        while let Some(bytes) = rest(&self.child.stdout, &mut left) {
            if tokio::time::timeout(SLOWEST_CLIENT, sink.room()).await.is_err() {
                return;
            }
            sink.take(Output::Stdout(bytes));
        }
        let mut left = MOST_LEFT_BEHIND;
        while let Some(bytes) = rest(&self.child.stderr, &mut left) {
            if tokio::time::timeout(SLOWEST_CLIENT, sink.room()).await.is_err() {
                return;
            }
            sink.take(Output::Stderr(bytes));
        }
    }
}

impl Output {
    pub(crate) fn len(&self) -> usize {
        let (Self::Stdout(bytes) | Self::Stderr(bytes)) = self;
        bytes.len()
    }
}

/// Empty at the end; a pipe that cannot be read has ended as well.
pub(crate) async fn chunk(pipe: &mut Receiver) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(CHUNK);
    match pipe.read_buf(&mut bytes).await {
        Ok(_) => bytes,
        Err(_) => Vec::new(),
    }
}

pub(crate) fn rest(pipe: &Receiver, left: &mut usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; CHUNK.min(*left)];
    // Not `try_read`: it asks the runtime, which may not have heard of the last bytes yet.
    let length = nix::unistd::read(pipe, &mut bytes).ok().filter(|length| *length > 0)?;
    *left -= length;
    bytes.truncate(length);
    Some(bytes)
}

/// Comes at `deadline`, put off by what the sandbox is paused after `paused_before`.
pub(crate) async fn late(
    clock: &Clock,
    deadline: Instant,
    paused_before: Duration,
    mut pauses: watch::Receiver<Running>,
) {
    loop {
        let now = *pauses.borrow_and_update();
        let deadline = deadline + now.paused_before.saturating_sub(paused_before);
        let elapsed = async {
            match now.paused_since {
                None => clock.sleep_until(deadline).await,
                Some(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            () = elapsed => {
                // A pause may have begun, and passed, before this was looked at.
                if *pauses.borrow() == now {
                    return;
                }
            }
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
pub(crate) fn environment(
    facts: &Facts,
    command: Option<&BTreeMap<String, Secret>>,
) -> Vec<(OsString, OsString)> {
    let own = [
        ("HOME", "/workspace"),
        ("USER", "user"),
        ("LANG", "C.UTF-8"),
        ("PATH", jail::DEFAULT_PATH),
    ];
    let mut all: BTreeMap<&str, &str> = own.into_iter().collect();
    if facts.network == NetworkMode::Restricted {
        all.extend(egress::ENVIRONMENT);
    }
    for (name, value) in facts.env.iter().chain(command.into_iter().flatten()) {
        all.insert(name, value.expose());
    }
    all.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
}
