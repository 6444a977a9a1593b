//! A realm's new name: in the client whose roles are rights over it, and in the addresses of the
//! clients that every realm has.

use claviger_engine::import::master_client_id;
use claviger_engine::realm::Realm;
use claviger_store::Tx;
use claviger_wire::document::{Document, Json, Kind};
use serde_json::{Value, json};

use crate::call::AdminCall;
use crate::guard::MASTER;
use crate::problem::Problem;

/// The built-in clients with the realm's name in their addresses, and the folder that it is in.
const ADDRESSED: [(&str, &str); 3] = [
    ("security-admin-console", "/admin/"),
    ("account", "/realms/"),
    ("account-console", "/realms/"),
];

/// Puts into a job what a realm's new name changes elsewhere.
pub(super) async fn put(
    call: &AdminCall,
    tx: &mut Tx,
    realm: &Realm,
    name: &str,
) -> Result<(), Problem> {
    let store = &call.app.store;
    if let Some(master) = call.app.realm(MASTER).await? {
        let old = master_client_id(&realm.name);
        let found = store
            .document_by_name(&master.id, Kind::Client, "", &old)
            .await?;
        if let Some(mut client) = found {
            client.unique_name = master_client_id(name);
            client
                .body
                .insert("clientId".to_owned(), json!(client.unique_name));
            tx.update_document(&master.id, &client);
        }
    }
    for (client_id, folder) in ADDRESSED {
        let found = store
            .document_by_name(&realm.id, Kind::Client, "", client_id)
            .await?;
        if let Some(client) = found {
            let body = readdressed(client.body, folder, &realm.name, name);
            tx.update_document(&realm.id, &Document { body, ..client });
        }
    }
    Ok(())
}

/// A client whose addresses have the new name in the place of the old.
fn readdressed(mut body: Json, folder: &str, old: &str, new: &str) -> Json {
    let (old, new) = (format!("{folder}{old}/"), format!("{folder}{new}/"));
    if let Some(Value::String(url)) = body.get_mut("baseUrl") {
        *url = url.replace(&old, &new);
    }
    let uris = body.get_mut("redirectUris").and_then(Value::as_array_mut);
    for uri in uris.into_iter().flatten() {
        if let Value::String(uri) = uri {
            *uri = uri.replace(&old, &new);
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_change_with_the_name() {
        let body = json!({
            "clientId": "account", "baseUrl": "/realms/shop/account/",
            "redirectUris": ["/realms/shop/account/*", "/realms/shopping/*", "https://shop/x"],
        });
        let changed = readdressed(
            body.as_object().unwrap().clone(),
            "/realms/",
            "shop",
            "store",
        );
        let expected = json!({
            "clientId": "account", "baseUrl": "/realms/store/account/",
            "redirectUris": ["/realms/store/account/*", "/realms/shopping/*", "https://shop/x"],
        });
        assert_eq!(json!(changed), expected);
    }
}
