//! Requests to endpoints that this crate has no method for.

use std::future::IntoFuture;
use std::time::Duration;

use futures::future::BoxFuture;
use progenitor_client::{
    ClientHooks as _, ClientInfo as _, Error as RawError, OperationInfo, ResponseValue,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Call, Client, Safety};
use crate::error::{Error, ErrorKind, Scope};
use crate::generated::client as raw;

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// A request by method and path; see [`Client::request`]. Await it.
#[derive(Clone)]
#[must_use = "a request is sent only when it is awaited"]
pub struct ApiRequest {
    client: Client,
    method: String,
    path: String,
    query: Vec<(String, String)>,
    body: Option<Result<Vec<u8>, String>>,
    timeout: Option<Duration>,
}

impl ApiRequest {
    pub(super) fn new(client: Client, method: String, path: String) -> Self {
        Self { client, method, path, query: Vec::new(), body: None, timeout: None }
    }

    /// Adds a query parameter; the same name may come again.
    pub fn query(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.query.push((name.into(), value.to_string()));
        self
    }

    /// Sends `value` as a JSON body. What cannot be written as JSON is an error of kind
    /// [`ErrorKind::InvalidInput`] when the request is awaited.
    pub fn json(mut self, value: &(impl Serialize + ?Sized)) -> Self {
        self.body = Some(serde_json::to_vec(value).map_err(|error| error.to_string()));
        self
    }

    /// How long the whole exchange may take. Default: the client's
    /// [`timeout`](super::ClientBuilder::timeout).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    async fn send(self) -> Result<ApiResponse, Error> {
        let method = method(&self.method)?;
        let path = checked_path(&self.path)?;
        let body = match &self.body {
            Some(Err(error)) => {
                return Err(Error::invalid_input(format!("the body is no JSON: {error}")));
            }
            Some(Ok(body)) => Some(body),
            None => None,
        };
        let safety = match method.as_str() {
            "GET" | "HEAD" | "DELETE" | "OPTIONS" => Safety::Repeatable,
            _ => Safety::Once,
        };
        let limit = self.timeout.unwrap_or(self.client.timeout());
        let call = Call { scope: Scope::Resource, safety, limit, streams: false };
        let (method, query) = (&method, &self.query);
        let send = |api: raw::Client| exchange(api, method, path, query, body);
        let answer = self.client.call(call, send).await?;
        let status = answer.status().as_u16();
        let headers = answer.headers().iter();
        let headers = headers.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
        let headers = headers.collect();
        Ok(ApiResponse { status, headers, body: answer.into_inner() })
    }
}

/// As the generated operations do it.
async fn exchange(
    api: raw::Client,
    method: &reqwest::Method,
    path: &str,
    query: &[(String, String)],
    body: Option<&Vec<u8>>,
) -> Result<ResponseValue<Vec<u8>>, RawError<()>> {
    let mut request = api.client().request(method.clone(), format!("{}{path}", api.baseurl()));
    if !query.is_empty() {
        request = request.query(query);
    }
    request = request.header(reqwest::header::ACCEPT, "application/json");
    if let Some(body) = body {
        request = request.header(reqwest::header::CONTENT_TYPE, "application/json");
        request = request.body(body.clone());
    }
    let mut request = request.build()?;
    let info = OperationInfo { operation_id: "request" };
    api.pre(&mut request, &info).await?;
    let result = api.exec(request, &info).await;
    api.post(&result, &info).await?;
    let response = result?;
    if !response.status().is_success() {
        return Err(RawError::UnexpectedResponse(response));
    }
    let (status, headers) = (response.status(), response.headers().clone());
    let body = response.bytes().await.map_err(RawError::ResponseBodyError)?;
    Ok(ResponseValue::new(body.into(), status, headers))
}

