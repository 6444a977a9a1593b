//! Client scopes with their mappers, and the roles that tokens may carry.

use axum::http::Method;
use serde_json::{Value, json};

use crate::world::{Shop, open};

/// Makes a client scope and returns its path.
async fn make(shop: &Shop, body: &Value) -> String {
    let made = shop.post("/client-scopes", body).await.is(201);
    let address = made.header("location");
    address
        .strip_prefix("http://localhost/admin/realms/shop")
        .expect("below the realm")
        .to_owned()
}

#[tokio::test]
async fn scopes_are_made_changed_and_deleted() {
    let shop = open().await;
    let given = json!({
        "name": "orders", "protocol": "openid-connect", "description": "Your orders",
        "attributes": {"include.in.token.scope": "true", "none": null},
    });
    let path = make(&shop, &given).await;
    let shown = shop.get(&path).await.is(200).json();
    let expected = json!({
        "id": path.rsplit('/').next(), "name": "orders", "description": "Your orders",
        "protocol": "openid-connect", "attributes": {"include.in.token.scope": "true"},
    });
    assert_eq!(shown, expected);
    for (body, status, text) in [
        (given, 409, "Client Scope orders already exists"),
        (
            json!({"name": "with blank", "protocol": "saml"}),
            400,
            "Unexpected name \"with blank\" for ClientScope",
        ),
        (json!({"name": "x"}), 400, "Unexpected protocol"),
    ] {
        let refused = shop.post("/client-scopes", &body).await.is(status);
        assert_eq!(refused.member("errorMessage"), text);
    }
    shop.put(&path, &json!({"name": "email"})).await.is(409);
    shop.put(&path, &json!({"name": "orders2", "attributes": {"a": ""}}))
        .await
        .is(204);
    let shown = shop.get(&path).await.json();
    assert_eq!(
        (&shown["name"], &shown["description"]),
        (&json!("orders2"), &json!("Your orders"))
    );
    assert_eq!(
        shown["attributes"],
        json!({"include.in.token.scope": "true", "a": ""})
    );
    shop.delete(&path).await.is(204);
    let gone = shop.get(&path).await.is(404);
    assert_eq!(gone.member("error"), "Could not find client scope");
    assert_eq!(shop.event().await.kind, "CLIENT_SCOPE");
}

#[tokio::test]
async fn scopes_of_new_clients_are_the_realms() {
    let shop = open().await;
    let path = make(
        &shop,
        &json!({"name": "orders", "protocol": "openid-connect"}),
    )
    .await;
    let id = path.rsplit('/').next().unwrap();
    let one = format!("/default-default-client-scopes/{id}");
    shop.put(&one, &json!({})).await.is(204);
    shop.put(&one, &json!({}))
        .await
        .is(409)
        .says("conflict", "Duplicate resource error");
    let all = shop
        .get("/default-default-client-scopes")
        .await
        .is(200)
        .json();
    let expected = json!({"id": id, "name": "orders", "protocol": "openid-connect"});
    assert!(all.as_array().unwrap().contains(&expected));
    shop.post("/clients", &json!({"clientId": "new"}))
        .await
        .is(201);
    let client = shop.get("/clients?clientId=new").await.json();
    assert!(
        client[0]["defaultClientScopes"]
            .to_string()
            .contains("orders")
    );
    shop.delete(&one).await.is(204);
    let all = shop
        .get("/default-default-client-scopes")
        .await
        .is(200)
        .json();
    assert!(!all.to_string().contains("orders"));
    shop.put("/default-optional-client-scopes/nowhere", &json!({}))
        .await
        .is(404);
}

