//! Mappers of the session: its notes, its id, and the request's `nonce`.

use claviger_wire::document::Json;
use claviger_wire::mapper::ProtocolMapper;
use serde_json::Value;

use super::claim::{Found, put};
use super::{Subject, Target};

/// `oidc-usersessionmodel-note-mapper`: a note of the user session.
pub(super) fn note(
    mapper: &ProtocolMapper,
    target: Target,
    subject: &Subject<'_>,
    claims: &mut Json,
) {
    let name = mapper.config("user.session.note");
    if let Some(note) = name.and_then(|name| subject.session.notes.get(name)) {
        put(mapper, target, &Found::One(note), claims);
    }
}

/// `oidc-session-state-mapper`: `session_state`, which tokens had before they had `sid`.
pub(super) fn session_state(subject: &Subject<'_>, claims: &mut Json) {
    let id = subject.session.id.as_str().to_owned();
    claims.insert("session_state".to_owned(), Value::String(id));
}

/// `oidc-nonce-backwards-compatible-mapper`: `nonce`, which access tokens had long ago.
pub(super) fn nonce(subject: &Subject<'_>, claims: &mut Json) {
    match subject.nonce {
        Some(nonce) => claims.insert("nonce".to_owned(), Value::String(nonce.to_owned())),
        None => claims.shift_remove("nonce"),
    };
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{World, mapper};
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
        let mut claims = Json::new();
        note(
            &mapper(kind, &config),
            Target::Access,
            &world.subject(),
            &mut claims,
        );
        note(
            &mapper(kind, &config),
            Target::UserInfo,
            &world.subject(),
            &mut claims,
        );
        let other = [("user.session.note", "nothing"), ("claim.name", "x")];
        note(
            &mapper(kind, &other),
            Target::Access,
            &world.subject(),
            &mut claims,
        );
        assert_eq!(Value::Object(claims), json!({"auth_time": 1_700_000_000}));
    }

    #[test]
    fn session_state_and_nonce() {
        let world = World::new();
        let mut claims = Json::new();
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
            Value::Object(claims.clone()),
            json!({"session_state": id, "nonce": "n-1"})
        );
        nonce(&world.subject(), &mut claims);
        assert_eq!(Value::Object(claims), json!({"session_state": id}));
    }
}
