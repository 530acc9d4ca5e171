//! The output of a background command: the newest of it, addressed by its absolute bytes.
//!
//! A reader that keeps reading is waited for, as at any pipe; one that stalls loses its place.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::run::Output;

/// What one piece grows to, and so the longest chunk that a follower gets.
const PIECE: usize = 32 * 1024;

/// What a piece costs beside its bytes, roughly: many tiny ones must not escape the bound.
const OVERHEAD: usize = 64;

/// How long a reader may take for one chunk before the command no longer waits for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Output that is being written by one and read by many.
#[derive(Debug)]
pub(crate) struct Log {
    most: usize,
    kept: Mutex<Kept>,
    grown: watch::Sender<()>,
    read: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Kept {
    pieces: VecDeque<Piece>,
    /// Bytes and overhead of all pieces.
    cost: usize,
    /// How much was ever written.
    end: u64,
    closed: bool,
    readers: BTreeMap<u64, Place>,
    next_reader: u64,
}

/// Where a reader is, and until when it is waited for.
#[derive(Clone, Copy, Debug)]
struct Place {
    offset: u64,
    until: Instant,
}

/// One that reads the log in order. Gives up its place when it is dropped.
#[derive(Debug)]
pub(crate) struct Reader {
    log: Arc<Log>,
    id: u64,
    offset: u64,
    growth: watch::Receiver<()>,
}

#[derive(Debug)]
struct Piece {
    start: u64,
    is_stdout: bool,
    bytes: Vec<u8>,
}

/// What there is at an offset.
#[derive(Debug)]
pub(crate) enum Found {
    /// At most 32 KiB of one of the two streams.
    Output(Output),
    /// It is no longer kept; the rest begins here.
    Gone { start: u64 },
    /// Nothing yet.
    NotYet,
    /// Nothing, and nothing will come.
    End,
}

impl Log {
    /// Keeps about `most` bytes.
    pub(crate) fn new(most: usize) -> Self {
        let (grown, read) = (watch::Sender::new(()), watch::Sender::new(()));
        Self { most, kept: Mutex::default(), grown, read }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The output is kept at once, be there [`room`](Self::room) or not.
    pub(crate) fn append(&self, output: &Output) {
        let (is_stdout, bytes) = match output {
            Output::Stdout(bytes) => (true, bytes),
            Output::Stderr(bytes) => (false, bytes),
        };
        if !bytes.is_empty() {
            self.kept().append(is_stdout, bytes);
            self.grown.send_replace(());
        }
    }

    /// Forgets the oldest output beyond the bound, and waits for the readers that need it.
    pub(crate) async fn room(&self) {
        let mut read = self.read.subscribe();
        loop {
            read.mark_unchanged();
            let Some(until) = self.kept().evict(self.most) else { return };
            tokio::select! {
                _ = read.changed() => {}
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }

    /// Nothing will be appended any more.
    pub(crate) fn close(&self) {
        self.kept().closed = true;
        self.grown.send_replace(());
    }

    /// What holds its memory now.
    pub(crate) fn cost(&self) -> usize {
        self.kept().cost
    }

    pub(crate) fn at(&self, offset: u64) -> Found {
        let kept = self.kept();
        if offset < kept.start() {
            return Found::Gone { start: kept.start() };
        }
        match kept.piece(offset) {
            Some((piece, from)) => {
                let bytes = piece.bytes[from..].to_vec();
                Found::Output(if piece.is_stdout {
                    Output::Stdout(bytes)
                } else {
                    Output::Stderr(bytes)
                })
            }
            None if kept.closed => Found::End,
            None => Found::NotYet,
        }
    }

    /// What is kept from `offset` on, about `most` bytes of it, whether there is more, and the size
    /// of all that was ever written; or where what is kept begins, if that is later.
    pub(crate) fn page(&self, offset: u64, most: usize) -> Result<(Vec<u8>, bool, u64), u64> {
        let kept = self.kept();
        if offset < kept.start() {
            return Err(kept.start());
        }
        let mut bytes = Vec::new();
        while bytes.len() < most
            && let Some((piece, from)) = kept.piece(offset + bytes.len() as u64)
        {
            let rest = &piece.bytes[from..];
            bytes.extend_from_slice(&rest[..rest.len().min(most - bytes.len())]);
        }
        if bytes.len() == most {
            // The next page begins with the character that does not fit.
            bytes.truncate(whole_characters(&bytes));
        }
        let more = offset + (bytes.len() as u64) < kept.end;
        Ok((bytes, more, kept.end))
    }

    /// A reader from `offset` on.
    pub(crate) fn reader(self: &Arc<Self>, offset: u64) -> Reader {
        let growth = self.grown.subscribe();
        let mut kept = self.kept();
        let id = kept.next_reader;
        kept.next_reader += 1;
        kept.readers.insert(id, Place::at(offset));
        drop(kept);
        Reader { log: self.clone(), id, offset, growth }
    }
}

impl Place {
    fn at(offset: u64) -> Self {
        Self { offset, until: Instant::now() + PATIENCE }
    }
}

impl Reader {
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// What comes next. After [`Found::NotYet`] wait for [`grown`](Self::grown).
    pub(crate) fn next(&mut self) -> Found {
        self.growth.mark_unchanged();
        let found = self.log.at(self.offset);
        if let Found::Output(output) = &found {
            self.offset += output.len() as u64;
        }
        self.log.kept().readers.insert(self.id, Place::at(self.offset));
        self.log.read.send_replace(());
        found
    }

    /// Comes when there may be more.
    pub(crate) async fn grown(&mut self) {
        // The log is ours: its sender is there.
        drop(self.growth.changed().await);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.log.kept().readers.remove(&self.id);
        self.log.read.send_replace(());
    }
}

impl Kept {
    fn start(&self) -> u64 {
        self.pieces.front().map_or(self.end, |piece| piece.start)
    }

    fn append(&mut self, is_stdout: bool, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let fits =
                |piece: &&mut Piece| piece.is_stdout == is_stdout && piece.bytes.len() < PIECE;
            let last = match self.pieces.back_mut().filter(fits) {
                Some(last) => last,
                None => {
                    self.cost += OVERHEAD;
                    let piece = Piece { start: self.end, is_stdout, bytes: Vec::new() };
                    self.pieces.push_back(piece);
                    self.pieces.back_mut().expect("it was just put there")
                }
            };
            let (now, later) = bytes.split_at(bytes.len().min(PIECE - last.bytes.len()));
            last.bytes.extend_from_slice(now);
            self.cost += now.len();
            self.end += now.len() as u64;
            bytes = later;
        }
    }

    /// Forgets the oldest; until when a reader that needs it is waited for, if one does.
    fn evict(&mut self, most: usize) -> Option<Instant> {
        let now = Instant::now();
        while self.cost > most
            && let Some(oldest) = self.pieces.front()
        {
            let (start, end) = (oldest.start, oldest.end());
            // One that asked for what was already gone is on its way out.
            let needs = |place: &&Place| (start..end).contains(&place.offset) && place.until > now;
            if let Some(place) = self.readers.values().filter(needs).min_by_key(|one| one.until) {
                return Some(place.until);
            }
            self.cost -= oldest.bytes.len() + OVERHEAD;
            self.pieces.pop_front();
        }
        None
    }

    /// The piece that has the byte at `offset`, and where in it.
    fn piece(&self, offset: u64) -> Option<(&Piece, usize)> {
        let after = self.pieces.partition_point(|piece| piece.start <= offset);
        let piece = self.pieces.get(after.checked_sub(1)?)?;
        let from = usize::try_from(offset - piece.start).ok()?;
        (from < piece.bytes.len()).then_some((piece, from))
    }
}

/// How much of it does not end within a character; all of it if it is not UTF-8 there anyway.
fn whole_characters(bytes: &[u8]) -> usize {
    match bytes.utf8_chunks().last() {
        Some(last) if !last.invalid().is_empty() && bytes.len() > last.invalid().len() => {
            bytes.len() - last.invalid().len()
        }
        _ => bytes.len(),
    }
}

impl Piece {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

#[cfg(test)]
mod tests;
