//! One sandbox: its facts, its state, and the jail that its processes run in.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use orkestr::api::{NetworkMode, OnTimeout, SandboxStatus, Template, types};
use orkestr::{Secret, Timestamp};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::admission::Seat;
use crate::clock::Clock;
use crate::commands::Commands;
use crate::egress::{Blocked, Egress};
use crate::hooks::Events;
use crate::id;
use crate::interpreter::Contexts;
use crate::jail::Jail;
use crate::meter::{Meter, Sampler};
use crate::preview::Previews;
use crate::problem::Problem;
use crate::volumes::Attachment;

/// What a sandbox was created with.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) template: Template,
    pub(crate) network: NetworkMode,
    /// In place of the default allowlist of `restricted`.
    pub(crate) allow_domains: Option<Vec<String>>,
    pub(crate) cpu: f64,
    pub(crate) memory_mb: i64,
    pub(crate) region: String,
    pub(crate) timeout: Duration,
    pub(crate) on_timeout: OnTimeout,
    pub(crate) auto_resume: bool,
    pub(crate) preview_auth: bool,
    pub(crate) env: BTreeMap<String, Secret>,
    pub(crate) metadata: BTreeMap<String, String>,
    /// The name of its volume; before that is found, whatever the caller called it by.
    pub(crate) volume: Option<String>,
}

/// The life of one is in `lifetime`.
#[derive(Debug)]
pub(crate) struct Sandbox {
    pub(crate) id: String,
    pub(crate) facts: Facts,
    pub(crate) commands: Commands,
    pub(crate) contexts: Contexts,
    pub(crate) clock: Clock,
    /// What the plan counts it as.
    pub(crate) seat: Seat,
    /// The hosts that the proxy has refused it.
    pub(crate) blocked: Blocked,
    pub(crate) meter: Meter,
    /// How long starting, pausing and resuming take at least.
    pub(crate) transition: Duration,
    /// Who is told of its life.
    pub(crate) events: Events,
    pub(crate) preview_auth_token: Option<Secret>,
    created_at: Timestamp,
    /// Only while it lives: an ended sandbox holds no descriptor.
    pub(crate) live: Mutex<Option<Live>>,
    state: Mutex<State>,
    /// Changes of state in order: start, pause, resume and expiry do not overlap.
    pub(crate) turn: tokio::sync::Mutex<()>,
    pub(crate) changed: watch::Sender<Running>,
}

/// What a sandbox has of the host while it lives.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) jail: Jail,
    /// Ends with this value.
    pub(crate) _egress: Option<Egress>,
    pub(crate) previews: Previews,
    /// Once it runs.
    pub(crate) sampler: Option<Sampler>,
    /// Free for others with this value: after the jail.
    pub(crate) _volume: Option<Attachment>,
}

/// What a new sandbox begins with.
#[derive(Debug, Default)]
pub(crate) struct Storage {
    /// Of a snapshot.
    pub(crate) content: Option<Arc<File>>,
    pub(crate) volume: Option<Attachment>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) status: SandboxStatus,
    /// What the next lifetime will be.
    pub(crate) timeout: Duration,
    pub(crate) deadline: Instant,
    pub(crate) expires_at: Timestamp,
}

/// What a running command must know of its sandbox.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Running {
    /// Since when the sandbox is paused.
    pub(crate) paused_since: Option<Instant>,
    /// How long it was paused in all before.
    pub(crate) paused_before: Duration,
}

impl Running {
    /// How long it was paused in all by `now`.
    pub(crate) fn paused_by(&self, now: Instant) -> Duration {
        let on = self.paused_since.map(|since| now.saturating_duration_since(since));
        self.paused_before + on.unwrap_or_default()
    }
}

