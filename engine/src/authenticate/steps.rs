//! The direct grant's flow: the steps of it that this server can take.

use claviger_model::Millis;
use claviger_store::StoreError;
use claviger_wire::document::Kind;
use claviger_wire::flow::{FlowView, Requirement, Step};
use serde_json::Value;

use crate::app::App;
use crate::realm::Realm;

/// The steps of a direct grant flow that this server can take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Steps {
    pub(super) password: bool,
    pub(super) otp: Otp,
    /// The executions behind the steps, but for [`Steps::otp_execution`].
    executions: Vec<String>,
    otp_execution: Option<String>,
}

impl Steps {
    /// The executions that were completed just now, by a user with or without a one-time password.
    pub(super) fn completed(&self, with_otp: bool, now: Millis) -> String {
        let otp = self.otp_execution.iter().filter(|_| with_otp);
        let all = self.executions.iter().chain(otp);
        let at = |id: &String| (id.clone(), Value::from(now.seconds().0));
        Value::Object(all.map(at).collect()).to_string()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Otp {
    Never,
    IfConfigured,
    Always,
}

/// Reads the realm's direct grant flow. What is not understood is not skipped: `None`.
pub(super) async fn steps(app: &App, realm: &Realm) -> Result<Option<Steps>, StoreError> {
    let alias = realm
        .settings
        .flows
        .direct_grant
        .as_deref()
        .unwrap_or("direct grant");
    let flow = |alias: String| async move {
        let found = app
            .store
            .document_by_name(&realm.id, Kind::Flow, "", &alias)
            .await?;
        Ok::<_, StoreError>(found.map(|document| FlowView::from_body(&document.body)))
    };
    let Some(top) = flow(alias.to_owned()).await? else {
        return Ok(None);
    };
    let mut steps = Steps {
        password: false,
        otp: Otp::Never,
        executions: Vec::new(),
        otp_execution: None,
    };
    for execution in &top.executions {
        match (&execution.step, execution.requirement) {
            (_, Requirement::Disabled) => {}
            (Step::Authenticator(name), Requirement::Required) => match name.as_str() {
                "direct-grant-validate-username" => steps.executions.push(execution.id.clone()),
                "direct-grant-validate-password" => {
                    steps.password = true;
                    steps.executions.push(execution.id.clone());
                }
                "direct-grant-validate-otp" => {
                    steps.otp = Otp::Always;
                    steps.otp_execution = Some(execution.id.clone());
                }
                _ => return Ok(None),
            },
            (Step::Flow { alias, form: None }, Requirement::Conditional) => {
                let Some(inner) = flow(alias.clone()).await? else {
                    return Ok(None);
                };
                let Ok(execution) = conditional_otp(&inner) else {
                    return Ok(None);
                };
                if execution.is_some() {
                    steps.otp = Otp::IfConfigured;
                    steps.otp_execution = execution;
                }
            }
            _ => return Ok(None),
        }
    }
    // A flow that proves nothing lets nobody in.
    Ok((steps.password || steps.otp == Otp::Always).then_some(steps))
}

/// A sub-flow that is more than [`conditional_otp`] understands.
struct Unsupported;

/// The execution of a sub-flow "if the user has a one-time password, ask for it", if it is
/// entered.
fn conditional_otp(flow: &FlowView) -> Result<Option<String>, Unsupported> {
    let mut condition = false;
    let mut otp = None;
    for execution in &flow.executions {
        match (&execution.step, execution.requirement) {
            (_, Requirement::Disabled) => {}
            (Step::Authenticator(name), Requirement::Required) => match name.as_str() {
                "conditional-user-configured" => condition = true,
                "direct-grant-validate-otp" => otp = Some(execution.id.clone()),
                _ => return Err(Unsupported),
            },
            _ => return Err(Unsupported),
        }
    }
    // Without its condition a conditional sub-flow is not entered.
    Ok(otp.filter(|_| condition))
}
