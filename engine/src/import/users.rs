//! Users with their credentials, roles, groups, consents and links to identity providers.

mod extra;
mod ties;

use std::collections::HashSet;

use claviger_model::user::{Consent, Credential, CredentialType, FederatedIdentity, User};
use claviger_model::{ClientUuid, CredentialId, GroupId, Millis, RoleId, Seconds, Secret, UserId};
use claviger_wire::document::{Json, LinkKind};
use claviger_wire::fields::Fields;
use serde_json::json;

use super::assembly::Assembly;
use super::flows::{canonical_action, default_actions};
use super::groups;
use super::problem::{At, ImportError};
use super::shape::{each, flag, members, text, text_list, texts};
use crate::password_policy::PasswordPolicy;

/// Most credentials of one user.
const MAX_CREDENTIALS: usize = 100;
/// What is said of an id that is taken.
pub(crate) const SAME_ID: &str = "User exists with same id";
/// What is said of a name that is taken.
pub(crate) const SAME_USERNAME: &str = "User exists with same username";
/// What is said of a mail address that is taken.
pub(crate) const SAME_EMAIL: &str = "User exists with same email";
/// Longest plain password in a file.
const MAX_PASSWORD_BYTES: usize = 4_096;

/// A user to be written with the realm, or into it.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The user itself.
    pub user: User,
    /// In their order.
    pub credentials: Vec<NewCredential>,
    /// Roles of realm and clients.
    pub roles: Vec<RoleId>,
    /// Groups.
    pub groups: Vec<GroupId>,
    /// What the user has allowed.
    pub consents: Vec<Consent>,
    /// Who the user is at identity providers.
    pub federated_identities: Vec<FederatedIdentity>,
    /// Members of the representation that nobody knows, those of credentials under `credentials`
    /// by their id.
    pub kept: Json,
}

/// A credential as a file has it.
#[derive(Clone, Debug)]
pub enum NewCredential {
    /// Hashed or otherwise ready to be kept.
    Stored(Credential),
    /// A plain password that has to be hashed first; it must meet the realm's policy.
    Password(Secret),
}

/// What was taken already, so that two users do not claim the same.
#[derive(Default)]
pub(crate) struct Taken {
    names: Option<Names>,
    service_accounts: HashSet<String>,
}

/// What users are known by.
#[derive(Default)]
struct Names {
    ids: HashSet<String>,
    usernames: HashSet<String>,
    emails: HashSet<String>,
}

impl Taken {
    /// Remembers every name: for files that are in memory anyway.
    pub(crate) fn watching() -> Self {
        Self {
            names: Some(Names::default()),
            ..Self::default()
        }
    }

    /// Leaves it to the store to find names that are taken, however many there are.
    pub(crate) fn leaving_it_to_the_store() -> Self {
        Self::default()
    }

    /// Whether a client's service account is among the users.
    pub(crate) fn has_service_account(&self, client: &str) -> bool {
        self.service_accounts.contains(client)
    }
}

/// Reads one user; roles that are only mentioned are made.
pub(crate) fn read_user(
    assembly: &mut Assembly<'_>,
    user: &Json,
    settings: &UserRules,
    taken: &mut Taken,
    at: &At<'_>,
) -> Result<NewUser, ImportError> {
    let person = person(assembly, user, at)?;
    claim(&person, settings.duplicate_emails, taken, at)?;
    let (credentials, temporary) = credentials(assembly, user, at)?;
    check_passwords(settings, &person, &credentials, at)?;
    let mut new = NewUser {
        user: person,
        kept: extra::members(user, &credentials),
        credentials,
        roles: roles(assembly, user, at)?,
        groups: memberships(assembly, user, at)?,
        consents: ties::consents(assembly, user, at)?,
        federated_identities: ties::federated_identities(user, at)?,
    };
    let update = "UPDATE_PASSWORD";
    if temporary
        && !new
            .user
            .required_actions
            .iter()
            .any(|action| action == update)
    {
        new.user.required_actions.push(update.to_owned());
    }
    Ok(new)
}

/// Rules of the realm that decide which users it can have.
pub(crate) struct UserRules {
    /// Whether two users may have the same address.
    duplicate_emails: bool,
    /// What plain passwords must be like.
    passwords: PasswordPolicy,
}

impl UserRules {
    /// Reads them from the realm's document.
    pub(crate) fn of(realm: &Json) -> Self {
        Self {
            duplicate_emails: flag(realm, "duplicateEmailsAllowed"),
            passwords: PasswordPolicy::parse(text(realm, "passwordPolicy")),
        }
    }
}

fn check_passwords(
    rules: &UserRules,
    user: &User,
    credentials: &[NewCredential],
    at: &At<'_>,
) -> Result<(), ImportError> {
    for (index, credential) in credentials.iter().enumerate() {
        let NewCredential::Password(password) = credential else {
            continue;
        };
        let (name, email) = (Some(user.username.as_str()), user.email.as_deref());
        rules
            .passwords
            .check(password.reveal(), name, email)
            .map_err(|broken| {
                let list_at = at.key("credentials");
                list_at.index(index).key("value").invalid(broken.message)
            })?;
    }
    Ok(())
}

