//! HTTP to other machines, for actors whose handlers overlap: while one waits, others run.
//!
//! Only to hosts that were granted to the actor (`--http HOST`). Bodies stream both ways; what is read at once is
//! bounded. An exchange ends with the call that it was begun in, and when its [`Response`] is dropped.
//!
//! ```no_run
//! # use std::time::Duration;
//! # use pulsing_guest::{Error, http, serde};
//! # #[derive(serde::Deserialize)]
//! # #[serde(crate = "pulsing_guest::serde")]
//! # struct User { name: String }
//! # async fn example() -> Result<String, Error> {
//! let request = http::Request::get("https://api.example.com/users/5").timeout(Duration::from_secs(5));
//! let user: User = request.send().await?.error_for_status()?.json().await?;
//! # Ok(user.name) }
//! ```

mod error;
mod events;
mod exchange;
mod lines;
mod request;
mod response;
mod text;

pub use error::{Error, ErrorKind};
pub use events::Event;
pub use request::Request;
pub use response::Response;
