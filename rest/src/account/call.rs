//! One request to the Account API: as it came in, and as somebody's whose token is good.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use claviger_engine::App;
use claviger_engine::bearer::{self, Accepted, Refused};
use claviger_engine::client::Client;
use claviger_engine::events::EventBuilder;
use claviger_engine::mapper::origin::web_origins;
use claviger_engine::person::Person;
use claviger_engine::realm::Realm;
use claviger_engine::request::RequestContext;
use claviger_engine::scope::Granted;
use claviger_engine::token::TokenClaims;
use claviger_model::{User, UserSession};
use claviger_surface::cors::{self, Readers};
use claviger_surface::{Answer, Form, Help};
use claviger_wire::document::Json;
use claviger_wire::fields::Fields;
use claviger_wire::schema;

use super::ACCOUNT;
use crate::call::{Arrival, consumes, respond};
use crate::problem::Problem;

/// The one version of the API that may be named in its address.
const VERSION: &str = "v1alpha1";
/// How large a body may be, in bytes.
const BODY_MAX: usize = 1024 * 1024;
/// Segments below the API's address that are looked at.
const SEGMENTS_MAX: usize = 8;

/// A request to a realm that exists, of whoever it may be.
pub(super) struct Visit {
    pub(super) method: Method,
    app: App,
    realm: Arc<Realm>,
    context: RequestContext,
    headers: HeaderMap,
    query: Form,
    body: Bytes,
    path: Vec<String>,
    readers: Readers,
}

/// The same, of somebody whose token is good.
pub(super) struct AccountCall {
    pub(super) method: Method,
    /// The server.
    pub(super) app: App,
    /// The realm.
    pub(super) realm: Arc<Realm>,
    /// Where the request came in.
    pub(super) context: RequestContext,
    /// The request's headers.
    pub(super) headers: HeaderMap,
    /// The query's parameters.
    pub(super) query: Form,
    /// Segments below the API's address, decoded.
    pub(super) path: Vec<String>,
    /// Who asks: enabled, and no service account.
    pub(super) person: Person,
    /// The session of the token.
    pub(super) session: UserSession,
    /// The token.
    pub(super) token: TokenClaims,
    /// The client that it was issued to.
    pub(super) used: Arc<Client>,
    roles: BTreeSet<String>,
    body: Bytes,
}

impl Visit {
    pub(super) async fn arrive(app: App, request: Request) -> Result<Self, Problem> {
        let method = request.method().clone();
        let arrival = Arrival::read(app, request).await?;
        if arrival.body.len() > BODY_MAX {
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            let text = "The request is longer than 1 MiB";
            return Err(Problem::described(status, "invalid_request", text));
        }
        let no_realm = || Problem::not_found("Realm does not exist").helped(Help::RealmNotFound);
        let name = arrival.params.get("realm").ok_or_else(no_realm)?;
        let realm = arrival.app.realm(name).await?.ok_or_else(no_realm)?;
        let mut path = segments(arrival.uri.path());
        if path.first().is_some_and(|first| is_version(first)) && path.remove(0) != VERSION {
            return Err(Problem::not_found("API version not found"));
        }
        Ok(Self {
            method,
            realm,
            query: Form::parse(arrival.uri.query().unwrap_or_default().as_bytes()),
            path,
            app: arrival.app,
            context: arrival.context,
            headers: arrival.headers,
            body: arrival.body,
            readers: Readers::Nobody,
        })
    }

    /// Whether the API is meant, and not the pages at the same address.
    pub(super) fn wants_json(&self) -> bool {
        let json = "application/json";
        let essence = |text: &str| {
            let text = text.split(';').next().unwrap_or_default().trim();
            text.eq_ignore_ascii_case(json)
        };
        let texts = |name| {
            let values = self.headers.get_all(name).into_iter();
            values.filter_map(|value| value.to_str().ok())
        };
        texts(header::ACCEPT).any(|text| text.split(',').any(essence))
            || texts(header::CONTENT_TYPE).any(essence)
            || !self.path.is_empty() && self.method != Method::GET
    }

