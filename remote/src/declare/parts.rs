//! The smaller parts of a realm: required actions, components, identity providers, policies for
//! clients, the profile of users, texts, organizations.

use serde_json::{Value, json};

use super::compare::{differences, over};
use super::pass::{Fate, Json, Kind, Mode, Pass, absent, listed, texts, without};
use crate::json::text;
use crate::site::segment;
use crate::{Failure, failed};

/// How deep components are in each other at most.
const DEEPEST: usize = 10;

/// What a user may be asked to do.
pub fn required_actions(pass: &mut Pass<'_>, document: &Json) -> Result<(), Failure> {
    let Some(wanted) = listed(document, "requiredActions")? else {
        return Ok(());
    };
    let place = "authentication/required-actions";
    let found = pass.all(place)?;
    let kind = Kind::new("required action", place, "alias", "alias");
    for item in wanted {
        let alias = Pass::name(kind.label, &item, "alias")?;
        let there = found
            .iter()
            .find(|other| text(other, "alias") == Some(alias));
        if there.is_none() && pass.mode == Mode::Write && !absent(&item) {
            let provider = text(&item, "providerId").unwrap_or(alias);
            let body =
                json!({"providerId": provider, "name": text(&item, "name").unwrap_or(alias)});
            pass.send(
                (kind.label, alias),
                "POST",
                "authentication/register-required-action",
                &body,
            )?;
            let made = pass.all(place)?;
            let there = made
                .iter()
                .find(|other| text(other, "alias") == Some(alias))
                .cloned();
            pass.object(&kind, alias, there, (&without(&item, &[]), &item))?;
            continue;
        }
        pass.object(&kind, alias, there.cloned(), (&without(&item, &[]), &item))?;
    }
    Ok(())
}

/// Components of the realm by type and name: keys, user stores, policies of registration.
pub fn components(pass: &mut Pass<'_>, document: &Json) -> Result<(), Failure> {
    let Some(Value::Object(by_type)) = document.get("components") else {
        return Ok(());
    };
    let realm = match pass
        .site
        .find(&format!("realms/{}", segment(pass.site.realm())))?
    {
        Some(found) => found
            .get("id")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        None => String::new(),
    };
    below(pass, by_type, &realm, "", 0)
}

fn below(
    pass: &mut Pass<'_>,
    by_type: &Json,
    parent: &str,
    owner: &str,
    depth: usize,
) -> Result<(), Failure> {
    if depth > DEEPEST {
        return failed("components: too deep");
    }
    let kind = Kind::new("component", "components", "name", "id");
    for provider_type in by_type.keys() {
        let short = provider_type.rsplit('.').next().unwrap_or_default();
        for mut item in listed(by_type, provider_type)?.unwrap_or_default() {
            item.insert("providerType".into(), provider_type.as_str().into());
            item.insert("parentId".into(), parent.into());
            let inner = item.shift_remove("subComponents");
            // The server gives some components no name: then their provider has to do.
            let name = text(&item, "name")
                .or(text(&item, "providerId"))
                .unwrap_or_default()
                .to_owned();
            let same = |other: &&Json| {
                let known = text(other, "name").or(text(other, "providerId"));
                let fits = |member| {
                    item.get(member)
                        .is_none_or(|wanted| other.get(member) == Some(wanted))
                };
                known == Some(&name)
                    && ["providerType", "parentId", "subType"]
                        .into_iter()
                        .all(fits)
            };
            let there = match parent {
                "" => None,
                _ => pass.all("components")?.iter().find(same).cloned(),
            };
            let shown = format!("{owner}{short}/{name}");
            let mut fields = without(&item, &[]);
            let state = item
                .get("$state")
                .map(|state| ("$state".to_owned(), state.clone()));
            let mut whole = fields.clone();
            whole.extend(state);
            if parent.is_empty() {
                whole.shift_remove("parentId");
                fields.shift_remove("parentId");
            }
            let met = pass.object(&kind, &shown, there, (&fields, &whole))?;
            let Some(Value::Object(inner)) = inner.filter(|_| !absent(&whole)) else {
                continue;
            };
            let id = match met.text("id") {
                Some(id) => id.to_owned(),
                None if pass.mode == Mode::Write => {
                    let all = pass.all("components")?;
                    let made = all.iter().find(same).and_then(|made| text(made, "id"));
                    made.unwrap_or_default().to_owned()
                }
                None => String::new(),
            };
            below(pass, &inner, &id, &format!("{shown}/"), depth + 1)?;
        }
    }
    Ok(())
}

