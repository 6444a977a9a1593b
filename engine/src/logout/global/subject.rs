//! Whom a request means: subject identifiers (RFC 9493 §3.2), in the forms that a realm can answer.

use std::collections::BTreeMap;

use claviger_model::{User, UserId};
use claviger_store::{StoreError, UserQuery};
use claviger_wire::document::Kind;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use url::Url;

use crate::app::App;
use crate::client::Client;
use crate::mapper::subject_of;
use crate::realm::Realm;
use crate::request::RequestContext;
use crate::signal::subject::is_sane;

/// The client's attribute with the alias of an identity provider: the client speaks of people who are
/// linked to it, and of nobody else.
const PROVIDER: &str = "global.token.revocation.identity.provider";
/// How many identifiers of one person are looked at (RFC 9493 §3.2.8).
const ALIASES_MAX: usize = 10;
/// The user's attributes for the scope `phone`, as Keycloak names them.
const PHONE: &str = "phoneNumber";
/// See [`PHONE`].
const PHONE_VERIFIED: &str = "phoneNumberVerified";

/// Who is meant.
#[derive(Debug)]
pub enum Meant {
    /// One person.
    One(Box<User>),
    /// Nobody here, or nobody of whom the client may speak.
    Nobody,
    /// More than one: to guess would end the wrong person's sessions.
    Several,
}

