//! One request of an administrator, with everything that its endpoint may look at.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequestParts, RawPathParams, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use claviger_engine::App;
use claviger_engine::realm::Realm;
use claviger_engine::request::RequestContext;
use claviger_model::{AdminEvent, RealmId};
use claviger_store::Tx;
use claviger_surface::body::{BodyError, read};
use claviger_surface::headers::secure;
use claviger_surface::{Answer, Form, Help};
use claviger_wire::document::Json;
use claviger_wire::realm::EventsSettings;
use claviger_wire::schema;
use percent_encoding::AsciiSet;
use serde::Serialize;
use serde_json::Value;

use crate::guard::Admin;
use crate::problem::Problem;

/// How large a body may be: realm files come this way too.
const BODY_MAX: usize = 64 * 1024 * 1024;

/// What cannot stand as it is in a segment of a path (RFC 3986 §3.3).
const SEGMENT: &AsciiSet = &percent_encoding::NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// A request of an administrator whose token is good.
#[derive(Debug)]
pub struct AdminCall {
    /// The server.
    pub app: App,
    /// Who asks.
    pub admin: Admin,
    /// The realm that is administered; for paths without one, the administrator's own.
    pub realm: Arc<Realm>,
    /// Where the request came in.
    pub context: RequestContext,
    /// The path's parameters by name.
    params: HashMap<String, String>,
    /// The query's parameters.
    pub query: Form,
    /// The request's headers.
    pub headers: HeaderMap,
    uri: Uri,
    body: Bytes,
}

/// A request as it came in, before anybody is known.
pub(crate) struct Arrival {
    pub(crate) app: App,
    pub(crate) context: RequestContext,
    pub(crate) params: HashMap<String, String>,
    pub(crate) headers: HeaderMap,
    pub(crate) uri: Uri,
    pub(crate) body: Bytes,
}

impl Arrival {
    /// Reads a request within bounds.
    pub(crate) async fn read(app: App, request: Request) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let raw = RawPathParams::from_request_parts(&mut parts, &()).await;
        let raw = raw.map_err(|_| Problem::not_found("HTTP 404 Not Found"))?;
        let params = raw
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let Some(context) = parts.extensions.get::<RequestContext>().cloned() else {
            tracing::error!("a request came in without its context");
            return Err(Problem::busy());
        };
        let body = read(&parts.headers, body, BODY_MAX)
            .await
            .map_err(|error| {
                let text = match error {
                    BodyError::TooLong => "The request is longer than 64 MiB",
                    BodyError::Broken => "The request broke off",
                };
                Problem::described(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request", text)
            })?;
        Ok(Self {
            app,
            context,
            params,
            headers: parts.headers,
            uri: parts.uri,
            body,
        })
    }

    /// The bearer token (RFC 6750 §2.1).
    pub(crate) fn bearer(&self) -> Option<&str> {
        let text = self.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = text.trim().split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    /// Finds out who asks, and for which realm.
    pub(crate) async fn admit(self) -> Result<AdminCall, Problem> {
        let admin = Admin::authenticate(&self.app, &self.context, self.bearer()).await?;
        let realm = match self.params.get("realm") {
            Some(name) => {
                let found = self.app.realm(name).await?;
                found.ok_or_else(Problem::no_realm)?
            }
            None => Arc::clone(&admin.realm),
        };
        // Administrators of one realm have no business in another, whatever their roles.
        if !admin.is_of_master() && admin.realm.id != realm.id {
            return Err(Problem::forbidden().helped(Help::AdminOfAnotherRealm));
        }
        Ok(AdminCall {
            query: Form::parse(self.uri.query().unwrap_or_default().as_bytes()),
            app: self.app,
            admin,
            realm,
            context: self.context,
            params: self.params,
            headers: self.headers,
            uri: self.uri,
            body: self.body,
        })
    }
}

/// What an admin event is about.
#[derive(Clone, Copy, Debug)]
pub struct Resource<'a> {
    /// `CREATE`, `UPDATE`, `DELETE` or `ACTION`.
    pub operation: &'static str,
    /// `USER`, `CLIENT`, `REALM`, ….
    pub kind: &'static str,
    /// Path below `/admin/realms/{realm}/`; none for the realm itself.
    pub path: Option<&'a str>,
}

/// Where an admin event is written.
#[derive(Clone, Copy, Debug)]
pub struct Journal<'a> {
    /// The realm that keeps it.
    pub realm: &'a RealmId,
    /// Whether it is kept, and with what.
    pub settings: &'a EventsSettings,
}

