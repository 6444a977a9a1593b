//! The clients whose roles administer a realm: `realm-management` in the realm itself, and
//! `<realm>-realm` in the master realm.

use claviger_crypto::random::Random;
use claviger_model::Millis;
use claviger_wire::document::{Document, Json, Kind, Link, LinkKind};
use serde_json::json;

use super::assembly::{Assembly, Place};
use super::clients::{self, Given, set_attribute};
use super::problem::{At, ImportError};
use super::roles::{self, BuiltinRoles};
use crate::defaults::{MASTER, REALM_MANAGEMENT, Template};

/// The role of the master realm that contains every administrator role of every realm.
pub const ADMIN: &str = "admin";
/// The role of the master realm that may make realms.
pub const CREATE_REALM: &str = "create-realm";
/// Clients in the master realm have the roles of realm-management but the one above the others:
/// [`ADMIN`] takes its place.
const MASTER_ROLES: BuiltinRoles = BuiltinRoles {
    client: REALM_MANAGEMENT,
    except: Some(roles::REALM_ADMIN),
};

/// What the master realm gets for another realm: the client that administers it, and its roles.
#[derive(Clone, Debug, PartialEq)]
pub struct MasterPart {
    /// The client and its roles.
    pub documents: Vec<Document>,
    /// What the roles contain.
    pub links: Vec<Link>,
    /// Ids of the roles: master's `admin` role contains each of them.
    pub roles: Vec<String>,
}

/// The client in a realm whose roles administer it.
pub(crate) fn client_id(realm: &str) -> String {
    if realm == MASTER {
        master_client_id(MASTER)
    } else {
        REALM_MANAGEMENT.to_owned()
    }
}

/// The client in the master realm whose roles administer a realm.
pub fn master_client_id(realm: &str) -> String {
    format!("{realm}-realm")
}

/// Makes the client in the master realm for a realm of this name.
pub fn master_part(realm: &str, random: &Random, now: Millis) -> MasterPart {
    let mut assembly = Assembly::new(random, now, String::new());
    // A fresh assembly has no names yet that could be taken.
    let added = add_master_client(&mut assembly, realm);
    debug_assert!(added.is_ok(), "{added:?}");
    let roles = assembly
        .of_kind(Kind::Role)
        .map(|role| role.id.clone())
        .collect();
    let (documents, links, _) = assembly.finish();
    MasterPart {
        documents,
        links,
        roles,
    }
}

/// Adds the client whose roles administer the realm; the master realm also gets `admin` and
/// `create-realm`.
pub(crate) fn add(
    assembly: &mut Assembly<'_>,
    template: &Template<'_>,
    realm: &str,
) -> Result<String, ImportError> {
    if realm != MASTER {
        return clients::add_builtin(assembly, template, REALM_MANAGEMENT, realm);
    }
    add_master_client(assembly, realm)
}

/// Adds what a file left out: roles of the client that administers the realm and, in the master
/// realm, the roles above them.
pub(crate) fn complete(assembly: &mut Assembly<'_>, realm: &str) -> Result<(), ImportError> {
    let Some(client) = assembly.find(Kind::Client, "", &client_id(realm)) else {
        return Ok(());
    };
    if realm == MASTER {
        roles::add_missing_client_roles(assembly, &MASTER_ROLES, &client)?;
        return link_master_admin(assembly, &client);
    }
    roles::add_missing_client_roles(assembly, &BuiltinRoles::of(REALM_MANAGEMENT), &client)
}

/// Gives the master realm its `admin` and `create-realm`, `admin` containing all roles of the
/// realm's own client.
fn link_master_admin(assembly: &mut Assembly<'_>, client: &str) -> Result<(), ImportError> {
    let roles_at = At::Root.key("roles");
    let at = roles_at.key("realm");
    let mut ids = Vec::new();
    for name in [ADMIN, CREATE_REALM] {
        if let Some(id) = assembly.find(Kind::Role, "", name) {
            ids.push(id);
            continue;
        }
        let role = Json::from_iter([
            ("name".to_owned(), json!(name)),
            ("description".to_owned(), json!(format!("${{role_{name}}}"))),
        ]);
        ids.push(roles::add_role(assembly, "", &role, &at)?);
    }
    let [admin, create_realm] = ids.as_slice() else {
        return Ok(());
    };
    assembly.link(LinkKind::Composite, admin, create_realm);
    let below: Vec<String> = assembly
        .of_kind(Kind::Role)
        .filter(|role| role.parent == client)
        .map(|role| role.id.clone())
        .collect();
    for role in below {
        assembly.link(LinkKind::Composite, admin, &role);
    }
    Ok(())
}

fn add_master_client(assembly: &mut Assembly<'_>, realm: &str) -> Result<String, ImportError> {
    let at = At::Root.key("clients");
    let name = master_client_id(realm);
    let mut body = Json::from_iter([
        ("clientId".to_owned(), json!(name)),
        ("name".to_owned(), json!(format!("{realm} Realm"))),
        ("bearerOnly".to_owned(), json!(true)),
        ("fullScopeAllowed".to_owned(), json!(false)),
        ("nodeReRegistrationTimeout".to_owned(), json!(0)),
    ]);
    let (random, now) = (assembly.random, assembly.now);
    clients::complete(&mut body, random, now);
    // Keycloak gives these clients neither a secret nor a protocol.
    body.shift_remove("secret");
    body.shift_remove("protocol");
    body.insert("attributes".to_owned(), json!({}));
    set_attribute(&mut body, "realm_client", "true", Given::Replace);
    let client = assembly.add(
        &Place {
            kind: Kind::Client,
            parent: "",
            name: &name,
        },
        body,
        &at,
    )?;
    roles::add_missing_client_roles(assembly, &MASTER_ROLES, &client)?;
    Ok(client)
}
