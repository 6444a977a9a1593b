//! A flow once more, with all that is below it.

use claviger_crypto::random::Random;
use claviger_wire::document::Kind;
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

use super::{Book, NewFlow, Refused, STEPS, STEPS_MAX, sorted, text};

impl Book {
    /// Copies a flow with all that is below it, and gives the copy's id. What is below gets the new
    /// name before its own.
    pub fn copy(&mut self, from: &str, name: &str, random: &Random) -> Result<String, Refused> {
        let size = self.flow(from).map_or(0, |flow| self.size(flow));
        if size > STEPS_MAX {
            return Err(Refused::TooMany);
        }
        self.copy_as(from, name, name, random)
    }

    fn copy_as(
        &mut self,
        from: &str,
        alias: &str,
        prefix: &str,
        random: &Random,
    ) -> Result<String, Refused> {
        let id = random.uuid();
        let Some(original) = self.flow(from).cloned() else {
            return Ok(id);
        };
        let fields = Fields::of(&original.body);
        self.add_flow(NewFlow {
            id: &id,
            alias,
            description: fields.str("description"),
            provider_id: fields.str("providerId").unwrap_or_default(),
            top_level: alias == prefix && fields.flag("topLevel", false),
            built_in: false,
        })?;
        let mut copies = Vec::new();
        for step in sorted(&original) {
            let mut step = step.clone();
            step.insert("id".to_owned(), json!(random.uuid()));
            for (member, kind) in [
                ("flowAlias", Kind::Flow),
                ("authenticatorConfig", Kind::AuthenticatorConfig),
            ] {
                let Some(old) = text(&step, member).map(str::to_owned) else {
                    continue;
                };
                let new = format!("{prefix} {old}");
                if kind == Kind::Flow {
                    self.copy_as(&old, &new, prefix, random)?;
                } else {
                    let Some(config) = self.config(&old) else {
                        continue;
                    };
                    let settings = Fields::of(&config.body).object("config").cloned();
                    self.add_config(&random.uuid(), &new, settings.unwrap_or_default())?;
                }
                step.insert(member.to_owned(), json!(new));
            }
            copies.push(Value::Object(step));
        }
        if let Some(copy) = self.flows.iter_mut().find(|flow| flow.id == id) {
            copy.body.insert(STEPS.to_owned(), Value::Array(copies));
        }
        Ok(id)
    }
}
