//! Who somebody is: read, and changed by the rules of the realm's profile.

use axum::http::StatusCode;
use claviger_engine::profile::{Context, Detail, Missing, Scene, Violation, hold_email};
use claviger_engine::signal::people::account_changed;
use claviger_engine::signal::set::Initiator;
use claviger_store::Tx;
use claviger_surface::Answer;
use claviger_wire::document::Json;
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

use super::call::AccountCall;
use crate::admin::users::change::profile_input;
use crate::call::{json as answer, no_content, read_out};
use crate::problem::{Problem, done};

/// What of a name or an address is taken, and is told as a conflict.
const TAKEN: [&str; 2] = ["emailExistsMessage", "usernameExistsMessage"];

/// The person, and how a page shows it (unless `userProfileMetadata=false`).
pub(super) async fn show(call: &AccountCall) -> Result<Answer, Problem> {
    call.require(&["manage-account", "view-profile"])?;
    let (user, settings) = (call.user(), &call.realm.settings);
    let profile = call.realm.profile().await?;
    let seen = profile.visible(settings, user, Context::Account, Detail::Full);
    let mut body = Json::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            body.insert(name.to_owned(), value);
        }
    };
    put("id", json!(user.id.as_str()));
    put("username", json!(seen.username));
    put("firstName", json!(seen.first_name));
    put("lastName", json!(seen.last_name));
    put("email", json!(seen.email));
    put("emailVerified", json!(seen.email_verified));
    if call.flag("userProfileMetadata") != Some(false) {
        let metadata = profile.metadata_of(settings, user, Context::Account);
        put("userProfileMetadata", Value::Object(metadata));
    }
    if !seen.attributes.is_empty() {
        put("attributes", json!(seen.attributes));
    }
    Ok(read_out(&body))
}

/// Changes the person to what was sent; what they may change and did not send goes.
pub(super) async fn update(call: &AccountCall) -> Result<Answer, Problem> {
    call.require(&["manage-account"])?;
    let body = call.json("UserRepresentation")?;
    let mut input = profile_input(&body);
    input.attributes.get_or_insert_default();
    let profile = call.realm.profile().await?;
    let before = call.user();
    let scene = Scene {
        realm: &call.realm.settings,
        context: Context::Account,
        existing: Some(before),
        scopes: &[],
    };
    let candidate = profile.candidate(scene, &input);
    let wrong = candidate
        .violations_and_taken(&call.app, &call.realm)
        .await?;
    if !wrong.is_empty() {
        return Err(refused(&wrong, &candidate.metadata()));
    }
    let mut after = before.clone();
    let changes = candidate.apply_to(&mut after, Missing::Remove);
    let mut tx = Tx::new();
    tx.update_user(&call.realm.id, &after);
    hold_email(&call.realm, &mut tx, Some(before), &after);
    let users = (before, &after);
    account_changed(&call.app, &call.realm, &mut tx, users, Initiator::User).await?;
    let mut event = call.event("UPDATE_PROFILE");
    event.detail("context", "ACCOUNT");
    for change in &changes {
        change.tell(&mut event);
    }
    event.success(&call.app, &call.realm, &mut tx);
    done(call.app.commit(tx).await?)?;
    Ok(no_content().no_cache())
}

/// What is wrong, at which field, with the field's name as people read it.
fn refused(wrong: &[Violation], metadata: &Json) -> Problem {
    let is_taken = |violation: &Violation| TAKEN.contains(&violation.error_key.as_str());
    let status = if wrong.iter().any(is_taken) {
        StatusCode::CONFLICT
    } else {
        StatusCode::BAD_REQUEST
    };
    let errors: Vec<Value> = wrong.iter().map(|fault| told(fault, metadata)).collect();
    let mut body = match errors.as_slice() {
        [Value::Object(only)] => only.clone(),
        _ => Json::new(),
    };
    body.insert("errors".to_owned(), Value::Array(errors));
    Problem::with_body(status, body)
}

fn told(violation: &Violation, metadata: &Json) -> Value {
    let shown = |name: &str| {
        let mut attributes = Fields::of(metadata).objects("attributes");
        let found = attributes.find(|one| Fields::of(one).str("name") == Some(name))?;
        Fields::of(found).text("displayName")
    };
    let text = |value: &Value| match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.to_string(),
    };
    let mut params: Vec<String> = violation.params.iter().map(text).collect();
    if let Some(first) = params.first_mut()
        && let Some(name) = shown(first)
    {
        *first = name;
    }
    json!({
        "field": violation.attribute,
        "errorMessage": violation.error_key,
        "params": params,
    })
}

/// The languages of the realm.
pub(super) fn locales(call: &AccountCall) -> Answer {
    let fields = Fields::of(&call.realm.body);
    answer(&fields.texts("supportedLocales"))
}
