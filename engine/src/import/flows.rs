//! Authentication flows, their executions and configurations, and required actions.

use claviger_wire::document::{Json, Kind};
use claviger_wire::fields::Fields;
use claviger_wire::flow::Requirement;
use serde_json::{Value, json};

use super::assembly::{Assembly, Place};
use super::problem::{At, ImportError};
use super::shape::{drop_empty_config, each, flag, text};
use crate::defaults::Template;

/// Which flow a realm uses where, and the flow it uses unless it says otherwise.
pub const BINDINGS: &[(&str, &str)] = &[
    ("browserFlow", "browser"),
    ("registrationFlow", "registration"),
    ("directGrantFlow", "direct grant"),
    ("resetCredentialsFlow", "reset credentials"),
    ("clientAuthenticationFlow", "clients"),
    ("dockerAuthenticationFlow", "docker auth"),
    ("firstBrokerLoginFlow", "first broker login"),
];

/// Flows that every realm has at the top; what is missing is added with all that it needs.
pub const ALWAYS: &[&str] = &[
    "browser",
    "direct grant",
    "registration",
    "reset credentials",
    "clients",
    "first broker login",
    "saml ecp",
    "docker auth",
];

/// Adds flows and binds the realm to them.
pub(crate) fn add(
    assembly: &mut Assembly<'_>,
    file: &Json,
    realm: &mut Json,
    template: &Template<'_>,
) -> Result<(), ImportError> {
    add_configs(assembly, file)?;
    let list_at = At::Root.key("authenticationFlows");
    for (index, flow) in each(file, "authenticationFlows") {
        add_flow(assembly, flow.clone(), &list_at.index(index))?;
    }
    check_references(assembly, file)?;
    for alias in ALWAYS {
        if assembly.find(Kind::Flow, "", alias).is_none() {
            add_default(assembly, template, alias)?;
        }
    }
    add_redirector(assembly, file)?;
    for (member, default) in BINDINGS {
        let at = At::Root.key(member);
        let alias = text(file, member).unwrap_or(default);
        if assembly.find(Kind::Flow, "", alias).is_none() {
            return Err(at.invalid(format!("there is no flow `{alias}`")));
        }
        realm.insert((*member).to_owned(), json!(alias));
    }
    Ok(())
}

fn add_configs(assembly: &mut Assembly<'_>, file: &Json) -> Result<(), ImportError> {
    let list_at = At::Root.key("authenticatorConfig");
    for (index, config) in each(file, "authenticatorConfig") {
        let at = list_at.index(index);
        let Some(alias) = text(config, "alias") else {
            return Err(at
                .key("alias")
                .invalid("an authenticator config needs an alias"));
        };
        let mut body = config.clone();
        drop_empty_config(&mut body);
        let place = Place {
            kind: Kind::AuthenticatorConfig,
            parent: "",
            name: alias,
        };
        assembly.add(&place, body, &at)?;
    }
    Ok(())
}

/// Adds one flow; its executions get ids and both spellings of their flag.
fn add_flow(assembly: &mut Assembly<'_>, mut flow: Json, at: &At<'_>) -> Result<(), ImportError> {
    let Some(alias) = text(&flow, "alias").map(str::to_owned) else {
        return Err(at.key("alias").invalid("a flow needs an alias"));
    };
    for name in ["topLevel", "builtIn"] {
        flow.entry(name).or_insert(json!(false));
    }
    let mut executions = Vec::new();
    for (index, execution) in each(&flow, "authenticationExecutions") {
        let list_at = at.key("authenticationExecutions");
        executions.push(complete_execution(
            assembly,
            execution,
            &list_at.index(index),
        )?);
    }
    flow.insert(
        "authenticationExecutions".to_owned(),
        Value::Array(executions),
    );
    let place = Place {
        kind: Kind::Flow,
        parent: "",
        name: &alias,
    };
    assembly.add(&place, flow, at)?;
    Ok(())
}