fn person(assembly: &Assembly<'_>, user: &Json, at: &At<'_>) -> Result<User, ImportError> {
    let fields = Fields::of(user);
    let Some(username) = text(user, "username") else {
        return Err(at.key("username").invalid("User name is missing"));
    };
    let service_account_of = match text(user, "serviceAccountClientId") {
        Some(client_id) => {
            let client = assembly.client(client_id, &at.key("serviceAccountClientId"))?;
            Some(ClientUuid::new(client))
        }
        None => None,
    };
    let required = texts(user, "requiredActions").map(|(_, action)| canonical_action(action));
    let mut required_actions: Vec<String> = Vec::new();
    for action in required {
        if !required_actions.contains(&action) {
            required_actions.push(action);
        }
    }
    let attributes = fields.texts_map("attributes");
    let id = text(user, "id").map_or_else(|| assembly.random.uuid(), str::to_owned);
    Ok(User {
        id: UserId::new(id),
        username: username.trim().to_lowercase(),
        email: text(user, "email").map(|email| email.trim().to_lowercase()),
        first_name: fields.filled_text("firstName"),
        last_name: fields.filled_text("lastName"),
        enabled: flag(user, "enabled"),
        email_verified: flag(user, "emailVerified"),
        created_at: Millis(fields.integer("createdTimestamp").unwrap_or(assembly.now.0)),
        not_before: Seconds(fields.integer("notBefore").unwrap_or(0)),
        service_account_of,
        federation_link: fields.filled_text("federationLink"),
        attributes,
        required_actions,
    })
}

/// Refuses what the store would refuse later, with the place in the file.
fn claim(
    user: &User,
    duplicate_emails: bool,
    taken: &mut Taken,
    at: &At<'_>,
) -> Result<(), ImportError> {
    if user.id.as_str().len() > 255 {
        return Err(at.key("id").invalid("an id has at most 255 characters"));
    }
    for (member, value) in [
        ("username", Some(&user.username)),
        ("email", user.email.as_ref()),
        ("firstName", user.first_name.as_ref()),
        ("lastName", user.last_name.as_ref()),
    ] {
        if value.is_some_and(|value| value.chars().count() > 255) {
            return Err(at.key(member).invalid("has at most 255 characters"));
        }
    }
    if let Some(names) = &mut taken.names {
        if !names.ids.insert(user.id.as_str().to_owned()) {
            return Err(at.key("id").conflict(SAME_ID));
        }
        if !names.usernames.insert(user.username.clone()) {
            return Err(at.key("username").conflict(SAME_USERNAME));
        }
        if let Some(email) = &user.email
            && !duplicate_emails
            && !names.emails.insert(email.clone())
        {
            return Err(at.key("email").conflict(SAME_EMAIL));
        }
    }
    if let Some(client) = &user.service_account_of {
        taken.service_accounts.insert(client.as_str().to_owned());
    }
    Ok(())
}

/// The credentials in order, and whether a password is temporary.
fn credentials(
    assembly: &Assembly<'_>,
    user: &Json,
    at: &At<'_>,
) -> Result<(Vec<NewCredential>, bool), ImportError> {
    let list_at = at.key("credentials");
    let mut all = Vec::new();
    let mut temporary = false;
    for (index, credential) in each(user, "credentials") {
        let at = list_at.index(index);
        if all.len() >= MAX_CREDENTIALS {
            return Err(at.invalid(format!("a user has at most {MAX_CREDENTIALS} credentials")));
        }
        if let Some(password) = text(credential, "value") {
            let kind = text(credential, "type").unwrap_or("password");
            if kind != "password" {
                return Err(at
                    .key("type")
                    .invalid("only a password can be given as plain text"));
            }
            if password.len() > MAX_PASSWORD_BYTES {
                let problem = format!("a password has at most {MAX_PASSWORD_BYTES} bytes");
                return Err(at.key("value").invalid(problem));
            }
            temporary |= flag(credential, "temporary");
            all.push(NewCredential::Password(Secret::new(password)));
            continue;
        }
        let priority = i32::try_from((all.len() + 1) * 10).unwrap_or(i32::MAX);
        all.push(NewCredential::Stored(stored(
            assembly, credential, priority, &at,
        )?));
    }
    Ok((all, temporary))
}

