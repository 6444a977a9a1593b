//! `amr`: how the user signed in (RFC 8176).

use std::collections::BTreeMap;
use std::sync::Arc;

use claviger_model::{Millis, UserSession};
use claviger_wire::document::Json;
use claviger_wire::mapper::ProtocolMapper;
use serde_json::Value;

use super::Subject;

/// The note of a user session that lists the executions of flows which succeeded, by id, with the
/// second at which each did: `{"<id>": 1700000000}`.
pub const COMPLETED_NOTE: &str = "authenticators-completed";

/// In an authenticator's settings: the name of its method, e.g. `pwd` or `otp`.
const REFERENCE: &str = "default.reference.value";
/// In an authenticator's settings: for how many seconds it counts.
const MAX_AGE: &str = "default.reference.maxAge";

/// Whether any of these mappers tells how the user signed in, so that [`references`] is worth its
/// while.
pub fn is_wanted(mappers: &[Arc<ProtocolMapper>]) -> bool {
    mappers
        .iter()
        .any(|mapper| mapper.protocol_mapper == "oidc-amr-mapper")
}

/// How the user of a session signed in, as far as it still counts: the methods of the executions in
/// note [`COMPLETED_NOTE`]. `settings` finds the authenticator settings of an execution by its id.
pub fn references<'a>(
    session: &UserSession,
    now: Millis,
    settings: impl Fn(&str) -> Option<&'a BTreeMap<String, String>>,
) -> Vec<String> {
    let note = session.notes.get(COMPLETED_NOTE);
    let Some(Ok(completed)) = note.map(|text| serde_json::from_str::<Json>(text)) else {
        return Vec::new();
    };
    let counts = |settings: &BTreeMap<String, String>, at: &Value| {
        let max_age = settings
            .get(MAX_AGE)
            .map_or(Ok(0), |text| text.parse::<i64>());
        let end = max_age.ok().and_then(|age| at.as_i64()?.checked_add(age));
        end.is_some_and(|end| end >= now.seconds().0)
    };
    completed
        .iter()
        .filter_map(|(id, at)| {
            let settings = settings(id)?;
            let reference = settings.get(REFERENCE).filter(|text| !text.is_empty())?;
            counts(settings, at).then(|| reference.clone())
        })
        .collect()
}

/// `oidc-amr-mapper`: always a list, if an empty one.
pub(super) fn methods(subject: &Subject<'_>, claims: &mut Json) {
    claims.insert("amr".to_owned(), Value::from(subject.amr));
}

#[cfg(test)]
mod tests {
    use super::super::testing::World;
    use super::*;

    #[test]
    fn methods_count_until_they_are_too_old() {
        let settings = |reference: &str, max_age: Option<&str>| {
            let mut settings = BTreeMap::from([(REFERENCE.to_owned(), reference.to_owned())]);
            settings.extend(max_age.map(|age| (MAX_AGE.to_owned(), age.to_owned())));
            settings
        };
        let by_id = BTreeMap::from([
            ("password", settings("pwd", Some("60"))),
            ("code", settings("otp", None)),
            ("unnamed", settings("", Some("60"))),
            ("odd", settings("odd", Some("soon"))),
        ]);
        let mut session = World::new().session;
        let note = r#"{"password":100,"code":120,"unnamed":120,"odd":120,"gone":120}"#;
        session
            .notes
            .insert(COMPLETED_NOTE.to_owned(), note.to_owned());
        let at = |second: i64| references(&session, Millis(second * 1000), |id| by_id.get(id));
        assert_eq!(at(120), ["pwd", "otp"]);
        assert_eq!(at(121), ["pwd"]);
        assert_eq!(at(160), ["pwd"]);
        assert!(at(161).is_empty());
        session
            .notes
            .insert(COMPLETED_NOTE.to_owned(), "[".to_owned());
        assert!(references(&session, Millis(0), |id| by_id.get(id)).is_empty());
    }
}
