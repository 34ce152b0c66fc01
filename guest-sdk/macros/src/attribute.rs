//! The markers that a method of an actor may carry: `#[tell]`, `#[stream]`, `#[start]`, `#[stop]`, `#[skip]`.

use syn::{Attribute, Error, Meta, Result};

/// What a marker makes of its method.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marker {
    /// Answers nothing.
    Tell,
    /// Answers a stream.
    Stream {
        /// Starts after `Call::resume_after` by itself.
        resumes: bool,
    },
    /// Makes the first state.
    Start,
    /// Is the last thing that runs.
    Stop,
    /// Is not a method of the actor.
    Skip,
}

/// Takes the marker out of a method's attributes.
pub(crate) fn take_marker(attributes: &mut Vec<Attribute>) -> Result<Option<(Marker, Attribute)>> {
    let mut found = None;
    let mut problem = None;
    attributes.retain(|attribute| match marker(attribute) {
        None => true,
        Some(marker) => {
            let next = marker.map(|marker| (marker, attribute.clone()));
            match (next, &found) {
                (Ok(next), None) => found = Some(next),
                (Ok(_), Some(_)) => problem = Some(error(attribute, "a method has at most one of `#[tell]`, `#[stream]`, `#[start]`, `#[stop]` and `#[skip]`")),
                (Err(error), _) => problem = Some(error),
            }
            false
        }
    });
    problem.map_or(Ok(found), Err)
}

fn error(attribute: &Attribute, message: &str) -> Error {
    Error::new_spanned(attribute, message)
}

fn marker(attribute: &Attribute) -> Option<Result<Marker>> {
    let marker = match attribute.path().get_ident()?.to_string().as_str() {
        "tell" => Marker::Tell,
        "stream" => return Some(stream(attribute)),
        "start" => Marker::Start,
        "stop" => Marker::Stop,
        "skip" => Marker::Skip,
        _ => return None,
    };
    Some(match &attribute.meta {
        Meta::Path(_) => Ok(marker),
        _ => Err(error(attribute, "this marker takes no options")),
    })
}

fn stream(attribute: &Attribute) -> Result<Marker> {
    let mut resumes = false;
    if !matches!(attribute.meta, Meta::Path(_)) {
        attribute.parse_nested_meta(|option| {
            if !option.path.is_ident("resumes") {
                return Err(option.error("the one option of `#[stream]` is `resumes`"));
            }
            resumes = true;
            Ok(())
        })?;
    }
    Ok(Marker::Stream { resumes })
}