impl Sandbox {
    /// One that is `starting`; [`Sandbox::boot`] makes it run.
    pub(crate) fn new(
        facts: Facts,
        clock: &Clock,
        transition: Duration,
        seat: Seat,
        events: Events,
    ) -> Arc<Self> {
        let token = facts.preview_auth.then(|| Secret::new(id::new("pvt")));
        let (born, created_at) = (clock.now(), clock.time());
        Arc::new(Self {
            id: id::new("sbx"),
            commands: Commands::default(),
            contexts: Contexts::default(),
            preview_auth_token: token,
            created_at: created_at.into(),
            live: Mutex::default(),
            state: Mutex::new(State {
                status: SandboxStatus::Starting,
                timeout: facts.timeout,
                deadline: born + facts.timeout,
                expires_at: (created_at + facts.timeout).into(),
            }),
            turn: tokio::sync::Mutex::default(),
            changed: watch::Sender::new(Running {
                paused_since: None,
                paused_before: Duration::ZERO,
            }),
            clock: clock.clone(),
            seat,
            blocked: Blocked::default(),
            meter: Meter::new(clock),
            transition,
            events,
            facts,
        })
    }

    pub(crate) fn status(&self) -> SandboxStatus {
        self.state().status.clone()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As it stands on the wire.
    pub(crate) fn view(&self) -> types::Sandbox {
        self.view_of(&self.state())
    }

    pub(crate) fn view_of(&self, state: &State) -> types::Sandbox {
        let facts = &self.facts;
        types::Sandbox {
            id: self.id.clone(),
            status: state.status.clone(),
            template: facts.template.clone(),
            network: facts.network.clone(),
            cpu: facts.cpu,
            memory_mb: facts.memory_mb.into(),
            region: facts.region.clone(),
            created_at: self.created_at,
            expires_at: state.expires_at,
            on_timeout: Some(facts.on_timeout.clone()),
            auto_resume: Some(facts.auto_resume),
            preview_auth: Some(facts.preview_auth),
            preview_auth_token: self.preview_auth_token.clone(),
            node_id: Some("local".to_owned()),
            metadata: Some(facts.metadata.clone()),
            volume: facts.volume.clone(),
            ..types::Sandbox::default()
        }
    }

    /// The jail of a running sandbox; a paused one that was created so resumes first, also when
    /// the caller leaves.
    pub(crate) async fn ready(self: &Arc<Self>) -> Result<Jail, Problem> {
        use SandboxStatus as Status;
        loop {
            match self.status() {
                Status::Running => {
                    let ended = || Problem::not_ready(&self.id, self.status().as_str(), "");
                    return self.jail().ok_or_else(ended);
                }
                Status::Paused | Status::Pausing if self.facts.auto_resume => {
                    let sandbox = self.clone();
                    let resumed = tokio::spawn(async move { sandbox.resume().await });
                    // Another call may have been faster, so that there is nothing to resume.
                    if let Err(problem) = resumed.await.map_err(Problem::internal)?
                        && matches!(self.status(), Status::Paused | Status::Pausing)
                    {
                        return Err(problem);
                    }
                }
                Status::Resuming if self.facts.auto_resume => drop(self.turn.lock().await),
                Status::Paused => {
                    return Err(Problem::not_ready(&self.id, "paused", "; resume it first"));
                }
                status => return Err(Problem::not_ready(&self.id, status.as_str(), "")),
            }
        }
    }

    /// The jail of one that can be captured, for whoever has its turn.
    pub(crate) fn to_capture(&self) -> Result<Jail, Problem> {
        let status = self.status();
        let remedy = "; only a running or a paused one can be captured";
        let refused = || Problem::not_ready(&self.id, status.as_str(), remedy);
        match status {
            SandboxStatus::Running | SandboxStatus::Paused => self.jail().ok_or_else(refused),
            _ => Err(refused()),
        }
    }

    pub(crate) fn jail(&self) -> Option<Jail> {
        self.live().as_ref().map(|live| live.jail.clone())
    }

    pub(crate) fn live(&self) -> MutexGuard<'_, Option<Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows the pauses of the sandbox; also wakes at every other change of its state.
    pub(crate) fn watch(&self) -> watch::Receiver<Running> {
        self.changed.subscribe()
    }
}
