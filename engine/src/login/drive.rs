//! Drives a walk through a flow: asks the authenticators and conditions that it names, and makes a page
//! of the question where a person has to answer.

use claviger_model::{User, UserSession};
use claviger_store::Tx;

use super::condition::{Facts, Looked};
use super::scene::Scene;
use super::step::{Came, Notice, Show};
use super::tab::{Tab, note};
use super::{LoginError, condition, level, step};
use crate::authenticate::proof::Proofs;
use crate::browser::{CookieChange, Outcome};
use crate::events::EventBuilder;
use crate::flow::{Flow, Happened, Known, Next, Refusal, Step, Verdict, Walk};
use crate::page::{Choice, Fault, Message, Page, Severity, View};

/// How often a flow may begin anew within one request.
const RESETS_MAX: usize = 3;

/// A login in hand: what one request does to one tab.
pub struct Login<'a> {
    pub scene: Scene<'a>,
    pub tab: Tab,
    /// The user whom the tab is about, since a step has said so.
    pub user: Option<User>,
    /// The session whose cookie was enough.
    pub sso: Option<UserSession>,
    pub event: EventBuilder,
    pub tx: Tx,
    pub cookies: Vec<CookieChange>,
}

/// What driving came to.
pub enum Drove {
    /// A page, or another address; the tab goes on.
    Shown(Outcome),
    /// A page that is the end of the way; the tab stays as it is.
    Ended(Outcome),
    /// The person does not want to sign in.
    Cancelled,
    /// The login begins anew, saying this.
    Anew(Notice),
    /// Enough is proven.
    Done,
}

/// How a request comes to a flow.
#[derive(Clone, Copy)]
pub enum Entrance<'a> {
    /// At the top.
    Top,
    /// With an answer to the question of a step.
    Answer(&'a str),
    /// With the wish for another way than that of a step.
    Choice(&'a str, &'a str),
}