/// Identity providers with their mappers.
pub fn identity_providers(pass: &mut Pass<'_>, document: &Json) -> Result<(), Failure> {
    let place = "identity-provider/instances";
    if let Some(wanted) = listed(document, "identityProviders")? {
        let kind = Kind::new("identity provider", place, "alias", "alias");
        pass.list(&kind, "", &wanted, &[], &|_| false)?;
    }
    let mappers = listed(document, "identityProviderMappers")?.unwrap_or_default();
    let mut owners: Vec<String> = Vec::new();
    for mapper in &mappers {
        let owner = Pass::name(
            "mapper of an identity provider",
            mapper,
            "identityProviderAlias",
        )?;
        if !owners.iter().any(|known| known == owner) {
            owners.push(owner.to_owned());
        }
    }
    for owner in owners {
        let of_owner = |mapper: &&Json| text(mapper, "identityProviderAlias") == Some(&owner);
        let wanted: Vec<Json> = mappers.iter().filter(of_owner).cloned().collect();
        let place = format!("{place}/{}/mappers", segment(&owner));
        let kind = Kind::new("mapper of an identity provider", &place, "name", "id");
        pass.list(&kind, &format!("{owner}/"), &wanted, &[], &|_| false)?;
    }
    Ok(())
}

/// One document at one place, which is always there.
fn whole(pass: &mut Pass<'_>, label: &str, place: &str, wanted: &Json) -> Result<(), Failure> {
    let found = pass.site.find(place)?.and_then(crate::site::object);
    if found.is_none() && pass.mode == Mode::Write {
        return failed(format!("{label}: this server has none"));
    }
    let found = found.unwrap_or_default();
    let lines = differences("", wanted, &found);
    if lines.is_empty() {
        return Ok(());
    }
    pass.tell(Fate::Changed, label, pass.site.realm(), lines);
    let body = Value::Object(over(&found, wanted));
    pass.send((label, pass.site.realm()), "PUT", place, &body)
}

/// Profiles and policies that clients have to keep to: named ones beside those that are there.
pub fn client_policies(pass: &mut Pass<'_>, document: &Json) -> Result<(), Failure> {
    for (member, list, place) in [
        ("clientProfiles", "profiles", "client-policies/profiles"),
        ("clientPolicies", "policies", "client-policies/policies"),
    ] {
        let Some(Value::Object(wanted)) = document.get(member) else {
            continue;
        };
        let wanted = listed(wanted, list)?.unwrap_or_default();
        if wanted.is_empty() {
            continue;
        }
        let found = pass.site.find(place)?.unwrap_or_default();
        let mut all = found
            .as_object()
            .map_or(Ok(None), |found| listed(found, list))?
            .unwrap_or_default();
        let before = pass.changes.len();
        for item in wanted {
            let name = Pass::name(member, &item, "name")?;
            let at = all
                .iter()
                .position(|other| text(other, "name") == Some(name));
            let fields = without(&item, &[]);
            match at {
                Some(at) if absent(&item) => {
                    pass.tell(Fate::Gone, member, name, Vec::new());
                    all.remove(at);
                }
                None if absent(&item) => {}
                at => {
                    let empty = Json::new();
                    let there = at.and_then(|at| all.get_mut(at));
                    let lines = differences("", &fields, there.as_deref().unwrap_or(&empty));
                    let fate = if there.is_some() {
                        Fate::Changed
                    } else {
                        Fate::Made
                    };
                    if !lines.is_empty() {
                        pass.tell(fate, member, name, lines);
                    }
                    match there {
                        Some(there) => *there = over(there, &fields),
                        None => all.push(fields),
                    }
                }
            }
        }
        if pass.changes.len() > before {
            let all: Vec<Value> = all.into_iter().map(Value::Object).collect();
            pass.send((member, ""), "PUT", place, &json!({list: all}))?;
        }
    }
    Ok(())
}

