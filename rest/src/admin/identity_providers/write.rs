//! Making, changing and deleting identity providers. What is decided from several documents is decided
//! once more if the realm was changed meanwhile.

use claviger_engine::broker::check::{Plain, alone, check, issues};
use claviger_engine::broker::{laid_out, mask};
use claviger_store::{Commit, Tx};
use claviger_surface::Answer;
use claviger_wire::document::{Document, Json, Kind};
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

use super::named;
use crate::admin::authentication::{TRIES, overtaken, version, wrong};
use crate::call::{AdminCall, Resource, no_content};
use crate::problem::Problem;

/// The class of the bodies.
const CLASS: &str = "IdentityProviderRepresentation";
/// How an event calls an identity provider.
const RESOURCE: &str = "IDENTITY_PROVIDER";
/// Longest id, in characters.
const ID_MAX: usize = 36;
/// Longest alias and longest name, in characters.
const NAME_MAX: usize = 255;

/// Refuses what could not stand in a path, or is too long to be kept.
pub(super) fn check_alias(sent: &Json) -> Result<(), Problem> {
    if let Some(alias) = Fields::of(sent).str("alias") {
        if alias.contains(|letter: char| letter.is_ascii_whitespace() || letter == '\u{b}') {
            return Err(wrong("Empty Space not allowed."));
        }
        let reserved = |letter: &char| ":/?#@!$&()*+,;=[]\\".contains(*letter);
        if let Some(letter) = alias.chars().find(reserved) {
            return Err(wrong(&format!("Character '{letter}' not allowed.")));
        }
    }
    check_lengths(sent)
}

fn check_lengths(sent: &Json) -> Result<(), Problem> {
    let fields = Fields::of(sent);
    for (name, max) in [
        ("internalId", ID_MAX),
        ("alias", NAME_MAX),
        ("displayName", NAME_MAX),
    ] {
        let text = fields.str(name);
        if text.is_some_and(|text| text.chars().count() > max) {
            let text = format!("'{name}' has at most {max} characters");
            return Err(Problem::bad_request(&text));
        }
    }
    Ok(())
}

/// Refuses a provider that cannot be used as it is.
async fn fit(call: &AdminCall, body: &Json, id: &str) -> Result<(), Problem> {
    let (store, realm) = (&call.app.store, &call.realm.id);
    let mut flows = Vec::new();
    for member in ["firstBrokerLoginFlowAlias", "postBrokerLoginFlowAlias"] {
        if let Some(alias) = Fields::of(body).str(member)
            && let Some(flow) = store.document_by_name(realm, Kind::Flow, "", alias).await?
        {
            flows.push(flow.unique_name);
        }
    }
    let plain = Plain::of(&call.app, call.realm.settings.ssl_required, body).await;
    check(body, &plain, |alias| flows.iter().any(|flow| flow == alias))
        .map_err(|unfit| Problem::bad_request(&unfit.0))?;
    if issues(body).is_empty() {
        return Ok(());
    }
    let others = store.documents(realm, Kind::IdentityProvider).await?;
    alone(body, id, &others).map_err(|unfit| Problem::bad_request(&unfit.0))
}

fn document(id: &str, alias: &str, body: Json) -> Document {
    Document {
        kind: Kind::IdentityProvider,
        id: id.to_owned(),
        parent: String::new(),
        unique_name: alias.to_owned(),
        enabled: Fields::of(&body).flag("enabled", true),
        body,
    }
}

fn taken(alias: &str) -> Problem {
    Problem::conflict(&format!("Identity Provider {alias} already exists"))
}

/// What an event tells of what was sent.
fn told(mut sent: Json, body: &Json) -> Value {
    for name in ["internalId", "hideOnLogin"] {
        if let Some(value) = body.get(name) {
            sent.insert(name.to_owned(), value.clone());
        }
    }
    if let Some(Value::Object(config)) = sent.get_mut("config") {
        config.shift_remove("hideOnLoginPage");
    }
    sent.entry("enabled").or_insert(json!(true));
    sent.entry("config").or_insert(json!({}));
    sent.shift_remove("organizationId");
    mask(&mut sent);
    Value::Object(sent)
}

