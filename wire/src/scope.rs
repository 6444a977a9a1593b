//! Client scopes: named sets of mappers and role mappings that clients share.

use std::collections::BTreeMap;

use claviger_model::ScopeId;

use crate::document::Json;
use crate::fields::Fields;
use crate::mapper::ProtocolMapper;

/// What the server reads of a `ClientScopeRepresentation`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientScopeSettings {
    /// UUID text.
    pub id: ScopeId,
    /// The name, which clients write into `scope`.
    pub name: String,
    /// For administrators.
    pub description: Option<String>,
    /// `openid-connect` or `saml`: only clients of this protocol can have it.
    pub protocol: String,
    /// Further settings by name.
    pub attributes: BTreeMap<String, String>,
    /// What it adds to tokens.
    pub protocol_mappers: Vec<ProtocolMapper>,
}

impl ClientScopeSettings {
    /// Reads a client scope's document.
    pub fn from_body(body: &Json) -> Self {
        let fields = Fields::of(body);
        Self {
            id: ScopeId::new(fields.text("id").unwrap_or_default()),
            name: fields.text("name").unwrap_or_default(),
            description: fields.text("description"),
            protocol: fields
                .filled_text("protocol")
                .unwrap_or_else(|| "openid-connect".to_owned()),
            attributes: fields.text_map("attributes"),
            protocol_mappers: ProtocolMapper::list(fields),
        }
    }

    /// Whether its name stands in the `scope` of tokens and answers; it does unless said otherwise.
    pub fn include_in_token_scope(&self) -> bool {
        self.flag_attribute("include.in.token.scope", true)
    }

    /// Whether the user is asked about it; it is unless said otherwise.
    pub fn display_on_consent_screen(&self) -> bool {
        self.flag_attribute("display.on.consent.screen", true)
    }

    /// What the user reads when asked; empty text means the name.
    pub fn consent_screen_text(&self) -> &str {
        match self.attributes.get("consent.screen.text") {
            Some(text) if !text.is_empty() => text,
            Some(_) | None => &self.name,
        }
    }

    fn flag_attribute(&self, name: &str, otherwise: bool) -> bool {
        self.attributes
            .get(name)
            .map_or(otherwise, |text| text.eq_ignore_ascii_case("true"))
    }
}
