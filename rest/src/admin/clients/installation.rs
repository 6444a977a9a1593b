//! Settings of a client in the form that its adapter reads.

use axum::http::{HeaderValue, Method, StatusCode, header};
use claviger_engine::client::Client;
use claviger_model::Secret;
use claviger_surface::Answer;
use claviger_wire::document::Json;
use claviger_wire::mapper::ProtocolMapper;
use claviger_wire::realm::SslRequired;
use serde_json::{Value, json};

use super::{SEE, client};
use crate::call::AdminCall;
use crate::problem::Problem;
use crate::route::{Route, route};

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    const PROVIDER: &str =
        "/admin/realms/{realm}/clients/{client}/installation/providers/{provider}";
    vec![route(Method::GET, PROVIDER, SEE, generate)]
}

/// Installations for adapters and protocols that this server does not serve.
const OTHERS: &[&str] = &[
    "keycloak-oidc-jboss-subsystem",
    "keycloak-oidc-jboss-subsystem-cli",
    "keycloak-saml",
    "keycloak-saml-subsystem",
    "keycloak-saml-subsystem-cli",
    "saml-sp-descriptor",
    "mod-auth-mellon",
    "docker-v2-variable-override",
    "docker-v2-registry-config-file",
    "docker-v2-compose-yaml",
];

async fn generate(call: AdminCall) -> Result<Answer, Problem> {
    let client = client(&call).await?;
    match call.param("provider") {
        "keycloak-oidc-keycloak-json" => {}
        other if OTHERS.contains(&other) => {
            let text = "This server has no installation of this kind";
            return Err(Problem::error(StatusCode::NOT_IMPLEMENTED, text));
        }
        _ => return Err(Problem::not_found("Unknown Provider")),
    }
    let roles = call.realm.roles().await?;
    let scopes = call.realm.scopes().await?;
    let names = scopes.names();
    let all = names.iter().filter_map(|name| scopes.named(name));
    let is_audience = |mapper: &ProtocolMapper| {
        mapper.protocol_mapper == "oidc-audience-mapper"
            && mapper.config("included.client.audience") == Some(&client.client_id)
    };
    let file = Installed {
        client: &client,
        realm: &call.realm.name,
        server: &call.context.base_url,
        ssl_required: call.realm.settings.ssl_required,
        has_roles: roles.of_client(&client.uuid).next().is_some(),
        is_audience: all
            .flat_map(|scope| &scope.mappers)
            .any(|mapper| is_audience(mapper)),
    };
    let text = serde_json::to_string_pretty(&file.keycloak_json()).unwrap_or_default();
    let plain = HeaderValue::from_static("text/plain");
    Ok(Answer::text(StatusCode::OK, &text)
        .with(header::CONTENT_TYPE, plain)
        .no_cache())
}

/// What a file tells of.
pub(crate) struct Installed<'a> {
    pub(crate) client: &'a Client,
    pub(crate) realm: &'a str,
    /// The server's address, without a slash at the end.
    pub(crate) server: &'a str,
    pub(crate) ssl_required: SslRequired,
    /// Whether the client has roles of its own.
    pub(crate) has_roles: bool,
    /// Whether some scope writes the client into `aud`.
    pub(crate) is_audience: bool,
}

impl Installed<'_> {
    /// The `keycloak.json` of adapters of OpenID Connect.
    pub(crate) fn keycloak_json(&self) -> Json {
        let settings = &self.client.settings;
        let mut file = Json::from_iter([("realm".to_owned(), json!(self.realm))]);
        let mut put = |name: &str, value: Value| drop(file.insert(name.to_owned(), value));
        if settings.bearer_only {
            put("bearer-only", json!(true));
        }
        put("auth-server-url", json!(format!("{}/", self.server)));
        let ssl_required = match self.ssl_required {
            SslRequired::All => "all",
            SslRequired::External => "external",
            SslRequired::None => "none",
        };
        put("ssl-required", json!(ssl_required));
        put("resource", json!(self.client.client_id));
        if settings.public_client && !settings.bearer_only {
            put("public-client", json!(true));
        }
        if self.has_roles || self.is_audience {
            put("verify-token-audience", json!(true));
        }
        let silent = settings.bearer_only
            && !settings.service_accounts_enabled
            && settings.node_re_registration_timeout.0 <= 0;
        if !settings.public_client && !silent {
            put("credentials", self.credentials());
        }
        if self.has_roles {
            put("use-resource-role-mappings", json!(true));
        }
        put("confidential-port", json!(0));
        file
    }

    /// How the adapter proves who it is.
    fn credentials(&self) -> Value {
        let settings = &self.client.settings;
        let secret = settings.secret.as_ref().map(Secret::reveal);
        match settings.client_authenticator_type.as_str() {
            "client-secret" => json!({"secret": secret}),
            "client-secret-jwt" => {
                let algorithm = settings.attribute("token.endpoint.auth.signing.alg");
                let mut jwt = Json::from_iter([("secret".to_owned(), json!(secret))]);
                if let Some(algorithm) = algorithm {
                    jwt.insert("algorithm".to_owned(), json!(algorithm));
                }
                json!({"secret-jwt": jwt})
            }
            "client-jwt" => json!({"jwt": {
                "client-keystore-file": "REPLACE WITH THE LOCATION OF YOUR KEYSTORE FILE",
                "client-keystore-type": "jks",
                "client-keystore-password": "REPLACE WITH THE KEYSTORE PASSWORD",
                "client-key-password": "REPLACE WITH THE KEY PASSWORD IN KEYSTORE",
                "client-key-alias": self.client.client_id,
                "token-timeout": 10,
            }}),
            _ => json!({}),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use claviger_wire::document::{Document, Kind};

    fn file(body: &Value, has_roles: bool) -> Value {
        let body = body.as_object().unwrap().clone();
        let client = Client::new(
            Document {
                kind: Kind::Client,
                id: "u".into(),
                parent: String::new(),
                unique_name: "web".into(),
                enabled: true,
                body,
            },
            vec![],
            vec![],
            vec![],
        );
        let (ssl_required, is_audience) = (SslRequired::External, false);
        let (client, realm, server) = (&client, "shop", "http://id.example");
        let file = Installed {
            client,
            realm,
            server,
            ssl_required,
            has_roles,
            is_audience,
        };
        Value::Object(file.keycloak_json())
    }

    #[test]
    fn files_tell_what_the_client_needs() {
        let common = |rest: Value| {
            let mut all = json!({
                "realm": "shop", "auth-server-url": "http://id.example/",
                "ssl-required": "external", "resource": "web", "confidential-port": 0,
            });
            let object = all.as_object_mut().unwrap();
            object.extend(rest.as_object().unwrap().clone());
            all
        };
        for (body, has_roles, expected) in [
            (
                json!({"publicClient": true}),
                false,
                json!({"public-client": true}),
            ),
            (
                json!({"bearerOnly": true, "secret": "s"}),
                false,
                json!({"bearer-only": true}),
            ),
            (
                json!({"secret": "s"}),
                true,
                json!({"credentials": {"secret": "s"}, "verify-token-audience": true,
                    "use-resource-role-mappings": true}),
            ),
            (
                json!({"secret": "s", "clientAuthenticatorType": "client-secret-jwt"}),
                false,
                json!({"credentials": {"secret-jwt": {"secret": "s"}}}),
            ),
        ] {
            assert_eq!(file(&body, has_roles), common(expected), "{body}");
        }
    }
}
