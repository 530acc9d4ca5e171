//! `/v1/sandboxes/{id}/files/...`: stat, mkdir, move and batches.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use orkestr::api::{Integer, types};

use super::files::{self, LARGEST_CONTENT};
use crate::answer::{self, Json};
use crate::app::App;
use crate::jail;
use crate::problem::{Issue, Problem};
use crate::query::Query;

/// How many files one batch holds at most.
const LARGEST_BATCH: usize = 64;

pub(crate) async fn stat(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let sandbox = app.find(&id)?;
    let query = Query::parse(query.as_deref())?;
    let path = query.require("path")?;
    let mut stat = types::FileStat { path: path.to_owned(), ..types::FileStat::default() };
    if let Some(entry) = sandbox.ready().await?.files().stat(path).await? {
        stat = types::FileStat {
            exists: true,
            is_dir: Some(entry.is_dir),
            size: i64::try_from(entry.size).ok().map(Integer),
            mode: Some(entry.mode.into()),
            modified_at: Some(entry.modified.into()),
            ..stat
        };
    }
    Ok(answer::json(StatusCode::OK, &stat))
}

pub(crate) async fn make_directory(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Json(body): Json<types::MakeDirectoryRequest>,
) -> Result<Response, Problem> {
    let sandbox = app.find(&id)?;
    let parents = body.parents.unwrap_or(true);
    sandbox.ready().await?.files().create_dir(&body.path, parents).await?;
    Ok(answer::json(StatusCode::CREATED, &serde_json::json!({"path": body.path})))
}

pub(crate) async fn rename(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Json(body): Json<types::MovePathRequest>,
) -> Result<Response, Problem> {
    let sandbox = app.find(&id)?;
    sandbox.ready().await?.files().rename(&body.source, &body.destination).await?;
    Ok(answer::json(StatusCode::OK, &body))
}

pub(crate) async fn write_batch(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Json(body): Json<types::BatchWriteRequest>,
) -> Result<Response, Problem> {
    let sandbox = app.find(&id)?;
    if body.files.len() > LARGEST_BATCH {
        let reason = format!("List should have at most {LARGEST_BATCH} items");
        return Err(Problem::invalid(vec![Issue::body("files", reason)]));
    }
    if body.files.iter().map(|file| file.content.0.len()).sum::<usize>() > LARGEST_CONTENT {
        return Err(answer::too_large());
    }
    let files = sandbox.ready().await?.files();
    let mut results = Vec::with_capacity(body.files.len());
    for file in body.files {
        results.push(write_row(&files, file).await);
    }
    Ok(answer::json(StatusCode::OK, &types::BatchWriteResponse { results }))
}

async fn write_row(files: &jail::Files, file: types::BatchFile) -> types::BatchFileResult {
    let types::BatchFile { content, mode, path, .. } = file;
    let size = content.0.len();
    let written = async {
        let mode = files::mode(mode)?;
        files.write(&path, content.0, mode).await.map_err(Problem::from)
    };
    let result = types::BatchFileResult { path: path.clone(), ..Default::default() };
    match written.await {
        Ok(()) => types::BatchFileResult {
            bytes_written: i64::try_from(size).ok().map(Integer),
            ..result
        },
        Err(problem) => types::BatchFileResult {
            error: Some(types::BatchFileError {
                code: Some(problem.code.unwrap_or("invalid_request").to_owned()),
                message: Some(problem.message()),
                ..Default::default()
            }),
            ..result
        },
    }
}
