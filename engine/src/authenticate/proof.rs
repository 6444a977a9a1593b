//! The proofs themselves: passwords and one-time passwords, for every door that asks for one.
//!
//! Nothing here counts failures: who asks tells nobody what a check gave before
//! [`crate::brute_force`] has answered.

use claviger_crypto::otp::{OtpCredential, OtpMatch};
use claviger_crypto::password::Verdict;
use claviger_crypto::{HasherError, StoredPassword};
use claviger_model::user::CredentialType;
use claviger_model::{Credential, Seconds, Secret, User};
use claviger_store::{StoreError, Tx};

use super::LoginError;
use crate::app::App;
use crate::password_policy::PasswordPolicy;
use crate::realm::Realm;
use crate::watch::{HashUsed, Outcome};

/// What is no password, or none of this user.
pub const WRONG: Verdict = Verdict {
    ok: false,
    outdated: false,
};

/// What one user can prove who they are with.
pub struct Proofs<'a> {
    app: &'a App,
    realm: &'a Realm,
    user: &'a User,
    credentials: Vec<Credential>,
    policy: PasswordPolicy,
}

impl<'a> Proofs<'a> {
    /// Reads the user's credentials.
    pub async fn load(app: &'a App, realm: &'a Realm, user: &'a User) -> Result<Self, StoreError> {
        let credentials = app.store.credentials(&realm.id, &user.id).await?;
        Ok(Self {
            app,
            realm,
            user,
            credentials,
            policy: PasswordPolicy::parse(realm.settings.password_policy.as_deref()),
        })
    }

    /// The types of the credentials, each once, the preferred in front.
    pub fn kinds(&self) -> Vec<String> {
        let mut kinds: Vec<String> = Vec::new();
        for credential in &self.credentials {
            let kind = credential.kind.as_str();
            if !kinds.iter().any(|known| known == kind) {
                kinds.push(kind.to_owned());
            }
        }
        kinds
    }

    /// Checks the password. As long as it takes, there must be no write open.
    pub async fn password(&self, sent: Option<&Secret>) -> Result<Verdict, LoginError> {
        let (Some(stored), Some(password)) = (self.stored_password(), sent) else {
            dummy(self.app, self.realm, sent).await?;
            return Ok(WRONG);
        };
        let parsed = StoredPassword::parse(&stored.secret_data, &stored.credential_data);
        let Ok(parsed) = parsed else {
            dummy(self.app, self.realm, sent).await?;
            return Ok(WRONG);
        };
        let used = self.app.watcher.as_ref().map(|_| HashUsed {
            algorithm: parsed.algorithm().to_owned(),
            strength: parsed.strength(),
        });
        let hash = self.policy.hash();
        let result = self.app.hasher.verify(password.clone(), parsed, hash).await;
        if let (Some(watcher), Some(used)) = (&self.app.watcher, used) {
            let outcome = match &result {
                Ok(verdict) if verdict.ok => Outcome::Valid,
                Ok(_) => Outcome::Invalid,
                Err(_) => Outcome::Error,
            };
            watcher.password_checked(&self.realm.name, &used, outcome);
        }
        match result {
            Ok(verdict) => Ok(verdict),
            // An endless password, or a stored hash that asks for the moon, is simply not right.
            Err(HasherError::Password(_)) => Ok(WRONG),
            Err(error @ (HasherError::Busy | HasherError::Stopped)) => Err(error.into()),
        }
    }

    /// Stores a password that was right anew where its hash is not what the policy asks for.
    pub async fn upgrade(
        &self,
        verdict: Verdict,
        sent: Option<&Secret>,
        tx: &mut Tx,
    ) -> Result<(), LoginError> {
        let (true, Some(stored), Some(password)) = (verdict.outdated, self.stored_password(), sent)
        else {
            return Ok(());
        };
        let hash = self.policy.hash();
        let fresh = self.app.hasher.hash(password.clone(), hash).await?;
        let mut credential = stored.clone();
        credential.secret_data = fresh.secret_data();
        credential.credential_data = fresh.credential_data();
        tx.update_credential(&self.realm.id, &self.user.id, &credential);
        Ok(())
    }

    /// Whether the password is too old for the realm's policy.
    pub fn is_password_expired(&self) -> bool {
        let made = self.stored_password().and_then(|stored| stored.created_at);
        made.is_some_and(|made| self.policy.is_expired(made, self.app.now()))
    }

    fn stored_password(&self) -> Option<&Credential> {
        self.credentials
            .iter()
            .find(|known| known.kind == CredentialType::Password)
    }

    /// The user's generators of one-time passwords, the preferred in front.
    pub fn generators(&self) -> impl Iterator<Item = &Credential> {
        self.credentials
            .iter()
            .filter(|known| known.kind == CredentialType::Otp)
    }

    /// Checks the one-time password of a generator of this user, and marks its code as used where codes
    /// are for one use: the job is missed if it was used meanwhile.
    pub async fn otp(
        &self,
        generator: Option<&str>,
        code: Option<&Secret>,
        tx: &mut Tx,
    ) -> Result<bool, StoreError> {
        let wanted = |stored: &&Credential| {
            generator.is_none_or(|id| id.is_empty() || stored.id.as_str() == id)
        };
        let stored = self.generators().find(wanted);
        let (Some(stored), Some(code)) = (stored, code) else {
            return Ok(false);
        };
        let Ok(generator) = OtpCredential::parse(&stored.secret_data, &stored.credential_data)
        else {
            return Ok(false);
        };
        let policy = &self.realm.settings.otp;
        let window = u32::try_from(policy.look_ahead_window).unwrap_or(0);
        match generator.verify(code.reveal(), self.app.now(), window) {
            None => return Ok(false),
            Some(OtpMatch::Hotp { next_counter }) => {
                let mut credential = stored.clone();
                credential.credential_data = generator.with_counter(next_counter).credential_data();
                tx.update_credential(&self.realm.id, &self.user.id, &credential);
            }
            Some(OtpMatch::Totp { step }) if !policy.code_reusable => {
                let key = format!("otp:{}:{step}", stored.id);
                if self
                    .app
                    .store
                    .single_use(&self.realm.id, &key)
                    .await?
                    .is_some()
                {
                    return Ok(false);
                }
                let periods = Seconds(policy.period.0.saturating_mul(2 * i64::from(window) + 2));
                tx.use_once(
                    &self.realm.id,
                    &key,
                    "",
                    self.app.now() + periods.max(Seconds(60)),
                );
            }
            Some(OtpMatch::Totp { .. }) => {}
        }
        Ok(true)
    }
}

/// Takes as long as a wrong password does, so that the time tells nothing about names.
pub async fn dummy(app: &App, realm: &Realm, sent: Option<&Secret>) -> Result<(), HasherError> {
    let policy = PasswordPolicy::parse(realm.settings.password_policy.as_deref());
    let password = sent.cloned().unwrap_or_default();
    app.hasher.dummy_verify(password, policy.hash()).await
}
