//! C: not yet.

use super::Work;
use crate::cli::failure::Failure;

pub(super) fn build(work: &Work<'_>) -> Result<(), Failure> {
    Err(Failure::system(format!("{}: this version builds no actors in C yet", work.scratch.display())))
}
