//! What older releases and their images called things, turned into what replaced it, with a line
//! for the operator. What is given by its own name always wins.
//!
//! The variables are those of `variables.tsv` beside this file.

use super::known::{Class, Table};
use super::raw::{Origin, RawOptions};
use super::{Notices, UsageError};

/// The variables: name, class, option, about.
const VARIABLES: &str = include_str!("variables.tsv");
/// The longest secret file that is read, in bytes.
const LONGEST_FILE: u64 = 64 * 1024;
/// Kinds of databases whose name variables of the oldest images begin with.
const KINDS: [&str; 3] = ["postgres", "mysql", "mariadb"];
/// What a name in a table stands for that has several: see `database`.
const DATABASE: [(&str, &str); 6] = [
    ("ADDR", "db-url-host"),
    ("PORT", "db-url-port"),
    ("DATABASE", "db-url-database"),
    ("SCHEMA", "db-schema"),
    ("USER", "db-username"),
    ("PASSWORD", "db-password"),
];

/// A variable of an older image.
struct Variable {
    name: &'static str,
    /// Whether it is turned into an option.
    counts: bool,
    option: &'static str,
    about: &'static str,
}

fn variables() -> impl Iterator<Item = Variable> {
    VARIABLES.lines().skip(1).filter_map(|line| {
        let mut cells = line.split('\t');
        let (name, class) = (cells.next()?, cells.next()?);
        Some(Variable {
            name,
            counts: class == "on",
            option: cells.next()?,
            about: cells.next()?,
        })
    })
}

/// Takes over what older variables and options say.
pub fn apply(
    raw: &mut RawOptions,
    table: &Table,
    environment: &[(String, String)],
    notices: &mut Notices,
) -> Result<(), UsageError> {
    let mut old = Old { raw, notices };
    for variable in variables() {
        let name = variable.name;
        if !variable.counts {
            if environment
                .iter()
                .any(|(known, value)| known == name && !value.is_empty())
            {
                let about = variable.about;
                old.notices
                    .warn(format!("variable {name} has no effect here: {about}"));
            }
            continue;
        }
        let database = name.starts_with("DB_") || name == "JDBC_PARAMS" || name.ends_with("_ADDR");
        if database || name.starts_with("KEYCLOAK_H") || name == "KEYCLOAK_ALWAYS_HTTPS" {
            continue;
        }
        let Some((named, value)) = find(environment, name)? else {
            continue;
        };
        if variable.option.is_empty() {
            old.imports(&named, &value);
        } else if let Some(value) = translated(name, &value) {
            old.put(variable.option, value, Origin::Environment(named));
        }
    }
    old.host_name(environment);
    old.database(environment)?;
    old.options(table)
}

/// What an older value is now; none if it says what holds anyway.
fn translated(name: &str, value: &str) -> Option<String> {
    let lower = value.to_lowercase();
    match name {
        "PROXY_ADDRESS_FORWARDING" => (lower == "true").then(|| "xforwarded".to_owned()),
        "KEYCLOAK_STATISTICS" => (!value.is_empty()).then(|| "true".to_owned()),
        "KEYCLOAK_LOGLEVEL" | "ROOT_LOGLEVEL" => Some(lower),
        "X509_CA_BUNDLE" => Some(value.split_whitespace().collect::<Vec<_>>().join(",")),
        _ => Some(value.to_owned()),
    }
}

struct Old<'a> {
    raw: &'a mut RawOptions,
    notices: &'a mut Notices,
}

