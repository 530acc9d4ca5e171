//! Configuration of a client.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::HeaderValue;

use super::{CleanupHook, Client, DEFAULT_BASE_URL, Inner, RetryPolicy};
use crate::error::ErrorKind;
use crate::{Error, Secret, rt};

/// Configures a [`Client`]; see [`Client::builder`].
#[derive(Clone, Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct ClientBuilder {
    api_key: Option<Secret>,
    base_url: Option<String>,
    connect_timeout: Option<Duration>,
    timeout: Option<Duration>,
    exec_grace: Option<Duration>,
    transient_retry: Option<RetryPolicy>,
    fleet_full_retry: Option<RetryPolicy>,
    on_cleanup_error: Option<CleanupHook>,
    shared_connections: bool,
}

impl ClientBuilder {
    /// The API key, `ork_...`. Default: `ORKESTR_API_KEY`.
    pub fn api_key(mut self, api_key: impl Into<Secret>) -> Self {
        self.api_key = Some(api_key.into());
        self
    }

    /// The URL below which every path starts with `/v1`; a trailing slash is trimmed. Default:
    /// `ORKESTR_BASE_URL`, else [`DEFAULT_BASE_URL`].
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = Some(base_url.into());
        self
    }

    /// How long connecting may take, TLS included. Default: 10 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = Some(timeout);
        self
    }

    /// How long one request may take from sending to the end of its answer. Default: 60 s.
    ///
    /// Exec has a limit of its own, its timeout and [`exec_grace`](Self::exec_grace), and a call
    /// that carries file content may take five times as long. Streams have no total limit.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How long after a command's timeout its answer is still waited for, so that the server's
    /// word is heard rather than a broken connection. Default: 30 s.
    pub fn exec_grace(mut self, grace: Duration) -> Self {
        self.exec_grace = Some(grace);
        self
    }

    /// When calls that are safe to repeat are sent again: any call whose connection was never
    /// made, and get, list, refresh, read and terminate also on a broken connection and on 429,
    /// 502, 503 and 504. Default: [`RetryPolicy::transient`].
    pub fn transient_retry(mut self, policy: RetryPolicy) -> Self {
        self.transient_retry = Some(policy);
        self
    }

    /// When create and resume are sent again for lack of capacity. Default:
    /// [`RetryPolicy::fleet_full`]. A call can set its own.
    pub fn fleet_full_retry(mut self, policy: RetryPolicy) -> Self {
        self.fleet_full_retry = Some(policy);
        self
    }

    /// Called with an [`ErrorKind::Cleanup`] error when a sandbox that was to be terminated may
    /// still run and nobody is left to return the error to: its scope was cancelled, or failed
    /// with an error of its own. It may be called on another thread. The error is also logged.
    pub fn on_cleanup_error(mut self, hook: impl Fn(&Error) + Send + Sync + 'static) -> Self {
        self.on_cleanup_error = Some(Arc::new(hook));
        self
    }

    /// For clients that live for one static call: a pool of their own would be lost with it.
    pub(super) fn shared_connections(mut self) -> Self {
        self.shared_connections = true;
        self
    }

    /// Makes the client. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Auth`] if there is no key here nor in `ORKESTR_API_KEY`, or it cannot be sent;
    /// [`ErrorKind::InvalidInput`] for a base URL that is no plain http or https URL;
    /// [`ErrorKind::Connection`] if TLS cannot be set up.
    pub fn build(self) -> Result<Client, Error> {
        let api_key = match self.api_key {
            Some(key) => key,
            None => Secret::new(env("ORKESTR_API_KEY")?.unwrap_or_default()),
        };
        let base_url = match self.base_url {
            Some(url) => url,
            None => env("ORKESTR_BASE_URL")?.unwrap_or_else(|| DEFAULT_BASE_URL.to_owned()),
        };
        let connect_timeout = self.connect_timeout.unwrap_or(Duration::from_secs(10));
        let (api_key, authorization) = authorization(&api_key)?;
        let base_url = checked_base_url(&base_url)?;
        let loopback = is_loopback(&base_url);
        let http = if self.shared_connections {
            shared_http_client(connect_timeout, loopback)?
        } else {
            http_client(connect_timeout, loopback)?
        };
        Ok(Client(Arc::new(Inner {
            http,
            base_url,
            authorization,
            api_key,
            connect_timeout,
            timeout: self.timeout.unwrap_or(Duration::from_secs(60)),
            exec_grace: self.exec_grace.unwrap_or(Duration::from_secs(30)),
            transient_retry: self.transient_retry.unwrap_or(RetryPolicy::transient()),
            fleet_full_retry: self.fleet_full_retry.unwrap_or(RetryPolicy::fleet_full()),
            on_cleanup_error: self.on_cleanup_error,
        })))
    }
}

