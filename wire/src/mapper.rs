//! Protocol mappers: what puts claims and attributes into tokens and assertions.

use std::collections::BTreeMap;

use crate::document::Json;
use crate::fields::Fields;

/// One `ProtocolMapperRepresentation`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProtocolMapper {
    /// UUID text.
    pub id: String,
    /// What administrators call it; unique within its client or scope and protocol.
    pub name: String,
    /// `openid-connect`, `saml` or `docker-v2`.
    pub protocol: String,
    /// Which mapper it is, e.g. `oidc-usermodel-attribute-mapper`.
    pub protocol_mapper: String,
    /// Its settings, e.g. `claim.name`.
    pub config: BTreeMap<String, String>,
}

impl ProtocolMapper {
    /// Reads one mapper.
    pub fn from_body(body: &Json) -> Self {
        let fields = Fields::of(body);
        Self {
            id: fields.text("id").unwrap_or_default(),
            name: fields.text("name").unwrap_or_default(),
            protocol: fields.text("protocol").unwrap_or_default(),
            protocol_mapper: fields.text("protocolMapper").unwrap_or_default(),
            config: fields.text_map("config"),
        }
    }

    /// Reads the `protocolMappers` of a client or client scope.
    pub fn list(owner: Fields<'_>) -> Vec<Self> {
        owner
            .objects("protocolMappers")
            .map(Self::from_body)
            .collect()
    }

    /// A setting, if it has text.
    pub fn config(&self, name: &str) -> Option<&str> {
        self.config
            .get(name)
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    }

    /// A setting that is `"true"`.
    pub fn is_set(&self, name: &str) -> bool {
        self.config.get(name).is_some_and(|text| text == "true")
    }
}
