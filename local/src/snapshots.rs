//! Snapshots: what sandboxes held at one moment, to start others from.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use orkestr::Timestamp;
use orkestr::api::{Integer, SnapshotStatus, types};
use tokio::time::Instant;

use crate::admission::Slot;
use crate::app::App;
use crate::data;
use crate::id;
use crate::problem::Problem;
use crate::sandbox::{Facts, Sandbox};

/// Those of a server. Their content lies in files without a name: it ends with the server, however that ends.
#[derive(Debug, Default)]
pub(crate) struct Snapshots(Mutex<Kept>);

/// By id. Of one that was deleted the id is kept: deleting it again is no error.
type Kept = BTreeMap<String, Option<Arc<Snapshot>>>;

#[derive(Debug)]
pub(crate) struct Snapshot {
    id: String,
    name: Option<String>,
    source: String,
    /// Of the sandbox that it was taken of.
    facts: Facts,
    created_at: Timestamp,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Capturing,
    Ready { content: Arc<File>, size_mb: i64, ready_at: Timestamp, _slots: Vec<Slot> },
    Failed { message: String },
}

impl Snapshots {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Newest first.
    pub(crate) fn list(&self) -> Vec<types::Snapshot> {
        self.kept().values().rev().flatten().map(|snapshot| snapshot.view()).collect()
    }

    pub(crate) fn find(&self, id: &str) -> Result<Arc<Snapshot>, Problem> {
        self.kept().get(id).cloned().flatten().ok_or_else(|| not_found(id))
    }

    /// Sandboxes that are being made from it go on.
    pub(crate) fn delete(&self, id: &str) -> Result<(), Problem> {
        let mut kept = self.kept();
        if kept.get_mut(id).ok_or_else(|| not_found(id))?.take().is_some() {
            tracing::info!(snapshot = id, "snapshot deleted");
        }
        Ok(())
    }

    pub(crate) fn clear(&self) {
        self.kept().clear();
    }
}

impl Snapshot {
    /// Captures a sandbox that is running or paused. Where transitions take time, it comes back `capturing`.
    pub(crate) async fn take(
        app: &Arc<App>,
        sandbox: Arc<Sandbox>,
        name: Option<String>,
    ) -> Result<types::Snapshot, Problem> {
        // Others may be starting, pausing or resuming it; afterwards none does until it is captured.
        let turn = sandbox.turn.lock().await;
        let since = app.clock.now();
        let jail = sandbox.to_capture()?;
        let mut slots = vec![app.admission.snapshot()?];
        if name.is_some() {
            slots.push(app.admission.named_snapshot()?);
        }
        let place = app.volumes.place();
        let file = tokio::task::spawn_blocking(move || data::unnamed_file(&place));
        let file = file.await.map_err(Problem::internal)?.map_err(Problem::internal)?;
        let snapshot = Arc::new(Self {
            id: id::new("snap"),
            name,
            source: sandbox.id.clone(),
            // Variables and tags are the sandbox's own, and variables may be secret.
            facts: Facts {
                env: BTreeMap::new(),
                metadata: BTreeMap::new(),
                volume: None,
                ..sandbox.facts.clone()
            },
            created_at: app.clock.time().into(),
            state: Mutex::new(State::Capturing),
        });
        app.snapshots.kept().insert(snapshot.id.clone(), Some(snapshot.clone()));
        let packed = jail.pack(&file).await.map(|()| file).map_err(Problem::from);
        drop((turn, jail));
        let finish = {
            let (app, snapshot) = (app.clone(), snapshot.clone());
            async move { snapshot.finish(&app, packed, slots, since).await }
        };
        if app.config.transition.is_zero() {
            finish.await;
        } else {
            tokio::spawn(finish);
        }
        Ok(snapshot.view())
    }

    async fn finish(
        &self,
        app: &App,
        packed: Result<File, Problem>,
        slots: Vec<Slot>,
        since: Instant,
    ) {
        let size = packed.and_then(|file| {
            let length = file.metadata().map_err(Problem::internal)?.len();
            Ok((file, i64::try_from(length.div_ceil(1 << 20)).unwrap_or(i64::MAX)))
        });
        if !app.config.transition.is_zero() {
            app.clock.sleep_until(since + app.config.transition).await;
        }
        let state = match size {
            Ok((file, size_mb)) => {
                tracing::info!(sandbox = %self.source, snapshot = %self.id, size_mb, "snapshot ready");
                let ready_at = app.clock.time().into();
                State::Ready { content: Arc::new(file), size_mb, ready_at, _slots: slots }
            }
            // Nothing is kept: the slots are free again.
            Err(problem) => {
                let message = problem.message();
                tracing::warn!(sandbox = %self.source, snapshot = %self.id, problem = message, "snapshot failed");
                State::Failed { message }
            }
        };
        *self.state() = state;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What a sandbox that is made from it begins with.
    pub(crate) fn content(&self) -> Result<Arc<File>, Problem> {
        let status = match &*self.state() {
            State::Ready { content, .. } => return Ok(content.clone()),
            State::Capturing => "still being captured".to_owned(),
            State::Failed { message } => format!("failed: {message}"),
        };
        let detail = format!("Snapshot {} is not ready: {status}", self.id);
        Err(Problem::new(StatusCode::CONFLICT, detail).with_code("snapshot_not_ready"))
    }

    /// As it stands on the wire.
    pub(crate) fn view(&self) -> types::Snapshot {
        let facts = &self.facts;
        let (status, size, ready, error) = match &*self.state() {
            State::Capturing => (SnapshotStatus::Capturing, None, None, None),
            State::Ready { size_mb, ready_at, .. } => {
                (SnapshotStatus::Ready, Some(Integer(*size_mb)), Some(*ready_at), None)
            }
            State::Failed { message } => {
                (SnapshotStatus::Failed, None, None, Some(message.clone()))
            }
        };
        types::Snapshot {
            id: self.id.clone(),
            status,
            template: Some(facts.template.clone()),
            cpu: Some(facts.cpu),
            memory_mb: Some(facts.memory_mb.into()),
            network: Some(facts.network.clone()),
            name: self.name.clone(),
            source_sandbox_id: Some(self.source.clone()),
            size_mb: size,
            node_id: Some("local".to_owned()),
            region: Some(facts.region.clone()),
            error_message: error,
            created_at: Some(self.created_at),
            ready_at: ready,
            ..types::Snapshot::default()
        }
    }
}

fn not_found(id: &str) -> Problem {
    let detail = format!("Snapshot {id} not found");
    Problem::new(StatusCode::NOT_FOUND, detail).with_code("snapshot_not_found")
}
