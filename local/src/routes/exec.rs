//! `POST /v1/sandboxes/{id}/exec`, buffered or as a stream of events.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use futures::StreamExt as _;
use orkestr::api::{Base64, Integer, types};
use serde::Serialize;
use serde_json::json;
use tokio::sync::mpsc;

use crate::answer::{self, Json};
use crate::app::App;
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
    let run = Run::start(&sandbox, &body).await?;
    // Tasks of their own: a command runs on when its client leaves.
    if body.stream == Some(true) {
        let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
        tokio::spawn(stream(run, sender));
        Ok(event_stream(receiver))
    } else {
        tokio::spawn(buffered(run)).await.map_err(Problem::internal)?
    }
}

async fn buffered(run: Run) -> Result<Response, Problem> {
    let mut output = Buffers::default();
    let started = run.started();
    let late = run.timeout_message();
    let end = run.finish(&mut output).await?;
    if let Some(problem) = output.too_large {
        return Err(problem);
    }
    let exit_code = match end {
        End::Exited(code) => code,
        end => return Err(failure(&end, late)),
    };
    let result = types::ExecResult {
        stdout: Some(text(&output.stdout)),
        stderr: Some(text(&output.stderr)),
        exit_code,
        duration_ms: Some(Integer(millis(started))),
        ..types::ExecResult::default()
    };
    Ok(answer::json(StatusCode::OK, &result))
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
    let started = run.started();
    let late = run.timeout_message();
    let last = match run.finish(&mut events).await {
        Ok(End::Exited(code)) => {
            json!({"kind": "exec_exited", "code": code, "duration_ms": millis(started)})
        }
        Ok(end) => error_event(&failure(&end, late)),
        Err(problem) => error_event(&problem),
    };
    // A client that neither reads nor leaves is not waited for without end.
    drop(tokio::time::timeout(SLOWEST_CLIENT, events.send(&last)).await);
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

fn millis(started: tokio::time::Instant) -> i64 {
    i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX)
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
        let mut frame = b"data: ".to_vec();
        if serde_json::to_writer(&mut frame, event).is_err() {
            return;
        }
        frame.extend_from_slice(b"\n\n");
        if sender.try_send(frame.into()).is_err() {
            self.0 = None;
        }
    }
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
        self.push(&Chunk { kind: "exec_chunk", stream, data });
    }
}

fn event_stream(receiver: mpsc::Receiver<Bytes>) -> Response {
    // A paused command says nothing for as long as it is paused, and its client should know why.
    let frames = futures::stream::unfold(receiver, |mut receiver| async {
        match tokio::time::timeout(KEEP_ALIVE, receiver.recv()).await {
            Ok(frame) => frame.map(|frame| (frame, receiver)),
            Err(_) => Some((Bytes::from_static(b": keep-alive\n\n"), receiver)),
        }
    });
    let body = Body::from_stream(frames.map(Ok::<_, std::convert::Infallible>));
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