impl Old<'_> {
    /// Gives an option on behalf of something older, unless it is given itself.
    fn put(&mut self, option: &str, value: String, origin: Origin) {
        let new = format!("KC_{}", option.to_uppercase().replace(['-', '.'], "_"));
        let what = match &origin {
            Origin::Environment(name) => format!("variable {name}"),
            Origin::CommandLine | Origin::File | Origin::KeyStore => {
                format!("what stands for {option}")
            }
        };
        if self.raw.put_legacy(option, value, origin) {
            self.notices
                .warn(format!("{what} is deprecated: use {new}"));
        } else {
            self.notices.warn(format!(
                "{what} is deprecated and has no effect beside {new}"
            ));
        }
    }

    fn imports(&mut self, variable: &str, value: &str) {
        self.notices.warn(format!(
            "variable {variable} is deprecated: put the files into data/import and use --import-realm"
        ));
        let files = value
            .split(',')
            .map(str::trim)
            .filter(|file| !file.is_empty());
        self.raw.import(files.map(str::to_owned).collect());
    }

    /// `KEYCLOAK_HOSTNAME` with ports and scheme. WildFly served everything below `/auth`.
    fn host_name(&mut self, environment: &[(String, String)]) {
        let get = |name: &str| {
            let found = environment.iter().find(|(known, _)| known == name);
            found
                .map(|(_, value)| value.as_str())
                .filter(|value| !value.is_empty())
        };
        let Some(host) = get("KEYCLOAK_HOSTNAME") else {
            return;
        };
        let secure = get("KEYCLOAK_ALWAYS_HTTPS") == Some("true");
        let (scheme, port) = if secure {
            ("https", get("KEYCLOAK_HTTPS_PORT"))
        } else {
            ("http", get("KEYCLOAK_HTTP_PORT"))
        };
        let port = port.filter(|port| *port != "-1");
        let value = match port {
            Some(port) => format!("{scheme}://{host}:{port}/auth"),
            None if secure => format!("https://{host}/auth"),
            None => host.to_owned(),
        };
        let origin = Origin::Environment("KEYCLOAK_HOSTNAME".to_owned());
        self.put("hostname", value, origin);
    }

    /// `DB_VENDOR` and those that belong to it. Programs beside us use the same names: without a kind
    /// of database, or beside Keycloak's own options, they say nothing to us.
    fn database(&mut self, environment: &[(String, String)]) -> Result<(), UsageError> {
        let own = ["db", "db-url", "db-url-host", "db-url-database"];
        if own.iter().any(|name| self.raw.get(name).is_some()) {
            return Ok(());
        }
        let given = |name: &str| {
            environment
                .iter()
                .any(|(known, value)| known == name && !value.is_empty())
        };
        let oldest = KINDS
            .iter()
            .find(|kind| given(&format!("{}_ADDR", kind.to_uppercase())));
        let (named, vendor) = match (find(environment, "DB_VENDOR")?, oldest) {
            (Some((named, vendor)), _) if !vendor.is_empty() => (named, vendor.to_lowercase()),
            (_, Some(kind)) => (format!("{}_ADDR", kind.to_uppercase()), (*kind).to_owned()),
            (_, None) => {
                if given("DB_ADDR") {
                    let text = "variable DB_ADDR has no effect without KC_DB or DB_VENDOR";
                    self.notices.warn(text.to_owned());
                }
                return Ok(());
            }
        };
        let vendor = if vendor == "h2" {
            "dev-file".to_owned()
        } else {
            vendor
        };
        let prefixes = ["DB".to_owned(), vendor.to_uppercase()];
        let server = vendor != "dev-file";
        self.put("db", vendor, Origin::Environment(named));
        if !server {
            return Ok(());
        }
        for (part, option) in DATABASE {
            for prefix in &prefixes {
                if let Some((named, value)) = find(environment, &format!("{prefix}_{part}"))?
                    && !value.is_empty()
                {
                    self.put(option, value, Origin::Environment(named));
                    break;
                }
            }
        }
        if self.raw.get("db-username").is_none() {
            let origin = Origin::Environment("DB_USER".to_owned());
            self.raw
                .put_legacy("db-username", "keycloak".to_owned(), origin);
        }
        if let Some((named, value)) =
            find(environment, "JDBC_PARAMS")?.filter(|(_, value)| !value.is_empty())
        {
            let value = format!("?{}", value.trim_start_matches('?'));
            self.put("db-url-properties", value, Origin::Environment(named));
        }
        Ok(())
    }

    /// Options of releases before 25, given as arguments, variables or in the file.
    fn options(&mut self, table: &Table) -> Result<(), UsageError> {
        let given: Vec<(String, String, Origin)> = self
            .raw
            .iter()
            .filter(|(name, _)| {
                table
                    .find(name)
                    .is_some_and(|row| row.class == Class::Replaced)
            })
            .map(|(name, given)| {
                (
                    name.to_owned(),
                    given.value.reveal().to_owned(),
                    given.origin.clone(),
                )
            })
            .collect();
        for (name, value, origin) in &given {
            let mut now = Vec::new();
            match (name.as_str(), value.as_str()) {
                ("proxy", "edge") => {
                    now.extend([("proxy-headers", "xforwarded"), ("http-enabled", "true")]);
                }
                ("proxy", "reencrypt") => now.push(("proxy-headers", "xforwarded")),
                ("proxy", "none" | "passthrough") => {}
                ("proxy", _) => {
                    return Err(UsageError(format!(
                        "Invalid value for option '--proxy': {value}. Expected values are: none, \
                         edge, reencrypt, passthrough; better, use --proxy-headers"
                    )));
                }
                ("hostname-url", url) => now.push(("hostname", url)),
                ("hostname-admin-url", url) => now.push(("hostname-admin", url)),
                ("hostname-strict-backchannel", "false") => {
                    now.push(("hostname-backchannel-dynamic", "true"));
                }
                _ => {}
            }
            let about = table.find(name).map_or("", |row| row.about);
            self.notices
                .warn(format!("option {name} ({origin}) is deprecated: {about}"));
            for (option, value) in now {
                self.raw
                    .put_legacy(option, value.to_owned(), origin.clone());
            }
        }
        self.host_in_parts(&given);
        Ok(())
    }

    /// `hostname-port` and `hostname-path` beside a plain `hostname`: together, a URL.
    fn host_in_parts(&mut self, given: &[(String, String, Origin)]) {
        let told = |wanted: &str| {
            let found = given.iter().find(|(name, _, _)| name == wanted);
            found
                .map(|(_, value, _)| value.as_str())
                .filter(|value| !value.is_empty())
        };
        let (port, path) = (
            told("hostname-port").filter(|port| *port != "-1"),
            told("hostname-path"),
        );
        if port.is_none() && path.is_none() {
            return;
        }
        let Some(host) = self
            .raw
            .get("hostname")
            .map(|host| host.value.reveal().to_owned())
        else {
            return;
        };
        if host.contains("://") {
            return;
        }
        let scheme = match told("hostname-strict-https") {
            Some("false") => "http",
            Some(_) | None => "https",
        };
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let path = path.unwrap_or_default().trim_matches('/');
        let url = format!("{scheme}://{host}{port}/{path}");
        self.notices.warn(format!("hostname is read as {url}"));
        self.raw.replace("hostname", url);
    }
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

#[cfg(test)]
mod tests;
