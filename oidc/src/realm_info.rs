//! `GET /realms/{realm}`: the little that everybody may know of a realm.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use claviger_crypto::algorithm::{Algorithm, KeyUse};
use claviger_crypto::encoding::base64;
use claviger_crypto::key_ring::RealmKey;
use serde::Serialize;

use crate::answer::Answer;
use crate::call::Call;
use crate::cors::{self, Readers};
use crate::problem::Problem;

#[derive(Debug, Serialize)]
struct RealmInfo<'a> {
    realm: &'a str,
    /// `SubjectPublicKeyInfo` of the key that signs with RS256; absent if the realm has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
    #[serde(rename = "token-service")]
    token_service: String,
    #[serde(rename = "account-service")]
    account_service: String,
    #[serde(rename = "tokens-not-before")]
    tokens_not_before: i64,
}

/// Shows the realm, enabled or not.
pub async fn show(mut call: Call) -> Response {
    let outcome = info(&mut call).await;
    call.respond(outcome)
}

/// Answers a preflight request.
pub async fn preflight(call: Call) -> Response {
    call.respond_to_preflight(cors::DEFAULT_METHODS)
}

async fn info(call: &mut Call) -> Result<Answer, Problem> {
    call.readers = Readers::All;
    call.exposed = None;
    let keys = call.realm.keys().await?;
    let key = keys.active_key(KeyUse::Sig, Algorithm::Rs256.name(), call.app.now());
    let realm_url = call.context.issuer(&call.realm.name);
    let info = RealmInfo {
        realm: &call.realm.name,
        public_key: key
            .and_then(RealmKey::public_key)
            .map(|key| base64(&key.spki())),
        token_service: format!("{realm_url}/protocol/openid-connect"),
        account_service: format!("{realm_url}/account"),
        tokens_not_before: call.realm.not_before().0,
    };
    let media = HeaderValue::from_static("application/json;charset=UTF-8");
    Ok(Answer::json(StatusCode::OK, &info)
        .no_cache()
        .with(header::CONTENT_TYPE, media))
}
