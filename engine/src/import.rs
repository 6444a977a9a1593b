//! Realm files: from a realm representation to what is written.
//!
//! [`compile`] is pure. It takes any part of a realm representation, adds what a new realm has and
//! the file leaves out, resolves every reference, and refuses the whole file if one is broken. The
//! rules are Keycloak's: a list that is absent means the defaults, a list that is there means
//! itself alone.

pub mod carry;
pub mod clients;
pub mod files;
pub mod flows;
pub mod keys;
pub mod management;
pub mod partial;
pub mod realm;
pub mod users;

mod assembly;
mod components;
mod groups;
mod identity_providers;
pub(crate) mod organizations;
mod problem;
mod roles;
mod scopes;
mod shape;
mod upgrade;
mod walk;

use claviger_crypto::random::Random;
use claviger_model::{Millis, RealmId, RoleId};
use claviger_store::Kept;
use claviger_wire::document::{Document, Json, Kind, Link, LinkKind};
use serde_json::{Value, json};

use assembly::Assembly;
pub use management::{MasterPart, master_client_id, master_part};
pub use organizations::{NewMember, NewOrganization};
use problem::At;
pub use problem::{ImportError, ImportProblem};
pub use users::{NewCredential, NewUser};

use crate::defaults::{MASTER, Template};
use crate::realms::Terms;
use scopes::OFFLINE_ACCESS;
use shape::{each, flag, text};

pub use claviger_wire::MASK;

/// The realm attribute that asks for the built-in client scopes besides the file's own.
const CREATE_DEFAULT_CLIENT_SCOPES: &str = "CreateDefaultClientScopes";
/// The role that lets a service account register resources (UMA 2.0 §1.3).
const UMA_PROTECTION: &str = "uma_protection";
/// The role that users get for the permissions of UMA.
const UMA_AUTHORIZATION: &str = "uma_authorization";
/// Most users in one file; Keycloak's own exports have 50.
const MAX_USERS: usize = 1_000_000;

/// What an import needs besides the file.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Where ids and secrets come from.
    pub random: &'a Random,
    /// The present.
    pub now: Millis,
}

/// Something that is kept as it came, and not acted upon.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptPart {
    /// What it is.
    pub kind: Kept,
    /// Its id.
    pub id: String,
    /// Its representation.
    pub body: Json,
}

/// A realm ready to be written. Its key components may lack keys: see [`keys::complete`].
#[derive(Clone, Debug)]
pub struct RealmImport {
    /// The realm's document; it has `id`, `realm` and `enabled`.
    pub realm: Json,
    /// Its configuration.
    pub documents: Vec<Document>,
    /// How that hangs together.
    pub links: Vec<Link>,
    /// Its users, service accounts among them.
    pub users: Vec<NewUser>,
    /// Its organizations; they name users and groups of the realm.
    pub organizations: Vec<NewOrganization>,
    /// What is kept for exports alone.
    pub kept: Vec<KeptPart>,
    /// What the master realm gets for it; none if it is the master realm.
    pub master: Option<MasterPart>,
    /// What was passed over, each with its place in the file.
    pub warnings: Vec<String>,
}

/// Compiles a realm file with all its users.
///
/// # Errors
/// If anything in it is wrong; the error names the place.
pub fn compile(file: &Json, context: &Context<'_>) -> Result<RealmImport, ImportError> {
    let mut compiler = Compiler::new(file, context, users::Taken::watching())?;
    let list_at = At::Root.key("users");
    let mut users = Vec::new();
    for (index, user) in each(file, "users") {
        let at = list_at.index(index);
        if users.len() >= MAX_USERS {
            return Err(at.invalid(format!("a file has at most {MAX_USERS} users")));
        }
        users.push(compiler.user(user, &at)?);
    }
    let list_at = At::Root.key("federatedUsers");
    let mut federated = Vec::new();
    for (index, user) in each(file, "federatedUsers") {
        let at = list_at.index(index);
        federated.push(compiler.federated_user(user, &at)?);
    }
    let mut import = compiler.finish()?;
    users.append(&mut import.users);
    import.users = users;
    import.kept.append(&mut federated);
    Ok(import)
}

