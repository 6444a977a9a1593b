//! The realm's own settings.

use claviger_wire::document::Json;
use serde_json::{Value, json};

use super::problem::{At, ImportError};
use crate::defaults::Template;
use crate::password_policy::PasswordPolicy;

/// Members of a realm representation that live elsewhere: documents, links, users.
pub const LISTS: &[&str] = &[
    "applicationScopeMappings",
    "applications",
    "authenticationFlows",
    "authenticatorConfig",
    "certificate",
    "clientScopeMappings",
    "clientScopes",
    "clientTemplates",
    "clients",
    "codeSecret",
    "components",
    "defaultDefaultClientScopes",
    "defaultGroups",
    "defaultOptionalClientScopes",
    "defaultRoles",
    "federatedUsers",
    "groups",
    "identityProviderMappers",
    "identityProviders",
    "keycloakVersion",
    "oauthClients",
    "organizations",
    "otpSupportedApplications",
    "privateKey",
    "protocolMappers",
    "publicKey",
    "requiredActions",
    "roles",
    "scopeMappings",
    "userFederationMappers",
    "userFederationProviders",
    "users",
];

/// Attributes that are the same thing as a member of the representation, under another name or in
/// the wrong place, and what type the member has. They are not kept as attributes.
const MOVED: &[(&str, &str, Type)] = &[
    ("actionTokenGeneratedByAdminLifespan", "", Type::Number),
    ("actionTokenGeneratedByUserLifespan", "", Type::Number),
    ("adminPermissionsEnabled", "", Type::Flag),
    ("bruteForceProtected", "", Type::Flag),
    ("bruteForceStrategy", "", Type::Text),
    ("defaultSignatureAlgorithm", "", Type::Text),
    ("failureFactor", "", Type::Number),
    ("maxDeltaTimeSeconds", "", Type::Number),
    ("maxFailureWaitSeconds", "", Type::Number),
    ("maxSecondaryAuthFailures", "", Type::Number),
    ("maxTemporaryLockouts", "", Type::Number),
    ("minimumQuickLoginWaitSeconds", "", Type::Number),
    ("offlineSessionMaxLifespan", "", Type::Number),
    ("offlineSessionMaxLifespanEnabled", "", Type::Flag),
    ("organizationsEnabled", "", Type::Flag),
    ("permanentLockout", "", Type::Flag),
    ("quickLoginCheckMilliSeconds", "", Type::Number),
    ("scimEnabled", "scimApiEnabled", Type::Flag),
    ("verifiableCredentialsEnabled", "", Type::Flag),
    ("waitIncrementSeconds", "", Type::Number),
];

/// Attributes that Keycloak neither shows nor acts upon.
const DROPPED: &[&str] = &["displayName", "displayNameHtml"];

/// Attributes that show a member of the representation a second time; both change together.
const MIRRORED: &[&str] = &[
    "clientOfflineSessionIdleTimeout",
    "clientOfflineSessionMaxLifespan",
    "clientSessionIdleTimeout",
    "clientSessionMaxLifespan",
    "oauth2DeviceCodeLifespan",
    "oauth2DevicePollingInterval",
];

/// Members that attributes show a second time, once they were changed; the attributes alone change nothing.
const SHOWN: &[(&str, &str)] = &[
    ("otpPolicyCodeReusable", "realmReusableOtpCode"),
    ("scimApiEnabled", "scimApiEnabled"),
];

/// Attributes of the two WebAuthn policies are moved too: `webAuthnPolicyRpId` as it is,
/// `webAuthnPolicyRpIdPasswordless` to `webAuthnPolicyPasswordlessRpId`.
const WEB_AUTHN: &[(&str, Type)] = &[
    ("AcceptableAaguids", Type::List),
    ("AttestationConveyancePreference", Type::Text),
    ("AuthenticatorAttachment", Type::Text),
    ("AvoidSameAuthenticatorRegister", Type::Flag),
    ("CreateTimeout", Type::Number),
    ("Mediation", Type::Text),
    ("PasskeysEnabled", Type::Flag),
    ("RequireResidentKey", Type::Text),
    ("ResidentKey", Type::Text),
    ("RpEntityName", Type::Text),
    ("RpId", Type::Text),
    ("SignatureAlgorithms", Type::List),
    ("UserVerificationRequirement", Type::Text),
];

/// Settings that must not be negative, with the words in which Keycloak refuses them.
const NOT_NEGATIVE: &[(&str, &str)] = &[
    ("maxTemporaryLockouts", "Maximum temporary lockouts"),
    ("maxFailureWaitSeconds", "Maximum failure wait seconds"),
    (
        "minimumQuickLoginWaitSeconds",
        "Minimum quick login wait seconds",
    ),
    ("waitIncrementSeconds", "Wait increment seconds"),
    (
        "quickLoginCheckMilliSeconds",
        "Quick login check milliseconds",
    ),
    ("maxDeltaTimeSeconds", "Maximum delta time seconds"),
    ("failureFactor", "Failure factor"),
    (
        "maxSecondaryAuthFailures",
        "Maximum secondary authentication failures",
    ),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Text,
    Flag,
    Number,
    List,
}

