//! Where a host listens, as people write it.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use serde::de::{Deserializer, Error, Visitor};

use crate::text::printable;

/// How much is shown of what is no address.
const TEXT_MAX_CHARS: usize = 100;

/// Reads an address and a port; a port alone is one of loopback, however it is written: nobody else can reach it.
///
/// # Errors
///
/// What it is not, and how one is written.
pub(crate) fn listen(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let port = ["localhost:", ":"].iter().find_map(|before| text.strip_prefix(before)).unwrap_or(text);
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse::<u16>() {
        Ok(port) if is_number => Ok(of_loopback(port)),
        _ => Err(format!(
            "`{}` is no address to listen on: give ADDRESS:PORT, such as 127.0.0.1:7433, [::1]:7433 or 0.0.0.0:7433, \
             or PORT for 127.0.0.1 alone; port 0 is a free one",
            printable(text, TEXT_MAX_CHARS)
        )),
    }
}

fn of_loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// For serde: the same, where there may be no key. A number is a port.
pub(super) fn de_maybe_listen<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
    from.deserialize_any(ListenVisitor).map(Some)
}

struct ListenVisitor;

impl Visitor<'_> for ListenVisitor {
    type Value = SocketAddr;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address such as \"127.0.0.1:7433\", or a port")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SocketAddr, E> {
        listen(text).map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, port: u64) -> Result<SocketAddr, E> {
        let port = u16::try_from(port).map_err(|_| E::custom("a port is a number from 0 to 65535"))?;
        Ok(of_loopback(port))
    }

    fn visit_i64<E: Error>(self, port: i64) -> Result<SocketAddr, E> {
        self.visit_u64(u64::try_from(port).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_one_of_loopback() {
        for text in ["7433", ":7433", "localhost:7433", "127.0.0.1:7433"] {
            assert_eq!(listen(text).unwrap().to_string(), "127.0.0.1:7433", "{text}");
        }
        assert_eq!(listen("localhost:0").unwrap().to_string(), "127.0.0.1:0");
        assert_eq!(listen("0.0.0.0:1").unwrap().to_string(), "0.0.0.0:1");
        assert_eq!(listen("[::1]:1").unwrap().to_string(), "[::1]:1");
    }

    #[test]
    fn what_is_no_address_is_told_how_one_is_written() {
        for bad in [
            "",
            ":",
            "localhost",
            "127.0.0.1",
            "::1",
            "65536",
            ":-1",
            "+80",
            "example.com:80",
            "http://127.0.0.1:80",
        ] {
            let error = listen(bad).unwrap_err();
            assert!(
                error.starts_with(&format!("`{bad}` is no address to listen on: give ADDRESS:PORT")),
                "{error}"
            );
        }
        let long = listen(&"x\n".repeat(10_000)).unwrap_err();
        assert!(long.len() < 600 && !long.contains('\n'), "{long}");
    }
}
