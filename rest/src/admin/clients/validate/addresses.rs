//! The addresses of a client: where browsers are sent, and what this server calls.

use claviger_engine::profile::uri;
use claviger_wire::client::OPENID_CONNECT;
use claviger_wire::document::Json;
use claviger_wire::fields::Fields;

use super::super::body::{SAML, text};
use super::Attributes;

/// Stands for this server's own address while relative addresses are checked.
const BASE: &str = "https://localhost/auth";

/// How an address is checked.
struct Address {
    /// How messages call it.
    name: &'static str,
    /// What it must be in the end, as messages call that.
    noun: &'static str,
    /// Whether it must be a URL that a program can open.
    url: bool,
    /// Whether it must not have a fragment.
    no_fragment: bool,
}

impl Address {
    const fn url(name: &'static str) -> Self {
        Self {
            name,
            noun: "URL",
            url: true,
            no_fragment: false,
        }
    }

    const fn redirect(name: &'static str) -> Self {
        Self {
            name,
            noun: "URI",
            url: false,
            no_fragment: true,
        }
    }

    fn check(&self, address: &str, problems: &mut Vec<String>) {
        if address.is_empty() {
            return;
        }
        let before = problems.len();
        let Ok(parsed) = uri::parse(address) else {
            problems.push(self.invalid());
            return;
        };
        let scheme = parsed.scheme.unwrap_or_default();
        // A browser would run these as script (RFC 9700 §4.1).
        if ["data", "javascript"]
            .iter()
            .any(|bad| scheme.eq_ignore_ascii_case(bad))
        {
            problems.push(format!("{} uses an illegal scheme", self.name));
        }
        if self.no_fragment && parsed.fragment.is_some() {
            problems.push(format!("{} must not contain an URL fragment", self.name));
        }
        if self.url && problems.len() == before && parsed.not_a_url().is_some() {
            problems.push(self.invalid());
        }
    }

    fn invalid(&self) -> String {
        format!("{} is not a valid {}", self.name, self.noun)
    }
}

/// Attributes of SAML clients that are addresses.
const SAML_ADDRESSES: &[(&str, &str)] = &[
    (
        "saml_assertion_consumer_url_post",
        "Assertion Consumer Service POST Binding URL",
    ),
    (
        "saml_assertion_consumer_url_redirect",
        "Assertion Consumer Service Redirect Binding URL",
    ),
    ("saml_artifact_binding_url", "Artifact Binding URL"),
    (
        "saml_single_logout_service_url_post",
        "Logout Service POST Binding URL",
    ),
    (
        "saml_single_logout_service_url_artifact",
        "Logout Service ARTIFACT Binding URL",
    ),
    (
        "saml_single_logout_service_url_redirect",
        "Logout Service Redirect Binding URL",
    ),
    (
        "saml_single_logout_service_url_soap",
        "Logout Service SOAP Binding URL",
    ),
    (
        "saml_artifact_resolution_service_url",
        "Artifact Resolution Service",
    ),
    ("saml.metadata.url", "Metadata descriptor URL"),
];

/// An address as it will be used: relative ones are below a root, or this server.
fn resolved(root: &str, address: &str) -> String {
    match address.strip_prefix('/') {
        None => address.to_owned(),
        Some(_) if !root.is_empty() => format!("{root}{address}"),
        // Paths of this server are encoded when they are used: all of them are good.
        Some(_) => BASE.to_owned(),
    }
}

/// Tells which addresses a client must not have.
pub(super) fn check(body: &Json, problems: &mut Vec<String>) {
    let attributes = Attributes::of(body);
    let root = match text(body, "rootUrl") {
        "${authBaseUrl}" | "${authAdminUrl}" => BASE,
        other => other,
    };
    let root_rule = Address {
        no_fragment: true,
        ..Address::url("Root URL")
    };
    root_rule.check(root, problems);
    Address::url("Base URL").check(&resolved(BASE, text(body, "baseUrl")), problems);
    let backchannel = resolved(BASE, attributes.text("backchannel.logout.url"));
    let rule = Address::url("Backchannel logout URL");
    if balanced(&backchannel) {
        rule.check(
            &backchannel.replace('{', "%7B").replace('}', "%7D"),
            problems,
        );
    } else {
        problems.push(rule.invalid());
    }
    for redirect in Fields::of(body).texts("redirectUris") {
        Address::redirect("A redirect URI").check(&resolved(root, &redirect), problems);
    }
    for redirect in attributes.list("post.logout.redirect.uris") {
        if !["+", "-", "*"].contains(&redirect) {
            let rule = Address::redirect("A post-logout redirect URI");
            rule.check(&resolved(root, redirect), problems);
        }
    }
    for request in attributes.list("request.uris") {
        request_uri(&resolved(root, request), problems);
    }
    if text(body, "protocol") == OPENID_CONNECT {
        let admin = resolved(root, text(body, "adminUrl"));
        let admin = admin.replace("${application.session.host}", "localhost");
        Address::url("Admin URL").check(&admin, problems);
    }
    for (name, rule) in [
        ("jwks.url", Address::url("JWKS URL")),
        (
            "frontchannel.logout.url",
            Address::url("Front-channel logout URL"),
        ),
    ] {
        rule.check(&resolved(root, attributes.text(name)), problems);
    }
    logo(attributes.text("logoUri"), problems);
    Address::url("Policy URL").check(attributes.text("policyUri"), problems);
    Address::url("Terms of service URL").check(attributes.text("tosUri"), problems);
    if text(body, "protocol") == SAML {
        Address::url("Master SAML Processing URL").check(text(body, "adminUrl"), problems);
        for (name, label) in SAML_ADDRESSES {
            Address::url(label).check(attributes.text(name), problems);
        }
    }
}

