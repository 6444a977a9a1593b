//! Authentication flows: their steps in order, as a tree, with the configuration of steps.

use serde_json::{Value, json};

use super::compare::{Difference, differences, over};
use super::pass::{Fate, Json, Mode, Pass, absent, listed};
use crate::json::text;
use crate::site::segment;
use crate::{Failure, failed};

/// How deep flows are in each other at most.
const DEEPEST: usize = 20;

/// A step, or a flow within a flow.
#[derive(Clone, Debug, PartialEq)]
struct Step {
    /// How deep: 0 is the flow's own.
    level: usize,
    /// The authenticator, or the alias of a flow within.
    name: String,
    /// Whether it is a flow.
    flow: bool,
    requirement: String,
    /// Alias and values of its configuration.
    config: Option<(String, Value)>,
    /// The execution's id, if the server has it.
    id: String,
}

/// The flows that a document names.
pub fn run(pass: &mut Pass<'_>, document: &Json) -> Result<(), Failure> {
    let Some(wanted) = listed(document, "authenticationFlows")? else {
        return Ok(());
    };
    let configs = listed(document, "authenticatorConfig")?.unwrap_or_default();
    let found = pass.all("authentication/flows")?;
    let book = Book {
        wanted: &wanted,
        configs: &configs,
    };
    for flow in &wanted {
        let alias = Pass::name("flow", flow, "alias")?;
        let top = flow
            .get("topLevel")
            .and_then(Value::as_bool)
            .unwrap_or(true);
        let there = found
            .iter()
            .find(|other| text(other, "alias") == Some(alias));
        if top || absent(flow) {
            one(pass, &book, alias, flow, there)?;
        }
    }
    if pass.prune {
        for flow in &found {
            let alias = text(flow, "alias").unwrap_or_default();
            let built_in = flow
                .get("builtIn")
                .and_then(Value::as_bool)
                .unwrap_or(false);
            if !built_in && !wanted.iter().any(|item| text(item, "alias") == Some(alias)) {
                remove(pass, alias, flow)?;
            }
        }
    }
    Ok(())
}

fn remove(pass: &mut Pass<'_>, alias: &str, flow: &Json) -> Result<(), Failure> {
    pass.tell(Fate::Gone, "flow", alias, Vec::new());
    let place = format!(
        "authentication/flows/{}",
        segment(text(flow, "id").unwrap_or_default())
    );
    pass.send(("flow", alias), "DELETE", &place, &Value::Null)
}

fn one(
    pass: &mut Pass<'_>,
    book: &Book<'_>,
    alias: &str,
    flow: &Json,
    found: Option<&Json>,
) -> Result<(), Failure> {
    let built_in = found
        .and_then(|flow| flow.get("builtIn")?.as_bool())
        .unwrap_or(false);
    match (found, absent(flow)) {
        (Some(found), true) => return remove(pass, alias, found),
        (None, true) => return Ok(()),
        // Servers have flows that they do not list, and exports hold those, too.
        (None, false) if flow.get("builtIn") == Some(&Value::Bool(true)) => return Ok(()),
        (Some(found), false) if !built_in => {
            let mut fields = Json::new();
            let described = flow
                .get("description")
                .map(|value| ("description".to_owned(), value.clone()));
            fields.extend(described);
            let lines = differences("", &fields, found);
            if !lines.is_empty() {
                pass.tell(Fate::Changed, "flow", alias, lines);
                let place = format!(
                    "authentication/flows/{}",
                    segment(text(found, "id").unwrap_or_default())
                );
                pass.send(
                    ("flow", alias),
                    "PUT",
                    &place,
                    &Value::Object(over(found, &fields)),
                )?;
            }
        }
        (Some(_), false) => {}
        (None, false) => {
            pass.tell(Fate::Made, "flow", alias, Vec::new());
            let provider = text(flow, "providerId").unwrap_or("basic-flow");
            let body = json!({
                "alias": alias, "providerId": provider, "topLevel": true, "builtIn": false,
                "description": text(flow, "description").unwrap_or_default(),
            });
            pass.send(("flow", alias), "POST", "authentication/flows", &body)?;
        }
    }
    if !flow.contains_key("authenticationExecutions") {
        return Ok(());
    }
    let mut wanted = Vec::new();
    book.steps(alias, 0, &mut wanted)?;
    let there = steps(pass, alias)?;
    let shape = |steps: &[Step]| -> Vec<(usize, String, bool)> {
        steps
            .iter()
            .map(|step| (step.level, step.name.clone(), step.flow))
            .collect()
    };
    if shape(&wanted) == shape(&there) {
        return adjust(pass, alias, &wanted, &there);
    }
    if built_in {
        return failed(format!(
            "flow '{alias}' is built in: its steps cannot be others; copy it"
        ));
    }
    rebuild(pass, book, alias, &wanted, &there)
}

