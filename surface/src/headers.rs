//! The headers that every answer of a realm carries.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use claviger_wire::headers::{Content, Text, security};

/// Puts a realm's security headers on an answer, by what is answered and what was sent.
pub fn secure(answer: &mut HeaderMap, request: &HeaderMap, settings: &BTreeMap<String, String>) {
    let content = Content::of(media(answer), media(request));
    for (name, value) in security(settings, content) {
        let name = HeaderName::from_static(name);
        match value {
            Text::Usual(value) => {
                answer.insert(name, HeaderValue::from_static(value));
            }
            Text::Own(value) => {
                if let Ok(value) = HeaderValue::from_str(value) {
                    answer.insert(name, value);
                }
            }
        }
    }
}

fn media(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::CONTENT_TYPE)?.to_str().ok()
}
