//! What a browser sends of a login.

use claviger_engine::authorize::{AuthorizationRequest, ClientData, Precedence};
use claviger_wire::document::Json;

use crate::{first_line, text};

/// `client_data` in an address: what was read is written so that it is read again.
pub fn client_data(data: &[u8]) {
    let Some(text) = text(data) else {
        return;
    };
    let _as_it_came = ClientData::decode(text);
    // A second way in: what the address says inside.
    if let Ok(read) = serde_json::from_str::<ClientData>(text) {
        let written = read.encode();
        if written.len() <= 12_000 {
            assert_eq!(ClientData::decode(&written), Some(read));
        }
    }
}

/// Parameters of an authorization request: pairs on the first line, a request object below.
pub fn authorization_request(data: &[u8]) {
    let Some(text) = text(data) else {
        return;
    };
    let (query, object) = first_line(text);
    let pairs: Vec<(&str, &str)> = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    let mut request = AuthorizationRequest::from_pairs(pairs.into_iter());
    check(&request);
    if let Ok(claims) = serde_json::from_str::<Json>(object) {
        let inner = AuthorizationRequest::from_claims(&claims);
        check(&inner);
        if request.take(inner, Precedence::Wins).is_ok() {
            check(&request);
        }
    }
}

/// What is kept of a request is bounded, and ends no line.
fn check(request: &AuthorizationRequest) {
    let _number = request.max_age();
    let notes = request.notes();
    assert!(notes.len() <= 30, "{}", notes.len());
    for value in notes.values() {
        assert!(value.chars().count() <= 4_000);
        assert!(!value.chars().any(|letter| letter.is_ascii_control()));
    }
}