    /// Finds out who asks, and whether the page that asks may read the answer.
    pub(super) async fn admit(&mut self) -> Result<AccountCall, Problem> {
        if self.context.lacks_tls(self.realm.settings.ssl_required) {
            let status = StatusCode::FORBIDDEN;
            let problem = Problem::described(status, "invalid_request", "HTTPS required");
            return Err(problem.helped(Help::HttpsRequired));
        }
        let account = self.realm.client(ACCOUNT).await?;
        let account = account.filter(|client| client.settings.enabled);
        let account =
            account.ok_or_else(|| Problem::not_found("account management not enabled"))?;
        let Accepted {
            token,
            client,
            usable,
        } = self.accept().await?;
        let (store, realm) = (&self.app.store, &self.realm);
        let session = usable.session().clone();
        let person = Person::load(store, realm, usable.user().clone()).await?;
        let granted = Granted::new(realm, &client, &person, token.scope.as_deref()).await?;
        let live = granted.role_names.clients.get(&account.client_id);
        let roles = roles_in(&token, &account, live).ok_or_else(unauthorized)?;
        self.check_origin(&token, &client)?;
        if person.user.service_account_of.is_some() {
            return Err(unauthorized());
        }
        Ok(AccountCall {
            method: self.method.clone(),
            app: self.app.clone(),
            realm: Arc::clone(&self.realm),
            context: self.context.clone(),
            headers: self.headers.clone(),
            query: self.query.clone(),
            path: self.path.clone(),
            body: self.body.clone(),
            person,
            session,
            token,
            used: client,
            roles,
        })
    }

    async fn accept(&self) -> Result<Accepted, Problem> {
        let text = self.headers.get(header::AUTHORIZATION);
        let text = text.and_then(|value| value.to_str().ok());
        let (scheme, token) = text
            .and_then(|text| text.trim().split_once(' '))
            .ok_or_else(|| unauthorized().helped(Help::AccessTokenMissing))?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(unauthorized().helped(Help::AccessTokenMissing));
        }
        let accepted = bearer::accept(&self.app, &self.realm, &self.context, token.trim()).await;
        accepted.map_err(|refused| match refused {
            Refused::Store(error) => error.into(),
            Refused::Unusable(reason) => unauthorized().because(Help::of_unusable(&reason)),
            Refused::NoClient | Refused::Revoked => unauthorized().because(Help::TokenRevoked),
            Refused::BeforeCut => unauthorized().because(Help::TokenBeforeCut),
            Refused::Alien => unauthorized(),
        })
    }

    /// Lets pages of the web origins that the token names, or else its client, read the answer.
    fn check_origin(&mut self, token: &TokenClaims, client: &Client) -> Result<(), Problem> {
        let Some(origin) = self.headers.get(header::ORIGIN) else {
            return Ok(());
        };
        let mut origins: BTreeSet<String> = Fields::of(&token.all)
            .texts("allowed-origins")
            .into_iter()
            .collect();
        if origins.is_empty() {
            let known = web_origins(client, &self.context.base_url).into_iter();
            origins.extend(known.map(std::borrow::Cow::into_owned));
        }
        let readers = if origins.contains("*") {
            Readers::All
        } else {
            Readers::Origins(origins)
        };
        let origin = origin.to_str().unwrap_or_default();
        if !readers.include(origin) && origin != self.context.origin {
            let problem = Problem::error(StatusCode::FORBIDDEN, "Invalid origin");
            return Err(problem.helped(Help::OriginNotAllowed));
        }
        self.readers = readers;
        Ok(())
    }

    /// The response to an answer or a refusal, with what every answer of this realm carries.
    pub(super) fn respond(&self, outcome: Result<Answer, Problem>) -> Response {
        let mut response = respond(outcome, Some(&self.realm), &self.headers);
        let asking = self.headers.get(header::ORIGIN);
        cors::write(response.headers_mut(), asking, &self.readers, None);
        response
    }

    /// The response to a preflight request.
    pub(super) fn respond_to_preflight(&self) -> Response {
        let answer = Ok(Answer::empty(StatusCode::OK));
        let mut response = respond(answer, Some(&self.realm), &self.headers);
        let asking = self.headers.get(header::ORIGIN);
        let methods = "DELETE, POST, GET, HEAD, OPTIONS, PUT";
        cors::write_preflight(response.headers_mut(), asking, methods);
        response
    }
}

