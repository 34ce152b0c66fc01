//! Who gets the next of a fixed number of places. Pure: a waiter is whatever its owner can be told by.
//!
//! A place cannot be taken back, so that some are kept for those who come later:
//!
//! | an actor that holds | gets a place while |
//! |---|---|
//! | none | there is one |
//! | some | more than half of all are free |
//!
//! So one that is alone has half of them, and all of them are held only once half of them are held by as many actors.
//! Of those that wait, the one whose actor holds fewest is next, and of these the one that came first.

use std::collections::{BTreeMap, VecDeque};

/// The places, and who waits for one.
#[derive(Debug)]
pub(super) struct Places<W> {
    free: usize,
    /// For actors that hold none.
    reserved: usize,
    /// Those that hold a place or wait for one.
    actors: BTreeMap<u64, Actor<W>>,
    tickets: u64,
}

#[derive(Debug)]
struct Actor<W> {
    held: usize,
    /// In the order in which they came, over all actors.
    waiting: VecDeque<(u64, W)>,
}

impl<W> Default for Actor<W> {
    fn default() -> Self {
        Self { held: 0, waiting: VecDeque::new() }
    }
}

impl<W> Places<W> {
    /// So many places, all of them free.
    pub(super) fn new(all: usize) -> Self {
        Self { free: all, reserved: all / 2, actors: BTreeMap::new(), tickets: 0 }
    }

    /// Takes a place for `actor`, if it gets one now.
    pub(super) fn take(&mut self, actor: u64) -> bool {
        let held = self.actors.get(&actor).map_or(0, |actor| actor.held);
        let admitted = self.admits(held);
        if admitted {
            self.free -= 1;
            self.actors.entry(actor).or_default().held += 1;
        }
        admitted
    }

    fn admits(&self, held: usize) -> bool {
        let kept = if held == 0 { 0 } else { self.reserved };
        self.free > kept
    }

    /// Puts a waiter in line, and those of its actor out of it that nobody waits for any more.
    pub(super) fn wait(&mut self, actor: u64, waiter: W, is_gone: impl Fn(&W) -> bool) {
        let actor = self.actors.entry(actor).or_default();
        actor.waiting.retain(|(_, waiter)| !is_gone(waiter));
        actor.waiting.push_back((self.tickets, waiter));
        self.tickets += 1;
    }

    /// Gives back a place of `actor`. Whose it is now, [`Self::next`] says.
    pub(super) fn give_back(&mut self, actor: u64) {
        let Some(holder) = self.actors.get_mut(&actor) else { return };
        holder.held -= 1;
        self.free += 1;
        self.tidy(actor);
    }

    /// Takes a place for who is next and still waits, if it gets one.
    pub(super) fn next(&mut self, is_gone: impl Fn(&W) -> bool) -> Option<(u64, W)> {
        loop {
            let actor = self.first()?;
            let holder = self.actors.get_mut(&actor)?;
            let (_, waiter) = holder.waiting.pop_front()?;
            if is_gone(&waiter) {
                self.tidy(actor);
                continue;
            }
            holder.held += 1;
            self.free -= 1;
            return Some((actor, waiter));
        }
    }

    /// The actor that is next, if it gets a place.
    fn first(&self) -> Option<u64> {
        let lines = self.actors.iter().filter_map(|(id, actor)| {
            let (ticket, _) = actor.waiting.front()?;
            Some((actor.held, *ticket, *id))
        });
        // Where the one that holds fewest gets none, nobody does.
        let (held, _, id) = lines.min()?;
        self.admits(held).then_some(id)
    }

    fn tidy(&mut self, actor: u64) {
        if self.actors.get(&actor).is_some_and(|actor| actor.held == 0 && actor.waiting.is_empty()) {
            self.actors.remove(&actor);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn waits(_: &u32) -> bool {
        false
    }

    fn take_all(places: &mut Places<u32>, actor: u64) -> usize {
        (0..1000).take_while(|_| places.take(actor)).count()
    }

    #[test]
    fn shares_of_lookups_are_half_for_one_and_one_for_each_that_comes_later() {
        let mut places = Places::<u32>::new(64);
        assert_eq!(take_all(&mut places, 0), 32);
        assert_eq!((1..=32).map(|actor| take_all(&mut places, actor)).collect::<Vec<_>>(), [1; 32]);
        assert_eq!(take_all(&mut places, 33), 0);
        places.give_back(0);
        assert_eq!(take_all(&mut places, 0), 0);
        assert_eq!(take_all(&mut places, 33), 1);
    }

    #[test]
    fn shares_of_lookups_go_first_to_who_holds_fewest_and_then_to_who_came_first() {
        let mut places = Places::new(4);
        assert_eq!((take_all(&mut places, 0), take_all(&mut places, 1), take_all(&mut places, 2)), (2, 1, 1));
        for (actor, waiter) in [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (3, 6)] {
            places.wait(actor, waiter, waits);
        }
        assert_eq!(places.next(waits), None);
        places.give_back(0);
        // Nobody waits for the first of those that hold none any more.
        assert_eq!(places.next(|waiter| *waiter == 4), Some((4, 5)));
        assert_eq!(places.next(waits), None);
        places.give_back(1);
        assert_eq!(places.next(waits), Some((1, 2)), "which holds none now, and came before 6");
        for actor in [0, 1, 2] {
            places.give_back(actor);
        }
        assert_eq!(places.next(waits), Some((0, 1)));
        assert_eq!(places.next(waits), Some((2, 3)));
        assert_eq!(places.next(waits), Some((3, 6)));
        assert_eq!(places.next(waits), None);
    }

    #[test]
    fn a_line_holds_nobody_who_went_away() {
        let mut places = Places::new(0);
        (0..1000).for_each(|waiter| places.wait(7, waiter, |_| true));
        assert_eq!(places.actors[&7].waiting.len(), 1);
        let mut places = Places::new(1);
        places.wait(7, 0, waits);
        assert_eq!(places.next(|_| true), None);
        assert!(places.actors.is_empty());
    }

    proptest! {
        /// Whatever happens: what is held and free is all there is, and nobody waits who gets a place.
        #[test]
        fn shares_of_lookups_hold_whatever_comes(acts in prop::collection::vec((0..3_u8, 0..12_u64), 0..200)) {
            let mut places = Places::new(8);
            let mut gone = BTreeSet::new();
            for (number, (act, actor)) in (0_u32..).zip(acts) {
                match act {
                    0 if !places.take(actor) => places.wait(actor, number, |waiter| gone.contains(waiter)),
                    1 if places.actors.get(&actor).is_some_and(|actor| actor.held > 0) => places.give_back(actor),
                    2 => drop(gone.insert(number / 2)),
                    _ => {}
                }
                while let Some((_, waiter)) = places.next(|waiter| gone.contains(waiter)) {
                    prop_assert!(!gone.contains(&waiter));
                }
                let held: usize = places.actors.values().map(|actor| actor.held).sum();
                prop_assert_eq!(held + places.free, 8);
                let none_holds = places.actors.values().any(|actor| actor.held == 0 && !actor.waiting.is_empty());
                prop_assert!(!none_holds || places.free == 0);
                let most = places.actors.values().map(|actor| actor.held).max().unwrap_or(0);
                prop_assert!(most <= 4);
            }
        }
    }
}
