//! The contexts of a sandbox: making, finding and forgetting them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use orkestr::Timestamp;
use orkestr::api::{CodeLanguage, Integer, types};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::attend::attend;
use super::kernel::{self, Kernel};
use super::output::Event;
use crate::id;
use crate::problem::Problem;
use crate::run::{DEFAULT_TIMEOUT, late};
use crate::sandbox::Sandbox;

/// Events that wait for a slow client before the code has to.
const EVENTS_AHEAD: usize = 8;

/// The contexts of one sandbox.
#[derive(Debug, Default)]
pub(crate) struct Contexts(Mutex<Registry>);

#[derive(Debug, Default)]
struct Registry {
    /// The sandbox has ended: there will be no more.
    closed: bool,
    /// The one of runs that name none.
    default: Option<String>,
    // Ids sort by their time.
    all: BTreeMap<String, Arc<Context>>,
}

/// A context. A task of its own attends to it and ends with it.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) id: String,
    shared: Arc<Shared>,
    runs: mpsc::UnboundedSender<Job>,
    orders: mpsc::UnboundedSender<Order>,
}

/// What a context and its task know of each other.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) id: String,
    pub(super) cwd: String,
    created_at: Timestamp,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) last_used_at: Option<Timestamp>,
    pub(super) executions: i64,
    pub(super) alive: bool,
}

/// Code to run.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) code: String,
    pub(super) timeout: Duration,
    /// From when on the timeout counts.
    pub(super) asked_at: Instant,
    pub(super) paused_before: Duration,
    /// Set by whoever is first: the task that begins it, or the caller who gives up.
    claimed: Arc<AtomicBool>,
    pub(super) events: mpsc::Sender<Event>,
}

impl Job {
    /// Whether it is to begin now.
    pub(super) fn claim(&self) -> bool {
        !self.claimed.swap(true, Ordering::AcqRel)
    }
}

/// What does not wait for the runs before it, but ends the one under way.
#[derive(Debug)]
pub(super) enum Order {
    Restart(oneshot::Sender<Result<(), Problem>>),
    Delete(oneshot::Sender<()>),
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contexts {
    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn find(&self, id: &str) -> Result<Arc<Context>, Problem> {
        self.registry().all.get(id).cloned().ok_or_else(|| not_found(id))
    }

    /// Oldest first.
    pub(crate) fn list(&self) -> Vec<Arc<Context>> {
        self.registry().all.values().cloned().collect()
    }

    /// The context of runs that name none; its process starts with the first of them.
    pub(crate) fn find_default(&self, sandbox: &Arc<Sandbox>) -> Result<Arc<Context>, Problem> {
        let mut registry = self.registry();
        let known = registry.default.as_ref().and_then(|id| registry.all.get(id)).cloned();
        if let Some(context) = known {
            return Ok(context);
        }
        let context = Context::new(sandbox, "/workspace".to_owned(), None);
        registry.insert(&context)?;
        registry.default = Some(context.id.clone());
        Ok(context)
    }

    pub(crate) async fn create(
        &self,
        sandbox: &Arc<Sandbox>,
        cwd: String,
    ) -> Result<Arc<Context>, Problem> {
        let (limit, pauses) =
            (Duration::from_secs(DEFAULT_TIMEOUT.unsigned_abs()), sandbox.watch());
        let before = pauses.borrow().paused_before;
        let late = late(&sandbox.clock, sandbox.clock.now() + limit, before, pauses);
        let kernel = tokio::select! {
            kernel = Kernel::start(sandbox, &cwd) => kernel?,
            () = late => return Err(not_started(limit)),
        };
        let context = Context::new(sandbox, cwd, Some(kernel));
        self.registry().insert(&context)?;
        Ok(context)
    }

    /// Ends a context and the code that runs in it.
    pub(crate) async fn delete(&self, id: &str) -> Result<(), Problem> {
        let context = self.registry().all.remove(id).ok_or_else(|| not_found(id))?;
        let (deleted, deletion) = oneshot::channel();
        // Where nobody takes it, the context has ended by itself.
        drop(context.orders.send(Order::Delete(deleted)));
        drop(deletion.await);
        Ok(())
    }

    /// The sandbox has ended: nobody can ask for them any more.
    pub(crate) fn clear(&self) {
        let mut registry = self.registry();
        registry.closed = true;
        registry.all.clear();
    }
}

impl Registry {
    fn insert(&mut self, context: &Arc<Context>) -> Result<(), Problem> {
        if self.closed {
            return Err(kernel::gone());
        }
        self.all.insert(context.id.clone(), context.clone());
        Ok(())
    }
}

impl Context {
    fn new(sandbox: &Arc<Sandbox>, cwd: String, kernel: Option<Kernel>) -> Arc<Self> {
        let (runs, next_run) = mpsc::unbounded_channel();
        let (orders, next_order) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            id: id::new("ctx"),
            cwd,
            created_at: sandbox.clock.time().into(),
            state: Mutex::new(State { alive: kernel.is_some(), ..State::default() }),
        });
        tokio::spawn(attend(sandbox.clone(), shared.clone(), kernel, next_run, next_order));
        Arc::new(Self { id: shared.id.clone(), shared, runs, orders })
    }

    /// Queues code behind what the context runs, and waits until it has begun: what happens first,
    /// and what happens then. It runs also if nobody waits for it.
    pub(crate) async fn run(
        &self,
        sandbox: &Sandbox,
        code: String,
        timeout: Duration,
    ) -> Result<(Option<Event>, mpsc::Receiver<Event>), Problem> {
        let (events, mut happening) = mpsc::channel(EVENTS_AHEAD);
        let (asked_at, pauses) = (sandbox.clock.now(), sandbox.watch());
        let paused_before = pauses.borrow().paused_before;
        let claimed = Arc::<AtomicBool>::default();
        let job = Job { code, timeout, asked_at, paused_before, claimed: claimed.clone(), events };
        self.runs.send(job).map_err(|_| not_found(&self.id))?;
        let first = tokio::select! {
            first = happening.recv() => first,
            () = late(&sandbox.clock, asked_at + timeout, paused_before, pauses) => {
                if !claimed.swap(true, Ordering::AcqRel) {
                    return Err(not_started(timeout));
                }
                happening.recv().await
            }
        };
        Ok((first, happening))
    }

    /// Replaces the process; the code that runs in it ends.
    pub(crate) async fn restart(&self) -> Result<(), Problem> {
        let (restarted, restart) = oneshot::channel();
        self.orders.send(Order::Restart(restarted)).map_err(|_| not_found(&self.id))?;
        restart.await.map_err(|_| not_found(&self.id))?
    }

    /// As it stands on the wire.
    pub(crate) fn view(&self) -> types::CodeContext {
        let state = self.shared.state();
        types::CodeContext {
            context_id: self.id.clone(),
            language: Some(CodeLanguage::Python),
            cwd: Some(self.shared.cwd.clone()),
            created_at: Some(self.shared.created_at),
            last_used_at: state.last_used_at,
            executions: Some(Integer(state.executions)),
            alive: Some(state.alive),
            ..types::CodeContext::default()
        }
    }
}

pub(crate) fn not_found(id: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("Code context {id} not found"))
        .with_code("context_not_found")
}

pub(super) fn not_started(limit: Duration) -> Problem {
    let detail = format!("The code did not start within its timeout of {} s", limit.as_secs());
    Problem::new(StatusCode::REQUEST_TIMEOUT, detail).with_code("exec_timeout")
}
