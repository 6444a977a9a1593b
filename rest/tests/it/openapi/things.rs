//! What there is to name in an address: looked up by the description itself, where it lists things.

use std::collections::HashMap;

use serde_json::Value;

use super::dice::Dice;
use crate::world::Shop;

/// Where things are listed whose collection is no list above them, and the member that names them.
const ELSEWHERE: [(&str, &str, &str); 13] = [
    ("client", "/clients", "id"),
    ("holder", "/clients", "id"),
    ("target", "/clients", "id"),
    ("group", "/groups", "id"),
    ("scope", "/client-scopes", "id"),
    ("user", "/users", "id"),
    ("member", "/users", "id"),
    ("role-id", "/roles", "id"),
    ("session", "/clients/{app}/user-sessions", "id"),
    (
        "execution",
        "/authentication/flows/browser/executions",
        "id",
    ),
    (
        "config",
        "/authentication/flows/browser/executions",
        "authenticationConfig",
    ),
    ("alias", "/identity-provider/instances", "alias"),
    ("role", "/roles", "name"),
];

/// Names that are in no list.
fn fixed(name: &str) -> &'static [&'static str] {
    match name {
        "protocol" => &["openid-connect", "saml", "docker-v2"],
        "locale" => &["en", "de"],
        "key" => &["hello", "loginTitle"],
        "attribute" => &["jwt.credential", "saml.signing"],
        "node" => &["node.example", "10.0.0.1"],
        "path" => &["staff", "staff/night%20shift"],
        "provider" => &[
            "partner",
            "keycloak-oidc-keycloak-json",
            "auth-cookie",
            "idp-review-profile",
            "oidc",
            "saml",
            "auth-otp-form",
            "docker-v2-compose-yaml",
        ],
        "kind" => &["oidc", "saml", "google"],
        "type" => &["clients", "users", "role", "resource", "scope"],
        _ => &[],
    }
}

/// Things that were found, until something is written.
#[derive(Default)]
pub struct Things {
    lists: HashMap<String, Vec<Value>>,
}

impl Things {
    /// Forgets what was found.
    pub fn changed(&mut self) {
        self.lists.clear();
    }

    /// Something for a parameter: `before` it in the address, with the template up to it, and its name.
    pub async fn find(
        &mut self,
        shop: &Shop,
        document: &Value,
        (before, template, name): (&str, &str, &str),
        dice: &mut Dice,
    ) -> Option<String> {
        if name == "realm" {
            return Some(if dice.chance(95) { "shop" } else { "other" }.to_owned());
        }
        let collection = template.rsplit_once('/')?.0;
        let operation = &document["paths"][collection]["get"];
        let listed = operation["operationId"]
            .as_str()
            .is_some_and(|id| id.starts_with("list"));
        let member = match name {
            "role" => "name",
            "action" | "alias" => "alias",
            "provider" => "identityProvider",
            "flow" => *dice.pick(&["id", "alias"]),
            _ => "id",
        };
        if listed && let Some(found) = self.one(shop, before, member, dice).await {
            return Some(found);
        }
        let fixed = fixed(name);
        if !fixed.is_empty() {
            return Some((*dice.pick(fixed)).to_owned());
        }
        let (_, list, member) = ELSEWHERE.iter().find(|(known, ..)| *known == name)?;
        let mut list = format!("/admin/realms/shop{list}");
        if list.contains("{app}") {
            let app = self
                .one(shop, "/admin/realms/shop/clients?clientId=app", "id", dice)
                .await?;
            list = list.replace("{app}", &app);
        }
        self.one(shop, &list, member, dice).await
    }

    async fn one(
        &mut self,
        shop: &Shop,
        list: &str,
        member: &str,
        dice: &mut Dice,
    ) -> Option<String> {
        if !self.lists.contains_key(list) {
            let reply = shop.get_absolute(list).await;
            let found = reply.json().as_array().cloned().unwrap_or_default();
            self.lists.insert(list.to_owned(), found);
        }
        let found = &self.lists[list];
        if found.is_empty() {
            return None;
        }
        let one = dice.pick(found);
        let name = one.as_str().or_else(|| one[member].as_str())?;
        Some(name.to_owned())
    }
}
