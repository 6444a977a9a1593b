//! A realm's flows, their steps and settings, as administrators change them: read whole, changed in
//! memory, and what differs is written, if nobody has changed the realm meanwhile.
//!
//! Flows and settings are documents; steps stand in the document of their flow, and name the flow below
//! them, or their settings, by alias. A change of an alias is carried to all that name it.

use claviger_crypto::random::Random;
use claviger_model::RealmId;
use claviger_store::{Store, StoreError, Tx};
use claviger_wire::document::{Document, Json, Kind};
use claviger_wire::fields::Fields;
use claviger_wire::flow::Requirement;
use serde_json::{Value, json};

mod copy;
mod removal;

/// How many flows a realm may have.
pub const FLOWS_MAX: usize = 2_000;
/// How many steps lie within a flow at most, those of flows below it included: more than a login walks.
pub const STEPS_MAX: usize = 500;
/// The member of a flow that holds its steps.
const STEPS: &str = "authenticationExecutions";

/// Why a change is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Another flow, or other settings, have this alias.
    #[error("the alias is taken")]
    AliasTaken,
    /// A flow would lie within itself.
    #[error("a flow cannot lie within itself")]
    Circle,
    /// There would be too many flows or steps.
    #[error("too many flows or executions")]
    TooMany,
}

/// All flows of a realm.
#[derive(Clone, Debug, Default)]
pub struct Book {
    flows: Vec<Document>,
    configs: Vec<Document>,
    before: Vec<Document>,
}

/// What a new flow is.
#[derive(Clone, Copy, Debug)]
pub struct NewFlow<'a> {
    /// UUID text.
    pub id: &'a str,
    /// The unique name.
    pub alias: &'a str,
    /// What administrators read.
    pub description: Option<&'a str>,
    /// `basic-flow`, `form-flow` or `client-flow`.
    pub provider_id: &'a str,
    /// Whether it can be bound to a realm or a client.
    pub top_level: bool,
    /// Whether it came with the realm.
    pub built_in: bool,
}

/// What a new step is.
#[derive(Clone, Copy, Debug)]
pub struct NewStep<'a> {
    /// The provider of what it asks, or of the page of the flow below.
    pub authenticator: Option<&'a str>,
    /// The alias of the flow below.
    pub flow: Option<&'a str>,
    /// Whether it has to succeed.
    pub requirement: Requirement,
    /// Its place among the others, lowest first; behind them if none is given.
    pub priority: Option<i64>,
}

/// A step, with the flow that it is of.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The flow.
    pub flow: &'a Document,
    /// The step.
    pub step: &'a Json,
}

impl Book {
    /// Reads it.
    pub async fn load(store: &Store, realm: &RealmId) -> Result<Self, StoreError> {
        let flows = store.documents(realm, Kind::Flow).await?;
        let configs = store.documents(realm, Kind::AuthenticatorConfig).await?;
        let before = flows.iter().chain(&configs).cloned().collect();
        Ok(Self {
            flows,
            configs,
            before,
        })
    }

    /// Writes what differs from what was read.
    pub fn put(&self, tx: &mut Tx, realm: &RealmId) {
        let now = || self.flows.iter().chain(&self.configs);
        let same = |one: &Document, other: &Document| one.kind == other.kind && one.id == other.id;
        for old in &self.before {
            if !now().any(|new| same(old, new)) {
                tx.delete_document(realm, old.kind, &old.id);
            }
        }
        for new in now() {
            match self.before.iter().find(|old| same(old, new)) {
                Some(old) if old == new => {}
                Some(_) => tx.update_document(realm, new),
                None => tx.insert_document(realm, new),
            }
        }
    }

    /// Flows whose alias has changed since it was read: the old one and the new one.
    pub fn renamed(&self) -> Vec<(&str, &str)> {
        let now = |id: &str| self.flow_by_id(id).map(|flow| flow.unique_name.as_str());
        let flows = self.before.iter().filter(|old| old.kind == Kind::Flow);
        let names = flows.filter_map(|old| Some((old.unique_name.as_str(), now(&old.id)?)));
        names.filter(|(before, after)| before != after).collect()
    }

    /// All flows.
    pub fn flows(&self) -> &[Document] {
        &self.flows
    }

    /// The flow of this alias.
    pub fn flow(&self, alias: &str) -> Option<&Document> {
        self.flows.iter().find(|flow| flow.unique_name == alias)
    }

    /// The flow of this id.
    pub fn flow_by_id(&self, id: &str) -> Option<&Document> {
        self.flows.iter().find(|flow| flow.id == id)
    }

    /// The settings of this alias.
    pub fn config(&self, alias: &str) -> Option<&Document> {
        let mut configs = self.configs.iter();
        configs.find(|config| config.unique_name == alias)
    }

