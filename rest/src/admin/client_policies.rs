//! Profiles and policies for clients: kept and shown as they were sent, once they are checked.

mod check;

use axum::http::Method;
use claviger_store::Tx;
use claviger_surface::Answer;
use claviger_wire::document::Json;
use serde_json::{Value, json};

use self::check::{GLOBAL_PROFILES, checked_policies, checked_profiles};
use super::realms::row;
use crate::call::{AdminCall, no_content, read_out};
use crate::guard::Right;
use crate::problem::{Problem, done};
use crate::route::{Rights, Route, route};

const PROFILES: &str = "clientProfiles";
const POLICIES: &str = "clientPolicies";

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    use Method as M;
    const SEE: Rights = Rights::Any(&[Right::ViewRealm, Right::ManageRealm]);
    const MANAGE: Rights = Rights::Any(&[Right::ManageRealm]);
    const OF_PROFILES: &str = "/admin/realms/{realm}/client-policies/profiles";
    const OF_POLICIES: &str = "/admin/realms/{realm}/client-policies/policies";
    vec![
        route(M::GET, OF_PROFILES, SEE, profiles),
        route(M::PUT, OF_PROFILES, MANAGE, set_profiles),
        route(M::GET, OF_POLICIES, SEE, policies),
        route(M::PUT, OF_POLICIES, MANAGE, set_policies),
    ]
}

/// A list within a member of a realm's body.
fn list<'a>(body: &'a Json, member: &str, list: &str) -> &'a [Value] {
    let kept = body.get(member).and_then(|kept| kept.get(list));
    kept.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A list that the realm keeps.
fn kept<'a>(call: &'a AdminCall, member: &str, name: &str) -> &'a [Value] {
    list(&call.realm.body, member, name)
}

/// Checks the profiles and policies within a change of a realm, and leaves of them what is kept.
/// `present` is the realm's body.
pub(super) fn check_within(change: &mut Json, present: &Json) -> Result<(), Problem> {
    let refused = |text: String| Problem::bad_request(&text);
    if let Some(Value::Object(sent)) = change.get(PROFILES) {
        let checked = checked_profiles(sent).map_err(refused)?;
        change.insert(PROFILES.to_owned(), json!({"profiles": checked}));
    }
    if let Some(Value::Object(sent)) = change.get(POLICIES) {
        let holder = if change.contains_key(PROFILES) {
            &*change
        } else {
            present
        };
        let checked = checked_policies(sent, list(holder, PROFILES, "profiles"));
        let checked = checked.map_err(refused)?;
        change.insert(POLICIES.to_owned(), json!({"policies": checked}));
    }
    Ok(())
}

async fn profiles(call: AdminCall) -> Result<Answer, Problem> {
    let mut shown = json!({"profiles": kept(&call, PROFILES, "profiles")});
    if call.flag("include-global-profiles").unwrap_or(false)
        && let Some(shown) = shown.as_object_mut()
    {
        shown.insert(
            "globalProfiles".to_owned(),
            Value::Array(GLOBAL_PROFILES.clone()),
        );
    }
    Ok(read_out(&shown))
}

async fn policies(call: AdminCall) -> Result<Answer, Problem> {
    let mut shown = json!({"policies": kept(&call, POLICIES, "policies")});
    if call.flag("include-global-policies").unwrap_or(false)
        && let Some(shown) = shown.as_object_mut()
    {
        shown.insert("globalPolicies".to_owned(), json!([]));
    }
    Ok(read_out(&shown))
}

async fn keep(call: &AdminCall, member: &str, value: Value) -> Result<Answer, Problem> {
    let mut body: Json = call.realm.body.clone();
    body.insert(member.to_owned(), value);
    let mut tx = Tx::new();
    tx.update_realm(&row(&call.realm, body));
    done(call.app.commit(tx).await?)?;
    Ok(no_content())
}

async fn set_profiles(call: AdminCall) -> Result<Answer, Problem> {
    let sent = call.json("ClientProfilesRepresentation")?;
    let checked = checked_profiles(&sent).map_err(|text| Problem::bad_request(&text))?;
    keep(&call, PROFILES, json!({"profiles": checked})).await
}

async fn set_policies(call: AdminCall) -> Result<Answer, Problem> {
    let sent = call.json("ClientPoliciesRepresentation")?;
    let own = kept(&call, PROFILES, "profiles");
    let checked = checked_policies(&sent, own).map_err(|text| Problem::bad_request(&text))?;
    keep(&call, POLICIES, json!({"policies": checked})).await
}
