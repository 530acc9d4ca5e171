//! The faults of a server that are still to strike, or hold an answer up.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::watch;

use super::{Fault, FaultError, Route};
use crate::id;

#[derive(Debug, Default)]
pub(crate) struct Faults {
    entries: Mutex<Vec<Arc<Entry>>>,
    /// How many of them are to strike: with none, a request asks no further.
    armed: AtomicUsize,
}

#[derive(Debug)]
pub(super) struct Entry {
    id: String,
    pub(super) fault: Fault,
    route: Route,
    hits: watch::Sender<u64>,
    cleared: watch::Sender<bool>,
}

impl Faults {
    fn entries(&self) -> MutexGuard<'_, Vec<Arc<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(self: &Arc<Self>, fault: Fault) -> Result<FaultHandle, FaultError> {
        let route = fault.check()?;
        let entry = Arc::new(Entry {
            id: id::new("flt"),
            fault,
            route,
            hits: watch::Sender::new(0),
            cleared: watch::Sender::new(false),
        });
        let mut entries = self.entries();
        entries.push(entry.clone());
        self.tidy(&mut entries);
        drop(entries);
        Ok(FaultHandle { entry, faults: self.clone() })
    }

    /// The first fault that is to strike this request; it is counted.
    pub(super) fn strike(&self, method: &str, path: &str) -> Option<Arc<Entry>> {
        if self.armed.load(Ordering::Acquire) == 0 || !path.starts_with("/v1/") {
            return None;
        }
        let mut entries = self.entries();
        let mut armed = entries.iter().filter(|entry| entry.is_armed());
        let struck = armed.find(|entry| entry.route.matches(method, path)).cloned()?;
        struck.hits.send_modify(|hits| *hits += 1);
        self.tidy(&mut entries);
        Some(struck)
    }

    pub(crate) fn clear(&self, id: &str) -> bool {
        let mut entries = self.entries();
        let Some(place) = entries.iter().position(|entry| entry.id == id) else { return false };
        entries.remove(place).clear();
        self.tidy(&mut entries);
        true
    }

    pub(crate) fn clear_all(&self) {
        let mut entries = self.entries();
        for entry in entries.drain(..) {
            entry.clear();
        }
        self.tidy(&mut entries);
    }

    pub(crate) fn view(&self) -> Vec<Value> {
        self.entries().iter().map(|entry| entry.view()).collect()
    }

    /// Forgets what has struck for the last time and holds nothing up.
    fn tidy(&self, entries: &mut Vec<Arc<Entry>>) {
        entries.retain(|entry| entry.is_armed() || entry.fault.stalls());
        let armed = entries.iter().filter(|entry| entry.is_armed()).count();
        self.armed.store(armed, Ordering::Release);
    }
}

impl Entry {
    fn is_armed(&self) -> bool {
        let times = self.fault.times.unwrap_or(1);
        !*self.cleared.borrow() && (self.fault.always || *self.hits.borrow() < times)
    }

    fn clear(&self) {
        self.cleared.send_replace(true);
    }

    /// Comes when the fault is cleared.
    pub(super) async fn cleared(&self) {
        // The sender is in `self`: it cannot be gone.
        drop(self.cleared.subscribe().wait_for(|cleared| *cleared).await);
    }

    fn view(&self) -> Value {
        let mut view = json!(self.fault);
        view["id"] = json!(self.id);
        view["hits"] = json!(*self.hits.borrow());
        view
    }
}

/// An injected fault; from [`LocalServer::fault`](crate::LocalServer::fault).
///
/// Dropping it changes nothing: the fault strikes as often as it was told to.
#[derive(Clone)]
pub struct FaultHandle {
    entry: Arc<Entry>,
    faults: Arc<Faults>,
}

impl FaultHandle {
    /// Its id, as the admin calls know it.
    pub fn id(&self) -> &str {
        &self.entry.id
    }

    /// How many requests it has struck.
    pub fn hits(&self) -> u64 {
        *self.entry.hits.borrow()
    }

    /// Waits until it has struck `count` requests in all.
    ///
    /// # Cancel safety
    ///
    /// It may be dropped at any time.
    pub async fn wait_for_hits(&self, count: u64) {
        drop(self.entry.hits.subscribe().wait_for(|hits| *hits >= count).await);
    }

    /// Ends the fault. Answers that it holds up go on.
    pub fn clear(&self) {
        self.faults.clear(&self.entry.id);
    }

    pub(crate) fn view(&self) -> Value {
        self.entry.view()
    }
}

impl fmt::Debug for FaultHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultHandle")
            .field("id", &self.entry.id)
            .field("fault", &self.entry.fault)
            .field("hits", &self.hits())
            .finish()
    }
}
