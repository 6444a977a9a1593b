//! `amr`: how the user signed in (RFC 8176).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use claviger_model::{Millis, UserSession};
use claviger_wire::document::{Document, Json};
use claviger_wire::flow::FlowView;
use serde_json::Value;

use super::kind::Kind;
use super::{Claims, Mapper, Subject};

/// The note of a user session that lists the executions of flows which succeeded, by id, with the
/// second at which each did: `{"<id>": 1700000000}`.
pub const COMPLETED_NOTE: &str = "authenticators-completed";

/// In an authenticator's settings: the name of its method, e.g. `pwd` or `otp`.
const REFERENCE: &str = "default.reference.value";
/// In an authenticator's settings: for how many seconds it counts.
const MAX_AGE: &str = "default.reference.maxAge";

/// Whether any of these mappers tells how the user signed in, so that [`Methods`] are worth their
/// while.
pub fn is_wanted(mappers: &[Arc<Mapper>]) -> bool {
    mappers.iter().any(|mapper| mapper.kind == Some(Kind::Amr))
}

/// The settings of authenticators, by the id of the execution that has them.
#[derive(Clone, Debug, Default)]
pub struct Methods(HashMap<String, BTreeMap<String, String>>);

impl Methods {
    /// Reads them out of a realm's flows and authenticator settings.
    pub fn new(flows: &[Document], configs: &[Document]) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let read = |config: &Document| {
            let settings = config.body.get("config")?.as_object()?;
            let settings = settings.iter();
            Some(
                settings
                    .filter_map(|(name, value)| Some((name.clone(), text(value)?)))
                    .collect(),
            )
        };
        let by_alias: HashMap<String, BTreeMap<String, String>> = configs
            .iter()
            .filter_map(|config| Some((text(config.body.get("alias")?)?, read(config)?)))
            .collect();
        let executions = flows
            .iter()
            .flat_map(|flow| FlowView::from_body(&flow.body).executions);
        let found = executions.filter_map(|execution| {
            let settings = by_alias.get(&execution.authenticator_config?)?;
            Some((execution.id, settings.clone()))
        });
        Self(found.collect())
    }

    /// How the user of a session signed in, as far as it still counts: the methods of the
    /// executions in note [`COMPLETED_NOTE`].
    fn of(&self, session: &UserSession, now: Millis) -> Vec<String> {
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
                let settings = self.0.get(id)?;
                let reference = settings.get(REFERENCE).filter(|text| !text.is_empty())?;
                counts(settings, at).then(|| reference.clone())
            })
            .collect()
    }
}

/// `oidc-amr-mapper`: always a list, if an empty one.
pub(super) fn methods(subject: &Subject<'_>, claims: &mut Claims) {
    let methods = subject.methods.of(subject.session, subject.now);
    claims.insert("amr", Value::from(methods));
}

#[cfg(test)]
mod tests {
    use claviger_wire::document::Kind;
    use serde_json::json;

    use super::super::testing::World;
    use super::*;

    #[test]
    fn methods_count_until_they_are_too_old() {
        let document = |body: Value| Document {
            kind: Kind::Flow,
            id: String::new(),
            parent: String::new(),
            unique_name: String::new(),
            enabled: true,
            body: body.as_object().unwrap().clone(),
        };
        let settings = [
            json!({"alias": "a", "config": {REFERENCE: "pwd", MAX_AGE: "60"}}),
            json!({"alias": "b", "config": {REFERENCE: "otp"}}),
            json!({"alias": "c", "config": {REFERENCE: "", MAX_AGE: "60"}}),
            json!({"alias": "d", "config": {REFERENCE: "odd", MAX_AGE: "soon"}}),
            json!({"alias": "e"}),
        ];
        let execution = |id: &str, alias: &str| json!({"id": id, "authenticatorConfig": alias});
        let flow = json!({"authenticationExecutions": [
            execution("password", "a"), execution("code", "b"), execution("unnamed", "c"),
            execution("odd", "d"), execution("bare", "e"), {"id": "none"},
        ]});
        let methods = Methods::new(&[document(flow)], &settings.map(document));
        let mut session = World::new().session;
        let note = r#"{"password":100,"code":120,"unnamed":120,"odd":120,"gone":120}"#;
        session
            .notes
            .insert(COMPLETED_NOTE.to_owned(), note.to_owned());
        let at = |second: i64| methods.of(&session, Millis(second * 1000));
        assert_eq!(at(120), ["pwd", "otp"]);
        assert_eq!(at(121), ["pwd"]);
        assert_eq!(at(160), ["pwd"]);
        assert!(at(161).is_empty());
        session
            .notes
            .insert(COMPLETED_NOTE.to_owned(), "[".to_owned());
        assert!(methods.of(&session, Millis(0)).is_empty());
    }
}
