//! `GET /v1/sandboxes/limits`: what the plan allows.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use crate::answer;
use crate::app::App;

pub(crate) async fn get(State(app): State<Arc<App>>) -> Response {
    // Null says that there is none.
    answer::json_with_nulls(&app.admission.limits(), &["/max_running_lifetime_seconds"])
}