fn record(
    call: &AdminCall,
    tx: &mut Tx,
    operation: &'static str,
    path: &str,
    told: Option<&Value>,
) {
    let resource = Resource {
        operation,
        kind: RESOURCE,
        path: Some(path),
    };
    call.record(tx, resource, told);
}

pub(super) async fn create(call: AdminCall) -> Result<Answer, Problem> {
    let sent = call.json(CLASS)?;
    check_alias(&sent)?;
    let id = Fields::of(&sent).filled_text("internalId");
    let id = id.unwrap_or_else(|| call.app.random.uuid());
    let body = laid_out(&sent, &id, None);
    let alias = Fields::of(&sent).text("alias");
    for _ in 0..TRIES {
        let version = version(&call).await?;
        fit(&call, &body, &id).await?;
        let Some(alias) = alias.as_deref() else {
            return Err(Problem::bad_request("path is null"));
        };
        let mut tx = Tx::new();
        tx.insert_document(&call.realm.id, &document(&id, alias, body.clone()));
        tx.expect_version(&call.realm.id, version);
        let path = format!("identity-provider/instances/{alias}");
        let told = told(sent.clone(), &body);
        record(&call, &mut tx, "CREATE", &path, Some(&told));
        match call.app.commit(tx).await? {
            Commit::Done => return Ok(call.created(alias)),
            Commit::Conflict(_) => return Err(taken(alias)),
            Commit::Missed(_) => {}
        }
    }
    Err(overtaken())
}

pub(super) async fn update(call: AdminCall) -> Result<Answer, Problem> {
    let sent = call.json(CLASS)?;
    check_lengths(&sent)?;
    for _ in 0..TRIES {
        let version = version(&call).await?;
        let before = named(&call).await?;
        let alias = Fields::of(&sent).text("alias");
        if alias.is_some_and(|alias| alias != before.unique_name) {
            return Err(Problem::bad_request(
                "Identity Provider alias cannot be changed",
            ));
        }
        let kind = Fields::of(&sent).str("providerId");
        if kind.and_then(claviger_wire::broker::provider).is_none() {
            let kind = kind.unwrap_or("null");
            let text = format!("Invalid identity provider id [{kind}]");
            return Err(Problem::bad_request(&text));
        }
        let body = laid_out(&sent, &before.id, Some(&before.body));
        fit(&call, &body, &before.id).await?;
        let mut tx = Tx::new();
        let after = document(&before.id, &before.unique_name, body);
        tx.update_document(&call.realm.id, &after);
        tx.expect_version(&call.realm.id, version);
        let told = told(sent.clone(), &after.body);
        record(&call, &mut tx, "UPDATE", &call.resource_path(), Some(&told));
        match call.app.commit(tx).await? {
            Commit::Done => return Ok(no_content()),
            Commit::Conflict(_) => return Err(taken(&after.unique_name)),
            Commit::Missed(_) => {}
        }
    }
    Err(overtaken())
}

/// Deletes an identity provider with its mappers, and the links of users to it.
pub(super) async fn delete(call: AdminCall) -> Result<Answer, Problem> {
    let realm = &call.realm.id;
    for _ in 0..TRIES {
        let version = version(&call).await?;
        let provider = named(&call).await?;
        let kind = Kind::IdentityProviderMapper;
        let mappers = call.app.store.children(realm, kind, &provider.id).await?;
        let mut tx = Tx::new();
        for mapper in mappers {
            tx.delete_document(realm, kind, &mapper.id);
        }
        tx.delete_document(realm, Kind::IdentityProvider, &provider.id);
        tx.expect_version(realm, version);
        record(&call, &mut tx, "DELETE", &call.resource_path(), None);
        if matches!(call.app.commit(tx).await?, Commit::Done) {
            return Ok(no_content().no_cache());
        }
    }
    Err(overtaken())
}
