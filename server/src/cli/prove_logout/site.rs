//! A realm at one address, and what can be asked there on somebody's behalf.

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use claviger_crypto::jwk::JwkSet;
use claviger_crypto::jws::Unverified;
use claviger_model::Secret;
use claviger_outbound::{Answer, Fetcher};
use http::Method;
use serde_json::Value;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

/// The media type of forms.
const FORM: &str = "application/x-www-form-urlencoded";

/// A realm as one node serves it.
pub struct Site<'a> {
    fetcher: &'a Fetcher,
    /// Without a slash at the end.
    pub base: &'a str,
    realm: String,
}

/// A user, and the client that signs it in.
pub struct Holder {
    /// The user's name.
    pub username: String,
    /// The user's password.
    pub password: Secret,
    /// The client's id.
    pub client: String,
    /// The client's secret; none if the client is public.
    pub secret: Option<Secret>,
}

/// Who administrates: a user through a client, or a service account.
pub struct Account {
    /// The realm that knows it.
    pub realm: String,
    /// The client's id.
    pub client: String,
    /// The client's secret.
    pub secret: Option<Secret>,
    /// The user's name and password.
    pub user: Option<(String, Secret)>,
}

/// Somebody who may administrate the realm, at an address.
pub struct Administrator<'a> {
    /// Where.
    pub site: &'a Site<'a>,
    /// Who.
    pub account: &'a Account,
}

/// What a sign-in gave.
pub struct Session {
    /// The access token.
    pub access: Secret,
    /// The refresh token.
    pub refresh: Secret,
    /// The access token's claims.
    pub claims: claviger_wire::document::Json,
}

impl Session {
    /// A claim of the access token that is a text; empty without it.
    pub fn claim(&self, name: &str) -> &str {
        let claim = self.claims.get(name).and_then(Value::as_str);
        claim.unwrap_or_default()
    }
}

impl<'a> Site<'a> {
    /// The realm of that name at an address.
    pub fn new(fetcher: &'a Fetcher, base: &'a str, realm: &str) -> Self {
        Self {
            fetcher,
            base,
            realm: segment(realm),
        }
    }

    /// An address below the realm's.
    pub fn url(&self, path: &str) -> String {
        format!("{}/realms/{}{path}", self.base, self.realm)
    }

    /// Asks for something, with headers of one's own.
    pub async fn get(&self, url: &str, headers: &[(&str, &str)]) -> anyhow::Result<Answer> {
        let asked = self.fetcher.ask(Method::GET, url, headers, String::new());
        Ok(asked.await?)
    }

    /// Posts a form to an endpoint of OpenID Connect.
    pub async fn post(&self, endpoint: &str, form: &[(&str, &str)]) -> anyhow::Result<Answer> {
        let url = self.url(&format!("/protocol/openid-connect/{endpoint}"));
        Ok(self.fetcher.post_form(&url, form).await?)
    }

    /// The realm's public keys.
    pub async fn keys(&self) -> anyhow::Result<JwkSet> {
        let url = self.url("/protocol/openid-connect/certs");
        let set = self.fetcher.get_json(&url).await?;
        JwkSet::parse(&set).context("the realm's keys cannot be read")
    }

    /// Signs somebody in by the password grant.
    pub async fn sign_in(&self, holder: &Holder) -> anyhow::Result<Session> {
        let mut form = vec![
            ("grant_type", "password"),
            ("username", &holder.username),
            ("password", holder.password.reveal()),
            ("scope", "openid"),
        ];
        form.extend(holder.own());
        let answer = self.post("token", &form).await?;
        let told = || format!("{} cannot sign in: {}", holder.username, said(&answer));
        if answer.status != 200 {
            bail!(told());
        }
        let tokens: Value = serde_json::from_slice(&answer.body).with_context(told)?;
        let text = |name: &str| {
            let text = tokens.get(name).and_then(Value::as_str);
            text.map(Secret::new)
                .with_context(|| format!("the token endpoint gives no {name}"))
        };
        let access = text("access_token")?;
        let claims = Unverified::parse(access.reveal())
            .and_then(|token| token.unverified_claims())
            .context("the access token is no JWT")?;
        Ok(Session {
            refresh: text("refresh_token")?,
            access,
            claims,
        })
    }

    /// Ends a session as its client would.
    pub async fn log_out(&self, holder: &Holder, session: &Session) -> anyhow::Result<Answer> {
        let mut form = vec![("refresh_token", session.refresh.reveal())];
        form.extend(holder.own());
        self.post("logout", &form).await
    }
}

impl Holder {
    /// What the client says of itself in forms.
    pub fn own(&self) -> Vec<(&str, &str)> {
        let mut own = vec![("client_id", self.client.as_str())];
        if let Some(secret) = &self.secret {
            own.push(("client_secret", secret.reveal()));
        }
        own
    }

    /// The client's `Authorization` (RFC 6749 §2.3.1); none if it is public.
    pub fn basic(&self) -> Option<Secret> {
        let secret = self.secret.as_ref()?;
        let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encoded(&self.client), encoded(secret.reveal()));
        Some(Secret::new(format!(
            "Basic {}",
            BASE64_STANDARD.encode(pair)
        )))
    }
}

impl Administrator<'_> {
    /// Asks the Admin API, with a token of its own: those of administrators live for a minute.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        let bearer = format!("Bearer {}", self.token().await?.reveal());
        let url = format!("{}/admin/realms/{}{path}", self.site.base, self.site.realm);
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let headers = if body.is_some() {
            headers.as_slice()
        } else {
            headers.get(..1).unwrap_or_default()
        };
        let body = body.map(Value::to_string).unwrap_or_default();
        Ok(self.site.fetcher.ask(method, &url, headers, body).await?)
    }

    async fn token(&self) -> anyhow::Result<Secret> {
        let account = self.account;
        let mut form = Serializer::new(String::new());
        form.append_pair("client_id", &account.client);
        if let Some(secret) = &account.secret {
            form.append_pair("client_secret", secret.reveal());
        }
        match &account.user {
            Some((name, password)) => form
                .append_pair("grant_type", "password")
                .append_pair("username", name)
                .append_pair("password", password.reveal()),
            None => form.append_pair("grant_type", "client_credentials"),
        };
        let url = format!(
            "{}/realms/{}/protocol/openid-connect/token",
            self.site.base,
            segment(&account.realm)
        );
        let headers = [("content-type", FORM)];
        let asked = self.site.fetcher;
        let answer = asked.ask(Method::POST, &url, &headers, form.finish());
        let answer = answer.await?;
        let token = serde_json::from_slice::<Value>(&answer.body).ok();
        let token = token.as_ref().and_then(|body| body.get("access_token"));
        match token.and_then(Value::as_str) {
            Some(token) => Ok(Secret::new(token)),
            None => bail!("the administrator cannot sign in: {}", said(&answer)),
        }
    }
}

/// What an answer says in case of an error, shortened.
pub fn said(answer: &Answer) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let names = ["error_description", "errorMessage", "error"];
    let told = names
        .iter()
        .find_map(|name| body.get(name).and_then(Value::as_str));
    match told {
        Some(told) => {
            let told: String = told.chars().take(200).collect();
            format!("{} ({told})", answer.status)
        }
        None => answer.status.to_string(),
    }
}

/// A text as one part of a path.
pub fn segment(text: &str) -> String {
    let mut url = Url::parse("http://host/").ok();
    if let Some(url) = &mut url
        && let Ok(mut parts) = url.path_segments_mut()
    {
        parts.pop_if_empty().push(text);
    }
    let path = url.as_ref().map_or("", Url::path);
    path.trim_start_matches('/').to_owned()
}
