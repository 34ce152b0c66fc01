//! The table of routes: a verb, a path and a handler, and what a sender needs for it.
//!
//! There is no other way to a handler than through [`Routes`], so that no route can do without saying what it needs.

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};

use super::access::{self, Need};
use super::scope::Scope;
use crate::registry::Registry;

/// A line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// `GET` or `POST`.
    pub verb: &'static str,
    /// With names in braces for what may stand there.
    pub path: &'static str,
    /// What a token must have for it. None: no token is needed.
    pub scope: Option<Scope>,
}

/// Routes, each with what a sender needs for it.
#[derive(Default)]
pub(super) struct Routes {
    router: Router<Arc<Registry>>,
    listed: Vec<Route>,
}

impl Routes {
    /// A route that anybody may use: what it shows is no secret, and it changes nothing.
    pub(super) fn open<T: 'static>(
        self,
        path: &'static str,
        handler: impl Handler<T, Arc<Registry>>,
    ) -> Self {
        self.with(Route { verb: "GET", path, scope: None }, get(handler))
    }

    pub(super) fn get<T: 'static>(
        self,
        scope: Scope,
        path: &'static str,
        handler: impl Handler<T, Arc<Registry>>,
    ) -> Self {
        self.with(Route { verb: "GET", path, scope: Some(scope) }, get(handler))
    }

    pub(super) fn post<T: 'static>(
        self,
        scope: Scope,
        path: &'static str,
        handler: impl Handler<T, Arc<Registry>>,
    ) -> Self {
        self.with(Route { verb: "POST", path, scope: Some(scope) }, post(handler))
    }

    fn with(mut self, route: Route, method: MethodRouter<Arc<Registry>>) -> Self {
        let need = route.scope.map_or(Need::Nothing, Need::Scope);
        let method = method.route_layer(from_fn_with_state(need, access::admit));
        self.listed.push(route);
        Self { router: self.router.route(route.path, method), ..self }
    }

    /// The lines of the table.
    pub(super) fn listed(&self) -> &[Route] {
        &self.listed
    }

    /// What answers by the table, and to whomever is known by these two.
    pub(super) fn or_else<T: 'static, U: 'static>(
        self,
        no_such_route: impl Handler<T, Arc<Registry>>,
        wrong_verb: impl Handler<U, Arc<Registry>>,
    ) -> Router<Arc<Registry>> {
        let known = from_fn_with_state(Need::AnyToken, access::admit);
        self.router
            .fallback(no_such_route.layer(known.clone()))
            .method_not_allowed_fallback(wrong_verb.layer(known))
    }
}
