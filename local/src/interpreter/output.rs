//! What a run gives to whoever asked for it, in order, and within bounds.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use orkestr::api::{OutputStream, types};
use tokio::sync::mpsc;

use crate::problem::Problem;
use crate::run::SLOWEST_CLIENT;

/// Of all results of one run.
const LARGEST_RESULTS: usize = 32 * 1024 * 1024;
const MOST_RESULTS: usize = 1000;

/// What happens in a run. The last is `Done` or `Failed`.
#[derive(Debug)]
pub(crate) enum Event {
    /// Its turn has come.
    Started,
    Output(OutputStream, String),
    Result(types::CodeResult),
    Error(types::CodeError),
    Done(Summary),
    /// It did not begin, or its sandbox has ended.
    Failed(Problem),
}

/// What there is to say of a run that has ended.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) error: Option<types::CodeError>,
    pub(crate) execution_count: i64,
    pub(crate) duration: Duration,
    pub(crate) interrupted: bool,
    pub(crate) restarted: bool,
    pub(crate) truncated: BTreeSet<&'static str>,
}

/// Of what comes when a slow reader is no longer waited for.
const LONGEST_BACKLOG: usize = 4 * 1024 * 1024;

/// The server's side of a run's events. Without a reader, all is dropped and the run goes on.
#[derive(Debug)]
pub(super) struct Output {
    events: Option<mpsc::Sender<Event>>,
    waits: bool,
    backlog: VecDeque<Event>,
    backlog_bytes: usize,
    stdout: Utf8,
    stderr: Utf8,
    results: usize,
    results_bytes: usize,
    pub(super) truncated: BTreeSet<&'static str>,
}

impl Output {
    pub(super) fn new(events: mpsc::Sender<Event>) -> Self {
        Self {
            events: Some(events),
            waits: true,
            backlog: VecDeque::new(),
            backlog_bytes: 0,
            stdout: Utf8::default(),
            stderr: Utf8::default(),
            results: 0,
            results_bytes: 0,
            truncated: BTreeSet::new(),
        }
    }

    /// Until one event more can be taken: nothing is read before, so that the code waits for a
    /// slow reader as at any pipe, and nothing is lost where the waiting is given up.
    pub(super) async fn room(&mut self) {
        while let Some(events) = self.events.as_ref().filter(|_| self.waits) {
            // This is the only sender: room that is there stays there.
            let Ok(permit) = events.reserve().await else {
                self.events = None;
                return;
            };
            let Some(event) = self.backlog.pop_front() else { return };
            permit.send(event);
        }
    }

    /// From now on there is always room: the run is to end, whether its reader reads or not.
    pub(super) fn stop_waiting(&mut self) {
        self.waits = false;
    }

