//! Realm files as Keycloak lays them out: one realm, a list of realms, or a folder with
//! `<realm>-realm.json` and users beside it in `<realm>-users-0.json`, `-1`, …

use claviger_wire::document::Json;
use claviger_wire::schema;
use serde_json::Value;

use super::problem::{At, ImportError};
use super::shape::text;

/// Largest file, in bytes.
pub const MAX_FILE_BYTES: usize = 512 << 20;
/// Most realms in one file.
const MAX_REALMS: usize = 10_000;

/// One realm, ready to be compiled.
#[derive(Clone, Debug, PartialEq)]
pub struct RealmFile {
    /// The file it came from, for messages.
    pub name: String,
    /// The representation.
    pub file: Json,
    /// What the representation has that nobody knows; it is kept.
    pub warnings: Vec<String>,
}

/// Reads one file: a realm, or a list of realms.
///
/// # Errors
/// If it is not JSON, or not a realm. The path begins with the file's name.
pub fn read(name: &str, bytes: &[u8]) -> Result<Vec<RealmFile>, ImportError> {
    let file_at = At::Root.key(name);
    let value = parse(&file_at, bytes)?;
    let realms = if value.is_array() {
        into_list(value)
    } else {
        vec![value]
    };
    if realms.len() > MAX_REALMS {
        return Err(file_at.invalid(format!("a file has at most {MAX_REALMS} realms")));
    }
    let read = realms.into_iter().enumerate().map(|(index, realm)| {
        let at = file_at.index(index);
        if !realm.is_object() {
            return Err(at.invalid("a realm is a JSON object"));
        }
        known(name, realm, "RealmRepresentation", &at)
    });
    read.collect()
}

fn into_list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(list) => list,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            Vec::new()
        }
    }
}

/// Reads the files of a folder: users go to the realm beside which they lie. Files of other names
/// hold whole realms.
///
/// # Errors
/// If a file is broken, or holds users of a realm that is not there.
pub fn read_folder(files: Vec<(String, Vec<u8>)>) -> Result<Vec<RealmFile>, ImportError> {
    let mut realms = Vec::new();
    let mut users = Vec::new();
    for (name, bytes) in files {
        match users_of(&name) {
            Some((realm, number)) => users.push((realm.to_owned(), number, name, bytes)),
            None => realms.extend(read(&name, &bytes)?),
        }
    }
    users.sort_by(|one, two| (&one.0, one.1, &one.2).cmp(&(&two.0, two.1, &two.2)));
    for (realm, _, name, bytes) in users {
        add_users(&mut realms, &realm, &name, &bytes)?;
    }
    Ok(realms)
}

/// The realm and number in `<realm>-users-<number>.json`, or with `-federated-users-`.
fn users_of(name: &str) -> Option<(&str, u64)> {
    let stem = name.strip_suffix(".json")?;
    let (rest, number) = stem.rsplit_once('-')?;
    let number = number.parse().ok()?;
    let realm = rest
        .strip_suffix("-federated-users")
        .or_else(|| rest.strip_suffix("-users"))?;
    Some((realm, number))
}

fn add_users(
    realms: &mut [RealmFile],
    realm: &str,
    name: &str,
    bytes: &[u8],
) -> Result<(), ImportError> {
    let at = At::Root.key(name);
    let value = parse(&at, bytes)?;
    if !value.is_object() {
        return Err(at.invalid("a file of users is a JSON object"));
    }
    let RealmFile {
        mut file, warnings, ..
    } = known(name, value, "RealmRepresentation", &at)?;
    let named = text(&file, "realm").unwrap_or(realm).to_owned();
    let Some(home) = realms
        .iter_mut()
        .find(|home| text(&home.file, "realm") == Some(&named))
    else {
        return Err(at.invalid(format!("there is no file of the realm `{named}` beside it")));
    };
    home.warnings.extend(warnings);
    for list in ["users", "federatedUsers"] {
        if let Some(Value::Array(mut users)) = file.shift_remove(list) {
            let slot = home
                .file
                .entry(list)
                .or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(all) = slot {
                all.append(&mut users);
            }
        }
    }
    Ok(())
}

fn parse(at: &At<'_>, bytes: &[u8]) -> Result<Value, ImportError> {
    if bytes.len() > MAX_FILE_BYTES {
        let megabytes = MAX_FILE_BYTES >> 20;
        return Err(at.invalid(format!("a file has at most {megabytes} MiB")));
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    serde_json::from_slice(bytes).map_err(|error| at.invalid(format!("not JSON: {error}")))
}

fn known(name: &str, value: Value, class: &str, at: &At<'_>) -> Result<RealmFile, ImportError> {
    let checked = schema::check_lenient(class, value)
        .map_err(|error| at.key(&error.path).invalid(error.message.clone()))?;
    let warnings = checked.unknown.into_iter();
    let warnings = warnings.map(|path| format!("{}: nobody knows this member", at.key(&path)));
    Ok(RealmFile {
        name: name.to_owned(),
        warnings: warnings.collect(),
        file: checked.body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn files_are_read_as_keycloak_lays_them_out() {
        assert_eq!(users_of("shop-users-12.json"), Some(("shop", 12)));
        assert_eq!(
            users_of("my-users-shop-users-0.json"),
            Some(("my-users-shop", 0))
        );
        assert_eq!(users_of("shop-federated-users-1.json"), Some(("shop", 1)));
        assert_eq!(users_of("shop-realm.json"), None);
        assert_eq!(users_of("shop-users-x.json"), None);
    }

    #[test]
    fn a_file_may_hold_several_realms() {
        let realms = read("all.json", br#"[{"realm":"a"},{"realm":"b","nope":1}]"#).unwrap();
        assert_eq!(realms.len(), 2);
        assert_eq!(realms[1].warnings.len(), 1, "{:?}", realms[1].warnings);
        assert_eq!(realms[1].file["nope"], 1);
        let error = read("all.json", b"[{\"realm\":\"a\"},5]").unwrap_err();
        assert_eq!(error.path, "all.json[1]");
        assert!(read("x.json", b"{").is_err());
    }

    #[test]
    fn users_find_their_realm_in_the_order_of_their_files() {
        let file = |name: &str, value: Value| (name.to_owned(), value.to_string().into_bytes());
        let folder = vec![
            file(
                "shop-users-10.json",
                json!({"realm": "shop", "users": [{"username": "k"}]}),
            ),
            file(
                "shop-users-2.json",
                json!({"realm": "shop", "users": [{"username": "c"}]}),
            ),
            file(
                "shop-realm.json",
                json!({"realm": "shop", "users": [{"username": "a"}]}),
            ),
        ];
        let realms = read_folder(folder).unwrap();
        let names: Vec<_> = realms[0].file["users"]
            .as_array()
            .unwrap()
            .iter()
            .map(|user| user["username"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["a", "c", "k"]);
        let alone = vec![file(
            "shop-users-0.json",
            json!({"realm": "shop", "users": []}),
        )];
        assert_eq!(read_folder(alone).unwrap_err().path, "shop-users-0.json");
    }
}
