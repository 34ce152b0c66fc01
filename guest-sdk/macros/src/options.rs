//! What stands in the brackets of `#[actor(…)]`.

use std::fmt::Display;
use std::str::FromStr;

use proc_macro2::TokenStream;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Error, Expr, ExprLit, Lit, LitInt, Meta, MetaNameValue, Result, Token};

use crate::actor::World;

/// The options of an actor.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) world: Option<World>,
    pub(crate) may_passivate: bool,
    pub(crate) restart: Option<Restart>,
}

/// How the actor wants to be restarted.
#[derive(Default)]
pub(crate) struct Restart {
    pub(crate) policy: Option<String>,
    pub(crate) max_restarts: Option<u32>,
    pub(crate) min_backoff_ms: Option<u64>,
    pub(crate) max_backoff_ms: Option<u64>,
}

/// The words that hosts know.
const POLICIES: [&str; 3] = ["never", "on_failure", "always"];
/// What every language can count.
const MILLISECONDS_MAX: u64 = (1 << 53) - 1;

impl Options {
    pub(crate) fn parse(options: TokenStream) -> Result<Self> {
        let mut read = Self::default();
        for option in Punctuated::<Meta, Token![,]>::parse_terminated.parse2(options)? {
            read.option(&option)?;
        }
        Ok(read)
    }

    fn option(&mut self, option: &Meta) -> Result<()> {
        let name = option.path().get_ident().map(ToString::to_string).unwrap_or_default();
        match (name.as_str(), option) {
            ("serial", Meta::Path(_)) if self.world.is_none() => self.world = Some(World::Serial),
            ("overlapping", Meta::Path(_)) if self.world.is_none() => self.world = Some(World::Overlapping),
            ("may_passivate", Meta::Path(_)) => self.may_passivate = true,
            ("restart" | "max_restarts" | "min_backoff_ms" | "max_backoff_ms", Meta::NameValue(option)) => {
                self.restart.get_or_insert_default().option(&name, option)?;
            }
            _ => {
                let message = "the options of `#[actor]` are one of `serial` and `overlapping`, `may_passivate`, \
                               `restart = \"on_failure\"`, `max_restarts = 5`, `min_backoff_ms = 100` and \
                               `max_backoff_ms = 30_000`";
                return Err(Error::new_spanned(option, message));
            }
        }
        Ok(())
    }
}

impl Restart {
    fn option(&mut self, name: &str, option: &MetaNameValue) -> Result<()> {
        match name {
            "restart" => set(&mut self.policy, option, policy(option)?)?,
            "max_restarts" => set(&mut self.max_restarts, option, number(option, u32::MAX)?)?,
            "min_backoff_ms" => set(&mut self.min_backoff_ms, option, number(option, MILLISECONDS_MAX)?)?,
            _ => set(&mut self.max_backoff_ms, option, number(option, MILLISECONDS_MAX)?)?,
        }
        if self.min_backoff_ms.zip(self.max_backoff_ms).is_some_and(|(min, max)| min > max) {
            return Err(Error::new_spanned(option, "`max_backoff_ms` is not less than `min_backoff_ms`"));
        }
        Ok(())
    }
}

fn set<T>(place: &mut Option<T>, option: &MetaNameValue, value: T) -> Result<()> {
    match place.replace(value) {
        Some(_) => Err(Error::new_spanned(option, "this option is given twice")),
        None => Ok(()),
    }
}

fn policy(option: &MetaNameValue) -> Result<String> {
    match &option.value {
        Expr::Lit(ExprLit { lit: Lit::Str(word), .. }) if POLICIES.contains(&word.value().as_str()) => {
            Ok(word.value())
        }
        other => Err(Error::new_spanned(other, "`restart` is \"never\", \"on_failure\" or \"always\"")),
    }
}

fn number<T: FromStr<Err: Display> + PartialOrd + Display>(option: &MetaNameValue, max: T) -> Result<T> {
    let digits = match &option.value {
        Expr::Lit(ExprLit { lit: Lit::Int(digits), .. }) => Some(digits),
        _ => None,
    };
    let number =
        digits.and_then(|digits: &LitInt| digits.base10_parse().ok()).filter(|number| *number <= max);
    number.ok_or_else(|| {
        Error::new_spanned(&option.value, format_args!("this is a whole number from 0 to {max}"))
    })
}
