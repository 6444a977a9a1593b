//! A client under load: what it asks for, and what it remembers of the answers.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::line::{Line, Lost};
use super::random::Random;
use super::{PASSWORD, Realm};
use crate::http::Answer;

/// The sessions that a player keeps at most.
const MOST_SESSIONS: usize = 8;

/// A user whom nobody but this player touches, so that what has to be true of them is known.
pub struct User {
    pub realm: &'static Realm,
    pub id: String,
    pub enabled: bool,
}

/// A session as its client knows it.
#[derive(Clone)]
pub struct Session {
    pub user: usize,
    pub id: String,
    pub offline: bool,
    pub access: String,
    /// Whether the access token was revoked alone.
    pub revoked: bool,
    pub refresh: String,
    /// The refresh token that `refresh` came for.
    pub spent: Option<String>,
}

/// Something that changes what the server has to remember.
#[derive(Clone, Copy, Debug)]
pub enum Deed {
    SignIn { user: usize, offline: bool },
    Refresh(usize),
    RevokeAccess(usize),
    Logout(usize),
    Revoke(usize),
    Delete(usize),
    Switch { user: usize, enabled: bool },
}

/// One client.
pub struct Player {
    pub random: Random,
    pub users: Vec<User>,
    pub live: Vec<Session>,
    /// Sessions that ended since the last kill.
    pub ended: Vec<Session>,
    /// Sessions that ended before.
    pub long_ended: Vec<Session>,
    /// Access tokens that were revoked alone, by user.
    pub revoked: Vec<(usize, String)>,
    /// What was sent and not answered.
    pub doubt: Option<Deed>,
    /// The events that the answers promise, since the last kill.
    pub ledger: Vec<String>,
}

fn member(answer: &Answer, name: &str) -> String {
    answer.json()[name].as_str().unwrap().to_owned()
}

impl Player {
    pub fn new(random: Random, users: Vec<User>) -> Self {
        Self {
            random,
            users,
            live: Vec::new(),
            ended: Vec::new(),
            long_ended: Vec::new(),
            revoked: Vec::new(),
            doubt: None,
            ledger: Vec::new(),
        }
    }

