//! Whom the conditional form for one-time passwords asks for a code.

use serde_json::{Value, json};

use crate::flows::{add, ask, configure, go};
use crate::second::{code, with_generator};
use crate::world::{Got, Visitor, stage};

/// A realm whose browser flow is the password, and then the form. alice has a generator, bob has none.
fn with_form(settings: &Value, requirement: &str) -> Value {
    let mut file = with_generator();
    add(
        &mut file,
        "mine",
        true,
        vec![
            ask("auth-username-password-form", "REQUIRED", ""),
            go("mine second", "CONDITIONAL"),
        ],
    );
    let mut second = vec![ask("auth-conditional-otp-form", requirement, "whom")];
    if requirement == "ALTERNATIVE" {
        second.insert(0, ask("conditional-user-configured", "REQUIRED", ""));
    } else {
        second.insert(0, ask("conditional-user-role", "REQUIRED", "people"));
        configure(
            &mut file,
            "people",
            &json!({"condUserRole": "nobody", "negate": "true"}),
        );
        let roles = file["roles"]["realm"].as_array_mut().unwrap();
        roles.push(json!({"name": "nobody"}));
    }
    let roles = file["roles"]["realm"].as_array_mut().unwrap();
    roles.push(json!({"name": "guest"}));
    file["users"][1]["realmRoles"] = json!(["guest"]);
    add(&mut file, "mine second", false, second);
    configure(&mut file, "whom", settings);
    file["users"][0]["realmRoles"] = json!(["customer"]);
    file["users"][0]["attributes"] = json!({"second": [" skip "], "first": ["force"]});
    file["users"][1]["attributes"] = json!({"second": ["skip"]});
    file["browserFlow"] = json!("mine");
    file
}

async fn sign_in(file: Value, name: &str, host: &str) -> (Visitor, Got) {
    let mut visitor = Visitor::new(&stage(file).await);
    visitor.header = Some(("x-forwarded-host", host.to_owned()));
    let got = visitor.sign_in("app", name, "wonderland").await;
    (visitor, got)
}

#[tokio::test]
async fn who_has_a_generator_is_asked_as_the_settings_say() {
    let inside = "noOtpRequiredForHeaderPattern";
    let cases = [
        (json!({}), true),
        (json!({"defaultOtpOutcome": "skip"}), false),
        (json!({"defaultOtpOutcome": "force"}), true),
        (json!({"otpControlAttribute": "second"}), false),
        (json!({"otpControlAttribute": "first"}), true),
        (json!({"otpControlAttribute": "none"}), true),
        (json!({"skipOtpRole": "customer"}), false),
        (json!({"skipOtpRole": "nobody"}), true),
        (json!({"skipOtpRole": "is.not.there"}), true),
        (
            json!({"skipOtpRole": "customer", "forceOtpRole": "customer"}),
            false,
        ),
        (
            json!({"otpControlAttribute": "first", "skipOtpRole": "customer"}),
            true,
        ),
        (
            json!({"forceOtpRole": "customer", "defaultOtpOutcome": "skip"}),
            true,
        ),
        (json!({inside: "x-forwarded-host: 10\\.0\\..*"}), false),
        (json!({inside: "X-Forwarded-Host: 10\\.1\\..*"}), true),
        (json!({inside: "("}), true),
        (
            json!({"forceOtpForHeaderPattern": "x-forwarded-host: .*", "defaultOtpOutcome": "skip"}),
            true,
        ),
    ];
    for (settings, asks) in cases {
        let file = with_form(&settings, "REQUIRED");
        let (mut alice, got) = sign_in(file, "alice", "10.0.0.7").await;
        assert_eq!(got.has_code(), !asks, "{settings} {}", got.html);
        if asks {
            let wrong = alice.post(&got.action(), &[("otp", "000000")]).await;
            let page = wrong.is(200).says("input-error-otp");
            let right = code(&alice);
            let end = alice.post(&page.action(), &[("otp", &right)]).await;
            assert!(end.has_code(), "{settings}");
        }
    }
}

#[tokio::test]
async fn who_has_none_sets_one_up_only_where_one_is_needed() {
    let cases = [
        (json!({}), true),
        (json!({"defaultOtpOutcome": "skip"}), false),
        (json!({"otpControlAttribute": "second"}), false),
        // A role that asks for the code comes before an attribute that does not.
        (
            json!({"otpControlAttribute": "second", "forceOtpRole": "guest"}),
            true,
        ),
        (json!({"skipOtpRole": "guest"}), false),
    ];
    for (settings, sets_up) in cases {
        let file = with_form(&settings, "REQUIRED");
        let (mut bob, got) = sign_in(file, "bob", "10.0.0.7").await;
        if sets_up {
            let location = got.is(302).location;
            assert!(location.contains("CONFIGURE_TOTP"), "{settings} {location}");
            bob.get(&location)
                .await
                .is(200)
                .says("kc-totp-settings-form");
        } else {
            assert!(got.has_code(), "{settings} {}", got.location);
        }
    }
}

#[tokio::test]
async fn as_an_alternative_it_is_for_who_has_a_generator() {
    let settings = json!({"defaultOtpOutcome": "force"});
    let file = with_form(&settings, "ALTERNATIVE");
    let (_, got) = sign_in(file.clone(), "bob", "10.0.0.7").await;
    assert!(got.has_code());
    let (_, got) = sign_in(file, "alice", "10.0.0.7").await;
    got.is(200).says("kc-otp-login-form");
}

#[tokio::test]
async fn the_settings_of_another_step_are_not_looked_at() {
    let mut file = with_form(&json!({"skipOtpRole": "guest"}), "REQUIRED");
    add(
        &mut file,
        "elsewhere",
        true,
        vec![
            ask("auth-username-password-form", "REQUIRED", ""),
            ask("auth-conditional-otp-form", "REQUIRED", "everybody"),
        ],
    );
    configure(
        &mut file,
        "everybody",
        &json!({"defaultOtpOutcome": "force"}),
    );
    let (_, got) = sign_in(file, "bob", "10.0.0.7").await;
    assert!(got.has_code(), "{}", got.location);
}
