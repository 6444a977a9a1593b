//! What the server reads of a `ClientRepresentation`, with Keycloak's defaults.

use std::collections::BTreeMap;

use claviger_model::{ClientUuid, Seconds, Secret};

use crate::document::Json;
use crate::fields::Fields;
use crate::mapper::ProtocolMapper;

/// A client's settings, read once per version of its realm.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, as administrators see them"
)]
pub struct ClientSettings {
    /// UUID text.
    pub id: ClientUuid,
    /// The name that applications send.
    pub client_id: String,
    /// What people read.
    pub name: Option<String>,
    /// For administrators.
    pub description: Option<String>,
    /// A disabled client can do nothing.
    pub enabled: bool,
    /// `openid-connect` unless said otherwise.
    pub protocol: String,
    /// Has no credentials (RFC 6749 §2.1).
    pub public_client: bool,
    /// Never starts a login; only its tokens are asked about.
    pub bearer_only: bool,
    /// The shared secret of a confidential client.
    pub secret: Option<Secret>,
    /// How it authenticates: `client-secret`, `client-jwt`, `client-secret-jwt`, `client-x509`.
    pub client_authenticator_type: String,
    /// Where browsers may be sent back to; `*` at the end matches any rest.
    pub redirect_uris: Vec<String>,
    /// Origins that may call with CORS; `+` stands for those of the redirect URIs.
    pub web_origins: Vec<String>,
    /// Prefix of relative addresses.
    pub root_url: Option<String>,
    /// The application's start page.
    pub base_url: Option<String>,
    /// Where the application is told of logouts in the old way.
    pub admin_url: Option<String>,
    /// Authorization code flow.
    pub standard_flow_enabled: bool,
    /// Implicit and hybrid flow.
    pub implicit_flow_enabled: bool,
    /// Password grant.
    pub direct_access_grants_enabled: bool,
    /// Client credentials grant.
    pub service_accounts_enabled: bool,
    /// Whether tokens may carry every role of the user.
    pub full_scope_allowed: bool,
    /// Whether users are asked before the client gets in.
    pub consent_required: bool,
    /// Whether the browser visits the client at logout.
    pub frontchannel_logout: bool,
    /// Whether users see it in the account console without having used it.
    pub always_display_in_console: bool,
    /// Whether it is a resource server with permissions of its own.
    pub authorization_services_enabled: bool,
    /// Kept for old adapters.
    pub surrogate_auth_required: bool,
    /// Tokens issued before this instant are refused.
    pub not_before: Seconds,
    /// Registered cluster nodes are forgotten after this time without news; -1 for never.
    pub node_re_registration_timeout: Seconds,
    /// Cluster nodes of old adapters and when they last registered.
    pub registered_nodes: BTreeMap<String, i64>,
    /// Ids of flows that replace the realm's, by binding (`browser`, `direct_grant`).
    pub authentication_flow_binding_overrides: BTreeMap<String, String>,
    /// Further settings by name, e.g. `post.logout.redirect.uris`.
    pub attributes: BTreeMap<String, String>,
    /// Its own mappers, besides those of its scopes.
    pub protocol_mappers: Vec<ProtocolMapper>,
}

impl ClientSettings {
    /// Reads a client's document.
    pub fn from_body(body: &Json) -> Self {
        let fields = Fields::of(body);
        Self {
            id: ClientUuid::new(fields.text("id").unwrap_or_default()),
            client_id: fields.text("clientId").unwrap_or_default(),
            name: fields.filled_text("name"),
            description: fields.filled_text("description"),
            enabled: fields.flag("enabled", true),
            protocol: fields
                .filled_text("protocol")
                .unwrap_or_else(|| OPENID_CONNECT.to_owned()),
            public_client: fields.flag("publicClient", false),
            bearer_only: fields.flag("bearerOnly", false),
            secret: fields.filled_text("secret").map(Secret::new),
            client_authenticator_type: fields
                .filled_text("clientAuthenticatorType")
                .unwrap_or_else(|| "client-secret".to_owned()),
            redirect_uris: fields.texts("redirectUris"),
            web_origins: fields.texts("webOrigins"),
            root_url: fields.filled_text("rootUrl"),
            base_url: fields.filled_text("baseUrl"),
            admin_url: fields.filled_text("adminUrl"),
            standard_flow_enabled: fields.flag("standardFlowEnabled", true),
            implicit_flow_enabled: fields.flag("implicitFlowEnabled", false),
            direct_access_grants_enabled: fields.flag("directAccessGrantsEnabled", false),
            service_accounts_enabled: fields.flag("serviceAccountsEnabled", false),
            full_scope_allowed: fields.flag("fullScopeAllowed", true),
            consent_required: fields.flag("consentRequired", false),
            frontchannel_logout: fields.flag("frontchannelLogout", false),
            always_display_in_console: fields.flag("alwaysDisplayInConsole", false),
            authorization_services_enabled: fields.flag("authorizationServicesEnabled", false),
            surrogate_auth_required: fields.flag("surrogateAuthRequired", false),
            not_before: fields.seconds("notBefore", 0),
            node_re_registration_timeout: fields.seconds("nodeReRegistrationTimeout", -1),
            registered_nodes: registered_nodes(fields),
            authentication_flow_binding_overrides: fields
                .text_map("authenticationFlowBindingOverrides"),
            attributes: fields.text_map("attributes"),
            protocol_mappers: ProtocolMapper::list(fields),
        }
    }