    pub fn realm(&self, session: &Session) -> &'static Realm {
        self.users[session.user].realm
    }

    /// Asks for one thing after another until the line is lost.
    pub fn play(&mut self, line: &mut Line, answers: &AtomicUsize) {
        loop {
            let deed = self.choose();
            self.doubt = Some(deed);
            if let Err(Lost) = self.perform(deed, line) {
                return;
            }
            self.doubt = None;
            answers.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn choose(&mut self) -> Deed {
        let user = self.random.below(self.users.len());
        if !self.users[user].enabled {
            let enabled = true;
            return Deed::Switch { user, enabled };
        }
        let offline = self.random.below(3) == 0;
        let sign_in = Deed::SignIn { user, offline };
        if self.live.is_empty() {
            return sign_in;
        }
        let session = self.random.below(self.live.len());
        match self.random.below(40) {
            0..12 if self.live.len() < MOST_SESSIONS => sign_in,
            12..24 => Deed::Refresh(session),
            24..28 if !self.live[session].revoked => Deed::RevokeAccess(session),
            28..32 => Deed::Revoke(session),
            32..36 => Deed::Delete(session),
            36..38 => Deed::Switch {
                user,
                enabled: false,
            },
            _ => Deed::Logout(session),
        }
    }

    /// Does it, and remembers what was answered.
    fn perform(&mut self, deed: Deed, line: &mut Line) -> Result<(), Lost> {
        let answer = self.ask(deed, line)?;
        let expected = match deed {
            Deed::Logout(_) | Deed::Delete(_) | Deed::Switch { .. } => 204,
            Deed::SignIn { .. } | Deed::Refresh(_) | Deed::RevokeAccess(_) | Deed::Revoke(_) => 200,
        };
        assert_eq!(answer.status, expected, "{deed:?}: {answer:?}");
        let trace = self.trace(deed);
        match deed {
            Deed::SignIn { user, offline } => {
                let id = member(&answer, "session_state");
                self.ledger.push(trace + &id);
                let (access, refresh) = (
                    member(&answer, "access_token"),
                    member(&answer, "refresh_token"),
                );
                self.live.push(Session {
                    user,
                    id,
                    offline,
                    access,
                    revoked: false,
                    refresh,
                    spent: None,
                });
                return Ok(());
            }
            Deed::Refresh(session) => self.renewed(session, &answer),
            // RFC 7009 answers a token that it does not know with 200 as well.
            Deed::RevokeAccess(_) | Deed::Revoke(_) => assert_eq!(answer.body, "", "{deed:?}"),
            Deed::Logout(_) | Deed::Delete(_) | Deed::Switch { .. } => {}
        }
        self.done(deed);
        self.ledger.push(trace);
        Ok(())
    }

    fn ask(&self, deed: Deed, line: &mut Line) -> Result<Answer, Lost> {
        let client = [("client_id", "app"), ("client_secret", "secret")];
        let with = |more: &[(&'static str, &'static str)]| [&client[..], more].concat();
        match deed {
            Deed::SignIn { user, offline } => self.sign_in(user, offline, line),
            Deed::Refresh(session) => {
                let session = &self.live[session];
                self.refresh(session, &session.refresh, line)
            }
            Deed::RevokeAccess(session) => {
                let session = &self.live[session];
                let mut form: Vec<(&str, &str)> = with(&[]);
                form.push(("token", &session.access));
                line.form(self.realm(session).name, "revoke", &form)
            }
            Deed::Revoke(session) => {
                let session = &self.live[session];
                let mut form: Vec<(&str, &str)> = with(&[]);
                form.push(("token", &session.refresh));
                line.form(self.realm(session).name, "revoke", &form)
            }
            Deed::Logout(session) => {
                let session = &self.live[session];
                let mut form: Vec<(&str, &str)> = with(&[]);
                form.push(("refresh_token", &session.refresh));
                line.form(self.realm(session).name, "logout", &form)
            }
            Deed::Delete(session) => self.delete(&self.live[session], line),
            Deed::Switch { user, enabled } => {
                let user = &self.users[user];
                let target = format!("{}/users/{}", user.realm.name, user.id);
                line.admin("PUT", &target, &format!("{{\"enabled\": {enabled}}}"))
            }
        }
    }

    pub fn sign_in(&self, user: usize, offline: bool, line: &mut Line) -> Result<Answer, Lost> {
        let user = &self.users[user];
        let scope = if offline {
            "openid+offline_access"
        } else {
            "openid"
        };
        let form = [
            ("grant_type", "password"),
            ("client_id", "app"),
            ("client_secret", "secret"),
            ("username", user.id.as_str()),
            ("password", PASSWORD),
            ("scope", scope),
        ];
        line.form(user.realm.name, "token", &form)
    }

    pub fn refresh(&self, session: &Session, token: &str, line: &mut Line) -> Result<Answer, Lost> {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", "app"),
            ("client_secret", "secret"),
            ("refresh_token", token),
        ];
        line.form(self.realm(session).name, "token", &form)
    }

    pub fn delete(&self, session: &Session, line: &mut Line) -> Result<Answer, Lost> {
        let (realm, id, offline) = (self.realm(session).name, &session.id, session.offline);
        let target = format!("{realm}/sessions/{id}?isOffline={offline}");
        line.admin("DELETE", &target, "")
    }

    /// The tokens of an answer take the place of those before.
    pub fn renewed(&mut self, session: usize, answer: &Answer) {
        let session = &mut self.live[session];
        session.access = member(answer, "access_token");
        session.revoked = false;
        let fresh = member(answer, "refresh_token");
        session.spent = Some(std::mem::replace(&mut session.refresh, fresh));
    }

    /// What a deed that was done means for the sessions that are known.
    pub fn done(&mut self, deed: Deed) {
        match deed {
            Deed::SignIn { .. } | Deed::Refresh(_) => {}
            Deed::RevokeAccess(session) => {
                let session = &mut self.live[session];
                session.revoked = true;
                self.revoked.push((session.user, session.access.clone()));
            }
            Deed::Logout(session) | Deed::Revoke(session) | Deed::Delete(session) => {
                self.ended.push(self.live.swap_remove(session));
            }
            Deed::Switch { user, enabled } => {
                self.users[user].enabled = enabled;
                if !enabled {
                    let ended = self.live.extract_if(.., |session| session.user == user);
                    self.ended.extend(ended);
                }
            }
        }
    }

    /// The event that is written with a deed, or not at all; of a sign-in, its beginning.
    pub fn trace(&self, deed: Deed) -> String {
        let of = |kind: &str, session: usize| {
            let session = &self.live[session];
            format!("{kind} {} {}", self.users[session.user].id, session.id)
        };
        match deed {
            Deed::SignIn { user, .. } => format!("LOGIN {} ", self.users[user].id),
            Deed::Refresh(session) => of("REFRESH_TOKEN", session),
            Deed::RevokeAccess(session) => {
                let user = &self.users[self.live[session].user];
                format!("REVOKE_GRANT {} ", user.id)
            }
            Deed::Logout(session) => of("LOGOUT", session),
            Deed::Revoke(session) => of("REVOKE_GRANT", session),
            Deed::Delete(session) => format!("DELETE sessions/{}", self.live[session].id),
            Deed::Switch { user, .. } => format!("UPDATE users/{}", self.users[user].id),
        }
    }
}
