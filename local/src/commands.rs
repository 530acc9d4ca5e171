//! Background commands: started like exec, detached, and kept with what they wrote.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use orkestr::Timestamp;
use orkestr::api::{CommandStatus, Integer, types};
use tokio::sync::{Notify, watch};

use crate::id;
use crate::log::Log;
use crate::problem::Problem;
use crate::run::{End, Output, Run, Sink};
use crate::sandbox::Sandbox;

/// How much of a command's output is kept: the newest.
const MOST_OUTPUT: usize = 64 * 1024 * 1024;

/// What the commands of a sandbox that have ended are kept within; the oldest are forgotten.
const MOST_ENDED: usize = 256;
const MOST_ENDED_OUTPUT: usize = 256 * 1024 * 1024;

/// A kill is answered when the command has ended, or after this if it is paused meanwhile.
const LONGEST_KILL: Duration = Duration::from_secs(5);

/// The background commands of one sandbox, by id; ids sort by their time.
#[derive(Debug, Default)]
pub(crate) struct Commands(Mutex<BTreeMap<String, Arc<Command>>>);

#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) id: String,
    pub(crate) pid: i32,
    pub(crate) log: Arc<Log>,
    line: String,
    started_at: Timestamp,
    kill: Notify,
    ended: watch::Sender<Option<Ended>>,
}

/// How a command ended, and how long it ran.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    pub(crate) end: End,
    pub(crate) after: Duration,
}

impl Commands {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Command>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn find(&self, id: &str) -> Result<Arc<Command>, Problem> {
        self.all().get(id).cloned().ok_or_else(|| {
            Problem::new(StatusCode::NOT_FOUND, format!("Command {id} not found"))
                .with_code("command_not_found")
        })
    }

    /// Newest first.
    pub(crate) fn list(&self) -> Vec<Arc<Command>> {
        self.all().values().rev().cloned().collect()
    }

    /// The sandbox has ended: nobody can ask for them any more.
    pub(crate) fn clear(&self) {
        self.all().clear();
    }

    fn insert(&self, command: Arc<Command>) {
        let mut all = self.all();
        all.insert(command.id.clone(), command);
        let ended = all.values().rev().filter(|command| command.ended().is_some());
        let (mut count, mut output) = (0, 0);
        let forgotten: Vec<String> = ended
            .filter(|command| {
                count += 1;
                output += command.log.cost();
                count > MOST_ENDED || output > MOST_ENDED_OUTPUT
            })
            .map(|command| command.id.clone())
            .collect();
        for id in forgotten {
            all.remove(&id);
        }
    }
}

impl Command {
    /// Starts a command, which then runs apart from every client.
    pub(crate) async fn start(
        sandbox: &Arc<Sandbox>,
        body: types::StartCommandRequest,
    ) -> Result<Arc<Self>, Problem> {
        let request = types::ExecRequest {
            command: body.command,
            cwd: body.cwd,
            env: body.env,
            ..types::ExecRequest::default()
        };
        let run = Run::start(sandbox, &request).await?;
        let command = Arc::new(Self {
            id: id::new("cmd"),
            pid: run.pid(),
            log: Arc::new(Log::new(MOST_OUTPUT)),
            line: request.command,
            started_at: sandbox.clock.time().into(),
            kill: Notify::new(),
            ended: watch::Sender::new(None),
        });
        sandbox.commands.insert(command.clone());
        tokio::spawn(attend(command.clone(), run));
        Ok(command)
    }

    /// As it stands on the wire.
    pub(crate) fn view(&self) -> types::Command {
        let (status, exit_code) = match self.ended().map(|ended| ended.end) {
            None => (CommandStatus::Running, None),
            Some(End::Exited(code)) => (CommandStatus::Exited, Some(code)),
            Some(End::Killed(_) | End::OutOfMemory | End::TimedOut | End::Gone) => {
                (CommandStatus::Killed, None)
            }
        };
        types::Command {
            id: self.id.clone(),
            command: Some(self.line.clone()),
            pid: Some(Integer(self.pid.into())),
            status,
            exit_code,
            started_at: Some(self.started_at),
            ..types::Command::default()
        }
    }

    pub(crate) fn ended(&self) -> Option<Ended> {
        *self.ended.borrow()
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn kill(&self) {
        self.kill.notify_one();
        let mut ended = self.ended.subscribe();
        let ended = ended.wait_for(Option::is_some);
        drop(tokio::time::timeout(LONGEST_KILL, ended).await);
    }
}

async fn attend(command: Arc<Command>, run: Run) {
    let elapsed = run.stopwatch();
    let mut log = Appending(&command.log);
    let end = run.finish_unless(command.kill.notified(), &mut log).await;
    let end = end.unwrap_or_else(|problem| {
        tracing::warn!(command = %command.id, problem = problem.message(), "lost");
        End::Gone
    });
    // First the end, then that there is no more output: a follower that finds the log closed
    // knows how the command ended.
    command.ended.send_replace(Some(Ended { end, after: elapsed() }));
    command.log.close();
}

struct Appending<'a>(&'a Log);

impl Sink for Appending<'_> {
    async fn room(&mut self) {
        self.0.room().await;
    }

    fn take(&mut self, output: Output) {
        self.0.append(&output);
    }
}
