//! Client credentials (RFC 6749 §4.4): a client acts for itself, as its service account.

use claviger_engine::client::Client;
use claviger_engine::events::EventBuilder;
use claviger_engine::person::Person;
use claviger_engine::scope::Granted;
use claviger_engine::session::{self, Beginning};
use claviger_engine::token::{GrantCode, Issue, Refresh, mint};
use claviger_model::User;
use claviger_store::Tx;

use super::password::part_notes;
use crate::Help;
use crate::answer::Answer;
use crate::call::Call;
use crate::problem::Problem;
use crate::token::{answer, commit, kind_to_begin, note, requested_scope};

/// Runs the grant.
pub async fn run(call: &Call, client: &Client, mut event: EventBuilder) -> Result<Answer, Problem> {
    let user = service_account(call, client, &mut event).await?;
    let scope = requested_scope(call, client, &mut event).await?;
    let person = Person::load(&call.app.store, &call.realm, user).await?;
    let granted = Granted::new(&call.realm, client, &person, scope.as_deref()).await?;
    let with_refresh = client
        .settings
        .flag_attribute("client_credentials.use_refresh_token", false);
    let kind = kind_to_begin(call, &mut event, &granted, with_refresh).await?;
    let issuer = call.context.issuer(&call.realm.name);
    let address = call.context.ip_address.clone();
    let usable = session::begin(
        &call.app,
        &call.realm,
        kind,
        Beginning {
            user: &person.user,
            client,
            ip_address: &call.context.ip_address,
            base_path: &call.context.base_path,
            auth_method: "client_auth",
            notes: vec![
                ("clientId", client.client_id.clone()),
                ("client_id", client.client_id.clone()),
                ("clientHost", address.clone()),
                ("clientAddress", address),
            ],
            part_notes: part_notes(&issuer, scope.as_deref()),
        },
    );
    let rotating = call.realm.settings.lifespans.revoke_refresh_token;
    let reuse_id = rotating.then(|| call.app.random.uuid());
    let issue = Issue {
        realm: &call.realm,
        client,
        usable: &usable,
        person: &person,
        granted: &granted,
        issuer,
        code: GrantCode::ClientCredentials,
        transient: !with_refresh,
        nonce: None,
        refresh: if with_refresh {
            Refresh::First { reuse_id }
        } else {
            Refresh::No
        },
        id_token: granted.is_openid(),
        front: None,
    };
    let minted = mint(&call.app, &issue).await?;
    let mut tx = Tx::new();
    if with_refresh {
        session::keep(&call.realm, &mut tx, &usable);
        event.session(Some(usable.session().id.as_str()));
    }
    note(&mut event, &minted);
    event.success(&call.app, &call.realm, &mut tx);
    commit(call, tx).await?;
    Ok(answer(&minted))
}

async fn service_account(
    call: &Call,
    client: &Client,
    event: &mut EventBuilder,
) -> Result<User, Problem> {
    let forbidden = if client.settings.public_client {
        let text = "Public client not allowed to retrieve service account";
        Some((Help::ServiceAccountPublic, text))
    } else if !client.settings.service_accounts_enabled {
        let text = "Client not enabled to retrieve service account";
        Some((Help::ServiceAccountsOff, text))
    } else {
        None
    };
    if let Some((help, text)) = forbidden {
        event.detail("reason", text);
        let problem = Problem::unauthorized(help, "unauthorized_client", text);
        return Err(call.refuse(event, "invalid_client", problem).await);
    }
    let found = call
        .app
        .store
        .user_of_service_account(&call.realm.id, &client.uuid)
        .await?;
    let Some(user) = found else {
        let text = "The associated service account for the client does not exist";
        event.detail("reason", text);
        let problem = Problem::unauthorized(Help::ServiceAccountUnusable, "invalid_request", text);
        return Err(call.refuse(event, "user_not_found", problem).await);
    };
    event.detail("username", &*user.username);
    event.user(user.id.as_str());
    if !user.enabled {
        let text = format!("User '{}' disabled", user.username);
        event.detail("reason", &*text);
        let problem = Problem::unauthorized(Help::ServiceAccountUnusable, "invalid_request", text);
        return Err(call.refuse(event, "user_disabled", problem).await);
    }
    Ok(user)
}
