//! The headers that every answer of a realm carries.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, HeaderValue, header};
use claviger_wire::headers::{Content, security};

/// Puts a realm's security headers on an answer, by what is answered and what was sent.
pub fn secure(answer: &mut HeaderMap, request: &HeaderMap, settings: &BTreeMap<String, String>) {
    let media = |headers: &HeaderMap| {
        let value = headers.get(header::CONTENT_TYPE)?;
        value.to_str().ok().map(str::to_owned)
    };
    let content = Content::of(media(answer).as_deref(), media(request).as_deref());
    for (name, value) in security(settings, content) {
        if let Ok(value) = HeaderValue::from_str(value) {
            answer.insert(name, value);
        }
    }
}
