//! By what somebody signs in: seen, named, and taken back.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use claviger_engine::credentials::write;
use claviger_engine::flow::{Authenticator, Requirement};
use claviger_engine::required_action::{REMOVABLE, is_level_enough};
use claviger_engine::signal::people::credentials_changed;
use claviger_engine::signal::set::Initiator;
use claviger_model::Credential;
use claviger_model::user::CredentialType;
use claviger_store::Tx;
use claviger_surface::Answer;
use claviger_wire::document::{Json, Kind};
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

use super::call::AccountCall;
use crate::call::{consumes, no_content, read_out};
use crate::problem::{Problem, done};

const MANAGE: &[&str] = &["manage-account"];
/// Longest label, in characters.
const LABEL_MAX: usize = 255;

/// A type of credential, as the account console shows it.
struct Type {
    name: &'static str,
    category: &'static str,
    /// What its texts begin with: `…-display-name`, `…-help-text`.
    text: &'static str,
    icon: &'static str,
    /// The required action that sets it up.
    action: &'static str,
}

/// In the order in which they are shown.
const TYPES: [Type; 5] = [
    Type {
        name: "password",
        category: "basic-authentication",
        text: "password",
        icon: "kcAuthenticatorPasswordClass",
        action: "UPDATE_PASSWORD",
    },
    Type {
        name: "otp",
        category: "two-factor",
        text: "otp",
        icon: "kcAuthenticatorOTPClass",
        action: "CONFIGURE_TOTP",
    },
    Type {
        name: "recovery-authn-codes",
        category: "two-factor",
        text: "recovery-authn-codes",
        icon: "kcAuthenticatorRecoveryAuthnCodesClass",
        action: "CONFIGURE_RECOVERY_AUTHN_CODES",
    },
    Type {
        name: "webauthn",
        category: "two-factor",
        text: "webauthn",
        icon: "kcAuthenticatorWebAuthnClass",
        action: "webauthn-register",
    },
    Type {
        name: "webauthn-passwordless",
        category: "passwordless",
        text: "webauthn-passwordless",
        icon: "kcAuthenticatorWebAuthnPasswordlessClass",
        action: "webauthn-register-passwordless",
    },
];

/// The types that some flow of the realm asks for, with what the person has of each.
pub(super) async fn list(call: &AccountCall) -> Result<Answer, Problem> {
    call.require(&["manage-account", "view-profile"])?;
    let with_own = call.flag("user-credentials").unwrap_or(true);
    let wanted = call.query.get("type");
    let asked_for = asked_for(call).await?;
    let actions = call.realm.required_actions().await?;
    let held = held(call).await?;
    let types = TYPES.iter().filter(|kind| {
        wanted.is_none_or(|wanted| wanted == kind.name) && asked_for.contains(kind.name)
    });
    let mut shown = Vec::new();
    for kind in types {
        let own: Vec<Value> = held
            .iter()
            .filter(|credential| credential.kind.as_str() == kind.name)
            .map(|credential| json!({"credential": told(credential)}))
            .collect();
        let can_be_made = actions
            .iter()
            .any(|action| action.enabled && action.alias == kind.action);
        let has_password = kind.name == "password" && !own.is_empty();
        if with_own && own.is_empty() && !can_be_made {
            continue;
        }
        let mut body = json!({
            "type": kind.name,
            "category": kind.category,
            "displayName": format!("{}-display-name", kind.text),
            "helptext": format!("{}-help-text", kind.text),
            "iconCssClass": kind.icon,
            "removeable": REMOVABLE.contains(&kind.name),
        });
        if let Some(body) = body.as_object_mut() {
            let way = if has_password || !with_own && kind.name == "password" && has(&held) {
                "updateAction"
            } else {
                "createAction"
            };
            if can_be_made {
                body.insert(way.to_owned(), json!(kind.action));
            }
            if with_own {
                body.insert("userCredentialMetadatas".to_owned(), Value::Array(own));
            }
        }
        shown.push(body);
    }
    Ok(read_out(&shown))
}

fn has(held: &[Credential]) -> bool {
    held.iter().any(|one| one.kind == CredentialType::Password)
}

