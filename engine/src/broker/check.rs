//! Whether the settings of an identity provider can be used, by the rules of its kind.

use std::collections::HashSet;

use claviger_wire::broker::{Family, Usage, provider};
use claviger_wire::document::{Document, Json};
use claviger_wire::fields::Fields;
use claviger_wire::realm::SslRequired;
use serde_json::{Value, json};
use url::{Host, Url};

use super::setting;
use crate::App;
use crate::request::is_local;

/// Google's issuer, which nobody has to say.
const GOOGLE: &str = "https://accounts.google.com";
/// The issuer of a cluster that does not say otherwise.
const CLUSTER: &str = "https://kubernetes.default.svc.cluster.local";
/// Schemes that Java knows besides those of the web: an address with another is no address to it.
const OTHER_SCHEMES: [&str; 4] = ["file", "ftp", "jar", "mailto"];
/// Format of a name that lasts for one session only (SAML 2.0 core, §8.3.8).
const TRANSIENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";
/// All settings that are addresses, whatever the kind.
const ADDRESSES: [&str; 11] = [
    "authorizationUrl",
    "tokenUrl",
    "userInfoUrl",
    "tokenIntrospectionUrl",
    "jwksUrl",
    "logoutUrl",
    "issuer",
    "singleLogoutServiceUrl",
    "singleSignOnServiceUrl",
    "metadataDescriptorUrl",
    "artifactResolutionServiceUrl",
];

/// What is wrong with an identity provider, in Keycloak's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unfit(pub String);

fn unfit(text: impl Into<String>) -> Unfit {
    Unfit(text.into())
}

/// Whom a realm lets call, and be called, without TLS.
#[derive(Clone, Debug)]
pub struct Plain {
    required: SslRequired,
    /// Names of hosts that are in a private network.
    near: HashSet<String>,
}

impl Plain {
    /// Looks up the hosts of a provider's addresses as far as it matters where they are.
    pub async fn of(app: &App, required: SslRequired, body: &Json) -> Self {
        let mut near = HashSet::new();
        if required == SslRequired::External {
            for host in plain_hosts(body) {
                let found = app.network.addresses(host.clone()).await;
                if found.is_ok_and(|all| !all.is_empty() && all.into_iter().all(is_local)) {
                    near.insert(host);
                }
            }
        }
        Self { required, near }
    }

    fn allows(&self, url: &Url) -> bool {
        match self.required {
            SslRequired::None => true,
            SslRequired::All => false,
            SslRequired::External => match url.host() {
                Some(Host::Domain(name)) => name == "localhost" || self.near.contains(name),
                Some(Host::Ipv4(address)) => is_local(address.into()),
                Some(Host::Ipv6(address)) => is_local(address.into()),
                None => false,
            },
        }
    }
}

/// The names of hosts in addresses without TLS.
fn plain_hosts(body: &Json) -> HashSet<String> {
    let addresses = ADDRESSES.iter().filter_map(|name| setting(body, name));
    let plain = addresses
        .filter_map(|address| Url::parse(address).ok())
        .filter(|url| url.scheme() == "http");
    plain
        .filter_map(|url| url.domain().map(str::to_owned))
        .collect()
}

/// Puts in what a kind of provider always has.
pub(super) fn complete(body: &mut Json) {
    let kind = Fields::of(body).text("providerId");
    let family = kind.as_deref().and_then(provider);
    let default = match family.map(|provider| provider.family) {
        Some(Family::Google) => GOOGLE,
        Some(Family::Kubernetes) => {
            body.insert("hideOnLogin".to_owned(), json!(true));
            CLUSTER
        }
        _ => return,
    };
    if let Some(Value::Object(config)) = body.get_mut("config") {
        config.entry("issuer").or_insert(json!(default));
    }
}

