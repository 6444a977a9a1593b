//! Users: found, made, changed, deleted.

pub(crate) mod change;
mod credentials;
pub(crate) mod groups;
mod identities;
mod impersonation;
pub(super) mod mails;
mod new_credentials;
pub(super) mod query;
pub(super) mod representation;
mod uniqueness;

use axum::http::Method;
use claviger_engine::brute_force::{self, DISABLED_REASON};
use claviger_engine::credentials::change as change_credentials;
use claviger_engine::departure;
use claviger_engine::logout::end_sessions_of_user;
use claviger_engine::newcomer;
use claviger_engine::profile::{Context, Missing, Scene};
use claviger_engine::realms::plain_user;
use claviger_engine::signal::people::account_changed;
use claviger_engine::signal::set::Initiator;
use claviger_model::session::{EndReason, SessionKind};
use claviger_model::user::CredentialType;
use claviger_model::{User, UserId};
use claviger_store::{Commit, Tx};
use claviger_surface::Answer;
use claviger_wire::document::Json;
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

use self::change::{Occasion, apply, profile_input, told};
use self::new_credentials::with_sent;
use self::query::{Lookup, Wanted};
use self::representation::{Access, Showing};
use super::sessions::user;
use crate::call::{AdminCall, Resource, no_content, read_out};
use crate::guard::Right;
use crate::problem::{Problem, done};
use crate::route::{Rights, Route, route};

const USERS: &str = "/admin/realms/{realm}/users";
const COUNT: &str = "/admin/realms/{realm}/users/count";
const ONE: &str = "/admin/realms/{realm}/users/{user}";
const UNMANAGED: &str = "/admin/realms/{realm}/users/{user}/unmanagedAttributes";
const IMPERSONATION: &str = "/admin/realms/{realm}/users/{user}/impersonation";
const QUERY: Rights = Rights::Any(&[Right::QueryUsers, Right::ViewUsers, Right::ManageUsers]);
const VIEW: Rights = Rights::Any(&[Right::ViewUsers, Right::ManageUsers]);
const MANAGE: Rights = Rights::Any(&[Right::ManageUsers]);
/// Another user has the name or the address.
const TAKEN: &str = "User exists with same username or email";

/// The rows of this file and of those below it.
pub fn routes() -> Vec<Route> {
    use Method as M;
    let own = vec![
        route(M::GET, USERS, QUERY, list),
        route(M::POST, USERS, MANAGE, create),
        route(M::GET, COUNT, QUERY, count),
        route(M::GET, ONE, VIEW, get),
        route(M::PUT, ONE, MANAGE, update),
        route(M::DELETE, ONE, MANAGE, delete),
        route(M::GET, UNMANAGED, VIEW, unmanaged),
        route(
            M::POST,
            IMPERSONATION,
            Rights::Any(&[Right::Impersonation]),
            impersonation::begin,
        ),
    ];
    let below = [
        credentials::routes(),
        groups::routes(),
        identities::routes(),
        mails::routes(),
    ];
    [own, below.concat()].concat()
}

async fn list(call: AdminCall) -> Result<Answer, Problem> {
    Ok(read_out(&listed(&call).await?.0))
}

/// The users that are asked for, and whether the caller may change them.
pub(super) async fn listed(call: &AdminCall) -> Result<(Vec<Json>, bool), Problem> {
    let wanted = Wanted::of_list(call)?;
    let access = Access::of(call).await?;
    if !access.view {
        return Ok((Vec::new(), false));
    }
    let users = match wanted {
        Wanted::Named(lookup, words) => look_up(call, lookup, &words).await?,
        Wanted::Matching(query) => call.app.store.users(&call.realm.id, &query).await?,
    };
    let brief = call.flag("briefRepresentation").unwrap_or(false);
    let manage = access.manage;
    Ok((show_many(call, access, &users, brief).await?, manage))
}

async fn count(call: AdminCall) -> Result<Answer, Problem> {
    let count = match Wanted::of_count(&call)? {
        Wanted::Named(lookup, words) => {
            let seen = Access::of(&call).await?.view;
            let found = look_up(&call, lookup, &words).await?;
            if seen {
                i64::try_from(found.len()).unwrap_or(i64::MAX)
            } else {
                0
            }
        }
        Wanted::Matching(query) => call.app.store.count_users(&call.realm.id, &query).await?,
    };
    Ok(read_out(&count))
}