fn stored(
    assembly: &Assembly<'_>,
    credential: &Json,
    priority: i32,
    at: &At<'_>,
) -> Result<Credential, ImportError> {
    let fields = Fields::of(credential);
    let Some(kind) = text(credential, "type") else {
        return Err(at.key("type").invalid("a credential needs a type"));
    };
    let texts = (
        text(credential, "secretData"),
        text(credential, "credentialData"),
    );
    let (kind, secret_data, credential_data) = match texts {
        (Some(secret), Some(data)) => {
            for (member, text) in [("secretData", secret), ("credentialData", data)] {
                if serde_json::from_str::<Json>(text).is_err() {
                    return Err(at.key(member).invalid("must be a JSON object as text"));
                }
            }
            (kind, secret.to_owned(), data.to_owned())
        }
        (None, _) | (_, None) => old_form(credential, kind, at)?,
    };
    let id = text(credential, "id").map_or_else(|| assembly.random.uuid(), str::to_owned);
    Ok(Credential {
        id: CredentialId::new(id),
        kind: CredentialType::from(kind),
        user_label: fields.filled_text("userLabel"),
        created_at: Some(Millis(
            fields.integer("createdDate").unwrap_or(assembly.now.0),
        )),
        priority,
        secret_data,
        credential_data,
    })
}

/// Credentials of releases before 8: hash, salt and parameters as members of the credential.
fn old_form<'a>(
    credential: &Json,
    kind: &'a str,
    at: &At<'_>,
) -> Result<(&'a str, String, String), ImportError> {
    let Some(value) = text(credential, "hashedSaltedValue") else {
        return Err(at.invalid("neither value nor secretData with credentialData is given"));
    };
    let integer = |name: &str| Fields::of(credential).integer(name);
    match kind {
        "password" | "password-history" => {
            let algorithm = text(credential, "algorithm").unwrap_or("pbkdf2");
            let secret = json!({"value": value, "salt": text(credential, "salt").unwrap_or("")});
            let data = json!({
                "hashIterations": integer("hashIterations").unwrap_or(1),
                "algorithm": algorithm,
                "additionalParameters": {},
            });
            Ok((kind, secret.to_string(), data.to_string()))
        }
        "totp" | "hotp" => {
            let data = json!({
                "subType": kind,
                "digits": integer("digits").unwrap_or(6),
                "counter": integer("counter").unwrap_or(0),
                "period": integer("period").unwrap_or(30),
                "algorithm": text(credential, "algorithm").unwrap_or("HmacSHA1"),
            });
            Ok(("otp", json!({"value": value}).to_string(), data.to_string()))
        }
        other => Err(at
            .key("type")
            .invalid(format!("no old form of `{other}` is known"))),
    }
}

fn roles(
    assembly: &mut Assembly<'_>,
    user: &Json,
    at: &At<'_>,
) -> Result<Vec<RoleId>, ImportError> {
    let mut roles = Vec::new();
    let list_at = at.key("realmRoles");
    for (index, name) in texts(user, "realmRoles") {
        roles.push(assembly.role_or_new("", name, &list_at.index(index))?);
    }
    let clients = if user.contains_key("clientRoles") {
        "clientRoles"
    } else {
        "applicationRoles"
    };
    let all_at = at.key(clients);
    for (client_id, names) in members(user, clients) {
        let client_at = all_at.key(client_id);
        let client = assembly.client(client_id, &client_at)?;
        for (index, name) in text_list(Some(names)) {
            roles.push(assembly.role_or_new(&client, name, &client_at.index(index))?);
        }
    }
    roles.sort_unstable();
    roles.dedup();
    Ok(roles.into_iter().map(RoleId::new).collect())
}

fn memberships(
    assembly: &Assembly<'_>,
    user: &Json,
    at: &At<'_>,
) -> Result<Vec<GroupId>, ImportError> {
    let list_at = at.key("groups");
    let mut found = Vec::new();
    for (index, path) in texts(user, "groups") {
        let Some(group) = groups::by_path(assembly, path) else {
            return Err(groups::no_such_group(&list_at.index(index), path));
        };
        found.push(group);
    }
    found.sort_unstable();
    found.dedup();
    Ok(found.into_iter().map(GroupId::new).collect())
}

/// The user that stands for a client; it has what every new user has.
pub(crate) fn service_account(
    assembly: &Assembly<'_>,
    client: &str,
    client_id: &str,
    default_role: &str,
) -> NewUser {
    let groups = assembly.linked(LinkKind::DefaultGroup, &assembly.realm_id);
    NewUser {
        user: User {
            id: UserId::new(assembly.random.uuid()),
            username: format!("service-account-{}", client_id.to_lowercase()),
            email: None,
            first_name: None,
            last_name: None,
            enabled: true,
            email_verified: false,
            created_at: assembly.now,
            not_before: Seconds(0),
            service_account_of: Some(ClientUuid::new(client)),
            federation_link: None,
            attributes: std::collections::BTreeMap::new(),
            required_actions: default_actions(assembly),
        },
        credentials: Vec::new(),
        roles: vec![RoleId::new(default_role)],
        groups: groups.into_iter().map(GroupId::new).collect(),
        consents: Vec::new(),
        federated_identities: Vec::new(),
        kept: Json::new(),
    }
}

pub(crate) fn claim_service_account(
    user: &NewUser,
    taken: &mut Taken,
    at: &At<'_>,
) -> Result<(), ImportError> {
    claim(&user.user, true, taken, at)
}
