//! What machine a session began on, as its browser said (`User-Agent`).

use claviger_engine::session::USER_AGENT_NOTE;
use claviger_model::UserSession;
use serde_json::{Value, json};
use woothee::parser::Parser;

const OTHER: &str = "Other";
const UNKNOWN: &str = "Unknown";
/// Parts of a version that are told.
const VERSION_PARTS: usize = 3;

/// A machine. Whoever wants to can call itself by another name.
pub(super) struct Device {
    pub(super) os: String,
    pub(super) os_version: String,
    /// Name and version; none if nothing was said.
    pub(super) browser: Option<String>,
    family: &'static str,
    is_mobile: bool,
}

impl Device {
    /// Of a session.
    pub(super) fn of(session: &UserSession) -> Self {
        let said = session.notes.get(USER_AGENT_NOTE);
        said.map_or_else(Self::unknown, |said| Self::read(said))
    }

    fn unknown() -> Self {
        Self {
            os: OTHER.to_owned(),
            os_version: UNKNOWN.to_owned(),
            browser: None,
            family: OTHER,
            is_mobile: false,
        }
    }

    fn read(said: &str) -> Self {
        let is_mobile = said.to_ascii_lowercase().contains("mobile");
        let Some(found) = Parser::new().parse(said) else {
            return Self {
                browser: Some(format!("{OTHER}/{UNKNOWN}")),
                is_mobile,
                ..Self::unknown()
            };
        };
        let known = |text: &str| !text.is_empty() && text != "UNKNOWN";
        let (os, version) = match found.os {
            "Mac OSX" => ("Mac OS X", &*found.os_version),
            "iPhone" | "iPad" | "iPod" => ("iOS", &*found.os_version),
            windows if windows.starts_with("Windows ") => {
                let name = windows.trim_start_matches("Windows ");
                ("Windows", name)
            }
            os if known(os) => (os, &*found.os_version),
            _ => (OTHER, UNKNOWN),
        };
        let family = match found.os {
            "Mac OSX" => "Mac",
            "iPhone" => "iPhone",
            "iPad" => "iPad",
            "iPod" => "iPod",
            _ => OTHER,
        };
        // Programs that are no browsers name themselves first, as `curl/8.1` (RFC 9110 §10.1.5).
        let product = said.split(' ').next().and_then(|text| text.split_once('/'));
        let (name, version_of_browser) = match product {
            Some(product) if found.name == "HTTP Library" => product,
            _ => (found.name, found.version),
        };
        let number = |text: &str| {
            let is_number = known(text) && text.starts_with(|first: char| first.is_ascii_digit());
            let parts = text.split('.').take(VERSION_PARTS);
            if is_number {
                parts.collect::<Vec<_>>().join(".")
            } else {
                UNKNOWN.to_owned()
            }
        };
        let name = if known(name) { name } else { OTHER };
        Self {
            os: os.to_owned(),
            os_version: number(version),
            browser: Some(format!("{name}/{}", number(version_of_browser))),
            family,
            is_mobile,
        }
    }

    /// `DeviceRepresentation`, without its sessions.
    pub(super) fn told(&self) -> Value {
        json!({
            "os": self.os,
            "osVersion": self.os_version,
            "device": self.family,
            "mobile": self.is_mobile,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Device;

    #[test]
    fn machines_are_known_by_what_their_browsers_say() {
        for (said, os, version, browser) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
                "Linux",
                "Unknown",
                "Chrome/126.0.0",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0",
                "Windows",
                "10",
                "Firefox/128.0",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 Version/17.5 Mobile/15E148 Safari/604.1",
                "iOS",
                "17.5",
                "Safari/17.5",
            ),
            ("curl/8.1", "Other", "Unknown", "curl/8.1"),
            ("\u{0}<script>", "Other", "Unknown", "Other/Unknown"),
        ] {
            let device = Device::read(said);
            let told = (&*device.os, &*device.os_version, device.browser.as_deref());
            assert_eq!(told, (os, version, Some(browser)), "{said}");
        }
    }
}
