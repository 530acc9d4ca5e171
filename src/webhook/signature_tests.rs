//! Signatures, against values that openssl and Python made.

use proptest::prelude::*;

use super::*;

const SECRET: &str = "whsec_4f1a9c0be27d4c55";
const BODY: &[u8] = br#"{"event":"sandbox.created"}"#;
const SIGNATURE: &str = "sha256=a4b2aeb2c79d424584181cf3743f8fb435f06c5885e7c88c5ca54f3f9ee14934";

/// As a server would, to have more than the known answers.
fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(body);
    let tag = mac.finalize().into_bytes();
    tag.iter().fold("sha256=".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

#[test]
fn known_answers() {
    let every_byte: Vec<u8> = (0..=255).collect();
    let long_key = "k".repeat(100);
    for (secret, body, hex) in [
        (SECRET, BODY, &SIGNATURE[7..]),
        (SECRET, b"", "1f16b2c5b51ed0c10b414ebbd31e09bfff5513c501b55860ea6828c3c0c2c2f4"),
        (SECRET, &every_byte, "8a71fd1b26b0a4460ee7d9fcc18e9c500686404a3a4fb98dc97627f9742225f3"),
        (
            "ключ",
            "ä€😀".as_bytes(),
            "317e95c922c69a3ce444e9ec8e402975c494516350a084722d2e111ef748a2fa",
        ),
        (
            &long_key,
            b"long key",
            "5903eedefe0bba3f15b658715e41d71f1848739bddf19e497e968df5723dcd56",
        ),
    ] {
        let signature = format!("sha256={hex}");
        assert!(verify_webhook_signature(secret, body, signature.as_str()), "{signature}");
        assert!(!verify_webhook_signature("whsec_other", body, signature.as_str()));
        assert_eq!(sign(secret, body), signature);
    }
}

#[test]
fn a_secret_and_a_header_in_every_form() {
    let secret = Secret::new(SECRET);
    assert!(verify_webhook_signature(&secret, BODY, SIGNATURE));
    assert!(verify_webhook_signature(SECRET.to_owned(), BODY, Some(SIGNATURE)));
    assert!(verify_webhook_signature(secret, BODY, Some(SIGNATURE)));
}

#[test]
fn any_other_header_is_false() {
    let hex = &SIGNATURE[7..];
    let upper = hex.to_ascii_uppercase();
    let spoilt = |at: usize, with: &str| {
        let mut text = hex.to_owned();
        text.replace_range(at..=at, with);
        format!("sha256={text}")
    };
    for bad in [
        String::new(),
        "sha256=".into(),
        hex.into(),
        format!("sha256={upper}"),
        format!("SHA256={hex}"),
        format!("sha512={hex}"),
        format!("sha256:{hex}"),
        format!("sha256 = {hex}"),
        format!("sha256={}", &hex[1..]),
        format!("sha256={}", &hex[2..]),
        format!("sha256={hex}0"),
        format!("sha256={hex}00"),
        format!("sha256={hex},sha256={hex}"),
        format!(" sha256={hex}"),
        format!("sha256={hex} "),
        format!("sha256={hex}\n"),
        format!("sha256= {}", &hex[1..]),
        format!("sha256=0x{}", &hex[2..]),
        spoilt(0, "g"),
        spoilt(63, "/"),
        spoilt(31, ":"),
        spoilt(31, "`"),
        spoilt(10, "é"),
        spoilt(10, "\0"),
        "sha256=".to_owned() + &"é".repeat(32),
        "sha256=".to_owned() + &"0".repeat(64),
    ] {
        assert!(!verify_webhook_signature(SECRET, BODY, bad.as_str()), "{bad:?}");
    }
    assert!(!verify_webhook_signature(SECRET, BODY, None));
}

#[test]
fn under_no_secret_nothing_is_verified() {
    for secret in ["", " ", "\n", "\0", "\0\0 \t"] {
        let signature = sign(secret, BODY);
        assert!(!verify_webhook_signature(secret, BODY, signature.as_str()), "{secret:?}");
    }
    // White space around a secret is part of it: the header is then another.
    assert!(!verify_webhook_signature(format!("{SECRET}\n"), BODY, SIGNATURE));
}

/// `bytes` with one bit turned over, wherever that is.
fn flipped(bytes: &[u8], bit: prop::sample::Index) -> Vec<u8> {
    let bit = bit.index(bytes.len() * 8);
    let mut bytes = bytes.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

proptest! {
    #[test]
    fn what_is_signed_is_verified_and_one_bit_is_enough_to_fail(
        secret in "[!-~]{1,100}",
        body in prop::collection::vec(any::<u8>(), 1..300),
        bit: prop::sample::Index,
    ) {
        let signature = sign(&secret, &body);
        prop_assert!(verify_webhook_signature(&secret, &body, signature.as_str()));

        prop_assert!(!verify_webhook_signature(&secret, &flipped(&body, bit), signature.as_str()));
        let other = flipped(secret.as_bytes(), bit);
        if let Ok(other) = String::from_utf8(other) {
            prop_assert!(!verify_webhook_signature(other, &body, signature.as_str()));
        }
        let other = flipped(signature.as_bytes(), bit);
        if let Ok(other) = str::from_utf8(&other) {
            prop_assert!(!verify_webhook_signature(&secret, &body, other));
        }
        prop_assert!(tag(&other).is_none_or(|tag| !is_signed(&secret.into(), &body, &tag)));
    }

    #[test]
    fn a_header_is_read_if_it_is_the_one_form_and_never_panics(header: Vec<u8>, tail in "[0-9a-f]{60,68}") {
        prop_assert_eq!(tag(&header), None);
        let header = format!("sha256={tail}");
        prop_assert_eq!(tag(header.as_bytes()).is_some(), tail.len() == 64);
    }
}
