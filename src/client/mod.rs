//! The client: configuration, authentication, and one way to send.

mod builder;
mod call;
mod context;
mod default;
pub(crate) mod options;
mod request;
mod retry;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use builder::ClientBuilder;
pub(crate) use call::{Call, Safety, check_id};
pub use context::CallContext;
pub use default::{default_client, set_default_client};
pub use request::{ApiRequest, ApiResponse};
pub use retry::RetryPolicy;

use crate::generated::client as raw;
use crate::{Error, Secret};

/// Where the hosted service listens.
pub const DEFAULT_BASE_URL: &str = "https://api.orkestr.eu";

/// Configuration and connections for one API key at one base URL.
///
/// Cheap to clone: clones share their connections. Most programs need none, since every static
/// call such as [`Sandbox::create`](crate::Sandbox::create) finds its key in the environment;
/// make one to keep the key elsewhere, or to set time limits and retries.
///
/// Like any tokio resource, its connections belong to the runtime that opened them: a program
/// with several runtimes wants a client for each.
///
/// ```
/// use orkestr::{Client, Sandbox, set_default_client};
///
/// # fn main() -> Result<(), orkestr::Error> {
/// let client = Client::builder()
///     .api_key("ork_...")
///     .base_url("https://api.orkestr.eu")
///     .build()?;
/// let create = Sandbox::create("python-3.12").client(&client); // this call
/// set_default_client(client); // every call from now on
/// # orkestr::set_default_client(None);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    http: reqwest::Client,
    base_url: String,
    api_key: Secret,
    authorization: reqwest::header::HeaderValue,
    connect_timeout: Duration,
    timeout: Duration,
    exec_grace: Duration,
    transient_retry: RetryPolicy,
    fleet_full_retry: RetryPolicy,
    on_cleanup_error: Option<CleanupHook>,
}

type CleanupHook = Arc<dyn Fn(&Error) + Send + Sync>;

impl Client {
    /// A client for `api_key`, with the base URL from `ORKESTR_BASE_URL` or else
    /// [`DEFAULT_BASE_URL`].
    ///
    /// # Errors
    ///
    /// As for [`ClientBuilder::build`].
    pub fn new(api_key: impl Into<Secret>) -> Result<Self, Error> {
        Self::builder().api_key(api_key).build()
    }

    /// A client from `ORKESTR_API_KEY` and `ORKESTR_BASE_URL`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Auth`](crate::ErrorKind::Auth) if `ORKESTR_API_KEY` is not set.
    pub fn from_env() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// Starts the configuration of a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// The URL below which every path starts with `/v1`, without a trailing slash.
    pub fn base_url(&self) -> &str {
        &self.0.base_url
    }

    /// The raw layer: every endpoint as it is on the wire, those without a facade included, with
    /// this client's key and base URL. See [`api`](crate::api) for what it does not promise.
    pub fn api(&self) -> raw::Client {
        let context = CallContext::new(self.0.authorization.clone());
        raw::Client::new_with_client(&self.0.base_url, self.0.http.clone(), context)
    }

    /// Sends what this crate has no method for yet: `method` and a path below the base URL, such
    /// as `/v1/sandboxes`. Await the request; options are its setters.
    ///
    /// ```no_run
    /// # async fn run(client: orkestr::Client) -> Result<(), orkestr::Error> {
    /// let answer = client.request("GET", "/v1/sandboxes").query("limit", 10).await?;
    /// let page: serde_json::Value = answer.json()?;
    /// println!("{} of {}", page["sandboxes"], page["total"]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput), before anything is sent, for a
    /// method that HTTP APIs do not use, and for a path that is no plain path from `/` on. Any
    /// answer but a success is an error, classified as elsewhere; a 404 without a code is
    /// [`NotFound`](crate::ErrorKind::NotFound), a 409 [`Conflict`](crate::ErrorKind::Conflict).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not undo what the server has begun. GET, HEAD and DELETE are sent
    /// again as [`ClientBuilder::transient_retry`] says, everything else only if it never left.
    pub fn request(&self, method: impl Into<String>, path: impl Into<String>) -> ApiRequest {
        ApiRequest::new(self.clone(), method.into(), path.into())
    }

    pub(crate) fn transient_retry(&self) -> RetryPolicy {
        self.0.transient_retry
    }

    pub(crate) fn api_key(&self) -> &Secret {
        &self.0.api_key
    }

    /// For presigned URLs alone: it adds no key, follows no redirect and has no time limit.
    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.0.http
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.0.timeout
    }

    pub(crate) fn exec_grace(&self) -> Duration {
        self.0.exec_grace
    }

    pub(crate) fn fleet_full_retry(&self) -> RetryPolicy {
        self.0.fleet_full_retry
    }

    /// The same configuration with connections of its own, for a runtime of its own.
    pub(crate) fn detached(&self) -> Result<Self, Error> {
        let http =
            builder::http_client(self.0.connect_timeout, builder::is_loopback(self.base_url()))?;
        Ok(Self(Arc::new(Inner { http, ..(*self.0).clone() })))
    }

    /// Tells whoever can still act on it that a sandbox may be left running.
    pub(crate) fn report_cleanup_error(&self, error: &Error) {
        log::error!("orkestr: {error}");
        if let Some(hook) = &self.0.on_cleanup_error {
            hook(error);
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.0.base_url)
            .field("api_key", &self.0.api_key)
            .field("timeout", &self.0.timeout)
            .finish_non_exhaustive()
    }
}
