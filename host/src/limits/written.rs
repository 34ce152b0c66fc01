//! Times and sizes as people write them, in configuration files and on command lines. A number is seconds, or bytes.

use std::fmt;
use std::time::Duration;

use bytesize::ByteSize;
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// Reads a time: a number with a unit, such as `30s` or `5min 30s`, or a number alone, of seconds.
///
/// # Errors
///
/// What is wrong with it, in words that follow the text.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    match text.parse() {
        Ok(seconds) if is_number => of_seconds(seconds),
        _ => humantime::parse_duration(text)
            .map_err(|error| format!("{error}; a time is such as 100ms, 30s, 5min, or a number of seconds")),
    }
}

/// The same, but for nothing: for what could never be done in no time.
///
/// # Errors
///
/// As of [`time`], and for none.
pub(crate) fn some_time(text: &str) -> Result<Duration, String> {
    time(text).and_then(some)
}

/// Reads a size that is not zero, such as `64MiB`, or a number of bytes.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn some_size(text: &str) -> Result<ByteSize, String> {
    text.parse().and_then(some_bytes)
}

fn of_seconds(seconds: f64) -> Result<Duration, String> {
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn some(time: Duration) -> Result<Duration, String> {
    if time.is_zero() { Err("it must be longer than 0 s".to_owned()) } else { Ok(time) }
}

fn some_bytes(size: ByteSize) -> Result<ByteSize, String> {
    if size.as_u64() == 0 { Err("it must be more than 0 bytes".to_owned()) } else { Ok(size) }
}

/// For serde: a time.
pub(crate) fn de_time<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    from.deserialize_any(TimeVisitor)
}

/// For serde: a time, where there may be none.
pub(crate) fn de_maybe_time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    de_time(from).map(Some)
}

/// For serde: a time that is not none.
pub(crate) fn de_some_time<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    de_time(from).and_then(|time| some(time).map_err(D::Error::custom))
}

/// For serde: the same, where there may be no key.
pub(crate) fn de_maybe_some_time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    de_some_time(from).map(Some)
}

/// For serde: a size that is not zero.
pub(crate) fn de_some_size<'de, D: Deserializer<'de>>(from: D) -> Result<ByteSize, D::Error> {
    some_bytes(ByteSize::deserialize(from)?).map_err(D::Error::custom)
}

/// For serde: the same, where there may be no key.
pub(crate) fn de_maybe_some_size<'de, D: Deserializer<'de>>(from: D) -> Result<Option<ByteSize>, D::Error> {
    de_some_size(from).map(Some)
}

struct TimeVisitor;

impl Visitor<'_> for TimeVisitor {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time, such as \"30s\" or 30, a number of seconds")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        time(text).map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<Duration, E> {
        Ok(Duration::from_secs(seconds))
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<Duration, E> {
        let seconds = u64::try_from(seconds).map_err(|_negative| E::custom("a time is not below 0"))?;
        self.visit_u64(seconds)
    }

    fn visit_f64<E: Error>(self, seconds: f64) -> Result<Duration, E> {
        of_seconds(seconds).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit_or_is_a_number_of_seconds() {
        for (text, millis) in [
            ("100ms", 100),
            ("1min 30s", 90_000),
            ("5", 5000),
            ("0.2", 200),
            (".5", 500),
            ("0", 0),
            ("0s", 0),
        ] {
            assert_eq!(time(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for bad in
            ["", "soon", "-1", "5 bananas", "1e3", "NaN", "inf", ".", "1.2.3", "99999999999999999999999"]
        {
            assert!(time(bad).is_err(), "{bad}");
        }
        assert_eq!(some_time("0"), Err("it must be longer than 0 s".to_owned()));
        assert_eq!(some_time("0ms"), Err("it must be longer than 0 s".to_owned()));
    }

    #[test]
    fn a_size_that_is_to_hold_something_is_not_zero() {
        assert_eq!(some_size("64MiB"), Ok(ByteSize::mib(64)));
        assert_eq!(some_size("1"), Ok(ByteSize::b(1)));
        assert_eq!(some_size("0MiB"), Err("it must be more than 0 bytes".to_owned()));
        assert!(some_size("much").is_err());
    }
}
