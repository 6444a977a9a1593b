//! The direct grant's flow, walked without pages: everything that a step wants to know was sent at once.

use claviger_crypto::password::Verdict as Checked;
use claviger_model::User;
use claviger_store::{StoreError, Tx};
use claviger_wire::document::Json;
use serde_json::Value;

use super::proof::{Proofs, dummy};
use super::{
    DirectGrant, Door, LoginError, LoginRefused, Refusal, SignedIn, find, find_by_username,
};
use crate::app::App;
use crate::brute_force::{Proof, Standing};
use crate::events::EventBuilder;
use crate::flow::{
    self, Authenticator, Flow, Happened, Known, Next, ReadError, Refusal as Refused, State, Step,
    Verdict, Walk,
};
use crate::login::condition::{Facts, Looked, holds};
use crate::login::level;
use crate::profile::UserProfile;
use crate::realm::Realm;
use crate::session_limits::{self, Limited, Limits};

/// One attempt to sign in.
struct Attempt<'a> {
    app: &'a App,
    realm: &'a Realm,
    sent: &'a DirectGrant,
    user: Option<User>,
    /// The types of credentials that were used.
    used: Vec<String>,
    /// The password that was right, if its hash is not what the policy asks for.
    outdated: Option<Checked>,
    /// The level of authentication that was reached.
    level: i32,
    /// The steps that were completed.
    completed: Json,
    /// Whether the user has to set something up first.
    lacks: bool,
}

/// Finds out who it is, by the flow of the realm or of the client.
pub async fn identify(
    app: &App,
    realm: &Realm,
    sent: &DirectGrant,
    event: &mut EventBuilder,
    tx: &mut Tx,
) -> Result<Result<SignedIn, Refusal>, LoginError> {
    event.detail(
        "auth_method",
        match sent.door {
            Door::DirectGrant => "openid-connect",
            Door::Docker => "docker-v2",
        },
    );
    let flow = match flow_of(realm, sent).await {
        Ok(flow) => flow,
        Err(ReadError::Unreadable(_)) => return Ok(Err(unsupported(event).into())),
        Err(ReadError::Store(error)) => return Err(error.into()),
    };
    let mut attempt = Attempt {
        app,
        realm,
        sent,
        user: None,
        used: Vec::new(),
        outdated: None,
        level: level::NONE,
        completed: Json::new(),
        lacks: false,
    };
    if let Err(refusal) = attempt.walk(&flow, event, tx).await? {
        let by_rule = matches!(
            refusal,
            Refusal::New(LoginRefused::Denied | LoginRefused::TooManySessions)
        );
        if let Some(user) = attempt.user.as_ref().filter(|_| !by_rule) {
            event.user(user.id.as_str());
        }
        return Ok(Err(refusal));
    }
    attempt.finish(event, tx).await
}

/// The client's own flow, or the realm's.
async fn flow_of(realm: &Realm, sent: &DirectGrant) -> Result<std::sync::Arc<Flow>, ReadError> {
    if sent.door == Door::Docker {
        let alias = realm.settings.flows.docker_authentication.as_deref();
        return flow::by_alias(realm, alias.unwrap_or("docker auth")).await;
    }
    let own = sent.client.as_ref().and_then(|client| {
        let overrides = &client.settings.authentication_flow_binding_overrides;
        overrides.get("direct_grant").filter(|id| !id.is_empty())
    });
    if let Some(id) = own {
        return flow::by_id(realm, id).await;
    }
    let alias = realm.settings.flows.direct_grant.as_deref();
    flow::by_alias(realm, alias.unwrap_or("direct grant")).await
}

/// The flow asks for something that cannot be had here.
fn unsupported(event: &mut EventBuilder) -> LoginRefused {
    let reason = "The direct grant flow of this realm has unsupported steps";
    event.detail("reason", reason);
    LoginRefused::UnsupportedFlow
}

