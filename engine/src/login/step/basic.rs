//! `http-basic-authenticator`: name and password in the request's header (RFC 7617), for callers
//! without pages.

use claviger_model::Secret;

use super::super::LoginError;
use super::super::drive::{Login, known};
use super::super::tab::note;
use super::{Came, Show};
use crate::authenticate::find;
use crate::authenticate::proof::{Proofs, dummy};
use crate::browser::basic_credentials;
use crate::brute_force::{Proof, Standing};
use crate::flow::Verdict;

/// Asks.
pub async fn ask(login: &mut Login<'_>) -> Result<Came, LoginError> {
    let Some((name, password)) = sent(login) else {
        return Ok(Verdict::Passed(None).into());
    };
    let (app, realm) = (login.scene.app, login.scene.realm);
    login.event.detail("username", name.clone());
    login
        .tab
        .set(note::ATTEMPTED, name.chars().take(255).collect::<String>());
    let user = find(app, realm, &name).await?;
    let Some(user) = user.filter(|user| user.service_account_of.is_none()) else {
        dummy(app, realm, Some(&password)).await?;
        login
            .event
            .error(app, realm, "user_not_found", &mut login.tx);
        return Ok(challenge());
    };
    login.event.user(user.id.as_str());
    let proofs = Proofs::load(app, realm, &user).await?;
    let checked = proofs.password(Some(&password)).await?;
    let standing = Standing::of(app, realm, &user.id).await?;
    let lock = standing
        .as_ref()
        .and_then(|standing| standing.lock(realm, app.now()));
    if let Some(lock) = lock {
        login
            .event
            .error(app, realm, lock.event_error(), &mut login.tx);
        return Ok(challenge());
    }
    if !checked.ok {
        let error = "invalid_user_credentials";
        match standing {
            None => login.event.error(app, realm, error, &mut login.tx),
            Some(standing) => {
                let failed = (&login.event, error);
                let _ = standing.failure(app, realm, Proof::First, failed).await?;
            }
        }
        return Ok(challenge());
    }
    if !user.enabled {
        login
            .event
            .error(app, realm, "user_disabled", &mut login.tx);
        return Ok(challenge());
    }
    proofs
        .upgrade(checked, Some(&password), &mut login.tx)
        .await?;
    login.tab.used("password");
    let known = known(&login.scene, &user).await?;
    login.user = Some(user);
    Ok(Verdict::Proven(Some(known)).into())
}

fn challenge() -> Came {
    Came {
        verdict: Verdict::Closed,
        show: Some(Show::Challenge),
    }
}

fn sent(login: &Login<'_>) -> Option<(String, Secret)> {
    basic_credentials(login.scene.browser.authorization.as_ref()?.reveal())
}