/// Why nobody can be found.
#[derive(Debug, thiserror::Error)]
pub enum SubjectError {
    /// It is no subject identifier.
    #[error("{0}")]
    Malformed(&'static str),
    /// One of a kind that is not known here.
    #[error("the format of sub_id is not supported")]
    Unsupported,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A subject identifier of a form that is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Identifier<'a> {
    Account(&'a str),
    Email(&'a str),
    IssSub(&'a str, &'a str),
    Opaque(&'a str),
    Phone(&'a str),
}

/// Finds whom a client means.
///
/// # Errors
///
/// Why it cannot be understood.
pub async fn meant(
    app: &App,
    realm: &Realm,
    context: &RequestContext,
    client: &Client,
    subject: &Value,
) -> Result<Meant, SubjectError> {
    let asked = Asked {
        app,
        realm,
        context,
        client,
    };
    let mut found = BTreeMap::new();
    for identifier in identifiers(subject)? {
        for user in asked.whom(identifier).await? {
            if user.service_account_of.is_none() && asked.may_speak_of(&user).await? {
                found.insert(user.id.clone(), user);
            }
        }
    }
    let mut found = found.into_values();
    Ok(match (found.next(), found.next()) {
        (None, _) => Meant::Nobody,
        (Some(user), None) => Meant::One(Box::new(user)),
        (Some(_), Some(_)) => Meant::Several,
    })
}

/// The identifiers in a subject: itself, or of several those that are known here.
fn identifiers(subject: &Value) -> Result<Vec<Identifier<'_>>, SubjectError> {
    if subject.get("format").and_then(Value::as_str) != Some("aliases") {
        return Ok(vec![identifier(subject)?]);
    }
    let all = subject.get("identifiers").and_then(Value::as_array);
    let Some(all) = all.filter(|all| !all.is_empty() && all.len() <= ALIASES_MAX) else {
        return Err(SubjectError::Malformed("identifiers are 1 to 10"));
    };
    let mut known = Vec::new();
    for one in all {
        if one.get("format").and_then(Value::as_str) == Some("aliases") {
            return Err(SubjectError::Malformed("aliases do not nest"));
        }
        match identifier(one) {
            Ok(identifier) => known.push(identifier),
            Err(SubjectError::Unsupported) => {}
            Err(error) => return Err(error),
        }
    }
    if known.is_empty() {
        return Err(SubjectError::Unsupported);
    }
    Ok(known)
}

/// One identifier, with exactly the members of its format (RFC 9493 §3).
fn identifier(subject: &Value) -> Result<Identifier<'_>, SubjectError> {
    let Some(members) = subject.as_object() else {
        return Err(SubjectError::Malformed("sub_id is no object"));
    };
    let Some(format) = members.get("format").and_then(Value::as_str) else {
        return Err(SubjectError::Malformed("sub_id has no format"));
    };
    let text = |name: &str| {
        let text = members.get(name).and_then(Value::as_str);
        let malformed = "sub_id lacks a member of its format";
        let text = text.filter(|text| is_sane(text));
        text.ok_or(SubjectError::Malformed(malformed))
    };
    let (identifier, count) = match format {
        "account" => (Identifier::Account(text("uri")?), 2),
        "email" => (Identifier::Email(text("email")?), 2),
        "iss_sub" => (Identifier::IssSub(text("iss")?, text("sub")?), 3),
        "opaque" => (Identifier::Opaque(text("id")?), 2),
        "phone_number" => (Identifier::Phone(text("phone_number")?), 2),
        _ => return Err(SubjectError::Unsupported),
    };
    if members.len() != count {
        return Err(SubjectError::Malformed("sub_id has more than its format"));
    }
    Ok(identifier)
}

/// Who asks, and where.
#[derive(Clone, Copy)]
struct Asked<'a> {
    app: &'a App,
    realm: &'a Realm,
    context: &'a RequestContext,
    client: &'a Client,
}

impl Asked<'_> {
    async fn whom(self, identifier: Identifier<'_>) -> Result<Vec<User>, StoreError> {
        let (store, realm) = (&self.app.store, &self.realm.id);
        match identifier {
            Identifier::Account(uri) => match self.name_of(uri) {
                Some(name) => {
                    let found = store.user_by_username(realm, &name).await?;
                    Ok(found.into_iter().collect())
                }
                None => Ok(Vec::new()),
            },
            Identifier::Email(email) => {
                let of = |verified| UserQuery {
                    email: Some(email.to_owned()),
                    exact: Some(true),
                    email_verified: verified,
                    ..UserQuery::default()
                };
                self.best(of(Some(true)), of(None)).await
            }
            Identifier::Phone(number) => {
                let number = (PHONE.to_owned(), number.to_owned());
                let proven = (PHONE_VERIFIED.to_owned(), "true".to_owned());
                let of = |attributes| UserQuery {
                    attributes,
                    ..UserQuery::default()
                };
                self.best(of(vec![number.clone(), proven]), of(vec![number]))
                    .await
            }
            Identifier::Opaque(id) => self.by_subject(id).await,
            Identifier::IssSub(issuer, sub) => {
                if self.context.is_issuer(issuer, &self.realm.name) {
                    return self.by_subject(sub).await;
                }
                self.linked(issuer, sub).await
            }
        }
    }

    /// Those of whom it is proven, or else those who say so: nobody keeps another's sessions alive by
    /// claiming the same address.
    async fn best(self, proven: UserQuery, said: UserQuery) -> Result<Vec<User>, StoreError> {
        for mut query in [proven, said] {
            query.max = 2;
            let found = self.app.store.users(&self.realm.id, &query).await?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }

    /// By the `sub` of this client's tokens.
    async fn by_subject(self, sub: &str) -> Result<Vec<User>, StoreError> {
        let id = UserId::new(sub);
        let user = self.app.store.user(&self.realm.id, &id).await?;
        // A client with pairwise subjects does not know our ids.
        let user = user.filter(|user| subject_of(self.client, &user.id) == sub);
        Ok(user.into_iter().collect())
    }

    /// By the `sub` of an identity provider through which people come.
    async fn linked(self, issuer: &str, sub: &str) -> Result<Vec<User>, StoreError> {
        let (store, realm) = (&self.app.store, &self.realm.id);
        let mut found = Vec::new();
        for provider in store.documents(realm, Kind::IdentityProvider).await? {
            let configured = provider.body.get("config").and_then(|c| c.get("issuer"));
            if configured.and_then(Value::as_str) != Some(issuer) {
                continue;
            }
            let alias = provider.body.get("alias").and_then(Value::as_str);
            let alias = alias.unwrap_or_default();
            found.extend(store.user_of_federated_identity(realm, alias, sub).await?);
        }
        Ok(found)
    }

    /// Whether the client may speak of somebody.
    async fn may_speak_of(self, user: &User) -> Result<bool, StoreError> {
        let Some(provider) = self.client.settings.attribute(PROVIDER) else {
            return Ok(true);
        };
        let store = &self.app.store;
        let links = store.federated_identities(&self.realm.id, &user.id).await?;
        Ok(links.iter().any(|link| link.provider == provider))
    }

    /// The name in `acct:alice@id.example` (RFC 7565), if it is one at this server's host.
    fn name_of(self, uri: &str) -> Option<String> {
        let (name, host) = uri.strip_prefix("acct:")?.rsplit_once('@')?;
        let own = Url::parse(&self.context.base_url).ok()?;
        if !own.host_str()?.eq_ignore_ascii_case(host) {
            return None;
        }
        let name = percent_decode_str(name).decode_utf8().ok()?;
        is_sane(&name).then(|| name.into_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// RFC 9493, figures 1 to 9.
    #[test]
    fn the_examples_of_the_standard() {
        for (subject, expected) in [
            (
                json!({"format": "email", "email": "user@example.com"}),
                Identifier::Email("user@example.com"),
            ),
            (
                json!({"format": "phone_number", "phone_number": "+12065550100"}),
                Identifier::Phone("+12065550100"),
            ),
            (
                json!({"format": "account", "uri": "acct:example.user@service.example.com"}),
                Identifier::Account("acct:example.user@service.example.com"),
            ),
            (
                json!({
                    "format": "iss_sub", "iss": "https://issuer.example.com/",
                    "sub": "145234573",
                }),
                Identifier::IssSub("https://issuer.example.com/", "145234573"),
            ),
            (
                json!({"format": "opaque", "id": "11112222333344445555"}),
                Identifier::Opaque("11112222333344445555"),
            ),
        ] {
            assert_eq!(identifiers(&subject).unwrap(), [expected], "{subject}");
        }
        let several = json!({"format": "aliases", "identifiers": [
            {"format": "email", "email": "user@example.com"},
            {"format": "did", "url": "did:example:123456"},
            {"format": "phone_number", "phone_number": "+12065550100"},
        ]});
        assert_eq!(identifiers(&several).unwrap().len(), 2);
    }

    #[test]
    fn what_is_no_subject_identifier_is_refused_and_what_is_not_known_is_said_to_be() {
        for malformed in [
            json!(null),
            json!("alice"),
            json!([]),
            json!({}),
            json!({"format": 1}),
            json!({"format": "email"}),
            json!({"format": "email", "email": ""}),
            json!({"format": "email", "email": ["a@b.example"]}),
            json!({"format": "email", "email": "a\0@b.example"}),
            json!({"format": "email", "email": "a".repeat(2_000)}),
            json!({"format": "email", "email": "a@b.example", "sub": "x"}),
            json!({"format": "iss_sub", "iss": "https://a.example"}),
            json!({"format": "aliases"}),
            json!({"format": "aliases", "identifiers": []}),
            json!({"format": "aliases", "identifiers": vec![json!({"format": "did"}); 11]}),
            json!({"format": "aliases", "identifiers": [
                {"format": "aliases", "identifiers": [{"format": "opaque", "id": "x"}]},
            ]}),
        ] {
            let told = identifiers(&malformed);
            let is_malformed = matches!(told, Err(SubjectError::Malformed(_)));
            assert!(is_malformed, "{malformed}: {told:?}");
        }
        for unknown in [
            json!({"format": "did", "url": "did:example:123456"}),
            json!({"format": "uri", "uri": "https://user.example.com/"}),
            json!({"format": "complex", "user": {"format": "opaque", "id": "x"}}),
            json!({"format": "EMAIL", "email": "a@b.example"}),
            json!({"format": "aliases", "identifiers": [{"format": "did", "url": "x"}]}),
        ] {
            let told = identifiers(&unknown);
            let is_unsupported = matches!(told, Err(SubjectError::Unsupported));
            assert!(is_unsupported, "{unknown}: {told:?}");
        }
    }
}
