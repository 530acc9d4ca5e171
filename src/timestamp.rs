//! Moments as the API writes them.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, NaiveDateTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A moment in UTC, with nanoseconds.
///
/// Prints and parses as RFC 3339 (`2026-01-31T09:30:00.25Z`), and converts from and to
/// [`SystemTime`]. On the wire a `Z` and an offset are both read; a time with neither is taken
/// for UTC, and a number for Unix seconds.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(DateTime<Utc>);

impl Timestamp {
    /// Seconds since 1970-01-01T00:00:00Z, negative before it.
    pub fn unix_seconds(&self) -> i64 {
        self.0.timestamp()
    }

    /// From Unix seconds as a number of JSON, whose precision ends about at the microsecond.
    pub(crate) fn from_unix(seconds: f64) -> Option<Self> {
        const FARTHEST: f64 = 1e18;
        let micros = (seconds * 1e6).round();
        // What is not a number fails the comparison too.
        if micros.abs() < FARTHEST {
            DateTime::from_timestamp_micros(micros as i64).map(Self)
        } else {
            None
        }
    }

    /// How long from `earlier` until this moment; `None` if `earlier` is the later one.
    pub fn duration_since(&self, earlier: Timestamp) -> Option<Duration> {
        self.0.signed_duration_since(earlier.0).to_std().ok()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is no ISO 8601 date and time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a date and time such as 2026-01-31T09:30:00Z")]
pub struct ParseTimestampError(String);

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self(time.to_utc()));
        }
        // Offsets as some databases write them: `+00`, `+0000`.
        for format in ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z"] {
            if let Ok(time) = DateTime::parse_from_str(text, format) {
                return Ok(Self(time.to_utc()));
            }
        }
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
            .map(|time| Self(time.and_utc()))
            .ok_or_else(|| ParseTimestampError(text.to_owned()))
    }
}

/// A time beyond what a `Timestamp` can hold, some 262000 years from now, becomes the nearest that
/// it can.
impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let moved = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => TimeDelta::from_std(after)
                .ok()
                .and_then(|after| DateTime::UNIX_EPOCH.checked_add_signed(after))
                .unwrap_or(DateTime::<Utc>::MAX_UTC),
            Err(before) => TimeDelta::from_std(before.duration())
                .ok()
                .and_then(|before| DateTime::UNIX_EPOCH.checked_sub_signed(before))
                .unwrap_or(DateTime::<Utc>::MIN_UTC),
        };
        Self(moved)
    }
}

impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> Self {
        time.0.into()
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Timestamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an ISO 8601 date and time, or Unix seconds")
            }

            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Timestamp, E> {
                let time = DateTime::from_timestamp(seconds, 0);
                time.map(Timestamp).ok_or_else(|| E::custom(format!("{seconds} is no Unix time")))
            }

            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Timestamp, E> {
                self.visit_i64(i64::try_from(seconds).unwrap_or(i64::MAX))
            }

            fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Timestamp, E> {
                let time = Timestamp::from_unix(seconds);
                time.ok_or_else(|| E::custom(format!("{seconds} is no Unix time")))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                text.parse().map_err(E::custom)
            }
        }

        if deserializer.is_human_readable() {
            deserializer.deserialize_any(Visitor)
        } else {
            deserializer.deserialize_str(Visitor)
        }
    }
}

#[cfg(feature = "schemars")]
impl schemars::JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "format": "date-time"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_one_moment_is_the_same_moment() {
        let expected = SystemTime::UNIX_EPOCH + Duration::from_millis(1_769_851_800_250);
        for text in [
            "2026-01-31T09:30:00.25Z",
            "2026-01-31T09:30:00.250000+00:00",
            "2026-01-31T10:30:00.25+01:00",
            "2026-01-31T09:30:00.250",
            "2026-01-31T09:30:00.25+0000",
            "2026-01-31 10:30:00.25+01",
            "2026-01-31 10:30:00.25+01:00",
            "2026-01-31 09:30:00.25",
        ] {
            let parsed: Timestamp = text.parse().expect(text);
            assert_eq!(SystemTime::from(parsed), expected, "{text}");
        }
    }

    #[test]
    fn numbers_are_unix_seconds() {
        let read = |json: &str| serde_json::from_str::<Timestamp>(json);
        let time: Timestamp = "2026-01-31T09:30:00.25Z".parse().expect("a time");
        assert_eq!(read("1769851800.25").expect("a time"), time);
        assert_eq!(read("1769851800").expect("a time").unix_seconds(), 1_769_851_800);
        assert_eq!(read("-1").expect("a time").to_string(), "1969-12-31T23:59:59Z");
        let precise = read("1769851800.123456").expect("a time");
        assert_eq!(precise.to_string(), "2026-01-31T09:30:00.123456Z");
        for json in ["1e300", "-1e300", "9223372036854775807", "18446744073709551615", "true"] {
            read(json).expect_err(json);
        }
    }

    #[test]
    #[cfg(unix)]
    fn system_times_beyond_every_calendar_are_the_nearest_moment() {
        let far = Duration::from_secs(i64::MAX as u64);
        let (least, most) = (SystemTime::UNIX_EPOCH - far, SystemTime::UNIX_EPOCH + far);
        let now = Timestamp::from(SystemTime::UNIX_EPOCH);
        assert!(Timestamp::from(least) < now && now < Timestamp::from(most));
        let before = SystemTime::UNIX_EPOCH - Duration::from_millis(1500);
        assert_eq!(SystemTime::from(Timestamp::from(before)), before);
    }

    #[test]
    fn what_is_no_time_is_refused_by_name() {
        for text in ["", "yesterday", "2026-13-01T00:00:00Z", "1769851800"] {
            let error = text.parse::<Timestamp>().expect_err(text);
            assert!(error.to_string().contains(text));
        }
    }

    #[test]
    fn text_survives_a_round_trip() {
        let time: Timestamp = "2026-01-31T09:30:00.250Z".parse().expect("a time");
        assert_eq!(time.to_string(), "2026-01-31T09:30:00.250Z");
        let json = serde_json::to_string(&time).expect("a string");
        assert_eq!(serde_json::from_str::<Timestamp>(&json).expect("a time"), time);
    }
}