/// `CredentialRepresentation` without the secret.
fn told(credential: &Credential) -> Json {
    let fields = [
        ("id", json!(credential.id.as_str())),
        ("type", json!(credential.kind.as_str())),
        ("userLabel", json!(credential.user_label)),
        (
            "createdDate",
            json!(credential.created_at.map(|time| time.0)),
        ),
        ("credentialData", json!(credential.credential_data)),
    ];
    let told = fields.into_iter().filter(|(_, value)| !value.is_null());
    told.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The types of credentials that steps ask for which are not switched off, nor a flow above them.
async fn asked_for(call: &AccountCall) -> Result<BTreeSet<String>, Problem> {
    let flows = call.app.store.documents(&call.realm.id, Kind::Flow).await?;
    let off =
        |step: &Json| Fields::of(step).str("requirement") == Some(Requirement::Disabled.as_str());
    // Each flow is the step of one other at most; what hangs below a step that is off, is off.
    let mut disabled = BTreeSet::new();
    loop {
        let before = disabled.len();
        for flow in &flows {
            let is_off = disabled.contains(&flow.unique_name);
            for step in Fields::of(&flow.body).objects("authenticationExecutions") {
                if let Some(below) = Fields::of(step).filled_text("flowAlias")
                    && (is_off || off(step))
                {
                    disabled.insert(below);
                }
            }
        }
        if disabled.len() == before {
            break;
        }
    }
    let mut types = BTreeSet::new();
    for flow in flows
        .iter()
        .filter(|flow| !disabled.contains(&flow.unique_name))
    {
        for step in Fields::of(&flow.body).objects("authenticationExecutions") {
            let asks = Fields::of(step).filled_text("authenticator");
            if let Some(asks) = asks.filter(|_| !off(step)) {
                let asks = Authenticator::from_id(&asks);
                let asks_password = matches!(
                    asks,
                    Authenticator::UsernamePasswordForm
                        | Authenticator::HttpBasic
                        | Authenticator::DirectPassword
                );
                let kind = asks.credential().or(asks_password.then_some("password"));
                types.extend(kind.map(str::to_owned));
            }
        }
    }
    Ok(types)
}

async fn held(call: &AccountCall) -> Result<Vec<Credential>, Problem> {
    let store = &call.app.store;
    Ok(store.credentials(&call.realm.id, &call.user().id).await?)
}

fn named(held: &[Credential], id: &str) -> Result<Credential, Problem> {
    let found = held.iter().find(|credential| credential.id.as_str() == id);
    found
        .cloned()
        .ok_or_else(|| Problem::not_found("Credential not found"))
}

/// Takes a credential back, if it is one that people may take back, and if they have signed in with as
/// much as it stands for (CVE-2026-3429).
pub(super) async fn remove(call: &AccountCall, id: &str) -> Result<Answer, Problem> {
    call.require(MANAGE)?;
    let held = held(call).await?;
    let credential = named(&held, id)?;
    let kind = credential.kind.as_str();
    if !REMOVABLE.contains(&kind) {
        let text = "Credential type cannot be removed";
        return Err(Problem::error(StatusCode::BAD_REQUEST, text));
    }
    if !is_level_enough(&call.realm, Some(&call.used), level(call)).await? {
        let text = format!(
            "Insufficient level of authentication for removing credential of type '{kind}'."
        );
        return Err(Problem::error(StatusCode::FORBIDDEN, &text));
    }
    let after: Vec<Credential> = held
        .iter()
        .filter(|known| known.id != credential.id)
        .cloned()
        .collect();
    let (app, realm, user) = (&call.app, &call.realm, &call.user().id);
    let mut tx = Tx::new();
    write(&mut tx, &realm.id, user, &held, &after);
    let whose = (user, Initiator::User);
    credentials_changed(app, realm, &mut tx, whose, (&held, &after)).await?;
    let mut event = call.event("REMOVE_CREDENTIAL");
    event.detail("credential_type", kind);
    event.detail("selected_credential_id", id);
    if let Some(label) = &credential.user_label {
        event.detail("credential_user_label", label.as_str());
    }
    if credential.kind == CredentialType::Otp {
        let mut former = event.clone();
        former.kind("REMOVE_TOTP");
        former.success(app, realm, &mut tx);
    }
    event.success(app, realm, &mut tx);
    done(app.commit(tx).await?)?;
    Ok(no_content().no_cache())
}

/// The level that the token was signed in with: its `acr`, by the client's own names and the realm's.
fn level(call: &AccountCall) -> Option<i32> {
    let acr = call.token.text("acr")?;
    let of_client = call.used.settings.attribute("acr.loa.map");
    let realm = call.realm.body.get("attributes");
    let of_realm = realm.and_then(|all| all.get("acr.loa.map")?.as_str());
    let by_name = |map: &str| -> Option<i32> {
        let map: Value = serde_json::from_str(map).ok()?;
        let level = map.get(acr)?;
        let number = level.as_i64().or_else(|| level.as_str()?.parse().ok());
        number.and_then(|level| i32::try_from(level).ok())
    };
    of_client
        .and_then(by_name)
        .or_else(|| of_realm.and_then(by_name))
        .or_else(|| acr.parse().ok())
}

/// Names a credential; the body is a JSON text.
pub(super) async fn label(call: &AccountCall, id: &str) -> Result<Answer, Problem> {
    call.require(MANAGE)?;
    consumes(&call.headers, "application/json")?;
    let held = held(call).await?;
    let mut credential = named(&held, id)?;
    let label: Result<String, _> = serde_json::from_slice(call.body());
    let label = label.map_err(|_| Problem::bad_request("invalidRequestMessage"))?;
    if label.chars().count() > LABEL_MAX {
        let text = format!("Credential label must not be longer than {LABEL_MAX} characters");
        let status = StatusCode::BAD_REQUEST;
        return Err(Problem::described(status, "invalidCredentialLabel", &text));
    }
    credential.user_label = Some(label);
    let mut tx = Tx::new();
    tx.update_credential(&call.realm.id, &call.user().id, &credential);
    done(call.app.commit(tx).await?)?;
    Ok(no_content().no_cache())
}
