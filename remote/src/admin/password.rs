//! `set-password`.

use claviger_model::Secret;
use serde_json::json;

use super::Given;
use super::roles::user;
use super::session::site;
use crate::site::segment;
use crate::world::World;
use crate::{Failure, usage};

/// Sets a user's password.
pub fn set(given: &Given<'_>, world: &dyn World) -> Result<(), Failure> {
    let (name, id) = (given.last("username"), given.last("userid"));
    if name.is_some() && id.is_some() {
        return usage("Options --userid and --username are mutually exclusive");
    }
    if name.is_none() && id.is_none() {
        return usage("No user specified. Use --username or --userid to specify user");
    }
    let password = given.last("new-password").map(Secret::new);
    let password = match password.or_else(|| world.variable("KC_CLI_PASSWORD").map(Secret::new)) {
        Some(password) => password,
        None => world.secret("Enter password: ").map_err(Failure::Failed)?,
    };
    let site = site(given, world)?;
    let id = match (id, name) {
        (Some(id), _) => id.to_owned(),
        (None, name) => user(&site, name.unwrap_or_default())?,
    };
    let body = json!({
        "type": "password", "value": password.reveal(), "temporary": given.flag("temporary"),
    });
    site.send(
        "PUT",
        &format!("users/{}/reset-password", segment(&id)),
        &body,
    )?;
    Ok(())
}
