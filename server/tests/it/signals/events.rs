//! What becomes of people is told, whichever door it comes through.

use axum::http::Method as M;
use serde_json::{Value, json};

use super::{ALICE, CAEP, RISC, World, check};

fn caep(name: &str) -> String {
    format!("{CAEP}{name}")
}

fn risc(name: &str) -> String {
    format!("{RISC}{name}")
}

/// CAEP §3.1.
#[tokio::test]
async fn every_end_of_a_session_is_told() {
    let world = World::new().await;
    let stream = world.polled("hub").await;
    let revoked = caep("session-revoked");
    let one = |session: &str| format!("/sessions/{session}");
    let tokens = world.sign_in().await;
    world.logout(&tokens).await;
    let polled = world.poll("hub", &stream, json!({})).await;
    let (header, claims) = polled.sets.values().next().unwrap();
    check(header, claims, &stream);
    let subject = json!({
        "format": "complex",
        "user": {"format": "iss_sub", "iss": stream["iss"], "sub": ALICE},
        "session": {"format": "opaque", "id": tokens.member("session_state")},
    });
    assert_eq!(claims["sub_id"], subject);
    let says = &claims["events"][&revoked];
    assert_eq!(says["event_timestamp"], claims["iat"]);
    assert_eq!(says["initiating_entity"], "user");
    assert!(says["reason_admin"]["en"].is_string());
    let mut acked = polled.ids();
    for (door, by) in [
        ("session", "admin"),
        ("user", "admin"),
        ("all", "admin"),
        ("idle", "policy"),
    ] {
        let tokens = world.sign_in().await;
        let session = tokens.member("session_state");
        let nothing = Value::Null;
        match door {
            "session" => drop(
                world
                    .admin(M::DELETE, &one(&session), nothing)
                    .await
                    .is(204),
            ),
            "user" => {
                let path = format!("/users/{ALICE}/logout");
                drop(world.admin(M::POST, &path, nothing).await.is(204));
            }
            "all" => drop(world.admin(M::POST, "/logout-all", json!({})).await.is(200)),
            _ => {
                world.stage.wait(claviger_model::Seconds(40 * 3_600));
                let app = &world.stage.app;
                let ended = claviger_engine::logout::end_expired(app, app.now())
                    .await
                    .unwrap();
                assert!(ended >= 1);
            }
        }
        let polled = world.poll("hub", &stream, json!({"ack": acked})).await;
        let told = polled.of(&revoked);
        assert_eq!(told.len(), 1, "{door}");
        assert_eq!(told[0]["sub_id"]["session"]["id"], json!(session), "{door}");
        assert_eq!(
            told[0]["events"][&revoked]["initiating_entity"], by,
            "{door}"
        );
        acked = polled.ids();
    }
}

/// CAEP §3.3.
#[tokio::test]
async fn credentials_that_are_made_changed_or_deleted_are_told() {
    let world = World::new().await;
    let stream = world.polled("hub").await;
    let changed = caep("credential-change");
    let reset = json!({"type": "password", "value": "looking-glass", "temporary": false});
    let path = format!("/users/{ALICE}/reset-password");
    world.admin(M::PUT, &path, reset).await.is(204);
    let otp = json!({"credentials": [{
        "type": "otp", "userLabel": "phone", "secretData": "{\"value\":\"secret\"}",
        "credentialData": "{\"subType\":\"totp\",\"digits\":6,\"period\":30,\"algorithm\":\"HmacSHA1\"}",
    }]});
    world
        .admin(M::PUT, &format!("/users/{ALICE}"), otp)
        .await
        .is(204);
    let list = format!("/users/{ALICE}/credentials");
    let held = world.admin(M::GET, &list, Value::Null).await.json();
    let held = held.as_array().unwrap();
    let phone = held.iter().find(|known| known["type"] == "otp").unwrap();
    let id = phone["id"].as_str().unwrap();
    // Neither an order nor a label changes what a credential proves.
    world
        .admin(M::POST, &format!("{list}/{id}/moveToFirst"), Value::Null)
        .await
        .is(204);
    world
        .admin(M::DELETE, &format!("{list}/{id}"), Value::Null)
        .await
        .is(204);
    let polled = world.poll("hub", &stream, json!({})).await;
    let told = polled.of(&changed);
    let mut told: Vec<(&str, &str)> = told
        .iter()
        .map(|claims| {
            assert_eq!(claims["sub_id"]["format"], "iss_sub");
            let says = &claims["events"][&changed];
            assert_eq!(says["initiating_entity"], "admin");
            (
                says["credential_type"].as_str().unwrap(),
                says["change_type"].as_str().unwrap(),
            )
        })
        .map(|(kind, change)| match (kind, change) {
            ("password", "update") => ("password", "update"),
            ("app", "create") => ("app", "create"),
            ("app", "delete") => ("app", "delete"),
            other => panic!("{other:?}"),
        })
        .collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [("app", "create"), ("app", "delete"), ("password", "update")]
    );
    let text = json!(polled.sets.values().collect::<Vec<_>>()).to_string();
    assert!(!text.contains("looking-glass") && !text.contains("secretData"));
}