    /// A further setting, if it has text.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .get(name)
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    }

    /// A further setting as a flag, or what holds without it.
    pub fn flag_attribute(&self, name: &str, otherwise: bool) -> bool {
        self.attribute(name)
            .map_or(otherwise, |text| text.eq_ignore_ascii_case("true"))
    }

    /// A further setting as a number.
    pub fn integer_attribute(&self, name: &str) -> Option<i64> {
        self.attribute(name)?.trim().parse().ok()
    }

    /// A further setting as a lifespan: numbers above zero count.
    pub fn lifespan_attribute(&self, name: &str) -> Option<Seconds> {
        self.integer_attribute(name)
            .filter(|seconds| *seconds > 0)
            .map(Seconds)
    }

    /// A further setting that holds several values, separated by `##`.
    pub fn list_attribute(&self, name: &str) -> Vec<&str> {
        self.attribute(name)
            .map(|text| text.split("##").filter(|part| !part.is_empty()).collect())
            .unwrap_or_default()
    }

    /// Whether it is a Docker registry.
    pub fn is_docker(&self) -> bool {
        self.protocol == DOCKER
    }

    /// Whether it is the OpenID Connect protocol's.
    pub fn is_openid_connect(&self) -> bool {
        self.protocol == OPENID_CONNECT
    }
}

/// The protocol of Docker registries.
pub const DOCKER: &str = "docker-v2";
/// The protocol of clients that do not say.
pub const OPENID_CONNECT: &str = "openid-connect";

fn registered_nodes(fields: Fields<'_>) -> BTreeMap<String, i64> {
    let Some(nodes) = fields.object("registeredNodes") else {
        return BTreeMap::new();
    };
    nodes
        .iter()
        .filter_map(|(node, at)| Some((node.clone(), at.as_i64()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_minimal_client_has_keycloaks_defaults() {
        let body = json!({"id": "u", "clientId": "app"});
        let client = ClientSettings::from_body(body.as_object().unwrap());
        assert!(client.enabled && client.standard_flow_enabled && client.full_scope_allowed);
        assert!(!client.public_client && !client.direct_access_grants_enabled);
        assert!(client.is_openid_connect());
        assert_eq!(client.client_authenticator_type, "client-secret");
        assert_eq!(client.secret, None);
    }

    #[test]
    fn attributes_are_read_as_what_they_mean() {
        let body = json!({"attributes": {
            "post.logout.redirect.uris": "http://a##http://b", "client.session.idle.timeout": "0",
            "access.token.lifespan": "60", "use.refresh.tokens": "false", "empty": "",
        }});
        let client = ClientSettings::from_body(body.as_object().unwrap());
        assert_eq!(
            client.list_attribute("post.logout.redirect.uris"),
            ["http://a", "http://b"]
        );
        assert_eq!(
            client.lifespan_attribute("client.session.idle.timeout"),
            None
        );
        assert_eq!(
            client.lifespan_attribute("access.token.lifespan"),
            Some(Seconds(60))
        );
        assert!(!client.flag_attribute("use.refresh.tokens", true));
        assert!(client.flag_attribute("empty", true));
    }

    #[test]
    fn secrets_are_not_printed() {
        let body = json!({"clientId": "web", "secret": "hunter2"});
        let client = ClientSettings::from_body(body.as_object().unwrap());
        assert!(!format!("{client:?}").contains("hunter2"));
    }
}
