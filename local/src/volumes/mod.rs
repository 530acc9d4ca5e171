//! Volumes: directories that outlive sandboxes, each attached to one at a time.

mod disk;
mod record;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use orkestr::api::{WebhookEventType, types};
use tokio::sync::watch;

use self::disk::Records;
pub(crate) use self::record::Lifetime;
use self::record::{Record, seconds};
use crate::clock::Clock;
use crate::data::{self, DataDir};
use crate::hooks::Events;
use crate::problem::Problem;
use crate::{id, jail, plan};

/// How ids begin. No name does.
pub(crate) const ID_PREFIX: &str = "vol_";

/// The size of a volume that the first sandbox to name it makes.
const FIRST_USE_MB: i64 = 10 * 1024;

#[derive(Debug)]
pub(crate) struct Volumes {
    clock: Clock,
    events: Events,
    state: Mutex<State>,
    /// Wakes whoever waits for the next end of a lifetime.
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    /// None before the first volume, where nobody named a directory.
    data: Option<Arc<DataDir>>,
    records: Records,
    /// The server has ended.
    is_closed: bool,
}

/// What is asked for in a new volume.
#[derive(Clone, Debug)]
pub(crate) struct NewVolume {
    pub(crate) name: String,
    pub(crate) size_mb: i64,
    pub(crate) region: Option<String>,
    pub(crate) lifetime: Option<Lifetime>,
}

