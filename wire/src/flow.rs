//! Authentication flows and required actions.

pub mod provider;

use std::collections::BTreeMap;

use crate::document::Json;
use crate::fields::Fields;

/// Whether an execution has to succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Requirement {
    /// It must succeed.
    Required,
    /// One of the alternatives must succeed.
    Alternative,
    /// A sub-flow that counts if its conditions hold.
    Conditional,
    /// Not executed.
    Disabled,
}

impl Requirement {
    /// Keycloak's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "REQUIRED",
            Self::Alternative => "ALTERNATIVE",
            Self::Conditional => "CONDITIONAL",
            Self::Disabled => "DISABLED",
        }
    }

    /// Reads Keycloak's name.
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::Required,
            Self::Alternative,
            Self::Conditional,
            Self::Disabled,
        ]
        .into_iter()
        .find(|requirement| requirement.as_str() == name)
    }
}

/// What an execution does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Runs an authenticator, by its provider id, e.g. `auth-username-password-form`.
    Authenticator(String),
    /// Runs another flow, by its alias; a form flow has a page provider as well.
    Flow {
        /// Alias of the flow.
        alias: String,
        /// Provider of the page, e.g. `registration-page-form`.
        form: Option<String>,
    },
}

/// One step of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// UUID text: `execution` in the addresses of login pages.
    pub id: String,
    /// Whether it has to succeed.
    pub requirement: Requirement,
    /// Order within the flow, lowest first.
    pub priority: i64,
    /// What it does.
    pub step: Step,
    /// Alias of its `AuthenticatorConfigRepresentation`.
    pub authenticator_config: Option<String>,
}

/// What the server reads of an `AuthenticationFlowRepresentation`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowView {
    /// UUID text.
    pub id: String,
    /// The unique name.
    pub alias: String,
    /// `basic-flow`, `form-flow` or `client-flow`.
    pub provider_id: String,
    /// Whether it can be bound to a realm or client.
    pub top_level: bool,
    /// Built-in flows cannot be deleted.
    pub built_in: bool,
    /// The steps in their order.
    pub executions: Vec<Execution>,
}

impl FlowView {
    /// Reads a flow's document. An execution without a readable requirement counts as disabled.
    pub fn from_body(body: &Json) -> Self {
        let fields = Fields::of(body);
        let mut executions: Vec<Execution> = fields
            .objects("authenticationExecutions")
            .map(Execution::from_body)
            .collect();
        executions.sort_by_key(|execution| execution.priority);
        Self {
            id: fields.text("id").unwrap_or_default(),
            alias: fields.text("alias").unwrap_or_default(),
            provider_id: fields.text("providerId").unwrap_or_default(),
            top_level: fields.flag("topLevel", false),
            built_in: fields.flag("builtIn", false),
            executions,
        }
    }
}

impl Execution {
    /// Reads one element of `authenticationExecutions`.
    pub fn from_body(body: &Json) -> Self {
        let fields = Fields::of(body);
        // The misspelt name is older than the right one and still written by old exports.
        let is_flow =
            fields.flag("authenticatorFlow", false) || fields.flag("autheticatorFlow", false);
        let authenticator = fields.filled_text("authenticator");
        let step = match (is_flow, fields.text("flowAlias")) {
            (true, alias) => Step::Flow {
                alias: alias.unwrap_or_default(),
                form: authenticator,
            },
            (false, _) => Step::Authenticator(authenticator.unwrap_or_default()),
        };
        Self {
            id: fields.text("id").unwrap_or_default(),
            requirement: fields
                .str("requirement")
                .and_then(Requirement::from_name)
                .unwrap_or(Requirement::Disabled),
            priority: fields.integer("priority").unwrap_or(0),
            step,
            authenticator_config: fields.filled_text("authenticatorConfig"),
        }
    }
}

/// What the server reads of a `RequiredActionProviderRepresentation`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequiredActionView {
    /// The name that users carry in `requiredActions`, e.g. `UPDATE_PASSWORD`.
    pub alias: String,
    /// What administrators read.
    pub name: String,
    /// Which implementation.
    pub provider_id: String,
    /// Whether it can be asked for at all.
    pub enabled: bool,
    /// Whether new users get it.
    pub default_action: bool,
    /// Order among pending actions, lowest first.
    pub priority: i64,
    /// Its settings, e.g. `max_auth_age`.
    pub config: BTreeMap<String, String>,
}

impl RequiredActionView {
    /// Reads a required action's document.
    pub fn from_body(body: &Json) -> Self {
        let fields = Fields::of(body);
        Self {
            alias: fields.text("alias").unwrap_or_default(),
            name: fields.text("name").unwrap_or_default(),
            provider_id: fields.text("providerId").unwrap_or_default(),
            enabled: fields.flag("enabled", false),
            default_action: fields.flag("defaultAction", false),
            priority: fields.integer("priority").unwrap_or(0),
            config: fields.text_map("config"),
        }
    }
}