/// RISC §2.2, §2.3, §2.4, §2.5.
#[tokio::test]
async fn what_becomes_of_an_account_is_told() {
    let world = World::new().await;
    let stream = world.polled("hub").await;
    world.sign_in().await;
    let path = format!("/users/{ALICE}");
    for body in [
        json!({"enabled": false}),
        json!({"enabled": false}),
        json!({"enabled": true}),
        json!({"email": "alice@new.example", "emailVerified": true}),
    ] {
        world.admin(M::PUT, &path, body).await.is(204);
    }
    world.sign_in().await;
    world.admin(M::DELETE, &path, Value::Null).await.is(204);
    let polled = world.poll("hub", &stream, json!({})).await;
    for (header, claims) in polled.sets.values() {
        check(header, claims, &stream);
    }
    for name in ["account-disabled", "account-enabled", "account-purged"] {
        let told = polled.of(&risc(name));
        assert_eq!(told.len(), 1, "{name}");
        assert_eq!(told[0]["sub_id"]["sub"], ALICE, "{name}");
    }
    let revoked = polled.of(&caep("session-revoked"));
    assert_eq!(
        revoked.len(),
        2,
        "the sessions of the disabled and of the deleted user"
    );
    let moved = polled.of(&risc("identifier-changed"));
    assert_eq!(
        moved[0]["sub_id"],
        json!({"format": "email", "email": "alice@shop.example"})
    );
    let says = &moved[0]["events"][risc("identifier-changed")];
    assert_eq!(says["new-value"], "alice@new.example");
    // CAEP §3.2, for the claims that came with it.
    let claims = polled.of(&caep("token-claims-change"));
    let says = &claims[0]["events"][caep("token-claims-change")];
    assert_eq!(says["claims"], json!({"email": "alice@new.example"}));
}

/// CAEP §3.2.
#[tokio::test]
async fn roles_and_groups_are_told_as_tokens_have_them() {
    let world = World::new().await;
    let stream = world.polled("hub").await;
    let role = world
        .admin(M::GET, "/roles/customer", Value::Null)
        .await
        .json();
    let mappings = format!("/users/{ALICE}/role-mappings/realm");
    world.admin(M::POST, &mappings, json!([role])).await.is(204);
    let groups = world.admin(M::GET, "/groups", Value::Null).await.json();
    let group = groups[0]["id"].as_str().unwrap();
    let membership = format!("/users/{ALICE}/groups/{group}");
    world.admin(M::PUT, &membership, Value::Null).await.is(204);
    world.admin(M::PUT, &membership, Value::Null).await.is(204);
    world
        .admin(M::DELETE, &membership, Value::Null)
        .await
        .is(204);
    let polled = world.poll("hub", &stream, json!({})).await;
    let uri = caep("token-claims-change");
    let told: Vec<Value> = polled
        .of(&uri)
        .iter()
        .map(|c| c["events"][&uri]["claims"].clone())
        .collect();
    assert_eq!(
        told.len(),
        3,
        "a membership that was there is no change: {told:?}"
    );
    let has = |wanted: &dyn Fn(&Value) -> bool| told.iter().any(wanted);
    assert!(has(&|claims| claims["groups"] == json!(["/staff"])));
    assert!(has(&|claims| claims["groups"] == json!([])));
    assert!(has(&|claims| {
        let roles = claims["realm_access"]["roles"].as_array();
        roles.is_some_and(|roles| roles.contains(&json!("customer")))
    }));
}

#[tokio::test]
async fn a_stream_carries_what_its_receiver_asked_for_and_an_administrator_allows() {
    let world = World::new().await;
    let stream = world.polled("hub").await;
    let token = world.manager("hub").await;
    let only = json!({"stream_id": stream["stream_id"],
        "events_requested": [caep("credential-change")]});
    world
        .call(M::PATCH, super::STREAMS, &token, &only)
        .await
        .is(200);
    world.logout(&world.sign_in().await).await;
    assert!(world.poll("hub", &stream, json!({})).await.sets.is_empty());
    let found = world
        .admin(M::GET, "/clients?clientId=other", Value::Null)
        .await
        .json();
    let mut other = found[0].clone();
    other["attributes"]["ssf.supportedEvents"] = json!("CaepSessionRevoked");
    other["attributes"]["ssf.userSubjectFormat"] = json!("email");
    let path = format!("/clients/{}", other["id"].as_str().unwrap());
    world.admin(M::PUT, &path, other).await.is(204);
    let stream = world.polled("other").await;
    assert_eq!(stream["events_supported"], json!([caep("session-revoked")]));
    world.logout(&world.sign_in().await).await;
    let reset = json!({"type": "password", "value": "x-y-z"});
    world
        .admin(M::PUT, &format!("/users/{ALICE}/reset-password"), reset)
        .await
        .is(204);
    let polled = world.poll("other", &stream, json!({})).await;
    assert_eq!(polled.events(), [caep("session-revoked")]);
    let told = &polled.of(&caep("session-revoked"))[0];
    let user = json!({"format": "email", "email": "alice@shop.example"});
    assert_eq!(told["sub_id"]["user"], user);
}

/// What is not switched on costs nothing and tells nothing.
#[tokio::test]
async fn a_realm_that_is_no_transmitter_any_more_tells_nothing() {
    let world = World::new().await;
    world.pushed("hub").await;
    world.logout(&world.sign_in().await).await;
    let off = json!({"attributes": {"ssf.transmitterEnabled": "false"}});
    world.admin(M::PUT, "", off).await.is(204);
    world.logout(&world.sign_in().await).await;
    assert_eq!(
        world.deliver().await,
        [claviger_engine::outbox::Attempt::Hopeless]
    );
    assert!(world.stage.network.posted().is_empty());
    let token = world.manager("hub").await;
    world
        .call(M::GET, super::STREAMS, &token, &Value::Null)
        .await
        .is(404);
}
