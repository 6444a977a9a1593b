//! Answers to clients through the browser: parameters in an order, or one signed `response` (JARM).

use std::sync::Arc;

use claviger_wire::document::Json;
use serde_json::{Value, json};

use super::response::ResponseMode;
use crate::app::App;
use crate::browser::ClientAnswer;
use crate::client::Client;
use crate::realm::Realm;
use crate::token::MintError;
use crate::token::encrypt::{SealError, Sealed, encrypted};
use crate::token::sign::{AUTHORIZATION_RESPONSE, algorithm, signed};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// It could not be signed.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// It could not be encrypted.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// Whom to answer, where, and how.
#[derive(Clone, Debug)]
pub struct Answerer<'a> {
    /// The realm.
    pub realm: &'a Realm,
    /// The client.
    pub client: &'a Arc<Client>,
    /// Where to: an address that was checked against the client's.
    pub redirect_uri: &'a str,
    /// How.
    pub mode: ResponseMode,
    /// The issuer that answers.
    pub issuer: String,
}

impl Answerer<'_> {
    /// Whether answers name the issuer (RFC 9207); a client may be too old for it.
    pub fn names_issuer(&self) -> bool {
        let settings = &self.client.settings;
        !settings.flag_attribute("exclude.issuer.from.auth.response", false)
    }

    /// The answer that holds these parameters.
    ///
    /// # Errors
    ///
    /// A signature or encryption that failed.
    pub async fn answer(
        &self,
        app: &App,
        parameters: Vec<(String, String)>,
    ) -> Result<ClientAnswer, AnswerError> {
        let parameters = if self.mode.jwt {
            let response = self.response(app, parameters).await?;
            vec![("response".to_owned(), response)]
        } else {
            parameters
        };
        Ok(ClientAnswer {
            redirect_uri: self.redirect_uri.to_owned(),
            delivery: self.mode.delivery,
            parameters,
        })
    }

    /// The parameters as one token, signed and, if the client wants it so, encrypted (JARM §2).
    async fn response(
        &self,
        app: &App,
        parameters: Vec<(String, String)>,
    ) -> Result<String, AnswerError> {
        let end = app.now().seconds() + self.realm.settings.lifespans.access_code_lifespan;
        let mut claims = Json::new();
        claims.insert("iss".to_owned(), Value::String(self.issuer.clone()));
        claims.insert("aud".to_owned(), json!(self.client.client_id));
        claims.insert("exp".to_owned(), json!(end.0));
        for (name, value) in parameters {
            claims.entry(name).or_insert(Value::String(value));
        }
        let algorithm = algorithm(self.realm, self.client, AUTHORIZATION_RESPONSE);
        let token = signed(app, self.realm, algorithm, "JWT", &claims).await?;
        let kind = Sealed::AuthorizationResponse;
        if !kind.is_wanted(self.client) {
            return Ok(token);
        }
        let content = (token.as_str(), Some("JWT"));
        Ok(encrypted(app, self.client, kind, &self.issuer, content).await?)
    }
}