impl Login<'_> {
    /// Walks on as far as it goes without asking the person. None if the question is not the one that
    /// stands.
    pub async fn drive(
        &mut self,
        flow: &Flow,
        entrance: Entrance<'_>,
    ) -> Result<Option<Drove>, LoginError> {
        let known = self.known().await?;
        let state = self.tab.state(known);
        let mut acting = matches!(entrance, Entrance::Answer(_));
        let walk = match entrance {
            Entrance::Top => Ok(Walk::start(flow, state)),
            Entrance::Answer(execution) => Walk::act(flow, state, execution),
            Entrance::Choice(execution, wanted) => Walk::choose(flow, state, execution, wanted),
        };
        let Ok(mut walk) = walk else {
            return Ok(None);
        };
        let mut show = None;
        let mut resets = 0;
        loop {
            let next = walk.advance();
            self.follow(flow, &mut walk).await?;
            match next {
                Next::Look(id) => {
                    let held = self.looked(flow, &walk, &id).await?;
                    walk.verdict(held);
                }
                Next::Ask(id) => {
                    let Some(step) = flow.step(&id) else {
                        walk.verdict(Verdict::Refused(Refusal::Internal));
                        continue;
                    };
                    let came = if std::mem::take(&mut acting) {
                        step::answer(self, &walk, step).await?
                    } else {
                        step::ask(self, flow, &walk, step).await?
                    };
                    let Came {
                        verdict,
                        show: shown,
                    } = came;
                    self.completed(step, &verdict);
                    walk.verdict(verdict);
                    show = shown;
                }
                Next::Reset => {
                    resets += 1;
                    if resets > RESETS_MAX {
                        return Ok(Some(Drove::Ended(self.refused(&[Refusal::Internal]))));
                    }
                    self.tab.reset(self.scene.realm, self.scene.app.now());
                    self.user = None;
                    walk = Walk::start(flow, self.tab.state(None));
                }
                over @ (Next::Wait(_) | Next::Closed(_) | Next::Done | Next::Refused(_)) => {
                    let drove = self.came_to(&walk, over, show.take());
                    self.tab.take(walk.into_state());
                    return Ok(Some(drove));
                }
            }
        }
    }

    /// Looks whether a condition holds.
    async fn looked(
        &mut self,
        flow: &Flow,
        walk: &Walk<'_>,
        id: &str,
    ) -> Result<Verdict, LoginError> {
        let scope = self.tab.session.client_notes.get("scope");
        let facts = Facts {
            app: self.scene.app,
            realm: self.scene.realm,
            client: Some(&self.tab.client),
            scope: scope.map(String::as_str),
            user: self.user.as_ref(),
            used: self.tab.credentials_used(),
        };
        Ok(match condition::holds(&facts, flow, walk, id).await? {
            Looked::Verdict(verdict) => verdict,
            Looked::Level => {
                let step = flow.step(id);
                Verdict::Held(step.is_some_and(|step| level::is_due(self, flow, step)))
            }
        })
    }

    /// What the end of a walk means to the browser.
    fn came_to(&mut self, walk: &Walk<'_>, over: Next, show: Option<Show>) -> Drove {
        match over {
            Next::Wait(id) => Drove::Shown(self.shown(walk, (&id, show))),
            Next::Closed(_) if matches!(show, Some(Show::Cancelled)) => Drove::Cancelled,
            Next::Closed(id) => match show {
                Some(Show::Anew(notice)) => Drove::Anew(notice),
                show => Drove::Ended(self.shown(walk, (&id, show))),
            },
            Next::Done => Drove::Done,
            Next::Refused(refusals) => Drove::Ended(self.refused(&refusals)),
            Next::Ask(_) | Next::Look(_) | Next::Reset => {
                Drove::Ended(self.refused(&[Refusal::Internal]))
            }
        }
    }

    /// The user of the tab, as flows look at one.
    async fn known(&mut self) -> Result<Option<Known>, LoginError> {
        let Some(user) = &self.user else {
            return Ok(None);
        };
        Ok(Some(known(&self.scene, user).await?))
    }

    /// What follows from flows that were passed: levels, and credentials to be set up.
    async fn follow(&mut self, flow: &Flow, walk: &mut Walk<'_>) -> Result<(), LoginError> {
        for happened in walk.take_happened() {
            match happened {
                Happened::Passed(id) => {
                    if let Some(passed) = flow.step(&id).and_then(Step::flow) {
                        level::passed(self, passed, walk.state());
                    }
                }
                Happened::SetUp(id, action) => {
                    let wanted = match flow.step(&id) {
                        Some(step) => step::wants_set_up(self, step).await?,
                        None => true,
                    };
                    if wanted {
                        self.tab.session.required_actions.insert(action.to_owned());
                    }
                }
            }
        }
        Ok(())
    }

    /// Remembers that a step was completed, for `amr`.
    fn completed(&mut self, step: &Step, verdict: &Verdict) {
        if matches!(verdict, Verdict::Proven(_)) {
            step::note_completed(self, &step.id, None);
        }
    }

    /// The page of a question, or where the browser is sent instead.
    fn shown(&mut self, walk: &Walk<'_>, (execution, show): (&str, Option<Show>)) -> Outcome {
        match show {
            Some(Show::Error { fault, message }) => {
                self.scene.error(Some(&self.tab.client), fault, message)
            }
            Some(Show::Page { page, wrong }) => {
                let mut view = self.framed(walk, execution, *page);
                for (field, message) in wrong {
                    view = match field {
                        Some(field) => view.saying_at(&field, message),
                        None => view.saying(Severity::Error, message),
                    };
                }
                Outcome::page(view)
            }
            Some(Show::Challenge) => Outcome::challenge(&self.scene.realm.name),
            Some(Show::Cancelled | Show::Anew(_)) | None => {
                tracing::error!(execution, "a step asks without a page");
                self.refused(&[Refusal::Internal])
            }
        }
    }

    /// A page of the flow, with what stands around it.
    fn framed(&mut self, walk: &Walk<'_>, execution: &str, page: Page) -> View {
        let username = self.user.as_ref().map(|user| user.username.clone());
        let path = self.tab.flow_path().segment();
        let mut view = self
            .scene
            .view(&mut self.tab, self.user.as_ref(), (path, execution), page);
        view.attempted = self.scene.attempted(&self.tab, walk, username.as_deref());
        view.try_another_way = walk.offered_beside(execution).len() > 1;
        if let Some(key) = self.tab.forget(note::MESSAGE) {
            view = view.saying(Severity::Error, Message::new(key));
        } else if let Some(key) = self.tab.forget(note::INFO) {
            view = view.saying(Severity::Info, Message::new(key));
        }
        view
    }

    /// The page on which one of the ways is chosen, which stand beside a step.
    pub fn selector(&mut self, flow: &Flow, execution: &str, known: Option<Known>) -> Outcome {
        let walk = Walk::start(flow, self.tab.state(known));
        let choices = walk
            .offered_beside(execution)
            .into_iter()
            .filter_map(choice)
            .collect();
        self.tab.set(note::SELECTOR, execution);
        let page = Page::SelectAuthenticator { choices };
        let mut view = self.framed(&walk, execution, page);
        view.try_another_way = false;
        Outcome::page(view)
    }

    /// The same, of the user as the store has them.
    pub async fn select(&mut self, flow: &Flow, execution: &str) -> Result<Outcome, LoginError> {
        let known = self.known().await?;
        Ok(self.selector(flow, execution, known))
    }

    /// The error page of a flow that nobody gets through, with its event.
    pub fn refused(&mut self, refusals: &[Refusal]) -> Outcome {
        let refusal = refusals.first().cloned().unwrap_or(Refusal::Internal);
        let (error, message) = match &refusal {
            Refusal::UnknownUser | Refusal::UserConflict | Refusal::InvalidCredentials => {
                ("invalid_user_credentials", "invalidUserMessage".to_owned())
            }
            Refusal::NotSetUp => (
                "invalid_user_credentials",
                "credentialSetupRequired".to_owned(),
            ),
            Refusal::UserDisabled => ("user_disabled", "accountDisabledMessage".to_owned()),
            Refusal::Generic { message, detail } => {
                self.event
                    .detail("authentication_error_detail", detail.clone());
                ("generic_authentication_error", message.clone())
            }
            Refusal::Unavailable(id) => {
                let reason = format!("The step {id} is not part of this server");
                tracing::warn!(realm = self.scene.realm.name, "a login ends: {reason}");
                self.event.detail("reason", reason);
                (
                    "invalid_user_credentials",
                    "unexpectedErrorHandlingRequestMessage".to_owned(),
                )
            }
            Refusal::Internal => (
                "invalid_user_credentials",
                "unexpectedErrorHandlingRequestMessage".to_owned(),
            ),
        };
        if let (Some(user), Refusal::UserDisabled) = (&self.user, &refusal) {
            self.event.user(user.id.as_str());
        }
        self.event
            .error(self.scene.app, self.scene.realm, error, &mut self.tx);
        let client = Some(&self.tab.client);
        self.scene
            .error(client, Fault::BadRequest, Message::new(message))
    }
}

