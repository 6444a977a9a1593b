//! Under which address the server is known, and under which paths it is served.

use std::net::IpAddr;

use url::{Host, Url};

use super::value::Values;
use super::{Mode, UsageError};

/// The path of releases before 17, which many clients still have in their settings.
const LEGACY_PATH: &str = "/auth";

/// Where links, issuers and redirects point to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hostname {
    /// To the host that the request names. An attacker can choose it where nothing in front of the
    /// server does: production asks for a name, or for the word that this is meant.
    OfRequest,
    /// To this host, with scheme and port of the request.
    Name(String),
    /// To this URL, whatever the request says.
    Url {
        /// `http` or `https`.
        scheme: String,
        /// Host and, unless it is the scheme's own, port.
        authority: String,
        /// `""` or `"/x"`, as callers see it.
        path: String,
    },
}

impl Hostname {
    /// Reads `hostname` and `hostname-strict`.
    pub(super) fn check(values: &Values<'_>, mode: Mode) -> Result<Self, UsageError> {
        let Some(text) = values.text("hostname") else {
            let strict = mode == Mode::Production && values.flag("hostname-strict")?;
            if strict {
                return Err(UsageError(
                    "hostname is not configured; either configure hostname, or set hostname-strict \
                     to false"
                        .to_owned(),
                ));
            }
            return Ok(Self::OfRequest);
        };
        Self::read(text).ok_or_else(|| {
            UsageError("Provided hostname is neither a plain hostname nor a valid URL".to_owned())
        })
    }

    fn read(text: &str) -> Option<Self> {
        if !text.starts_with("http://") && !text.starts_with("https://") {
            let plain = |host: &Host| host.to_string() == text.to_lowercase();
            return Host::parse(text)
                .ok()
                .filter(plain)
                .map(|_| Self::Name(text.to_owned()));
        }
        let url = Url::parse(text).ok()?;
        let bare = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if !bare {
            return None;
        }
        let host = url.host_str().filter(|host| !host.is_empty())?;
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let path = url.path().trim_end_matches('/');
        if path.contains("//") || path.contains([';', '%']) {
            return None;
        }
        Some(Self::Url {
            scheme: url.scheme().to_owned(),
            authority,
            path: path.to_owned(),
        })
    }

    /// The base address of which all is known, without a slash at the end.
    pub fn url(&self) -> Option<String> {
        match self {
            Self::OfRequest | Self::Name(_) => None,
            Self::Url {
                scheme,
                authority,
                path,
            } => Some(format!("{scheme}://{authority}{path}")),
        }
    }

    /// Whether the name leads to this machine only.
    pub fn is_local(&self) -> bool {
        match self {
            Self::OfRequest => false,
            Self::Name(name) => is_local(name),
            Self::Url { authority, .. } => is_local(
                authority
                    .rsplit_once(':')
                    .map_or(authority, |(host, _)| host),
            ),
        }
    }
}

/// What is not where the rest is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Elsewhere {
    /// The base address of the administration console.
    pub admin: Option<String>,
    /// Whether clients are told to call endpoints where they sent their request.
    pub backchannel_dynamic: bool,
}

impl Elsewhere {
    /// Reads `hostname-admin` and `hostname-backchannel-dynamic`. Both need a whole URL in
    /// `hostname`, or a request could move parts of what browsers are shown.
    pub(super) fn check(values: &Values<'_>, hostname: &Hostname) -> Result<Self, UsageError> {
        let refused = |text: &str| Err(UsageError(text.to_owned()));
        let whole = matches!(hostname, Hostname::Url { .. });
        let admin = match values.text("hostname-admin").map(Hostname::read) {
            None => None,
            Some(Some(Hostname::Url {
                scheme,
                authority,
                path,
            })) => Some(format!("{scheme}://{authority}{path}")),
            Some(_) => return refused("Provided hostname-admin is not a valid URL"),
        };
        if admin.is_some() && !whole {
            return refused("hostname must be set to a URL when hostname-admin is set");
        }
        let backchannel_dynamic = values.flag("hostname-backchannel-dynamic")?;
        if backchannel_dynamic && !whole {
            return refused(
                "hostname-backchannel-dynamic must be set to false if hostname is not provided as \
                 full URL",
            );
        }
        Ok(Self {
            admin,
            backchannel_dynamic,
        })
    }
}

