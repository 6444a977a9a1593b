//! `auth-otp-form`: a one-time password of one of the person's generators.

use claviger_model::{Credential, Secret};

use super::super::LoginError;
use super::super::drive::Login;
use super::Came;
use crate::authenticate::proof::Proofs;
use crate::brute_force::{Lock, Proof, Standing};
use crate::flow::{Refusal, Verdict};
use crate::page::Page;

/// The name of the field at which it is told what is wrong.
const FIELD: Option<&str> = Some("totp");

/// Asks.
pub async fn ask(login: &mut Login<'_>) -> Result<Came, LoginError> {
    let (app, realm) = (login.scene.app, login.scene.realm);
    let Some(user) = &login.user else {
        return Ok(Verdict::Refused(Refusal::UnknownUser).into());
    };
    let proofs = Proofs::load(app, realm, user).await?;
    Ok(Came::asks(page(&proofs, None)))
}

/// The form, about the generator that was chosen, or the preferred.
fn page(proofs: &Proofs<'_>, chosen: Option<&str>) -> Page {
    let label = |generator: &Credential| {
        let own = generator.user_label.as_deref();
        own.filter(|label| !label.is_empty())
            .unwrap_or("unnamed")
            .to_owned()
    };
    let generators: Vec<(String, String)> = proofs
        .generators()
        .map(|generator| (generator.id.as_str().to_owned(), label(generator)))
        .collect();
    let known = |id: &&str| generators.iter().any(|(known, _)| known == id);
    let selected = chosen.filter(known).map(str::to_owned);
    let selected = selected.or_else(|| generators.first().map(|(id, _)| id.clone()));
    Page::Otp {
        generators,
        selected: selected.unwrap_or_default(),
    }
}

/// Takes the answer. A wrong code is counted, and nothing of the check is told before it is clear that
/// the account is not locked.
pub async fn answer(login: &mut Login<'_>) -> Result<Came, LoginError> {
    let (app, realm) = (login.scene.app, login.scene.realm);
    let Some(user) = login.user.clone() else {
        return Ok(Verdict::Refused(Refusal::UnknownUser).into());
    };
    let proofs = Proofs::load(app, realm, &user).await?;
    let chosen = login.scene.field("selectedCredentialId");
    let chosen = chosen.filter(|id| !id.is_empty());
    let asked = page(&proofs, chosen);
    if let Page::Otp { selected, .. } = &asked {
        login
            .event
            .detail("selected_credential_id", selected.clone());
    }
    let Some(code) = login.scene.field("otp").map(Secret::new) else {
        return Ok(Came::asks(asked));
    };
    login.event.user(user.id.as_str());
    let is_right = proofs.otp(chosen, Some(&code), &mut login.tx).await?;
    let standing = Standing::of(app, realm, &user.id).await?;
    let lock = standing
        .as_ref()
        .and_then(|standing| standing.lock(realm, app.now()));
    let lock = match (lock, is_right, standing) {
        (Some(lock), _, _) => Some(lock),
        (None, true, _) => {
            login.tab.used("otp");
            return Ok(Verdict::Proven(None).into());
        }
        (None, false, None) => {
            let error = "invalid_user_credentials";
            login.event.error(app, realm, error, &mut login.tx);
            return Ok(Came::asks_again(asked, FIELD, "invalidTotpMessage"));
        }
        (None, false, Some(standing)) => {
            let failed = (&login.event, "invalid_user_credentials");
            standing.failure(app, realm, Proof::Second, failed).await?
        }
    };
    let Some(lock) = lock else {
        return Ok(Came::asks_again(asked, FIELD, "invalidTotpMessage"));
    };
    if is_right {
        // Nothing of what a locked account sent is used up.
        login.tx = claviger_store::Tx::new();
    }
    login
        .event
        .error(app, realm, lock.event_error(), &mut login.tx);
    let key = match lock {
        Lock::Temporary => "accountTemporarilyDisabledMessageTotp",
        Lock::Permanent => "accountPermanentlyDisabledMessageTotp",
    };
    Ok(Came::asks_again(asked, FIELD, key))
}
