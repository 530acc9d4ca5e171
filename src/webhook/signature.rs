//! The signature of a delivery.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::Secret;

const PREFIX: &[u8] = b"sha256=";

/// Whether a delivery was signed under `secret`: whether `signature`, its header
/// `X-Orkestr-Signature`, is the HMAC-SHA256 of `body`. Compares in constant time.
///
/// `body` must be the raw bytes as they came; JSON that was parsed and written again is another
/// body. `secret` is the whole text that [`Webhook::secret`](crate::Webhook::secret) told,
/// `whsec_` included. It needs neither a client nor a runtime.
/// [`WebhookEvent::verify`](crate::WebhookEvent::verify) does this and reads the event.
///
/// The header must be `sha256=` and 64 lowercase hex digits, to the letter, as the contract has it:
/// anything else is false, as is a missing header, and an empty secret, under which anybody could
/// sign.
///
/// ```
/// use orkestr::verify_webhook_signature;
///
/// let secret = "whsec_4f1a9c0be27d4c55";
/// let body = br#"{"event":"sandbox.created"}"#;
/// let signature = "sha256=a4b2aeb2c79d424584181cf3743f8fb435f06c5885e7c88c5ca54f3f9ee14934";
/// assert!(verify_webhook_signature(secret, body, signature));
/// assert!(!verify_webhook_signature(secret, b"{}", signature));
/// assert!(!verify_webhook_signature(secret, body, None));
/// ```
#[must_use = "an unverified delivery may come from anybody"]
pub fn verify_webhook_signature<'a>(
    secret: impl Into<Secret>,
    body: &[u8],
    signature: impl Into<Option<&'a str>>,
) -> bool {
    let (secret, signature) = (secret.into(), signature.into());
    let tag = signature.and_then(|text| tag(text.as_bytes()));
    tag.is_some_and(|tag| is_signed(&secret, body, &tag))
}

/// The bytes that a header stands for, if it has the one form that headers have. Every digit is
/// looked at, whatever the others are.
pub(super) fn tag(header: &[u8]) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = header.strip_prefix(PREFIX)?.try_into().ok()?;
    let mut tag = [0; 32];
    let mut wrong = 0;
    for (byte, pair) in tag.iter_mut().zip(digits.chunks_exact(2)) {
        let (high, low) = (nibble(pair[0]), nibble(pair[1]));
        wrong |= (high | low) & 0x10;
        *byte = high << 4 | (low & 0xf);
    }
    (wrong == 0).then_some(tag)
}

/// The value of a lowercase hex digit; 16 for anything else.
fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => 0x10,
    }
}

pub(super) fn is_signed(secret: &Secret, body: &[u8], tag: &[u8; 32]) -> bool {
    let secret = secret.expose();
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return false };
    mac.update(body);
    let is_right = mac.verify_slice(tag).is_ok();
    is_right && !is_blank(secret)
}

/// What an unset variable or an empty file gives.
pub(super) fn is_blank(secret: &str) -> bool {
    secret.trim_matches(|c: char| c.is_whitespace() || c == '\0').is_empty()
}

#[cfg(test)]
#[path = "signature_tests.rs"]
mod tests;
