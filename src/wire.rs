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
                let decoded = ENGINE.decode(text).or_else(|error| {
                    // Some encoders break lines; only a failed try pays for the search.
                    if !text.contains(['\r', '\n']) {
                        return Err(error);
                    }
                    ENGINE.decode(text.replace(['\r', '\n'], ""))
                });
                decoded.map(Base64).map_err(|error| E::custom(format_args!("not base64: {error}")))
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

/// A whole number that some servers write with a fraction (`18.0`, `18.4`): it is rounded.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
#[allow(clippy::exhaustive_structs, reason = "it is a number and nothing else")]
pub struct Integer(pub i64);

impl fmt::Debug for Integer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Integer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl From<i64> for Integer {
    fn from(number: i64) -> Self {
        Self(number)
    }
}

impl From<u32> for Integer {
    fn from(number: u32) -> Self {
        Self(number.into())
    }
}

impl From<Integer> for i64 {
    fn from(number: Integer) -> Self {
        number.0
    }
}

impl Integer {
    /// The number as a count or a size; a negative one is none.
    pub(crate) fn unsigned(self) -> Option<u64> {
        self.0.try_into().ok()
    }
}

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Integer;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Integer, E> {
                Ok(Integer(number))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Integer, E> {
                number.try_into().map(Integer).map_err(|_| E::custom("the number is too large"))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Integer, E> {
                // Beyond this a float no longer knows its ones.
                const EXACT: f64 = 9_007_199_254_740_992.0;
                if number.abs() <= EXACT {
                    Ok(Integer(number.round() as i64))
                } else {
                    Err(E::custom("the number is too large"))
                }
            }
        }

        deserializer.deserialize_any(Visitor)
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
pub(crate) fn whole_seconds(duration: Duration) -> Result<Integer, Error> {
    let seconds = duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0));
    match i64::try_from(seconds) {
        Ok(0) => Err(Error::invalid_input("the timeout is zero; it must be at least 1 s")),
        Ok(seconds) => Ok(Integer(seconds)),
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
    fn whole_numbers_may_come_as_floats() {
        for (json, number) in [("18", 18), ("18.0", 18), ("18.4", 18), ("-3", -3), ("1e3", 1000)] {
            assert_eq!(serde_json::from_str::<Integer>(json).expect(json).0, number);
        }
        for bad in ["\"18\"", "1e300", "18446744073709551615", "true", "[]"] {
            assert!(serde_json::from_str::<Integer>(bad).is_err(), "{bad}");
        }
        assert_eq!(serde_json::to_string(&Integer(18)).expect("a number"), "18");
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
    fn line_ends_in_base64_are_passed_over() {
        let broken = r#""AAEC\r\nAwQ=\n""#;
        let read = serde_json::from_str::<Base64>(broken).expect("line ends are no content");
        assert_eq!(read.0, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn debug_shows_no_content() {
        assert_eq!(format!("{:?}", Base64::from(vec![1, 2, 3])), "Base64(3 bytes)");
    }

    #[test]
    fn seconds_are_rounded_up_and_zero_is_refused() {
        assert_eq!(whole_seconds(Duration::from_millis(1)).expect("1 s").0, 1);
        assert_eq!(whole_seconds(Duration::from_millis(1500)).expect("2 s").0, 2);
        assert_eq!(whole_seconds(Duration::from_secs(60)).expect("60 s").0, 60);
        assert!(whole_seconds(Duration::ZERO).is_err());
        assert!(whole_seconds(Duration::MAX).is_err());
    }
}
