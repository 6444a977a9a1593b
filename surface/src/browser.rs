//! What a browser brings, read out of a request, and the response that an [`Outcome`] is: one place
//! for cookies' attributes, the headers of pages and the statuses of errors.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use claviger_engine::browser::{
    Browser, ClientAnswer, CookieChange, CookieName, Delivery, Headers, Outcome, Reply,
};
use claviger_engine::page::{Fault, Page, View};
use claviger_engine::realm::Realm;
use claviger_engine::request::RequestContext;
use claviger_model::Secret;
use claviger_pages::themes::Themes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

use crate::headers::secure;

/// How pages of a login are kept: not at all.
pub const NO_STORE: HeaderValue = HeaderValue::from_static("no-store, must-revalidate, max-age=0");

/// What is escaped in a segment of a path (RFC 3986 §3.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// How many cookies of a request are looked at.
const COOKIES_MAX: usize = 100;

/// What the request's headers say of the browser.
pub fn browser(headers: &HeaderMap) -> Browser {
    let cookie = |name: CookieName| cookie(headers, name.as_str());
    let secret = |name: CookieName| cookie(name).map(Secret::new);
    let text = |name: HeaderName| {
        let value = headers.get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    Browser {
        authentication: secret(CookieName::AuthenticationSession),
        identity: secret(CookieName::Identity),
        restart: secret(CookieName::Restart),
        state_checker: secret(CookieName::StateChecker),
        remembered: cookie(CookieName::RememberMe),
        locale: cookie(CookieName::Locale),
        accept_language: text(header::ACCEPT_LANGUAGE),
        user_agent: text(header::USER_AGENT),
        authorization: text(header::AUTHORIZATION).map(Secret::new),
        headers: Headers(headers.iter().filter_map(readable).collect()),
    }
}

/// A header's name and value, if the value is text.
fn readable((name, value): (&HeaderName, &HeaderValue)) -> Option<(String, String)> {
    let value = std::str::from_utf8(value.as_bytes()).ok()?;
    Some((name.as_str().to_owned(), value.to_owned()))
}

/// The language of a page that no login stands behind.
pub fn locale(realm: &Realm, browser: &Browser) -> String {
    let wishes = claviger_engine::locale::Wishes {
        cookie: browser.locale.as_deref(),
        accept: browser.accept_language.as_deref(),
        ..claviger_engine::locale::Wishes::default()
    };
    claviger_engine::locale::choose(realm, wishes)
}

/// A cookie's value, without the quotes that values with unusual letters come in (RFC 6265 §4.1.1).
/// Of two with one name the first counts: browsers send the one of the longer path before (§5.4).
pub fn cookie(headers: &HeaderMap, wanted: &str) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).into_iter();
    lines
        .filter_map(|line| std::str::from_utf8(line.as_bytes()).ok())
        .flat_map(|line| line.split(';'))
        .take(COOKIES_MAX)
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == wanted)
        .map(|(_, value)| unquoted(value))
        .filter(|value| !value.is_empty())
}

/// The response to `asked`. Nobody keeps it; an address whose answers Keycloak lets be kept otherwise
/// says so over it.
pub fn respond(
    outcome: Outcome,
    realm: &Realm,
    context: &RequestContext,
    asked: &HeaderMap,
) -> Response {
    let mut response = match outcome.reply {
        Reply::Page(view) => page(&view),
        Reply::Go(address) => redirect(&address),
        Reply::Answer(answer) => deliver(&answer, context),
        Reply::Challenge(name) => challenge(&name),
    };
    let headers = response.headers_mut();
    for value in cookie_headers(&outcome.cookies, realm, context, asked) {
        headers.append(header::SET_COOKIE, value);
    }
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    let frames = headers.remove(FRAMES);
    secure(headers, asked, &realm.settings.browser_security_headers);
    if let Some(frames) = frames {
        allow_frames(headers, &frames);
    }
    response
}

/// A page that another theme than ours is wanted for, beside its response: who knows the themes
/// makes its HTML anew.
#[derive(Clone, Debug)]
pub struct Themed(pub Box<View>);

/// Carries the origins of frames from the page to the header that has to allow them.
const FRAMES: HeaderName = HeaderName::from_static("x-frame-sources");

