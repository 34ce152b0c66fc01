//! Fetches users, their orders and preferences from a web service, and remembers the users.

use std::collections::BTreeMap;
use std::time::Duration;

use pulsing_guest::serde::de::DeserializeOwned;
use pulsing_guest::serde::{Deserialize, Serialize};
use pulsing_guest::{Error, This, futures, http};

/// How many users are remembered.
const CACHED: usize = 1000;

/// What the service is started with: `--actor-config '{"base_url":"http://…"}'`.
#[derive(Deserialize)]
#[serde(crate = "pulsing_guest::serde")]
struct Config {
    base_url: String,
}

/// The state.
struct DataService {
    base_url: String,
    cache: BTreeMap<String, User>,
}

/// A customer.
#[derive(Clone, Serialize, Deserialize)]
#[serde(crate = "pulsing_guest::serde")]
struct User {
    id: String,
    name: String,
}

/// What somebody bought.
#[derive(Serialize, Deserialize)]
#[serde(crate = "pulsing_guest::serde")]
struct Order {
    id: String,
    total: u64,
}

/// What somebody likes.
#[derive(Serialize, Deserialize)]
#[serde(crate = "pulsing_guest::serde")]
struct Preferences {
    language: String,
}

/// All that is known of a customer.
#[derive(Serialize)]
#[serde(crate = "pulsing_guest::serde")]
struct Profile {
    user: User,
    orders: Vec<Order>,
    preferences: Preferences,
}

#[pulsing_guest::actor]
impl DataService {
    #[start]
    fn new(config: Config) -> Self {
        Self { base_url: config.base_url, cache: BTreeMap::new() }
    }

    /// Fetches a user and remembers it.
    async fn fetch_user(this: This<Self>, user_id: String) -> Result<User, Error> {
        let user: User = fetch(&this, "users", &user_id).await?;
        this.with(|state| state.remember(user_id, user.clone()));
        Ok(user)
    }

    /// Fetches what a user has ordered.
    async fn get_orders(this: This<Self>, user_id: String) -> Result<Vec<Order>, Error> {
        fetch(&this, "orders", &user_id).await
    }

    /// Fetches what a user likes.
    async fn get_preferences(this: This<Self>, user_id: String) -> Result<Preferences, Error> {
        fetch(&this, "preferences", &user_id).await
    }

    // region: join
    /// Fetches all of it at once: takes as long as the slowest. The first that fails ends the others.
    async fn fetch_user_profile(this: This<Self>, user_id: String) -> Result<Profile, Error> {
        let (user, orders, preferences) = futures::try_join!(
            Self::fetch_user(this.clone(), user_id.clone()),
            Self::get_orders(this.clone(), user_id.clone()),
            Self::get_preferences(this, user_id),
        )?;
        Ok(Profile { user, orders, preferences })
    }
    // endregion

    /// Answers a user that was fetched before. One step, so it is plain: there is nothing to wait for.
    fn get_cache(&self, user_id: String) -> Option<User> {
        self.cache.get(&user_id).cloned()
    }
}

impl DataService {
    fn remember(&mut self, id: String, user: User) {
        self.cache.insert(id, user);
        if self.cache.len() > CACHED {
            self.cache.pop_first();
        }
    }
}

async fn fetch<T: DeserializeOwned>(this: &This<DataService>, shelf: &str, id: &str) -> Result<T, Error> {
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Error::business(400, "a user's id is made of letters and digits"));
    }
    let url = this.with(|state| format!("{}/{shelf}/{id}", state.base_url));
    let response = http::Request::get(&url).timeout(Duration::from_secs(5)).send().await?;
    if response.status() == 404 {
        return Err(Error::business(404, format!("there is no user {id}")));
    }
    Ok(response.error_for_status()?.json().await?)
}