impl Volumes {
    /// With those that the directory holds, or none.
    pub(crate) fn open(
        clock: Clock,
        events: Events,
        directory: Option<&Path>,
    ) -> io::Result<Arc<Self>> {
        let mut state = State::default();
        if let Some(directory) = directory {
            let data = DataDir::open(directory)?;
            state.records = disk::read(&data)?;
            state.data = Some(Arc::new(data));
        }
        let changed = watch::Sender::new(());
        Ok(Arc::new(Self { clock, events, state: Mutex::new(state), changed }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where other files of the server may lie.
    pub(crate) fn place(&self) -> PathBuf {
        let state = self.state();
        state.data.as_ref().map_or_else(std::env::temp_dir, |data| data.path().to_owned())
    }

    /// Newest first.
    pub(crate) fn list(&self) -> Vec<types::Volume> {
        self.state().records.values().rev().map(Record::view).collect()
    }

    pub(crate) fn create(&self, new: NewVolume) -> Result<types::Volume, Problem> {
        let mut state = self.state();
        if state.records.values().any(|record| record.name == new.name) {
            let detail = format!("There is a volume '{}' already", new.name);
            return Err(Problem::new(StatusCode::CONFLICT, detail).with_code("volume_name_taken"));
        }
        Ok(self.insert(&mut state, new)?.view())
    }

    fn insert(&self, state: &mut State, new: NewVolume) -> Result<Record, Problem> {
        let data = match &state.data {
            Some(data) => data.clone(),
            None if state.is_closed => return Err(Problem::internal("the server has ended")),
            None => Arc::new(DataDir::private().map_err(Problem::internal)?),
        };
        state.data = Some(data.clone());
        let record = Record {
            id: id::new("vol"),
            name: new.name,
            size_mb: new.size_mb,
            region: new.region,
            lifetime: new.lifetime,
            created_at: seconds(self.clock.time()),
            attached: None,
        };
        // What lies there without being in the index is removed at the next start.
        disk::make(&disk::place_of(&data, &record.id)).map_err(Problem::internal)?;
        self.change(state, |records| {
            records.insert(record.id.clone(), record.clone());
            Ok(record)
        })
    }

    /// Sets or clears the lifetime, which counts from the volume's creation.
    pub(crate) fn update(
        &self,
        id: &str,
        lifetime: Option<Lifetime>,
    ) -> Result<types::Volume, Problem> {
        self.change(&mut self.state(), |records| {
            let record = find(records, id)?;
            record.lifetime = lifetime;
            Ok(record.view())
        })
    }

    pub(crate) fn move_to(&self, id: &str, region: String) -> Result<types::Volume, Problem> {
        let record = self.change(&mut self.state(), |records| {
            let record = find(records, id)?;
            free(record)?;
            record.region = Some(region);
            Ok(record.clone())
        })?;
        self.moved(&record);
        Ok(record.view())
    }

    pub(crate) fn delete(&self, id: &str) -> Result<(), Problem> {
        let mut state = self.state();
        self.change(&mut state, |records| {
            free(find(records, id)?)?;
            records.remove(id);
            Ok(())
        })?;
        let data = state.data.clone();
        drop(state);
        tracing::info!(volume = id, "volume deleted");
        disk::discard(data.as_deref(), id);
        Ok(())
    }

    /// Takes a volume, by its name or its id, for one sandbox. It is free again when the guard is dropped. A name that
    /// there is not is that of a new volume. A region that somebody asked for must be the volume's.
    pub(crate) fn attach(
        self: &Arc<Self>,
        volume: &str,
        region: Option<&str>,
    ) -> Result<Attachment, Problem> {
        // A name is free when its volume's time is over.
        self.expire_due();
        let mut state = self.state();
        let mut records = state.records.values();
        let id = match records.find(|record| record.id == volume || record.name == volume) {
            Some(record) => record.id.clone(),
            None if volume.starts_with(ID_PREFIX) => return Err(not_found(volume)),
            None => {
                let (name, size_mb) = (volume.to_owned(), FIRST_USE_MB);
                let new = NewVolume { name, size_mb, region: None, lifetime: None };
                self.insert(&mut state, new)?.id
            }
        };
        let record = find(&mut state.records, &id)?;
        free(record)?;
        let home = match (record.region.clone(), region) {
            (Some(home), Some(region)) if home != region => return Err(elsewhere(record, region)),
            (Some(home), _) => home,
            (None, region) => {
                let home = region.unwrap_or(plan::REGIONS[0].0).to_owned();
                self.change(&mut state, |records| {
                    find(records, &id)?.region = Some(home.clone());
                    Ok(())
                })?;
                home
            }
        };
        let data = state.data.clone();
        let record = find(&mut state.records, &id)?;
        let path = disk::place_of(data.as_deref().ok_or_else(|| not_found(volume))?, &record.id);
        // What is in the way beyond that shows when it is mounted.
        let _ = data::unlock(&path);
        record.attached = Some(String::new());
        Ok(Attachment {
            volumes: self.clone(),
            path,
            id: record.id.clone(),
            name: record.name.clone(),
            region: home,
            size_mb: record.size_mb,
        })
    }

    /// Removes what has outlived its time and is in no sandbox.
    pub(crate) fn expire_due(&self) {
        let now = seconds(self.clock.time());
        let mut state = self.state();
        let is_due = |record: &&Record| record.attached.is_none() && record.is_over(now);
        let due: Vec<Record> = state.records.values().filter(is_due).cloned().collect();
        if due.is_empty() {
            return;
        }
        let removed = self.change(&mut state, |records| {
            records.retain(|id, _| due.iter().all(|record| record.id != *id));
            Ok(())
        });
        if let Err(problem) = removed {
            tracing::error!(problem = problem.message(), "volumes cannot expire");
            return;
        }
        let data = state.data.clone();
        drop(state);
        for record in due {
            disk::discard(data.as_deref(), &record.id);
            self.expired(&record);
        }
    }

    /// Expires volumes when it is time, for as long as it is polled.
    pub(crate) async fn keep(self: Arc<Self>) {
        let mut changed = self.changed.subscribe();
        loop {
            changed.mark_unchanged();
            let next = self
                .state()
                .records
                .values()
                .filter(|record| record.attached.is_none())
                .filter_map(Record::ends_at)
                .min();
            let over = async {
                match next {
                    Some(next) => {
                        let left = next.saturating_sub(seconds(self.clock.time()));
                        self.clock.sleep_until(self.clock.now() + Duration::from_secs(left)).await;
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = over => {}
                _ = changed.changed() => continue,
            }
            let volumes = self.clone();
            // Fails only while the runtime ends.
            let _ = tokio::task::spawn_blocking(move || volumes.expire_due()).await;
            // Only a failure leaves something: it is tried again at the next change.
            if self.state().records.values().any(|record| {
                record.attached.is_none() && record.is_over(seconds(self.clock.time()))
            }) {
                let _ = changed.changed().await;
            }
        }
    }

    /// The one place where a volume has come to another region.
    fn moved(&self, record: &Record) {
        tracing::info!(volume = %record.id, region = record.region, "volume moved");
        self.events.emit(&WebhookEventType::VolumeMoved, &record.id, &record.view());
    }

    /// The one place where a volume's lifetime is over and it is gone.
    fn expired(&self, record: &Record) {
        tracing::info!(volume = %record.id, "volume expired");
        self.events.emit(&WebhookEventType::VolumeExpired, &record.id, &record.view());
    }

    /// After the last sandbox: leaves the directory to the next server, or removes it.
    pub(crate) fn close(&self) {
        *self.state() = State { is_closed: true, ..State::default() };
    }

    /// On disk first: what cannot be written down has not happened.
    fn change<T>(
        &self,
        state: &mut State,
        change: impl FnOnce(&mut Records) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let mut records = state.records.clone();
        let outcome = change(&mut records)?;
        if let Some(data) = &state.data {
            disk::write(data, &records).map_err(Problem::internal)?;
        }
        state.records = records;
        self.changed.send_replace(());
        Ok(outcome)
    }
}

/// A volume that a sandbox has. Dropped only when nothing of the sandbox is left.
#[derive(Debug)]
pub(crate) struct Attachment {
    volumes: Arc<Volumes>,
    id: String,
    path: PathBuf,
    pub(crate) name: String,
    pub(crate) region: String,
    size_mb: i64,
}

impl Attachment {
    /// Its place in the sandbox. No quota is needed for a bound of each file; one that is smaller than the sandbox's own
    /// disk would be in the way there.
    pub(crate) fn show_in(&self, spec: &mut jail::Spec) {
        let bytes = u64::try_from(self.size_mb).unwrap_or(0) << 20;
        spec.limits.file_bytes = bytes.max(spec.limits.disk_bytes);
        spec.persist = Some(self.path.clone());
    }

    /// Says which sandbox it is, for others to see.
    pub(crate) fn belongs_to(&self, sandbox: &str) {
        if let Some(record) = self.volumes.state().records.get_mut(&self.id) {
            record.attached = Some(sandbox.to_owned());
        }
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        if let Some(record) = self.volumes.state().records.get_mut(&self.id) {
            record.attached = None;
        }
        // Its time may have come meanwhile.
        self.volumes.changed.send_replace(());
    }
}

fn find<'a>(records: &'a mut Records, id: &str) -> Result<&'a mut Record, Problem> {
    records.get_mut(id).ok_or_else(|| not_found(id))
}

fn not_found(volume: &str) -> Problem {
    let detail = format!("Volume {volume} not found");
    Problem::new(StatusCode::NOT_FOUND, detail).with_code("volume_not_found")
}

fn elsewhere(record: &Record, region: &str) -> Problem {
    let (name, home) = (&record.name, record.region.as_deref().unwrap_or_default());
    let detail = format!(
        "The volume '{name}' is in the region {home}, not in {region}; leave the region out, or move the volume first"
    );
    Problem::new(StatusCode::BAD_REQUEST, detail).with_code("volume_region_mismatch")
}

fn free(record: &Record) -> Result<(), Problem> {
    let Some(sandbox) = &record.attached else { return Ok(()) };
    let name = &record.name;
    let detail = format!("The volume '{name}' is attached to the sandbox {sandbox}");
    Err(Problem::new(StatusCode::CONFLICT, detail).with_code("volume_in_use"))
}
