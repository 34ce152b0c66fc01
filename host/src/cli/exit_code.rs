//! What the program's exit codes mean. They are a promise: scripts depend on them.

/// All went well.
pub const OK: u8 = 0;
/// The actor refused what was asked (`business`): asking the same again is of no use.
pub const BUSINESS: u8 = 1;
/// The command line, a configuration file or the arguments are wrong; nothing was done.
pub const USAGE: u8 = 2;
/// The actor failed (`system`), or the machine did.
pub const SYSTEM: u8 = 3;
/// It took too long (`timeout`); it may have taken effect.
pub const TIMEOUT: u8 = 4;
/// The actor does not have the method (`unsupported`).
pub const UNSUPPORTED: u8 = 5;
/// The call was cancelled (`cancelled`).
pub const CANCELLED: u8 = 6;
/// The host could not do it (`runtime`): no such actor, stopped, restarting, mailbox full…
pub const RUNTIME: u8 = 7;
/// No host answers, or it went away.
pub const UNREACHABLE: u8 = 8;
/// The component cannot run here.
pub const REFUSED: u8 = 9;
/// Ended at once, by a second signal.
pub const INTERRUPTED: u8 = 130;
