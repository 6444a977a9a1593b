//! What the modules of the OpenID conformance suite ask of the discovery document and of the keys.

use std::collections::BTreeSet;

use serde_json::json;

use crate::authorize::shop;
use crate::browser::{Browser, claims, parameter};
use crate::oidcc_claims::tokens;
use crate::world::oidc;

/// `oidcc-discovery-endpoint-verification` and its kin of the logout plans: the document keeps its word.
#[tokio::test]
async fn oidcc_discovery_endpoint_verification() {
    let stage = shop(|realm| {
        realm["clients"][0]["implicitFlowEnabled"] = json!(true);
        realm["clients"][0]["optionalClientScopes"] =
            json!(["address", "phone", "offline_access", "microprofile-jwt"]);
    })
    .await;
    let path = "/realms/shop/.well-known/openid-configuration";
    let document = stage.get(path).await.is(200).json();
    assert_eq!(document["issuer"], "http://localhost/realms/shop");
    let words = |name: &str| -> BTreeSet<String> {
        let list = document[name]
            .as_array()
            .unwrap_or_else(|| panic!("{name}"));
        let texts = list.iter().map(|word| word.as_str().unwrap().to_owned());
        texts.collect()
    };
    for name in [
        "claims_parameter_supported",
        "request_parameter_supported",
        "request_uri_parameter_supported",
        "require_request_uri_registration",
        "frontchannel_logout_supported",
        "frontchannel_logout_session_supported",
        "backchannel_logout_supported",
        "backchannel_logout_session_supported",
        "authorization_response_iss_parameter_supported",
    ] {
        assert_eq!(document[name], true, "{name}");
    }
    for (name, needed) in [
        (
            "response_types_supported",
            &["code", "id_token", "id_token token"][..],
        ),
        (
            "grant_types_supported",
            &["authorization_code", "implicit", "refresh_token"],
        ),
        ("subject_types_supported", &["public"]),
        ("id_token_signing_alg_values_supported", &["RS256"]),
        ("userinfo_signing_alg_values_supported", &["RS256"]),
        (
            "request_object_signing_alg_values_supported",
            &["none", "RS256"],
        ),
        (
            "token_endpoint_auth_methods_supported",
            &[
                "client_secret_basic",
                "client_secret_post",
                "private_key_jwt",
            ],
        ),
        (
            "scopes_supported",
            &["openid", "profile", "email", "address", "phone"],
        ),
        ("claims_supported", &["sub", "name", "email"]),
    ] {
        let words = words(name);
        assert!(
            needed.iter().all(|word| words.contains(*word)),
            "{name}: {words:?}"
        );
    }
    // What is named is served: nobody is told that it is unknown.
    for kind in words("response_types_supported") {
        let more = [
            ("response_type", &*kind),
            ("nonce", "n"),
            ("prompt", "none"),
        ];
        let reply = Browser::default().ask(&stage, &more).await;
        assert_eq!(parameter(&reply, "error"), "login_required", "{kind}");
    }
    for scope in words("scopes_supported") {
        let wanted = format!("openid {scope}");
        let reply = Browser::default().ask(&stage, &[("scope", &wanted)]).await;
        // Not every client may ask for every scope.
        if reply.status == 302 {
            assert_eq!(parameter(&reply, "error"), "invalid_scope", "{scope}");
        } else {
            reply.is(200);
        }
    }
    for mode in words("response_modes_supported") {
        let more = [("response_mode", &*mode), ("prompt", "none")];
        let reply = Browser::default().ask(&stage, &more).await;
        assert!(reply.status == 200 || reply.status == 302, "{mode}");
    }
    for name in [
        "authorization_endpoint",
        "end_session_endpoint",
        "check_session_iframe",
    ] {
        let address = document[name].as_str().unwrap();
        let path = address.strip_prefix("http://localhost").unwrap();
        assert_ne!(stage.get(path).await.status, 404, "{name}");
    }
    for name in [
        "token_endpoint",
        "introspection_endpoint",
        "revocation_endpoint",
        "userinfo_endpoint",
    ] {
        let address = document[name].as_str().unwrap();
        let path = address.strip_prefix("http://localhost").unwrap();
        let reply = stage.post(path, &[]).await;
        assert!(
            reply.status == 400 || reply.status == 401,
            "{name}: {}",
            reply.status
        );
    }
}

/// The keys behind `jwks_uri`: each with a name of its own, and the one that signs is among them.
#[tokio::test]
async fn oidcc_keys_can_be_told_apart_and_sign_what_they_are_for() {
    let stage = shop(|_| {}).await;
    let set = stage.get(&oidc("certs")).await.is(200).json();
    let keys = set["keys"].as_array().unwrap();
    let names: BTreeSet<&str> = keys
        .iter()
        .map(|key| key["kid"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), keys.len());
    let mut browser = Browser::signed_in(&stage, "alice").await;
    let reply = browser.ask(&stage, &[]).await;
    let token = tokens(&stage, "app", &reply).await.member("id_token");
    let head = claims(&format!(".{}.", token.split('.').next().unwrap()));
    let key = keys.iter().find(|key| key["kid"] == head["kid"]).unwrap();
    assert_eq!((&key["use"], &key["alg"]), (&json!("sig"), &head["alg"]));
    assert_eq!(head["alg"], "RS256");
}
