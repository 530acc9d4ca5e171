//! `GET /v1/sandboxes/{id}/host`: where a port of a sandbox can be reached.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use orkestr::api::types;

use crate::answer;
use crate::app::App;
use crate::preview;
use crate::problem::{Issue, Problem};
use crate::query::Query;

pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let sandbox = app.find(&id)?;
    let query = Query::parse(query.as_deref())?;
    let port = query.require("port")?.parse::<u16>().ok().filter(|port| *port != 0);
    let port = port.ok_or_else(|| {
        let issue = Issue::query("port", "Input should be an integer from 1 to 65535");
        Problem::invalid(vec![issue])
    })?;
    let address = preview::open(&sandbox, port)?;
    let host = types::PreviewHost {
        port: Some(port.into()),
        host: address.to_string(),
        url: Some(format!("http://{address}")),
        ..types::PreviewHost::default()
    };
    Ok(answer::json(StatusCode::OK, &host))
}
