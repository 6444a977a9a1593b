//! `identity-provider-redirector`: sends the browser to the identity provider that the client names, or
//! that the realm prefers. Signing in there is not part of this server yet: people are told so by the
//! log, and sign in here.

use super::super::drive::Login;
use super::super::tab::note;
use super::Came;
use crate::flow::{Step, Verdict};

/// Asks.
pub fn ask(login: &mut Login<'_>, step: &Step) -> Came {
    // With an error to be told, the person is not sent away at once.
    let hint = login.tab.asks().provider_hint;
    let alias = hint.as_deref().or_else(|| step.setting("defaultProvider"));
    if login.tab.note(note::MESSAGE).is_none()
        && let Some(alias) = alias.filter(|alias| !alias.trim().is_empty())
    {
        tracing::warn!(
            realm = login.scene.realm.name,
            "nobody is sent to the identity provider `{alias}`: that is not part of this server yet"
        );
    }
    Verdict::Passed(None).into()
}