#[tokio::test]
async fn mappers_are_added_changed_and_removed() {
    let shop = open().await;
    let scope = make(
        &shop,
        &json!({"name": "orders", "protocol": "openid-connect"}),
    )
    .await;
    let models = format!("{scope}/protocol-mappers/models");
    let given = json!({
        "name": "hard", "protocol": "openid-connect",
        "protocolMapper": "oidc-hardcoded-claim-mapper",
        "config": {"claim.name": "c", "access.token.claim": "true", "empty": ""},
    });
    let made = shop.post(&models, &given).await.is(201);
    let address = made.header("location");
    let one = address
        .strip_prefix("http://localhost/admin/realms/shop")
        .unwrap();
    let event = shop.event().await;
    assert_eq!(
        (event.kind.as_str(), event.operation.as_str()),
        ("PROTOCOL_MAPPER", "CREATE")
    );
    assert_eq!(event.representation["consentRequired"], false);
    let shown = shop.get(one).await.is(200).json();
    let config = json!({
        "claim.name": "c", "access.token.claim": "true", "introspection.token.claim": "true",
    });
    assert_eq!(shown["config"], config);
    let twice = shop.post(&models, &given).await.is(409);
    assert_eq!(
        twice.member("errorMessage"),
        "Protocol mapper exists with same name"
    );
    let magic = json!({"name": "m", "protocol": "openid-connect", "protocolMapper": "magic"});
    let unknown = shop.post(&models, &magic).await.is(404);
    assert_eq!(unknown.member("error"), "ProtocolMapper provider not found");
    let change = json!({
        "name": "harder", "protocol": "saml", "protocolMapper": "oidc-full-name-mapper",
        "config": {"q": "1"},
    });
    shop.put(one, &change).await.is(204);
    let shown = shop.get(one).await.is(200).json();
    // Name and protocol stay as they were made.
    assert_eq!(
        (&shown["name"], &shown["protocol"]),
        (&json!("hard"), &json!("openid-connect"))
    );
    assert_eq!(shown["protocolMapper"], "oidc-full-name-mapper");
    let audience = |name: &str| json!({"name": name, "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper"});
    let add = format!("{scope}/protocol-mappers/add-models");
    shop.post(&add, &json!([audience("a"), audience("a")]))
        .await
        .is(409);
    shop.post(&add, &json!([audience("a"), audience("b")]))
        .await
        .is(204);
    let of = format!("{scope}/protocol-mappers/protocol/openid-connect");
    assert_eq!(
        shop.get(&of).await.is(200).json().as_array().unwrap().len(),
        3
    );
    shop.delete(one).await.is(204);
    let gone = shop.get(one).await.is(404);
    assert_eq!(gone.member("error"), "Model not found");
    assert_eq!(shop.get(&models).await.json().as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn pairwise_subjects_need_one_sector() {
    let shop = open().await;
    let client = json!({"clientId": "many", "redirectUris": ["http://a/*", "http://b/*"]});
    shop.post("/clients", &client).await.is(201);
    let found = shop.get("/clients?clientId=many").await.json();
    let models = format!(
        "/clients/{}/protocol-mappers/models",
        found[0]["id"].as_str().unwrap()
    );
    let mapper = |sector: &str| {
        json!({
            "name": "p", "protocol": "openid-connect",
            "protocolMapper": "oidc-sha256-pairwise-sub-mapper",
            "config": {"sectorIdentifierUri": sector},
        })
    };
    let refused = shop.post(&models, &mapper("")).await.is(400);
    assert!(refused.member("error").contains("multiple host components"));
    shop.post(&models, &mapper("nonsense")).await.is(400);
    shop.stage
        .network
        .answer("https://sector.example/uris", r#"["http://a/*"]"#);
    shop.post(&models, &mapper("https://sector.example/uris"))
        .await
        .is(400);
    shop.stage.network.answer(
        "https://sector.example/uris",
        r#"["http://a/*", "http://b/*"]"#,
    );
    shop.post(&models, &mapper("https://sector.example/uris"))
        .await
        .is(201);
    let shown = shop.get(&models).await.is(200).json();
    assert_eq!(
        shown[0]["config"]["pairwiseSubAlgorithmSalt"]
            .as_str()
            .unwrap()
            .len(),
        36
    );
}

#[tokio::test]
async fn roles_that_tokens_may_carry() {
    let shop = open().await;
    let scope = make(
        &shop,
        &json!({"name": "orders", "protocol": "openid-connect"}),
    )
    .await;
    let mappings = format!("{scope}/scope-mappings");
    assert_eq!(shop.get(&mappings).await.is(200).json(), json!({}));
    let available = format!("{mappings}/realm/available");
    let list = shop.get(&available).await.is(200).json();
    let manager = list
        .as_array()
        .unwrap()
        .iter()
        .find(|role| role["name"] == "manager")
        .unwrap();
    let sent = json!([{"id": manager["id"], "name": "manager"}]);
    shop.post(&format!("{mappings}/realm"), &sent).await.is(204);
    let event = shop.event().await;
    assert_eq!(event.kind, "REALM_SCOPE_MAPPING");
    assert_eq!(event.representation[0]["composite"], false);
    let direct = shop.get(&mappings).await.is(200).json();
    assert_eq!(direct["realmMappings"][0]["name"], "manager");
    let effective = shop
        .get(&format!("{mappings}/realm/composite"))
        .await
        .is(200)
        .json();
    let names: Vec<&str> = effective
        .as_array()
        .unwrap()
        .iter()
        .map(|role| role["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["customer", "manager"]);
    let web = shop.get("/clients?clientId=web").await.json()[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let of_web = format!("{mappings}/clients/{web}");
    shop.post(&of_web, &json!([{"name": "editor"}]))
        .await
        .is(204);
    let all = shop.get(&mappings).await.json();
    assert_eq!(
        all["clientMappings"]["web"]["mappings"][0]["name"],
        "editor"
    );
    assert_eq!(
        shop.get(&format!("{of_web}/available")).await.json(),
        json!([])
    );
    shop.post(&of_web, &json!([{"name": "nope"}])).await.is(404);
    shop.post(&format!("{mappings}/clients/nope"), &json!([]))
        .await
        .is(404);
    shop.delete(&of_web).await.is(204);
    shop.send(Method::DELETE, &format!("{mappings}/realm"), &sent)
        .await
        .is(204);
    assert_eq!(shop.get(&mappings).await.json(), json!({}));
}

#[tokio::test]
async fn a_clients_own_roles_are_always_carried() {
    let shop = open().await;
    let web = shop.get("/clients?clientId=web").await.json()[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    shop.put(
        &format!("/clients/{web}"),
        &json!({"fullScopeAllowed": false}),
    )
    .await
    .is(204);
    let own = format!("/clients/{web}/scope-mappings/clients/{web}/composite");
    assert_eq!(shop.get(&own).await.is(200).json()[0]["name"], "editor");
    let realm = format!("/clients/{web}/scope-mappings/realm/composite");
    assert_eq!(shop.get(&realm).await.is(200).json(), json!([]));
}
