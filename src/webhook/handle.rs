//! The handle to one webhook.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use super::{CreateWebhook, GetWebhook, ListWebhooks, WebhookInfo, on_webhook, request};
use crate::api::{WebhookEventType, types};
use crate::client::{Client, Safety, check_id};
use crate::error::{Error, ErrorKind};
use crate::{Secret, Timestamp};

/// A URL of yours that the service calls when something happens.
///
/// Its deliveries are signed: [`WebhookEvent::verify`](super::WebhookEvent::verify) checks and
/// reads one. A handle is cheap to clone, and clones share what is known; dropping it leaves the
/// webhook alone.
///
/// ```no_run
/// use orkestr::{Webhook, WebhookEventType};
///
/// # async fn run() -> Result<(), orkestr::Error> {
/// let hook = Webhook::create("https://agents.example.com/hooks/orkestr")
///     .event_types([WebhookEventType::SandboxTerminated, WebhookEventType::SandboxExpired])
///     .await?;
/// let secret = hook.secret().expect("told once, now"); // keep it where secrets are kept
///
/// for hook in Webhook::list().await? {
///     if hook.active() == Some(false) {
///         eprintln!("{} was switched off: {:?}", hook.id(), hook.last_error());
///         hook.enable().await?;
///     }
/// }
/// hook.delete().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Webhook(Arc<Inner>);

struct Inner {
    client: Client,
    id: String,
    info: RwLock<Arc<WebhookInfo>>,
}

impl Webhook {
    /// Creates a webhook. Await the request; options are its setters.
    /// `POST /v1/sandboxes/webhooks`.
    ///
    /// The answer tells the [`secret`](Self::secret), this once.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Api`] with status 422 for a URL or an event that the server does not accept,
    /// [`ErrorKind::Auth`] without a key or the scope `sandboxes:write`.
    ///
    /// # Cancel safety
    ///
    /// It is never sent twice. If the future is dropped, or the connection breaks, the webhook may
    /// exist all the same, with a secret that nobody knows: [`list`](Self::list) finds it by its
    /// URL, to be deleted.
    pub fn create(url: impl Into<String>) -> CreateWebhook {
        CreateWebhook::new(url.into())
    }

    /// Lists your webhooks. Await the request. `GET /v1/sandboxes/webhooks`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Auth`] without a key or the scope `sandboxes:read`.
    pub fn list() -> ListWebhooks {
        ListWebhooks::new()
    }

    /// Finds a webhook by its id (`whk_...`). Await the request. The API has no call for one, so
    /// it is picked from the list: `GET /v1/sandboxes/webhooks`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if there is none, and those of [`list`](Self::list).
    pub fn get(id: impl Into<String>) -> GetWebhook {
        GetWebhook::new(id.into())
    }

    pub(super) fn from_wire(client: Client, wire: types::Webhook) -> Result<Self, Error> {
        let info = WebhookInfo::from(wire);
        let id = info.id.clone();
        check_id("webhook id", &id).map_err(|error| {
            let message = format!("the answer is not what the API describes: {}", error.message());
            Error::new(ErrorKind::Decode, message)
        })?;
        Ok(Self(Arc::new(Inner { client, id, info: RwLock::new(Arc::new(info)) })))
    }

    /// Asks the server for the present state, by the list: `GET /v1/sandboxes/webhooks`.
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get).
    pub async fn refresh(&self) -> Result<(), Error> {
        let wire = request::find(self.client(), self.id()).await?;
        self.update(|info| info.absorb(wire));
        Ok(())
    }

    /// Switches it on again after failures have switched it off.
    /// `POST /v1/sandboxes/webhooks/{id}/enable`.
    ///
    /// What happened meanwhile is not delivered.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if it was deleted.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not undo what the server has begun.
    pub async fn enable(&self) -> Result<(), Error> {
        let (client, id) = (self.client(), self.id());
        let send = |api: crate::api::Client| async move { api.enable_webhook(id).await };
        match client.call(on_webhook(client, Safety::Once), send).await {
            Ok(answer) => {
                let wire = answer.into_inner();
                self.update(|info| {
                    info.absorb(wire);
                    info.active = info.active.or(Some(true));
                });
                Ok(())
            }
            // It is done. Only the status of the answer is documented, not its body.
            Err(error)
                if error.kind() == ErrorKind::Decode
                    && matches!(error.status(), Some(200..=299)) =>
            {
                self.refresh().await
            }
            Err(error) => Err(error),
        }
    }

    /// Deletes it: it is called no more. On one that is gone it does nothing.
    /// `DELETE /v1/sandboxes/webhooks/{id}`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Auth`] without the scope `sandboxes:write`, [`ErrorKind::Connection`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not undo what the server has begun.
    pub async fn delete(&self) -> Result<(), Error> {
        let (client, id) = (self.client(), self.id());
        let send = |api: crate::api::Client| async move { api.delete_webhook(id).await };
        match client.call(on_webhook(client, Safety::Repeatable), send).await {
            // It is gone, perhaps by a first try whose answer was lost.
            Err(error) if !error.is_not_found() => Err(error),
            _ => {
                self.update(|info| info.active = Some(false));
                Ok(())
            }
        }
    }

    /// The client that this handle sends with.
    pub fn client(&self) -> &Client {
        &self.0.client
    }

    fn update(&self, change: impl FnOnce(&mut WebhookInfo)) {
        let mut info = self.0.info.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut info));
    }
}

/// What the server last said of the webhook.
impl Webhook {
    /// All of it at one moment.
    pub fn info(&self) -> Arc<WebhookInfo> {
        self.0.info.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The id, `whk_...`.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The URL that is called.
    pub fn url(&self) -> String {
        self.info().url.clone()
    }

    /// The events that it is called for; none for all of them.
    pub fn event_types(&self) -> Option<Vec<WebhookEventType>> {
        self.info().event_types.clone()
    }

    /// Whether it is called. Too many failures in a row switch it off; [`enable`](Self::enable)
    /// switches it on again.
    pub fn active(&self) -> Option<bool> {
        self.info().active
    }

    /// How many calls have failed since the last that did not.
    pub fn consecutive_failures(&self) -> Option<u64> {
        self.info().consecutive_failures
    }

    /// When it was last called.
    pub fn last_delivery_at(&self) -> Option<Timestamp> {
        self.info().last_delivery_at
    }

    /// Why the last call failed, for people.
    pub fn last_error(&self) -> Option<String> {
        self.info().last_error.clone()
    }

    /// When it was created.
    pub fn created_at(&self) -> Option<Timestamp> {
        self.info().created_at
    }

    /// The key of its signatures, `whsec_...`: known only to the handle that
    /// [`create`](Self::create) gave, and its clones.
    pub fn secret(&self) -> Option<Secret> {
        self.info().secret.clone()
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.info(), f)
    }
}