/// A realm file being compiled: first its configuration, then users one by one, from wherever they
/// come.
pub(crate) struct Compiler<'a> {
    parts: Parts<'a>,
    assembly: Assembly<'a>,
    body: Json,
    rules: users::UserRules,
    terms: Terms,
    taken: users::Taken,
    organizations: Vec<NewOrganization>,
}

impl<'a> Compiler<'a> {
    /// Compiles everything but users.
    pub(crate) fn new(
        file: &'a Json,
        context: &Context<'a>,
        taken: users::Taken,
    ) -> Result<Self, ImportError> {
        let name = text(file, "realm").unwrap_or_default().to_owned();
        realm::check_name(&name, &At::Root.key("realm"))?;
        let id = realm_id(file, context.random)?;
        let mut body = realm::body(file, &name, &id)?;
        let mut assembly = Assembly::new(context.random, context.now, id);
        upgrade::refuse_or_warn(file, &mut assembly.warnings)?;
        let default_role = roles::add_default_role(&mut assembly, file, &name)?;
        body.insert("defaultRole".to_owned(), json!({"id": default_role}));
        let parts = Parts {
            file,
            name,
            default_role,
        };
        parts.add_configuration(&mut assembly, &mut body)?;
        let organizations = organizations::read(&mut assembly, file)?;
        Ok(Self {
            parts,
            assembly,
            rules: users::UserRules::of(&body),
            terms: Terms::of(&body),
            body,
            taken,
            organizations,
        })
    }

    /// Id and name of the realm.
    pub(crate) fn realm(&self) -> (RealmId, &str) {
        (
            RealmId::new(self.assembly.realm_id.as_str()),
            &self.parts.name,
        )
    }

    /// What the realm asks of its users.
    pub(crate) const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Compiles a user.
    pub(crate) fn user(&mut self, user: &Json, at: &At<'_>) -> Result<NewUser, ImportError> {
        users::read_user(&mut self.assembly, user, &self.rules, &mut self.taken, at)
    }

    /// Compiles what is known of a user of another store: kept as it is.
    #[expect(
        clippy::unused_self,
        reason = "asked like the others, and will need more"
    )]
    pub(crate) fn federated_user(
        &mut self,
        user: &Json,
        at: &At<'_>,
    ) -> Result<KeptPart, ImportError> {
        let Some(id) = text(user, "id") else {
            return Err(at.key("id").invalid("a user of another store needs an id"));
        };
        if id.chars().count() > 255 {
            return Err(at.key("id").invalid("an id has at most 255 characters"));
        }
        Ok(KeptPart {
            kind: Kept::FederatedUser,
            id: id.to_owned(),
            body: user.clone(),
        })
    }

    /// Ends the compilation. The users of the result are service accounts that no file has.
    pub(crate) fn finish(mut self) -> Result<RealmImport, ImportError> {
        let mut users = Vec::new();
        let (parts, assembly) = (&self.parts, &mut self.assembly);
        parts.add_service_accounts(assembly, &mut self.taken, &mut users)?;
        let name = self.parts.name.as_str();
        let (random, now) = (self.assembly.random, self.assembly.now);
        let master = (name != MASTER).then(|| master_part(name, random, now));
        let (documents, links, warnings) = self.assembly.finish();
        Ok(RealmImport {
            realm: self.body,
            documents,
            links,
            users,
            organizations: self.organizations,
            kept: Vec::new(),
            master,
            warnings,
        })
    }
}

fn realm_id(file: &Json, random: &Random) -> Result<String, ImportError> {
    let Some(id) = text(file, "id").filter(|id| !id.trim().is_empty()) else {
        return Ok(random.uuid());
    };
    let at = At::Root.key("id");
    realm::reserved(id, &at)?;
    if id.len() > 36 {
        return Err(at.invalid("an id has at most 36 characters"));
    }
    Ok(id.to_owned())
}

