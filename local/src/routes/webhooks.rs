//! `/v1/sandboxes/webhooks`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use orkestr::api::types;

use crate::answer::{self, Json};
use crate::app::App;
use crate::problem::Problem;

pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Json(body): Json<types::CreateWebhookRequest>,
) -> Result<Response, Problem> {
    Ok(answer::json(StatusCode::CREATED, &app.events.create(body)?))
}

pub(crate) async fn list(State(app): State<Arc<App>>) -> Response {
    let list = types::WebhookList { webhooks: app.events.list(), ..types::WebhookList::default() };
    answer::json(StatusCode::OK, &list)
}

pub(crate) async fn enable(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    Ok(answer::json(StatusCode::OK, &app.events.enable(&id)?))
}

pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    app.events.delete(&id).await?;
    Ok(answer::empty())
}
