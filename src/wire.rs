//! Types that the generated code uses where JSON has no better ones.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::GeneralPurposeConfig;
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::Error;

// Missing padding is accepted, never sent.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
static ENGINE: LazyLock<base64::engine::Simd> =
    LazyLock::new(|| base64::engine::Simd::standard(LENIENT));

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
static ENGINE: LazyLock<base64::engine::GeneralPurpose> =
    LazyLock::new(|| base64::engine::GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT));

/// Bytes that travel as standard base64.
///
/// Decoded while the JSON string is read, without a copy of the text.
#[derive(Clone, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "it is bytes and nothing else")]
pub struct Base64(pub Vec<u8>);

impl fmt::Debug for Base64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Base64({} bytes)", self.0.len())
    }
}

impl From<Vec<u8>> for Base64 {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&ENGINE.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Base64;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a base64 string")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Base64, E> {
                let bytes = ENGINE
                    .decode(text)
                    .map_err(|error| E::custom(format_args!("not base64: {error}")))?;
                Ok(Base64(bytes))
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

/// The list filter: each entry travels as a query parameter `metadata[KEY]=VALUE`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
#[allow(clippy::exhaustive_structs, reason = "it is a map and nothing else")]
pub struct MetadataQuery(pub BTreeMap<String, String>);

impl Serialize for MetadataQuery {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(&format!("metadata[{key}]"), value)?;
        }
        map.end()
    }
}

/// A duration as the API counts them, rounded up so that nothing is cut short.
pub(crate) fn whole_seconds(duration: Duration) -> Result<i64, Error> {
    let seconds = duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0));
    match i64::try_from(seconds) {
        Ok(0) => Err(Error::invalid_input("the timeout is zero; it must be at least 1 s")),
        Ok(seconds) => Ok(seconds),
        Err(_) => Err(Error::invalid_input("the timeout is longer than the API can express")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_survive(bytes: Vec<u8>) {
            let json = serde_json::to_string(&Base64::from(bytes.clone())).expect("a string");
            let back: Base64 = serde_json::from_str(&json).expect("base64");
            prop_assert_eq!(back.0, bytes);
        }
    }

    #[test]
    fn missing_padding_is_accepted_and_rubbish_is_not() {
        assert_eq!(serde_json::from_str::<Base64>("\"NA\"").expect("lenient").0, b"4");
        assert_eq!(serde_json::from_str::<Base64>("\"NA==\"").expect("strict").0, b"4");
        for bad in ["\"N\"", "\"N*==\"", "\"NA-_\"", "4"] {
            assert!(serde_json::from_str::<Base64>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn debug_shows_no_content() {
        assert_eq!(format!("{:?}", Base64::from(vec![1, 2, 3])), "Base64(3 bytes)");
    }

    #[test]
    fn seconds_are_rounded_up_and_zero_is_refused() {
        assert_eq!(whole_seconds(Duration::from_millis(1)).expect("1 s"), 1);
        assert_eq!(whole_seconds(Duration::from_millis(1500)).expect("2 s"), 2);
        assert_eq!(whole_seconds(Duration::from_secs(60)).expect("60 s"), 60);
        assert!(whole_seconds(Duration::ZERO).is_err());
        assert!(whole_seconds(Duration::MAX).is_err());
    }
}