fn complete_execution(
    assembly: &Assembly<'_>,
    execution: &Json,
    at: &At<'_>,
) -> Result<Value, ImportError> {
    let mut execution = execution.clone();
    let requirement = text(&execution, "requirement").unwrap_or_default();
    if Requirement::from_name(requirement).is_none() {
        // Releases before 8 had OPTIONAL, which became CONDITIONAL.
        if requirement != "OPTIONAL" {
            let problem = format!("there is no requirement `{requirement}`");
            return Err(at.key("requirement").invalid(problem));
        }
        execution.insert("requirement".to_owned(), json!("CONDITIONAL"));
    }
    let is_flow = flag(&execution, "authenticatorFlow") || flag(&execution, "autheticatorFlow");
    let mut body = Json::from_iter([("id".to_owned(), json!(assembly.random.uuid()))]);
    if let Some(id) = text(&execution, "id") {
        body.insert("id".to_owned(), json!(id));
    }
    execution.shift_remove("id");
    body.append(&mut execution);
    body.insert("authenticatorFlow".to_owned(), json!(is_flow));
    body.insert("autheticatorFlow".to_owned(), json!(is_flow));
    body.entry("priority").or_insert(json!(0));
    body.entry("userSetupAllowed").or_insert(json!(false));
    Ok(Value::Object(body))
}

/// Checks that executions lead to flows and configurations that exist.
fn check_references(assembly: &Assembly<'_>, file: &Json) -> Result<(), ImportError> {
    let list_at = At::Root.key("authenticationFlows");
    for (index, flow) in each(file, "authenticationFlows") {
        let flow_at = list_at.index(index);
        let executions_at = flow_at.key("authenticationExecutions");
        for (index, execution) in each(flow, "authenticationExecutions") {
            let at = executions_at.index(index);
            if let Some(alias) = text(execution, "flowAlias")
                && assembly.find(Kind::Flow, "", alias).is_none()
            {
                return Err(at
                    .key("flowAlias")
                    .invalid(format!("there is no flow `{alias}`")));
            }
            if let Some(alias) = text(execution, "authenticatorConfig")
                && assembly
                    .find(Kind::AuthenticatorConfig, "", alias)
                    .is_none()
            {
                let problem = format!("there is no authenticator config `{alias}`");
                return Err(at.key("authenticatorConfig").invalid(problem));
            }
        }
    }
    Ok(())
}

/// Adds a built-in flow, the flows below it and their configurations, as far as they are missing.
fn add_default(
    assembly: &mut Assembly<'_>,
    template: &Template<'_>,
    alias: &str,
) -> Result<(), ImportError> {
    let Some(flow) = template.named("authenticationFlows", "alias", alias) else {
        return Ok(());
    };
    let at = At::Root.key("authenticationFlows");
    for (_, execution) in each(&flow, "authenticationExecutions") {
        if let Some(alias) = text(execution, "authenticatorConfig")
            && assembly
                .find(Kind::AuthenticatorConfig, "", alias)
                .is_none()
            && let Some(config) = template.named("authenticatorConfig", "alias", alias)
        {
            let place = Place {
                kind: Kind::AuthenticatorConfig,
                parent: "",
                name: alias,
            };
            assembly.add(&place, config, &at)?;
        }
    }
    let below: Vec<String> = each(&flow, "authenticationExecutions")
        .filter_map(|(_, execution)| text(execution, "flowAlias").map(str::to_owned))
        .collect();
    add_flow(assembly, flow, &at)?;
    for alias in below {
        if assembly.find(Kind::Flow, "", &alias).is_none() {
            add_default(assembly, template, &alias)?;
        }
    }
    Ok(())
}

