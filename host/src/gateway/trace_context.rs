//! The trace of a request, as W3C Trace Context and W3C Baggage have it, as the context of a message.
//!
//! What is malformed or too long is left out: tracing never makes a request fail. A `traceparent` is checked as its
//! recommendation asks of whoever passes it on. Of the two lists the number of members is checked, and that each is
//! `name=value`; the characters of names and values are not, nor whether a name comes twice: whoever uses a member
//! looks at it.

use axum::http::HeaderMap;

use crate::wire::Context;

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";
const BAGGAGE: &str = "baggage";
/// The headers that carry it.
pub(super) const HEADERS: [&str; 3] = [TRACEPARENT, TRACESTATE, BAGGAGE];

/// The length of a `traceparent` of version 00, and of the part of later ones that is read.
const TRACEPARENT_BYTES: usize = 55;
/// The most members of a `tracestate`.
const TRACESTATE_MEMBERS_MAX: usize = 32;
/// The most members of a `baggage`.
const BAGGAGE_MEMBERS_MAX: usize = 64;

/// The context of a message that a request brings.
pub(super) fn read(headers: &HeaderMap) -> Context {
    let mut context = Context::default();
    let mut add = |name, value: Option<String>| {
        // One that is too long for a context is left out, and the rest goes along.
        if let Some(longer) = value.and_then(|value| context.with(name, value).ok()) {
            context = longer;
        }
    };
    if let Some(parent) = parent(headers) {
        add(TRACEPARENT, Some(parent.to_owned()));
        // Means nothing without its parent.
        add(TRACESTATE, list(headers, TRACESTATE, TRACESTATE_MEMBERS_MAX));
    }
    add(BAGGAGE, list(headers, BAGGAGE, BAGGAGE_MEMBERS_MAX));
    context
}

/// The request's `traceparent`, if there is one that is well formed.
pub(super) fn parent(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let (only, more) = (values.next()?, values.next());
    only.to_str().ok().filter(|value| more.is_none() && is_parent(value))
}

/// The part of a well-formed `traceparent` that every version has: what follows is of any length.
pub(super) fn known_part(parent: &str) -> &str {
    parent.get(..TRACEPARENT_BYTES).unwrap_or(parent)
}

/// `VERSION-TRACE-PARENT-FLAGS`, in lower-case hexadecimal digits; a later version may add to it.
fn is_parent(value: &str) -> bool {
    let Some((known, more)) = value.split_at_checked(TRACEPARENT_BYTES) else { return false };
    let fields: Vec<_> = known.split('-').collect();
    let [version, trace, parent, flags] = fields.as_slice() else { return false };
    let is_hex = |field: &str, length| {
        field.len() == length
            && field.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let is_set = |field: &str| field.bytes().any(|byte| byte != b'0');
    let is_whole = more.is_empty() || (*version != "00" && more.starts_with('-'));
    is_whole
        && is_hex(version, 2)
        && *version != "ff"
        && is_hex(trace, 32)
        && is_set(trace)
        && is_hex(parent, 16)
        && is_set(parent)
        && is_hex(flags, 2)
}

/// A header whose value is a list of `name=value`, over all its lines. None where a member is malformed.
fn list(headers: &HeaderMap, name: &str, members_max: usize) -> Option<String> {
    let mut members = Vec::new();
    for line in headers.get_all(name) {
        let line = line.to_str().ok()?;
        members.extend(line.split(',').map(str::trim).filter(|member| !member.is_empty()));
    }
    let is_member =
        |member: &&str| member.split_once('=').is_some_and(|(name, _)| !name.trim_end().is_empty());
    let fits = (1..=members_max).contains(&members.len()) && members.iter().all(is_member);
    fits.then(|| members.join(","))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn context(headers: &[(&'static str, &str)]) -> Vec<(String, String)> {
        let header = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        };
        let mut map = HeaderMap::new();
        for (name, value) in headers.iter().map(header) {
            map.append(name, value);
        }
        read(&map).iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn the_headers_of_a_trace_become_a_context() {
        let headers = [
            ("traceparent", PARENT),
            ("tracestate", "congo=t61rcWkgMzE, rojo=00f0"),
            ("tracestate", "x@y=1"),
            ("baggage", "userId=alice;p=1 , serverNode=DF%2028"),
            ("other", "1"),
        ];
        let expected = [
            ("traceparent", PARENT),
            ("tracestate", "congo=t61rcWkgMzE,rojo=00f0,x@y=1"),
            ("baggage", "userId=alice;p=1,serverNode=DF%2028"),
        ];
        let context = context(&headers);
        assert_eq!(context.iter().map(|(name, value)| (&**name, &**value)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_a_later_version_adds_to_a_parent_is_no_part_of_what_is_known() {
        let later = format!("cc{}-{}", &PARENT[2..], "x".repeat(30_000));
        let headers =
            HeaderMap::from_iter([(HeaderName::from_static("traceparent"), later.parse().unwrap())]);
        assert_eq!(parent(&headers).map(known_part), Some(&later[..55]));
        assert_eq!(known_part(PARENT), PARENT);
    }

    #[test]
    fn a_malformed_parent_is_left_out_and_its_state_with_it() {
        let later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-will-be-like";
        assert_eq!(context(&[("traceparent", later)]).len(), 1);
        for bad in [
            "",
            "ä",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-001",
        ] {
            assert_eq!(context(&[("traceparent", bad), ("tracestate", "a=1")]), [], "{bad}");
        }
        assert_eq!(context(&[("traceparent", PARENT), ("traceparent", PARENT)]), []);
    }

    #[test]
    fn a_list_that_is_malformed_or_too_long_is_left_out_and_the_rest_goes_along() {
        let many = |count: usize| vec!["a=1"; count].join(",");
        let (state, baggage, long) = (many(33), many(65), format!("a={}", "x".repeat(4096)));
        for bad in ["", ",", "a", "=1", "a=1,b", "a=\u{e4}", &state] {
            assert_eq!(context(&[("traceparent", PARENT), ("tracestate", bad)]).len(), 1, "{bad}");
        }
        for bad in ["", "a", "=1", &baggage, &long] {
            let context = context(&[("traceparent", PARENT), ("baggage", bad), ("tracestate", "a=1")]);
            assert_eq!(context.len(), 2, "{bad}");
        }
    }
}
