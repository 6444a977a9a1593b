//! What the server was told to do: Keycloak's options, read once, checked, typed.
//!
//! Two steps: [`raw`] collects what was given and by whom; [`Settings::check`] turns it into values
//! that need no further question. Nothing else in the server reads options or variables. Secrets
//! are [`Secret`]s from the first step on; no message of this module shows one.

pub mod database;
mod expand;
mod features;
pub mod hostname;
pub mod https;
pub mod known;
pub mod legacy;
pub mod logging;
pub mod metering;
pub mod outgoing;
mod properties;
pub mod proxy;
pub mod raw;
pub mod traces;
pub mod transfer;
pub mod trust;
mod value;
pub mod vault;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use claviger_model::Secret;

use features::Features;
use hostname::{Elsewhere, Hostname, Mounts};
use https::{StoreFile, Tls};
use known::{Class, Known, Table};
use logging::Logging;
use metering::Metering;
use outgoing::Outgoing;
use proxy::Proxy;
use raw::RawOptions;
use traces::Tracing;
use transfer::Transfer;
use trust::Trust;
use value::Values;
use vault::Vault;

/// The option that brings back what logout took before release 18.
const LEGACY_REDIRECT_URI: &str = "spi-login-protocol--openid-connect--legacy-logout-redirect-uri";

/// `start` serves HTTPS; plain HTTP only if it is asked for. In Keycloak's words.
const NO_KEYS: &str = "Key material not provided to setup HTTPS. Please configure your \
    keys/certificates, or if HTTPS access is not needed see the `http-enabled` option. If you \
    meant to start the server in development mode, see the `start-dev` command.";

/// The server was asked for something that it cannot understand or will not do. Exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// Lines for whoever starts the server: what is ignored, old, or probably a mistake.
#[derive(Debug, Default)]
pub struct Notices(Vec<String>);

impl Notices {
    /// Adds a line.
    pub fn warn(&mut self, line: String) {
        self.0.push(line);
    }

    /// All lines, in order.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// What the process is started for; some options have another default then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `start-dev`: plain HTTP, any host name.
    Development,
    /// `start`: plain HTTP and open host names only when asked for.
    Production,
    /// A command that serves nobody: import, export, bootstrap-admin.
    Offline,
}

/// Everything the server was told.
#[derive(Debug)]
pub struct Settings {
    /// What the process is started for.
    pub mode: Mode,
    /// `kc.home.dir`: `conf/` and `data/` are below it.
    pub home: PathBuf,
    /// Where everything is kept.
    pub database: claviger_store::Options,
    /// Files that an encrypted connection to it needs.
    pub database_files: database::Files,
    /// Whose certificates are believed.
    pub trust: Trust,
    /// The listeners for everybody.
    pub http: Http,
    /// The listener for operators, if anything is to be served on it.
    pub management: Option<Management>,
    /// What operators may see.
    pub observe: Observe,
    /// Under which address the server is known.
    pub hostname: Hostname,
    /// What of it is known under another address.
    pub elsewhere: Elsewhere,
    /// Under which paths it is served.
    pub mounts: Mounts,
    /// Whom to believe about the caller's address; nobody if none.
    pub proxy: Option<Proxy>,
    /// Whom the server may call.
    pub outgoing: Outgoing,
    /// Whether refusals point to pages of help, and these are served.
    pub help_links: bool,
    /// Whether a logout in a browser takes `redirect_uri`, as before release 18.
    pub legacy_redirect_uri: bool,
    /// What is logged.
    pub logging: Logging,
    /// What is counted.
    pub metering: Metering,
    /// Which traces are sent; none if none.
    pub tracing: Option<Tracing>,
    /// How the server stops.
    pub shutdown: Shutdown,
    /// The first administrator.
    pub bootstrap: Bootstrap,
    /// What is imported or exported.
    pub transfer: Transfer,
    /// What Keycloak has behind a switch: whether scripts below `providers/` compute claims, say.
    pub features: Features,
    /// Where secrets are kept that configuration only refers to.
    pub vault: Option<Vault>,
}

/// The listeners for everybody: at least one, if anybody is served.
#[derive(Clone, Debug, PartialEq)]
pub struct Http {
    /// Address or name to bind.
    pub host: String,
    /// Port for plain HTTP, if that is spoken; 0 lets the system choose.
    pub port: Option<u16>,
    /// Port for HTTPS, if that is spoken, and how; 0 lets the system choose.
    pub https: Option<(u16, Tls)>,
    /// Requests handled at once before the next is answered 503; unlimited if none (but for the
    /// number of connections).
    pub max_requests: Option<usize>,
}

/// The listener for operators.
#[derive(Clone, Debug, PartialEq)]
pub struct Management {
    /// Address or name to bind.
    pub host: String,
    /// Port to bind; 0 lets the system choose.
    pub port: u16,
    /// Path under which everything is served: `""` or `"/x"`.
    pub path: String,
    /// How TLS is spoken; none: plain HTTP.
    pub tls: Option<Tls>,
}

