//! `CONFIGURE_TOTP`: a generator of one-time passwords is set up.

use claviger_crypto::encoding::base32;
use claviger_crypto::otp::{OtpCredential, OtpHash, OtpKind, OtpMatch};
use claviger_model::user::CredentialType;
use claviger_model::{Credential, CredentialId, Seconds, Secret};
use claviger_store::{StoreError, Tx};
use claviger_wire::flow::RequiredActionView;
use claviger_wire::realm::OtpPolicy;

use super::password::end_other_sessions;
use super::{ActionError, Answered, Due, Form, Visit, first};
use crate::app::App;
use crate::credentials::{with, write_within};
use crate::page::{Message, Page, TotpSetup};
use crate::realm::Realm;
use crate::signal::people::credentials_changed;
use crate::signal::set::Initiator;

/// The note of a tab with the secret that its page shows. What a form sends back is not looked at:
/// nobody makes a person take over a secret that somebody else knows.
const SECRET: &str = "TOTP_SECRET_KEY";
/// The event's older name, recorded beside the new one.
const FORMER: &str = "UPDATE_TOTP";
/// How many characters of a label are kept.
const LABEL_MAX: usize = 255;

/// The page, with the secret of this tab; it is drawn when the page is first shown.
pub(super) async fn page(
    app: &App,
    realm: &Realm,
    visit: &mut Visit<'_>,
    action: &RequiredActionView,
) -> Result<Due, StoreError> {
    let mode = visit.mode.map(str::to_owned);
    let due = plain(app, realm, visit, (action, mode.as_deref())).await?;
    Ok(due.because("configureTotpMessage"))
}

async fn plain(
    app: &App,
    realm: &Realm,
    visit: &mut Visit<'_>,
    (action, mode): (&RequiredActionView, Option<&str>),
) -> Result<Due, StoreError> {
    let notes = &mut visit.tab.auth_notes;
    let secret = notes
        .entry(SECRET.to_owned())
        .or_insert_with(|| OtpCredential::new_secret(&app.random))
        .clone();
    let held = app.store.credentials(&realm.id, &visit.user.id).await?;
    let setup = setup(realm, &visit.user.username, &secret);
    let page = Page::ConfigureTotp(Box::new(TotpSetup {
        mode: mode.map(str::to_owned),
        needs_label: held.iter().any(is_otp),
        ..setup
    }));
    Ok(Due::new(visit, action, page))
}

fn is_otp(credential: &Credential) -> bool {
    credential.kind == CredentialType::Otp
}

/// What applications are told of the realm's policy, and which of them can follow it.
fn setup(realm: &Realm, username: &str, secret: &str) -> TotpSetup {
    let policy = &realm.settings.otp;
    let is_timed = policy.kind != "hotp";
    let hash = OtpHash::from_name(&policy.algorithm).unwrap_or_default();
    let usual = !is_timed || policy.period.0 == 30;
    let plain = is_timed && usual && policy.digits == 6 && hash == OtpHash::Sha1;
    let applications = [
        (true, "totpAppFreeOTPName"),
        (usual, "totpAppGoogleName"),
        (plain, "totpAppMicrosoftAuthenticatorName"),
    ];
    let encoded = base32(secret.as_bytes());
    let encoded = encoded.trim_end_matches('=');
    TotpSetup {
        secret: Secret::new(secret.to_owned()),
        encoded: Secret::new(spaced(encoded)),
        address: Secret::new(address(realm, username, encoded, hash)),
        mode: None,
        kind: if is_timed { "totp" } else { "hotp" }.to_owned(),
        algorithm: hash.uri_name().to_owned(),
        digits: policy.digits,
        period: is_timed.then_some(policy.period.0),
        counter: (!is_timed).then_some(policy.initial_counter),
        applications: applications
            .into_iter()
            .filter(|(can, _)| *can)
            .map(|(_, name)| name.to_owned())
            .collect(),
        needs_label: false,
    }
}

/// In groups of four, which are easier to type.
fn spaced(text: &str) -> String {
    let mut spaced = String::with_capacity(text.len() * 2);
    for (index, letter) in text.chars().enumerate() {
        if index > 0 && index % 4 == 0 {
            spaced.push(' ');
        }
        spaced.push(letter);
    }
    spaced
}

