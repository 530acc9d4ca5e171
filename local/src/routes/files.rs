//! `/v1/sandboxes/{id}/files`: whole files, and what a directory holds.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use orkestr::api::{Integer, types};

use crate::answer::{self, Json};
use crate::app::App;
use crate::jail::{Content, Entry};
use crate::problem::{Issue, Problem};
use crate::query::Query;

/// What one call carries at most.
const LARGEST_CONTENT: usize = 16 * 1024 * 1024;

const DEFAULT_MODE: i64 = 0o644;

pub(crate) async fn write(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Json(body): Json<types::WriteFileRequest>,
) -> Result<Response, Problem> {
    let sandbox = app.find(&id)?;
    let mode = match u32::try_from(body.mode.map_or(DEFAULT_MODE, i64::from)) {
        Ok(mode @ 0..=0o7777) => mode,
        _ => {
            let issue = Issue::body("mode", "Input should be from 0 to 4095 (0o7777)");
            return Err(Problem::invalid(vec![issue]));
        }
    };
    let content = body.content.0;
    if content.len() > LARGEST_CONTENT {
        return Err(answer::too_large());
    }
    let size = content.len();
    sandbox.ready().await?.files().write(&body.path, content, mode).await?;
    let written = serde_json::json!({"path": body.path, "size": size});
    Ok(answer::json(StatusCode::CREATED, &written))
}

pub(crate) async fn read(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let sandbox = app.find(&id)?;
    let query = Query::parse(query.as_deref())?;
    let path = query.require("path")?;
    let found = sandbox.ready().await?.files().read(path, LARGEST_CONTENT as u64).await?;
    let content = match found {
        Content::File { bytes, .. } => types::PathContent {
            path: Some(path.to_owned()),
            is_dir: Some(false),
            size: i64::try_from(bytes.len()).ok().map(Integer),
            content: Some(bytes.into()),
            ..types::PathContent::default()
        },
        Content::Directory(entries) => types::PathContent {
            path: Some(path.to_owned()),
            is_dir: Some(true),
            entries: Some(entries.into_iter().map(entry).collect()),
            ..types::PathContent::default()
        },
    };
    Ok(answer::json(StatusCode::OK, &content))
}

pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let sandbox = app.find(&id)?;
    let query = Query::parse(query.as_deref())?;
    let path = query.require("path")?;
    sandbox.ready().await?.files().remove_file(path).await?;
    Ok(answer::empty())
}

fn entry(entry: Entry) -> types::FileEntry {
    types::FileEntry {
        name: entry.name,
        is_dir: entry.is_dir,
        size: i64::try_from(entry.size).ok().map(Integer),
        mode: Some(entry.mode.into()),
        modified_at: Some(entry.modified.into()),
        ..types::FileEntry::default()
    }
}
