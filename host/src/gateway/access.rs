//! Who may send requests, and which.
//!
//! Of those that are no page in a browser: which of those may, `origin` says before. With tokens: whoever has one, what
//! its scopes allow. Without any the gateway listens on loopback only, and anybody on this machine may.
//!
//! [`Sender`] says once who it is, before anything else; [`admit`] stands before each route, and asks what it needs.

use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::keyring::{Holder, Keyring};
use super::problem::{Problem, Refusal};
use super::scope::{Scope, Scopes};
use crate::grants::Caller;
use crate::journal::{Account, Entry};
use crate::text::printable;

/// How much of a path is shown and logged.
pub(super) const PATH_SHOWN_MAX_CHARS: usize = 200;

/// Who sends a request.
#[derive(Debug, Clone)]
pub(super) enum Sender {
    /// A program of this machine: the host has no tokens.
    Local,
    /// Whoever has this token.
    Holder(Holder),
    /// Nobody whom the host knows, and why.
    Unknown(&'static str),
}

impl Sender {
    /// Who sends a request with these headers.
    pub(super) fn of(headers: &HeaderMap, keyring: Option<&Keyring>) -> Self {
        let Some(keyring) = keyring else { return Self::Local };
        let mut shown = headers.get_all(AUTHORIZATION).iter();
        match (shown.next(), shown.next()) {
            (None, _) => Self::Unknown("this host needs a token: send `Authorization: Bearer TOKEN`"),
            // Whoever stands between may have looked at the other.
            (Some(_), Some(_)) => Self::Unknown("there is more than one `Authorization`"),
            (Some(value), None) => match bearer(value.as_bytes()) {
                None => Self::Unknown("a token is sent as `Authorization: Bearer TOKEN`"),
                Some(given) => keyring
                    .holder(given)
                    .map_or(Self::Unknown("the host does not know this token"), Self::Holder),
            },
        }
    }

    /// How the log names it. No token has a name that begins with `@`, but for a host's only one.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Local => "@local",
            Self::Holder(holder) => holder.name.as_str(),
            Self::Unknown(_) => "@unknown",
        }
    }

    /// As whom it sends messages.
    pub(super) fn caller(&self) -> Caller {
        match self {
            Self::Local | Self::Unknown(_) => Caller::Http,
            Self::Holder(holder) => Caller::Client(holder.name.shared()),
        }
    }

    /// Whether it may do anything at all.
    pub(super) fn is_known(&self) -> bool {
        match self {
            Self::Local | Self::Holder(_) => true,
            Self::Unknown(_) => false,
        }
    }

    /// Waits until it may no longer do this: for ever, as long as its token is not taken away.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub(super) async fn loses(&self, scope: Scope) {
        match self {
            Self::Holder(holder) => holder.loses(scope).await,
            Self::Local | Self::Unknown(_) => std::future::pending().await,
        }
    }
}

/// What a sender needs for a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Nothing,
    /// To be known, for being told that there is nothing.
    AnyToken,
    Scope(Scope),
}

/// Whether a request may pass to its route: whether its sender has what that needs. Logs it, if it is a command.
pub(super) fn admit(
    sender: &Sender,
    need: Need,
    request: &Request,
    log: &Account,
) -> Result<(), Box<Response>> {
    check(sender, need, request)?;
    if let Need::Scope(scope @ (Scope::Control | Scope::Deploy)) = need {
        log_command(sender, scope, request, log);
    }
    Ok(())
}

/// Logs a command. Whoever may send them may send any number, so they count as what clients cause.
fn log_command(sender: &Sender, scope: Scope, request: &Request, log: &Account) {
    let (who, scope) = (sender.name(), scope.as_str());
    let (verb, path) = (request.method().as_str(), request.uri().path());
    log.write(Entry::Command { who, scope, verb, path });
}

fn check(sender: &Sender, need: Need, request: &Request) -> Result<(), Box<Response>> {
    let (scope, holder) = match (need, sender) {
        (Need::Nothing, _) | (Need::AnyToken, Sender::Local | Sender::Holder(_)) => return Ok(()),
        (Need::AnyToken | Need::Scope(_), Sender::Unknown(why)) => return Err(Box::new(unknown(why))),
        (Need::Scope(scope), Sender::Local) => (scope, None),
        (Need::Scope(scope), Sender::Holder(holder)) => (scope, Some(holder)),
    };
    if holder.map_or(Scopes::LOCAL, |holder| holder.scopes).contains(scope) {
        return Ok(());
    }
    let whose = match holder {
        Some(holder) => format!("the token `{}` does not have", holder.name),
        None => "without a token nobody has".to_owned(),
    };
    let verb = request.method();
    let path = printable(request.uri().path(), PATH_SHOWN_MAX_CHARS);
    let refusal = Refusal::denied(format!("{whose} the scope `{scope}`, which {verb} {path} needs"));
    let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
    Err(Box::new(with_challenge(refusal.into_response(), &challenge)))
}

