//! What has doors of its own below a realm: kept events, texts, client policies, exports.

use axum::http::Method;
use serde_json::json;

use crate::world::open;

#[tokio::test]
async fn kept_events_are_chosen_and_the_choice_is_told() {
    let shop = open().await;
    let config = shop.get("/events/config").await.is(200).json();
    assert_eq!(
        config["enabledEventTypes"].as_array().map(Vec::len),
        Some(103)
    );
    let sent = json!({"eventsEnabled": true, "eventsExpiration": 60, "enabledEventTypes": ["LOGIN"],
                      "adminEventsEnabled": true, "adminEventsDetailsEnabled": false});
    shop.put("/events/config", &sent).await.is(204);
    let event = shop.event().await;
    assert_eq!(
        (event.operation.as_str(), event.path.as_str()),
        ("UPDATE", "events/config")
    );
    assert!(
        event.representation.is_null(),
        "details are off from now on"
    );
    let config = shop.get("/events/config").await.is(200).json();
    assert_eq!(config["enabledEventTypes"], json!(["LOGIN"]));
    assert_eq!(config["eventsExpiration"], 60);
    let refused = shop
        .put("/events/config", &json!({"eventsListeners": ["nope"]}))
        .await
        .is(400);
    assert_eq!(refused.member("error"), "Unknown event listener");
    shop.administered_by("viewer")
        .await
        .get("/events/config")
        .await
        .is(403);
}

/// Tools that send back what they read find nothing changed the next time.
#[tokio::test]
async fn attributes_show_what_settings_are_when_they_are_replaced() {
    let shop = open().await;
    let sent =
        json!({"attributes": {"a": "b"}, "otpPolicyCodeReusable": true, "scimApiEnabled": false});
    shop.put("", &sent).await.is(204);
    let realm = shop.get("").await.is(200).json();
    let shown = &realm["attributes"];
    assert_eq!(shown["a"], "b");
    assert_eq!(shown["realmReusableOtpCode"], "true");
    assert_eq!(shown["scimApiEnabled"], "false");
    shop.put("", &realm).await.is(204);
    let once = shop.get("").await.is(200).json();
    shop.put("", &once).await.is(204);
    assert_eq!(shop.get("").await.is(200).json(), once);
}

#[tokio::test]
async fn texts_live_by_language_and_name() {
    let shop = open().await;
    let (put, kind) = (Method::PUT, "text/plain");
    shop.send_bytes(put.clone(), "/localization/de/doLogIn", kind, "Hinein")
        .await
        .is(204);
    shop.send_bytes(put, "/localization/de/x", "application/json", "x")
        .await
        .is(415);
    shop.post("/localization/fr", &json!({"doLogIn": "Entrer"}))
        .await
        .is(204);
    let form = "--Q\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n{\"a\":\"b\"}\r\n--Q--";
    let kind = "multipart/form-data; boundary=Q";
    shop.send_bytes(Method::POST, "/localization/fr", kind, form)
        .await
        .is(204);
    assert_eq!(
        shop.get("/localization").await.is(200).json(),
        json!(["de", "fr"])
    );
    let french = shop.get("/localization/fr").await.is(200).json();
    assert_eq!(french, json!({"doLogIn": "Entrer", "a": "b"}));
    assert_eq!(
        shop.get("/localization/de/doLogIn").await.is(200).text(),
        "Hinein"
    );
    shop.delete("/localization/de/doLogIn").await.is(204);
    let gone = shop.delete("/localization/de/doLogIn").await.is(404);
    assert_eq!(gone.member("error"), "Localization text not found");
    shop.delete("/localization/fr").await.is(204);
    let gone = shop.delete("/localization/fr").await.is(404);
    assert_eq!(
        gone.member("error"),
        "No localization texts for locale fr found."
    );
    let viewer = shop.administered_by("viewer").await;
    viewer.get("/localization").await.is(200);
    viewer
        .post("/localization/fr", &json!({"a": "b"}))
        .await
        .is(403);
}

#[tokio::test]
async fn client_policies_name_profiles_that_there_are() {
    let shop = open().await;
    let policies = json!({"policies": [{"name": "p", "profiles": ["own"]}]});
    let refused = shop
        .put("/client-policies/policies", &policies)
        .await
        .is(400);
    assert_eq!(
        refused.member("errorMessage"),
        "Policy p contains invalid profile own"
    );
    let profiles = json!({"profiles": [{"name": "own", "executors": []}]});
    shop.put("/client-policies/profiles", &profiles)
        .await
        .is(204);
    shop.put("/client-policies/policies", &policies)
        .await
        .is(204);
    let shown = shop.get("/client-policies/policies").await.is(200).json();
    let kept = json!([{"name": "p", "enabled": false, "conditions": [], "profiles": ["own"]}]);
    assert_eq!(shown, json!({"policies": kept}));
    let all = "/client-policies/profiles?include-global-profiles=true";
    let shown = shop.get(all).await.is(200).json();
    assert_eq!(shown["profiles"], profiles["profiles"]);
    assert_eq!(shown["globalProfiles"].as_array().map(Vec::len), Some(10));
    // They are part of the realm's representation, too.
    assert_eq!(
        shop.get("").await.is(200).json()["clientPolicies"]["policies"],
        kept
    );
}

#[tokio::test]
async fn an_export_has_what_was_asked_for_and_no_secret() {
    let shop = open().await;
    let post = |path: &'static str| {
        let shop = &shop;
        async move { shop.send_bytes(Method::POST, path, "", "").await }
    };
    let plain = post("/partial-export").await.is(200).json();
    assert_eq!(plain["realm"], "shop");
    assert_eq!((plain.get("clients"), plain.get("users")), (None, None));
    let all = "/partial-export?exportClients=true&exportGroupsAndRoles=true";
    let all = post(all).await.is(200);
    assert!(!all.text().contains("web-secret"));
    let all = all.json();
    assert_eq!(all["users"][0]["username"], "service-account-web");
    assert!(all["groups"].is_array());
    shop.administered_by("manager")
        .await
        .post("/partial-export", &json!({}))
        .await
        .is(403);
}

#[tokio::test]
async fn unknown_doors_are_closed() {
    let shop = open().await;
    assert_eq!(
        shop.get("/magic").await.is(404).member("error"),
        "HTTP 404 Not Found"
    );
    shop.stage.get("/admin/realms/shop/magic").await.is(401);
    shop.get("/users-management-permissions").await.is(501);
    shop.get("/client-types").await.is(501);
    let names = shop.get("/credential-registrators").await.is(200).json();
    assert!(names.as_array().unwrap().contains(&json!("CONFIGURE_TOTP")));
}
