//! Creating, finding and ending sandboxes.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use orkestr::api::{Integer, SandboxStatus, types};

use crate::answer::{self, Json};
use crate::app::App;
use crate::create;
use crate::id;
use crate::problem::{Issue, Problem};
use crate::query::Query;
use crate::sandbox::{Sandbox, Storage};
use crate::trace::About;

/// The default and the largest page (`GET /v1/sandboxes`).
const PAGE: (usize, usize) = (50, 200);

pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Json(body): Json<types::CreateSandboxRequest>,
) -> Result<Response, Problem> {
    let wanted = create::Wanted::of(&body);
    let (snapshot, region) = (body.snapshot.clone(), body.region.clone());
    let mut facts = create::check(body)?;
    let mut storage = Storage::default();
    if let Some(snapshot) = snapshot {
        let snapshot = app.snapshots.find(&snapshot)?;
        storage.content = Some(snapshot.content()?);
        facts = create::fork(facts, snapshot.facts());
    }
    let seat = app.admission.admit(&wanted, &mut facts)?;
    let mut spec = create::spec(&facts, &app.config);
    if let Some(volume) = facts.volume.take() {
        let volumes = app.volumes.clone();
        let attach = move || volumes.attach(&volume, region.as_deref());
        let volume = tokio::task::spawn_blocking(attach).await.map_err(Problem::internal)??;
        facts.volume = Some(volume.name.clone());
        facts.region.clone_from(&volume.region);
        volume.show_in(&mut spec);
        storage.volume = Some(volume);
    }
    let policy = create::policy(&facts, &app.config);
    let sandbox = to_the_end(async move {
        let events = app.events.clone();
        let sandbox = Sandbox::new(facts, &app.clock, app.config.transition, seat, events);
        if let Some(volume) = &storage.volume {
            volume.belongs_to(&sandbox.id);
        }
        // Others may see it `starting`; one that never runs has not been.
        app.insert(sandbox.clone());
        sandbox.boot(spec, policy, storage).await.inspect_err(|_| app.remove(&sandbox.id))?;
        Ok(sandbox)
    })
    .await?;
    let mut response = answer::json(StatusCode::CREATED, &sandbox.view());
    response.extensions_mut().insert(About(sandbox.id.clone()));
    Ok(response)
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = Query::parse(query.as_deref())?;
    let limit = match query.get("limit") {
        None => PAGE.0,
        Some(text) => match text.parse::<usize>() {
            Ok(limit) if limit > 0 => limit.min(PAGE.1),
            _ => {
                let issue = Issue::query("limit", "Input should be an integer of 1 to 200");
                return Err(Problem::invalid(vec![issue]));
            }
        },
    };
    let status = query.get("status").map(SandboxStatus::from);
    if let Some(SandboxStatus::Unknown(text)) = &status {
        let known = SandboxStatus::KNOWN.join(", ");
        let message = format!("'{}' is no status; it should be one of {known}", text.as_str());
        return Err(Problem::invalid(vec![Issue::query("status", message)]));
    }
    let wanted: Vec<types::Sandbox> = app
        .all()
        .iter()
        .map(|sandbox| sandbox.view())
        .filter(|sandbox| status.as_ref().is_none_or(|status| sandbox.status == *status))
        .filter(|sandbox| {
            let metadata = sandbox.metadata.as_ref();
            query.metadata().all(|(key, value)| {
                metadata.and_then(|metadata| metadata.get(key)).is_some_and(|found| found == value)
            })
        })
        .collect();
    let total = wanted.len();
    // A cursor is the id that the last page ended with: what is created meanwhile shifts nothing.
    let cursor = query.get("cursor").unwrap_or_default();
    let mut rest = wanted.into_iter().filter(|one| cursor.is_empty() || one.id.as_str() < cursor);
    let sandboxes: Vec<_> = rest.by_ref().take(limit).collect();
    let next_cursor = rest.next().and(sandboxes.last()).map(|last| last.id.clone());
    let page = types::SandboxList {
        sandboxes,
        total: i64::try_from(total).ok().map(Integer),
        next_cursor,
        ..types::SandboxList::default()
    };
    Ok(answer::json(StatusCode::OK, &page))
}

pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    Ok(answer::json(StatusCode::OK, &app.find(&id)?.view()))
}

pub(crate) async fn terminate(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let sandbox = app.find(&id)?;
    to_the_end(async move {
        sandbox.terminate().await;
        Ok(())
    })
    .await?;
    Ok(answer::empty())
}

pub(crate) async fn pause(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let sandbox = app.find(&id)?;
    let created_at = app.clock.time().into();
    to_the_end(async move { sandbox.pause().await }).await?;
    let paused = types::PausedSandbox {
        sandbox_id: Some(id),
        snapshot_id: Some(id::new("snap")),
        status: Some(SandboxStatus::Paused),
        // Frozen in memory: nothing is written.
        snapshot_size_mb: Some(Integer(0)),
        created_at: Some(created_at),
        ..types::PausedSandbox::default()
    };
    Ok(answer::json(StatusCode::OK, &paused))
}

pub(crate) async fn resume(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let sandbox = app.find(&id)?;
    let resumed = sandbox.clone();
    to_the_end(async move { resumed.resume().await }).await?;
    Ok(answer::json(StatusCode::OK, &sandbox.view()))
}

/// Runs to its end also for a client that leaves.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    tokio::spawn(work).await.map_err(Problem::internal)?
}

pub(crate) async fn set_timeout(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Json(body): Json<types::SetTimeoutRequest>,
) -> Result<Response, Problem> {
    let sandbox = app.find(&id)?;
    let seconds =
        create::lifetime(body.timeout_seconds.0).map_err(|issue| Problem::invalid(vec![issue]))?;
    let timeout = Duration::from_secs(seconds);
    app.admission.lifetime(timeout)?;
    sandbox.set_timeout(timeout)?;
    Ok(answer::json(StatusCode::OK, &sandbox.view()))
}
