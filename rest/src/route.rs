//! The table of endpoints and what is done with each of its rows before its handler runs.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};
use claviger_engine::App;
use claviger_surface::Answer;

use crate::call::{AdminCall, Arrival, respond};
use crate::guard::Right;
use crate::problem::Problem;

/// Who may call an endpoint.
#[derive(Clone, Copy, Debug)]
pub enum Rights {
    /// Whoever has one of these over the realm.
    Any(&'static [Right]),
    /// Whoever administers the realm in any way; the handler narrows what they see.
    AnyAdmin,
    /// Anybody whose token is good; the handler decides.
    Handler,
}

type Answering = Pin<Box<dyn Future<Output = Result<Answer, Problem>> + Send>>;
type Handler = Arc<dyn Fn(AdminCall) -> Answering + Send + Sync>;

/// One row of the table.
#[derive(Clone)]
pub struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) rights: Rights,
    handler: Handler,
}

/// A row: method, path, rights, handler.
pub fn route<F, A>(method: Method, path: &'static str, rights: Rights, handler: F) -> Route
where
    F: Fn(AdminCall) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Answer, Problem>> + Send + 'static,
{
    Route {
        method,
        path,
        rights,
        handler: Arc::new(move |call| Box::pin(handler(call))),
    }
}

/// All rows as one router.
pub fn router(routes: Vec<Route>) -> Router<App> {
    let mut paths: BTreeMap<&'static str, MethodRouter<App>> = BTreeMap::new();
    for route in routes {
        let path = route.path;
        let Ok(filter) = MethodFilter::try_from(route.method.clone()) else {
            continue;
        };
        let handler = move |State(app): State<App>, request: Request| serve(app, request, route);
        let methods = paths.remove(path).unwrap_or_default();
        paths.insert(path, methods.merge(on(filter, handler)));
    }
    let mut table = Router::new();
    for (path, methods) in paths {
        table = table.route(path, methods);
    }
    table.method_not_allowed_fallback(method_not_allowed)
}

async fn method_not_allowed(request: Request) -> Response {
    let problem = Problem::error(
        StatusCode::METHOD_NOT_ALLOWED,
        "HTTP 405 Method Not Allowed",
    );
    respond(Err(problem), None, request.headers())
}

async fn serve(app: App, request: Request, route: Route) -> Response {
    let headers = request.headers().clone();
    let arrival = match Arrival::read(app, request).await {
        Ok(arrival) => arrival,
        Err(problem) => return respond(Err(problem), None, &headers),
    };
    let call = match arrival.admit().await {
        Ok(call) => call,
        Err(problem) => return respond(Err(problem), None, &headers),
    };
    let realm = Arc::clone(&call.realm);
    let outcome = run(call, &route).await;
    respond(outcome, Some(&realm), &headers)
}

async fn run(call: AdminCall, route: &Route) -> Result<Answer, Problem> {
    match route.rights {
        Rights::Any(rights) if !call.admin.may(&call.realm, rights).await? => {
            return Err(Problem::lacks(rights));
        }
        Rights::AnyAdmin if !call.admin.is_any(&call.realm).await? => {
            return Err(Problem::forbidden());
        }
        Rights::Any(_) | Rights::AnyAdmin | Rights::Handler => {}
    }
    (route.handler)(call).await
}
