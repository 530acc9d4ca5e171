//! The output of a background command: the newest of it, addressed by its absolute bytes.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::run::Output;

/// What one piece grows to, and so the longest chunk that a follower gets.
const PIECE: usize = 32 * 1024;

/// What a piece costs beside its bytes, roughly: many tiny ones must not escape the bound.
const OVERHEAD: usize = 64;

/// Output that is being written by one and read by many.
#[derive(Debug)]
pub(crate) struct Log {
    most: usize,
    kept: Mutex<Kept>,
    grown: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Kept {
    pieces: VecDeque<Piece>,
    /// Bytes and overhead of all pieces.
    cost: usize,
    /// How much was ever written.
    end: u64,
    closed: bool,
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
        Self { most, kept: Mutex::default(), grown: watch::Sender::new(()) }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn append(&self, output: &Output) {
        let (is_stdout, bytes) = match output {
            Output::Stdout(bytes) => (true, bytes),
            Output::Stderr(bytes) => (false, bytes),
        };
        if !bytes.is_empty() {
            self.kept().append(is_stdout, bytes, self.most);
            self.grown.send_replace(());
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

    /// All that is kept from `offset` on, whether something before it is missing, and the size of
    /// all that was ever written.
    pub(crate) fn page(&self, offset: u64) -> (Vec<u8>, bool, u64) {
        let kept = self.kept();
        let truncated = offset < kept.start();
        let mut at = offset.max(kept.start());
        let mut bytes = Vec::new();
        while let Some((piece, from)) = kept.piece(at) {
            bytes.extend_from_slice(&piece.bytes[from..]);
            at = piece.end();
        }
        (bytes, truncated, kept.end)
    }

    /// Wakes whenever there may be more. Subscribe before looking.
    pub(crate) fn growth(&self) -> watch::Receiver<()> {
        self.grown.subscribe()
    }
}

impl Kept {
    fn start(&self) -> u64 {
        self.pieces.front().map_or(self.end, |piece| piece.start)
    }

    fn append(&mut self, is_stdout: bool, mut bytes: &[u8], most: usize) {
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
        while self.cost > most
            && let Some(piece) = self.pieces.pop_front()
        {
            self.cost -= piece.bytes.len() + OVERHEAD;
        }
    }

    /// The piece that has the byte at `offset`, and where in it.
    fn piece(&self, offset: u64) -> Option<(&Piece, usize)> {
        let after = self.pieces.partition_point(|piece| piece.start <= offset);
        let piece = self.pieces.get(after.checked_sub(1)?)?;
        let from = usize::try_from(offset - piece.start).ok()?;
        (from < piece.bytes.len()).then_some((piece, from))
    }
}

impl Piece {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(log: &Log, mut offset: u64) -> (Vec<u8>, Vec<bool>) {
        let (mut all, mut streams) = (Vec::new(), Vec::new());
        while let Found::Output(output) = log.at(offset) {
            let (is_stdout, bytes) = match output {
                Output::Stdout(bytes) => (true, bytes),
                Output::Stderr(bytes) => (false, bytes),
            };
            offset += bytes.len() as u64;
            all.extend(bytes);
            streams.push(is_stdout);
        }
        (all, streams)
    }

    #[test]
    fn every_offset_gives_the_rest_in_the_order_of_writing() {
        let log = Log::new(1 << 20);
        let mut whole = Vec::new();
        for n in 0..200_usize {
            let bytes: Vec<u8> = (0..n * 7).map(|at| (at * n) as u8).collect();
            whole.extend_from_slice(&bytes);
            log.append(&if n % 3 == 0 { Output::Stderr(bytes) } else { Output::Stdout(bytes) });
        }
        for offset in (0..=whole.len()).step_by(997).chain([whole.len()]) {
            assert_eq!(read(&log, offset as u64).0, whole[offset..]);
            let page = log.page(offset as u64);
            assert_eq!(page, (whole[offset..].to_vec(), false, whole.len() as u64));
        }
        assert!(matches!(log.at(whole.len() as u64), Found::NotYet));
        log.close();
        assert!(matches!(log.at(whole.len() as u64), Found::End));
        assert!(matches!(log.at(u64::MAX), Found::End));
    }

    #[test]
    fn pieces_of_one_stream_grow_together_and_the_streams_stay_apart() {
        let log = Log::new(1 << 20);
        for text in ["a", "b"] {
            log.append(&Output::Stdout(text.into()));
        }
        log.append(&Output::Stderr(b"c".to_vec()));
        log.append(&Output::Stdout(b"d".to_vec()));
        assert_eq!(read(&log, 0), (b"abcd".to_vec(), vec![true, false, true]));
        assert_eq!(read(&log, 1), (b"bcd".to_vec(), vec![true, false, true]));
    }

    #[test]
    fn only_the_newest_is_kept_and_what_is_gone_is_said() {
        let log = Log::new(200_000);
        for n in 0..1000_u32 {
            log.append(&Output::Stdout(vec![n as u8; 1000]));
        }
        let Found::Gone { start } = log.at(0) else { panic!("the beginning is still there") };
        assert!(log.cost() <= 200_000);
        let (rest, _) = read(&log, start);
        assert_eq!(rest.len() as u64, 1_000_000 - start);
        assert!(rest.len() > 100_000, "{}", rest.len());
        let at = start as usize;
        assert_eq!(rest[0], (at / 1000) as u8);
        assert_eq!(log.page(0), (rest, true, 1_000_000));
    }

    #[test]
    fn tiny_pieces_count_for_more_than_their_bytes() {
        let log = Log::new(10_000);
        for n in 0..10_000 {
            let byte = vec![b'x'];
            log.append(&if n % 2 == 0 { Output::Stdout(byte) } else { Output::Stderr(byte) });
        }
        assert!(log.kept().pieces.len() < 200);
    }
}
