//! `GET /v1/sandboxes/{id}/metrics`: what a sandbox uses and has used.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;

use crate::answer;
use crate::app::App;
use crate::problem::{Issue, Problem};
use crate::query::Query;

/// Told as null while the sandbox does not run.
const LIVE: [&str; 4] =
    ["/cpu/usage_cores", "/cpu/usage_percent", "/memory/usage_bytes", "/memory/usage_percent"];

pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let sandbox = app.find(&id)?;
    let query = Query::parse(query.as_deref())?;
    let since = query.get("since").map(|text| {
        let number = text.parse().ok().filter(|since: &f64| since.is_finite() && *since >= 0.0);
        number.ok_or_else(|| {
            let issue = Issue::query("since", "Input should be a number of 0 or more");
            Problem::invalid(vec![issue])
        })
    });
    Ok(answer::json_with_nulls(&sandbox.metrics(since.transpose()?).await, &LIVE))
}
