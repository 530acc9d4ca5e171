//! `/local/faults`: the admin calls of [`crate::Fault`]. Not part of the hosted API.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use crate::answer::{self, Json};
use crate::app::App;
use crate::fault::Fault;
use crate::problem::{Issue, Problem};

pub(crate) async fn add(
    State(app): State<Arc<App>>,
    Json(fault): Json<Fault>,
) -> Result<Response, Problem> {
    let added = app.config.faults.add(fault);
    let added =
        added.map_err(|error| Problem::invalid(vec![Issue::body("", error.to_string())]))?;
    Ok(answer::json(StatusCode::CREATED, &added.view()))
}

pub(crate) async fn list(State(app): State<Arc<App>>) -> Response {
    answer::json(StatusCode::OK, &json!({"faults": app.config.faults.view()}))
}

pub(crate) async fn clear(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    if app.config.faults.clear(&id) {
        Ok(answer::empty())
    } else {
        Err(Problem::new(StatusCode::NOT_FOUND, "There is no such fault, or it has struck"))
    }
}

pub(crate) async fn clear_all(State(app): State<Arc<App>>) -> Response {
    app.config.faults.clear_all();
    answer::empty()
}
