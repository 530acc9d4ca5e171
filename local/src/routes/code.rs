//! `/v1/sandboxes/{id}/code`: code in the interpreter, buffered or as events, and its contexts.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use orkestr::api::{CodeLanguage, Integer, OutputStream, Template, types};
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::commands::alive;
use super::exec::{event_stream, frame, millis};
use crate::answer::{self, Json};
use crate::app::App;
use crate::interpreter::{Context, Event, Summary, gone, not_found, unavailable};
use crate::problem::{Issue, Problem};
use crate::run::{DEFAULT_TIMEOUT, LONGEST_TIMEOUT};
use crate::sandbox::Sandbox;

/// Of each of stdout and stderr, in a buffered answer. More is cut, and the answer says so.
const LARGEST_OUTPUT: usize = 8 * 1024 * 1024;

pub(crate) async fn run(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Json(body): Json<types::RunCodeRequest>,
) -> Result<Response, Problem> {
    let sandbox = interpreted(&app, &id)?;
    let timeout = check(&body)?;
    sandbox.ready().await?;
    let contexts = &sandbox.contexts;
    let context = match body.context_id.as_ref().and_then(|id| id.0.as_deref()) {
        Some(id) => contexts.find(id)?,
        None => contexts.find_default(&sandbox)?,
    };
    let (first, events) = context.run(&sandbox, body.code, timeout).await?;
    // A context that ends drops what waits for it.
    match first.unwrap_or_else(|| Event::Failed(ended(&sandbox, &context))) {
        Event::Failed(problem) => Err(problem),
        _ if body.stream == Some(true) => Ok(event_stream(frames(sandbox, context, events))),
        _ => buffered(&sandbox, &context, events).await,
    }
}

async fn buffered(
    sandbox: &Sandbox,
    context: &Context,
    mut events: mpsc::Receiver<Event>,
) -> Result<Response, Problem> {
    let (mut stdout, mut stderr, mut results) = (String::new(), String::new(), Vec::new());
    let mut cut = Vec::new();
    let summary = loop {
        match events.recv().await {
            Some(Event::Output(stream, text)) => {
                let (name, kept) = match stream {
                    OutputStream::Stderr => ("stderr", &mut stderr),
                    _ => ("stdout", &mut stdout),
                };
                let mut room = text.len().min(LARGEST_OUTPUT - kept.len());
                while !text.is_char_boundary(room) {
                    room -= 1;
                }
                if !cut.contains(&name) {
                    kept.push_str(&text[..room]);
                    // Nothing after a gap.
                    cut.extend((room < text.len()).then_some(name));
                }
            }
            Some(Event::Result(result)) => results.push(result),
            // Its error is in the summary too.
            Some(Event::Started | Event::Error(_)) => {}
            Some(Event::Done(summary)) => break summary,
            Some(Event::Failed(problem)) => return Err(problem),
            None => return Err(ended(sandbox, context)),
        }
    };
    let Summary { error, execution_count, duration, interrupted, restarted, mut truncated } =
        summary;
    truncated.extend(cut);
    let execution = types::CodeExecution {
        results,
        stdout: Some(stdout),
        stderr: Some(stderr),
        error,
        execution_count: Some(Integer(execution_count)),
        context_id: Some(context.id.clone()),
        duration_ms: Some(Integer(millis(duration))),
        interrupted: Some(interrupted),
        restarted: Some(restarted),
        truncated: Some(truncated.into_iter().map(str::to_owned).collect()),
        ..types::CodeExecution::default()
    };
    Ok(answer::json(StatusCode::OK, &execution))
}

fn frames(
    sandbox: Arc<Sandbox>,
    context: Arc<Context>,
    events: mpsc::Receiver<Event>,
) -> impl futures::Stream<Item = Bytes> + Send + 'static {
    futures::stream::unfold(Some((sandbox, context, events)), |state| async {
        let (sandbox, context, mut events) = state?;
        match events.recv().await {
            None => Some((fatal(&ended(&sandbox, &context)), None)),
            Some(Event::Done(summary)) => Some((done(&context, summary), None)),
            Some(Event::Failed(problem)) => Some((fatal(&problem), None)),
            Some(event) => Some((happening(event), Some((sandbox, context, events)))),
        }
    })
}

