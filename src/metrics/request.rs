//! Asking once.

use std::future::IntoFuture;

use futures::future::BoxFuture;

use super::Metrics;
use crate::client::{Client, Safety};
use crate::error::Error;
use crate::{Sandbox, Timestamp};

/// Asks for a sandbox's metrics; see [`Sandbox::metrics`]. Await it.
#[derive(Clone, Debug)]
#[must_use = "a request is sent only when it is awaited"]
pub struct GetMetrics {
    sandbox: Sandbox,
    since: Option<Timestamp>,
}

impl GetMetrics {
    pub(crate) fn new(sandbox: &Sandbox) -> Self {
        Self { sandbox: sandbox.clone(), since: None }
    }

    /// Only samples after this moment, a [`Timestamp`] or a
    /// [`SystemTime`](std::time::SystemTime). Default: all that the server keeps, about a minute.
    pub fn since(mut self, time: impl Into<Timestamp>) -> Self {
        self.since = Some(time.into());
        self
    }
}

/// `since` in Unix seconds.
pub(super) async fn get(client: &Client, id: &str, since: Option<f64>) -> Result<Metrics, Error> {
    let send = |api: crate::api::Client| async move { api.get_metrics(id, since).await };
    let answer = client.call(client.plain(Safety::Repeatable), send).await?;
    let read = Metrics::from_wire((*answer).clone());
    read.map_err(|error| client.described(error, &answer))
}

impl IntoFuture for GetMetrics {
    type Output = Result<Metrics, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            // Before 1970 is before every sample.
            let since = self.since.map(|since| since.unix().max(0.0));
            get(self.sandbox.client(), self.sandbox.id(), since).await
        })
    }
}