    fn push(&mut self, event: Event) {
        let Some(events) = self.events.as_ref().filter(|_| self.backlog.is_empty()) else {
            return self.put_by(event);
        };
        match events.try_send(event) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(event)) => self.put_by(event),
            Err(mpsc::error::TrySendError::Closed(_)) => self.events = None,
        }
    }

    fn put_by(&mut self, event: Event) {
        let (bytes, name) = match &event {
            Event::Output(OutputStream::Stderr, text) => (text.len(), "stderr"),
            Event::Output(_, text) => (text.len(), "stdout"),
            Event::Result(result) => (weight(result), "results"),
            _ => (0, ""),
        };
        if self.backlog_bytes + bytes > LONGEST_BACKLOG {
            self.truncated.insert(name);
        } else if self.events.is_some() {
            self.backlog_bytes += bytes;
            self.backlog.push_back(event);
        }
    }

    pub(super) fn bytes(&mut self, stream: OutputStream, bytes: &[u8]) {
        let decoder =
            if stream == OutputStream::Stdout { &mut self.stdout } else { &mut self.stderr };
        let text = decoder.push(bytes);
        if !text.is_empty() {
            self.push(Event::Output(stream, text));
        }
    }

    pub(super) fn result(&mut self, result: types::CodeResult) {
        self.results += 1;
        self.results_bytes += weight(&result);
        if self.results > MOST_RESULTS || self.results_bytes > LARGEST_RESULTS {
            self.truncated.insert("results");
        } else {
            self.push(Event::Result(result));
        }
    }

    pub(super) fn started(&mut self) {
        self.push(Event::Started);
    }

    pub(super) fn failed(mut self, problem: Problem) {
        self.push(Event::Failed(problem));
        self.deliver();
    }

    /// The last word: what is left of a split character will not be completed.
    pub(super) fn done(mut self, mut summary: Summary) {
        for (stream, rest) in [
            (OutputStream::Stdout, self.stdout.finish()),
            (OutputStream::Stderr, self.stderr.finish()),
        ] {
            if !rest.is_empty() {
                self.push(Event::Output(stream, rest));
            }
        }
        if let Some(error) = &summary.error {
            self.push(Event::Error(error.clone()));
        }
        summary.truncated = std::mem::take(&mut self.truncated);
        self.push(Event::Done(summary));
        self.deliver();
    }

    /// What the reader has not yet taken, apart from the context: the next run need not wait.
    fn deliver(self) {
        let Some(events) = self.events.filter(|_| !self.backlog.is_empty()) else { return };
        tokio::spawn(async move {
            for event in self.backlog {
                // A client that neither reads nor leaves is not waited for without end.
                match tokio::time::timeout(SLOWEST_CLIENT, events.send(event)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) | Err(_) => return,
                }
            }
        });
    }
}

fn weight(result: &types::CodeResult) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let png = result.png.as_ref().map_or(0, |png| png.0.len());
    let json = result.json.as_ref().map_or(0, |json| json.to_string().len());
    text(&result.text) + text(&result.html) + png + json
}

/// Bytes that come in pieces as text: a character that is split over two of them comes whole, and
/// what is not UTF-8 becomes U+FFFD.
#[derive(Debug, Default)]
struct Utf8(Vec<u8>);

impl Utf8 {
    fn push(&mut self, bytes: &[u8]) -> String {
        self.0.extend_from_slice(bytes);
        let mut whole = self.0.len();
        // The last chunk that is no text may be the beginning of a character.
        if let Some(last) = self.0.utf8_chunks().last() {
            let broken = last.invalid();
            let is_beginning = std::str::from_utf8(broken).is_err_and(|e| e.error_len().is_none());
            if is_beginning {
                whole -= broken.len();
            }
        }
        let rest = self.0.split_off(whole);
        let text = String::from_utf8_lossy(&self.0).into_owned();
        self.0 = rest;
        text
    }

    fn finish(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.0)).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Utf8;

    fn decode(pieces: &[&[u8]]) -> String {
        let mut decoder = Utf8::default();
        let mut text: String = pieces.iter().map(|piece| decoder.push(piece)).collect();
        text.push_str(&decoder.finish());
        text
    }

    proptest! {
        #[test]
        fn text_in_any_pieces_is_the_text(text: String, cut: prop::sample::Index) {
            let (left, right) = text.as_bytes().split_at(cut.index(text.len() + 1));
            prop_assert_eq!(decode(&[left, right]), text.as_str());
            let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            prop_assert_eq!(decode(&bytes), text.as_str());
        }

        #[test]
        fn any_bytes_in_any_pieces_are_as_the_whole(bytes: Vec<u8>, cut: prop::sample::Index) {
            let (left, right) = bytes.split_at(cut.index(bytes.len() + 1));
            prop_assert_eq!(decode(&[left, right]), String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn a_whole_character_is_not_held_back() {
        let mut decoder = Utf8::default();
        assert_eq!(decoder.push("é".as_bytes()), "é");
        assert_eq!(decoder.push(b"\xff"), "\u{fffd}");
        assert_eq!(decoder.push(b"\xe2\x82"), "");
        assert_eq!(decoder.push(b"\xac"), "€");
    }
}
