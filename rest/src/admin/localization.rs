//! A realm's own texts for its pages, by language.

use axum::http::{HeaderValue, Method, StatusCode, header};
use claviger_store::Tx;
use claviger_surface::Answer;
use claviger_wire::document::Json;
use claviger_wire::fields::Fields;
use claviger_wire::schema;
use serde_json::{Value, json};

use super::multipart;
use super::realms::row;
use crate::call::{AdminCall, json as answer, no_content};
use crate::guard::Right;
use crate::problem::{Problem, done};
use crate::route::{Rights, Route, route};

/// Member of the realm's body that holds the texts.
const TEXTS: &str = "localizationTexts";
/// Longest name of a language or of a text, in characters.
const NAME_MAX: usize = 255;
/// Longest text, in bytes.
const TEXT_MAX: usize = 64 * 1024;
/// How many texts one language has at most.
const TEXTS_MAX: usize = 10_000;
/// How many languages a realm has texts for at most.
const LOCALES_MAX: usize = 1_000;

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    use Method as M;
    const MANAGE: Rights = Rights::Any(&[Right::ManageRealm]);
    const ALL: &str = "/admin/realms/{realm}/localization";
    const LOCALE: &str = "/admin/realms/{realm}/localization/{locale}";
    const ONE: &str = "/admin/realms/{realm}/localization/{locale}/{key}";
    vec![
        route(M::GET, ALL, Rights::AnyAdmin, locales),
        route(M::GET, LOCALE, Rights::AnyAdmin, texts),
        route(M::POST, LOCALE, MANAGE, add),
        route(M::DELETE, LOCALE, MANAGE, remove),
        route(M::GET, ONE, Rights::AnyAdmin, text),
        route(M::PUT, ONE, MANAGE, set),
        route(M::DELETE, ONE, MANAGE, unset),
    ]
}

fn all(call: &AdminCall) -> Json {
    Fields::of(&call.realm.body)
        .object(TEXTS)
        .cloned()
        .unwrap_or_default()
}

fn of_locale(call: &AdminCall, locale: &str) -> Json {
    Fields::of(&all(call))
        .object(locale)
        .cloned()
        .unwrap_or_default()
}

async fn locales(call: AdminCall) -> Result<Answer, Problem> {
    let all = all(&call);
    let mut names: Vec<&String> = all.keys().collect();
    names.sort_unstable();
    Ok(answer(&names))
}

/// The texts of a language; on request over those of the realm's default language.
async fn texts(call: AdminCall) -> Result<Answer, Problem> {
    let mut shown = Json::new();
    if call.flag("useRealmDefaultLocaleFallback").unwrap_or(false)
        && let Some(default) = &call.realm.settings.locales.default
    {
        shown = of_locale(&call, default);
    }
    shown.extend(of_locale(&call, call.param("locale")));
    Ok(answer(&shown))
}

async fn text(call: AdminCall) -> Result<Answer, Problem> {
    let texts = of_locale(&call, call.param("locale"));
    let text = texts.get(call.param("key")).and_then(Value::as_str);
    let text = text.ok_or_else(|| Problem::not_found("Localization text not found"))?;
    let kind = HeaderValue::from_static("text/plain;charset=UTF-8");
    Ok(Answer::text(StatusCode::OK, text).with(header::CONTENT_TYPE, kind))
}

/// Lays texts over those of a language, within bounds.
fn with_texts(mut all: Json, locale: &str, new: Json) -> Result<Json, Problem> {
    let refuse = |text: String| Err(Problem::bad_request(&text));
    let too_long = |name: &str| name.chars().count() > NAME_MAX;
    if too_long(locale) || new.keys().any(|key| too_long(key)) {
        return refuse(format!("Names have at most {NAME_MAX} characters"));
    }
    if new
        .values()
        .any(|text| text.as_str().is_none_or(|text| text.len() > TEXT_MAX))
    {
        return refuse(format!("Texts have at most {TEXT_MAX} bytes"));
    }
    let mut texts = Fields::of(&all).object(locale).cloned().unwrap_or_default();
    texts.extend(new);
    if texts.len() > TEXTS_MAX {
        return refuse(format!("A language has at most {TEXTS_MAX} texts"));
    }
    all.insert(locale.to_owned(), Value::Object(texts));
    if all.len() > LOCALES_MAX {
        return refuse(format!(
            "A realm has texts for at most {LOCALES_MAX} languages"
        ));
    }
    Ok(all)
}