    /// The settings of this id.
    pub fn config_by_id(&self, id: &str) -> Option<&Document> {
        self.configs.iter().find(|config| config.id == id)
    }

    /// The step of this id.
    pub fn step(&self, id: &str) -> Option<Place<'_>> {
        self.flows.iter().find_map(|flow| {
            let step = steps(flow).find(|step| text(step, "id") == Some(id))?;
            Some(Place { flow, step })
        })
    }

    /// Adds a flow without steps.
    pub fn add_flow(&mut self, new: NewFlow<'_>) -> Result<(), Refused> {
        if self.flow(new.alias).is_some() {
            return Err(Refused::AliasTaken);
        }
        if self.flows.len() >= FLOWS_MAX {
            return Err(Refused::TooMany);
        }
        let mut body = object(json!({
            "id": new.id,
            "alias": new.alias,
            "providerId": new.provider_id,
            "topLevel": new.top_level,
            "builtIn": new.built_in,
            STEPS: [],
        }));
        if let Some(description) = new.description {
            body.insert("description".to_owned(), json!(description));
        }
        self.flows
            .push(document(Kind::Flow, new.id, new.alias, body));
        Ok(())
    }

    /// Changes members of a flow; with another alias, those that go through it follow.
    pub fn change_flow(&mut self, id: &str, changes: Json) -> Result<(), Refused> {
        let alias = text(&changes, "alias").map(str::to_owned);
        let Some(before) = self.flow_by_id(id).map(|flow| flow.unique_name.clone()) else {
            return Ok(());
        };
        if let Some(alias) = &alias
            && *alias != before
        {
            if self.flow(alias).is_some() {
                return Err(Refused::AliasTaken);
            }
            self.rename("flowAlias", &before, Some(alias));
        }
        if let Some(flow) = self.flows.iter_mut().find(|flow| flow.id == id) {
            flow.unique_name = alias.unwrap_or(before);
            flow.body.extend(changes);
        }
        Ok(())
    }

    /// Adds a step to a flow, and gives its id.
    pub fn add_step(
        &mut self,
        flow_id: &str,
        new: NewStep<'_>,
        random: &Random,
    ) -> Result<String, Refused> {
        let id = random.uuid();
        let Some(parent) = self.flow_by_id(flow_id) else {
            return Ok(id);
        };
        if new
            .flow
            .is_some_and(|below| self.lies_within(&parent.unique_name, below))
        {
            return Err(Refused::Circle);
        }
        let last = sorted(parent)
            .last()
            .map_or(0, |step| priority(step).saturating_add(1));
        let mut step = Json::from_iter([("id".to_owned(), json!(id))]);
        for (name, value) in [
            ("authenticator", new.authenticator),
            ("flowAlias", new.flow),
        ] {
            if let Some(value) = value {
                step.insert(name.to_owned(), json!(value));
            }
        }
        let is_flow = new.flow.is_some();
        step.extend(object(json!({
            "authenticatorFlow": is_flow,
            "autheticatorFlow": is_flow,
            "requirement": new.requirement.as_str(),
            "priority": new.priority.unwrap_or(last),
            "userSetupAllowed": false,
        })));
        let flow = self.flows.iter_mut().find(|flow| flow.id == flow_id);
        if let Some(Value::Array(steps)) = flow.and_then(|flow| flow.body.get_mut(STEPS)) {
            steps.push(Value::Object(step));
        }
        if self.flows.iter().any(|flow| self.size(flow) > STEPS_MAX) {
            return Err(Refused::TooMany);
        }
        Ok(id)
    }

    /// Changes members of a step.
    pub fn change_step(&mut self, id: &str, changes: Json) {
        if let Some(step) = self.step_mut(id) {
            step.extend(changes);
        }
    }

    /// Lets a step change places with the one before it, or behind it. Whether there is one.
    pub fn move_step(&mut self, id: &str, towards: Towards) -> bool {
        let Some(place) = self.step(id) else {
            return false;
        };
        let order: Vec<(String, i64)> = sorted(place.flow)
            .into_iter()
            .map(|step| {
                (
                    text(step, "id").unwrap_or_default().to_owned(),
                    priority(step),
                )
            })
            .collect();
        let Some((one, other)) = swapped(&order, id, towards) else {
            return false;
        };
        for (id, priority) in [one, other] {
            self.change_step(&id, object(json!({"priority": priority})));
        }
        true
    }

    /// Adds settings.
    pub fn add_config(&mut self, id: &str, alias: &str, settings: Json) -> Result<(), Refused> {
        if self.config(alias).is_some() {
            return Err(Refused::AliasTaken);
        }
        let settings = Value::Object(settings);
        let mut body = object(json!({"id": id, "alias": alias}));
        body.insert("config".to_owned(), settings);
        self.configs
            .push(document(Kind::AuthenticatorConfig, id, alias, body));
        Ok(())
    }

    /// Replaces alias and settings; steps follow.
    pub fn change_config(&mut self, id: &str, alias: &str, settings: Json) -> Result<(), Refused> {
        let Some(before) = self
            .config_by_id(id)
            .map(|config| config.unique_name.clone())
        else {
            return Ok(());
        };
        if before != alias {
            if self.config(alias).is_some() {
                return Err(Refused::AliasTaken);
            }
            self.rename("authenticatorConfig", &before, Some(alias));
        }
        if let Some(config) = self.configs.iter_mut().find(|config| config.id == id) {
            alias.clone_into(&mut config.unique_name);
            config.body.insert("alias".to_owned(), json!(alias));
            config
                .body
                .insert("config".to_owned(), Value::Object(settings));
        }
        Ok(())
    }

    /// Carries a change of an alias to the steps that name it.
    fn rename(&mut self, member: &str, before: &str, after: Option<&str>) {
        for flow in &mut self.flows {
            let steps = flow.body.get_mut(STEPS).and_then(Value::as_array_mut);
            for step in steps.into_iter().flatten().filter_map(Value::as_object_mut) {
                if text(step, member) != Some(before) {
                    continue;
                }
                match after {
                    Some(after) => drop(step.insert(member.to_owned(), json!(after))),
                    None => drop(step.shift_remove(member)),
                }
            }
        }
    }

    fn step_mut(&mut self, id: &str) -> Option<&mut Json> {
        self.flows.iter_mut().find_map(|flow| {
            let steps = flow.body.get_mut(STEPS)?.as_array_mut()?;
            let mut steps = steps.iter_mut().filter_map(Value::as_object_mut);
            steps.find(|step| text(step, "id") == Some(id))
        })
    }

    /// Whether a flow is another, or lies somewhere below it.
    fn lies_within(&self, flow: &str, other: &str) -> bool {
        let mut open = vec![other];
        let mut seen: Vec<&str> = Vec::new();
        while let Some(alias) = open.pop() {
            if alias == flow {
                return true;
            }
            if seen.contains(&alias) {
                continue;
            }
            seen.push(alias);
            let below = self.flow(alias).into_iter().flat_map(steps);
            open.extend(below.filter_map(|step| text(step, "flowAlias")));
        }
        false
    }

    /// How many steps lie within a flow, counted no further than is needed.
    fn size(&self, flow: &Document) -> usize {
        let mut open = vec![flow];
        let mut count = 0;
        while let Some(flow) = open.pop() {
            for step in steps(flow) {
                count += 1;
                if count > STEPS_MAX {
                    return count;
                }
                open.extend(text(step, "flowAlias").and_then(|alias| self.flow(alias)));
            }
        }
        count
    }
}

