//! A user and a client that are only there for the probe.

use anyhow::{Context as _, bail};
use claviger_crypto::random::Random;
use claviger_model::Secret;
use http::Method;
use serde_json::{Value, json};

use super::site::{Administrator, Holder, said, segment};
use url::form_urlencoded::byte_serialize;

/// What both names begin with, so that whoever finds one knows what it is.
const PREFIX: &str = "prove-logout-";

/// Both, as they are to be made.
pub struct Guests {
    holder: Holder,
    audiences: Vec<String>,
}

impl Guests {
    /// Names that nobody has, and secrets that nobody guesses.
    pub fn named_by_chance(audiences: &[String]) -> Self {
        let random = Random::system();
        let name = format!("{PREFIX}{}", random.uuid());
        let holder = Holder {
            username: name.clone(),
            // Whatever a policy asks for: lower and upper case, a digit, something else.
            password: Secret::new(format!("aZ9-{}", random.alphanumeric(28))),
            client: name,
            secret: Some(Secret::new(random.alphanumeric(32))),
        };
        Self {
            holder,
            audiences: audiences.to_vec(),
        }
    }

    /// Who signs in.
    pub const fn holder(&self) -> &Holder {
        &self.holder
    }

    /// Makes both.
    pub async fn arrive(&self, administrator: &Administrator<'_>) -> anyhow::Result<()> {
        for (kind, body) in [("clients", self.client()), ("users", self.user())] {
            let path = format!("/{kind}");
            let made = administrator.ask(Method::POST, &path, Some(&body)).await?;
            if made.status != 201 {
                bail!(
                    "the probe's own of the {kind} cannot be made: {}",
                    said(&made)
                );
            }
        }
        Ok(())
    }

    /// Removes both, as far as they are there.
    ///
    /// # Errors
    ///
    /// What is left is named.
    pub async fn leave(&self, administrator: &Administrator<'_>) -> anyhow::Result<()> {
        let name = byte_serialize(self.holder.client.as_bytes()).collect::<String>();
        let mut left = Vec::new();
        for (kind, query) in [
            ("users", format!("username={name}&exact=true")),
            ("clients", format!("clientId={name}")),
        ] {
            if let Err(error) = remove(administrator, kind, &query).await {
                left.push(format!("{kind}: {error:#}"));
            }
        }
        if left.is_empty() {
            return Ok(());
        }
        bail!(
            "remove {} by hand, it could not be removed: {}",
            self.holder.client,
            left.join("; ")
        );
    }

    fn user(&self) -> Value {
        json!({
            "username": self.holder.username,
            "enabled": true,
            "email": format!("{}@example.invalid", self.holder.username),
            "emailVerified": true,
            "firstName": "Prove",
            "lastName": "Logout",
            "requiredActions": [],
            "credentials": [{
                "type": "password", "value": self.holder.password.reveal(), "temporary": false,
            }],
        })
    }

    fn client(&self) -> Value {
        let mappers: Vec<Value> = self
            .audiences
            .iter()
            .map(|audience| {
                json!({
                    "name": format!("audience {audience}"), "protocol": "openid-connect",
                    "protocolMapper": "oidc-audience-mapper",
                    "config": {"included.custom.audience": audience, "access.token.claim": "true"},
                })
            })
            .collect();
        json!({
            "clientId": self.holder.client,
            "secret": self.holder.secret.as_ref().map(Secret::reveal),
            "enabled": true,
            "publicClient": false,
            "standardFlowEnabled": false,
            "directAccessGrantsEnabled": true,
            "protocolMappers": mappers,
            "attributes": {
                "revocation.feed.enabled": "true",
                "status.list.enabled": "true",
                "allow.token.introspection.without.audience.check": "true",
            },
        })
    }
}

/// Deletes what a question finds.
async fn remove(administrator: &Administrator<'_>, kind: &str, query: &str) -> anyhow::Result<()> {
    let path = format!("/{kind}?{query}");
    let found = administrator.ask(Method::GET, &path, None).await?;
    if found.status != 200 {
        bail!("{}", said(&found));
    }
    let found: Vec<Value> = serde_json::from_slice(&found.body).context("no list")?;
    for one in found {
        let id = one.get("id").and_then(Value::as_str).context("no id")?;
        let path = format!("/{kind}/{}", segment(id));
        let gone = administrator.ask(Method::DELETE, &path, None).await?;
        if gone.status != 204 {
            bail!("{}", said(&gone));
        }
    }
    Ok(())
}
