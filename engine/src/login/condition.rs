//! The conditions under which a flow counts.

use claviger_model::{ExecutionStatus, User};
use claviger_store::StoreError;

use crate::app::App;
use crate::client::Client;
use crate::flow::{Condition, Flow, Refusal, Step, Verdict, Walk};
use crate::person::{Membership, Person};
use crate::realm::Realm;
use crate::scope::requested;

/// What conditions look at.
pub struct Facts<'a> {
    pub app: &'a App,
    pub realm: &'a Realm,
    /// The client, where one asked.
    pub client: Option<&'a Client>,
    /// What it asked for: `scope`.
    pub scope: Option<&'a str>,
    /// Who it is said to be.
    pub user: Option<&'a User>,
    /// The types of credentials that were used.
    pub used: Vec<String>,
}

/// Looks whether the condition of a step holds. A level is looked at by whoever knows what was reached.
pub async fn holds(
    facts: &Facts<'_>,
    flow: &Flow,
    walk: &Walk<'_>,
    id: &str,
) -> Result<Looked, StoreError> {
    let path = flow.path(id).unwrap_or_default();
    let parent = path
        .len()
        .checked_sub(2)
        .and_then(|above| path.get(above))
        .and_then(|above| above.flow())
        .unwrap_or(flow);
    let Some((step, condition)) = path
        .last()
        .and_then(|step| Some((*step, step.condition()?)))
    else {
        return Ok(Looked::Verdict(Verdict::Refused(Refusal::Internal)));
    };
    let held = match condition {
        Condition::UserConfigured => parent.is_configured_for(walk.state().user.as_ref()),
        Condition::Role => role(facts, step).await?,
        Condition::Attribute if facts.user.is_none() => {
            return Ok(Looked::Verdict(Verdict::Refused(Refusal::UnknownUser)));
        }
        Condition::Attribute => attribute(facts, step).await?,
        Condition::Level => return Ok(Looked::Level),
        Condition::ClientScope => client_scope(facts, step).await?,
        Condition::FlowExecuted => flow_executed(flow, walk, step),
        Condition::Credential => credential(facts, step),
    };
    Ok(Looked::Verdict(Verdict::Held(held)))
}

/// What looking came to.
pub enum Looked {
    Verdict(Verdict),
    /// The condition is about a level.
    Level,
}

/// `conditional-user-role`: a role that the user has, however it came to them.
async fn role(facts: &Facts<'_>, step: &Step) -> Result<bool, StoreError> {
    let (Some(user), Some(name)) = (facts.user, step.setting("condUserRole")) else {
        return Ok(false);
    };
    let (app, realm) = (facts.app, facts.realm);
    let Some(role) = role_named(realm, name).await? else {
        tracing::warn!(role = name, "a condition asks for a role that is not there");
        return Ok(false);
    };
    let person = Person::load(&app.store, realm, user.clone()).await?;
    Ok(person.roles.contains(&role) != step.flag("negate"))
}

/// A role by the name that settings have for it: `role`, or `client.role`.
pub async fn role_named(
    realm: &Realm,
    name: &str,
) -> Result<Option<claviger_model::RoleId>, StoreError> {
    let roles = realm.roles().await?;
    // The client's id may have dots as well: the longest that is one counts.
    for (dot, _) in name.rmatch_indices('.') {
        let (client, role) = name.split_at(dot);
        if let Some(client) = realm.client(client).await? {
            let role = role.strip_prefix('.').unwrap_or(role);
            let found = roles.named(Some(&client.uuid), role);
            return Ok(found.map(|role| role.id.clone()));
        }
    }
    Ok(roles.named(None, name).map(|role| role.id.clone()))
}

/// `conditional-user-attribute`.
async fn attribute(facts: &Facts<'_>, step: &Step) -> Result<bool, StoreError> {
    let (Some(user), Some(name)) = (facts.user, step.setting("attribute_name")) else {
        return Ok(false);
    };
    let expected = step.setting("attribute_expected_value").unwrap_or_default();
    let pattern = if step.flag("regex") {
        // A pattern that cannot be read fits nothing.
        Some(fancy_regex::Regex::new(&format!("^(?:{expected})$")).ok())
    } else {
        None
    };
    let fits = |value: &String| match &pattern {
        None => value == expected,
        Some(pattern) => pattern
            .as_ref()
            .is_some_and(|pattern| pattern.is_match(value).unwrap_or(false)),
    };
    let own: Vec<String> = match name {
        "username" => vec![user.username.clone()],
        "email" => user.email.iter().cloned().collect(),
        "firstName" => user.first_name.iter().cloned().collect(),
        "lastName" => user.last_name.iter().cloned().collect(),
        _ => user.attributes.get(name).cloned().unwrap_or_default(),
    };
    let mut held = own.iter().any(fits);
    if !held && step.flag("include_group_attributes") {
        let (app, realm) = (facts.app, facts.realm);
        let person = Person::load(&app.store, realm, user.clone()).await?;
        held = person
            .groups
            .iter()
            .flat_map(Membership::line)
            .flat_map(|group| group.attribute(name))
            .any(|value| fits(&value));
    }
    Ok(held != step.flag("not"))
}

/// `conditional-client-scope`: whether the client asks for a scope.
async fn client_scope(facts: &Facts<'_>, step: &Step) -> Result<bool, StoreError> {
    let Some(name) = step.setting("client_scope") else {
        return Ok(false);
    };
    let Some(client) = facts.client else {
        return Ok(false);
    };
    let scopes = requested(facts.realm, client, facts.scope).await?;
    let known = facts.realm.scopes().await?;
    if known.named(name).is_none() {
        return Ok(false);
    }
    let asked = scopes.iter().any(|scope| scope.name == name);
    Ok(asked != step.flag("negate"))
}

/// `conditional-sub-flow-executed`.
fn flow_executed(flow: &Flow, walk: &Walk<'_>, step: &Step) -> bool {
    let executed = step.setting("check_result") != Some("not-executed");
    let Some(alias) = step.setting("flow_to_check") else {
        // Without a setting nothing is so.
        return step.config.is_some() && !executed;
    };
    let mut steps = flow.all_steps().into_iter();
    let checked = steps.find(|step| step.flow().is_some_and(|flow| flow.alias == alias));
    let passed = checked.is_some_and(|step| {
        walk.state().executions.get(&step.id) == Some(&ExecutionStatus::Success)
    });
    passed == executed
}

/// `conditional-credential`: whether credentials of some types were used, or were not.
fn credential(facts: &Facts<'_>, step: &Step) -> bool {
    let mut used = facts.used.clone();
    if used.is_empty() {
        used.push("none".to_owned());
    }
    let listed = step.setting("credentials").unwrap_or_default();
    let any = listed
        .split("##")
        .any(|kind| used.iter().any(|used| used == kind));
    any == step.flag("included")
}