/// Checks what a realm may be called (Keycloak's reserved characters).
pub(crate) fn check_name(name: &str, at: &At<'_>) -> Result<(), ImportError> {
    if name.trim().is_empty() {
        return Err(at.invalid("Realm name cannot be empty"));
    }
    if name.chars().count() > 255 {
        return Err(at.invalid("a realm's name has at most 255 characters"));
    }
    reserved(name, at)
}

/// Refuses characters that would not survive in a URL's path.
pub(crate) fn reserved(text: &str, at: &At<'_>) -> Result<(), ImportError> {
    match text
        .chars()
        .find(|char| ":/?#@!$&()*+,;=[]\\".contains(*char))
    {
        Some(char) => Err(at.invalid(format!("Character '{char}' not allowed."))),
        None => Ok(()),
    }
}

/// The document of a realm from its file: what the file says, over the defaults.
pub(crate) fn body(file: &Json, name: &str, id: &str) -> Result<Json, ImportError> {
    check(file)?;
    let mut body = Template::of(name).settings();
    let mut head = Json::from_iter([
        ("id".to_owned(), json!(id)),
        ("realm".to_owned(), json!(name)),
        ("enabled".to_owned(), json!(false)),
    ]);
    head.append(&mut body);
    let mut body = head;
    let mut file_settings = file.clone();
    for list in LISTS {
        file_settings.shift_remove(*list);
    }
    file_settings.shift_remove("id");
    file_settings.shift_remove("defaultRole");
    file_settings.shift_remove("adminPermissionsClient");
    let own_user_lifespan = file.contains_key("actionTokenGeneratedByUserLifespan");
    merge(&mut body, file_settings, Winner::Attribute);
    if !own_user_lifespan && let Some(lifespan) = file.get("accessCodeLifespanUserAction") {
        body.insert(
            "actionTokenGeneratedByUserLifespan".to_owned(),
            lifespan.clone(),
        );
    }
    Ok(body)
}

/// Which counts if a setting is given as a member and as an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Winner {
    /// The attribute: so it is when a realm is made from a file.
    Attribute,
    /// The member: so it is when a realm is changed.
    Member,
}

/// Lays settings over a realm's document. Absent members stay; `attributes` are replaced as a
/// whole when a realm is changed ([`Winner::Member`]), and laid over the defaults when one is made;
/// security headers are laid over header by header; a masked mail password stays what it was.
pub fn merge(body: &mut Json, mut settings: Json, winner: Winner) {
    let attributes = settings.shift_remove("attributes");
    let given = settings.iter().filter(|(_, value)| !value.is_null());
    let members: Vec<String> = given.map(|(name, _)| name.clone()).collect();
    for (name, value) in settings {
        match (name.as_str(), value) {
            (_, Value::Null) => {}
            ("browserSecurityHeaders", Value::Object(headers)) => {
                change_object(body, "browserSecurityHeaders", |kept| {
                    kept.extend(headers.into_iter().filter(|(_, value)| !value.is_null()));
                });
            }
            ("smtpServer", Value::Object(server)) => replace_mail_server(body, server),
            ("sslRequired", Value::String(text)) => {
                body.insert(name, json!(text.to_ascii_lowercase()));
            }
            // An empty policy value means the default, which is already there.
            (name, Value::String(text))
                if name.starts_with("webAuthnPolicy") && text.is_empty() => {}
            (name, Value::Array(list))
                if name.starts_with("webAuthnPolicy")
                    && name.ends_with("SignatureAlgorithms")
                    && list.is_empty() => {}
            (_, value) => {
                body.insert(name, value);
            }
        }
    }
    if body.get("eventsExpiration").and_then(Value::as_i64) == Some(0) {
        body.shift_remove("eventsExpiration");
    }
    if let Some(Value::Object(attributes)) = attributes {
        merge_attributes(body, attributes, &members, winner);
    }
    mirror_members(body, &members, winner);
}

fn merge_attributes(body: &mut Json, attributes: Json, members: &[String], winner: Winner) {
    if winner == Winner::Member {
        change_object(body, "attributes", Json::clear);
    }
    for (name, value) in attributes {
        let Some(text) = scalar(&value).filter(|_| !DROPPED.contains(&name.as_str())) else {
            continue;
        };
        let member_given = |member: &str| members.iter().any(|given| given == member);
        if let Some((member, kind)) = moved_to(&name) {
            if (winner == Winner::Attribute || !member_given(&member))
                && let Some(value) = typed(&text, kind)
            {
                body.insert(member, value);
            }
            continue;
        }
        if MIRRORED.contains(&name.as_str())
            && (winner == Winner::Attribute || !member_given(&name))
            && let Some(value) = typed(&text, Type::Number)
        {
            body.insert(name.clone(), value);
        }
        change_object(body, "attributes", |kept| {
            kept.insert(name, Value::String(text));
        });
    }
}

