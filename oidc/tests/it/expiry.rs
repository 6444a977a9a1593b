//! What ends, ends to the second, at each place that reads it: not a moment earlier, and no grace after.

use axum::http::Method;
use claviger_model::Seconds;
use claviger_testkit::{Reply, Stage};
use serde_json::json;

use crate::answered::{CB, code, exchange};
use crate::browser::{Browser, parameter, request};
use crate::world::{alice_at_web, oidc, realm, refresh, userinfo};

/// What is shown: it has a lifetime, and something that takes it as long as that lasts.
#[derive(Clone, Copy, Debug)]
enum Shown {
    AtUserinfo,
    AtIntrospection,
    AtTheGate,
    ToExchange,
    RefreshToken,
    Code,
    PushedRequest,
    DeviceCode,
    UserCode,
    Cookie,
}

const WEB: [(&str, &str); 2] = [("client_id", "web"), ("client_secret", "web-secret")];

async fn shop() -> Stage {
    let stage = Stage::open(claviger_oidc::router()).await;
    let mut file = realm();
    file["attributes"] = json!({"gateway.check.enabled": "true"});
    file["clients"][0]["attributes"]["oauth2.device.authorization.grant.enabled"] = json!("true");
    file["clients"][1]["redirectUris"] = json!([CB]);
    file["clients"][1]["attributes"]["standard.token.exchange.enabled"] = json!("true");
    file["clients"][1]["protocolMappers"] = json!([{
        "name": "audience", "protocol": "openid-connect",
        "protocolMapper": "oidc-audience-mapper",
        "config": {"included.client.audience": "web", "access.token.claim": "true"},
    }]);
    stage.import(file).await;
    stage
}

fn sent(more: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let all = WEB.iter().chain(more);
    all.map(|(name, value)| (*name, (*value).to_owned()))
        .collect()
}

async fn post(stage: &Stage, path: &str, form: &[(&'static str, String)]) -> Reply {
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, &**value)).collect();
    stage.post(&oidc(path), &form).await
}

/// Makes it, waits that much longer than it lives, and says whether it is still taken.
async fn is_taken(shown: Shown, longer: i64) -> bool {
    let stage = shop().await;
    let wait = |seconds: i64| stage.wait(Seconds(seconds + longer));
    match shown {
        Shown::AtUserinfo | Shown::AtIntrospection | Shown::AtTheGate | Shown::ToExchange => {
            let tokens = alice_at_web(&stage).await.is(200);
            let access = tokens.member("access_token");
            wait(tokens.json()["expires_in"].as_i64().unwrap());
            match shown {
                Shown::AtUserinfo => userinfo(&stage, &access).await.status == 200,
                Shown::AtTheGate => {
                    let call = stage.call(Method::GET, "/realms/shop/gate").bearer(&access);
                    call.send().await.status == 200
                }
                Shown::AtIntrospection => {
                    let form = sent(&[("token", &access)]);
                    let reply = post(&stage, "token/introspect", &form).await;
                    reply.is(200).json()["active"] == true
                }
                Shown::ToExchange
                | Shown::RefreshToken
                | Shown::Code
                | Shown::PushedRequest
                | Shown::DeviceCode
                | Shown::UserCode
                | Shown::Cookie => {
                    let form = sent(&[
                        (
                            "grant_type",
                            "urn:ietf:params:oauth:grant-type:token-exchange",
                        ),
                        ("subject_token", &access),
                        (
                            "subject_token_type",
                            "urn:ietf:params:oauth:token-type:access_token",
                        ),
                    ]);
                    post(&stage, "token", &form).await.status == 200
                }
            }
        }
        Shown::RefreshToken => {
            let tokens = crate::world::alice(&stage).await;
            wait(tokens.json()["refresh_expires_in"].as_i64().unwrap());
            refresh(&stage, &tokens.member("refresh_token"))
                .await
                .status
                == 200
        }
        Shown::Code => {
            let code = code(&stage, &[]).await;
            wait(60);
            exchange(&stage, &code, &[]).await.status == 200
        }
        Shown::PushedRequest => {
            let form = sent(&[("response_type", "code"), ("redirect_uri", CB)]);
            let pushed = post(&stage, "ext/par/request", &form).await.is(201);
            wait(pushed.json()["expires_in"].as_i64().unwrap());
            let uri = pushed.member("request_uri");
            let asked = [("client_id", "web"), ("request_uri", uri.as_str())];
            Browser::default().ask(&stage, &asked).await.status != 400
        }
        Shown::DeviceCode | Shown::UserCode => {
            let form = [("client_id", "app")];
            let begun = stage.post(&oidc("auth/device"), &form).await.is(200);
            wait(begun.json()["expires_in"].as_i64().unwrap());
            let code = begun.member("device_code");
            let grant = "urn:ietf:params:oauth:grant-type:device_code";
            let form = [
                ("client_id", "app"),
                ("grant_type", grant),
                ("device_code", &*code),
            ];
            if matches!(shown, Shown::DeviceCode) {
                let told = stage.post(&oidc("token"), &form).await.member("error");
                assert!(
                    ["authorization_pending", "expired_token"].contains(&&*told),
                    "{told}"
                );
                return told == "authorization_pending";
            }
            let typed = begun.member("verification_uri_complete");
            let typed = typed.strip_prefix("http://localhost").unwrap();
            let page = Browser::default().open(&stage, typed).await;
            page.status == 302 && page.header("location").contains("/login-actions/")
        }
        Shown::Cookie => {
            let mut browser = Browser::signed_in(&stage, "alice").await;
            wait(1800);
            let asked = request(&[("prompt", "none")]);
            let reply = browser.ask(&stage, &asked).await;
            !parameter(&reply, "code").is_empty()
        }
    }
}

#[tokio::test]
async fn cve_2025_64708_what_ends_is_over_to_the_second() {
    for shown in [
        Shown::AtUserinfo,
        Shown::AtIntrospection,
        Shown::AtTheGate,
        Shown::ToExchange,
        Shown::RefreshToken,
        Shown::Code,
        Shown::PushedRequest,
        Shown::DeviceCode,
        Shown::UserCode,
        Shown::Cookie,
    ] {
        assert!(is_taken(shown, -1).await, "{shown:?} a second before");
        assert!(!is_taken(shown, 1).await, "{shown:?} a second after");
    }
}
