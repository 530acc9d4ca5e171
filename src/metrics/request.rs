//! Asking once.

use std::future::IntoFuture;

use futures::future::BoxFuture;

use super::Metrics;
use crate::api::Integer;
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

pub(super) async fn get(
    client: &Client,
    id: &str,
    since: Option<Timestamp>,
) -> Result<Metrics, Error> {
    // Whole seconds are what the wire takes, so samples of the second that has begun come too.
    // Before 1970 is before every sample.
    let seconds = &since.map(|since| Integer(since.unix_seconds().max(0)));
    let send = |api: crate::api::Client| async move { api.get_metrics(id, seconds.as_ref()).await };
    let answer = client.call(client.plain(Safety::Repeatable), send).await?;
    let mut metrics = Metrics::from(answer.into_inner());
    metrics.samples.retain(|sample| since.is_none_or(|since| sample.at > since));
    Ok(metrics)
}

impl IntoFuture for GetMetrics {
    type Output = Result<Metrics, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { get(self.sandbox.client(), self.sandbox.id(), self.since).await })
    }
}