/// What operators may see, and where; nothing that is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observe {
    /// `/health` and the paths below it.
    pub health: Option<Port>,
    /// `/metrics`.
    pub metrics: Option<Port>,
}

/// One of the two listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// The listener for everybody.
    Public,
    /// The listener for operators.
    Management,
}

/// How the server stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// How long readiness is denied before the listener closes, so that balancers notice.
    pub delay: Duration,
    /// How long running requests may take to end.
    pub timeout: Duration,
}

/// Whom to create when the master realm has no administrator yet.
#[derive(Clone, Debug, Default)]
pub struct Bootstrap {
    /// Name and password of a user.
    pub user: Option<(String, Secret)>,
    /// Client id and secret of a service account.
    pub service: Option<(String, Secret)>,
}

impl Settings {
    /// Checks everything that was given; adds lines for the operator.
    pub fn check(
        raw: &RawOptions,
        table: &Table,
        mode: Mode,
        home: &Path,
        notices: &mut Notices,
    ) -> Result<Self, UsageError> {
        let mut idle = Idle::default();
        for (name, given) in raw.iter() {
            if let Some(known) = table.find(name) {
                check_one(known, name, given, &mut idle)?;
            }
        }
        idle.tell(notices);
        let values = Values::new(raw, table);
        let http = Http::check(&values, mode, home, notices)?;
        let hostname = Hostname::check(&values, mode)?;
        let proxy = Proxy::check(&values, notices)?;
        if mode == Mode::Production && http.https.is_none() {
            check_plain(&hostname, proxy.is_some(), notices);
        }
        let observe = Observe::check(&values)?;
        let management = match mode {
            Mode::Development | Mode::Production if observe.needs_listener() => {
                Some(Management::check(&values, &http, home, notices)?)
            }
            Mode::Development | Mode::Production | Mode::Offline => None,
        };
        Ok(Self {
            mode,
            home: home.to_owned(),
            database: database::check(&values, home, mode, notices)?,
            database_files: database::Files::check(&values)?,
            trust: Trust::check(&values, home, notices)?,
            management,
            observe,
            http,
            mounts: Mounts::check(&values, &hostname)?,
            elsewhere: match mode {
                Mode::Development | Mode::Production => Elsewhere::check(&values, &hostname)?,
                Mode::Offline => Elsewhere::default(),
            },
            hostname,
            proxy,
            outgoing: Outgoing::check(&values)?,
            help_links: values.flag("help-links")?,
            legacy_redirect_uri: values.flag(LEGACY_REDIRECT_URI)?,
            logging: Logging::check(&values, raw, mode, home, notices)?,
            metering: Metering::check(&values, notices)?,
            tracing: Tracing::check(&values, raw)?,
            shutdown: Shutdown::check(&values)?,
            bootstrap: Bootstrap::check(&values, notices),
            transfer: Transfer::check(&values, raw.imports())?,
            features: features::check(&values, notices),
            vault: Vault::check(&values)?,
        })
    }
}