fn method(text: &str) -> Result<reqwest::Method, Error> {
    let upper = text.to_ascii_uppercase();
    let known = METHODS.contains(&upper.as_str());
    known.then(|| reqwest::Method::from_bytes(upper.as_bytes()).ok()).flatten().ok_or_else(|| {
        let known = METHODS.join(", ");
        Error::invalid_input(format!("{text:?} is no method; it must be one of {known}"))
    })
}

/// The key must not go anywhere but below the base URL.
fn checked_path(path: &str) -> Result<&str, Error> {
    let problem = if !path.starts_with('/') || path.starts_with("//") {
        Some("it must begin with one `/`, as `/v1/sandboxes` does; the base URL is the client's")
    } else if path.contains(['?', '#']) {
        Some("a query goes into `query`, and a fragment is never sent")
    } else if path.contains(|c: char| c == '\\' || c.is_control() || c.is_whitespace()) {
        Some("it has a backslash, a space or a control character")
    } else if path.split('/').any(is_dots) {
        Some("a segment of dots would lead to another path")
    } else {
        None
    };
    match problem {
        Some(problem) => {
            Err(Error::invalid_input(format!("{path:?} cannot be requested: {problem}")))
        }
        None => Ok(path),
    }
}

/// `.` and `..`, also as the URL standard reads them: `%2e` is a dot.
fn is_dots(segment: &str) -> bool {
    let plain = segment.to_ascii_lowercase().replace("%2e", ".");
    plain == "." || plain == ".."
}

impl IntoFuture for ApiRequest {
    type Output = Result<ApiResponse, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// What is sent may be a secret.
impl std::fmt::Debug for ApiRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiRequest")
            .field("method", &self.method)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// A successful answer to a [`Client::request`].
#[derive(Clone)]
pub struct ApiResponse {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl ApiResponse {
    /// The HTTP status, 200 to 299.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// A header by its name in any case; of one that is repeated the first, and none that is not
    /// text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        std::str::from_utf8(&found?.1).ok()
    }

    /// The id that the server gave the request, for its support. `x-request-id`.
    pub fn request_id(&self) -> Option<&str> {
        self.header("x-request-id")
    }

    /// The body as it came; empty if there was none.
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// The body, without a copy.
    pub fn into_bytes(self) -> Vec<u8> {
        self.body
    }

    /// The body as JSON.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Decode`] if it is not what `T` describes; the message says where.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| {
            // serde's own words may quote a value, and a value may be a token.
            let place = format!("line {}, column {}", error.line(), error.column());
            let message = format!("the answer is not what was expected ({place})");
            Error::new(ErrorKind::Decode, message)
                .with_status(Some(self.status))
                .with_request_id(self.request_id().map(str::to_owned))
        })
    }
}

/// A body may hold tokens.
impl std::fmt::Debug for ApiResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiResponse")
            .field("status", &self.status)
            .field("request_id", &self.request_id())
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_paths_below_the_base_url() {
        for bad in [
            "",
            "v1/x",
            "//evil.example/v1",
            "https://evil.example/v1",
            "/v1/../x",
            "/v1/..",
            "/v1/./x",
            "/v1/%2e%2E/x",
            "/v1/.%2e/x",
            "/v1\\..\\x",
            "/v1/x?a=b",
            "/v1/x#y",
            "/v1/a b",
            "/v1/a\n",
        ] {
            let error = checked_path(bad).expect_err(bad);
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{bad}");
            assert!(error.message().contains(&format!("{bad:?}")), "{error}");
        }
        for good in ["/v1/sandboxes", "/v1/x/", "/v1/a..b/...", "/v1/%2F", "/health"] {
            assert_eq!(checked_path(good).expect(good), good);
        }
    }

    #[test]
    fn methods_in_any_case_and_no_others() {
        assert_eq!(method("get").expect("a method"), reqwest::Method::GET);
        for bad in ["", "CONNECT", "GET\r\n", "FETCH"] {
            assert_eq!(method(bad).expect_err(bad).kind(), ErrorKind::InvalidInput);
        }
    }
}