fn happening(event: Event) -> Bytes {
    match event {
        Event::Output(stream, text) => frame(&types::CodeStreamEvent {
            kind: "stream".to_owned(),
            stream,
            text,
            ..types::CodeStreamEvent::default()
        }),
        Event::Result(result) => frame(&types::CodeResultEvent {
            kind: "result".to_owned(),
            result,
            ..types::CodeResultEvent::default()
        }),
        Event::Error(error) => frame(&types::CodeErrorEvent {
            kind: "error".to_owned(),
            error: Some(error),
            ..types::CodeErrorEvent::default()
        }),
        // Taken before.
        Event::Started | Event::Done(_) | Event::Failed(_) => Bytes::from_static(b":\n\n"),
    }
}

fn done(context: &Context, summary: Summary) -> Bytes {
    frame(&types::CodeDoneEvent {
        kind: "done".to_owned(),
        error: summary.error,
        execution_count: Some(Integer(summary.execution_count)),
        context_id: Some(context.id.clone()),
        duration_ms: Some(Integer(millis(summary.duration))),
        interrupted: Some(summary.interrupted),
        restarted: Some(summary.restarted),
        truncated: Some(summary.truncated.into_iter().map(str::to_owned).collect()),
        ..types::CodeDoneEvent::default()
    })
}

fn fatal(problem: &Problem) -> Bytes {
    let code = problem.code.unwrap_or("internal_error");
    let error = types::CodeError {
        name: code.to_owned(),
        value: Some(problem.message()),
        traceback: Some(Vec::new()),
        ..types::CodeError::default()
    };
    frame(&types::CodeErrorEvent {
        kind: "error".to_owned(),
        error: Some(error),
        error_code: Some(code.to_owned()),
        ..types::CodeErrorEvent::default()
    })
}

pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Json(body): Json<types::CreateContextRequest>,
) -> Result<Response, Problem> {
    let sandbox = interpreted(&app, &id)?;
    let cwd = body.cwd.unwrap_or_else(|| "/workspace".to_owned());
    if !cwd.starts_with('/') || cwd.contains('\0') {
        let issue = Issue::body("cwd", "Input should be an absolute path");
        return Err(Problem::invalid(vec![issue]));
    }
    // To its end also for a client that leaves: a process that nobody knows could not be ended.
    let created = tokio::spawn(async move { sandbox.contexts.create(&sandbox, cwd).await });
    let context = created.await.map_err(Problem::internal)??;
    Ok(answer::json(StatusCode::CREATED, &context.view()))
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let sandbox = interpreted(&app, &id)?;
    alive(&app, &id)?;
    let contexts = sandbox.contexts.list().iter().map(|context| context.view()).collect();
    let list = types::CodeContextList { contexts, ..types::CodeContextList::default() };
    Ok(answer::json(StatusCode::OK, &list))
}

pub(crate) async fn restart(
    State(app): State<Arc<App>>,
    Path((id, context)): Path<(String, String)>,
    Json(_): Json<Map<String, Value>>,
) -> Result<Response, Problem> {
    let sandbox = interpreted(&app, &id)?;
    sandbox.ready().await?;
    let context = sandbox.contexts.find(&context)?;
    context.restart().await?;
    Ok(answer::json(StatusCode::OK, &context.view()))
}

pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    Path((id, context)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let sandbox = interpreted(&app, &id)?;
    alive(&app, &id)?;
    let removed = tokio::spawn(async move { sandbox.contexts.delete(&context).await });
    removed.await.map_err(Problem::internal)??;
    Ok(answer::empty())
}

/// The sandbox, if its template has the interpreter.
fn interpreted(app: &App, id: &str) -> Result<Arc<Sandbox>, Problem> {
    let sandbox = app.find(id)?;
    match &sandbox.facts.template {
        Template::CodeInterpreter => Ok(sandbox),
        template => Err(unavailable(&format!(
            "The template {template} has no interpreter; create the sandbox from code-interpreter"
        ))),
    }
}

fn check(body: &types::RunCodeRequest) -> Result<Duration, Problem> {
    let mut issues = Vec::new();
    if let Some(language) = body.language.as_ref().filter(|one| **one != CodeLanguage::Python) {
        let known = CodeLanguage::KNOWN.join(", ");
        let message = format!("'{language}' is no language of the interpreter; known: {known}");
        issues.push(Issue::body("language", message));
    }
    let seconds = body.timeout_seconds.map_or(DEFAULT_TIMEOUT, i64::from);
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

/// What has become of a run that nobody speaks of any more.
fn ended(sandbox: &Sandbox, context: &Context) -> Problem {
    if sandbox.jail().is_none() { gone() } else { not_found(&context.id) }
}
