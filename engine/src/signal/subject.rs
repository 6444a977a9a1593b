//! Of whom a stream tells (SSF §8.1.3), and whom a subject identifier means (RFC 9493).

use std::sync::Arc;

use claviger_model::{User, UserId};
use claviger_store::{StoreError, Tx, UserQuery};
use serde_json::Value;

use super::{Stream, set};
use crate::app::App;
use crate::client::Client;
use crate::realm::Realm;

/// The client attribute that says of whom a new stream tells, as in Keycloak: `ALL` or `NONE`.
pub const DEFAULT_SUBJECTS: &str = "ssf.defaultSubjects";
/// The user attribute that Keycloak keeps for a subject, before the name of the client.
const NOTIFY: &str = "ssf.notify.";
/// How many identifiers of one subject are looked at (RFC 9493 §3.2.8).
const ALIASES_MAX: usize = 10;

/// Whether a client is told of everybody of whom nobody said otherwise.
pub fn is_told_of_all(client: &Client) -> bool {
    client.settings.attribute(DEFAULT_SUBJECTS) == Some("ALL")
}

/// The streams that tell of somebody.
pub(super) struct ToldOf<'a> {
    pub(super) streams: Vec<(&'a Stream, Arc<Client>)>,
    /// Who it is, where somebody needs to know.
    pub(super) user: Option<User>,
}

/// Which of the streams tell of somebody: what was said of them, or else what Keycloak has kept with
/// the user, or else what the client is told by default.
pub(super) async fn told_of<'a>(
    app: &App,
    realm: &Realm,
    wanting: &[(&'a Stream, Arc<Client>)],
    id: &UserId,
) -> Result<ToldOf<'a>, StoreError> {
    let said = app.store.signal_subject(&realm.id, id).await?;
    let known = |stream: &Stream| {
        let mut said = said.iter();
        said.find(|(at, _)| *at == stream.id).map(|(_, told)| *told)
    };
    let is_needed = |(stream, client): &(&Stream, Arc<Client>)| {
        known(stream).is_none() || set::wants_email(client)
    };
    let user = if wanting.iter().any(is_needed) {
        app.store.user(&realm.id, id).await?
    } else {
        None
    };
    let is_told = |stream: &Stream, client: &Client| {
        known(stream)
            .or_else(|| noted(user.as_ref()?, client))
            .unwrap_or_else(|| is_told_of_all(client))
    };
    let streams = wanting
        .iter()
        .filter(|(stream, client)| is_told(stream, client));
    Ok(ToldOf {
        streams: streams.cloned().collect(),
        user,
    })
}

/// What Keycloak has kept with a user.
fn noted(user: &User, client: &Client) -> Option<bool> {
    let name = format!("{NOTIFY}{}", client.client_id);
    let value = user.attributes.get(&name)?.first()?;
    Some(value.eq_ignore_ascii_case("true"))
}

/// Whether a stream tells of somebody.
///
/// # Errors
///
/// The store's.
pub async fn is_told_of(
    app: &App,
    realm: &Realm,
    (stream, client): (&Stream, &Arc<Client>),
    user: &UserId,
) -> Result<bool, StoreError> {
    let one = [(stream, Arc::clone(client))];
    let told = told_of(app, realm, &one, user).await?;
    Ok(!told.streams.is_empty())
}

/// Says whether a stream tells of somebody.
pub fn say(realm: &Realm, tx: &mut Tx, stream: &Stream, user: &UserId, told: bool) {
    tx.say_signal_subject(&realm.id, &stream.id, user, told);
}

/// The user whom a receiver means by a subject identifier that this realm has told it: by issuer and
/// subject, by verified mail address, by id, or as one of several.
///
/// # Errors
///
/// The store's.
pub async fn meant(
    app: &App,
    realm: &Realm,
    (stream, client): (&Stream, &Client),
    subject: &Value,
) -> Result<Option<User>, StoreError> {
    for one in identifiers(subject) {
        let text = |name: &str| one.get(name).and_then(Value::as_str).filter(|t| is_sane(t));
        let found = match text("format") {
            Some("iss_sub") if text("iss") == Some(&*stream.body.iss) => {
                by_subject(app, realm, client, text("sub").unwrap_or_default()).await?
            }
            Some("opaque") => {
                by_subject(app, realm, client, text("id").unwrap_or_default()).await?
            }
            Some("email") => by_email(app, realm, text("email").unwrap_or_default()).await?,
            _ => None,
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

async fn by_subject(
    app: &App,
    realm: &Realm,
    client: &Client,
    sub: &str,
) -> Result<Option<User>, StoreError> {
    if sub.is_empty() {
        return Ok(None);
    }
    let user = app.store.user(&realm.id, &UserId::new(sub)).await?;
    // A client with pairwise subjects does not know our ids.
    Ok(user.filter(|user| crate::mapper::subject_of(client, &user.id) == sub))
}

/// The only user with this address, which somebody has proved to read.
pub(super) async fn by_email(
    app: &App,
    realm: &Realm,
    email: &str,
) -> Result<Option<User>, StoreError> {
    if email.is_empty() {
        return Ok(None);
    }
    let query = UserQuery {
        email: Some(email.to_owned()),
        exact: Some(true),
        max: 2,
        ..UserQuery::default()
    };
    let found = app.store.users(&realm.id, &query).await?;
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some(user), None) if user.email_verified => Ok(Some(user)),
        _ => Ok(None),
    }
}

/// The simple identifiers in a subject, in their order.
pub(super) fn identifiers(subject: &Value) -> Vec<&Value> {
    let format = |value: &Value| {
        let format = value.get("format").and_then(Value::as_str);
        format.map(str::to_owned)
    };
    match format(subject).as_deref() {
        Some("complex") => subject.get("user").map(identifiers).unwrap_or_default(),
        Some("aliases") => {
            let all = subject.get("identifiers").and_then(Value::as_array);
            let all = all.into_iter().flatten().take(ALIASES_MAX);
            // Aliases do not nest.
            all.filter(|one| !matches!(format(one).as_deref(), Some("aliases" | "complex")))
                .collect()
        }
        Some(_) => vec![subject],
        None => Vec::new(),
    }
}

/// No name of ours is that long, or has the character NUL.
pub(crate) fn is_sane(text: &str) -> bool {
    !text.is_empty() && text.len() <= 1_024 && !text.contains('\0')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn identifiers_are_found_where_the_standard_has_them() {
        // RFC 9493, figures 3, 5 and 9; SSF 1.0 §3.3.
        let account = json!({"format": "account", "uri": "acct:example.user@service.example.com"});
        assert_eq!(identifiers(&account), [&account]);
        let aliases = json!({"format": "aliases", "identifiers": [
            {"format": "email", "email": "user@example.com"},
            {"format": "phone_number", "phone_number": "+12065550100"},
            {"format": "aliases", "identifiers": []},
        ]});
        assert_eq!(identifiers(&aliases).len(), 2);
        let complex = json!({
            "format": "complex",
            "user": {"format": "email", "email": "bar@example.com"},
            "tenant": {"format": "iss_sub", "iss": "https://example.com/idp1", "sub": "1234"},
        });
        assert_eq!(identifiers(&complex), [&complex["user"]]);
        for nothing in [
            json!({}),
            json!("x"),
            json!({"format": "complex"}),
            json!(null),
        ] {
            assert!(identifiers(&nothing).is_empty(), "{nothing}");
        }
        // As deep as it likes: nobody's stack is at stake but the parser's, which has its limit.
        let nested = json!({"format": "complex", "user": complex});
        assert_eq!(identifiers(&nested).len(), 1);
    }
}