async fn look_up(call: &AdminCall, lookup: Lookup, words: &[String]) -> Result<Vec<User>, Problem> {
    let (store, realm) = (&call.app.store, &call.realm.id);
    let mut users = Vec::new();
    for word in words {
        users.extend(match lookup {
            Lookup::Id => store.user(realm, &UserId::new(word.as_str())).await?,
            Lookup::Username => store.user_by_username(realm, word).await?,
            Lookup::Email => store.user_by_email(realm, word).await?,
        });
    }
    Ok(users)
}

/// Users as lists show them, whichever list it is.
pub(super) async fn show_many(
    call: &AdminCall,
    access: Access,
    users: &[User],
    brief: bool,
) -> Result<Vec<Json>, Problem> {
    let profile = call.realm.profile().await?;
    let showing = Showing {
        realm: &call.realm,
        profile: &profile,
        access,
    };
    if brief {
        return Ok(users.iter().map(|user| showing.brief(user)).collect());
    }
    let ids: Vec<UserId> = users.iter().map(|user| user.id.clone()).collect();
    let (store, kind) = (&call.app.store, &CredentialType::Otp);
    let with_totp = store
        .users_with_credential(&call.realm.id, kind, &ids)
        .await?;
    let listed = |user: &User| showing.listed(user, with_totp.contains(&user.id));
    Ok(users.iter().map(listed).collect())
}

async fn has_totp(call: &AdminCall, user: &UserId) -> Result<bool, Problem> {
    let (store, kind) = (&call.app.store, &CredentialType::Otp);
    let ids = std::slice::from_ref(user);
    let found = store
        .users_with_credential(&call.realm.id, kind, ids)
        .await?;
    Ok(!found.is_empty())
}

async fn get(call: AdminCall) -> Result<Answer, Problem> {
    let user = user(&call).await?;
    let profile = call.realm.profile().await?;
    let access = Access::of(&call).await?;
    let showing = Showing {
        realm: &call.realm,
        profile: &profile,
        access,
    };
    let mut body = showing.full(&user, has_totp(&call, &user.id).await?);
    if let Some(identities) = identities::of_one(&call, &user.id).await? {
        body.insert("federatedIdentities".to_owned(), json!(identities));
    }
    if call.flag("userProfileMetadata").unwrap_or(false) {
        body.insert(
            "userProfileMetadata".to_owned(),
            Value::Object(showing.metadata(&user)),
        );
    }
    Ok(read_out(&body))
}

/// Makes a user with what every new user has: the default role, groups and required actions.
async fn create(call: AdminCall) -> Result<Answer, Problem> {
    let body = call.json("UserRepresentation")?;
    let mut user = plain_user(&call.app, "");
    user.enabled = false;
    user.required_actions = newcomer::default_actions(&call.realm).await?;
    lay_over(&call, &mut user, None, &body).await?;
    apply(&mut user, &body, Occasion::Create);
    let credentials = with_sent(&call, &user, &[], &body).await?;
    let memberships = groups::of_new_user(&call, &body).await?;
    let mut tx = Tx::new();
    let realm = &call.realm.id;
    newcomer::insert(&call.realm, &mut tx, &user, &credentials, &memberships);
    for identity in &identities::of_new_user(&body)? {
        tx.insert_federated_identity(realm, &user.id, identity);
    }
    let path = format!("users/{}", user.id);
    let resource = Resource {
        operation: "CREATE",
        kind: "USER",
        path: Some(&path),
    };
    call.record(&mut tx, resource, Some(&told(&body)));
    commit(&call, tx).await?;
    Ok(call.created(user.id.as_str()))
}

/// Lays the profile that was sent over a user, if the realm's profile has nothing against it and
/// nobody else has the name or the address.
async fn lay_over(
    call: &AdminCall,
    user: &mut User,
    existing: Option<&User>,
    body: &Json,
) -> Result<(), Problem> {
    let profile = call.realm.profile().await?;
    let settings = &call.realm.settings;
    let scene = Scene {
        realm: settings,
        context: Context::UserApi,
        existing,
        scopes: &[],
    };
    let input = profile_input(body);
    let candidate = profile.candidate(scene, &input);
    let violations = candidate.violations();
    if violations
        .iter()
        .any(|fault| fault.error_key == "missingUsernameMessage")
    {
        return Err(Problem::bad_request("User name is missing"));
    }
    let (username, email) = (candidate.username(), candidate.email());
    uniqueness::check(call, existing, username, email).await?;
    if !violations.is_empty() {
        return Err(change::refused(&violations));
    }
    if existing.is_none() {
        user.username = username.unwrap_or_default().to_lowercase();
    }
    let missing = if existing.is_some() && input.attributes.is_some() {
        Missing::Remove
    } else {
        Missing::Keep
    };
    candidate.apply_to(user, missing);
    Ok(())
}

