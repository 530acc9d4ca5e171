//! `/v1/sandboxes/snapshots`, and taking one of a sandbox.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use orkestr::api::types;

use crate::answer::{self, Json};
use crate::app::App;
use crate::problem::{Issue, Problem};
use crate::snapshots::Snapshot;

const LONGEST_NAME: usize = 128;

pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Json(body): Json<types::CreateSnapshotRequest>,
) -> Result<Response, Problem> {
    let sandbox = app.find(&id)?;
    if let Some(name) = &body.name {
        check_name(name)?;
    }
    // To its end also for a client that leaves.
    let taken = tokio::spawn(async move { Snapshot::take(&app, sandbox, body.name).await });
    let snapshot = taken.await.map_err(Problem::internal)??;
    Ok(answer::json(StatusCode::CREATED, &snapshot))
}

pub(crate) async fn list(State(app): State<Arc<App>>) -> Response {
    let snapshots = app.snapshots.list();
    answer::json(
        StatusCode::OK,
        &types::SnapshotList { snapshots, ..types::SnapshotList::default() },
    )
}

pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    Ok(answer::json(StatusCode::OK, &app.snapshots.find(&id)?.view()))
}

pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    app.snapshots.delete(&id)?;
    Ok(answer::empty())
}

fn check_name(name: &str) -> Result<(), Problem> {
    let length = name.chars().count();
    if (1..=LONGEST_NAME).contains(&length) && !name.chars().any(char::is_control) {
        return Ok(());
    }
    let message = format!(
        "A name should be 1 to {LONGEST_NAME} characters, none of them a control character"
    );
    Err(Problem::invalid(vec![Issue::body("name", message)]))
}
