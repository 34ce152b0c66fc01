//! An actor's own configuration, as `#[start]` takes it.

use serde::de::DeserializeOwned;

use crate::Error;
use crate::bindings::types::Payload;

/// Reads the configuration. None given reads as `null` if that fits (an `Option`, `()`), else as `{}` (a
/// structure that has a default for every field).
///
/// # Errors
///
/// A business error with code 400.
pub fn read<C: DeserializeOwned>(config: &Payload) -> Result<C, Error> {
    let read = |json: &[u8]| {
        serde_json::from_slice(json)
            .map_err(|error| Error::business(400, format_args!("configuration: {error}")))
    };
    match config.body.as_slice() {
        b"" | b"null" => read(b"null").or_else(|_| read(b"{}")),
        json => read(json),
    }
}

/// For an actor that takes no configuration: refuses one, which somebody wrote for a reason.
///
/// # Errors
///
/// A business error with code 400.
pub fn none(config: &Payload) -> Result<(), Error> {
    match config.body.as_slice() {
        b"" | b"null" | b"{}" => Ok(()),
        _ => Err(Error::business(400, "configuration: this actor takes none")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::types::Encoding;

    #[derive(serde::Deserialize, Debug, PartialEq)]
    struct Settings {
        #[serde(default = "five")]
        limit: u32,
    }

    fn five() -> u32 {
        5
    }

    fn payload(json: &str) -> Payload {
        Payload { encoding: Encoding::Json, body: json.into() }
    }

    #[test]
    fn no_configuration_is_the_default_one() {
        for json in ["", "null", "{}"] {
            assert_eq!(read(&payload(json)), Ok(Settings { limit: 5 }), "{json}");
            assert_eq!(none(&payload(json)), Ok(()), "{json}");
        }
        assert_eq!(read::<Option<u32>>(&payload("")), Ok(None));
        assert_eq!(read(&payload(r#"{"limit":9}"#)), Ok(Settings { limit: 9 }));
    }

    #[test]
    fn a_configuration_that_does_not_fit_is_refused() {
        let error = read::<Settings>(&payload(r#"{"limit":"x"}"#)).unwrap_err();
        assert!(error.to_string().starts_with("configuration: invalid type: string"), "{error}");
        assert!(none(&payload(r#"{"limit":9}"#)).is_err());
    }
}
