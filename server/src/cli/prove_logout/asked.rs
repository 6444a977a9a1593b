//! What the command line says, and who is asked for the rest.

use std::io::{BufRead as _, IsTerminal as _, Read as _};
use std::time::Duration;

use anyhow::Context as _;
use clap::ArgMatches;
use claviger_model::Secret;

use super::site::{Account, Holder};
use crate::cli::Text;
use crate::settings::UsageError;

/// The options with a value: name, what the value is called, help.
pub const OPTIONS: &[(&str, &str, &str)] = &[
    ("realm", "name", "The realm that is probed"),
    (
        "server",
        "url",
        "Where it is served, with its path if it has one [default: http://localhost:8080]; \
         repeated: further nodes, which are asked as well",
    ),
    (
        "username",
        "name",
        "A test user who may sign in with a password alone",
    ),
    (
        "password:env",
        "variable",
        "Variable that holds the user's password",
    ),
    (
        "client-id",
        "name",
        "The client that signs the user in; it needs the password grant",
    ),
    (
        "client-secret:env",
        "variable",
        "Variable that holds the client's secret",
    ),
    (
        "admin",
        "name",
        "An administrator; without --username a user and a client are made for the probe, and removed",
    ),
    (
        "admin-password:env",
        "variable",
        "Variable that holds the administrator's password",
    ),
    (
        "admin-client-id",
        "name",
        "The administrator's client, or a service account [default: admin-cli]",
    ),
    (
        "admin-client-secret:env",
        "variable",
        "Variable that holds that client's secret",
    ),
    (
        "admin-realm",
        "name",
        "The administrator's realm [default: master]",
    ),
    (
        "audience",
        "name",
        "What the tokens of the client that is made have in 'aud'; may be repeated",
    ),
    (
        "api",
        "url",
        "An API that takes the access token as a bearer token at GET; may be repeated",
    ),
    (
        "timeout",
        "seconds",
        "How long a refusal is waited for [default: 10]",
    ),
];

/// The longest line that is read from standard input, in bytes.
const LONGEST_LINE: u64 = 4096;
/// The longest time-out, in seconds.
const LONGEST_TIMEOUT: u64 = 3600;
/// Most APIs, and most nodes.
const MOST: usize = 100;
/// Until somebody who is asked has answered anything else.
const PATIENCE: Duration = Duration::from_secs(30);

/// How the result is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A table for people.
    Human,
    /// One JSON object.
    Json,
}

/// The command line of the probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The realm.
    pub realm: String,
    /// Base addresses, without a slash at the end; doors are opened at the first.
    pub servers: Vec<String>,
    /// Addresses of APIs.
    pub apis: Vec<String>,
    /// Audiences of the client that is made.
    pub audiences: Vec<String>,
    /// How long a refusal is waited for.
    pub timeout: Duration,
    /// How the result is written.
    pub format: Format,
    username: Option<String>,
    password: Option<Text>,
    client_id: Option<String>,
    client_secret: Option<Text>,
    admin: Option<String>,
    admin_password: Option<Text>,
    admin_client_id: Option<String>,
    admin_client_secret: Option<Text>,
    admin_realm: String,
}

/// Those on whose behalf the probe asks.
pub struct Who {
    /// The test user and its client; none if they are to be made.
    pub holder: Option<Holder>,
    /// Who may end sessions and make users.
    pub administrator: Option<Account>,
}

impl Asked {
    /// Reads what clap took apart.
    pub fn read(leaf: &ArgMatches) -> Result<Self, UsageError> {
        let all = |name: &str| -> Vec<String> {
            let values = leaf.get_many::<String>(name);
            values.into_iter().flatten().cloned().collect()
        };
        let last = |name: &str| all(name).pop();
        let variable = |name: &str| last(name).map(Text::Variable);
        let mut servers: Vec<String> = all("server")
            .iter()
            .map(|url| url.trim_end_matches('/').to_owned())
            .collect();
        if servers.is_empty() {
            servers.push("http://localhost:8080".to_owned());
        }
        let apis = all("api");
        for url in servers.iter().chain(&apis) {
            let is_http = url.starts_with("http://") || url.starts_with("https://");
            if !is_http || url::Url::parse(url).is_err() {
                return Err(UsageError(format!("'{url}' is no address of HTTP")));
            }
        }
        let audiences = all("audience");
        if servers.len().max(apis.len()).max(audiences.len()) > MOST {
            return Err(UsageError(format!("More than {MOST} values of one option")));
        }
        let asked = Self {
            realm: last("realm")
                .filter(|realm| !realm.is_empty())
                .ok_or_else(|| UsageError("Option --realm is missing".to_owned()))?,
            servers,
            apis,
            audiences,
            timeout: last("timeout").map_or(Ok(Duration::from_secs(10)), |text| seconds(&text))?,
            format: match last("format").as_deref() {
                Some("json") => Format::Json,
                Some(_) | None => Format::Human,
            },
            username: last("username"),
            password: variable("password:env"),
            client_id: last("client-id"),
            client_secret: variable("client-secret:env"),
            admin: last("admin"),
            admin_password: variable("admin-password:env"),
            admin_client_id: last("admin-client-id"),
            admin_client_secret: variable("admin-client-secret:env"),
            admin_realm: last("admin-realm").unwrap_or_else(|| "master".to_owned()),
        };
        asked.checked()
    }