/// Refuses settings that cannot be used. `is_flow` knows the realm's flows by alias.
pub fn check(body: &Json, plain: &Plain, is_flow: impl Fn(&str) -> bool) -> Result<(), Unfit> {
    let kind = Fields::of(body).text("providerId");
    let Some(known) = kind.as_deref().and_then(provider) else {
        let kind = kind.as_deref().unwrap_or("null");
        return Err(unfit(format!("Invalid identity provider id [{kind}]")));
    };
    for member in ["firstBrokerLoginFlowAlias", "postBrokerLoginFlowAlias"] {
        if let Some(flow) = Fields::of(body).str(member)
            && !is_flow(flow)
        {
            let text = format!("No available authentication flow with alias: {flow}");
            return Err(unfit(text));
        }
    }
    let settings = Settings { body, plain };
    match known.family {
        Family::OAuth2 => settings.oauth2(),
        Family::Generic => settings.generic(),
        Family::OpenIdConnect => settings.openid_connect(),
        Family::Google => settings.google(),
        Family::Saml => settings.saml(),
        Family::Kubernetes => settings.issuer(),
        Family::JwtGrant => {
            settings.addresses(&[("jwksUrl", "jwksUrl")])?;
            settings.issuer()
        }
    }
}

/// For what an enabled provider has to be the only one of its issuer.
pub fn issues(body: &Json) -> Vec<Usage> {
    let kind = Fields::of(body).text("providerId");
    let Some(known) = kind.as_deref().and_then(provider) else {
        return Vec::new();
    };
    let usages = [
        (Usage::JwtAuthorizationGrant, "jwtAuthorizationGrantEnabled"),
        (Usage::ClientAssertion, "supportsClientAssertions"),
    ];
    let issues = |(usage, switch): &(Usage, &str)| match known.family {
        Family::OpenIdConnect | Family::Google => {
            known.serves(&[Usage::JwtAuthorizationGrant]) && is_on(body, switch)
        }
        Family::Kubernetes | Family::JwtGrant => known.types.contains(usage),
        Family::OAuth2 | Family::Generic | Family::Saml => false,
    };
    let on = usages.iter().filter(|usage| issues(usage));
    on.map(|(usage, _)| *usage).collect()
}

/// Refuses a second provider with the issuer of another one, where the issuer alone says who is meant.
pub fn alone(body: &Json, id: &str, others: &[Document]) -> Result<(), Unfit> {
    let usages = issues(body);
    let Some(issuer) = setting(body, "issuer") else {
        return Ok(());
    };
    if usages.is_empty() || !Fields::of(body).flag("enabled", true) {
        return Ok(());
    }
    let same = |other: &&Document| {
        other.id != id
            && other.enabled
            && setting(&other.body, "issuer") == Some(issuer)
            && issues(&other.body)
                .iter()
                .any(|usage| usages.contains(usage))
    };
    match others.iter().find(same) {
        None => Ok(()),
        Some(other) => Err(unfit(format!(
            "Issuer URL already used for IDP '{}', Issuer must be unique if the idp supports JWT \
             Authorization Grant or Federated Client Authentication",
            other.unique_name
        ))),
    }
}

fn is_on(body: &Json, name: &str) -> bool {
    setting(body, name).is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

struct Settings<'a> {
    body: &'a Json,
    plain: &'a Plain,
}

