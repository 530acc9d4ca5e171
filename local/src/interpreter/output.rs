//! What a run gives to whoever asked for it, in order, and within bounds.

use std::collections::BTreeSet;
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

/// The server's side of a run's events. Without a reader, all is dropped and the run goes on.
#[derive(Debug)]
pub(super) struct Output {
    events: Option<mpsc::Sender<Event>>,
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
        // This is the only sender: room that is there stays there.
        if let Some(events) = &self.events
            && events.reserve().await.is_err()
        {
            self.events = None;
        }
    }

    /// As [`room`](Self::room), for what a run has left behind: a reader that neither reads nor
    /// leaves is not waited for without end.
    pub(super) async fn room_at_the_end(&mut self) {
        if tokio::time::timeout(SLOWEST_CLIENT, self.room()).await.is_err() {
            self.events = None;
        }
    }

    fn push(&mut self, event: Event) {
        if let Some(events) = &self.events
            && events.try_send(event).is_err()
        {
            self.events = None;
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

    pub(super) async fn started(&mut self) {
        self.room_at_the_end().await;
        self.push(Event::Started);
    }

    pub(super) async fn failed(mut self, problem: Problem) {
        self.room_at_the_end().await;
        self.push(Event::Failed(problem));
    }

    /// The last word: what is left of a split character will not be completed.
    pub(super) async fn done(mut self, summary: Summary) {
        for stream in [OutputStream::Stdout, OutputStream::Stderr] {
            let rest = match stream {
                OutputStream::Stdout => self.stdout.finish(),
                _ => self.stderr.finish(),
            };
            if !rest.is_empty() {
                self.room_at_the_end().await;
                self.push(Event::Output(stream, rest));
            }
        }
        if let Some(error) = &summary.error {
            self.room_at_the_end().await;
            self.push(Event::Error(error.clone()));
        }
        self.room_at_the_end().await;
        self.push(Event::Done(summary));
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
