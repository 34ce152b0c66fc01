//! What guests, clients and files do to a host on purpose, and what must come of it. Each topic is a kind of attack; its
//! mechanism stands in `docs/security.md`.

mod browsers;
mod budgets;
mod compile_bombs;
mod connections;
mod disk;
mod folders;
mod host_calls;
mod host_files;
mod host_memory;
mod logs;
mod lookups;
mod raw;
mod reply_caches;
mod shares;
mod starts;
mod tls;
mod tokens;
mod unread;
mod words;
