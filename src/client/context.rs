//! What the generated client is told about one call, and what it tells about the answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use progenitor_client::{ClientHooks, ClientInfo, OperationInfo};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};

use crate::generated::client as raw;

/// The state of one call: opaque, and needed only to name the raw client's type.
#[derive(Clone, Debug)]
pub struct CallContext {
    authorization: HeaderValue,
    timeout: Option<Duration>,
    head: Arc<Mutex<Option<Head>>>,
}

/// The part of an answer that is gone once its body has failed to parse.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) request_id: Option<String>,
    pub(crate) retry_after: Option<String>,
}

impl Head {
    pub(crate) fn of(response: &reqwest::Response) -> Self {
        Self::from_parts(response.status(), response.headers())
    }

    pub(crate) fn from_parts(status: reqwest::StatusCode, headers: &HeaderMap) -> Self {
        Self {
            status: status.as_u16(),
            request_id: text(headers, "x-request-id"),
            retry_after: text(headers, "retry-after"),
        }
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

impl CallContext {
    pub(crate) fn new(authorization: HeaderValue) -> Self {
        Self { authorization, timeout: None, head: Arc::default() }
    }

    /// For the whole exchange, its body included.
    pub(crate) fn with_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout;
        self
    }

    /// The head of the answer to the last request, if there was an answer.
    pub(crate) fn head(&self) -> Option<Head> {
        self.head.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientHooks<CallContext> for raw::Client {
    async fn pre<E>(
        &self,
        request: &mut reqwest::Request,
        info: &OperationInfo,
    ) -> Result<(), progenitor_client::Error<E>> {
        let context = self.inner();
        *request.timeout_mut() = context.timeout;
        let headers = request.headers_mut();
        // The generated code adds it to every request; the API knows nothing of it.
        headers.remove("api-version");
        headers.insert(AUTHORIZATION, context.authorization.clone());
        if info.operation_id.ends_with("_stream") {
            headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        }
        log::debug!("orkestr: {} {}", info.operation_id, request.url().path());
        Ok(())
    }

    async fn post<E>(
        &self,
        result: &reqwest::Result<reqwest::Response>,
        info: &OperationInfo,
    ) -> Result<(), progenitor_client::Error<E>> {
        if let Ok(response) = result {
            let head = Head::of(response);
            log::debug!(
                "orkestr: {} answered {} (request id {})",
                info.operation_id,
                head.status,
                head.request_id.as_deref().unwrap_or("none"),
            );
            *self.inner().head.lock().unwrap_or_else(PoisonError::into_inner) = Some(head);
        }
        Ok(())
    }
}
