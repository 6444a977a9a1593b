//! Flows out of a realm's documents.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use claviger_store::{Store, StoreError};
use claviger_wire::document::{Document, Kind};
use claviger_wire::flow::{Execution, FlowView, Step as Does};

use super::{Authenticator, Config, Does as Do, Flow, Part, PartKind, Requirement, Step, form};
use crate::realm::Realm;

/// How many flows may lie within each other.
const DEPTH_MAX: usize = 20;
/// How many steps a flow may have, those of flows below it included.
const STEPS_MAX: usize = 500;
/// The kind of flow whose steps are the parts of one page.
const FORM_FLOW: &str = "form-flow";

/// Why there is no flow to walk through.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The realm has no such flow, or one below it is missing, lies within itself or is too big.
    #[error("the flow `{0}` cannot be read")]
    Unreadable(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// All flows of a realm, with the settings of their steps.
#[derive(Debug, Default)]
pub struct Flows {
    by_alias: HashMap<String, Known>,
    configs: HashMap<String, Arc<Config>>,
}

/// A flow as it is kept, and with what is below it once somebody asked for that; none if it cannot be
/// read.
#[derive(Debug)]
struct Known {
    view: FlowView,
    whole: OnceLock<Option<Arc<Flow>>>,
}

impl Known {
    const fn new(view: FlowView) -> Self {
        let whole = OnceLock::new();
        Self { view, whole }
    }
}

impl Flows {
    /// Reads them.
    pub async fn load(store: &Store, realm: &claviger_model::RealmId) -> Result<Self, StoreError> {
        let flows = store.documents(realm, Kind::Flow).await?;
        let configs = store.documents(realm, Kind::AuthenticatorConfig).await?;
        Ok(Self::new(&flows, &configs))
    }

    fn new(flows: &[Document], configs: &[Document]) -> Self {
        let views = flows.iter().map(|flow| FlowView::from_body(&flow.body));
        Self {
            by_alias: views
                .map(|view| (view.alias.clone(), Known::new(view)))
                .collect(),
            configs: configs.iter().filter_map(config).collect(),
        }
    }

    /// The flow of this name.
    fn by_alias(&self, alias: &str) -> Option<Arc<Flow>> {
        let known = self.by_alias.get(alias)?;
        let build = || self.build(&known.view, DEPTH_MAX, &mut 0).map(Arc::new);
        known.whole.get_or_init(build).clone()
    }

    /// The name of the flow of this id.
    fn alias_of(&self, id: &str) -> Option<&str> {
        let mut views = self.by_alias.values().map(|known| &known.view);
        views.find(|view| view.id == id).map(|view| &*view.alias)
    }

    fn build(&self, view: &FlowView, depth: usize, steps: &mut usize) -> Option<Flow> {
        let depth = depth.checked_sub(1)?;
        let mut built = Vec::with_capacity(view.executions.len());
        for execution in &view.executions {
            *steps += 1;
            if *steps > STEPS_MAX {
                return None;
            }
            built.push(self.step(execution, depth, steps)?);
        }
        Some(Flow {
            id: view.id.clone(),
            alias: view.alias.clone(),
            steps: built,
        })
    }

    fn step(&self, execution: &Execution, depth: usize, steps: &mut usize) -> Option<Step> {
        let does = match &execution.step {
            Does::Authenticator(id) => Do::Ask(Authenticator::from_id(id)),
            Does::Flow { alias, form: page } => {
                let view = &self.by_alias.get(alias)?.view;
                if page.as_deref() == Some(form::PAGE) && view.provider_id == FORM_FLOW {
                    Do::Ask(Authenticator::Registration(self.parts(view, steps)?))
                } else if page.is_some() || view.provider_id == FORM_FLOW {
                    Do::Ask(Authenticator::Other(alias.clone()))
                } else {
                    Do::Flow(self.build(view, depth, steps)?)
                }
            }
        };
        Some(Step {
            id: execution.id.clone(),
            requirement: execution.requirement,
            does,
            config: self.config(execution),
        })
    }

    fn config(&self, execution: &Execution) -> Option<Arc<Config>> {
        let alias = execution.authenticator_config.as_ref()?;
        self.configs.get(alias).cloned()
    }

    /// The parts of a page that are not switched off.
    fn parts(&self, view: &FlowView, steps: &mut usize) -> Option<Arc<[Part]>> {
        *steps += view.executions.len();
        if *steps > STEPS_MAX {
            return None;
        }
        let on = |execution: &&Execution| execution.requirement != Requirement::Disabled;
        let parts = view.executions.iter().filter(on).map(|execution| Part {
            kind: match &execution.step {
                Does::Authenticator(id) => PartKind::from_id(id),
                Does::Flow { alias, .. } => PartKind::Other(alias.clone()),
            },
            config: self.config(execution),
        });
        Some(parts.collect())
    }
}

fn config(document: &Document) -> Option<(String, Arc<Config>)> {
    let alias = document.body.get("alias")?.as_str()?.to_owned();
    let settings = document.body.get("config")?.as_object()?;
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let settings = settings
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), text(value)?)));
    Some((alias, Arc::new(settings.collect())))
}

/// A realm's flow, by its name.
pub async fn by_alias(realm: &Realm, alias: &str) -> Result<Arc<Flow>, ReadError> {
    let flows = realm.flows().await?;
    let flow = flows.by_alias(alias);
    flow.ok_or_else(|| ReadError::Unreadable(alias.to_owned()))
}

/// A realm's flow, by its id: how a client names one that replaces the realm's.
pub async fn by_id(realm: &Realm, id: &str) -> Result<Arc<Flow>, ReadError> {
    let flows = realm.flows().await?;
    let flow = flows.alias_of(id).and_then(|alias| flows.by_alias(alias));
    flow.ok_or_else(|| ReadError::Unreadable(id.to_owned()))
}
