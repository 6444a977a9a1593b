//! What identity providers there can be, by the ids of their providers, and what their mappers can do.
//! `broker/providers.json` and `broker/mappers.json` are the tables; what Keycloak switches on only with
//! a feature is not in them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Value, json};

/// A table of this module, by the ids of what is in it.
type Table<T> = BTreeMap<String, T>;

static PROVIDERS: LazyLock<Table<Provider>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("broker/providers.json")).unwrap_or_default()
});
static MAPPERS: LazyLock<Table<Mapper>> =
    LazyLock::new(|| serde_json::from_str(include_str!("broker/mappers.json")).unwrap_or_default());

/// What an identity provider can be used for.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Usage {
    /// Users sign in there.
    UserAuthentication,
    /// Clients prove themselves by what it signs (RFC 7523 §2.2).
    ClientAssertion,
    /// Its keys are believed.
    TrustMaterial,
    /// Its tokens are exchanged for ours (RFC 8693).
    ExchangeExternalToken,
    /// What it signs about a user is a grant (RFC 7523 §2.1).
    JwtAuthorizationGrant,
}

impl Usage {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 5] = [
        Self::UserAuthentication,
        Self::ClientAssertion,
        Self::TrustMaterial,
        Self::ExchangeExternalToken,
        Self::JwtAuthorizationGrant,
    ];
    /// Those for which users are linked to it: the capability `USER_LINKING`.
    pub const LINKING: [Self; 3] = [
        Self::UserAuthentication,
        Self::ExchangeExternalToken,
        Self::JwtAuthorizationGrant,
    ];

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UserAuthentication => "USER_AUTHENTICATION",
            Self::ClientAssertion => "CLIENT_ASSERTION",
            Self::TrustMaterial => "TRUST_MATERIAL",
            Self::ExchangeExternalToken => "EXCHANGE_EXTERNAL_TOKEN",
            Self::JwtAuthorizationGrant => "JWT_AUTHORIZATION_GRANT",
        }
    }
}

/// Which rules the settings of a provider follow.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub enum Family {
    /// Some service that speaks OAuth 2, and how it does is known.
    OAuth2,
    /// Any server that speaks OAuth 2: how users are told apart has to be said.
    Generic,
    /// OpenID Connect.
    OpenIdConnect,
    /// The same at Google, whose issuer is known.
    Google,
    /// SAML 2.
    Saml,
    /// A cluster whose service accounts are clients.
    Kubernetes,
    /// Somebody whose assertions are grants.
    JwtGrant,
}

/// A kind of identity provider.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Provider {
    /// What administrators read.
    pub name: String,
    /// Which rules its settings follow.
    pub family: Family,
    /// What it tells that it can be used for; social providers tell nothing.
    pub types: Vec<Usage>,
    /// What it is found by.
    found_by: Vec<Usage>,
    #[serde(default)]
    settings: Vec<Setting>,
}

/// The kind of identity provider of this id.
pub fn provider(id: &str) -> Option<&'static Provider> {
    PROVIDERS.get(id)
}

impl Provider {
    /// Whether a list of those for one of some usages shows it.
    pub fn serves(&self, usages: &[Usage]) -> bool {
        self.found_by.iter().any(|usage| usages.contains(usage))
    }

    /// How the factory of this id is shown.
    pub fn shown(&self, id: &str) -> Value {
        let settings: Vec<Value> = self.settings.iter().map(Setting::shown).collect();
        json!({
            "id": id,
            "name": self.name,
            "helpText": "",
            "configProperties": settings,
            "configMetadata": [],
        })
    }
}

/// A kind of mapper.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mapper {
    name: String,
    category: String,
    does: String,
    /// The identity providers that it is for; none for all of them.
    providers: Vec<String>,
    settings: Vec<Setting>,
}

/// `IdentityProviderMapperTypeRepresentation` of each kind of mapper that an identity provider of this
/// kind can have, by id.
pub fn mapper_types(provider_id: &str) -> Value {
    let fits = |mapper: &Mapper| {
        mapper.providers.is_empty() || mapper.providers.iter().any(|id| id == provider_id)
    };
    let fitting = MAPPERS.iter().filter(|(_, mapper)| fits(mapper));
    let shown = fitting.map(|(id, mapper)| {
        let settings: Vec<Value> = mapper.settings.iter().map(Setting::shown).collect();
        let shown = json!({
            "id": id,
            "name": mapper.name,
            "category": mapper.category,
            "helpText": mapper.does,
            "properties": settings,
        });
        (id.clone(), shown)
    });
    Value::Object(shown.collect())
}

/// A setting, as `ConfigPropertyRepresentation` describes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Setting {
    name: String,
    label: String,
    r#type: String,
    default_value: Option<Value>,
    options: Option<Vec<String>>,
    #[serde(default)]
    secret: bool,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    read_only: bool,
}

impl Setting {
    fn shown(&self) -> Value {
        let mut shown = json!({
            "name": self.name,
            "label": self.label,
            "type": self.r#type,
            "defaultValue": self.default_value,
            "options": self.options,
            "secret": self.secret,
            "required": self.required,
            "readOnly": self.read_only,
        });
        if let Some(members) = shown.as_object_mut() {
            members.retain(|_, value| !value.is_null());
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_tables_are_read_whole() {
        assert_eq!((PROVIDERS.len(), MAPPERS.len()), (17, 25));
        for id in ["spiffe", "instagram", "default-trust", "magic", ""] {
            assert!(provider(id).is_none(), "{id}");
        }
        let known = |id: &String| provider(id).is_some();
        for (id, mapper) in MAPPERS.iter() {
            assert!(mapper.providers.iter().all(known), "{id}");
        }
        for usage in Usage::ALL {
            assert_eq!(json!(usage.name()), json!(usage.name().to_uppercase()));
        }
    }

    #[test]
    fn mappers_are_offered_to_those_they_are_for() {
        for (provider, mapper, expected) in [
            ("oidc", "oidc-role-idp-mapper", true),
            ("saml", "oidc-role-idp-mapper", false),
            ("saml", "saml-role-idp-mapper", true),
            ("kubernetes", "hardcoded-attribute-idp-mapper", true),
            ("github", "github-user-attribute-mapper", true),
            ("google", "github-user-attribute-mapper", false),
            ("linkedin-openid-connect", "oidc-username-idp-mapper", true),
        ] {
            let offered = mapper_types(provider).get(mapper).is_some();
            assert_eq!(offered, expected, "{provider} {mapper}");
        }
    }

    #[test]
    fn social_providers_are_found_by_what_they_do_not_tell() {
        let github = provider("github").unwrap();
        assert!(github.types.is_empty());
        assert!(github.serves(&Usage::LINKING));
        assert!(!github.serves(&[Usage::ClientAssertion]));
        assert!(!provider("kubernetes").unwrap().serves(&Usage::LINKING));
    }
}