/// Which way something moves among others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Towards {
    /// Before its predecessor.
    Front,
    /// Behind its successor.
    Back,
}

/// What two of a sorted list get as priorities when one of them moves; none at the end of the list.
pub fn swapped(
    order: &[(String, i64)],
    id: &str,
    towards: Towards,
) -> Option<((String, i64), (String, i64))> {
    let place = order.iter().position(|(known, _)| known == id)?;
    let other = match towards {
        Towards::Front => place.checked_sub(1)?,
        Towards::Back => place + 1,
    };
    let (one, other) = (order.get(place)?, order.get(other)?);
    Some(((one.0.clone(), other.1), (other.0.clone(), one.1)))
}

/// The steps of a flow, in their order.
pub fn sorted(flow: &Document) -> Vec<&Json> {
    let mut all: Vec<&Json> = steps(flow).collect();
    all.sort_by_key(|step| priority(step));
    all
}

fn steps(flow: &Document) -> impl Iterator<Item = &Json> {
    Fields::of(&flow.body).objects(STEPS)
}

fn priority(step: &Json) -> i64 {
    Fields::of(step).integer("priority").unwrap_or(0)
}

fn text<'a>(body: &'a Json, name: &str) -> Option<&'a str> {
    body.get(name).and_then(Value::as_str)
}

fn object(value: Value) -> Json {
    if let Value::Object(object) = value {
        return object;
    }
    Json::new()
}

fn document(kind: Kind, id: &str, alias: &str, body: Json) -> Document {
    Document {
        kind,
        id: id.to_owned(),
        parent: String::new(),
        unique_name: alias.to_owned(),
        enabled: true,
        body,
    }
}

#[cfg(test)]
mod tests;