/// Changes a user. Whoever is disabled is signed out everywhere, and offline.
async fn update(call: AdminCall) -> Result<Answer, Problem> {
    let before = user(&call).await?;
    if call.is_nothing() {
        return Err(Problem::bad_request("Could not update user!"));
    }
    let body = call.json("UserRepresentation")?;
    let mut after = before.clone();
    lay_over(&call, &mut after, Some(&before), &body).await?;
    apply(&mut after, &body, Occasion::Update);
    let held = call
        .app
        .store
        .credentials(&call.realm.id, &before.id)
        .await?;
    let credentials = with_sent(&call, &after, &held, &body).await?;
    let mut tx = Tx::new();
    let path = call.resource_path();
    unlock(&call, (&before, &mut after, &body), &mut tx).await?;
    tx.update_user(&call.realm.id, &after);
    uniqueness::hold_email(&call, &mut tx, Some(&before), &after);
    let by = Initiator::Admin;
    let lists = (&*held, &*credentials);
    change_credentials(&call.app, &call.realm, &mut tx, (&after.id, by), lists).await?;
    account_changed(&call.app, &call.realm, &mut tx, (&before, &after), by).await?;
    if !after.enabled {
        let (kinds, reason) = (&SessionKind::ALL, EndReason::UserDisabled);
        end_sessions_of_user(&call.app, &call.realm, &mut tx, &after.id, kinds, reason).await?;
    }
    let resource = Resource {
        operation: "UPDATE",
        kind: "USER",
        path: Some(&path),
    };
    call.record(&mut tx, resource, Some(&told(&body)));
    commit(&call, tx).await?;
    Ok(no_content())
}

/// Lets a user in again who was locked because somebody guessed at the password, if the
/// administrator enables them. Otherwise why they are locked is not forgotten, whatever attributes
/// were sent.
async fn unlock(
    call: &AdminCall,
    (before, after, body): (&User, &mut User, &Json),
    tx: &mut Tx,
) -> Result<(), Problem> {
    if Fields::of(body).maybe_flag("enabled") != Some(true) {
        if let Some(reason) = before.attributes.get(DISABLED_REASON) {
            let attributes = &mut after.attributes;
            attributes.insert(DISABLED_REASON.to_owned(), reason.clone());
        }
        return Ok(());
    }
    let (store, now) = (&call.app.store, call.app.now());
    if brute_force::free(store, &call.realm, (before, after), now, tx).await? {
        let path = call.resource_path();
        let resource = Resource {
            operation: "DELETE",
            kind: "USER_LOGIN_FAILURE",
            path: Some(&path),
        };
        call.record(tx, resource, None);
    }
    Ok(())
}

async fn commit(call: &AdminCall, tx: Tx) -> Result<(), Problem> {
    let commit = call.app.commit(tx).await?;
    if matches!(commit, Commit::Conflict("USER_INSERT" | "USER_UPDATE")) {
        return Err(Problem::conflict(TAKEN));
    }
    if matches!(commit, Commit::Conflict("USER_EMAIL_ALONE")) {
        return Err(Problem::conflict(uniqueness::EMAIL_TAKEN));
    }
    done(commit)
}

/// Deletes a user; their sessions end in the same job, so that no client is left untold.
async fn delete(call: AdminCall) -> Result<Answer, Problem> {
    let user = user(&call).await?;
    let mut tx = Tx::new();
    let by = Initiator::Admin;
    departure::put_end(&call.app, &call.realm, &mut tx, &user.id, by).await?;
    let path = call.resource_path();
    let resource = Resource {
        operation: "DELETE",
        kind: "USER",
        path: Some(&path),
    };
    let told = json!({"id": user.id.as_str(), "username": user.username});
    call.record(&mut tx, resource, Some(&told));
    done(call.app.commit(tx).await?)?;
    Ok(no_content().no_cache())
}

/// Attributes that the realm's profile does not name.
async fn unmanaged(call: AdminCall) -> Result<Answer, Problem> {
    let user = user(&call).await?;
    let profile = call.realm.profile().await?;
    let access = Access::of(&call).await?;
    let showing = Showing {
        realm: &call.realm,
        profile: &profile,
        access,
    };
    Ok(read_out(&showing.unmanaged(&user)))
}
