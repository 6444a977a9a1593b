//! What is read of a realm, and what is taken for absent members.

use super::*;
use serde_json::json;

fn read(body: &serde_json::Value) -> RealmSettings {
    RealmSettings::from_body(body.as_object().unwrap())
}

#[test]
fn an_empty_realm_has_keycloaks_lifespans() {
    let realm = read(&json!({"id": "1", "realm": "shop"}));
    assert!(!realm.enabled);
    assert_eq!(realm.lifespans.access_token_lifespan, Seconds(300));
    assert_eq!(realm.lifespans.sso_session_idle_timeout, Seconds(1_800));
    assert_eq!(
        realm.lifespans.action_token_generated_by_user_lifespan,
        Seconds(300)
    );
    assert_eq!(realm.ssl_required, SslRequired::External);
    assert_eq!(realm.brute_force.failure_factor, 30);
    assert_eq!(realm.events.listeners, ["jboss-logging"]);
    assert!(realm.login.login_with_email_allowed);
}

#[test]
fn settings_are_read_from_their_places() {
    let realm = read(&json!({
        "id": "1", "realm": "shop", "enabled": true, "sslRequired": "NONE",
        "accessCodeLifespanUserAction": 120, "bruteForceStrategy": "LINEAR",
        "defaultRole": {"id": "r"}, "eventsExpiration": 0, "browserFlow": "my browser",
        "attributes": {"adminEventsExpiration": "60",
                       "actionTokenGeneratedByUserLifespan.verify-email": "7"},
    }));
    assert_eq!(realm.ssl_required, SslRequired::None);
    assert_eq!(realm.action_token_lifespan_of("verify-email"), Seconds(7));
    assert_eq!(
        realm.action_token_lifespan_of("reset-credentials"),
        Seconds(120)
    );
    assert_eq!(realm.brute_force.strategy, BruteForceStrategy::Linear);
    assert_eq!(realm.default_role.as_str(), "r");
    assert_eq!(realm.events.expiration, None);
    assert_eq!(realm.events.admin_events_expiration, Some(Seconds(60)));
    assert_eq!(realm.flows.browser.as_deref(), Some("my browser"));
}
