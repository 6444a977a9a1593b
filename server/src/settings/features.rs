//! `features`: what Keycloak has behind a switch. Here that is whether scripts run, and whether Docker
//! clients may sign in.

use super::Notices;
use super::value::Values;

/// The feature by which scripts run; a preview in Keycloak.
const SCRIPTS: &str = "scripts";
/// The feature by which Docker clients sign in; off in Keycloak unless it is asked for by name.
const DOCKER: &str = "docker";
/// All previews at once.
const PREVIEW: &str = "preview";

/// What is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// Scripts run: they were asked for, and are built in.
    pub scripts: bool,
    /// Docker clients may sign in.
    pub docker: bool,
}

/// What is asked for, and not switched off.
pub fn check(values: &Values<'_>, notices: &mut Notices) -> Features {
    let (mut asked, mut docker) = (false, false);
    let mut idle = Vec::new();
    for feature in values.list("features") {
        // A version may follow: `scripts:v1`.
        match feature.split(':').next().unwrap_or_default() {
            SCRIPTS | PREVIEW => asked = true,
            DOCKER => docker = true,
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
    let disabled = |wanted: &str| values.list("features-disabled").any(|name| name == wanted);
    Features {
        scripts: asked && built && !disabled(SCRIPTS),
        docker: docker && !disabled(DOCKER),
    }
}