fn request_uri(address: &str, problems: &mut Vec<String>) {
    let Ok(parsed) = uri::parse(address) else {
        problems.push("Valid request URIs has an invalid value".to_owned());
        return;
    };
    let scheme = parsed.scheme.unwrap_or_default();
    if ["data", "javascript"]
        .iter()
        .any(|bad| scheme.eq_ignore_ascii_case(bad))
    {
        problems.push("Valid request URIs has a value with illegal scheme".to_owned());
    }
}

/// A logo may be data: it is only ever shown.
fn logo(address: &str, problems: &mut Vec<String>) {
    match uri::parse(address) {
        Err(_) => problems.push("Logo URL is not a valid URL".to_owned()),
        Ok(parsed)
            if parsed
                .scheme
                .is_some_and(|scheme| scheme.eq_ignore_ascii_case("javascript")) =>
        {
            problems.push("Logo URL uses an illegal scheme".to_owned());
        }
        Ok(_) => {}
    }
}

/// Whether every `{` is closed by a later `}`.
fn balanced(text: &str) -> bool {
    let mut open = 0_usize;
    for c in text.chars() {
        match c {
            '{' => open += 1,
            '}' if open == 0 => return false,
            '}' => open -= 1,
            _ => {}
        }
    }
    open == 0
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn told(body: &Value) -> Vec<String> {
        let mut client = body.as_object().unwrap().clone();
        client
            .entry("protocol")
            .or_insert_with(|| OPENID_CONNECT.into());
        let mut problems = Vec::new();
        check(&client, &mut problems);
        problems
    }

    #[test]
    fn addresses_are_checked_in_keycloaks_words() {
        for (body, problem) in [
            (
                json!({"rootUrl": "javascript:alert(1)"}),
                "Root URL uses an illegal scheme",
            ),
            (
                json!({"rootUrl": "http://a/#b"}),
                "Root URL must not contain an URL fragment",
            ),
            (json!({"rootUrl": "foo"}), "Root URL is not a valid URL"),
            (
                json!({"baseUrl": "http://b b"}),
                "Base URL is not a valid URL",
            ),
            (json!({"adminUrl": "foo"}), "Admin URL is not a valid URL"),
            (
                json!({"redirectUris": ["data:x"]}),
                "A redirect URI uses an illegal scheme",
            ),
            (
                json!({"redirectUris": ["http://x/#f"]}),
                "A redirect URI must not contain an URL fragment",
            ),
            (
                json!({"redirectUris": ["http://a b"]}),
                "A redirect URI is not a valid URI",
            ),
            (
                json!({"attributes": {"post.logout.redirect.uris": "+##javascript:x"}}),
                "A post-logout redirect URI uses an illegal scheme",
            ),
            (
                json!({"attributes": {"backchannel.logout.url": "nonsense"}}),
                "Backchannel logout URL is not a valid URL",
            ),
            (
                json!({"attributes": {"backchannel.logout.url": "http://}a{/"}}),
                "Backchannel logout URL is not a valid URL",
            ),
            (
                json!({"attributes": {"request.uris": "javascript:x"}}),
                "Valid request URIs has a value with illegal scheme",
            ),
            (
                json!({"attributes": {"logoUri": "javascript:x"}}),
                "Logo URL uses an illegal scheme",
            ),
            (
                json!({"attributes": {"jwks.url": "x"}}),
                "JWKS URL is not a valid URL",
            ),
            (
                json!({"protocol": "saml", "attributes": {"saml.metadata.url": "x"}}),
                "Metadata descriptor URL is not a valid URL",
            ),
        ] {
            assert_eq!(told(&body), [problem], "{body}");
        }
    }

    #[test]
    fn good_addresses_pass() {
        for body in [
            json!({"rootUrl": "${authBaseUrl}", "baseUrl": "/x", "adminUrl": "/k"}),
            json!({"redirectUris": ["http://a/*", "/rel b", "*", "com.app:/cb", "http://*"]}),
            json!({"attributes": {"backchannel.logout.url": "http://{a}.b/{c}"}}),
            json!({"attributes": {"logoUri": "data:image/png;base64,AA", "tosUri": ""}}),
            json!({"attributes": {"post.logout.redirect.uris": "+##/bye"}}),
            json!({"adminUrl": "http://${application.session.host}/k", "webOrigins": ["a b"]}),
        ] {
            assert_eq!(told(&body), Vec::<String>::new(), "{body}");
        }
    }
}
