//! `POST /v1/sandboxes/{id}/exec`, buffered or as a stream of events.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use futures::{Stream, StreamExt as _};
use orkestr::api::{Base64, Integer, types};
use serde::Serialize;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use crate::answer::{self, Json};
use crate::app::App;
use crate::commands::Ended;
use crate::problem::Problem;
use crate::run::{End, Output, Run, SLOWEST_CLIENT, Sink};

/// Of each of stdout and stderr, in a buffered answer. More is an error, not a shorter answer.
const LARGEST_OUTPUT: usize = 32 * 1024 * 1024;

/// How long a stream may be silent.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Chunks that wait for a slow client before the command has to.
const CHUNKS_AHEAD: usize = 8;

pub(crate) async fn exec(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Json(body): Json<types::ExecRequest>,
) -> Result<Response, Problem> {
    let sandbox = app.find(&id)?;
    // Tasks of their own: a command runs on when its client leaves, and to its timeout.
    if body.stream == Some(true) {
        let (begun, beginning) = oneshot::channel();
        tokio::spawn(async move {
            match Run::start(&sandbox, &body).await {
                Err(problem) => drop(begun.send(Err(problem))),
                Ok(run) => {
                    let (sender, mut receiver) = mpsc::channel(CHUNKS_AHEAD);
                    let frames = futures::stream::poll_fn(move |cx| receiver.poll_recv(cx));
                    drop(begun.send(Ok(event_stream(frames))));
                    stream(run, sender).await;
                }
            }
        });
        beginning.await.map_err(Problem::internal)?
    } else {
        let run = async move { buffered(Run::start(&sandbox, &body).await?).await };
        tokio::spawn(run).await.map_err(Problem::internal)?
    }
}

async fn buffered(run: Run) -> Result<Response, Problem> {
    let mut output = Buffers::default();
    let (elapsed, blocked) = (run.stopwatch(), run.blocked());
    let late = run.timeout_message();
    let end = run.finish(&mut output).await?;
    if let Some(problem) = output.too_large {
        return Err(problem);
    }
    let exit_code = match end {
        End::Exited(code) => match blocked_by_policy(code, blocked()) {
            Some(problem) => return Err(problem),
            None => code,
        },
        end => return Err(failure(&end, late)),
    };
    let result = types::ExecResult {
        stdout: Some(text(&output.stdout)),
        stderr: Some(text(&output.stderr)),
        exit_code,
        duration_ms: Some(Integer(millis(elapsed()))),
        ..types::ExecResult::default()
    };
    Ok(answer::json(StatusCode::OK, &result))
}

/// A command that fails after the network policy has refused it something has failed by that,
/// as far as can be seen; one that gets along without is a result as ever.
fn blocked_by_policy(code: i32, reason: Option<String>) -> Option<Problem> {
    let reason = reason.filter(|_| code != 0)?;
    let detail = format!("{reason}; the command exited with code {code}");
    Some(Problem::new(StatusCode::FORBIDDEN, detail).with_code("network_policy_blocked"))
}

