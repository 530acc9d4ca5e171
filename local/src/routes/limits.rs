//! `GET /v1/sandboxes/limits`: what the plan allows.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::answer;
use crate::app::App;

pub(crate) async fn get(State(app): State<Arc<App>>) -> Response {
    answer::json(StatusCode::OK, &app.admission.limits())
}