/// The address that applications read off the screen: the key URI format that all of them know.
fn address(realm: &Realm, username: &str, encoded: &str, hash: OtpHash) -> String {
    let policy = &realm.settings.otp;
    let shown = realm.body.get("displayName").and_then(|name| name.as_str());
    let issuer = shown.filter(|name| !name.is_empty());
    let issuer = issuer.unwrap_or(&realm.name).replace(':', " ");
    let escaped = |text: &str| {
        url::form_urlencoded::byte_serialize(text.as_bytes())
            .collect::<String>()
            .replace('+', "%20")
    };
    let (issuer, account) = (escaped(&issuer), escaped(username));
    let (kind, moving) = if policy.kind == "hotp" {
        ("hotp", format!("counter={}", policy.initial_counter))
    } else {
        ("totp", format!("period={}", policy.period.0))
    };
    format!(
        "otpauth://{kind}/{issuer}:{account}?secret={encoded}&digits={}&algorithm={}&issuer={issuer}\
         &{moving}",
        policy.digits,
        hash.uri_name(),
    )
}

/// A generator as the realm's policy wants it; none if the policy is one that nobody could follow.
fn generator(policy: &OtpPolicy, secret: &str) -> Option<OtpCredential> {
    let hash = OtpHash::from_name(&policy.algorithm).unwrap_or_default();
    let kind = if policy.kind == "hotp" {
        let counter = u32::try_from(policy.initial_counter).unwrap_or(0);
        OtpKind::Hotp { counter }
    } else {
        let period = u32::try_from(policy.period.0).unwrap_or(30);
        OtpKind::Totp { period }
    };
    let digits = u32::try_from(policy.digits).unwrap_or(6);
    OtpCredential::new(kind, digits, hash, secret).ok()
}

/// Takes the form: a code proves that the application has the secret.
pub(super) async fn answer(
    app: &App,
    realm: &Realm,
    visit: &mut Visit<'_>,
    (action, form): (&RequiredActionView, &Form),
    tx: &mut Tx,
) -> Result<Answered, ActionError> {
    visit.event.kind("UPDATE_CREDENTIAL");
    visit.event.detail("credential_type", "otp");
    let policy = &realm.settings.otp;
    let mode = first(form, "mode").map(str::to_owned);
    let again = plain(app, realm, visit, (action, mode.as_deref())).await?;
    let wrong = |field: &str, key: &str| {
        let again = again.clone().wrong_at(field, Message::new(key));
        Ok(Answered::Again(again))
    };
    let code = first(form, "totp").unwrap_or_default();
    if code.trim().is_empty() {
        return wrong("totp", "missingTotpMessage");
    }
    let secret = visit.tab.auth_notes.get(SECRET).cloned();
    let known = generator(policy, secret.as_deref().unwrap_or_default());
    let window = u32::try_from(policy.look_ahead_window).unwrap_or(0);
    let matched = known.and_then(|known| {
        let matched = known.verify(code, app.now(), window)?;
        Some((known, matched))
    });
    let Some((known, matched)) = matched else {
        return wrong("totp", "invalidTotpMessage");
    };
    let held = app.store.credentials(&realm.id, &visit.user.id).await?;
    let label = first(form, "userLabel").unwrap_or_default().trim();
    let label: String = label.chars().take(LABEL_MAX).collect();
    if label.is_empty() && held.iter().any(is_otp) {
        return wrong("userLabel", "missingTotpDeviceNameMessage");
    }
    let is_taken = |known: &Credential| known.user_label.as_deref() == Some(label.as_str());
    if !label.is_empty() && held.iter().any(is_taken) {
        return wrong("userLabel", "Device already exists with the same name");
    }
    if first(form, "logout-sessions") == Some("on") {
        end_other_sessions(app, realm, visit, &action.provider_id, tx).await?;
    }
    let id = CredentialId::new(app.random.uuid());
    let (known, used) = match matched {
        OtpMatch::Hotp { next_counter } => (known.with_counter(next_counter), None),
        OtpMatch::Totp { step } => (known, (!policy.code_reusable).then_some(step)),
    };
    if let Some(step) = used {
        // The code is for one use, and this was it (RFC 6238 §5.2).
        let periods = Seconds(policy.period.0.saturating_mul(2 * i64::from(window) + 2));
        let until = app.now() + periods.max(Seconds(60));
        tx.use_once(&realm.id, &format!("otp:{id}:{step}"), "", until);
    }
    let fresh = Credential {
        id,
        kind: CredentialType::Otp,
        user_label: Some(label),
        created_at: Some(app.now()),
        priority: 0,
        secret_data: known.secret_data(),
        credential_data: known.credential_data(),
    };
    let after = with(&held, fresh);
    let whose = (&visit.user.id, &*visit.tab);
    write_within(tx, &realm.id, whose, &held, &after);
    let whose = (&visit.user.id, Initiator::User);
    credentials_changed(app, realm, tx, whose, (&held, &after)).await?;
    visit.tab.auth_notes.remove(SECRET);
    visit.event.clone().kind(FORMER).success(app, realm, tx);
    Ok(Answered::Done)
}