impl Attempt<'_> {
    async fn walk(
        &mut self,
        flow: &Flow,
        event: &mut EventBuilder,
        tx: &mut Tx,
    ) -> Result<Result<(), Refusal>, LoginError> {
        let mut walk = Walk::start(flow, State::default());
        loop {
            let next = walk.advance();
            self.follow(flow, &mut walk);
            match next {
                Next::Look(id) => {
                    let verdict = self.looked(flow, &walk, &id).await?;
                    walk.verdict(verdict);
                }
                Next::Ask(id) => {
                    let Some(step) = flow.step(&id) else {
                        return Ok(Err(unsupported(event).into()));
                    };
                    match self.ask(step, event, tx).await? {
                        Ok(known) => {
                            let now = self.app.now().seconds().0;
                            self.completed.insert(id, Value::from(now));
                            walk.verdict(Verdict::Proven(known));
                        }
                        Err(refusal) => return Ok(Err(refusal)),
                    }
                }
                // A flow that proves nothing lets nobody in.
                Next::Done if self.used.is_empty() => return Ok(Err(unsupported(event).into())),
                Next::Done => return Ok(Ok(())),
                Next::Refused(refusals) if refusals.contains(&Refused::NotSetUp) => {
                    return Ok(Err(LoginRefused::InvalidCredentials.into()));
                }
                Next::Wait(_) | Next::Closed(_) | Next::Reset | Next::Refused(_) => {
                    return Ok(Err(unsupported(event).into()));
                }
            }
        }
    }

    /// What follows from flows that were passed.
    fn follow(&mut self, flow: &Flow, walk: &mut Walk<'_>) {
        for happened in walk.take_happened() {
            match happened {
                Happened::Passed(id) => {
                    let passed = flow.step(&id).and_then(Step::flow);
                    let reached = passed.and_then(|passed| level::reached_by(passed, walk.state()));
                    self.level = reached.unwrap_or(self.level);
                }
                Happened::SetUp(..) => self.lacks = true,
            }
        }
    }

    async fn looked(&self, flow: &Flow, walk: &Walk<'_>, id: &str) -> Result<Verdict, LoginError> {
        let facts = Facts {
            app: self.app,
            realm: self.realm,
            client: self.sent.client.as_deref(),
            scope: self.sent.scope.as_deref(),
            user: self.user.as_ref(),
            used: self.used.clone(),
        };
        Ok(match holds(&facts, flow, walk, id).await? {
            Looked::Verdict(verdict) => verdict,
            // No level is asked for here: the first is reached, and no other.
            Looked::Level => Verdict::Held(self.level <= level::NONE),
        })
    }

    /// Asks a step: who it is, where the step says so.
    async fn ask(
        &mut self,
        step: &Step,
        event: &mut EventBuilder,
        tx: &mut Tx,
    ) -> Result<Result<Option<Known>, Refusal>, LoginError> {
        match step.authenticator() {
            Some(Authenticator::DirectUsername) => self.username(event).await,
            Some(Authenticator::DirectPassword) => self.password(event).await,
            Some(Authenticator::DirectOtp) => self.otp(event, tx).await,
            Some(Authenticator::AllowAccess) => Ok(Ok(None)),
            Some(Authenticator::DenyAccess) => Ok(Err(LoginRefused::Denied.into())),
            Some(Authenticator::SessionLimits) => self.limits(step, event, tx).await,
            Some(Authenticator::DockerBasic) if self.sent.door == Door::Docker => {
                self.basic(event).await
            }
            _ => Ok(Err(unsupported(event).into())),
        }
    }

    /// `user-session-limits`.
    async fn limits(
        &mut self,
        step: &Step,
        event: &mut EventBuilder,
        tx: &mut Tx,
    ) -> Result<Result<Option<Known>, Refusal>, LoginError> {
        let (app, realm) = (self.app, self.realm);
        let (Some(user), Some(client)) = (&self.user, &self.sent.client) else {
            return Ok(Ok(None));
        };
        let whose = (user, &client.uuid);
        let limits = Limits::of(step);
        let (limited, counted) =
            session_limits::look(app, realm, limits.as_ref(), whose, |_| None).await?;
        match limited {
            Limited::Fits => {
                counted.guard(realm, whose, tx);
                Ok(Ok(None))
            }
            Limited::Denied => Ok(Err(LoginRefused::TooManySessions.into())),
            Limited::Ends(sessions) => {
                counted.guard(realm, whose, tx);
                for session in &sessions {
                    session_limits::end(app, realm, event, session, tx).await?;
                }
                Ok(Ok(None))
            }
            Limited::Broken(_) => Ok(Err(unsupported(event).into())),
        }
    }

    /// `docker-http-basic-authenticator`: a user name, no e-mail address, and the password.
    async fn basic(
        &mut self,
        event: &mut EventBuilder,
    ) -> Result<Result<Option<Known>, Refusal>, LoginError> {
        let named = match self.username(event).await? {
            Ok(named) => named,
            Err(Refusal::New(LoginRefused::UserNotFound)) => {
                return Ok(Err(LoginRefused::InvalidCredentials.into()));
            }
            Err(refusal) => return Ok(Err(refusal)),
        };
        let proven = self.password(event).await?;
        Ok(proven.map(|_| named))
    }

    /// `direct-grant-validate-username`.
    async fn username(
        &mut self,
        event: &mut EventBuilder,
    ) -> Result<Result<Option<Known>, Refusal>, LoginError> {
        let (app, realm) = (self.app, self.realm);
        let sent = self.sent.password.as_ref();
        let Some(username) = self.sent.username.as_deref() else {
            return Ok(Err(LoginRefused::NoUsername.into()));
        };
        event.detail("username", username);
        let found = match self.sent.door {
            Door::DirectGrant => find(app, realm, username).await?,
            Door::Docker => find_by_username(app, realm, username).await?,
        };
        let Some(user) = found else {
            dummy(app, realm, sent).await?;
            return Ok(Err(LoginRefused::UserNotFound.into()));
        };
        if user.service_account_of.is_some() {
            dummy(app, realm, sent).await?;
            event.detail("reason", "User is a service account");
            return Ok(Err(LoginRefused::ServiceAccount.into()));
        }
        let proofs = Proofs::load(app, realm, &user).await?;
        let known = Known {
            id: user.id.clone(),
            credentials: proofs.kinds(),
        };
        if user.enabled {
            self.user = Some(user);
            return Ok(Ok(Some(known)));
        }
        // A disabled user is asked for the password whatever the flow: only its owner is told.
        let checked = proofs.password(sent).await?;
        self.user = Some(user);
        let refused = if checked.ok {
            self.unlocked(LoginRefused::Disabled).await?
        } else {
            let refused = (Proof::First, LoginRefused::DisabledAndWrong);
            self.failed(refused, event).await?
        };
        Ok(Err(refused))
    }

    /// `direct-grant-validate-password`.
    async fn password(
        &mut self,
        event: &mut EventBuilder,
    ) -> Result<Result<Option<Known>, Refusal>, LoginError> {
        let Some(user) = &self.user else {
            return Ok(Err(unsupported(event).into()));
        };
        let proofs = Proofs::load(self.app, self.realm, user).await?;
        let checked = proofs.password(self.sent.password.as_ref()).await?;
        if !checked.ok {
            let refused = (Proof::First, LoginRefused::InvalidCredentials);
            return Ok(Err(self.failed(refused, event).await?));
        }
        self.outdated = checked.outdated.then_some(checked);
        self.proven("password").await
    }

    /// `direct-grant-validate-otp`. There is no page to choose on: the first generator counts.
    async fn otp(
        &mut self,
        event: &mut EventBuilder,
        tx: &mut Tx,
    ) -> Result<Result<Option<Known>, Refusal>, LoginError> {
        let Some(user) = &self.user else {
            return Ok(Err(unsupported(event).into()));
        };
        let proofs = Proofs::load(self.app, self.realm, user).await?;
        if !proofs.otp(None, self.sent.otp.as_ref(), tx).await? {
            let refused = (Proof::Second, LoginRefused::InvalidCredentials);
            return Ok(Err(self.failed(refused, event).await?));
        }
        self.proven("otp").await
    }

    /// A proof was right: told only if the account is not locked.
    async fn proven(
        &mut self,
        credential: &str,
    ) -> Result<Result<Option<Known>, Refusal>, LoginError> {
        if let Some(lock) = self.lock().await? {
            return Ok(Err(lock.into()));
        }
        self.used.push(credential.to_owned());
        Ok(Ok(None))
    }

    /// Whether nobody gets in, read after the check, however long that took: see
    /// [`crate::brute_force`].
    async fn lock(&self) -> Result<Option<LoginRefused>, StoreError> {
        let Some(standing) = self.standing().await? else {
            return Ok(None);
        };
        let lock = standing.lock(self.realm, self.app.now());
        Ok(lock.map(LoginRefused::Locked))
    }

    async fn standing(&self) -> Result<Option<Standing>, StoreError> {
        match &self.user {
            Some(user) => Standing::of(self.app, self.realm, &user.id).await,
            None => Ok(None),
        }
    }

    /// A refusal that is no failure, unless the account is locked.
    async fn unlocked(&self, refused: LoginRefused) -> Result<Refusal, LoginError> {
        Ok(self.lock().await?.unwrap_or(refused).into())
    }

    /// A proof was wrong: it is counted, and told only if the account is not locked.
    async fn failed(
        &self,
        (proof, refused): (Proof, LoginRefused),
        event: &mut EventBuilder,
    ) -> Result<Refusal, LoginError> {
        let Some(standing) = self.standing().await? else {
            return Ok(refused.into());
        };
        if let Some(lock) = standing.lock(self.realm, self.app.now()) {
            return Ok(LoginRefused::Locked(lock).into());
        }
        if let Some(user) = &self.user {
            event.user(user.id.as_str());
        }
        event.helped(self.sent.help(refused));
        let counted = (&*event, refused.event_error());
        let outrun = standing
            .failure(self.app, self.realm, proof, counted)
            .await?;
        Ok(outrun.map_or(Refusal::Recorded(refused), |lock| {
            LoginRefused::Locked(lock).into()
        }))
    }

    /// Everything was proven: failures before are forgiven, and the account has to be ready for use.
    async fn finish(
        mut self,
        event: &mut EventBuilder,
        tx: &mut Tx,
    ) -> Result<Result<SignedIn, Refusal>, LoginError> {
        if let Some(standing) = self.standing().await? {
            let strongest = if self.used.iter().any(|kind| kind == "otp") {
                Proof::Second
            } else {
                Proof::First
            };
            standing.success(self.realm, strongest, tx);
        }
        let Some(user) = self.user.take() else {
            return Ok(Err(unsupported(event).into()));
        };
        let proofs = Proofs::load(self.app, self.realm, &user).await?;
        if let Some(checked) = self.outdated {
            let sent = self.sent.password.as_ref();
            proofs.upgrade(checked, sent, tx).await?;
        }
        if self.lacks || !self.is_set_up(&user, &proofs).await? {
            event.detail("reason", "Account is not fully set up");
            return Ok(Err(LoginRefused::NotSetUp.into()));
        }
        event.user(user.id.as_str());
        let completed = Value::Object(self.completed).to_string();
        Ok(Ok(SignedIn { user, completed }))
    }

    /// Whether nothing has to be done by the user first: in a grant without pages it could not be.
    async fn is_set_up(&self, user: &User, proofs: &Proofs<'_>) -> Result<bool, StoreError> {
        let mails = self.realm.settings.login.verify_email;
        if !user.required_actions.is_empty()
            || (mails && !user.email_verified)
            || proofs.is_password_expired()
        {
            return Ok(false);
        }
        let profile = self.realm.profile().await?;
        Ok(UserProfile::is_complete(
            &profile,
            user,
            &self.realm.settings,
        ))
    }
}
