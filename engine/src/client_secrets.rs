//! The secrets that a client shares with this server.

use claviger_model::{Seconds, Secret};
use claviger_wire::client::ClientSettings;

use crate::app::App;
use crate::realm::Realm;

/// The secrets by which a client can prove itself now, those in a vault looked up. One that is not
/// there, or empty, lets nobody in.
pub async fn known(app: &App, realm: &Realm, client: &ClientSettings) -> Vec<Secret> {
    let mut known = Vec::new();
    for configured in valid(client, app.now().seconds()) {
        known.extend(app.secret(&realm.name, configured).await);
    }
    known.retain(|secret| !secret.is_empty());
    known
}

/// The secrets that count now, as they are configured: the client's own and, for a while after a
/// change, the one before. A secret that has run out takes the one before with it.
pub fn valid(client: &ClientSettings, now: Seconds) -> Vec<&str> {
    let Some(current) = &client.secret else {
        return Vec::new();
    };
    if end(client, "client.secret.expiration.time").is_some_and(|end| end.0 > 0 && end < now) {
        return Vec::new();
    }
    let mut secrets = vec![current.reveal()];
    let rotated = client.attribute("client.secret.rotated");
    let since = client.attribute("client.secret.rotated.creation.time");
    // Without an end it would never run out.
    let good_until = end(client, "client.secret.rotated.expiration.time");
    if let Some(rotated) = rotated.filter(|text| !text.trim().is_empty())
        && since.is_some()
        && good_until.is_some_and(|end| end >= now)
    {
        secrets.push(rotated);
    }
    secrets
}

/// When a secret ends. What cannot be read has ended long ago.
fn end(client: &ClientSettings, attribute: &str) -> Option<Seconds> {
    client.attribute(attribute)?;
    Some(Seconds(client.integer_attribute(attribute).unwrap_or(1)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Seconds = Seconds(1_000);

    fn client(body: &serde_json::Value) -> ClientSettings {
        ClientSettings::from_body(body.as_object().unwrap())
    }

    #[test]
    fn secrets_run_out_and_the_one_before_lasts_for_a_while() {
        let before = (NOW.0 - 1).to_string();
        let after = (NOW.0 + 1).to_string();
        let cases = [
            (json!({}), vec!["new"]),
            (
                json!({"client.secret.expiration.time": &after}),
                vec!["new"],
            ),
            (json!({"client.secret.expiration.time": "0"}), vec!["new"]),
            (json!({"client.secret.expiration.time": &before}), vec![]),
            (json!({"client.secret.expiration.time": "soon"}), vec![]),
            (
                json!({"client.secret.rotated": "old", "client.secret.rotated.creation.time": "1",
                    "client.secret.rotated.expiration.time": &after}),
                vec!["new", "old"],
            ),
            (
                json!({"client.secret.rotated": "old", "client.secret.rotated.creation.time": "1",
                    "client.secret.rotated.expiration.time": &before}),
                vec!["new"],
            ),
            (
                json!({"client.secret.rotated": "old", "client.secret.rotated.creation.time": "1"}),
                vec!["new"],
            ),
            (
                json!({"client.secret.rotated": "old", "client.secret.rotated.creation.time": "1",
                    "client.secret.rotated.expiration.time": &after,
                    "client.secret.expiration.time": &before}),
                vec![],
            ),
        ];
        for (attributes, expected) in cases {
            let body = json!({"clientId": "web", "secret": "new", "attributes": attributes});
            assert_eq!(valid(&client(&body), NOW), expected, "{attributes}");
        }
    }
}
