//! `/v1/sandboxes/{id}/commands`: commands in the background, and following their output.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use orkestr::api::{Integer, SandboxStatus, types};
use serde_json::json;
use tokio::time::Instant;

use super::exec::{chunk, end_event, event_stream, frame};
use crate::answer::{self, Json};
use crate::app::App;
use crate::commands::Command;
use crate::log::{Found, Reader};
use crate::problem::{Issue, Problem};
use crate::query::Query;
use crate::sandbox::Sandbox;

const LONGEST_FOLLOW: u64 = 3600;

/// Of the output in one answer.
const LARGEST_PAGE: usize = 1024 * 1024;

pub(crate) async fn start(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Json(body): Json<types::StartCommandRequest>,
) -> Result<Response, Problem> {
    let sandbox = app.find(&id)?;
    // To its end also for a client that leaves: a command that nobody knows could not be killed.
    let started = tokio::spawn(async move { Command::start(&sandbox, body).await });
    let command = started.await.map_err(Problem::internal)??;
    Ok(answer::json(StatusCode::CREATED, &command.view()))
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let sandbox = alive(&app, &id)?;
    let commands: Vec<_> = sandbox.commands.list().iter().map(|command| command.view()).collect();
    let list = types::CommandList {
        total: i64::try_from(commands.len()).ok().map(Integer),
        commands,
        ..types::CommandList::default()
    };
    Ok(answer::json(StatusCode::OK, &list))
}

pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Path((id, command)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let command = alive(&app, &id)?.commands.find(&command)?;
    Ok(answer::json(StatusCode::OK, &command.view()))
}

pub(crate) async fn kill(
    State(app): State<Arc<App>>,
    Path((id, command)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let sandbox = alive(&app, &id)?;
    let command = sandbox.commands.find(&command)?;
    if command.ended().is_none() {
        // A paused process could not act on SIGTERM.
        sandbox.ready().await?;
        command.kill().await;
    }
    Ok(answer::empty())
}

pub(crate) async fn logs(
    State(app): State<Arc<App>>,
    Path((id, command)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let command = alive(&app, &id)?.commands.find(&command)?;
    let query = Query::parse(query.as_deref())?;
    let offset = number(&query, "offset", 0..=u64::MAX)?.unwrap_or(0);
    let limit = number(&query, "timeout_seconds", 1..=LONGEST_FOLLOW)?.map(Duration::from_secs);
    let follow = match query.get("follow") {
        None | Some("false" | "0") => false,
        Some("true" | "1") => true,
        Some(_) => {
            let issue = Issue::query("follow", "Input should be true or false");
            return Err(Problem::invalid(vec![issue]));
        }
    };
    if follow {
        return Ok(event_stream(Follow::new(command, offset, limit).frames()));
    }
    let (bytes, truncated, size) = command.log.page(offset, LARGEST_PAGE).map_err(|start| {
        Problem::new(StatusCode::BAD_REQUEST, no_longer_kept(offset, start))
            .with_code("output_truncated")
    })?;
    let page = types::CommandLogs {
        content: String::from_utf8_lossy(&bytes).into_owned(),
        size: i64::try_from(size).ok().map(Integer),
        truncated: Some(truncated),
        ..types::CommandLogs::default()
    };
    Ok(answer::json(StatusCode::OK, &page))
}

/// Commands can be asked for while their sandbox is paused, and are gone once it has ended.
pub(super) fn alive(app: &App, id: &str) -> Result<Arc<Sandbox>, Problem> {
    let sandbox = app.find(id)?;
    match sandbox.status() {
        status @ (SandboxStatus::Terminated | SandboxStatus::Failed) => {
            Err(Problem::not_ready(id, status.as_str(), ""))
        }
        _ => Ok(sandbox),
    }
}

fn number(
    query: &Query,
    name: &str,
    range: std::ops::RangeInclusive<u64>,
) -> Result<Option<u64>, Problem> {
    let Some(text) = query.get(name) else { return Ok(None) };
    match text.parse().ok().filter(|number| range.contains(number)) {
        Some(number) => Ok(Some(number)),
        None => {
            let message = match range.end() {
                &u64::MAX => "Input should be an integer of 0 or more".to_owned(),
                most => format!("Input should be an integer from {} to {most}", range.start()),
            };
            Err(Problem::invalid(vec![Issue::query(name, message)]))
        }
    }
}

/// One client that follows one command.
struct Follow {
    command: Arc<Command>,
    output: Reader,
    deadline: Option<Instant>,
    state: Stage,
}

enum Stage {
    Start,
    Output,
    Done,
}

impl Follow {
    fn new(command: Arc<Command>, offset: u64, limit: Option<Duration>) -> Self {
        let output = command.log.reader(offset);
        let deadline = limit.map(|limit| Instant::now() + limit);
        Self { command, output, deadline, state: Stage::Start }
    }

    /// Made when they are asked for: a slow client costs no memory.
    fn frames(self) -> impl futures::Stream<Item = Bytes> + Send + 'static {
        futures::stream::unfold(self, |mut follow| async move {
            let frame = follow.next().await?;
            Some((frame, follow))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        match self.state {
            Stage::Start => {
                self.state = Stage::Output;
                let pid = self.command.pid;
                return Some(frame(&json!({"kind": "exec_started", "pid": pid})));
            }
            Stage::Output => {}
            Stage::Done => return None,
        }
        loop {
            match self.output.next() {
                Found::Output(output) => return Some(frame(&chunk(output))),
                Found::Gone { start } => {
                    let message = no_longer_kept(self.output.offset(), start);
                    return Some(self.last(&json!({
                        "kind": "error", "code": "output_truncated", "message": message,
                    })));
                }
                Found::End => {
                    let ended = self.command.ended()?;
                    return Some(self.last(&end_event(&ended)));
                }
                Found::NotYet => {}
            }
            tokio::select! {
                () = self.output.grown() => {}
                () = until(self.deadline) => {
                    return Some(self.last(&json!({
                        "kind": "error",
                        "code": "timed_out",
                        "message": "The time to follow is over; the command runs on",
                    })));
                }
            }
        }
    }

    fn last(&mut self, event: &serde_json::Value) -> Bytes {
        self.state = Stage::Done;
        frame(event)
    }
}

fn no_longer_kept(offset: u64, start: u64) -> String {
    format!(
        "The output from byte {offset} on is no longer kept; what is kept begins at byte {start}"
    )
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
