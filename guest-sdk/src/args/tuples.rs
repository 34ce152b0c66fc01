//! [`Args`] for tuples of up to twelve arguments, as far as the standard library's own traits go.

use super::{Args, Argument, Source, bad, missing};
use crate::Error;

fn read<'de, T: serde::Deserialize<'de>, S: Source<'de>>(
    slot: &mut Option<T>,
    source: &mut S,
) -> Result<bool, S::Error> {
    *slot = source.next()?;
    Ok(slot.is_some())
}

fn finish<T: Argument>(slot: Option<T>, names: &[&str], index: usize) -> Result<T, Error> {
    slot.or_else(missing).ok_or_else(|| {
        let name = names.get(index).copied().unwrap_or_default();
        bad(format_args!("argument `{name}` is missing"))
    })
}

macro_rules! tuple {
    ($($T:ident $index:tt)*) => {
        #[allow(unused_variables, reason = "the empty tuple uses none of them")]
        impl<$($T: Argument),*> Args for ($($T,)*) {
            type Slots = ($(Option<$T>,)*);

            fn read<'de, S: Source<'de>>(
                slots: &mut Self::Slots,
                index: usize,
                source: &mut S,
            ) -> Result<bool, S::Error> {
                match index {
                    $($index => read(&mut slots.$index, source),)*
                    _ => Ok(false),
                }
            }

            #[allow(clippy::unused_unit, reason = "the empty tuple")]
            fn finish(slots: Self::Slots, names: &[&str]) -> Result<Self, Error> {
                Ok(($(finish(slots.$index, names, $index)?,)*))
            }

            fn is_required(index: usize) -> bool {
                match index {
                    $($index => missing::<$T>().is_none(),)*
                    _ => false,
                }
            }
        }
    };
}

tuple! {}
tuple! { A 0 }
tuple! { A 0 B 1 }
tuple! { A 0 B 1 C 2 }
tuple! { A 0 B 1 C 2 D 3 }
tuple! { A 0 B 1 C 2 D 3 E 4 }
tuple! { A 0 B 1 C 2 D 3 E 4 F 5 }
tuple! { A 0 B 1 C 2 D 3 E 4 F 5 G 6 }
tuple! { A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 }
tuple! { A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 }
tuple! { A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 }
tuple! { A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 }
tuple! { A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 }
