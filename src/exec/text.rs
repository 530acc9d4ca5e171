//! Output as text, where a character split over two chunks stays whole.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;

use super::{ExecEvent, ExecStream};
use crate::error::Error;

/// The events of an [`ExecStream`] with their output as text; see [`ExecStream::text`].
#[derive(Debug)]
#[must_use = "a stream does nothing until it is polled"]
pub struct ExecTextStream {
    inner: ExecStream,
    stdout: Utf8,
    stderr: Utf8,
    ready: VecDeque<Result<ExecEvent<String>, Error>>,
}

impl ExecTextStream {
    pub(super) fn new(inner: ExecStream) -> Self {
        Self { inner, stdout: Utf8::default(), stderr: Utf8::default(), ready: VecDeque::new() }
    }

    fn push(&mut self, event: ExecEvent<String>) {
        match &event {
            ExecEvent::Stdout(text) | ExecEvent::Stderr(text) if text.is_empty() => {}
            _ => self.ready.push_back(Ok(event)),
        }
    }

    /// What is left of a split character will not be completed.
    fn flush(&mut self) {
        let stdout = self.stdout.finish();
        self.push(ExecEvent::Stdout(stdout));
        let stderr = self.stderr.finish();
        self.push(ExecEvent::Stderr(stderr));
    }
}

impl Stream for ExecTextStream {
    type Item = Result<ExecEvent<String>, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(item) = this.ready.pop_front() {
                return Poll::Ready(Some(item));
            }
            match ready!(Pin::new(&mut this.inner).poll_next(cx)) {
                Some(Ok(ExecEvent::Stdout(bytes))) => {
                    let text = this.stdout.push(bytes);
                    this.push(ExecEvent::Stdout(text));
                }
                Some(Ok(ExecEvent::Stderr(bytes))) => {
                    let text = this.stderr.push(bytes);
                    this.push(ExecEvent::Stderr(text));
                }
                Some(Ok(ExecEvent::Started { pid })) => this.push(ExecEvent::Started { pid }),
                Some(Ok(ExecEvent::Exited { exit_code, duration })) => {
                    this.flush();
                    this.push(ExecEvent::Exited { exit_code, duration });
                }
                Some(Err(error)) => {
                    this.flush();
                    this.ready.push_back(Err(error));
                }
                None => return Poll::Ready(None),
            }
        }
    }
}

/// Decodes UTF-8 that comes in pieces. Holds back at most three bytes.
#[derive(Debug, Default)]
struct Utf8 {
    held: Vec<u8>,
}

impl Utf8 {
    fn push(&mut self, bytes: Vec<u8>) -> String {
        let mut bytes = if self.held.is_empty() {
            bytes
        } else {
            let mut joined = std::mem::take(&mut self.held);
            joined.extend_from_slice(&bytes);
            joined
        };
        let whole = bytes.len() - incomplete_tail(&bytes);
        self.held = bytes.split_off(whole);
        super::lossy(bytes)
    }

    fn finish(&mut self) -> String {
        super::lossy(std::mem::take(&mut self.held))
    }
}

/// How many bytes at the end begin a character that more bytes could complete.
fn incomplete_tail(bytes: &[u8]) -> usize {
    let start = bytes.len().saturating_sub(3);
    let lead = bytes[start..].iter().rposition(|byte| byte & 0b1100_0000 != 0b1000_0000);
    let Some(lead) = lead else {
        return 0;
    };
    match std::str::from_utf8(&bytes[start + lead..]) {
        Err(error) if error.valid_up_to() == 0 && error.error_len().is_none() => {
            bytes.len() - start - lead
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Utf8;

    fn decode(bytes: &[u8], cuts: &[prop::sample::Index]) -> String {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let mut decoder = Utf8::default();
        let mut text = String::new();
        let mut from = 0;
        for cut in cuts {
            text += &decoder.push(bytes[from..cut].to_vec());
            from = cut;
        }
        text += &decoder.push(bytes[from..].to_vec());
        text + &decoder.finish()
    }

    proptest! {
        #[test]
        fn any_cut_of_a_text_gives_the_text(text: String, cuts: Vec<prop::sample::Index>) {
            prop_assert_eq!(decode(text.as_bytes(), &cuts), text);
        }

        #[test]
        fn any_cut_of_any_bytes_gives_what_the_whole_gives(
            bytes: Vec<u8>,
            cuts: Vec<prop::sample::Index>,
        ) {
            prop_assert_eq!(decode(&bytes, &cuts), String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn a_split_character_comes_whole() {
        let mut decoder = Utf8::default();
        assert_eq!(decoder.push(vec![b'a', 0xe2, 0x82]), "a");
        assert_eq!(decoder.push(vec![0xac, b'b']), "€b");
        assert_eq!(decoder.push(vec![0xf0, 0x9f]), "");
        assert_eq!(decoder.finish(), "\u{fffd}");
    }
}
