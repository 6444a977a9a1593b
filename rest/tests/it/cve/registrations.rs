//! Attacks with the registration of clients.

use axum::http::Method;
use serde_json::json;

use crate::client_registration::policies::let_strangers_in;
use crate::client_registration::{OIDC, OWN, at, leave, minimal, register};
use crate::world::open;

#[tokio::test]
async fn cve_2020_27838_nobody_reads_a_registration_without_a_token() {
    let shop = open().await;
    for provider in ["openid-connect", "default"] {
        for client in ["app", "web", "nobody"] {
            let path = format!("/realms/shop/clients-registrations/{provider}/{client}");
            let refused = shop.stage.get(&path).await.is(401);
            assert!(!refused.text().contains("web-secret"));
            let call = shop
                .stage
                .call(Method::GET, &path)
                .basic("web", "web-secret");
            call.send().await.is(401);
        }
    }
}

#[tokio::test]
async fn cve_2023_0091_a_revoked_token_registers_nothing() {
    let shop = open().await;
    let tokens = shop.sign_in("owner", "owner").await.is(200);
    let access = tokens.member("access_token");
    let post = || {
        at(&shop, Method::POST, OIDC, &access)
            .json(&minimal())
            .send()
    };
    post().await.is(201);
    let form = [("client_id", "app"), ("token", access.as_str())];
    let revoke = "/realms/shop/protocol/openid-connect/revoke";
    shop.stage.post(revoke, &form).await.is(200);
    post()
        .await
        .is(401)
        .says("invalid_token", "Failed decode token");
    // Nor one whose session is over.
    let tokens = shop.sign_in("owner", "owner").await.is(200);
    let refresh = tokens.member("refresh_token");
    let form = [("client_id", "app"), ("refresh_token", refresh.as_str())];
    let logout = "/realms/shop/protocol/openid-connect/logout";
    shop.stage.post(logout, &form).await.is(204);
    let access = tokens.member("access_token");
    let path = format!("{OIDC}/web");
    for method in [Method::GET, Method::DELETE] {
        at(&shop, method, &path, &access).send().await.is(401);
    }
    let call = at(&shop, Method::POST, OIDC, &access).json(&minimal());
    call.send().await.is(401);
}

#[tokio::test]
async fn cve_2026_9705_a_client_that_is_switched_off_does_not_switch_itself_on() {
    let shop = open().await;
    let made = register(&shop, &minimal()).await.is(201).json();
    let id = made["client_id"].as_str().unwrap();
    let own = made["registration_access_token"].as_str().unwrap();
    let found = shop.get(&format!("/clients?clientId={id}")).await.json();
    let path = format!("/clients/{}", found[0]["id"].as_str().unwrap());
    shop.put(&path, &json!({"enabled": false})).await.is(204);
    for base in [OWN, OIDC] {
        let mut body = json!({"clientId": id, "enabled": true});
        if base == OIDC {
            body = json!({"client_id": id});
        }
        let address = format!("{base}/{id}");
        at(&shop, Method::PUT, &address, own)
            .json(&body)
            .send()
            .await
            .is(401);
        at(&shop, Method::GET, &address, own).send().await.is(401);
        at(&shop, Method::DELETE, &address, own)
            .send()
            .await
            .is(401);
    }
    let client = shop.get(&path).await.is(200).json();
    assert_eq!(client["enabled"], false);
}

#[tokio::test]
async fn cve_2026_9803_no_header_is_an_error_of_the_server() {
    let shop = open().await;
    let token = leave(&shop, 100).await;
    let dots = ".".repeat(10_000);
    let long = format!("Bearer {}", "A".repeat(60_000));
    let cut = format!("Bearer {}", &token[..token.len() - 10]);
    for header in [
        "",
        " ",
        "Bearer",
        "Bearer ",
        "Bearer  ",
        "Bearer a b",
        "bearer",
        "Bearer .",
        "Bearer ..",
        "Bearer a.b.c",
        "Bearer e30.e30.",
        "Bearer eyJhbGciOiJub25lIn0.e30.",
        "Basic",
        "Basic ::",
        "Basic AA==",
        "Bearer \t",
        "Digest x",
        &dots,
        &long,
        &cut,
    ] {
        for (method, path) in [
            (Method::POST, OIDC.to_owned()),
            (Method::GET, format!("{OIDC}/web")),
            (Method::PUT, format!("{OWN}/web")),
            (Method::DELETE, format!("{OWN}/web")),
            (
                Method::GET,
                "/realms/shop/clients-registrations/install/web".to_owned(),
            ),
        ] {
            let call = shop
                .stage
                .call(method, &path)
                .header("authorization", header);
            let reply = call.json(&json!({})).send().await;
            let status = reply.status.as_u16();
            assert!(
                [401, 403].contains(&status),
                "{header:.40} {path}: {status}"
            );
        }
    }
    let twice = at(&shop, Method::POST, OIDC, &token).bearer(&token);
    twice.json(&minimal()).send().await.is(401);
}

#[tokio::test]
async fn cve_2026_16102_a_registered_client_makes_nobody_an_administrator() {
    let shop = open().await;
    let_strangers_in(&shop).await;
    let token = leave(&shop, 10).await;
    for claim in [
        "realm_access.roles",
        "resource_access.realm-management.roles",
    ] {
        let body = json!({"redirectUris": ["https://app.example/cb"], "protocolMappers": [{
            "name": "m", "protocol": "openid-connect",
            "protocolMapper": "oidc-usermodel-property-mapper",
            "config": {"user.attribute": "username", "claim.name": claim,
                "access.token.claim": "true", "jsonType.label": "String"}}]});
        let call = shop.stage.call(Method::POST, OWN).json(&body);
        call.send().await.is(403);
        let call = at(&shop, Method::POST, OWN, &token).json(&body);
        call.send().await.is(403);
    }
}

#[tokio::test]
async fn cve_2026_44476_a_client_that_was_given_a_secret_needs_it() {
    let shop = open().await;
    for method in ["client_secret_basic", "client_secret_post"] {
        let mut metadata = minimal();
        metadata["token_endpoint_auth_method"] = json!(method);
        metadata["grant_types"] = json!(["password"]);
        let made = register(&shop, &metadata).await.is(201).json();
        assert_eq!(made["client_secret"].as_str().unwrap().len(), 86);
        let form = [
            ("grant_type", "password"),
            ("client_id", made["client_id"].as_str().unwrap()),
            ("username", "alice"),
            ("password", "wonderland"),
        ];
        let path = "/realms/shop/protocol/openid-connect/token";
        shop.stage.post(path, &form).await.is(401);
    }
}

#[tokio::test]
async fn cve_2026_1180_an_address_of_keys_is_not_fetched_when_it_is_registered() {
    let shop = open().await;
    let mut metadata = minimal();
    metadata["token_endpoint_auth_method"] = json!("private_key_jwt");
    for address in [
        "http://127.0.0.1:9/keys",
        "http://169.254.169.254/latest",
        "http://[::1]/",
    ] {
        metadata["jwks_uri"] = json!(address);
        register(&shop, &metadata).await.is(201);
    }
    assert_eq!(shop.stage.network.asked(), Vec::<String>::new());
    metadata["jwks_uri"] = json!("file:///etc/passwd");
    let refused = register(&shop, &metadata).await;
    assert!(refused.status.as_u16() < 500);
    assert_eq!(shop.stage.network.asked(), Vec::<String>::new());
}