/// Shows members in their mirroring attributes.
fn mirror_members(body: &mut Json, members: &[String], winner: Winner) {
    for (name, attribute) in SHOWN {
        let attributes = body.get("attributes");
        let shown = attributes.is_some_and(|all| all.get(attribute).is_some());
        if members.iter().any(|member| member == name)
            && (shown || winner == Winner::Member)
            && let Some(text) = body.get(*name).and_then(scalar)
        {
            change_object(body, "attributes", |kept| {
                kept.insert((*attribute).to_owned(), Value::String(text));
            });
        }
    }
    for name in MIRRORED {
        let shown = body
            .get("attributes")
            .is_some_and(|attributes| attributes.get(name).is_some());
        let given = members.iter().any(|member| member == name);
        if let Some(text) = body.get(*name).and_then(scalar)
            && (shown || given)
        {
            change_object(body, "attributes", |kept| {
                kept.insert((*name).to_owned(), Value::String(text));
            });
        }
    }
}

/// Puts a mail server in the old one's place; a masked secret keeps the old value.
fn replace_mail_server(body: &mut Json, mut server: Json) {
    let old = body
        .get("smtpServer")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    for secret in ["password", "authTokenClientSecret"] {
        if server.get(secret).and_then(Value::as_str) == Some(super::MASK) {
            server.shift_remove(secret);
            if let Some(value) = old.get(secret) {
                server.insert(secret.to_owned(), value.clone());
            }
        }
    }
    server.retain(|_, value| !value.is_null());
    body.insert("smtpServer".to_owned(), Value::Object(server));
}

/// Refuses settings that no realm may have, in Keycloak's words.
pub fn check(file: &Json) -> Result<(), ImportError> {
    if let Some(name) = file.get("realm").and_then(Value::as_str) {
        check_name(name, &At::Root.key("realm"))?;
    }
    for (name, words) in NOT_NEGATIVE {
        if file
            .get(*name)
            .and_then(Value::as_i64)
            .is_some_and(|number| number < 0)
        {
            let problem = format!("{words} may not be a negative value");
            return Err(At::Root.key(name).invalid(problem));
        }
    }
    if let Some(text) = file.get("sslRequired").and_then(Value::as_str)
        && !["none", "external", "all"].contains(&text.to_ascii_lowercase().as_str())
    {
        return Err(At::Root
            .key("sslRequired")
            .invalid("must be none, external or all"));
    }
    if let Some(policy) = file.get("passwordPolicy").and_then(Value::as_str) {
        // Whether the server has the list of forbidden passwords is known where it runs only.
        let denylist = PasswordPolicy::parse(Some(policy))
            .denylist()
            .map(str::to_owned);
        PasswordPolicy::configure(policy, &denylist.as_deref().into_iter().collect::<Vec<_>>())
            .map_err(|error| At::Root.key("passwordPolicy").invalid(error.to_string()))?;
    }
    let locales = file.get("supportedLocales").and_then(Value::as_array);
    for (index, locale) in locales.into_iter().flatten().enumerate() {
        let list = At::Root.key("supportedLocales");
        let at = list.index(index);
        let text = locale.as_str().unwrap_or_default();
        reserved(text, &at)?;
        if let Some(char) = text.chars().find(|char| "{}%".contains(*char)) {
            return Err(at.invalid(format!("Character '{char}' not allowed.")));
        }
    }
    let headers = file
        .get("browserSecurityHeaders")
        .and_then(Value::as_object);
    for (name, value) in headers.into_iter().flatten() {
        // A line break would let an administrator of a realm write headers of his own.
        if value
            .as_str()
            .is_some_and(|text| text.contains(['\r', '\n']))
        {
            let list = At::Root.key("browserSecurityHeaders");
            return Err(list.key(name).invalid("Newline not allowed."));
        }
    }
    Ok(())
}

fn moved_to(attribute: &str) -> Option<(String, Type)> {
    if let Some((name, member, kind)) = MOVED.iter().find(|(name, ..)| *name == attribute) {
        let member = if member.is_empty() { name } else { member };
        return Some(((*member).to_owned(), *kind));
    }
    let policy = attribute.strip_prefix("webAuthnPolicy")?;
    let (policy, prefix) = match policy.strip_suffix("Passwordless") {
        Some(policy) => (policy, "webAuthnPolicyPasswordless"),
        None => (policy, "webAuthnPolicy"),
    };
    let (name, kind) = WEB_AUTHN.iter().find(|(name, _)| *name == policy)?;
    Some((format!("{prefix}{name}"), *kind))
}

fn typed(text: &str, kind: Type) -> Option<Value> {
    match kind {
        Type::Text => Some(json!(text)),
        Type::Flag => Some(json!(text.eq_ignore_ascii_case("true"))),
        Type::Number => text.trim().parse::<i64>().ok().map(|number| json!(number)),
        Type::List => {
            let parts = text
                .split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty());
            Some(Value::Array(parts.map(|part| json!(part)).collect()))
        }
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Changes a member that is an object, made if need be.
fn change_object(body: &mut Json, name: &str, change: impl FnOnce(&mut Json)) {
    let slot = body.entry(name).or_insert(Value::Null);
    let mut object = match slot.take() {
        Value::Object(object) => object,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Json::new()
        }
    };
    change(&mut object);
    *slot = Value::Object(object);
}
