//! Webhooks: managing them, and reading what they deliver.

mod event;
mod handle;
mod info;
mod request;
mod signature;

pub use event::WebhookEvent;
pub use handle::Webhook;
pub use info::WebhookInfo;
pub use request::{CreateWebhook, GetWebhook, ListWebhooks};
pub use signature::verify_webhook_signature;

use crate::client::{Call, Client, Safety};
use crate::error::Scope;

fn on_webhook(client: &Client, safety: Safety) -> Call {
    Call { scope: Scope::Resource, ..client.plain(safety) }
}
