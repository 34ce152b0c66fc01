//! Values as they go over the wire: JSON for every serde type, the bytes themselves for [`Bytes`].

use std::ops::Deref;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;
use crate::bindings::types::{Encoding, Payload};

/// Bytes that only sender and receiver understand, sent as they are and not as JSON.
///
/// A method may take one `Bytes` and nothing else, answer `Bytes`, or stream them. It is no serde type: inside
/// a structure, bytes are a `Vec<u8>`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<Bytes> for Vec<u8> {
    fn from(bytes: Bytes) -> Self {
        bytes.0
    }
}

/// What a method can answer and a stream can carry: every [`Serialize`], and [`Bytes`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent: it is neither `Serialize` nor `pulsing_guest::Bytes`",
    label = "what a method answers must be `Serialize`",
    note = "derive it: `#[derive(pulsing_guest::serde::Serialize)] #[serde(crate = \"pulsing_guest::serde\")]`"
)]
pub trait IntoPayload {
    #[doc(hidden)]
    fn into_payload(self) -> Result<Payload, Error>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize> IntoPayload for T {
    fn into_payload(self) -> Result<Payload, Error> {
        match serde_json::to_vec(&self) {
            Ok(body) => Ok(Payload { encoding: Encoding::Json, body }),
            Err(error) => Err(Error::fatal(format_args!("the answer is not JSON: {error}"))),
        }
    }
}

impl IntoPayload for Bytes {
    fn into_payload(self) -> Result<Payload, Error> {
        Ok(Payload { encoding: Encoding::Bytes, body: self.0 })
    }
}

/// What another actor's answer can be read as: every [`DeserializeOwned`], and [`Bytes`].
#[diagnostic::on_unimplemented(
    message = "an answer cannot be read as `{Self}`: it is neither `Deserialize` nor `pulsing_guest::Bytes`",
    note = "derive it: `#[derive(pulsing_guest::serde::Deserialize)] #[serde(crate = \"pulsing_guest::serde\")]`"
)]
pub trait FromPayload: Sized {
    #[doc(hidden)]
    fn from_payload(payload: Payload) -> Result<Self, String>;
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> FromPayload for T {
    fn from_payload(payload: Payload) -> Result<Self, String> {
        match payload.encoding {
            Encoding::Json => serde_json::from_slice(&payload.body).map_err(|error| error.to_string()),
            Encoding::Bytes => Err("bytes, where JSON was expected".into()),
        }
    }
}

impl FromPayload for Bytes {
    fn from_payload(payload: Payload) -> Result<Self, String> {
        Ok(Self(payload.body))
    }
}
