//! `features`: what Keycloak has behind a switch. Here that is only whether scripts run.

use super::Notices;
use super::value::Values;

/// The feature by which scripts run; a preview in Keycloak.
const SCRIPTS: &str = "scripts";
/// All previews at once.
const PREVIEW: &str = "preview";

/// Whether scripts run: they must be asked for, and be built in.
pub fn scripts(values: &Values<'_>, notices: &mut Notices) -> bool {
    let mut asked = false;
    let mut idle = Vec::new();
    for feature in values.list("features") {
        // A version may follow: `scripts:v1`.
        match feature.split(':').next().unwrap_or_default() {
            SCRIPTS | PREVIEW => asked = true,
            other => idle.push(other),
        }
    }
    if !idle.is_empty() {
        notices.warn(format!(
            "option features: what is not built in yet has no effect: {}",
            idle.join(", ")
        ));
    }
    let built = cfg!(feature = "scripts");
    if asked && !built {
        notices.warn(
            "option features: scripts have no effect, as this program was built without them"
                .to_owned(),
        );
    }
    let disabled = values.list("features-disabled").any(|name| name == SCRIPTS);
    asked && built && !disabled
}
