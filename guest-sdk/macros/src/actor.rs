//! The `impl` block that `#[actor]` sits on.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::{Attribute, Error, Ident, ImplItem, ImplItemFn, Item, ItemImpl, Result, Type};

use crate::attribute::{Marker, take_marker};
use crate::hook::{Start, Stop};
use crate::method::Method;
use crate::options::{Options, Restart};
use crate::signature;

/// How an actor's handlers run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum World {
    Serial,
    Overlapping,
}

/// A checked actor.
pub(crate) struct Actor {
    /// The `impl` block without the markers.
    pub(crate) item: ItemImpl,
    pub(crate) ty: Type,
    pub(crate) world: World,
    pub(crate) may_passivate: bool,
    pub(crate) restart: Option<Restart>,
    pub(crate) methods: Vec<Method>,
    pub(crate) start: Option<Start>,
    pub(crate) stop: Option<Stop>,
}

impl Actor {
    pub(crate) fn parse(options: TokenStream, item: TokenStream) -> Result<Self> {
        let Options { world: asked_for, may_passivate, restart } = Options::parse(options)?;
        let mut item = impl_block(item)?;
        let mut found = Found::default();
        for member in &mut item.items {
            if let ImplItem::Fn(function) = member {
                found.function(function);
            }
        }
        found.check_methods(&item);
        found.check_world(asked_for);
        found.problem.map_or(Ok(()), Err)?;
        Ok(Self {
            ty: (*item.self_ty).clone(),
            item,
            world: asked_for.unwrap_or(found.world),
            may_passivate,
            restart,
            methods: found.methods,
            start: found.start,
            stop: found.stop,
        })
    }
}

/// The item as it was, for when there is more to say about it than an expansion could.
pub(crate) fn without_markers(item: TokenStream) -> TokenStream {
    let Ok(mut parsed) = syn::parse2::<ItemImpl>(item.clone()) else { return item };
    for member in &mut parsed.items {
        if let ImplItem::Fn(function) = member {
            // What is wrong with a marker has been reported by now.
            drop(take_marker(&mut function.attrs));
        }
    }
    parsed.into_token_stream()
}

fn impl_block(item: TokenStream) -> Result<ItemImpl> {
    let message = "`#[actor]` goes on an `impl` block: `#[pulsing_guest::actor] impl Counter { … }`";
    let item = match syn::parse2::<Item>(item)? {
        Item::Impl(item) => item,
        _ => return Err(Error::new(Span::call_site(), message)),
    };
    if let Some((_, path, _)) = &item.trait_ {
        return Err(Error::new_spanned(
            path,
            "`#[actor]` goes on an `impl` block of the type itself, not of a trait",
        ));
    }
    if !item.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &item.generics,
            "an actor is one concrete type: a component exports it",
        ));
    }
    Ok(item)
}

/// What an `impl` block has turned out to hold.
struct Found {
    world: World,
    /// What makes it overlapping.
    waits: Option<Ident>,
    methods: Vec<Method>,
    start: Option<Start>,
    stop: Option<Stop>,
    problem: Option<Error>,
}

impl Default for Found {
    fn default() -> Self {
        Self {
            world: World::Serial,
            waits: None,
            methods: Vec::new(),
            start: None,
            stop: None,
            problem: None,
        }
    }
}

impl Found {
    fn report(&mut self, error: Error) {
        match &mut self.problem {
            Some(problem) => problem.combine(error),
            None => self.problem = Some(error),
        }
    }

    fn function(&mut self, item: &mut ImplItemFn) {
        let added = take_marker(&mut item.attrs).and_then(|marker| self.add(item, marker));
        if let Err(error) = added {
            self.report(error);
        }
    }

    fn add(&mut self, item: &mut ImplItemFn, marker: Option<(Marker, Attribute)>) -> Result<()> {
        let attribute = marker.as_ref().map(|(_, attribute)| attribute);
        match marker.as_ref().map(|(marker, _)| *marker) {
            Some(Marker::Skip) => Ok(()),
            Some(Marker::Start) => self.start(item, attribute),
            Some(Marker::Stop) => self.stop(item, attribute),
            marker => self.method(item, marker, attribute),
        }
    }

    fn start(&mut self, item: &ImplItemFn, attribute: Option<&Attribute>) -> Result<()> {
        let start = Start::parse(item)?;
        if start.is_async {
            self.overlaps(&start.ident);
        }
        match self.start.replace(start) {
            Some(_) => Err(Error::new_spanned(attribute, "an actor has one `#[start]`")),
            None => Ok(()),
        }
    }

    fn stop(&mut self, item: &ImplItemFn, attribute: Option<&Attribute>) -> Result<()> {
        let stop = Stop::parse(item)?;
        if stop.is_async {
            self.overlaps(&stop.ident);
        }
        match self.stop.replace(stop) {
            Some(_) => Err(Error::new_spanned(attribute, "an actor has one `#[stop]`")),
            None => Ok(()),
        }
    }

    fn method(
        &mut self,
        item: &mut ImplItemFn,
        marker: Option<Marker>,
        attribute: Option<&Attribute>,
    ) -> Result<()> {
        let Some(receiver) = signature::receiver(&item.sig)? else {
            return match attribute {
                Some(attribute) => {
                    let message = "a method takes `&self`, `&mut self` or `this: This<Self>`";
                    Err(Error::new_spanned(attribute, message))
                }
                None => Ok(()),
            };
        };
        let method = Method::parse(item, receiver, marker)?;
        if method.waits() {
            self.overlaps(&method.ident);
        }
        self.methods.push(method);
        Ok(())
    }

    fn overlaps(&mut self, because_of: &Ident) {
        self.world = World::Overlapping;
        self.waits.get_or_insert_with(|| because_of.clone());
    }

    fn check_methods(&mut self, item: &ItemImpl) {
        if self.methods.is_empty() && self.problem.is_none() {
            let message = "an actor has at least one method: `fn get(&self) -> i64`";
            self.report(Error::new_spanned(&item.self_ty, message));
        }
    }

    fn check_world(&mut self, asked_for: Option<World>) {
        if let (Some(World::Serial), Some(waits)) = (asked_for, self.waits.take()) {
            let message =
                "in a serial actor nothing waits: no `async`, and `impl Iterator` for `impl Stream`";
            self.report(Error::new_spanned(waits, message));
        }
    }
}
