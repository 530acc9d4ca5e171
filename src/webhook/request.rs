//! Creating, listing and finding webhooks.

use std::fmt;
use std::future::IntoFuture;

use futures::future::BoxFuture;

use super::info::HostOf;
use super::{Webhook, on_webhook};
use crate::api::{WebhookEventType, types};
use crate::client::options::{CallOptions, call_options};
use crate::client::{Client, Safety, check_id};
use crate::error::{Error, ErrorKind};

/// A webhook to create; see [`Webhook::create`]. Await it.
#[derive(Clone)]
#[must_use = "a request is sent only when it is awaited"]
pub struct CreateWebhook {
    body: types::CreateWebhookRequest,
    options: CallOptions,
}

impl CreateWebhook {
    pub(super) fn new(url: String) -> Self {
        let body = types::CreateWebhookRequest { url, ..types::CreateWebhookRequest::default() };
        Self { body, options: CallOptions::default() }
    }

    /// The events to be called for. Default: all, those of the future included.
    pub fn event_types<T: Into<WebhookEventType>>(
        mut self,
        types: impl IntoIterator<Item = T>,
    ) -> Self {
        self.body.event_types = Some(types.into_iter().map(Into::into).collect());
        self
    }

    call_options!();

    async fn send(self) -> Result<Webhook, Error> {
        let client = self.options.resolve()?;
        let body = &self.body;
        let send = |api: crate::api::Client| async move { api.create_webhook(body).await };
        let wire = client.call(on_webhook(&client, Safety::Once), send).await?.into_inner();
        Webhook::from_wire(client, wire)
    }
}

impl fmt::Debug for CreateWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateWebhook")
            .field("url", &HostOf(&self.body.url))
            .field("event_types", &self.body.event_types)
            .field("options", &self.options)
            .finish()
    }
}

impl IntoFuture for CreateWebhook {
    type Output = Result<Webhook, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// A list of webhooks; see [`Webhook::list`]. Await it.
#[derive(Clone, Debug)]
#[must_use = "a request is sent only when it is awaited"]
pub struct ListWebhooks {
    options: CallOptions,
}

impl ListWebhooks {
    pub(super) fn new() -> Self {
        Self { options: CallOptions::default() }
    }

    call_options!();

    async fn send(self) -> Result<Vec<Webhook>, Error> {
        let client = self.options.resolve()?;
        let webhooks = list(&client).await?.into_iter();
        webhooks.map(|wire| Webhook::from_wire(client.clone(), wire)).collect()
    }
}

impl IntoFuture for ListWebhooks {
    type Output = Result<Vec<Webhook>, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// A webhook to find; see [`Webhook::get`]. Await it.
#[derive(Clone, Debug)]
#[must_use = "a request is sent only when it is awaited"]
pub struct GetWebhook {
    id: String,
    options: CallOptions,
}

impl GetWebhook {
    pub(super) fn new(id: String) -> Self {
        Self { id, options: CallOptions::default() }
    }

    call_options!();

    async fn send(self) -> Result<Webhook, Error> {
        let client = self.options.resolve()?;
        let wire = find(&client, check_id("webhook id", &self.id)?).await?;
        Webhook::from_wire(client, wire)
    }
}

impl IntoFuture for GetWebhook {
    type Output = Result<Webhook, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

async fn list(client: &Client) -> Result<Vec<types::Webhook>, Error> {
    let send = |api: crate::api::Client| async move { api.list_webhooks().await };
    let list = client.call(on_webhook(client, Safety::Repeatable), send).await?.into_inner();
    Ok(list.webhooks)
}

pub(super) async fn find(client: &Client, id: &str) -> Result<types::Webhook, Error> {
    list(client).await?.into_iter().find(|wire| wire.id == id).ok_or_else(|| {
        Error::new(ErrorKind::NotFound, format!("there is no webhook {id} in the list of yours"))
    })
}