impl AdminCall {
    /// A parameter of the path.
    pub fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }

    /// The body, as it came.
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// The body as a representation of a class, as strictly as Keycloak reads it.
    pub fn json(&self, class: &str) -> Result<Json, Problem> {
        self.consumes("application/json")?;
        schema::parse(class, &self.body).map_err(Problem::from)
    }

    /// The body as a list of representations of a class.
    pub fn json_list(&self, class: &str) -> Result<Vec<Json>, Problem> {
        self.consumes("application/json")?;
        schema::parse_list(class, &self.body).map_err(Problem::from)
    }

    /// The body as a list of texts.
    pub fn texts(&self) -> Result<Vec<String>, Problem> {
        self.consumes("application/json")?;
        schema::parse_texts(&self.body).map_err(Problem::from)
    }

    /// Whether nothing was sent, or `null`: some endpoints mean everything by it.
    pub fn is_nothing(&self) -> bool {
        matches!(self.body.trim_ascii(), b"" | b"null")
    }

    /// Refuses a body that says to be of another type than the endpoint reads.
    pub fn consumes(&self, expected: &str) -> Result<(), Problem> {
        consumes(&self.headers, expected)
    }

    /// The body as any JSON value.
    pub fn value(&self) -> Result<Value, Problem> {
        serde_json::from_slice(&self.body).map_err(|_| {
            let status = StatusCode::BAD_REQUEST;
            Problem::described(status, "invalid_request", "Cannot parse the JSON")
        })
    }

    /// A flag of the query.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.query
            .get(name)
            .map(|text| text.eq_ignore_ascii_case("true"))
    }

    /// A number of the query; anything else is refused as not found, as Keycloak routes it.
    pub fn number(&self, name: &str) -> Result<Option<i64>, Problem> {
        let Some(text) = self.query.get(name).filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let number: Result<i64, _> = text.parse();
        number
            .map(Some)
            .map_err(|_| Problem::not_found("HTTP 404 Not Found"))
    }

    /// The realm's name as a segment of a path.
    pub fn realm_segment(&self) -> String {
        segment(&self.realm.name)
    }

    /// The path of this request below `/admin/realms/{realm}/`, decoded.
    pub fn resource_path(&self) -> String {
        let path = self.uri.path();
        let below = path
            .split_once("/admin/realms/")
            .map_or("", |(_, rest)| rest);
        let below = below
            .split_once('/')
            .map_or("", |(_, rest)| rest)
            .trim_end_matches('/');
        percent_encoding::percent_decode_str(below)
            .decode_utf8_lossy()
            .into_owned()
    }

    /// `201` with the address of what was made, which hangs below this request's address.
    pub fn created(&self, name: &str) -> Answer {
        Answer::empty(StatusCode::CREATED).with_text(header::LOCATION, &self.address_below(name))
    }

    /// The address of something that hangs below this request's address.
    pub fn address_below(&self, name: &str) -> String {
        let path = self.uri.path().trim_end_matches('/');
        format!("{}{path}/{}", self.context.base_url, segment(name))
    }

    /// Records what an administrator does, with the job that does it, if the realm wants it.
    pub fn record(&self, tx: &mut Tx, resource: Resource<'_>, representation: Option<&Value>) {
        self.record_with(tx, resource, representation, &[]);
    }

    /// The same with further facts; those without a value are left out.
    pub fn record_with(
        &self,
        tx: &mut Tx,
        resource: Resource<'_>,
        representation: Option<&Value>,
        details: &[(&str, Option<&str>)],
    ) {
        let journal = Journal {
            realm: &self.realm.id,
            settings: &self.realm.settings.events,
        };
        self.record_in(tx, journal, resource, representation, details);
    }

    /// The same in another realm, or by other settings, than those of the realm that is
    /// administered.
    pub fn record_in(
        &self,
        tx: &mut Tx,
        journal: Journal<'_>,
        resource: Resource<'_>,
        representation: Option<&Value>,
        details: &[(&str, Option<&str>)],
    ) {
        let Journal { realm, settings } = journal;
        if !settings.admin_events_enabled {
            return;
        }
        let representation = representation.filter(|_| settings.admin_events_details_enabled);
        let event = AdminEvent {
            id: self.app.random.uuid(),
            time: self.app.now(),
            realm: realm.clone(),
            auth_realm_id: self.admin.realm.id.as_str().to_owned(),
            auth_client_id: self.admin.client.uuid.as_str().to_owned(),
            auth_user_id: self.admin.person.user.id.as_str().to_owned(),
            ip_address: self.context.ip_address.clone(),
            operation: resource.operation.to_owned(),
            resource_type: resource.kind.to_owned(),
            resource_path: resource.path.map(str::to_owned),
            representation: representation.map(ToString::to_string),
            error: None,
            details: details
                .iter()
                .filter_map(|(name, value)| Some(((*name).to_owned(), (*value)?.to_owned())))
                .collect(),
        };
        tx.insert_admin_event(&event);
    }
}

/// The response to an answer or a refusal, with what every answer of this surface carries.
pub(crate) fn respond(
    outcome: Result<Answer, Problem>,
    realm: Option<&Realm>,
    request: &HeaderMap,
) -> Response {
    let answer = outcome.unwrap_or_else(Problem::into_answer);
    let mut response = answer.into_response();
    let none = std::collections::BTreeMap::new();
    let settings = realm.map_or(&none, |realm| &realm.settings.browser_security_headers);
    secure(response.headers_mut(), request, settings);
    response
}

/// A name as a segment of a path.
pub(crate) fn segment(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, SEGMENT).to_string()
}

/// Refuses a body that says to be of another type than is read.
pub(crate) fn consumes(headers: &HeaderMap, expected: &str) -> Result<(), Problem> {
    let Some(sent) = headers.get(header::CONTENT_TYPE) else {
        return Ok(());
    };
    let sent = sent.to_str().unwrap_or_default();
    let essence = sent.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(expected) {
        return Ok(());
    }
    let text = "The content-type header value did not match the value in @Consumes";
    Err(Problem::error(StatusCode::UNSUPPORTED_MEDIA_TYPE, text))
}

/// `201` with JSON about what was made, and its address.
pub fn created(address: &str, value: &impl Serialize) -> Answer {
    let kind = HeaderValue::from_static("application/json;charset=UTF-8");
    Answer::json(StatusCode::CREATED, value)
        .with(header::CONTENT_TYPE, kind)
        .with_text(header::LOCATION, address)
}

/// `200` with JSON, as an action answers.
pub fn json(value: &impl Serialize) -> Answer {
    let kind = HeaderValue::from_static("application/json;charset=UTF-8");
    Answer::json(StatusCode::OK, value).with(header::CONTENT_TYPE, kind)
}

/// `200` with JSON that is not to be kept, as a question answers.
pub fn read_out(value: &impl Serialize) -> Answer {
    json(value).no_cache()
}

/// `204`.
pub fn no_content() -> Answer {
    Answer::empty(StatusCode::NO_CONTENT)
}
