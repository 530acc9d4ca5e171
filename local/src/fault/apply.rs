//! Lets a fault strike one request.

use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::json;

use super::body::{self, Transport};
use super::connection::Connection;
use super::events;
use super::{Fault, Faults};
use crate::answer;
use crate::trace::Lost;

/// Wraps every route. Without faults it costs one look at a number.
pub(crate) async fn apply(
    State(faults): State<Arc<Faults>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(struck) = faults.strike(request.method().as_str(), request.uri().path()) else {
        return next.run(request).await;
    };
    let connection = request.extensions().get::<ConnectInfo<Connection>>();
    let connection = connection.map(|ConnectInfo(connection)| connection.clone());
    let connection = connection.unwrap_or_default();
    tracing::info!(fault = ?struck.fault, "a fault strikes");

    let fault = &struck.fault;
    let mut response = match fault.status {
        Some(status) => refuse(fault, status),
        None => next.run(request).await,
    };
    if fault.stall {
        struck.cleared().await;
    }
    if fault.cut {
        connection.cut();
        // Whatever is written now fails, and the server gives the connection up.
        response = Response::new(Body::empty());
        response.extensions_mut().insert(Lost);
        return response;
    }
    if !fault.alters_body() {
        return response;
    }
    if fault.rewrites() {
        response = events::rewrite(fault, response).await;
    }
    // A body of another form no longer says how long it is; its answer still does.
    if let Some(length) = response.body().size_hint().exact() {
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert(length.into());
    }
    let transport = Transport::new(struck, connection);
    response.map(|body| body::carry(body, transport))
}

fn refuse(fault: &Fault, status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let reason = status.canonical_reason().unwrap_or("Fault");
    let mut response = if fault.html {
        let text = fault.detail.as_deref().unwrap_or(reason);
        let page = format!("<html><head><title>{text}</title></head><body>{text}</body></html>\n");
        let mut response = Response::new(Body::from(page));
        *response.status_mut() = status;
        let html = HeaderValue::from_static("text/html");
        response.headers_mut().insert(header::CONTENT_TYPE, html);
        response
    } else {
        let mut body = json!({"detail": fault.detail.as_deref().unwrap_or(reason)});
        if let Some(code) = &fault.code {
            body["code"] = json!(code);
        }
        if let Some(seconds) = fault.retry_after {
            body["retry_after"] = json!(seconds);
        }
        answer::json(status, &body)
    };
    if let Some(seconds) = fault.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}
