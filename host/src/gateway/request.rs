//! From an HTTP request to a message.
//!
//! Bounds: the names' and headers' lengths here, the body by the actor's `message_max` and `BODY_TIMEOUT`, all bodies
//! for an actor that are being read by its `kept_max`, those for all by the gateway's room, the head as a whole by the
//! server.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{FromRequestParts, Path, Request};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;

use super::access::Sender;
use super::problem::Refusal;
use super::serve::room::{FREE_MAX_BYTES, Keeper, Kept, NoRoom, WAIT_MAX};
use super::{json, trace_context};
use crate::budget::{Budget, Held};
use crate::call::{WhenFull, WhenRestarting};
use crate::delivery::{ActorRef, SendOptions};
use crate::grants::Caller;
use crate::registry::Registry;
use crate::stream::NUMBER_MAX;
use crate::text::printable;
use crate::wire::{Encoding, METHOD_MAX_BYTES, Message, Payload, RuntimeError, RuntimeErrorKind};

/// How long the sender waits for the answer, in milliseconds.
pub const TIMEOUT_HEADER: &str = "pulsing-timeout-ms";
/// Names a message that may be sent twice.
pub const IDEMPOTENCY_KEY_HEADER: &str = "idempotency-key";
/// What happens to a message for an actor that is between two lives: `wait` or `reject`.
pub const WHEN_RESTARTING_HEADER: &str = "pulsing-when-restarting";
/// The number of the last item that the reader of a stream has.
pub const LAST_EVENT_ID_HEADER: &str = "last-event-id";
/// The content type of a payload of plain bytes.
pub const CONTENT_TYPE_BYTES: &str = "application/octet-stream";

/// How long a client has to send a body, from the end of the head on.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest idempotency key, in bytes.
pub(crate) const KEY_MAX_BYTES: usize = 256;
/// How much is shown of the name of a coding.
const CODING_SHOWN_MAX_CHARS: usize = 50;
/// Timeouts that can be asked for, in milliseconds: up to a day.
pub(crate) const TIMEOUT_RANGE_MS: RangeInclusive<u64> = 1..=24 * 60 * 60 * 1000;

/// The actor that the path names.
pub(super) struct Named(pub(super) ActorRef);

impl FromRequestParts<Arc<Registry>> for Named {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, registry: &Arc<Registry>) -> Result<Self, Refusal> {
        let Path(id) = Path::<String>::from_request_parts(parts, registry).await.map_err(not_text)?;
        Ok(Self(registry.get(&id)?.on_behalf_of(caller(parts))))
    }
}

/// The actor and the method that the path names.
pub(super) struct Target {
    pub(super) actor: ActorRef,
    pub(super) method: String,
}

impl FromRequestParts<Arc<Registry>> for Target {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, registry: &Arc<Registry>) -> Result<Self, Refusal> {
        let path = Path::<(String, String)>::from_request_parts(parts, registry).await;
        let Path((id, method)) = path.map_err(not_text)?;
        let actor = registry.get(&id)?.on_behalf_of(caller(parts));
        // Before anything is read for a sender who may not.
        actor.admit()?;
        if method.len() > METHOD_MAX_BYTES {
            let text = format!("a method's name has at most {METHOD_MAX_BYTES} bytes");
            return Err(Refusal::bad_request(text));
        }
        Ok(Self { actor, method })
    }
}

/// As whom a request sends messages.
fn caller(parts: &Parts) -> Caller {
    parts.extensions.get::<Sender>().map_or(Caller::Http, Sender::caller)
}

fn not_text(_: impl Display) -> Refusal {
    Refusal::bad_request("the path is no UTF-8 text")
}

impl Target {
    /// The message that `request` brings, and how it is to be sent.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops what was read of the body.
    pub(super) async fn message(&self, request: Request) -> Result<(Message, SendOptions), Refusal> {
        let (mut parts, body) = request.into_parts();
        let Ok(keeper) = Keeper::from_request_parts(&mut parts, &()).await;
        let headers = parts.headers;
        let options = send_options(&headers)?;
        let message = Message {
            method: self.method.as_str().into(),
            idempotency_key: idempotency_key(&headers)?,
            resume_after: last_event_id(&headers)?,
            context: trace_context::read(&headers),
            args: read_args(&self.actor, &headers, body, &keeper).await?,
        };
        Ok((message, options))
    }
}

/// How a message is sent: never waiting for room, since the sender could be anybody.
fn send_options(headers: &HeaderMap) -> Result<SendOptions, Refusal> {
    let when_restarting = match header(headers, WHEN_RESTARTING_HEADER)? {
        None | Some("wait") => WhenRestarting::Wait,
        Some("reject") => WhenRestarting::Reject,
        Some(_) => return Err(unfit(WHEN_RESTARTING_HEADER, "`wait` or `reject`")),
    };
    Ok(SendOptions {
        timeout: timeout(headers)?,
        when_full: WhenFull::Reject,
        when_restarting,
        ..SendOptions::default()
    })
}

