//! Descriptions of clients in other words, turned into Keycloak's: nothing is made of them here.

use axum::http::{Method, StatusCode, header};
use claviger_surface::Answer;
use claviger_wire::document::Json;
use claviger_wire::schema;

use crate::call::{AdminCall, json as answer};
use crate::client_registration::metadata;
use crate::guard::Right;
use crate::problem::Problem;
use crate::route::{Rights, Route, route};

/// How a description may say to be written.
const TYPES: [&str; 3] = ["application/json", "application/xml", "text/plain"];

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    const PATH: &str = "/admin/realms/{realm}/client-description-converter";
    const MANAGE: Rights = Rights::Any(&[Right::ManageClients]);
    vec![route(Method::POST, PATH, MANAGE, convert)]
}

/// What a text describes, as Keycloak tells them apart: by its look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Words {
    /// Keycloak's own representation.
    Own,
    /// Metadata of OpenID Connect Dynamic Client Registration 1.0.
    Metadata,
    /// Metadata of SAML.
    Saml,
    Unknown,
}

fn words(text: &str) -> Words {
    let is_object = text.starts_with('{') && text.ends_with('}');
    match () {
        () if is_object && text.contains("\"redirect_uris\"") => Words::Metadata,
        () if is_object && text.contains("\"clientId\"") => Words::Own,
        () if text.starts_with('<') && text.contains("EntityDescriptor") => Words::Saml,
        () => Words::Unknown,
    }
}

async fn convert(call: AdminCall) -> Result<Answer, Problem> {
    if call.headers.contains_key(header::CONTENT_TYPE) {
        let fits = TYPES.iter().any(|kind| call.consumes(kind).is_ok());
        if !fits {
            call.consumes("application/json")?;
        }
    }
    let unsupported = || Problem::error(StatusCode::BAD_REQUEST, "Unsupported format");
    let text = std::str::from_utf8(call.body()).map_err(|_| unsupported())?;
    let text = text.trim();
    let client = match words(text) {
        Words::Own => read("ClientRepresentation", text)?,
        Words::Metadata => {
            let given = read("OIDCClientRepresentation", text)?;
            metadata::representation(&given).map_err(|reason| {
                tracing::debug!("a description of a client was refused: {reason}");
                Problem::bad_request("Client metadata invalid")
            })?
        }
        Words::Saml => {
            let status = StatusCode::NOT_IMPLEMENTED;
            let text = "This server does not read SAML metadata yet.";
            return Err(Problem::described(status, "Feature not enabled", text));
        }
        Words::Unknown => return Err(unsupported()),
    };
    Ok(answer(&client))
}

/// Keycloak fails with 500 here; who has written what cannot be read is told so.
fn read(class: &str, text: &str) -> Result<Json, Problem> {
    schema::parse(class, text.as_bytes()).map_err(|problem| {
        tracing::debug!("a description of a client was refused: {problem}");
        Problem::described(
            StatusCode::BAD_REQUEST,
            "unknown_error",
            "Cannot parse the JSON",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_told_apart_by_their_look() {
        for (text, expected) in [
            (r#"{"clientId": "x"}"#, Words::Own),
            (r#"{"redirect_uris": []}"#, Words::Metadata),
            ("<md:EntityDescriptor/>", Words::Saml),
            ("{}", Words::Unknown),
            (r#"{"clientId": "x""#, Words::Unknown),
            ("", Words::Unknown),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }
}
