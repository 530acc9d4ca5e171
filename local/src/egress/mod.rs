//! The way out of a sandbox with the network mode `restricted`: a proxy, and what it lets through.
//!
//! The listening socket is made inside the sandbox's network namespace and accepted on here, so
//! nothing but the proxy connects the two.

mod head;
pub(crate) mod policy;
mod proxy;

pub(crate) use policy::{DEFAULT_DOMAINS, Policy, check_domain, is_public};

use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::AbortHandle;

/// Where the proxy is reached from inside.
pub(crate) const PROXY_URL: &str = "http://127.0.0.1:3128";

/// The variables that programs look for.
pub(crate) const ENVIRONMENT: [(&str, &str); 8] = [
    ("HTTP_PROXY", PROXY_URL),
    ("HTTPS_PROXY", PROXY_URL),
    ("ALL_PROXY", PROXY_URL),
    ("NO_PROXY", NO_PROXY),
    ("http_proxy", PROXY_URL),
    ("https_proxy", PROXY_URL),
    ("all_proxy", PROXY_URL),
    ("no_proxy", NO_PROXY),
];

const NO_PROXY: &str = "localhost,127.0.0.1,::1";

/// A running proxy of one sandbox. Dropping it ends it and every connection through it.
#[derive(Debug)]
pub(crate) struct Egress(AbortHandle);

impl Egress {
    pub(crate) fn start(
        policy: Policy,
        listener: TcpListener,
        blocked: Blocked,
        sandbox: String,
    ) -> std::io::Result<Self> {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let serve = proxy::serve(listener, Arc::new(policy), blocked, sandbox);
        Ok(Self(tokio::spawn(serve).abort_handle()))
    }
}

impl Drop for Egress {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What the proxy has refused so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blocked(Arc<Mutex<(u64, String)>>);

impl Blocked {
    pub(crate) fn count(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// The last reason, if there is one after the first `count`.
    pub(crate) fn since(&self, count: u64) -> Option<String> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (last.0 > count).then(|| last.1.clone())
    }

    fn add(&self, reason: &str) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.0 += 1;
        last.1 = reason.to_owned();
    }
}
