//! A realm: what order its parts are looked at in, and its settings.

use serde_json::Value;

use super::compare::{differences, over};
use super::file::Wanted;
use super::pass::{Fate, Json, Mode, Pass, listed, texts};
use super::{clients, flows, groups, parts, roles, scopes, users};
use crate::json::text;
use crate::site::segment;
use crate::{Failure, failed};

/// Parts of a realm that have places of their own.
const PARTS: [&str; 24] = [
    "clients",
    "clientScopes",
    "roles",
    "groups",
    "users",
    "authenticationFlows",
    "authenticatorConfig",
    "requiredActions",
    "components",
    "identityProviders",
    "identityProviderMappers",
    "organizations",
    "scopeMappings",
    "clientScopeMappings",
    "defaultDefaultClientScopes",
    "defaultOptionalClientScopes",
    "defaultGroups",
    "clientProfiles",
    "clientPolicies",
    "localizationTexts",
    "userProfile",
    "defaultRole",
    "keycloakVersion",
    "realm",
];

/// Settings that name flows: they have to be there first.
const BINDINGS: [&str; 7] = [
    "browserFlow",
    "registrationFlow",
    "directGrantFlow",
    "resetCredentialsFlow",
    "clientAuthenticationFlow",
    "dockerAuthenticationFlow",
    "firstBrokerLoginFlow",
];

/// Members of exports that no call of the Admin API takes.
const NOT_COMPARED: [&str; 8] = [
    "federatedUsers",
    "protocolMappers",
    "userFederationProviders",
    "userFederationMappers",
    "applications",
    "oauthClients",
    "clientTemplates",
    "adminPermissionsClient",
];

/// Looks at a whole realm, and writes it as the pass says.
pub fn run(pass: &mut Pass<'_>, wanted: &Wanted) -> Result<(), Failure> {
    let document = &wanted.document;
    for name in NOT_COMPARED {
        if document.contains_key(name) {
            pass.notes.push(format!("{name}: not compared"));
        }
    }
    settings(pass, wanted)?;
    scopes::client_scopes(pass, document)?;
    flows::run(pass, document)?;
    parts::required_actions(pass, document)?;
    bindings(pass, wanted)?;
    roles::realm(pass, document)?;
    clients::run(pass, document)?;
    roles::clients(pass, document)?;
    roles::composites(pass, document)?;
    parts::identity_providers(pass, document)?;
    parts::components(pass, document)?;
    groups::run(pass, document)?;
    scopes::mappings(pass, document)?;
    scopes::defaults(pass, document)?;
    default_groups(pass, document)?;
    parts::client_policies(pass, document)?;
    parts::user_profile(pass, document)?;
    parts::localization(pass, document)?;
    users::run(pass, document)?;
    parts::organizations(pass, document)
}

/// Where the realm is.
fn place(name: &str) -> String {
    format!("realms/{}", segment(name))
}

fn settings(pass: &mut Pass<'_>, wanted: &Wanted) -> Result<(), Failure> {
    let name = &wanted.realm;
    let told_elsewhere = |name: &str| {
        PARTS.contains(&name) || BINDINGS.contains(&name) || NOT_COMPARED.contains(&name)
    };
    let mut fields = super::pass::without(&wanted.document, &[]);
    fields.retain(|name, _| !told_elsewhere(name));
    let Some(Value::Object(found)) = pass.site.find(&place(name))? else {
        let lines = differences("", &fields, &Json::new());
        pass.tell(Fate::Made, "realm", name, lines);
        fields.insert("realm".into(), name.as_str().into());
        return pass.send(("realm", name), "POST", "realms", &Value::Object(fields));
    };
    change(pass, name, &found, &fields)
}

/// Changes settings that differ.
fn change(pass: &mut Pass<'_>, name: &str, found: &Json, fields: &Json) -> Result<(), Failure> {
    let lines = differences("", fields, found);
    if lines.is_empty() {
        return Ok(());
    }
    pass.tell(Fate::Changed, "realm", name, lines);
    let body = Value::Object(over(found, fields));
    pass.send(("realm", name), "PUT", &place(name), &body)
}

/// Which flows are used for what, when all are there.
fn bindings(pass: &mut Pass<'_>, wanted: &Wanted) -> Result<(), Failure> {
    let mut fields = wanted.document.clone();
    fields.retain(|name, _| BINDINGS.contains(&name.as_str()));
    if fields.is_empty() {
        return Ok(());
    }
    match pass.site.find(&place(&wanted.realm))? {
        Some(Value::Object(found)) => change(pass, &wanted.realm, &found, &fields),
        _ if pass.mode == Mode::Look => {
            // With the realm they are made anew: what differs from a new one is not known yet.
            let lines = differences("", &fields, &Json::new());
            pass.tell(Fate::Changed, "realm", &wanted.realm, lines);
            Ok(())
        }
        _ => failed(format!("realm '{}' is not there", wanted.realm)),
    }
}

fn default_groups(pass: &mut Pass<'_>, document: &Json) -> Result<(), Failure> {
    let Some(wanted) = texts(document, "defaultGroups")? else {
        return Ok(());
    };
    let found: Vec<String> = pass
        .all("default-groups")?
        .iter()
        .filter_map(|group| text(group, "path").map(str::to_owned))
        .collect();
    let subject = ("realm", "default groups");
    let (add, remove) = pass.references(subject, "defaultGroups", &wanted, &found);
    for (method, paths) in [("PUT", add), ("DELETE", remove)] {
        for path in paths {
            if pass.mode == Mode::Write {
                let id = groups::id(pass, &path)?;
                pass.send(
                    subject,
                    method,
                    &format!("default-groups/{}", segment(&id)),
                    &Value::Null,
                )?;
            }
        }
    }
    Ok(())
}

/// Objects of a document under a name within one of its members.
pub fn inner(document: &Json, member: &str, name: &str) -> Result<Option<Vec<Json>>, Failure> {
    match document.get(member) {
        Some(Value::Object(members)) => listed(members, name),
        None | Some(Value::Null) => Ok(None),
        Some(_) => failed(format!("{member}: an object is wanted")),
    }
}