/// Options that were given and have no effect, by the reason.
#[derive(Default)]
struct Idle(BTreeMap<&'static str, Vec<String>>);

impl Idle {
    /// One line for each reason.
    fn tell(self, notices: &mut Notices) {
        for (because, options) in self.0 {
            let (noun, verb) = match options.len() {
                1 => ("option", "has"),
                _ => ("options", "have"),
            };
            let options = options.join(", ");
            notices.warn(format!("{noun} {options} {verb} no effect here: {because}"));
        }
    }
}

/// Whether an option may stand at all, and in this form.
fn check_one(
    known: &Known,
    name: &str,
    given: &raw::Given,
    idle: &mut Idle,
) -> Result<(), UsageError> {
    let text = given.value.reveal();
    if !known.default.is_empty() && text == known.default {
        return Ok(());
    }
    value::check(known, name, text)?;
    match known.class {
        Class::Ignored => {
            let option = format!("{name} ({})", given.origin);
            idle.0.entry(known.because).or_default().push(option);
        }
        Class::Refused => {
            return Err(UsageError(format!(
                "option {name} is refused: {}",
                known.because
            )));
        }
        // What is old was turned into what replaced it.
        Class::Honoured | Class::Replaced => {}
    }
    Ok(())
}

/// Where values of options are kept, if that is a file of its own.
pub fn config_key_store(raw: &RawOptions) -> Result<Option<StoreFile>, UsageError> {
    let text = |name: &str| raw.get(name).map(|given| given.value.reveal());
    let Some(path) = text("config-keystore").filter(|path| !path.is_empty()) else {
        return Ok(None);
    };
    let kind = text("config-keystore-type").unwrap_or("PKCS12");
    if !kind.eq_ignore_ascii_case("PKCS12") {
        return Err(https::only_java(Path::new(path), "config-keystore-type"));
    }
    let Some(given) = raw.get("config-keystore-password") else {
        return Err(UsageError(
            "config-keystore-password must be specified when config-keystore is".to_owned(),
        ));
    };
    Ok(Some(StoreFile {
        path: path.into(),
        password: given.value.clone(),
    }))
}

/// Says what is probably a mistake of whoever serves the public without TLS.
fn check_plain(hostname: &Hostname, proxy: bool, notices: &mut Notices) {
    let open = match hostname {
        Hostname::OfRequest => !proxy,
        Hostname::Name(name) => !proxy && !hostname::is_local(name),
        Hostname::Url { scheme, .. } => {
            if scheme == "https" && !proxy {
                notices.warn(
                    "hostname is an https URL but proxy-headers is not set: the addresses of \
                     callers, and whether they used TLS, cannot be known behind a proxy"
                        .to_owned(),
                );
            }
            scheme == "http" && !hostname.is_local()
        }
    };
    if open {
        notices.warn(
            "the server is reached over plain HTTP and proxy-headers is not set: browsers will not \
             keep its cookies, and passwords can be read on the way"
                .to_owned(),
        );
    }
}

impl Http {
    fn check(
        values: &Values<'_>,
        mode: Mode,
        home: &Path,
        notices: &mut Notices,
    ) -> Result<Self, UsageError> {
        let everywhere = values.environment_says_container() || mode != Mode::Development;
        let default = if everywhere { "0.0.0.0" } else { "localhost" };
        let queued = values.count("http-max-queued-requests")?;
        let max_requests = match (queued, values.count("http-pool-max-threads")?) {
            (Some(queued), threads) => {
                Some(queued.saturating_add(threads.unwrap_or_else(default_pool)))
            }
            (None, _) => None,
        };
        let plain = mode == Mode::Development || values.flag("http-enabled")?;
        let port = plain.then(|| values.port("http-port")).transpose()?;
        let tls = match mode {
            Mode::Development | Mode::Production => Tls::public(values, home, notices)?,
            Mode::Offline => None,
        };
        if mode == Mode::Production && port.is_none() && tls.is_none() {
            return Err(UsageError(NO_KEYS.to_owned()));
        }
        let https_port = values.port("https-port")?;
        Ok(Self {
            host: values.text("http-host").unwrap_or(default).to_owned(),
            port,
            https: tls.map(|tls| (https_port, tls)),
            max_requests,
        })
    }
}

/// Keycloak's number of worker threads, which its queue adds to.
fn default_pool() -> usize {
    std::thread::available_parallelism().map_or(50, |cores| (cores.get() * 4).max(50))
}

impl Observe {
    fn check(values: &Values<'_>) -> Result<Self, UsageError> {
        let legacy = values.flag("legacy-observability-interface")?;
        let port = |public: bool| {
            if public {
                Port::Public
            } else {
                Port::Management
            }
        };
        let health = values.flag("health-enabled")?;
        let health_on_management = values.flag("http-management-health-enabled")?;
        let metrics = values.flag("metrics-enabled")?;
        Ok(Self {
            health: health.then(|| port(legacy || !health_on_management)),
            metrics: metrics.then(|| port(legacy)),
        })
    }

    fn needs_listener(self) -> bool {
        [self.health, self.metrics].contains(&Some(Port::Management))
    }
}

impl Management {
    fn check(
        values: &Values<'_>,
        http: &Http,
        home: &Path,
        notices: &mut Notices,
    ) -> Result<Self, UsageError> {
        let host = values
            .text("http-management-host")
            .unwrap_or(&http.host)
            .to_owned();
        let port = values.port("http-management-port")?;
        let own = "http-management-relative-path";
        let path = if values.is_given(own) {
            hostname::base_path(own, values.text(own).unwrap_or_default())?
        } else {
            hostname::relative_path(values)?.unwrap_or_default()
        };
        Ok(Self {
            host,
            port,
            path,
            tls: Tls::management(values, home, notices)?,
        })
    }
}

impl Shutdown {
    fn check(values: &Values<'_>) -> Result<Self, UsageError> {
        Ok(Self {
            delay: values.duration("shutdown-delay")?,
            timeout: values.duration("shutdown-timeout")?,
        })
    }
}

impl Bootstrap {
    fn check(values: &Values<'_>, notices: &mut Notices) -> Self {
        let mut pair = |name: &str, secret_name: &str| {
            let secret = values
                .secret(secret_name)
                .filter(|secret| !secret.is_empty());
            if secret.is_none() && values.is_given(name) {
                notices.warn(format!("option {name} has no effect without {secret_name}"));
            }
            let name = values.text(name).unwrap_or_default().trim().to_owned();
            secret
                .filter(|_| !name.is_empty())
                .map(|secret| (name, secret))
        };
        Self {
            user: pair("bootstrap-admin-username", "bootstrap-admin-password"),
            service: pair("bootstrap-admin-client-id", "bootstrap-admin-client-secret"),
        }
    }
}

#[cfg(test)]
mod tests;
