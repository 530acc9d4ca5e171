//! One webhook: its queue, its worker, and what became of its deliveries.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use orkestr::api::{Integer, WebhookEventType, types};
use orkestr::{Secret, Timestamp};
use sha2::Sha256;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::target::Receiver;
use crate::clock::Clock;
use crate::id;
use crate::problem::Problem;

/// How long a receiver may take to answer, by the server's clock.
const PATIENCE: Duration = Duration::from_secs(10);

/// So long it has in any case: a test that moves the clock does not mean the call under way.
const LEAST_PATIENCE: Duration = Duration::from_secs(2);

/// In seconds, before each further attempt to deliver the same. After the last it is given up.
const WAITS: [u64; 3] = [10, 10, 10];

/// So many failed attempts in a row switch a webhook off.
const MOST_FAILURES: u32 = 20;

/// What waits for its delivery; more is dropped.
const MOST_WAITING: usize = 1000;

#[derive(Debug)]
pub(crate) struct Hook {
    pub(crate) id: String,
    secret: Secret,
    receiver: Receiver,
    event_types: Option<Vec<WebhookEventType>>,
    created_at: Timestamp,
    clock: Clock,
    state: Mutex<State>,
    filled: Notify,
}

#[derive(Debug)]
struct State {
    active: bool,
    failures: u32,
    last_delivery_at: Option<Timestamp>,
    last_error: Option<String>,
    waiting: VecDeque<Delivery>,
}

/// The same bytes at each attempt.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) id: String,
    pub(crate) event: WebhookEventType,
    pub(crate) body: Bytes,
}

impl Delivery {
    pub(crate) fn new(id: String, event: WebhookEventType, body: Vec<u8>) -> Self {
        Self { id, event, body: body.into() }
    }
}

/// What follows on an attempt.
#[derive(Debug, PartialEq)]
enum Next {
    Done,
    Again(Instant),
    GiveUp,
}

impl Hook {
    pub(crate) fn new(
        receiver: Receiver,
        body: types::CreateWebhookRequest,
        clock: Clock,
    ) -> Result<Self, Problem> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(Problem::internal)?;
        Ok(Self {
            id: id::new("whk"),
            secret: format!("whsec_{}", hex(&key)).into(),
            receiver,
            event_types: body.event_types,
            created_at: clock.time().into(),
            clock,
            state: Mutex::new(State {
                active: true,
                failures: 0,
                last_delivery_at: None,
                last_error: None,
                waiting: VecDeque::new(),
            }),
            filled: Notify::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn secret(&self) -> &Secret {
        &self.secret
    }

    /// As it stands on the wire, without its secret.
    pub(crate) fn view(&self) -> types::Webhook {
        let state = self.state();
        types::Webhook {
            id: self.id.clone(),
            url: self.receiver.url().to_owned(),
            event_types: self.event_types.clone(),
            active: Some(state.active),
            consecutive_failures: Some(Integer(state.failures.into())),
            last_delivery_at: state.last_delivery_at,
            last_error: state.last_error.clone(),
            created_at: Some(self.created_at),
            ..types::Webhook::default()
        }
    }

    pub(crate) fn wants(&self, event: &WebhookEventType) -> bool {
        let wanted = self.event_types.as_ref().is_none_or(|types| types.contains(event));
        wanted && self.state().active
    }

    pub(crate) fn queue(&self, delivery: Delivery) {
        let mut state = self.state();
        if !state.active {
            return;
        }
        if state.waiting.len() == MOST_WAITING {
            tracing::warn!(
                webhook = %self.id, event = %delivery.event, delivery = %delivery.id,
                "an event is dropped: {MOST_WAITING} are waiting for their delivery"
            );
            return;
        }
        state.waiting.push_back(delivery);
        drop(state);
        self.filled.notify_one();
    }

    pub(crate) fn enable(&self) -> types::Webhook {
        {
            let mut state = self.state();
            state.active = true;
            state.failures = 0;
            state.last_error = None;
        }
        tracing::info!(webhook = %self.id, "webhook enabled");
        self.view()
    }

    /// Delivers, one after the other, until it is aborted.
    pub(crate) async fn work(self: Arc<Self>) {
        loop {
            let next = self.state().waiting.pop_front();
            match next {
                Some(delivery) => self.deliver(&delivery).await,
                None => self.filled.notified().await,
            }
        }
    }

    async fn deliver(&self, delivery: &Delivery) {
        let signature = self.signature(&delivery.body);
        for attempt in 0.. {
            let outcome = self.attempt(delivery, &signature).await;
            match self.record(delivery, attempt, outcome) {
                Next::Again(at) => self.clock.sleep_until(at).await,
                Next::Done | Next::GiveUp => return,
            }
        }
    }

    async fn attempt(&self, delivery: &Delivery, signature: &str) -> Result<(), String> {
        let deadline = self.clock.now() + PATIENCE;
        let late = futures::future::join(
            self.clock.sleep_until(deadline),
            tokio::time::sleep(LEAST_PATIENCE),
        );
        tokio::select! {
            biased;
            outcome = self.receiver.post(delivery, signature) => outcome,
            _ = late => Err(format!("no answer within {} s", PATIENCE.as_secs())),
        }
    }

    fn record(&self, delivery: &Delivery, attempt: usize, outcome: Result<(), String>) -> Next {
        // Before others can see the outcome: a clock that they move then ends the wait.
        let now = self.clock.now();
        let (webhook, event, id) = (&self.id, &delivery.event, &delivery.id);
        let mut state = self.state();
        state.last_delivery_at = Some(self.clock.time().into());
        let Err(error) = outcome else {
            tracing::debug!(%webhook, %event, delivery = %id, attempt, "delivered");
            state.failures = 0;
            state.last_error = None;
            return Next::Done;
        };
        tracing::warn!(%webhook, %event, delivery = %id, attempt, error, "not delivered");
        state.failures += 1;
        state.last_error = Some(error);
        if state.failures >= MOST_FAILURES {
            state.active = false;
            state.waiting.clear();
            tracing::warn!(%webhook, "webhook switched off");
            return Next::GiveUp;
        }
        match WAITS.get(attempt) {
            Some(seconds) => Next::Again(now + Duration::from_secs(*seconds)),
            None => Next::GiveUp,
        }
    }

    /// The value of `X-Orkestr-Signature`.
    fn signature(&self, body: &[u8]) -> String {
        let key = self.secret.expose().as_bytes();
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length is one");
        mac.update(body);
        format!("sha256={}", hex(&mac.finalize().into_bytes()))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
#[path = "hook_tests.rs"]
mod tests;