/// Whether browsers treat plain HTTP to this host as safe.
pub fn is_local(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
    let local = host == "localhost" || host.ends_with(".localhost");
    local
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Paths under which the same routes are served, `""` or `"/x"` each; the longest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mounts(Vec<String>);

impl Mounts {
    /// `""` and `/auth` at once, unless somebody says where the server is: by `http-relative-path`,
    /// or by `hostname`. A path of `hostname` is served with and without it, for a proxy may cut
    /// it off.
    pub(super) fn check(values: &Values<'_>, hostname: &Hostname) -> Result<Self, UsageError> {
        let asked = relative_path(values)?;
        let paths = match (asked, hostname) {
            (Some(path), _) => vec![path],
            (None, Hostname::Url { path, .. }) if path.is_empty() => vec![String::new()],
            (None, Hostname::Url { path, .. }) => vec![path.clone(), String::new()],
            (None, Hostname::Name(_)) => vec![String::new()],
            (None, Hostname::OfRequest) => vec![LEGACY_PATH.to_owned(), String::new()],
        };
        Ok(Self(paths))
    }

    /// These paths, the longest first.
    #[cfg(test)]
    pub fn of(paths: &[&str]) -> Self {
        Self(paths.iter().map(|path| (*path).to_owned()).collect())
    }

    /// All paths, the longest first.
    pub fn paths(&self) -> &[String] {
        &self.0
    }

    /// Splits a request's path into the base path and the rest, which begins with a slash.
    pub fn split<'a>(&'a self, path: &'a str) -> Option<(&'a str, &'a str)> {
        self.0.iter().find_map(|mount| {
            let rest = path.strip_prefix(mount.as_str())?;
            match rest {
                "" => Some((mount.as_str(), "/")),
                _ if rest.starts_with('/') => Some((mount.as_str(), rest)),
                _ => None,
            }
        })
    }
}

/// `http-relative-path`, if somebody gave it.
pub(super) fn relative_path(values: &Values<'_>) -> Result<Option<String>, UsageError> {
    let given = values.is_given("http-relative-path");
    let path = values.text("http-relative-path").unwrap_or_default();
    given
        .then(|| base_path("http-relative-path", path))
        .transpose()
}

/// A path in the form `""` or `"/x"`.
pub(super) fn base_path(option: &str, text: &str) -> Result<String, UsageError> {
    let path = text.trim().trim_matches('/');
    let segment = |segment: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
        !segment.is_empty() && segment.chars().all(plain) && segment != "." && segment != ".."
    };
    if path.is_empty() {
        return Ok(String::new());
    }
    if !path.split('/').all(segment) {
        let text = format!(
            "Invalid value for option '--{option}': {text}. Expected a path of letters, digits and \
             -._~, such as /auth"
        );
        return Err(UsageError(text));
    }
    Ok(format!("/{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_urls_are_told_apart() {
        let url = |scheme: &str, authority: &str, path: &str| {
            let (scheme, authority) = (scheme.to_owned(), authority.to_owned());
            Some(Hostname::Url {
                scheme,
                authority,
                path: path.to_owned(),
            })
        };
        let name = |name: &str| Some(Hostname::Name(name.to_owned()));
        let cases = [
            ("id.example", name("id.example")),
            ("ID.Example", name("ID.Example")),
            ("127.0.0.1", name("127.0.0.1")),
            ("[::1]", name("[::1]")),
            ("https://id.example", url("https", "id.example", "")),
            ("https://id.example/", url("https", "id.example", "")),
            (
                "https://id.example:443/auth/",
                url("https", "id.example", "/auth"),
            ),
            (
                "http://id.example:8080/a/b",
                url("http", "id.example:8080", "/a/b"),
            ),
            ("http://[::1]:81", url("http", "[::1]:81", "")),
            ("id.example:8080", None),
            ("id.example/auth", None),
            ("user@id.example", None),
            ("a b", None),
            ("", None),
            ("https://", None),
            ("https://u:p@id.example", None),
            ("https://id.example?x", None),
            ("https://id.example/#x", None),
            ("https://id.example:99999", None),
            ("ftp://id.example", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Hostname::read(text), expected, "{text}");
        }
    }

    #[test]
    fn paths_are_split_at_the_mount() {
        let both = Mounts::of(&["/auth", ""]);
        let cases = [
            ("/realms/shop", Some(("", "/realms/shop"))),
            ("/auth/realms/shop", Some(("/auth", "/realms/shop"))),
            ("/auth", Some(("/auth", "/"))),
            ("/auth/", Some(("/auth", "/"))),
            ("/authority", Some(("", "/authority"))),
            ("/", Some(("", "/"))),
        ];
        for (path, expected) in cases {
            assert_eq!(both.split(path), expected, "{path}");
        }
        let one = Mounts::of(&["/kc"]);
        assert_eq!(one.split("/kc/realms"), Some(("/kc", "/realms")));
        assert_eq!(one.split("/realms"), None);
    }

    #[test]
    fn base_paths_are_plain() {
        for (text, path) in [("/", ""), ("", ""), ("auth", "/auth"), ("/a/b/", "/a/b")] {
            assert_eq!(base_path("p", text).ok().as_deref(), Some(path), "{text}");
        }
        for text in ["/a//b", "/../x", "/a?b", "/a;b", "/ä", "/{x}", "/%41"] {
            assert!(base_path("p", text).is_err(), "{text}");
        }
    }

    #[test]
    fn loopback_names_are_local() {
        for host in [
            "localhost",
            "a.localhost",
            "127.0.0.1",
            "[::1]",
            "::1",
            "LOCALHOST",
        ] {
            assert!(is_local(host), "{host}");
        }
        for host in ["example.com", "localhost.example", "10.0.0.1"] {
            assert!(!is_local(host), "{host}");
        }
    }
}
