//! Variables of Keycloak's older images that still name the first administrator.

use super::raw::RawOptions;
use super::{Notices, UsageError};

/// The longest secret file that is read, in bytes.
const LONGEST_FILE: u64 = 64 * 1024;

/// Older variable, option in its place. The newer of two comes first and wins.
const OLD: &[(&str, &str)] = &[
    ("KEYCLOAK_ADMIN", "bootstrap-admin-username"),
    ("KEYCLOAK_USER", "bootstrap-admin-username"),
    ("KEYCLOAK_ADMIN_PASSWORD", "bootstrap-admin-password"),
    ("KEYCLOAK_PASSWORD", "bootstrap-admin-password"),
];

/// Takes over what older variables say, unless the option itself is given.
pub fn apply(
    raw: &mut RawOptions,
    environment: &[(String, String)],
    notices: &mut Notices,
) -> Result<(), UsageError> {
    for (variable, option) in OLD {
        let Some((named, value)) = find(environment, variable)? else {
            continue;
        };
        let new = format!("KC_{}", option.to_uppercase().replace('-', "_"));
        if raw.put_legacy(option, value, &named) {
            notices.warn(format!("variable {named} is deprecated: use {new}"));
        } else {
            notices.warn(format!(
                "variable {named} is deprecated and has no effect beside {new}"
            ));
        }
    }
    Ok(())
}

/// The value of a variable, or of the file that `<variable>_FILE` names.
fn find(
    environment: &[(String, String)],
    variable: &str,
) -> Result<Option<(String, String)>, UsageError> {
    let get = |name: &str| environment.iter().find(|(known, _)| known == name);
    if let Some((name, value)) = get(variable) {
        return Ok(Some((name.clone(), value.clone())));
    }
    let Some((name, path)) = get(&format!("{variable}_FILE")) else {
        return Ok(None);
    };
    let unreadable = |why: &dyn std::fmt::Display| UsageError(format!("{name}: {path}: {why}"));
    let length = std::fs::metadata(path)
        .map_err(|error| unreadable(&error))?
        .len();
    if length > LONGEST_FILE {
        return Err(unreadable(&"the file is too long for a name or a password"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(&error))?;
    Ok(Some((
        name.clone(),
        text.trim_end_matches(['\r', '\n']).to_owned(),
    )))
}
