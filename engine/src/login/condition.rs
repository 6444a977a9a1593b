//! The conditions under which a flow counts.

use claviger_model::ExecutionStatus;

use super::drive::Login;
use super::{LoginError, level};
use crate::flow::{Condition, Flow, Refusal, Step, Verdict, Walk};
use crate::person::{Membership, Person};
use crate::scope::requested;

/// Looks whether the condition of a step holds.
pub async fn holds(
    login: &mut Login<'_>,
    flow: &Flow,
    walk: &Walk<'_>,
    id: &str,
) -> Result<Verdict, LoginError> {
    let path = flow.path(id).unwrap_or_default();
    let Some(step) = path.last().copied() else {
        return Ok(Verdict::Refused(Refusal::Internal));
    };
    let parent = path
        .len()
        .checked_sub(2)
        .and_then(|above| path.get(above))
        .and_then(|above| above.flow())
        .unwrap_or(flow);
    let Some(condition) = step.condition() else {
        return Ok(Verdict::Refused(Refusal::Internal));
    };
    let held = match condition {
        Condition::UserConfigured => parent.is_configured_for(walk.state().user.as_ref()),
        Condition::Role => role(login, step).await?,
        Condition::Attribute => {
            if login.user.is_none() {
                return Ok(Verdict::Refused(Refusal::UnknownUser));
            }
            attribute(login, step).await?
        }
        Condition::Level => level(login, flow, step),
        Condition::ClientScope => client_scope(login, step).await?,
        Condition::FlowExecuted => flow_executed(flow, walk, step),
        Condition::Credential => credential(login, step),
    };
    Ok(Verdict::Held(held))
}

/// `conditional-user-role`: a role that the user has, however it came to them.
async fn role(login: &Login<'_>, step: &Step) -> Result<bool, LoginError> {
    let (Some(user), Some(name)) = (&login.user, step.setting("condUserRole")) else {
        return Ok(false);
    };
    let (app, realm) = (login.scene.app, login.scene.realm);
    let Some(role) = role_of(login, name).await? else {
        tracing::warn!(role = name, "a condition asks for a role that is not there");
        return Ok(false);
    };
    let person = Person::load(&app.store, realm, user.clone()).await?;
    Ok(person.roles.contains(&role) != step.flag("negate"))
}

/// A role by the name that settings have for it: `role`, or `client.role`.
async fn role_of(
    login: &Login<'_>,
    name: &str,
) -> Result<Option<claviger_model::RoleId>, LoginError> {
    let realm = login.scene.realm;
    let roles = realm.roles().await?;
    // The client's id may have dots as well: the longest that is one counts.
    for (dot, _) in name.rmatch_indices('.') {
        let (client, role) = name.split_at(dot);
        let role = role.trim_start_matches('.');
        if let Some(client) = realm.client(client).await?
            && let Some(found) = roles.named(Some(&client.uuid), role)
        {
            return Ok(Some(found.id.clone()));
        }
    }
    Ok(roles.named(None, name).map(|role| role.id.clone()))
}

/// `conditional-user-attribute`.
async fn attribute(login: &Login<'_>, step: &Step) -> Result<bool, LoginError> {
    let (Some(user), Some(name)) = (&login.user, step.setting("attribute_name")) else {
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
        let (app, realm) = (login.scene.app, login.scene.realm);
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

/// `conditional-level-of-authentication`: whether this level is yet to be reached.
fn level(login: &mut Login<'_>, flow: &Flow, step: &Step) -> bool {
    let (own, reached) = (level::of(step), level::reached(&login.tab));
    if reached < 0 {
        return true;
    }
    if level::wanted(login, flow) < own {
        return false;
    }
    let before = level::was_reached(login, own, level::max_age(step));
    if before && reached < own {
        level::reach(&mut login.tab, own);
    }
    !before
}

/// `conditional-client-scope`: whether the client asks for a scope.
async fn client_scope(login: &Login<'_>, step: &Step) -> Result<bool, LoginError> {
    let Some(name) = step.setting("client_scope") else {
        return Ok(false);
    };
    let tab = &login.tab;
    let scope = tab.session.client_notes.get("scope").map(String::as_str);
    let scopes = requested(login.scene.realm, &tab.client, scope).await?;
    let known = login.scene.realm.scopes().await?;
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
fn credential(login: &Login<'_>, step: &Step) -> bool {
    let mut used = login.tab.credentials_used();
    if used.is_empty() {
        used.push("none".to_owned());
    }
    let listed = step.setting("credentials").unwrap_or_default();
    let any = listed
        .split("##")
        .any(|kind| used.iter().any(|used| used == kind));
    any == step.flag("included")
}
