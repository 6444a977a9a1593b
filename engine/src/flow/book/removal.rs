//! What goes along when a step, a flow or settings go.

use claviger_wire::document::Json;
use claviger_wire::fields::Fields;
use serde_json::Value;

use super::{Book, STEPS, steps, text};

impl Book {
    /// Removes a step with the flow below it and its settings, unless others use them.
    pub fn remove_step(&mut self, id: &str) {
        let Some(step) = self.step(id).map(|place| place.step.clone()) else {
            return;
        };
        for flow in &mut self.flows {
            if let Some(Value::Array(steps)) = flow.body.get_mut(STEPS) {
                steps.retain(|step| step.get("id").and_then(Value::as_str) != Some(id));
            }
        }
        self.forget(&step);
    }

    /// Removes a flow with all that is below it, and the steps that go through it.
    pub fn remove_flow(&mut self, alias: &str) {
        let through: Vec<String> = self
            .flows
            .iter()
            .flat_map(steps)
            .filter(|step| text(step, "flowAlias") == Some(alias))
            .filter_map(|step| text(step, "id").map(str::to_owned))
            .collect();
        for flow in &mut self.flows {
            if let Some(Value::Array(steps)) = flow.body.get_mut(STEPS) {
                let goes = |step: &Value| {
                    let id = step.get("id").and_then(Value::as_str);
                    id.is_some_and(|id| through.iter().any(|known| known == id))
                };
                steps.retain(|step| !goes(step));
            }
        }
        let Some(place) = self.flows.iter().position(|flow| flow.unique_name == alias) else {
            return;
        };
        let flow = self.flows.remove(place);
        for step in steps(&flow) {
            self.forget(step);
        }
    }

    /// After a step has gone: what it alone went through, and its settings, go as well.
    fn forget(&mut self, step: &Json) {
        let used = |book: &Self, member: &str, alias: &str| {
            let mut all = book.flows.iter().flat_map(steps);
            all.any(|step| text(step, member) == Some(alias))
        };
        if let Some(alias) = text(step, "authenticatorConfig")
            && !used(self, "authenticatorConfig", alias)
        {
            self.configs.retain(|config| config.unique_name != alias);
        }
        let below = text(step, "flowAlias").filter(|alias| !used(self, "flowAlias", alias));
        let lower = below.and_then(|alias| self.flow(alias));
        let lower = lower.filter(|flow| !Fields::of(&flow.body).flag("topLevel", false));
        if let Some(alias) = lower.map(|flow| flow.unique_name.clone()) {
            self.remove_flow(&alias);
        }
    }

    /// Removes settings; steps go on without.
    pub fn remove_config(&mut self, id: &str) {
        let Some(alias) = self
            .config_by_id(id)
            .map(|config| config.unique_name.clone())
        else {
            return;
        };
        self.configs.retain(|config| config.id != id);
        self.rename("authenticatorConfig", &alias, None);
    }
}