/// What files say of flows.
struct Book<'a> {
    wanted: &'a [Json],
    configs: &'a [Json],
}

impl Book<'_> {
    /// The steps of a flow and of those within it, in order.
    fn steps(&self, alias: &str, level: usize, out: &mut Vec<Step>) -> Result<(), Failure> {
        if level > DEEPEST {
            return failed(format!("flow '{alias}' is within itself"));
        }
        for execution in self.executions(alias)? {
            let inner = text(&execution, "flowAlias");
            let name = inner.or(text(&execution, "authenticator"));
            let Some(name) = name else {
                return failed(format!(
                    "flow '{alias}': a step names neither authenticator nor flowAlias"
                ));
            };
            let config = text(&execution, "authenticatorConfig").map(|alias| {
                let known = self
                    .configs
                    .iter()
                    .find(|config| text(config, "alias") == Some(alias));
                let values = known.and_then(|config| config.get("config")).cloned();
                (alias.to_owned(), values.unwrap_or_else(|| json!({})))
            });
            out.push(Step {
                level,
                name: name.to_owned(),
                flow: inner.is_some(),
                requirement: text(&execution, "requirement")
                    .unwrap_or("DISABLED")
                    .to_owned(),
                config,
                id: String::new(),
            });
            if let Some(inner) = inner {
                self.steps(inner, level + 1, out)?;
            }
        }
        Ok(())
    }

    fn flow(&self, alias: &str) -> Result<&Json, Failure> {
        let found = self
            .wanted
            .iter()
            .find(|flow| text(flow, "alias") == Some(alias));
        found.ok_or_else(|| Failure::Failed(format!("flow '{alias}' is named, but not told")))
    }

    /// By their priority where they have one, otherwise as they stand.
    fn executions(&self, alias: &str) -> Result<Vec<Json>, Failure> {
        let mut all = listed(self.flow(alias)?, "authenticationExecutions")?.unwrap_or_default();
        if all.iter().all(|one| one.contains_key("priority")) {
            all.sort_by_key(|one| one.get("priority").and_then(Value::as_i64));
        }
        Ok(all)
    }
}

fn place(alias: &str, what: &str) -> String {
    format!("authentication/flows/{}/executions{what}", segment(alias))
}

/// The steps that the server has.
fn steps(pass: &Pass<'_>, alias: &str) -> Result<Vec<Step>, Failure> {
    let mut all = Vec::new();
    for execution in pass.all(&place(alias, ""))? {
        let flow = execution
            .get("authenticationFlow")
            .and_then(Value::as_bool)
            .unwrap_or(false);
        let name = text(&execution, if flow { "displayName" } else { "providerId" });
        let config = match text(&execution, "authenticationConfig") {
            Some(id) => pass
                .site
                .find(&format!("authentication/config/{}", segment(id)))?,
            None => None,
        };
        let config = config.map(|config| {
            let alias = config
                .get("alias")
                .and_then(Value::as_str)
                .unwrap_or_default();
            (
                alias.to_owned(),
                config.get("config").cloned().unwrap_or_else(|| json!({})),
            )
        });
        let level = execution.get("level").and_then(Value::as_u64).unwrap_or(0);
        all.push(Step {
            level: usize::try_from(level).unwrap_or(usize::MAX),
            name: name.unwrap_or_default().to_owned(),
            flow,
            requirement: text(&execution, "requirement")
                .unwrap_or_default()
                .to_owned(),
            config,
            id: text(&execution, "id").unwrap_or_default().to_owned(),
        });
    }
    Ok(all)
}

/// The same steps in the same order: what is required of them, and how they are configured.
fn adjust(
    pass: &mut Pass<'_>,
    alias: &str,
    wanted: &[Step],
    there: &[Step],
) -> Result<(), Failure> {
    for (wanted, there) in wanted.iter().zip(there) {
        let shown = format!("{alias}/{}", wanted.name);
        if wanted.requirement != there.requirement {
            let line = Difference {
                path: "requirement".into(),
                before: Some(there.requirement.clone().into()),
                after: Some(wanted.requirement.clone().into()),
            };
            pass.tell(Fate::Changed, "step", &shown, vec![line]);
            require(pass, alias, &there.id, &wanted.requirement)?;
        }
        if let Some((name, values)) = &wanted.config {
            configure(pass, &shown, (name, values), there)?;
        }
    }
    Ok(())
}

