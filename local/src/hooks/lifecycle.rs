//! Which changes of a sandbox are events.

use orkestr::api::{SandboxStatus as Status, WebhookEventType as Event, types};
use serde::Serialize;

use crate::sandbox::{Sandbox, State};

/// Why a sandbox has ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reason {
    /// Somebody asked for it.
    Requested,
    /// Its lifetime was over.
    Timeout,
    /// Its first process died.
    Failed,
}

/// What a webhook is told of a sandbox.
#[derive(Serialize)]
struct Told {
    #[serde(flatten)]
    sandbox: types::Sandbox,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
}

impl Sandbox {
    /// Gives a sandbox its next status, and tells of it: with the state locked, so that events
    /// leave in the order of the changes. `reason` counts for an end alone.
    pub(crate) fn enter(&self, state: &mut State, to: Status, reason: Reason) {
        let event = event(&state.status, &to);
        state.status = to;
        if let Some(event) = event {
            let ended = event == Event::SandboxTerminated;
            self.tell(state, &event, ended.then_some(reason));
        }
    }

    /// Its lifetime is over; what comes of that follows.
    pub(crate) fn tell_expired(&self, state: &State) {
        self.tell(state, &Event::SandboxExpired, None);
    }

    fn tell(&self, state: &State, event: &Event, reason: Option<Reason>) {
        // Whoever reads the deliveries need not be who may open the previews.
        let sandbox = types::Sandbox { preview_auth_token: None, ..self.view_of(state) };
        self.events.emit(event, &self.id, &Told { sandbox, reason });
    }
}

/// What others learn of a change. A sandbox that never ran has not been for them.
fn event(from: &Status, to: &Status) -> Option<Event> {
    match (from, to) {
        (Status::Starting, Status::Running) => Some(Event::SandboxCreated),
        (Status::Pausing, Status::Paused) => Some(Event::SandboxPaused),
        (Status::Resuming, Status::Running) => Some(Event::SandboxResumed),
        (Status::Starting | Status::Terminated | Status::Failed, _) => None,
        (_, Status::Terminated | Status::Failed) => Some(Event::SandboxTerminated),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_that_fails_is_none_and_an_end_comes_once() {
        let all: Vec<Status> = Status::KNOWN.iter().map(|text| Status::from(*text)).collect();
        let mut told = Vec::new();
        for from in &all {
            for to in all.iter().filter(|to| *to != from) {
                if let Some(event) = event(from, to) {
                    told.push(format!("{from} {to} {event}"));
                }
            }
        }
        told.sort();
        let expected = [
            "paused failed sandbox.terminated",
            "paused terminated sandbox.terminated",
            "pausing failed sandbox.terminated",
            "pausing paused sandbox.paused",
            "pausing terminated sandbox.terminated",
            "resuming failed sandbox.terminated",
            "resuming running sandbox.resumed",
            "resuming terminated sandbox.terminated",
            "running failed sandbox.terminated",
            "running terminated sandbox.terminated",
            "starting running sandbox.created",
        ];
        assert_eq!(told, expected);
    }
}