impl std::fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("api_key", &self.api_key)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl Client {
    pub(super) fn with_overrides(
        self,
        api_key: Option<&Secret>,
        base_url: Option<&str>,
    ) -> Result<Self, Error> {
        if api_key.is_none() && base_url.is_none() {
            return Ok(self);
        }
        let mut inner = (*self.0).clone();
        if let Some(api_key) = api_key {
            (inner.api_key, inner.authorization) = authorization(api_key)?;
        }
        if let Some(base_url) = base_url {
            let base_url = checked_base_url(base_url)?;
            if is_loopback(&base_url) != is_loopback(&inner.base_url) {
                // Whether a proxy is used is settled with the connections.
                inner.http = shared_http_client(inner.connect_timeout, is_loopback(&base_url))?;
            }
            inner.base_url = base_url;
        }
        Ok(Self(Arc::new(inner)))
    }
}

/// An empty variable counts as unset, as it does in a shell's `${VAR:-}`.
fn env(name: &str) -> Result<Option<String>, Error> {
    match std::env::var(name) {
        Ok(value) if value.trim().is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(Error::invalid_input(format!("the variable {name} is not UTF-8")))
        }
    }
}

/// The key without the white space that a file or a variable adds, and its header.
fn authorization(api_key: &Secret) -> Result<(Secret, HeaderValue), Error> {
    let key = api_key.expose().trim();
    if key.is_empty() {
        return Err(Error::new(
            ErrorKind::Auth,
            "no API key: give one to the call (`.api_key(...)`), to a client \
             (`Client::builder().api_key(...)`, `set_default_client(...)`), or in the \
             environment variable ORKESTR_API_KEY",
        ));
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| {
        Error::new(ErrorKind::Auth, "the API key has characters that a header cannot carry")
    })?;
    value.set_sensitive(true);
    Ok((Secret::new(key), value))
}

fn checked_base_url(text: &str) -> Result<String, Error> {
    let wanted = "; it must look like https://api.orkestr.eu";
    let url = reqwest::Url::parse(text.trim()).map_err(|error| {
        Error::invalid_input(format!("the base URL is no URL ({error}){wanted}"))
    })?;
    let problem = if !matches!(url.scheme(), "http" | "https") {
        Some("has the scheme of another protocol")
    } else if !url.username().is_empty() || url.password().is_some() {
        Some("carries credentials")
    } else if url.query().is_some() || url.fragment().is_some() {
        Some("has a query or a fragment")
    } else {
        None
    };
    match problem {
        Some(problem) => Err(Error::invalid_input(format!("the base URL {problem}{wanted}"))),
        None => Ok(url.as_str().trim_end_matches('/').to_owned()),
    }
}

/// Without a total or idle timeout: either would cut a long or quiet command.
pub(super) fn http_client(
    connect_timeout: Duration,
    loopback: bool,
) -> Result<reqwest::Client, Error> {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("orkestr-rust/", env!("CARGO_PKG_VERSION")))
        // A redirect would send a POST again as a GET, or the key to another host.
        .redirect(reqwest::redirect::Policy::none());
    #[cfg(not(target_arch = "wasm32"))]
    let builder = builder.connect_timeout(connect_timeout).tcp_nodelay(true);
    // A proxy for the outside world does not know this machine's loopback.
    #[cfg(not(target_arch = "wasm32"))]
    let builder = if loopback { builder.no_proxy() } else { builder };
    builder.build().map_err(|error| {
        Error::new(ErrorKind::Connection, "the HTTP client cannot be set up")
            .with_source(error.without_url())
    })
}

/// The connections of static calls that were given no client, by the runtime that drives them: on
/// another one they would stand still, or break when that one ends.
fn shared_http_client(connect_timeout: Duration, loopback: bool) -> Result<reqwest::Client, Error> {
    const KEPT: usize = 8;
    type Shared = Vec<(rt::RuntimeId, bool, reqwest::Client)>;
    static SHARED: Mutex<Shared> = Mutex::new(Vec::new());
    let Some(runtime) = rt::current() else {
        return http_client(connect_timeout, loopback);
    };
    let find = |shared: &Shared| {
        let same = |(id, other, _): &&(_, bool, _)| *id == runtime && *other == loopback;
        shared.iter().find(same).map(|(.., client)| client.clone())
    };
    if let Some(client) = find(&SHARED.lock().unwrap_or_else(PoisonError::into_inner)) {
        return Ok(client);
    }
    let client = http_client(connect_timeout, loopback)?;
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if shared.len() == KEPT {
        shared.remove(0);
    }
    shared.push((runtime, loopback, client.clone()));
    Ok(client)
}

pub(super) fn is_loopback(base_url: &str) -> bool {
    let url = reqwest::Url::parse(base_url);
    let host = url.as_ref().ok().and_then(|url| url.host_str()).unwrap_or_default();
    let ip = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}