/// A user, as flows look at one.
pub async fn known(scene: &Scene<'_>, user: &User) -> Result<Known, LoginError> {
    let proofs = Proofs::load(scene.app, scene.realm, user).await?;
    Ok(Known {
        id: user.id.clone(),
        credentials: proofs.kinds(),
    })
}

/// A way to sign in, as people are told of it.
fn choice(step: &Step) -> Option<Choice> {
    let authenticator = step.authenticator()?;
    let id = authenticator.id();
    let icon = match authenticator.credential() {
        Some("password") => "kcAuthenticatorPasswordClass",
        Some("otp") => "kcAuthenticatorOTPClass",
        Some("webauthn") => "kcAuthenticatorWebAuthnClass",
        Some("webauthn-passwordless") => "kcAuthenticatorWebAuthnPasswordlessClass",
        Some(_) | None => "kcAuthenticatorDefaultClass",
    };
    let (name, help) = match authenticator.credential() {
        Some("password") => (
            "password-display-name".to_owned(),
            "password-help-text".to_owned(),
        ),
        Some("otp") => ("otp-display-name".to_owned(), "otp-help-text".to_owned()),
        Some(_) | None => (format!("{id}-display-name"), format!("{id}-help-text")),
    };
    Some(Choice {
        execution: step.id.clone(),
        name: Message::new(name),
        help: Message::new(help),
        icon: icon.to_owned(),
    })
}
