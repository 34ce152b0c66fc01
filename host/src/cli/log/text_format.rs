//! Events as lines for people, which nobody's text can pass for another of.
//!
//! ```text
//! TIME LEVEL SPAN{…}: TARGET: actor=NAME message name=value name="a value"
//! ```
//!
//! An event is one line. The message and each value stand as they are where they consist of harmless characters alone, and
//! in quotes where not; what a guest wrote always does. In quotes, `"` and `\` have a `\` before them, and what is not
//! printable is escaped. So there is no `=`, `"` or line break of a stranger's outside of quotes.

use std::fmt::{self, Write as _};
use std::time::SystemTime;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::text::printable;

/// The target of what guests write.
pub(super) const GUEST: &str = "guest";

/// Writes events as lines for people.
pub(super) struct TextFormat;

impl<S, N> FormatEvent<S, N> for TextFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let mut fields = Fields::default();
        event.record(&mut fields);
        write!(out, "{} ", time())?;
        write_level(&mut out, *metadata.level())?;
        if let Some(scope) = context.event_scope() {
            for span in scope.from_root() {
                let extensions = span.extensions();
                let values = extensions.get::<tracing_subscriber::fmt::FormattedFields<N>>();
                write!(out, "{}{{{}}}: ", span.name(), values.map_or("", |values| values.fields.as_str()))?;
            }
        }
        let is_guests = metadata.target() == GUEST;
        write!(out, "{}:", fields.target.as_deref().unwrap_or(metadata.target()))?;
        fields.write(&mut out, is_guests)?;
        writeln!(out)
    }
}

/// The time of a line.
pub(super) fn time() -> impl fmt::Display {
    humantime::format_rfc3339_micros(SystemTime::now())
}

fn write_level(out: &mut Writer<'_>, level: Level) -> fmt::Result {
    let colour = match level {
        Level::ERROR => "31",
        Level::WARN => "33",
        Level::INFO => "32",
        Level::DEBUG => "34",
        Level::TRACE => "35",
    };
    if out.has_ansi_escapes() {
        write!(out, "\u{1b}[{colour}m{level:>5}\u{1b}[0m ")
    } else {
        write!(out, "{level:>5} ")
    }
}

/// The fields of an event.
#[derive(Default)]
struct Fields {
    actor: Option<String>,
    message: Option<String>,
    /// Of an event of the crate `log`, whose own target says nothing.
    target: Option<String>,
    others: Vec<(&'static str, String)>,
}

impl Fields {
    fn write(&self, out: &mut impl fmt::Write, is_guests: bool) -> fmt::Result {
        if let Some(actor) = &self.actor {
            write!(out, " actor={}", Value(actor))?;
        }
        match &self.message {
            Some(message) if !is_guests && is_plain(message, " ,;:`'()") => write!(out, " {message}")?,
            Some(message) => write!(out, " {}", Quoted(message))?,
            None => {}
        }
        self.others.iter().try_for_each(|(name, value)| write!(out, " {name}={}", Value(value)))
    }

    fn add(&mut self, field: &Field, value: String) {
        match field.name() {
            "actor" => self.actor = Some(value),
            "message" => self.message = Some(value),
            "log.target" => self.target = Some(value),
            "log.module_path" | "log.file" | "log.line" => {}
            name => self.others.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.to_owned());
    }
}

/// A value as it stands behind its name.
struct Value<'a>(&'a str);

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(value) = self;
        if !value.is_empty() && is_plain(value, "") {
            f.write_str(value)
        } else {
            write!(f, "{}", Quoted(value))
        }
    }
}

/// A text in quotes.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for char in printable(self.0, usize::MAX).chars() {
            if matches!(char, '"' | '\\') {
                f.write_char('\\')?;
            }
            f.write_char(char)?;
        }
        f.write_char('"')
    }
}

/// Whether a text consists of letters and digits of ASCII, and a few signs, alone.
fn is_plain(text: &str, more: &str) -> bool {
    text.chars().all(|char| char.is_ascii_alphanumeric() || "-_.+/@~%".contains(char) || more.contains(char))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(message: &str, is_guests: bool, others: &[(&'static str, &str)]) -> String {
        let others = others.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let fields =
            Fields { actor: Some("a".to_owned()), message: Some(message.to_owned()), target: None, others };
        let mut out = String::new();
        fields.write(&mut out, is_guests).unwrap();
        out
    }

    #[test]
    fn no_text_passes_for_a_field_or_for_another_line() {
        assert_eq!(line("running", false, &[("generation", "0")]), " actor=a running generation=0");
        assert_eq!(line("running", true, &[]), " actor=a \"running\"");
        assert_eq!(line("x actor=other", false, &[]), " actor=a \"x actor=other\"");
        let forged = "x\" actor=other \n2026-01-01T00:00:00.000000Z  INFO guest: actor=other \"y";
        assert_eq!(
            line(forged, true, &[]),
            " actor=a \"x\\\" actor=other \\\\u{a}2026-01-01T00:00:00.000000Z  INFO guest: actor=other \\\"y\""
        );
        assert_eq!(
            line("m", false, &[("reason", "a b=c"), ("why", "")]),
            " actor=a m reason=\"a b=c\" why=\"\""
        );
        assert_eq!(line("\u{1b}[31m\u{feff}", false, &[]), " actor=a \"\\\\u{1b}[31m\\\\u{feff}\"");
    }
}