/// How long the sender waits, if it says so.
pub(super) fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, Refusal> {
    Ok(number(headers, TIMEOUT_HEADER, TIMEOUT_RANGE_MS)?.map(Duration::from_millis))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let key = header(headers, IDEMPOTENCY_KEY_HEADER)?;
    if key.is_some_and(|key| key.is_empty() || key.len() > KEY_MAX_BYTES) {
        return Err(unfit(IDEMPOTENCY_KEY_HEADER, &format!("1 to {KEY_MAX_BYTES} characters")));
    }
    Ok(key.map(str::to_owned))
}

fn number(headers: &HeaderMap, name: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, Refusal> {
    let Some(text) = header(headers, name)? else { return Ok(None) };
    match u64::from_str(text.trim()) {
        Ok(number) if range.contains(&number) => Ok(Some(number)),
        Ok(_) | Err(_) => {
            let expected = format!("a whole number from {} to {}", range.start(), range.end());
            Err(unfit(name, &expected))
        }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Refusal> {
    let text = headers.get(name).map(|value| value.to_str());
    text.transpose().map_err(|_| unfit(name, "visible ASCII characters"))
}

fn unfit(name: &str, expected: &str) -> Refusal {
    Refusal::bad_request(format!("the header `{name}` must be {expected}"))
}

async fn read_args(
    actor: &ActorRef,
    headers: &HeaderMap,
    body: Body,
    keeper: &Keeper,
) -> Result<Payload, Refusal> {
    check_coding(headers)?;
    let body = read_body(actor, body, keeper).await?;
    // Whatever its type: libraries name one by themselves, also where there is nothing.
    if body.is_empty() {
        return Ok(Payload::none());
    }
    if is_bytes(headers) {
        return Ok(Payload::bytes(body));
    }
    let body = body.slice(body.len() - json::after_mark(&body).len()..);
    json::check_args(&body).map_err(Refusal::bad_request)?;
    Ok(Payload::json(body))
}

/// Nothing is unpacked here: what a body becomes would be its sender's to choose.
fn check_coding(headers: &HeaderMap) -> Result<(), Refusal> {
    let is_plain = |coding: &[u8]| coding.is_empty() || coding.eq_ignore_ascii_case(b"identity");
    let packed =
        headers.get_all(CONTENT_ENCODING).iter().find(|coding| !is_plain(coding.as_bytes().trim_ascii()));
    let Some(coding) = packed else { return Ok(()) };
    let coding = printable(&String::from_utf8_lossy(coding.as_bytes()), CODING_SHOWN_MAX_CHARS);
    let message = format!(
        "the body comes as `content-encoding: {coding}`, and this host unpacks none: send it as it is"
    );
    Err(Refusal::Request { status: StatusCode::UNSUPPORTED_MEDIA_TYPE, message })
}

/// After which item a stream is taken up again. Clients that have had none may send nothing as its number.
fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Refusal> {
    match header(headers, LAST_EVENT_ID_HEADER)? {
        Some("") => Ok(None),
        _ => number(headers, LAST_EVENT_ID_HEADER, 0..=NUMBER_MAX),
    }
}

/// Whether the payload is plain bytes. Everything else is read as JSON, since few clients say what they send.
fn is_bytes(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(CONTENT_TYPE_BYTES)
}

/// Reads a body. From then on it counts as a message.
async fn read_body(actor: &ActorRef, body: Body, keeper: &Keeper) -> Result<Bytes, Refusal> {
    let kept = actor.incoming();
    let max_bytes = actor.limits().message_max_bytes();
    // Before its client is told to go on (`100 Continue`), which it is when the first of it is asked for.
    if body.size_hint().lower() > u64::try_from(max_bytes).unwrap_or(u64::MAX) {
        return Err(too_large(actor));
    }
    match tokio::time::timeout(BODY_TIMEOUT, collect(body, max_bytes, kept, keeper)).await {
        Ok(Ok(Collected::Whole(body))) => Ok(body),
        Ok(Ok(Collected::TooLarge)) => Err(too_large(actor)),
        Ok(Ok(Collected::NoRoom)) => Err(no_room(actor, kept)),
        Ok(Ok(Collected::NoRoomForAny(no_room))) => Err(Refusal::no_room(no_room)),
        Ok(Err(error)) => Err(Refusal::bad_request(format!("the body broke off: {error}"))),
        Err(_late) => {
            let message = format!("the body did not come within {} s", BODY_TIMEOUT.as_secs());
            Err(Refusal::Request { status: StatusCode::REQUEST_TIMEOUT, message })
        }
    }
}

/// What came of collecting a body.
enum Collected {
    Whole(Bytes),
    TooLarge,
    /// Others are being read, for the same actor.
    NoRoom,
    /// Too much is kept for clients.
    NoRoomForAny(NoRoom),
}

/// How much room a body takes at first that does not say how long it is; then twice as much each time.
const STEP_BYTES: usize = 64 << 10;

/// Collects a body of at most `max_bytes`, as far as `kept` and `keeper` allow. The rest of one that is refused is the server's.
///
/// One that says how long it is has all of its room before any of it is read, so that none keeps some and waits for more.
async fn collect(
    body: Body,
    max_bytes: usize,
    kept: &Budget,
    keeper: &Keeper,
) -> Result<Collected, axum::Error> {
    let length = usize::try_from(body.size_hint().lower()).unwrap_or(max_bytes).min(max_bytes);
    let mut chunks = body.into_data_stream();
    let (mut collected, mut held, mut room) = (BytesMut::new(), None, None);
    if let Err(no_room) = keeper.keep_in_all(length, &mut room, WAIT_MAX).await {
        return Ok(Collected::NoRoomForAny(no_room));
    }
    while let Some(chunk) = chunks.try_next().await? {
        if chunk.len() > max_bytes.saturating_sub(collected.len()) {
            return Ok(Collected::TooLarge);
        }
        let Some(more) = kept.take(chunk.len()) else { return Ok(Collected::NoRoom) };
        match &mut held {
            Some(held) => Held::merge(held, more),
            none => *none = Some(more),
        }
        let bytes = collected.len() + chunk.len();
        if let Err(no_room) = keep_step(keeper, bytes, max_bytes, &mut room).await {
            return Ok(Collected::NoRoomForAny(no_room));
        }
        // Once, where it says how long it is: growing takes twice as much.
        collected.reserve(chunk.len().max(length.saturating_sub(collected.len())));
        collected.extend_from_slice(&chunk);
    }
    Ok(Collected::Whole(collected.freeze()))
}

/// Has room for so many bytes of a body, and for some that may follow.
async fn keep_step(
    keeper: &Keeper,
    bytes: usize,
    max_bytes: usize,
    room: &mut Option<Kept>,
) -> Result<(), NoRoom> {
    let before = room.as_ref().map_or(FREE_MAX_BYTES, Kept::bytes);
    if bytes <= before {
        return Ok(());
    }
    let step = before.saturating_mul(2).max(STEP_BYTES).min(max_bytes).min(keeper.room().max_for_one());
    keeper.keep_in_all(step.max(bytes), room, WAIT_MAX).await
}

fn no_room(actor: &ActorRef, kept: &Budget) -> Refusal {
    let text = format!("{} bytes of messages to `{}` are being read already", kept.used(), actor.id());
    RuntimeError::new(RuntimeErrorKind::MailboxFull, text).into()
}

fn too_large(actor: &ActorRef) -> Refusal {
    let max = actor.limits().message_max.as_u64();
    let text = format!("the body is over the {max} bytes that a message to `{}` may have", actor.id());
    RuntimeError::new(RuntimeErrorKind::MessageTooLarge, text).into()
}

/// What an actor answers, as JSON or as bytes.
pub(super) fn content_type(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Json => "application/json",
        Encoding::Bytes => CONTENT_TYPE_BYTES,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), value.parse().unwrap())])
    }

    #[test]
    fn headers_have_their_bounds() {
        let options = |value| send_options(&headers(TIMEOUT_HEADER, value));
        assert_eq!(options("1500").unwrap().timeout, Some(Duration::from_millis(1500)));
        for bad in ["0", "-1", "1.5", "86400001", "99999999999999999999", "", "1s"] {
            assert!(options(bad).is_err(), "{bad}");
        }
        let after =
            |value: &str| number(&headers(LAST_EVENT_ID_HEADER, value), LAST_EVENT_ID_HEADER, 0..=NUMBER_MAX);
        assert_eq!(after("9007199254740991").unwrap(), Some(NUMBER_MAX));
        assert!(after("9007199254740992").is_err());
        assert_eq!(last_event_id(&headers(LAST_EVENT_ID_HEADER, "")).unwrap(), None);
        assert_eq!(last_event_id(&headers(LAST_EVENT_ID_HEADER, "7")).unwrap(), Some(7));
        assert!(last_event_id(&headers(LAST_EVENT_ID_HEADER, "x")).is_err());
        let key = |value: &str| idempotency_key(&headers(IDEMPOTENCY_KEY_HEADER, value));
        assert_eq!(key("k").unwrap().as_deref(), Some("k"));
        assert!(key("").is_err());
        assert!(key(&"k".repeat(257)).is_err());
        assert!(key("kéy").is_err());
    }

    #[test]
    fn a_sender_over_http_never_waits_for_room() {
        let options = send_options(&HeaderMap::new()).unwrap();
        assert_eq!((options.when_full, options.when_restarting), (WhenFull::Reject, WhenRestarting::Wait));
        let options = send_options(&headers(WHEN_RESTARTING_HEADER, "reject")).unwrap();
        assert_eq!(options.when_restarting, WhenRestarting::Reject);
        assert!(send_options(&headers(WHEN_RESTARTING_HEADER, "hurry")).is_err());
    }

    #[test]
    fn only_octet_streams_are_plain_bytes() {
        let of = |value| is_bytes(&headers("content-type", value));
        assert!(of("application/octet-stream"));
        assert!(of("Application/Octet-Stream; x=y"));
        assert!(!of("application/json"));
        assert!(!of("application/x-www-form-urlencoded"));
        assert!(!is_bytes(&HeaderMap::new()));
    }
}
