//! Webhooks: what happens here, told to the URLs that asked for it.
//!
//! They live as long as the server. Each has a worker of its own, so that a slow receiver holds up
//! nobody else; its deliveries leave in the order of their events.

mod hook;
mod lifecycle;
mod target;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use orkestr::api::{WebhookEventType, types};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::id;
use crate::problem::{Issue, Problem};
use hook::{Delivery, Hook};
pub(crate) use lifecycle::Reason;
use target::Target;

/// Where events go. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Events(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    hooks: Mutex<Hooks>,
}

/// By id, and ids sort by their time. Of one that was deleted only the id is kept.
type Hooks = BTreeMap<String, Option<Active>>;

#[derive(Debug)]
struct Active {
    hook: Arc<Hook>,
    worker: JoinHandle<()>,
}

impl Events {
    pub(crate) fn new(clock: Clock) -> Self {
        Self(Arc::new(Inner { clock, hooks: Mutex::default() }))
    }

    /// Tells every webhook that wants it what has happened to the sandbox, volume or template with
    /// this id; `data` is what the API shows of it, without what is secret. Never waits.
    ///
    /// Deliveries keep the order of these calls: make them where the change becomes visible.
    pub(crate) fn emit(&self, event: &WebhookEventType, id: &str, data: &impl Serialize) {
        let hooks = self.hooks();
        let mut hooks = hooks.values().flatten().filter(|one| one.hook.wants(event)).peekable();
        if hooks.peek().is_none() {
            return;
        }
        let data = match serde_json::to_value(data) {
            Ok(Value::Object(data)) => data,
            Ok(other) => Map::from_iter([("value".to_owned(), other)]),
            Err(error) => return tracing::error!(%error, %event, "an event cannot be written"),
        };
        let created_at = self.0.clock.time().into();
        let of = |prefix: &str| id.starts_with(prefix).then(|| id.to_owned());
        for Active { hook, .. } in hooks {
            let delivery_id = id::new("dlv");
            let body = types::WebhookEvent {
                event: Some(event.clone()),
                delivery_id: Some(delivery_id.clone()),
                created_at: Some(created_at),
                sandbox_id: of("sbx_"),
                volume_id: of("vol_"),
                template_id: of("tmpl_"),
                data: Some(data.clone()),
                ..types::WebhookEvent::default()
            };
            match serde_json::to_vec(&body) {
                Ok(body) => hook.queue(Delivery::new(delivery_id, event.clone(), body)),
                Err(error) => tracing::error!(%error, %event, "an event cannot be written"),
            }
        }
    }

    /// A new webhook as the API shows it, this once with its secret.
    pub(crate) fn create(
        &self,
        body: types::CreateWebhookRequest,
    ) -> Result<types::Webhook, Problem> {
        let mut issues = Vec::new();
        let target = Target::check(&body.url);
        if let Err(message) = &target {
            issues.push(Issue::body("url", message.clone()));
        }
        if body.event_types.as_ref().is_some_and(Vec::is_empty) {
            let message = "Name at least one event, or leave it out for all";
            issues.push(Issue::body("event_types", message));
        }
        for (index, event) in body.event_types.iter().flatten().enumerate() {
            if let WebhookEventType::Unknown(name) = event {
                let known = WebhookEventType::KNOWN.join(", ");
                let message = format!("'{}' is no event; known: {known}", name.as_str());
                issues.push(Issue::body(&format!("event_types.{index}"), message));
            }
        }
        let Ok(target) = target else { return Err(Problem::invalid(issues)) };
        if !issues.is_empty() {
            return Err(Problem::invalid(issues));
        }
        let hook = Hook::new(target.connect()?, body, self.0.clock.clone())?;
        let hook = Arc::new(hook);
        let view = types::Webhook { secret: Some(hook.secret().clone()), ..hook.view() };
        let worker = tokio::spawn(hook.clone().work());
        tracing::info!(webhook = %hook.id, "webhook created");
        self.hooks().insert(hook.id.clone(), Some(Active { hook, worker }));
        Ok(view)
    }

    /// Newest first.
    pub(crate) fn list(&self) -> Vec<types::Webhook> {
        self.hooks().values().rev().flatten().map(|one| one.hook.view()).collect()
    }

    pub(crate) fn enable(&self, id: &str) -> Result<types::Webhook, Problem> {
        match self.hooks().get(id) {
            Some(Some(one)) => Ok(one.hook.enable()),
            _ => Err(no_webhook(id)),
        }
    }

    /// Once it has returned, nothing leaves for this webhook any more. One that is already deleted
    /// is nothing to do.
    pub(crate) async fn delete(&self, id: &str) -> Result<(), Problem> {
        let deleted = match self.hooks().get_mut(id) {
            Some(one) => one.take(),
            None => return Err(no_webhook(id)),
        };
        if let Some(Active { worker, .. }) = deleted {
            tracing::info!(webhook = %id, "webhook deleted");
            worker.abort();
            // It is cancelled: that is no failure.
            drop(worker.await);
        }
        Ok(())
    }

    /// The server ends: nobody is told anything more.
    pub(crate) fn close(&self) {
        for Active { worker, .. } in std::mem::take(&mut *self.hooks()).into_values().flatten() {
            worker.abort();
        }
    }

    fn hooks(&self) -> MutexGuard<'_, Hooks> {
        self.0.hooks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn no_webhook(id: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("Webhook {id} not found"))
        .with_code("webhook_not_found")
}
