//! `GET /v1/sandboxes/limits`: what the plan allows.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use crate::answer;
use crate::app::App;

pub(crate) async fn get(State(app): State<Arc<App>>) -> Response {
    let nulls = ["/max_running_lifetime_seconds", "/trial_credit_eur", "/trial_credit_used_eur"];
    answer::json_with_nulls(&app.admission.limits(), &nulls)
}
