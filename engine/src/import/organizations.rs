//! Organizations of a realm file, with their groups, members and identity providers.

use std::collections::{BTreeSet, HashSet};

use claviger_model::OrganizationId;
use claviger_store::Tx;
use claviger_wire::Organization;
use claviger_wire::document::{Json, Kind, LinkKind};
use serde_json::json;

use super::assembly::Assembly;
use super::groups::{Tree, add_group};
use super::problem::{At, ImportError};
use super::shape::{each, text, texts};
use crate::organization::{PROVIDER_OF, alias_fault, fault, url_fault};
use claviger_model::RealmId;

/// Longest id.
const MAX_ID: usize = 36;

/// An organization to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct NewOrganization {
    /// The organization itself.
    pub organization: Organization,
    /// Who belongs to it.
    pub members: Vec<NewMember>,
}

/// A member of an organization, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMember {
    /// The user's name.
    pub username: String,
    /// Whether the organization manages the user.
    pub managed: bool,
    /// Ids of the groups within the organization that the user is in.
    pub groups: Vec<String>,
}

/// What is taken already by organizations of the same file.
#[derive(Default)]
struct Taken {
    ids: HashSet<String>,
    names: HashSet<String>,
    aliases: HashSet<String>,
    domains: HashSet<String>,
}

/// Reads the organizations of a file. Their groups become documents.
pub(crate) fn read(
    assembly: &mut Assembly<'_>,
    file: &Json,
) -> Result<Vec<NewOrganization>, ImportError> {
    let list_at = At::Root.key("organizations");
    let mut taken = Taken::default();
    let mut all = Vec::new();
    for (index, body) in each(file, "organizations") {
        let at = list_at.index(index);
        let organization = read_one(assembly, body, &mut taken, &at)?;
        let id = organization.id.as_str();
        link_providers(assembly, id, body, &at)?;
        let tree = Tree::OfOrganization(id);
        let groups_at = at.key("groups");
        for (index, group) in each(body, "groups") {
            add_group(assembly, tree, id, group, &groups_at.index(index), 0)?;
        }
        let members = read_members(assembly, id, body, &at)?;
        all.push(NewOrganization {
            organization,
            members,
        });
    }
    Ok(all)
}

fn read_one(
    assembly: &Assembly<'_>,
    body: &Json,
    taken: &mut Taken,
    at: &At<'_>,
) -> Result<Organization, ImportError> {
    let mut organization = Organization::from_body(body);
    if organization.id.as_str().is_empty() {
        organization.id = OrganizationId::new(assembly.random.uuid());
    }
    if organization.id.as_str().len() > MAX_ID {
        let problem = format!("an id has at most {MAX_ID} characters");
        return Err(at.key("id").invalid(problem));
    }
    let alias = text(body, "alias");
    let wrong = alias.and_then(alias_fault);
    let wrong = wrong.or_else(|| url_fault(organization.redirect_url.as_deref()));
    if let Some(wrong) = wrong.or_else(|| fault(&organization, alias)) {
        return Err(at.invalid(wrong));
    }
    let Organization {
        id, name, alias, ..
    } = &organization;
    for (member, all, value) in [
        ("id", &mut taken.ids, id.as_str()),
        ("name", &mut taken.names, name),
        ("alias", &mut taken.aliases, alias),
    ] {
        if !all.insert(value.to_owned()) {
            let problem = format!("there are two organizations of this {member}");
            return Err(at.key(member).conflict(problem));
        }
    }
    for domain in &organization.domains {
        if !taken.domains.insert(domain.name.clone()) {
            let problem = format!("two organizations have the domain `{}`", domain.name);
            return Err(at.key("domains").conflict(problem));
        }
    }
    Ok(organization)
}

fn link_providers(
    assembly: &mut Assembly<'_>,
    organization: &str,
    body: &Json,
    at: &At<'_>,
) -> Result<(), ImportError> {
    let list_at = at.key("identityProviders");
    for (index, provider) in each(body, "identityProviders") {
        let at = list_at.index(index);
        let alias = text(provider, "alias").unwrap_or_default();
        let missing = || {
            let problem = format!("there is no identity provider `{alias}`");
            at.key("alias").invalid(problem)
        };
        let id = assembly.find(Kind::IdentityProvider, "", alias);
        let id = id.ok_or_else(missing)?;
        let found = assembly.body_mut(Kind::IdentityProvider, &id);
        let found = found.ok_or_else(missing)?;
        if let Some(other) = text(found, PROVIDER_OF)
            && other != organization
        {
            let problem = "Identity provider already associated with a different organization";
            return Err(at.conflict(problem));
        }
        found.insert(PROVIDER_OF.to_owned(), json!(organization));
    }
    Ok(())
}

fn read_members(
    assembly: &Assembly<'_>,
    organization: &str,
    body: &Json,
    at: &At<'_>,
) -> Result<Vec<NewMember>, ImportError> {
    let own: BTreeSet<String> = assembly
        .linked(LinkKind::OrganizationGroup, organization)
        .into_iter()
        .collect();
    let list_at = at.key("members");
    let mut names = HashSet::new();
    let mut members = Vec::new();
    for (index, member) in each(body, "members") {
        let at = list_at.index(index);
        let Some(name) = text(member, "username") else {
            return Err(at.key("username").invalid("a member is named by username"));
        };
        if !names.insert(name.to_lowercase()) {
            continue;
        }
        let groups_at = at.key("groups");
        let mut groups = BTreeSet::new();
        for (index, id) in texts(member, "groups") {
            if !own.contains(id) {
                let problem = format!("Unable to find organization group specified by id: {id}");
                return Err(groups_at.index(index).invalid(problem));
            }
            groups.insert(id.to_owned());
        }
        members.push(NewMember {
            username: name.to_owned(),
            managed: text(member, "membershipType") == Some("MANAGED"),
            groups: groups.into_iter().collect(),
        });
    }
    Ok(members)
}

/// Writes an organization with its members, whose users are there already.
pub(crate) fn put(tx: &mut Tx, realm: &RealmId, new: &NewOrganization) {
    let id = &new.organization.id;
    tx.insert_organization(realm, &new.organization);
    for member in &new.members {
        let name = member.username.as_str();
        tx.join_organization_named(realm, id, (name, member.managed));
        for group in &member.groups {
            tx.join_organization_group_named(realm, id, (name, group));
        }
    }
}