fn page(view: &View) -> Response {
    let mut response = html(claviger_pages::render(view), "text/html;charset=utf-8");
    if let Page::Error { fault, .. } = view.page {
        *response.status_mut() = status(fault);
    }
    if Themes::wanted(view).is_some() {
        let themed = Themed(Box::new(view.clone()));
        response.extensions_mut().insert(themed);
    }
    let headers = response.headers_mut();
    if let Ok(language) = HeaderValue::from_str(&view.locale) {
        headers.insert(header::CONTENT_LANGUAGE, language);
    }
    let frames = claviger_pages::frame_sources(view);
    if let Some(value) = frames.and_then(|text| HeaderValue::from_str(&text).ok()) {
        headers.insert(FRAMES, value);
    }
    response
}

fn html(text: String, kind: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

const fn status(fault: Fault) -> StatusCode {
    match fault {
        Fault::BadRequest => StatusCode::BAD_REQUEST,
        Fault::Unauthorized => StatusCode::UNAUTHORIZED,
        Fault::Forbidden => StatusCode::FORBIDDEN,
        Fault::NotFound => StatusCode::NOT_FOUND,
        Fault::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Fault::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Fault::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Has the browser ask for a name and a password by itself (RFC 7617 §2).
fn challenge(realm: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    let quoted = realm.replace('\\', "\\\\").replace('"', "\\\"");
    if let Ok(value) = HeaderValue::from_str(&format!("Basic realm=\"{quoted}\"")) {
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, value);
    }
    response
}

/// Sends the browser elsewhere. An address that cannot stand in a header leads nowhere, rather than
/// to a part of it.
fn redirect(address: &str) -> Response {
    let mut response = Response::new(Body::empty());
    if let Ok(location) = HeaderValue::from_str(address) {
        *response.status_mut() = StatusCode::FOUND;
        response.headers_mut().insert(header::LOCATION, location);
    } else {
        tracing::error!("a browser was to be sent to an address that is none");
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
    response
}

fn deliver(answer: &ClientAnswer, context: &RequestContext) -> Response {
    match answer.delivery {
        Delivery::Query => redirect(&with_query(answer)),
        Delivery::Fragment => redirect(&with_fragment(answer)),
        Delivery::FormPost => html(
            claviger_pages::form_post(answer, &context.base_path),
            "text/html",
        ),
    }
}

/// The parameters as they stand in an address (RFC 6749 App. B).
fn encoded(parameters: &[(String, String)]) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters {
        text.append_pair(name, value);
    }
    text.finish()
}

/// The address with the answer behind what its query has already, and before its fragment.
fn with_query(answer: &ClientAnswer) -> String {
    let (address, fragment) = match answer.redirect_uri.split_once('#') {
        Some((address, fragment)) => (address, Some(fragment)),
        None => (answer.redirect_uri.as_str(), None),
    };
    let mut text = address.to_owned();
    if !answer.parameters.is_empty() {
        text.push(match address.find('?') {
            None => '?',
            Some(_) => '&',
        });
        if text.ends_with("?&") {
            text.pop();
        }
        text.push_str(&encoded(&answer.parameters));
    }
    if let Some(fragment) = fragment {
        text.push('#');
        text.push_str(fragment);
    }
    text
}

/// The address with the answer as its fragment, behind one that it has already.
fn with_fragment(answer: &ClientAnswer) -> String {
    let join = match answer.redirect_uri.split_once('#') {
        None => "#",
        Some((_, "")) => "",
        Some(_) => "&",
    };
    format!(
        "{}{join}{}",
        answer.redirect_uri,
        encoded(&answer.parameters)
    )
}

/// Whether browsers take `Secure` cookies of this address: over TLS, and from the machine itself
/// (W3C Secure Contexts §3.1). Safari does not take the latter, and a frame within a page that came
/// without TLS is no secure context either.
fn is_secure(context: &RequestContext, asked: &HeaderMap) -> bool {
    let text = |name: &str| asked.get(name).and_then(|value| value.to_str().ok());
    let (scheme, rest) = context.origin.split_once("://").unwrap_or_default();
    if scheme == "https" {
        let in_frame = text("sec-fetch-dest") == Some("iframe");
        return !(in_frame && text("referer").is_some_and(|from| from.starts_with("http://")));
    }
    let agent = text("user-agent").unwrap_or_default();
    let is_safari = agent.contains("Safari/") && !agent.contains("Chrom") && !agent.contains("Edg");
    let host = rest.rsplit_once(':').map_or(rest, |(host, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) {
            host
        } else {
            rest
        }
    });
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let is_local = host == "localhost"
        || host.ends_with(".localhost")
        || host == "[::1]"
        || host
            .parse()
            .is_ok_and(|ip: std::net::Ipv4Addr| ip.is_loopback());
    is_local && !is_safari
}

/// Letters that have a meaning of their own in cookies of version 1 (RFC 2109 §4.1).
const SPECIAL: &str = "()<>@,;:\\\"/[]?={} \t";

fn quoted(value: &str) -> String {
    // A value is long, and rarely has one: each is looked for in all of it.
    if !SPECIAL.chars().any(|letter| value.contains(letter)) {
        return value.to_owned();
    }
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

fn unquoted(value: &str) -> String {
    let inner = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let Some(inner) = inner else {
        return value.to_owned();
    };
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner.chars();
    while let Some(letter) = rest.next() {
        text.push(match letter {
            '\\' => rest.next().unwrap_or('\\'),
            plain => plain,
        });
    }
    text
}

/// Lets a page have frames of these origins, beside those of the realm's setting.
fn allow_frames(headers: &mut HeaderMap, frames: &HeaderValue) {
    let policy = headers.get(header::CONTENT_SECURITY_POLICY);
    let texts = (policy.map(HeaderValue::to_str), frames.to_str());
    let (Some(Ok(policy)), Ok(frames)) = texts else {
        return;
    };
    let mut allowed = false;
    let mut directives: Vec<String> = policy
        .split(';')
        .map(str::trim)
        .filter(|directive| !directive.is_empty())
        .map(|directive| match directive.strip_prefix("frame-src") {
            Some(sources) => {
                allowed = true;
                format!(
                    "frame-src {} {frames} ",
                    sources.replace("'none'", "").trim()
                )
            }
            None => directive.to_owned(),
        })
        .collect();
    if !allowed && policy.contains("default-src") {
        directives.push(format!("frame-src {frames}"));
    }
    let text = format!("{};", directives.join("; "));
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.insert(header::CONTENT_SECURITY_POLICY, value);
    }
}

/// The values of `Set-Cookie` that change a browser's cookies, in the answer to `asked`.
pub fn cookie_headers(
    changes: &[CookieChange],
    realm: &Realm,
    context: &RequestContext,
    asked: &HeaderMap,
) -> Vec<HeaderValue> {
    let is_trusted = is_secure(context, asked);
    changes
        .iter()
        .filter_map(|change| set_cookie(change, &realm.name, context, is_trusted))
        .collect()
}

/// `Set-Cookie` as Keycloak writes it.
fn set_cookie(
    change: &CookieChange,
    realm: &str,
    context: &RequestContext,
    is_trusted: bool,
) -> Option<HeaderValue> {
    let name = change.name.as_str();
    let path = format!(
        "{}/realms/{}/",
        context.base_path,
        percent_encoding::utf8_percent_encode(realm, SEGMENT)
    );
    let Some(value) = &change.value else {
        return HeaderValue::from_str(&format!("{name}=;Version=1;Path={path};Max-Age=0")).ok();
    };
    let mut text = format!("{name}={};Version=1;Path={path}", quoted(value.reveal()));
    if let Some(age) = change.max_age {
        text.push_str(";Max-Age=");
        text.push_str(&age.0.to_string());
    }
    if is_trusted {
        text.push_str(";Secure");
    }
    if !change.name.is_for_scripts() {
        text.push_str(";HttpOnly");
    }
    text.push_str(if change.name.is_for_ourselves() {
        ";SameSite=Strict"
    } else if is_trusted {
        ";SameSite=None"
    } else {
        ";SameSite=Lax"
    });
    HeaderValue::from_bytes(text.as_bytes()).ok()
}

#[cfg(test)]
mod tests;