/// Gives the browser flow the step that sends people on to an identity provider, as files before
/// release 2.2 do not have it.
fn add_redirector(assembly: &mut Assembly<'_>, file: &Json) -> Result<(), ImportError> {
    let redirector = "identity-provider-redirector";
    let Some(flow) = assembly.find(Kind::Flow, "", "browser") else {
        return Ok(());
    };
    let Some(body) = assembly.body_mut(Kind::Flow, &flow) else {
        return Ok(());
    };
    let is_redirector = |execution: &Json| text(execution, "authenticator") == Some(redirector);
    if each(body, "authenticationExecutions").any(|(_, execution)| is_redirector(execution)) {
        return Ok(());
    }
    let mut step = Json::from_iter([
        ("authenticator".to_owned(), json!(redirector)),
        ("requirement".to_owned(), json!("ALTERNATIVE")),
        ("priority".to_owned(), json!(25)),
    ]);
    let at = At::Root.key("authenticationFlows");
    let default = each(file, "identityProviders")
        .map(|(_, provider)| provider)
        .find(|provider| flag(provider, "enabled") && flag(provider, "authenticateByDefault"));
    if let Some(provider) = default.and_then(|provider| text(provider, "providerId"))
        && assembly
            .find(Kind::AuthenticatorConfig, "", provider)
            .is_none()
    {
        let config = Json::from_iter([
            ("alias".to_owned(), json!(provider)),
            ("config".to_owned(), json!({"defaultProvider": provider})),
        ]);
        let place = Place {
            kind: Kind::AuthenticatorConfig,
            parent: "",
            name: provider,
        };
        assembly.add(&place, config, &at)?;
        step.insert("authenticatorConfig".to_owned(), json!(provider));
    }
    let step = complete_execution(assembly, &step, &at)?;
    let body = assembly.body_mut(Kind::Flow, &flow);
    if let Some(Value::Array(steps)) =
        body.and_then(|body| body.get_mut("authenticationExecutions"))
    {
        steps.push(step);
    }
    Ok(())
}

/// Adds required actions: those of the file, or all that there are.
pub(crate) fn add_required_actions(
    assembly: &mut Assembly<'_>,
    file: &Json,
    template: &Template<'_>,
) -> Result<(), ImportError> {
    let list_at = At::Root.key("requiredActions");
    let given = file.get("requiredActions").is_some_and(Value::is_array);
    if given {
        for (index, action) in each(file, "requiredActions") {
            add_required_action(assembly, action.clone(), &list_at.index(index))?;
        }
    }
    for action in template.list("requiredActions") {
        let alias = text(&action, "alias").unwrap_or_default();
        let missing = assembly.find(Kind::RequiredAction, "", alias).is_none();
        // A file that lists actions means these alone; deletion of accounts came later.
        if missing && (!given || alias == "delete_account") {
            add_required_action(assembly, action, &list_at)?;
        }
    }
    Ok(())
}

pub(crate) fn add_required_action(
    assembly: &mut Assembly<'_>,
    mut action: Json,
    at: &At<'_>,
) -> Result<(), ImportError> {
    let Some(alias) = text(&action, "alias").map(canonical_action) else {
        return Err(at.key("alias").invalid("a required action needs an alias"));
    };
    let provider = text(&action, "providerId").map_or_else(|| alias.clone(), canonical_action);
    action.shift_remove("id");
    action.insert("alias".to_owned(), json!(alias));
    action.insert("providerId".to_owned(), json!(provider));
    for name in ["enabled", "defaultAction"] {
        action.entry(name).or_insert(json!(false));
    }
    action.entry("priority").or_insert(json!(0));
    action.entry("config").or_insert(json!({}));
    drop_empty_config(&mut action);
    let place = Place {
        kind: Kind::RequiredAction,
        parent: "",
        name: &alias,
    };
    assembly.add(&place, action, at)?;
    Ok(())
}

/// Old files spell some actions in lower case; users carry them as they came.
pub fn canonical_action(name: &str) -> String {
    const NAMES: &[&str] = &[
        "VERIFY_EMAIL",
        "UPDATE_PROFILE",
        "CONFIGURE_TOTP",
        "UPDATE_PASSWORD",
        "TERMS_AND_CONDITIONS",
        "delete_account",
        "delete_credential",
        "update_user_locale",
        "UPDATE_EMAIL",
        "CONFIGURE_RECOVERY_AUTHN_CODES",
        "webauthn-register",
        "webauthn-register-passwordless",
        "VERIFY_PROFILE",
        "idp_link",
    ];
    let known = NAMES.iter().find(|known| known.eq_ignore_ascii_case(name));
    known.map_or_else(|| name.to_owned(), |known| (*known).to_owned())
}

/// Aliases of the actions that every new user gets.
pub(crate) fn default_actions(assembly: &Assembly<'_>) -> Vec<String> {
    let actions = assembly.of_kind(Kind::RequiredAction);
    let default = actions.filter(|action| {
        let fields = Fields::of(&action.body);
        fields.flag("enabled", false) && fields.flag("defaultAction", false)
    });
    default.map(|action| action.unique_name.clone()).collect()
}
