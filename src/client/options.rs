//! What one call may override, and how its client is found.

use super::{Client, RetryPolicy, default_client};
use crate::{Error, Secret};

/// The overrides that every static call takes.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallOptions {
    pub(crate) client: Option<Client>,
    pub(crate) api_key: Option<Secret>,
    pub(crate) base_url: Option<String>,
    pub(crate) fleet_full_retry: Option<RetryPolicy>,
}

impl CallOptions {
    /// The call's own client, else the default one, else one from the environment; the call's
    /// key and base URL replace what that client has.
    pub(crate) fn resolve(&self) -> Result<Client, Error> {
        match self.client.clone().or_else(default_client) {
            Some(client) => client.with_overrides(self.api_key.as_ref(), self.base_url.as_deref()),
            None => {
                let mut builder = Client::builder().shared_connections();
                if let Some(api_key) = &self.api_key {
                    builder = builder.api_key(api_key.clone());
                }
                if let Some(base_url) = &self.base_url {
                    builder = builder.base_url(base_url);
                }
                builder.build()
            }
        }
    }
}

/// The setters that every request of a static call has.
macro_rules! call_options {
    () => {
        /// Sends with `client` instead of the default one.
        pub fn client(mut self, client: &$crate::Client) -> Self {
            self.options.client = Some(client.clone());
            self
        }

        /// Sends with this API key instead of the client's or the environment's.
        pub fn api_key(mut self, api_key: impl Into<$crate::Secret>) -> Self {
            self.options.api_key = Some(api_key.into());
            self
        }

        /// Sends to this base URL instead of the client's or the environment's.
        pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
            self.options.base_url = Some(base_url.into());
            self
        }
    };
}
pub(crate) use call_options;