fn unknown(why: &str) -> Response {
    let problem = Problem::from(Refusal::denied(why));
    let problem = Problem { status: StatusCode::UNAUTHORIZED.as_u16(), ..problem };
    with_challenge(problem.into_response(), "Bearer")
}

/// RFC 6750, section 3.
fn with_challenge(mut response: Response, challenge: &str) -> Response {
    if let Ok(challenge) = HeaderValue::try_from(challenge) {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

/// The token in `Bearer TOKEN`: the scheme in any case, one or more spaces (RFC 9110, section 11.4).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"bearer ";
    let (scheme, given) = value.split_at_checked(SCHEME.len())?;
    let token = given.iter().position(|byte| *byte != b' ').and_then(|start| given.get(start..));
    token.filter(|_| scheme.eq_ignore_ascii_case(SCHEME))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;
    use crate::gateway::keys::{Key, Keys};
    use crate::gateway::token::Token;

    #[test]
    fn the_scheme_of_a_token_is_read_in_any_case_and_spaces_alone_follow() {
        for good in ["Bearer abc", "bearer abc", "BEARER   abc"] {
            assert_eq!(bearer(good.as_bytes()), Some(b"abc".as_slice()), "{good}");
        }
        for bad in ["Basic abc", "Bear", "Bearer", "Bearer ", "Bearer\tabc", " Bearer abc", "Bearerabc"] {
            assert_eq!(bearer(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(bearer(b"Bearer \tabc"), Some(b"\tabc".as_slice()), "which is no token");
    }

    fn keyring() -> Keyring {
        let scopes = Scopes::new([Scope::Read]).unwrap();
        let mut keys = Keys::default();
        let sha256 = Token::new("correct-horse-battery").unwrap().hash();
        keys.insert("reader".parse().unwrap(), Key { sha256, scopes }).unwrap();
        Keyring::new(keys)
    }

    fn sender(values: &[&'static str]) -> Sender {
        let headers = values.iter().map(|value| (AUTHORIZATION, HeaderValue::from_static(value)));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value);
        }
        Sender::of(&map, Some(&keyring()))
    }

    fn status(sender: &Sender, need: Need) -> u16 {
        let request = Request::builder().uri("/v1/actors").body(Body::empty()).unwrap();
        check(sender, need, &request).map_or_else(|refusal| refusal.status().as_u16(), |()| 200)
    }

    #[test]
    fn who_shows_no_token_that_is_known_is_unknown() {
        assert_eq!(sender(&["Bearer correct-horse-battery"]).name(), "reader");
        let right = "Bearer correct-horse-battery";
        for wrong in [
            &[][..],
            &["Bearer wrong-horse-battery"],
            &["correct-horse-battery"],
            &["Bearer correct-horse-battery2"],
            &[right, right],
            &[right, "Basic eDp5"],
        ] {
            let sender = sender(wrong);
            assert_eq!((sender.name(), status(&sender, Need::AnyToken)), ("@unknown", 401), "{wrong:?}");
            let request = Request::builder().uri("/").body(Body::empty()).unwrap();
            let response = check(&sender, Need::Scope(Scope::Read), &request).unwrap_err();
            assert_eq!(response.status(), 401);
            assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer");
        }
    }

    #[test]
    fn who_shows_no_token_sends_as_any_client() {
        let holder = sender(&["Bearer correct-horse-battery"]);
        assert_eq!(holder.caller(), Caller::Client("reader".into()));
        assert_eq!((Sender::Local.caller(), Sender::Unknown("").caller()), (Caller::Http, Caller::Http));
    }

    #[test]
    fn each_sender_may_do_what_its_scopes_allow() {
        let reader = sender(&["Bearer correct-horse-battery"]);
        let needs =
            [Need::Nothing, Need::AnyToken].into_iter().chain(Scope::ALL.into_iter().map(Need::Scope));
        let statuses = |sender: &Sender| needs.clone().map(|need| status(sender, need)).collect::<Vec<_>>();
        assert_eq!(statuses(&reader), [200, 200, 200, 403, 403, 403]);
        assert_eq!(statuses(&Sender::Local), [200, 200, 200, 200, 200, 403]);
        assert_eq!(statuses(&Sender::Unknown("")), [200, 401, 401, 401, 401, 401]);
    }

    #[test]
    fn the_scope_that_is_missing_is_named() {
        let request = Request::builder().uri("/v1/actors/a/stop").method("POST").body(Body::empty()).unwrap();
        let reader = sender(&["Bearer correct-horse-battery"]);
        let response = check(&reader, Need::Scope(Scope::Control), &request).unwrap_err();
        let challenge = &response.headers()[WWW_AUTHENTICATE];
        assert_eq!(challenge, "Bearer error=\"insufficient_scope\", scope=\"control\"");
    }
}
