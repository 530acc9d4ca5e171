//! What the server says of a webhook.

use std::fmt;

use serde::Serialize;

use crate::api::{WebhookEventType, types};
use crate::{Secret, Timestamp};

/// The state of a webhook at one moment. `Webhook` in the contract.
///
/// Everything that an older server may leave out is an `Option`. `Debug` shows no more of the URL
/// than its host: paths and queries of webhooks are often secrets.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct WebhookInfo {
    /// The id, `whk_...`.
    pub id: String,
    /// The URL that is called.
    pub url: String,
    /// The events that it is called for; none for all of them.
    pub event_types: Option<Vec<WebhookEventType>>,
    /// Whether it is called. Too many failures in a row switch it off.
    pub active: Option<bool>,
    /// How many calls have failed since the last that did not.
    pub consecutive_failures: Option<u64>,
    /// When it was last called.
    pub last_delivery_at: Option<Timestamp>,
    /// Why the last call failed, for people.
    pub last_error: Option<String>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// The key of its signatures, `whsec_...`, which only the answer to its creation tells. Not
    /// serialised.
    #[serde(skip)]
    pub secret: Option<Secret>,
}

impl WebhookInfo {
    /// The news, and what was known and is not told again.
    pub(super) fn absorb(&mut self, wire: types::Webhook) {
        let known = std::mem::replace(self, Self::from(wire));
        self.secret = self.secret.take().or(known.secret);
        self.created_at = self.created_at.or(known.created_at);
    }
}

impl From<types::Webhook> for WebhookInfo {
    fn from(wire: types::Webhook) -> Self {
        Self {
            id: wire.id,
            url: wire.url,
            event_types: wire.event_types,
            active: wire.active,
            consecutive_failures: wire.consecutive_failures.and_then(|count| count.unsigned()),
            last_delivery_at: wire.last_delivery_at,
            last_error: wire.last_error,
            created_at: wire.created_at,
            secret: wire.secret,
        }
    }
}

impl fmt::Debug for WebhookInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A reason may quote the URL.
        let quotes = |reason: &&String| !self.url.is_empty() && reason.contains(&self.url);
        let last_error = self.last_error.as_ref().map(|reason| match Some(reason).filter(quotes) {
            Some(reason) => reason.replace(&self.url, "***"),
            None => reason.clone(),
        });
        f.debug_struct("WebhookInfo")
            .field("id", &self.id)
            .field("url", &HostOf(&self.url))
            .field("event_types", &self.event_types)
            .field("active", &self.active)
            .field("consecutive_failures", &self.consecutive_failures)
            .field("last_delivery_at", &self.last_delivery_at)
            .field("last_error", &last_error)
            .field("created_at", &self.created_at)
            .field("secret", &self.secret)
            .finish()
    }
}

/// A URL without what may be a secret of its owner's.
pub(super) struct HostOf<'a>(pub(super) &'a str);

impl fmt::Debug for HostOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match reqwest::Url::parse(self.0) {
            Ok(url) => write!(f, "{}/***", url.origin().ascii_serialization()),
            Err(_) => f.write_str("***"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_neither_the_secret_nor_what_a_url_may_hide() {
        let mut info = WebhookInfo::from(types::Webhook {
            id: "whk_1".into(),
            url: "https://user:hidden1@example.com:8443/hidden2?token=hidden3#hidden4".into(),
            secret: Some(Secret::new("whsec_hidden5")),
            ..types::Webhook::default()
        });
        let shown = format!("{info:?} {info:#?}");
        assert!(!shown.contains("hidden"), "{shown}");
        assert!(shown.contains("https://example.com:8443/***"), "{shown}");
        assert!(!serde_json::to_string(&info).expect("JSON").contains("hidden5"));

        info.last_error = Some(format!("no answer from {}", info.url));
        assert!(!format!("{info:?}").contains("hidden"), "{info:?}");

        info.url = "hidden".into();
        assert!(!format!("{info:?}").contains("hidden"), "{info:?}");
    }

    #[test]
    fn what_is_told_once_is_kept() {
        let wire = |json| serde_json::from_value::<types::Webhook>(json).expect("a webhook");
        let mut info = WebhookInfo::from(wire(serde_json::json!({
            "id": "whk_1", "url": "u", "secret": "whsec_1", "created_at": "2026-08-03T09:14:07Z",
            "last_error": "HTTP 500",
        })));
        info.absorb(wire(serde_json::json!({"id": "whk_1", "url": "u", "active": true})));
        assert_eq!(info.secret, Some(Secret::new("whsec_1")));
        assert!(info.created_at.is_some());
        assert_eq!((info.active, &info.last_error), (Some(true), &None));
    }
}
