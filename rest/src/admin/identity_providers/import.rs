//! Settings out of what a provider publishes, and keys out of files.

use axum::http::{Method, StatusCode, header};
use claviger_crypto::certificate::Certificate;
use claviger_crypto::encoding::base64;
use claviger_engine::broker::discovery::{DiscoveryError, fetch, settings};
use claviger_surface::Answer;
use serde_json::{Value, json};

use super::MANAGE;
use super::write::check_alias;
use crate::admin::clients::certificates;
use crate::admin::features::not_built;
use crate::admin::multipart;
use crate::call::{AdminCall, json as answer};
use crate::problem::Problem;
use crate::route::{Route, route};

/// Longest address that is called, in bytes.
const ADDRESS_MAX: usize = 4_096;

/// The rows of this file.
pub(super) fn routes() -> Vec<Route> {
    use Method as M;
    const IMPORT: &str = "/admin/realms/{realm}/identity-provider/import-config";
    const CERTIFICATE: &str = "/admin/realms/{realm}/identity-provider/upload-certificate";
    vec![
        route(M::POST, IMPORT, MANAGE, import),
        route(M::POST, CERTIFICATE, MANAGE, upload),
    ]
}

fn incomplete() -> Problem {
    Problem::error(StatusCode::BAD_REQUEST, "HTTP 400 Bad Request")
}

/// A description that was sent as a file, or lies at an address.
async fn import(call: AdminCall) -> Result<Answer, Problem> {
    let kind = call.headers.get(header::CONTENT_TYPE);
    let boundary = kind
        .and_then(|kind| kind.to_str().ok())
        .and_then(multipart::boundary);
    let found = if let Some(boundary) = boundary {
        let part = |name: &str| multipart::part(call.body(), &boundary, name);
        let (kind, file) = part("providerId")
            .zip(part("file"))
            .ok_or_else(incomplete)?;
        let kind = std::str::from_utf8(kind).unwrap_or_default().trim();
        settings(kind, file)
    } else {
        call.consumes("application/json")?;
        if call.is_nothing() {
            return Err(incomplete());
        }
        let Value::Object(sent) = call.value()? else {
            return Err(incomplete());
        };
        check_alias(&sent)?;
        let text = |name: &str| sent.get(name).and_then(Value::as_str);
        let (kind, address) = text("providerId")
            .zip(text("fromUrl"))
            .filter(|(_, address)| address.len() <= ADDRESS_MAX)
            .ok_or_else(incomplete)?;
        fetch(&*call.app.network, kind, address).await
    };
    Ok(answer(&found.map_err(refused)?))
}

/// Why a call failed is for the log alone: it would tell what can be reached from here.
fn refused(error: DiscoveryError) -> Problem {
    let text = match error {
        DiscoveryError::Saml => return not_built("SAML"),
        DiscoveryError::NoSuchKind => "Invalid identity provider id",
        DiscoveryError::Speechless => "Settings of this kind of provider cannot be imported",
        DiscoveryError::Unreadable => "The description of the provider cannot be read",
        DiscoveryError::Network(error) => {
            tracing::info!("a description was not imported: {error}");
            "There is no description of a provider at that address"
        }
    };
    Problem::bad_request(text)
}

/// A key out of a file, with the public key of a certificate. Nothing is kept.
async fn upload(call: AdminCall) -> Result<Answer, Problem> {
    let sent = certificates::sent(&call).map_err(|problem| {
        if problem.body().get("error") == Some(&json!("certificate-not-found")) {
            let text = "Certificate or key error loding from uploaded file";
            return Problem::described(StatusCode::BAD_REQUEST, "certificate-not-found", text);
        }
        problem
    })?;
    let mut shown = sent.shown();
    if let Some(text) = shown.get("certificate").and_then(Value::as_str)
        && let Ok(certificate) = Certificate::from_text(text)
        && let Ok(key) = certificate.public_key()
    {
        let key = base64(&key.spki());
        if let Some(members) = shown.as_object_mut() {
            members.insert("publicKey".to_owned(), json!(key));
        }
    }
    Ok(answer(&shown))
}