    fn checked(self) -> Result<Self, UsageError> {
        let told = if self.username.is_some() != self.client_id.is_some() {
            "Options --username and --client-id belong together"
        } else if self.username.is_none() && !self.has_administrator() {
            "Whose session is to be ended? Give --username and --client-id, or --admin or \
             --admin-client-id to have a user made for it"
        } else if self.admin.is_none()
            && self.admin_client_id.is_some()
            && self.admin_client_secret.is_none()
        {
            "Option --admin-client-id needs --admin-client-secret:env or --admin"
        } else if self.username.is_some() && !self.audiences.is_empty() {
            "Option --audience is for a client that is made: leave out --username"
        } else {
            return Ok(self);
        };
        Err(UsageError(told.to_owned()))
    }

    fn has_administrator(&self) -> bool {
        self.admin.is_some() || self.admin_client_id.is_some()
    }

    /// How long any single answer may take.
    pub fn patience(&self) -> Duration {
        self.timeout.max(PATIENCE)
    }

    /// Reads secrets from where they are said to be, and asks for the passwords that are missing.
    pub fn who(&self, environment: &[(String, String)]) -> anyhow::Result<Who> {
        let read = |text: &Option<Text>| -> anyhow::Result<Option<Secret>> {
            let text = text.as_ref().map(|text| text.read(environment)).transpose();
            Ok(text?.map(Secret::new))
        };
        let or_asked = |given: &Option<Text>, whose: &str| match read(given)? {
            Some(secret) => Ok(secret),
            None => ask(&format!("Password of {whose}:")),
        };
        let holder = match (&self.username, &self.client_id) {
            (Some(username), Some(client)) => Some(Holder {
                username: username.clone(),
                password: or_asked(&self.password, username)?,
                client: client.clone(),
                secret: read(&self.client_secret)?,
            }),
            _ => None,
        };
        let administrator = if self.has_administrator() {
            let user = match &self.admin {
                Some(name) => Some((name.clone(), or_asked(&self.admin_password, name)?)),
                None => None,
            };
            Some(Account {
                realm: self.admin_realm.clone(),
                client: self
                    .admin_client_id
                    .clone()
                    .unwrap_or_else(|| "admin-cli".to_owned()),
                secret: read(&self.admin_client_secret)?,
                user,
            })
        } else {
            None
        };
        Ok(Who {
            holder,
            administrator,
        })
    }
}

fn seconds(text: &str) -> Result<Duration, UsageError> {
    let number = text.parse::<u64>().ok();
    let fits = number.filter(|number| (1..=LONGEST_TIMEOUT).contains(number));
    fits.map(Duration::from_secs).ok_or_else(|| {
        UsageError(format!(
            "Option --timeout wants seconds, from 1 to {LONGEST_TIMEOUT}"
        ))
    })
}

/// Asks at the terminal without showing what is typed; otherwise standard input has it, one line each.
fn ask(prompt: &str) -> anyhow::Result<Secret> {
    let line = if std::io::stdin().is_terminal() {
        rpassword::prompt_password(prompt).context("cannot read the answer")?
    } else {
        let mut line = String::new();
        let mut input = std::io::stdin().lock().take(LONGEST_LINE);
        input
            .read_line(&mut line)
            .context("cannot read standard input")?;
        line.trim_end_matches(['\r', '\n']).to_owned()
    };
    if line.is_empty() {
        let told = format!("{} nothing was given", prompt.trim_end_matches(':'));
        return Err(UsageError(format!("{told}; name a variable that holds it")).into());
    }
    Ok(Secret::new(line))
}
