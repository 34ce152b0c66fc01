//! The table of routes: a verb, a path and a handler, and what a sender needs for it.
//!
//! There is no other way to a handler than through [`Routes`], so that no route can do without saying what it needs.

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};

use super::access::Need;
use super::scope::Scope;
use super::{Guard, guarded};
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
    listed: Vec<Route>,
    /// As many, in the same order.
    methods: Vec<MethodRouter<Arc<Registry>>>,
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
        self.listed.push(route);
        self.methods.push(method);
        self
    }

    /// The lines of the table.
    pub(super) fn listed(&self) -> &[Route] {
        &self.listed
    }

    /// What answers by the table, each route behind the guard with what it needs, and what there is no route for behind
    /// it, too. One layer for each request: every further one costs it allocations.
    pub(super) fn behind<T: 'static, U: 'static>(
        self,
        guard: &Guard,
        no_such_route: impl Handler<T, Arc<Registry>>,
        wrong_verb: impl Handler<U, Arc<Registry>>,
    ) -> Router<Arc<Registry>> {
        let guarded = |need| from_fn_with_state(guard.with(need), guarded);
        let routes = self.listed.into_iter().zip(self.methods);
        let router = routes.fold(Router::new(), |router, (route, method)| {
            let need = route.scope.map_or(Need::Nothing, Need::Scope);
            router.route(route.path, method.route_layer(guarded(need)))
        });
        router
            .fallback(no_such_route.layer(guarded(Need::AnyToken)))
            .method_not_allowed_fallback(wrong_verb.layer(guarded(Need::AnyToken)))
    }
}