/// What all steps look at.
struct Parts<'a> {
    file: &'a Json,
    name: String,
    default_role: String,
}

impl Parts<'_> {
    const fn template(&self) -> Template<'_> {
        Template::of(self.name.as_str())
    }

    fn add_configuration(
        &self,
        assembly: &mut Assembly<'_>,
        body: &mut Json,
    ) -> Result<(), ImportError> {
        let (file, template) = (self.file, &self.template());
        let all_scopes = self.wants_default_scopes(body);
        let builtin = self.add_builtin_clients(assembly)?;
        let except = self.add_offline_access(assembly)?;
        if all_scopes {
            scopes::add_all_defaults(assembly, template)?;
            for client in &builtin {
                scopes::assign_realm_scopes(assembly, client, "openid-connect");
            }
        }
        flows::add(assembly, file, body, template)?;
        flows::add_required_actions(assembly, file, template)?;
        identity_providers::add_from_file(assembly, file)?;
        scopes::add_from_file(assembly, file)?;
        if crate::signal::scopes::are_wanted(body) {
            scopes::add_for_receivers(assembly)?;
        }
        clients::add_from_file(assembly, file, &self.name)?;
        roles::add_from_file(assembly, file, &self.default_role, except)?;
        roles::add_old_default_roles(assembly, file, &self.default_role)?;
        roles::add_scope_mappings(assembly, file)?;
        groups::add_from_file(assembly, file)?;
        components::add(assembly, file, template)?;
        self.complete_builtin(assembly)?;
        upgrade::upgrade(assembly, file, body, template)
    }

    fn has_client(&self, client_id: &str) -> bool {
        each(self.file, "clients").any(|(_, client)| text(client, "clientId") == Some(client_id))
    }

    fn wants_default_scopes(&self, body: &mut Json) -> bool {
        let attributes = body.get_mut("attributes").and_then(Value::as_object_mut);
        let asked = attributes.and_then(|all| all.shift_remove(CREATE_DEFAULT_CLIENT_SCOPES));
        let asked = asked.is_some_and(|asked| asked.as_str() == Some("true"));
        asked || !self.file.get("clientScopes").is_some_and(Value::is_array)
    }

    /// Adds the built-in clients that the file does not have itself.
    fn add_builtin_clients(&self, assembly: &mut Assembly<'_>) -> Result<Vec<String>, ImportError> {
        let template = &self.template();
        let mut added = Vec::new();
        let management = management::client_id(&self.name);
        if !self.has_client(&management) {
            added.push(management::add(assembly, template, &self.name)?);
        }
        if !self.has_client("account") {
            let account = clients::add_builtin(assembly, template, "account", &self.name)?;
            for role in ["view-profile", "manage-account"] {
                if let Some(role) = assembly.find(Kind::Role, &account, role) {
                    assembly.link(LinkKind::Composite, &self.default_role, &role);
                }
            }
            if !self.has_client("account-console") {
                let console =
                    clients::add_builtin(assembly, template, "account-console", &self.name)?;
                for role in ["manage-account", "view-groups"] {
                    if let Some(role) = assembly.find(Kind::Role, &account, role) {
                        assembly.link(LinkKind::ScopeMapping, &console, &role);
                    }
                }
                added.push(console);
            }
            added.push(account);
        }
        for client_id in ["broker", "security-admin-console", "admin-cli"] {
            // Without the management client the command line client comes last: see
            // `complete_builtin`.
            let later = client_id == "admin-cli" && self.has_client(&management);
            if !self.has_client(client_id) && !later {
                added.push(clients::add_builtin(
                    assembly, template, client_id, &self.name,
                )?);
            }
        }
        Ok(added)
    }

    /// Adds the role and the scope of offline access unless the file has both. Returns the role
    /// if the file has it alone: the built-in one takes its place.
    fn add_offline_access(
        &self,
        assembly: &mut Assembly<'_>,
    ) -> Result<Option<&'static str>, ImportError> {
        let has_role = roles::has_realm_role(self.file, OFFLINE_ACCESS);
        let has_scope = each(self.file, "clientScopes")
            .any(|(_, scope)| text(scope, "name") == Some(OFFLINE_ACCESS));
        if has_role && has_scope {
            return Ok(None);
        }
        let role = roles::add_builtin_realm_role(assembly, OFFLINE_ACCESS, &self.default_role)?;
        if !has_scope {
            scopes::add_default(assembly, &self.template(), OFFLINE_ACCESS)?;
            if let Some(scope) = assembly.find(Kind::ClientScope, "", OFFLINE_ACCESS) {
                assembly.link(LinkKind::ScopeMapping, &scope, &role);
            }
        }
        Ok(has_role.then_some(OFFLINE_ACCESS))
    }

    /// Completes built-in things that the file has in part.
    fn complete_builtin(&self, assembly: &mut Assembly<'_>) -> Result<(), ImportError> {
        let template = &self.template();
        roles::add_builtin_realm_role(assembly, UMA_AUTHORIZATION, &self.default_role)?;
        let management = management::client_id(&self.name);
        let listed = self.has_client(&management) || self.file.contains_key("roles");
        if listed || self.name == MASTER {
            management::complete(assembly, &self.name)?;
        }
        if self.has_client(&management) && !self.has_client("admin-cli") {
            let cli = clients::add_builtin(assembly, template, "admin-cli", &self.name)?;
            scopes::assign_realm_scopes(assembly, &cli, "openid-connect");
        }
        if let Some(account) = assembly.find(Kind::Client, "", "account")
            && assembly
                .find(Kind::Role, &account, "delete-account")
                .is_none()
        {
            let roles = Template::client_roles("account");
            let role = roles
                .iter()
                .find(|role| text(role, "name") == Some("delete-account"));
            if let Some(role) = role {
                roles::add_role(assembly, &account, role, &At::Root.key("roles"))?;
            }
        }
        self.complete_admin_console(assembly);
        Ok(())
    }

    /// The admin console needs to know the language of who uses it.
    fn complete_admin_console(&self, assembly: &mut Assembly<'_>) {
        let name = "security-admin-console";
        let Some(id) = assembly.find(Kind::Client, "", name) else {
            return;
        };
        let Some(template) = self.template().named("clients", "clientId", name) else {
            return;
        };
        let random = assembly.random;
        let Some(body) = assembly.body_mut(Kind::Client, &id) else {
            return;
        };
        if each(body, "protocolMappers").any(|(_, mapper)| text(mapper, "name") == Some("locale")) {
            return;
        }
        let mut with_mapper = Json::from_iter([(
            "protocolMappers".to_owned(),
            template
                .get("protocolMappers")
                .cloned()
                .unwrap_or(json!([])),
        )]);
        shape::complete_mappers(&mut with_mapper, random);
        let Some(Value::Array(mut mappers)) = with_mapper.shift_remove("protocolMappers") else {
            return;
        };
        if let Value::Array(own) = body.entry("protocolMappers").or_insert(json!([])) {
            own.append(&mut mappers);
        }
    }

    fn add_service_accounts(
        &self,
        assembly: &mut Assembly<'_>,
        taken: &mut users::Taken,
        all: &mut Vec<NewUser>,
    ) -> Result<(), ImportError> {
        let list_at = At::Root.key("clients");
        for (index, client) in each(self.file, "clients") {
            if !flag(client, "serviceAccountsEnabled")
                || clients::is_admin_permissions(self.file, client)
            {
                continue;
            }
            let at = list_at.index(index);
            let client_id = text(client, "clientId").unwrap_or_default();
            let id = assembly.client(client_id, &at)?;
            if taken.has_service_account(&id) {
                continue;
            }
            let mut user = users::service_account(assembly, &id, client_id, &self.default_role);
            users::claim_service_account(&user, taken, &at)?;
            clients::give_service_account_scope(assembly, &id);
            if flag(client, "authorizationServicesEnabled") {
                let role = assembly.role_or_new(&id, UMA_PROTECTION, &at)?;
                user.roles.push(RoleId::new(role));
            }
            all.push(user);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