fn failure(end: &End, late: String) -> Problem {
    match end {
        End::TimedOut => Problem::new(StatusCode::REQUEST_TIMEOUT, late).with_code("exec_timeout"),
        End::Killed(signal) => {
            let detail = format!("The command was ended by signal {signal}");
            Problem::new(StatusCode::BAD_REQUEST, detail)
                .with_code("exec_killed")
                .with_signal(*signal)
        }
        End::OutOfMemory => {
            let detail = "The command was ended by signal 9: the sandbox went beyond its memory";
            Problem::new(StatusCode::BAD_REQUEST, detail)
                .with_code("exec_killed")
                .with_signal(libc::SIGKILL)
        }
        End::Gone | End::Exited(_) => {
            Problem::new(StatusCode::CONFLICT, "The sandbox ended while the command ran")
                .with_code("sandbox_ended")
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[derive(Default)]
struct Buffers {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    too_large: Option<Problem>,
}

impl Sink for Buffers {
    async fn room(&mut self) {}

    fn take(&mut self, output: Output) {
        let (name, buffer, bytes) = match output {
            Output::Stdout(bytes) => ("stdout", &mut self.stdout, bytes),
            Output::Stderr(bytes) => ("stderr", &mut self.stderr, bytes),
        };
        if buffer.len() + bytes.len() <= LARGEST_OUTPUT {
            buffer.extend_from_slice(&bytes);
        } else {
            let detail = format!(
                "The command wrote more than {LARGEST_OUTPUT} bytes to {name}; \
                 stream it, or write to a file"
            );
            let problem = Problem::new(StatusCode::BAD_REQUEST, detail);
            self.too_large = Some(problem.with_code("output_too_large"));
        }
    }
}

async fn stream(run: Run, sender: mpsc::Sender<Bytes>) {
    let mut events = Events(Some(sender));
    events.send(&json!({"kind": "exec_started", "pid": run.pid()})).await;
    let (elapsed, blocked) = (run.stopwatch(), run.blocked());
    let late = run.timeout_message();
    let last = match run.finish(&mut events).await {
        Ok(End::Exited(code)) => match blocked_by_policy(code, blocked()) {
            Some(problem) => error_event(&problem),
            None => exited(code, elapsed()),
        },
        Ok(end) => error_event(&failure(&end, late)),
        Err(problem) => error_event(&problem),
    };
    // A client that neither reads nor leaves is not waited for without end.
    drop(tokio::time::timeout(SLOWEST_CLIENT, events.send(&last)).await);
}

/// How a background command ended, for those who follow it.
pub(super) fn end_event(ended: &Ended) -> serde_json::Value {
    match ended.end {
        End::Exited(code) => exited(code, ended.after),
        end => error_event(&failure(&end, String::new())),
    }
}

fn exited(code: i32, after: Duration) -> serde_json::Value {
    json!({"kind": "exec_exited", "code": code, "duration_ms": millis(after)})
}

fn error_event(problem: &Problem) -> serde_json::Value {
    let mut event = json!({
        "kind": "error",
        "code": problem.code.unwrap_or("internal_error"),
        "message": problem.message(),
    });
    if let Some(signal) = problem.signal {
        event["signal"] = json!(signal);
    }
    event
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Without a client, what comes is read and dropped: a full pipe would stop the command.
struct Events(Option<mpsc::Sender<Bytes>>);

impl Events {
    async fn send(&mut self, event: &impl Serialize) {
        self.room().await;
        self.push(event);
    }

    fn push(&mut self, event: &impl Serialize) {
        let Some(sender) = &self.0 else { return };
        if sender.try_send(frame(event)).is_err() {
            self.0 = None;
        }
    }
}

/// An event as it stands in a stream.
pub(super) fn frame(event: &impl Serialize) -> Bytes {
    let mut frame = b"data: ".to_vec();
    if let Err(error) = serde_json::to_writer(&mut frame, event) {
        tracing::error!(%error, "an event cannot be written");
        return Bytes::new();
    }
    frame.extend_from_slice(b"\n\n");
    frame.into()
}

impl Sink for Events {
    async fn room(&mut self) {
        // This is the only sender: room that is there stays there.
        if let Some(sender) = &self.0
            && sender.reserve().await.is_err()
        {
            self.0 = None;
        }
    }

    fn take(&mut self, output: Output) {
        self.push(&chunk(output));
    }
}

pub(super) fn chunk(output: Output) -> impl Serialize {
    #[derive(Serialize)]
    struct Chunk {
        kind: &'static str,
        stream: &'static str,
        data: Base64,
    }
    let (stream, data) = match output {
        Output::Stdout(bytes) => ("stdout", bytes.into()),
        Output::Stderr(bytes) => ("stderr", bytes.into()),
    };
    Chunk { kind: "exec_chunk", stream, data }
}

pub(super) fn event_stream(frames: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    // A paused command says nothing for as long as it is paused, and its client should know why.
    let frames = futures::stream::unfold(Box::pin(frames), |mut frames| async {
        match tokio::time::timeout(KEEP_ALIVE, frames.next()).await {
            Ok(frame) => frame.map(|frame| (frame, frames)),
            Err(_) => Some((Bytes::from_static(b": keep-alive\n\n"), frames)),
        }
    });
    let body = Body::from_stream(frames.map(Ok::<_, std::convert::Infallible>));
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