/// One text stands for every cause: which of them it was is no business of the sender.
fn unauthorized() -> Problem {
    Problem::unauthorized(Help::AccessTokenNotAccepted)
}

/// The roles of the client `account` that a token carries and its bearer still has; none if the token
/// is not meant for this API. Lightweight tokens say neither, and stand for what they would carry.
fn roles_in(
    token: &TokenClaims,
    account: &Client,
    live: Option<&BTreeSet<String>>,
) -> Option<BTreeSet<String>> {
    if token.is_lightweight() && token.audience.is_empty() {
        return live.cloned();
    }
    if !token.audience.contains(&account.client_id) {
        return None;
    }
    let access = token.all.get("resource_access");
    let own = access.and_then(|access| access.get(&account.client_id)?.as_object());
    let named = own.map(|own| Fields::of(own).texts("roles"));
    let named: BTreeSet<String> = named.unwrap_or_default().into_iter().collect();
    let none = BTreeSet::new();
    Some(named.intersection(live.unwrap_or(&none)).cloned().collect())
}

/// What stands behind `…/account` in a path, segment by segment and decoded.
fn segments(path: &str) -> Vec<String> {
    let mut parts = path.trim_matches('/').split('/');
    // `realms`, the realm, `account`
    let below = parts.by_ref().skip(3).take(SEGMENTS_MAX);
    below
        .map(|part| {
            percent_encoding::percent_decode_str(part)
                .decode_utf8_lossy()
                .into_owned()
        })
        .collect()
}

/// Whether a segment names a version: `v`, a digit, and what may follow.
fn is_version(segment: &str) -> bool {
    let mut letters = segment.chars();
    letters.next() == Some('v')
        && letters.next().is_some_and(|letter| letter.is_ascii_digit())
        && letters.all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-'))
}

impl AccountCall {
    /// Who asks.
    pub(super) fn user(&self) -> &User {
        &self.person.user
    }

    /// Refuses whoever has none of some roles of the client `account`.
    pub(super) fn require(&self, roles: &[&str]) -> Result<(), Problem> {
        if roles.iter().any(|role| self.roles.contains(*role)) {
            return Ok(());
        }
        Err(Problem::forbidden())
    }

    /// The body as a representation of a class.
    pub(super) fn json(&self, class: &str) -> Result<Json, Problem> {
        consumes(&self.headers, "application/json")?;
        schema::parse(class, &self.body).map_err(Problem::from)
    }

    /// The body as it came.
    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    /// A flag of the query.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        let text = self.query.get(name)?;
        Some(text.eq_ignore_ascii_case("true"))
    }

    /// An event of this kind about whoever asks.
    pub(super) fn event(&self, kind: &'static str) -> EventBuilder {
        let mut event = EventBuilder::new(kind, &self.context.ip_address);
        event.client(ACCOUNT).user(self.user().id.as_str());
        event
    }
}

#[cfg(test)]
mod tests {
    use super::{is_version, segments};

    #[test]
    fn what_is_asked_for_is_what_stands_below_the_address() {
        for (path, expected) in [
            ("/realms/shop/account", &[][..]),
            ("/realms/shop/account/", &[][..]),
            (
                "/realms/shop/account/sessions/devices",
                &["sessions", "devices"][..],
            ),
            (
                "/realms/shop/account/applications/a%2Fb/consent",
                &["applications", "a/b", "consent"][..],
            ),
        ] {
            assert_eq!(segments(path), expected, "{path}");
        }
    }

    #[test]
    fn a_version_begins_with_v_and_a_digit() {
        let versions = ["v1", "v1alpha1", "v2-x_y"];
        assert!(versions.into_iter().all(is_version));
        assert!(
            !["verifiable-credentials", "v", "1", "v1/", ""]
                .into_iter()
                .any(is_version)
        );
    }
}
