//! `POST /local/clock`: moves the server's clock, for tests in other processes and languages.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use orkestr::Timestamp;
use serde::Deserialize;

use crate::answer::{self, Json};
use crate::app::App;
use crate::problem::{Issue, Problem};

#[derive(Deserialize)]
pub(crate) struct Advance {
    advance_seconds: f64,
}

/// Answers `{"now": ...}`, when what is over by then has ended or is paused.
pub(crate) async fn advance(
    State(app): State<Arc<App>>,
    Json(body): Json<Advance>,
) -> Result<Response, Problem> {
    let by = Duration::try_from_secs_f64(body.advance_seconds).map_err(|_| {
        let issue = Issue::body("advance_seconds", "Input should be a number of seconds from 0");
        Problem::invalid(vec![issue])
    })?;
    app.advance(by).await;
    let now = Timestamp::from(app.clock.time()).to_string();
    Ok(answer::json(StatusCode::OK, &serde_json::json!({"now": now})))
}