/// What is known of users.
pub fn user_profile(pass: &mut Pass<'_>, document: &Json) -> Result<(), Failure> {
    match document.get("userProfile") {
        Some(Value::Object(wanted)) => whole(pass, "user profile", "users/profile", wanted),
        _ => Ok(()),
    }
}

/// The realm's own texts, by language.
pub fn localization(pass: &mut Pass<'_>, document: &Json) -> Result<(), Failure> {
    let Some(Value::Object(by_language)) = document.get("localizationTexts") else {
        return Ok(());
    };
    for (language, wanted) in by_language {
        let Value::Object(wanted) = wanted else {
            return failed(format!("localizationTexts.{language}: an object is wanted"));
        };
        let place = format!("localization/{}", segment(language));
        let found = pass
            .site
            .find(&place)?
            .and_then(crate::site::object)
            .unwrap_or_default();
        let lines = differences("", wanted, &found);
        if !lines.is_empty() {
            pass.tell(Fate::Changed, "texts", language, lines);
            pass.send(
                ("texts", language),
                "POST",
                &place,
                &Value::Object(wanted.clone()),
            )?;
        }
    }
    Ok(())
}

/// Organizations with their domains and identity providers.
pub fn organizations(pass: &mut Pass<'_>, document: &Json) -> Result<(), Failure> {
    let Some(wanted) = listed(document, "organizations")? else {
        return Ok(());
    };
    let there = pass.site.find("organizations?first=0&max=1")?;
    if there.is_none() && pass.mode == Mode::Write {
        return failed("organizations: this server has none, or organizationsEnabled is not set");
    }
    let inner = ["identityProviders", "members", "groups"];
    let kind = Kind::new("organization", "organizations", "name", "id")
        .listed("organizations?briefRepresentation=false&first=0&max=10000");
    let plain: Vec<Json> = wanted
        .iter()
        .map(|item| {
            let mut plain = item.clone();
            plain.retain(|name, _| !inner.contains(&name.as_str()));
            plain
        })
        .collect();
    for (index, (item, met)) in pass
        .list(&kind, "", &plain, &[], &|_| false)?
        .into_iter()
        .enumerate()
    {
        let name = text(&item, "name").unwrap_or_default();
        let Some(whole) = wanted.get(index) else {
            continue;
        };
        for member in ["members", "groups"] {
            if whole.contains_key(member) {
                pass.notes
                    .push(format!("organization '{name}': {member} are not compared"));
            }
        }
        let aliases: Option<Vec<String>> = match listed(whole, "identityProviders") {
            Ok(Some(items)) => Some(
                items
                    .iter()
                    .filter_map(|one| text(one, "alias").map(str::to_owned))
                    .collect(),
            ),
            Ok(None) => None,
            // Names alone will do.
            Err(_) => texts(whole, "identityProviders")?,
        };
        let Some(aliases) = aliases else {
            continue;
        };
        let place = format!(
            "organizations/{}/identity-providers",
            segment(met.text("id").unwrap_or("new"))
        );
        let found: Vec<String> = pass
            .all(&place)?
            .iter()
            .filter_map(|one| text(one, "alias").map(str::to_owned))
            .collect();
        let subject = ("organization", name);
        let (add, remove) = pass.references(subject, "identityProviders", &aliases, &found);
        for alias in add {
            pass.send(subject, "POST", &place, &Value::String(alias))?;
        }
        for alias in remove {
            pass.send(
                subject,
                "DELETE",
                &format!("{place}/{}", segment(&alias)),
                &Value::Null,
            )?;
        }
    }
    Ok(())
}