impl Settings<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        setting(self.body, name)
    }

    fn is_on(&self, name: &str) -> bool {
        is_on(self.body, name)
    }

    /// Refuses addresses that could not be called; each setting with the name that errors call it.
    fn addresses(&self, settings: &[(&str, &str)]) -> Result<(), Unfit> {
        for (setting, name) in settings {
            if let Some(address) = self.get(setting) {
                self.address(address, name)?;
            }
        }
        Ok(())
    }

    fn address(&self, address: &str, name: &str) -> Result<(), Unfit> {
        let malformed = || unfit(format!("The url [{name}] is malformed"));
        let url = Url::parse(address).map_err(|_| malformed())?;
        match url.scheme() {
            "https" => Ok(()),
            "http" if self.plain.allows(&url) => Ok(()),
            "http" => {
                let text = format!("The url [{name}] requires secure connections");
                Err(unfit(text))
            }
            other if OTHER_SCHEMES.contains(&other) => {
                let text = format!("Invalid protocol/scheme for url [{name}]");
                Err(unfit(text))
            }
            _ => Err(malformed()),
        }
    }

    fn oauth2(&self) -> Result<(), Unfit> {
        self.addresses(&[
            ("authorizationUrl", "authorization_url"),
            ("tokenUrl", "token_url"),
            ("userInfoUrl", "userinfo_url"),
            ("tokenIntrospectionUrl", "tokenIntrospection_url"),
        ])?;
        let method = self.get("pkceMethod");
        if self.is_on("pkceEnabled") && !matches!(method, Some("plain" | "S256")) {
            let method = method.unwrap_or("null");
            return Err(unfit(format!("PKCE Method not supported: {method}")));
        }
        Ok(())
    }

    fn generic(&self) -> Result<(), Unfit> {
        if self
            .get("userInfoUrl")
            .is_none_or(|url| url.trim().is_empty())
        {
            return Err(unfit("User Info URL not provided"));
        }
        for (name, text) in [
            ("userIDClaim", "User ID Claim not provided"),
            ("userNameClaim", "User Name Claim not provided"),
            ("emailClaim", "User Email Claim not provided"),
        ] {
            if self.get(name).is_some_and(|claim| claim.trim().is_empty()) {
                return Err(unfit(text));
            }
        }
        self.oauth2()
    }

    fn openid_connect(&self) -> Result<(), Unfit> {
        self.oauth2()?;
        self.addresses(&[("jwksUrl", "jwks_url"), ("logoutUrl", "logout_url")])?;
        let needs_keys = [
            ("validateSignature", "Validate signatures"),
            ("jwtAuthorizationGrantEnabled", "JWT Authorization Grant"),
            ("supportsClientAssertions", "Supports client assertions"),
        ];
        if let Some((_, why)) = needs_keys.iter().find(|(name, _)| self.is_on(name)) {
            if self.is_on("useJwksUrl") {
                if self.get("jwksUrl").is_none() {
                    return Err(unfit(format!(
                        "JWKS URL is required when '{why}' enabled and 'Use JWKS URL' enabled"
                    )));
                }
            } else if self.get("publicKeySignatureVerifier").is_none() {
                return Err(unfit(format!(
                    "The 'Validating public key' is required when '{why}' enabled and 'Use JWKS \
                     URL' disabled"
                )));
            }
        }
        if self.is_on("jwtAuthorizationGrantEnabled") || self.is_on("supportsClientAssertions") {
            self.issuer()?;
        }
        Ok(())
    }

    fn google(&self) -> Result<(), Unfit> {
        let issuer = self.get("issuer").unwrap_or_default();
        if issuer != GOOGLE {
            return Err(unfit(format!("The issuer url [{issuer}] is invalid")));
        }
        Ok(())
    }

    fn issuer(&self) -> Result<(), Unfit> {
        match self.get("issuer") {
            Some(issuer) => self.address(issuer, "Issuer"),
            None => Err(unfit("Issuer is required")),
        }
    }

    fn saml(&self) -> Result<(), Unfit> {
        let filled = |name: &str| self.get(name).filter(|text| !text.trim().is_empty());
        self.addresses(&[
            ("singleLogoutServiceUrl", "singleLogoutServiceUrl"),
            ("singleSignOnServiceUrl", "singleSignOnServiceUrl"),
        ])?;
        let metadata = filled("metadataDescriptorUrl");
        if let Some(address) = metadata {
            self.address(address, "metadataDescriptorUrl")?;
        }
        if self.is_on("useMetadataDescriptorUrl") && metadata.is_none() {
            let text = "useMetadataDescriptorUrl needs a non-empty URL for metadataDescriptorUrl";
            return Err(unfit(text));
        }
        if let Some(address) = filled("artifactResolutionServiceUrl") {
            self.address(address, "artifactResolutionServiceUrl")?;
        }
        let by_attribute = matches!(
            self.get("principalType"),
            Some("ATTRIBUTE" | "FRIENDLY_ATTRIBUTE")
        );
        if self.get("nameIDPolicyFormat") == Some(TRANSIENT) && !by_attribute {
            let text =
                "Can not have Transient NameID Policy Format together with SUBJECT Principal Type";
            return Err(unfit(text));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
