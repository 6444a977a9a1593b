//! Mappers of the session: its notes, its id, and the request's `nonce`.

use serde_json::Value;

use super::claim::{Found, put};
use super::{Claims, Mapper, Subject, Target};

/// `oidc-usersessionmodel-note-mapper`: a note of the user session.
pub(super) fn note(mapper: &Mapper, target: Target, subject: &Subject<'_>, claims: &mut Claims) {
    let name = mapper.source.as_deref();
    if let Some(note) = name.and_then(|name| subject.session.notes.get(name)) {
        put(mapper, target, &Found::One(note), claims);
    }
}

/// `oidc-session-state-mapper`: `session_state`, which tokens had before they had `sid`.
pub(super) fn session_state(subject: &Subject<'_>, claims: &mut Claims) {
    let id = subject.session.id.as_str().to_owned();
    claims.insert("session_state", Value::String(id));
}

/// `oidc-nonce-backwards-compatible-mapper`: `nonce`, which access tokens had long ago.
pub(super) fn nonce(subject: &Subject<'_>, claims: &mut Claims) {
    match subject.nonce {
        Some(nonce) => claims.insert("nonce", Value::String(nonce.to_owned())),
        None => drop(claims.remove("nonce")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{World, ready};
    use super::*;

    #[test]
    fn notes_become_claims() {
        let mut world = World::new();
        world
            .session
            .notes
            .insert("AUTH_TIME".into(), "1700000000".into());
        let config = [
            ("user.session.note", "AUTH_TIME"),
            ("claim.name", "auth_time"),
            ("jsonType.label", "long"),
        ];
        let kind = "oidc-usersessionmodel-note-mapper";
        let mut claims = Claims::default();
        note(
            &ready(kind, &config),
            Target::Access,
            &world.subject(),
            &mut claims,
        );
        note(
            &ready(kind, &config),
            Target::UserInfo,
            &world.subject(),
            &mut claims,
        );
        let other = [("user.session.note", "nothing"), ("claim.name", "x")];
        note(
            &ready(kind, &other),
            Target::Access,
            &world.subject(),
            &mut claims,
        );
        assert_eq!(
            Value::Object(claims.into_json()),
            json!({"auth_time": 1_700_000_000})
        );
    }

    #[test]
    fn session_state_and_nonce() {
        let world = World::new();
        let mut claims = Claims::default();
        session_state(&world.subject(), &mut claims);
        nonce(
            &Subject {
                nonce: Some("n-1"),
                ..world.subject()
            },
            &mut claims,
        );
        let id = world.session.id.as_str();
        assert_eq!(
            Value::Object(claims.clone().into_json()),
            json!({"session_state": id, "nonce": "n-1"})
        );
        nonce(&world.subject(), &mut claims);
        assert_eq!(
            Value::Object(claims.into_json()),
            json!({"session_state": id})
        );
    }
}