fn require(pass: &Pass<'_>, alias: &str, id: &str, requirement: &str) -> Result<(), Failure> {
    if pass.mode == Mode::Look {
        return Ok(());
    }
    // The server sets priority and all from the body: it gets back what it has.
    let all = pass.all(&place(alias, ""))?;
    let Some(mut body) = all.into_iter().find(|one| text(one, "id") == Some(id)) else {
        return failed(format!("flow '{alias}': a step is gone"));
    };
    body.insert("requirement".into(), requirement.into());
    pass.send(
        ("flow", alias),
        "PUT",
        &place(alias, ""),
        &Value::Object(body),
    )
}

fn configure(
    pass: &mut Pass<'_>,
    shown: &str,
    (name, values): (&str, &Value),
    there: &Step,
) -> Result<(), Failure> {
    let mut wanted = Json::new();
    wanted.insert("alias".into(), name.into());
    wanted.insert("config".into(), values.clone());
    let mut found = Json::new();
    if let Some((alias, values)) = &there.config {
        found.insert("alias".into(), alias.as_str().into());
        found.insert("config".into(), values.clone());
    }
    let lines = differences("", &wanted, &found);
    if lines.is_empty() {
        return Ok(());
    }
    pass.tell(Fate::Changed, "configuration of step", shown, lines);
    if pass.mode == Mode::Look {
        return Ok(());
    }
    let execution = format!("authentication/executions/{}", segment(&there.id));
    let subject = ("step", shown);
    if there.config.is_none() {
        return pass.send(
            subject,
            "POST",
            &format!("{execution}/config"),
            &Value::Object(wanted),
        );
    }
    let execution = pass.site.get(&execution)?;
    let id = execution
        .get("authenticatorConfig")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let mut body = over(&found, &wanted);
    body.insert("id".into(), id.into());
    pass.send(
        subject,
        "PUT",
        &format!("authentication/config/{}", segment(id)),
        &Value::Object(body),
    )
}

/// Other steps, or in another order: all are made anew. Meanwhile nobody signs in by this flow.
fn rebuild(
    pass: &mut Pass<'_>,
    book: &Book<'_>,
    alias: &str,
    wanted: &[Step],
    there: &[Step],
) -> Result<(), Failure> {
    let outline = |steps: &[Step]| -> Option<Value> {
        let one = |step: &Step| {
            format!(
                "{}{} {}",
                "  ".repeat(step.level),
                step.name,
                step.requirement
            )
        };
        (!steps.is_empty()).then(|| steps.iter().map(|step| Value::String(one(step))).collect())
    };
    let line = Difference {
        path: "steps".into(),
        before: outline(there),
        after: outline(wanted),
    };
    pass.tell(Fate::Changed, "flow", alias, vec![line]);
    if pass.mode == Mode::Look {
        return Ok(());
    }
    for step in there.iter().filter(|step| step.level == 0) {
        let place = format!("authentication/executions/{}", segment(&step.id));
        pass.send(("flow", alias), "DELETE", &place, &Value::Null)?;
    }
    build(pass, book, alias, 0)
}

fn build(pass: &mut Pass<'_>, book: &Book<'_>, alias: &str, depth: usize) -> Result<(), Failure> {
    if depth > DEEPEST {
        return failed(format!("flow '{alias}' is within itself"));
    }
    let mut own = Vec::new();
    book.steps(alias, 0, &mut own)?;
    for (index, step) in own.iter().filter(|step| step.level == 0).enumerate() {
        let subject = ("flow", alias);
        let priority = (index + 1) * 10;
        let (what, body) = if step.flow {
            let flow = book.flow(&step.name)?;
            let body = json!({
                "alias": step.name, "type": text(flow, "providerId").unwrap_or("basic-flow"),
                "description": text(flow, "description").unwrap_or_default(),
                "provider": "registration-page-form", "priority": priority,
            });
            ("/flow", body)
        } else {
            (
                "/execution",
                json!({"provider": step.name, "priority": priority}),
            )
        };
        pass.send(subject, "POST", &place(alias, what), &body)?;
        let there = steps(pass, alias)?;
        let same = |one: &&Step| one.level == 0 && one.name == step.name && one.flow == step.flow;
        let Some(made) = there.iter().rfind(same) else {
            return failed(format!("flow '{alias}': step '{}' was not made", step.name));
        };
        if made.requirement != step.requirement {
            require(pass, alias, &made.id, &step.requirement)?;
        }
        if let Some((name, values)) = &step.config {
            let body = json!({"alias": name, "config": values});
            let place = format!("authentication/executions/{}/config", segment(&made.id));
            pass.send(subject, "POST", &place, &body)?;
        }
        if step.flow {
            build(pass, book, &step.name, depth + 1)?;
        }
    }
    Ok(())
}