async fn keep(call: &AdminCall, all: Json) -> Result<Answer, Problem> {
    let mut body = call.realm.body.clone();
    body.insert(TEXTS.to_owned(), Value::Object(all));
    let mut tx = Tx::new();
    tx.update_realm(&row(&call.realm, body));
    done(call.app.commit(tx).await?)?;
    Ok(no_content())
}

/// Adds texts that come as JSON, or as a file with JSON in a form.
async fn add(call: AdminCall) -> Result<Answer, Problem> {
    let kind = call
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let file = if let Some(boundary) = kind.and_then(multipart::boundary) {
        multipart::part(call.body(), &boundary, "file")
    } else {
        call.consumes("application/json")?;
        Some(call.body().as_ref())
    };
    let file =
        file.ok_or_else(|| Problem::error(StatusCode::BAD_REQUEST, "HTTP 400 Bad Request"))?;
    let sent = schema::parse_any(file)?;
    let texts = Fields::of(&Json::from_iter([(
        "texts".to_owned(),
        Value::Object(sent),
    )]))
    .text_map("texts");
    let new = texts
        .into_iter()
        .map(|(key, text)| (key, json!(text)))
        .collect();
    let all = with_texts(all(&call), call.param("locale"), new)?;
    keep(&call, all).await
}

async fn set(call: AdminCall) -> Result<Answer, Problem> {
    call.consumes("text/plain")?;
    let text = std::str::from_utf8(call.body());
    let text = text.map_err(|_| Problem::bad_request("The text is not UTF-8"))?;
    let new = Json::from_iter([(call.param("key").to_owned(), json!(text))]);
    let all = with_texts(all(&call), call.param("locale"), new)?;
    keep(&call, all).await
}

async fn remove(call: AdminCall) -> Result<Answer, Problem> {
    let (mut all, locale) = (all(&call), call.param("locale"));
    if all.shift_remove(locale).is_none() {
        let text = format!("No localization texts for locale {locale} found.");
        return Err(Problem::not_found(&text));
    }
    keep(&call, all).await
}

async fn unset(call: AdminCall) -> Result<Answer, Problem> {
    let mut all = all(&call);
    let texts = all
        .get_mut(call.param("locale"))
        .and_then(Value::as_object_mut);
    if texts
        .and_then(|texts| texts.shift_remove(call.param("key")))
        .is_none()
    {
        return Err(Problem::not_found("Localization text not found"));
    }
    keep(&call, all).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_laid_over_each_other_within_bounds() {
        let texts = |pairs: &[(&str, &str)]| -> Json {
            pairs
                .iter()
                .map(|(key, text)| ((*key).to_owned(), json!(text)))
                .collect()
        };
        let all = with_texts(Json::new(), "de", texts(&[("a", "1"), ("b", "2")])).unwrap();
        let all = with_texts(all, "de", texts(&[("b", "3")])).unwrap();
        assert_eq!(json!(all), json!({"de": {"a": "1", "b": "3"}}));
        let long = "x".repeat(NAME_MAX + 1);
        assert!(with_texts(Json::new(), &long, Json::new()).is_err());
        assert!(with_texts(Json::new(), "de", texts(&[(&long, "1")])).is_err());
        let long = "x".repeat(TEXT_MAX + 1);
        assert!(with_texts(Json::new(), "de", texts(&[("a", &long)])).is_err());
        let many: Json = (0..=TEXTS_MAX)
            .map(|key| (key.to_string(), json!("")))
            .collect();
        assert!(with_texts(Json::new(), "de", many).is_err());
    }
}
