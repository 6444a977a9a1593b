//! Organizations: who belongs together within a realm, and the mail domains by which that is seen.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use claviger_model::OrganizationId;

use crate::document::Json;
use crate::fields::Fields;

/// A mail domain of an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// In lower case; `*.` in front stands for the domain and all below it.
    pub name: String,
    /// Whether it was proven to be the organization's.
    pub verified: bool,
}

/// An organization without its members, identity providers and groups.
#[derive(Clone, Debug, PartialEq)]
pub struct Organization {
    /// UUID text.
    pub id: OrganizationId,
    /// Unique within the realm.
    pub name: String,
    /// Unique within the realm; it never changes, for scopes name it.
    pub alias: String,
    /// Whether it is switched on.
    pub enabled: bool,
    /// What people are told it is.
    pub description: Option<String>,
    /// Where whoever was invited goes on.
    pub redirect_url: Option<String>,
    /// Facts about it.
    pub attributes: BTreeMap<String, Vec<String>>,
    /// Each name once.
    pub domains: Vec<Domain>,
    /// Members of the representation that nobody knows.
    pub more: Json,
}

/// The members of `OrganizationRepresentation` that are read, or that belong to others.
const KNOWN: [&str; 11] = [
    "id",
    "name",
    "alias",
    "enabled",
    "description",
    "redirectUrl",
    "attributes",
    "domains",
    "members",
    "identityProviders",
    "groups",
];

impl Organization {
    /// Reads an `OrganizationRepresentation`. Without an alias the name is the alias.
    pub fn from_body(body: &Json) -> Self {
        let fields = Fields::of(body);
        let name = fields.text("name").unwrap_or_default();
        let mut attributes = fields.texts_map("attributes");
        attributes.retain(|_, values| !values.is_empty());
        let mut domains: Vec<Domain> = Vec::new();
        for domain in fields.objects("domains").map(Fields::of) {
            let name = domain.text("name").unwrap_or_default();
            let name = name.trim().to_lowercase();
            let verified = domain.flag("verified", false);
            match domains.iter_mut().find(|known| known.name == name) {
                Some(known) => known.verified = verified,
                None => domains.push(Domain { name, verified }),
            }
        }
        let more = body
            .iter()
            .filter(|(name, _)| !KNOWN.contains(&name.as_str()));
        Self {
            id: OrganizationId::new(fields.text("id").unwrap_or_default()),
            alias: fields
                .text("alias")
                .filter(|alias| !alias.trim().is_empty())
                .unwrap_or_else(|| name.clone()),
            name,
            enabled: fields.flag("enabled", true),
            description: fields.text("description"),
            redirect_url: fields.text("redirectUrl"),
            attributes,
            domains,
            more: more
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        }
    }

    /// The representation; attributes are left out of a brief one.
    pub fn to_body(&self, brief: bool) -> Json {
        let mut body = Json::new();
        let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
        put("id", json!(self.id.as_str()));
        put("name", json!(self.name));
        put("alias", json!(self.alias));
        put("enabled", json!(self.enabled));
        if let Some(description) = &self.description {
            put("description", json!(description));
        }
        if let Some(url) = &self.redirect_url {
            put("redirectUrl", json!(url));
        }
        if !brief {
            put("attributes", json!(self.attributes));
        }
        if !self.domains.is_empty() {
            let domains = self.domains.iter();
            let domains =
                domains.map(|domain| json!({"name": domain.name, "verified": domain.verified}));
            put("domains", domains.collect());
        }
        body
    }

    /// Everything that is kept of it: [`Organization::from_body`] reads it again.
    pub fn to_kept(&self) -> Json {
        let mut body = self.to_body(false);
        body.extend(self.more.clone());
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_again() {
        let Value::Object(body) = json!({
            "id": "o", "name": "Acme", "enabled": false, "description": "d",
            "redirectUrl": "https://acme.example/", "attributes": {"tier": ["1", "2"], "none": []},
            "domains": [{"name": " ACME.example ", "verified": true}, {"name": "b.example"},
                        null, {"name": "acme.EXAMPLE"}],
            "members": [{"username": "alice"}], "shoeSize": 43,
        }) else {
            panic!("an object")
        };
        let read = Organization::from_body(&body);
        assert_eq!((read.alias.as_str(), read.enabled), ("Acme", false));
        let domain = |name: &str| Domain {
            name: name.to_owned(),
            verified: false,
        };
        assert_eq!(read.domains, [domain("acme.example"), domain("b.example")]);
        assert_eq!(read.attributes.keys().collect::<Vec<_>>(), ["tier"]);
        assert_eq!(Organization::from_body(&read.to_kept()), read);
        assert_eq!(read.to_kept()["shoeSize"], 43);
        assert!(!read.to_body(true).contains_key("attributes"));
    }
}
