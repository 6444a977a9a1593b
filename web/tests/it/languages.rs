//! Which language the pages of a login speak.

use claviger_engine::login::Asks;
use serde_json::json;

use crate::world::{Got, Visitor, realm, stage};

async fn visitor() -> Visitor {
    let mut file = realm();
    file["internationalizationEnabled"] = json!(true);
    file["supportedLocales"] = json!(["en", "de", "pt-BR", "ar"]);
    file["defaultLocale"] = json!("de");
    file["localizationTexts"] = json!({
        "en": {"cookieNotFoundMessage": "Lost"},
        "de": {"expiredActionTokenNoSessionMessage": "Vorbei"},
    });
    Visitor::new(&stage(file).await)
}

fn speaks(got: &Got, locale: &str) {
    let text = format!("<html lang=\"{locale}\"");
    assert!(got.html.contains(&text), "not {locale}: {}", got.html);
}

/// Where the page is in another language: a link that needs no script to be followed.
fn address_in(got: &Got, locale: &str) -> String {
    let end = format!("kc_locale={locale}");
    let parts = got.html.split("<a xlink:href=\"").skip(1);
    let mut addresses = parts.filter_map(|part| part.split('"').next());
    let address = addresses.find(|address| address.ends_with(&end));
    let address = address.expect("a link").replace("&amp;", "&");
    address.replace("http://localhost", "")
}

#[tokio::test]
async fn a_page_speaks_the_realms_language_the_applications_or_the_one_that_was_chosen() {
    let mut alice = visitor().await;
    speaks(&alice.begin("app", Asks::default()).await.is(200), "de");
    let asks = Asks {
        ui_locales: Some("fr pt ar".to_owned()),
        ..Asks::default()
    };
    let page = alice.begin("app", asks).await.is(200);
    speaks(&page, "pt-BR");

    let page = alice.get(&address_in(&page, "ar")).await.is(200);
    speaks(&page, "ar");
    assert!(page.html.contains("dir=\"rtl\""));
    assert_eq!(page.cookies, ["KEYCLOAK_LOCALE"]);
    // It stays so: on the next page of this login, and at the next login.
    let wrong = [("username", "alice"), ("password", "wrong")];
    speaks(&alice.post(&page.action(), &wrong).await.is(200), "ar");
    speaks(&alice.begin("app", Asks::default()).await.is(200), "ar");
}

#[tokio::test]
async fn a_language_that_the_realm_has_not_changes_nothing() {
    let mut alice = visitor().await;
    let page = alice.begin("app", Asks::default()).await.is(200);
    let address = address_in(&page, "ar").replace("kc_locale=ar", "kc_locale=xx%22%3E");
    let page = alice.get(&address).await.is(200);
    speaks(&page, "de");
    assert!(!page.cookies.contains(&"KEYCLOAK_LOCALE".to_owned()));
}

/// The login goes on where it stood, with what was shown so far.
#[tokio::test]
async fn who_has_no_scripts_changes_the_language_in_the_middle_of_a_login() {
    let mut file = realm();
    file["internationalizationEnabled"] = json!(true);
    file["supportedLocales"] = json!(["en", "de"]);
    file["users"][0]["requiredActions"] = json!(["UPDATE_PASSWORD"]);
    let stage = stage(file).await;
    let mut alice = Visitor::new(&stage);
    let page = alice.begin("app", Asks::default()).await.is(200);
    speaks(&page, "en");
    let page = alice.get(&address_in(&page, "de")).await.is(200);
    speaks(&page, "de");
    let right = [("username", "alice"), ("password", "wonderland")];
    let sent = alice.post(&page.action(), &right).await.is(302);
    let page = alice.get(&sent.location).await.is(200);
    speaks(&page, "de");
    assert!(
        page.html
            .contains("data-page-id=\"login-login-update-password\"")
    );
    let page = alice.get(&address_in(&page, "en")).await.is(200);
    speaks(&page, "en");
    assert!(
        page.html
            .contains("data-page-id=\"login-login-update-password\"")
    );
    let new = [
        ("password-new", "looking-glass"),
        ("password-confirm", "looking-glass"),
    ];
    assert!(alice.post(&page.action(), &new).await.has_code());
}

#[tokio::test]
async fn a_realm_of_one_language_offers_none() {
    let mut alice = Visitor::new(&crate::world::shop().await);
    let asks = Asks {
        ui_locales: Some("de".to_owned()),
        ..Asks::default()
    };
    let page = alice.begin("app", asks).await.is(200);
    speaks(&page, "en");
    assert!(!page.html.contains("login-select-toggle"));
    assert!(!page.html.contains("kc-locale"));
}

/// Where the page of an end is in another language, and where it is if the browser loads it again.
#[tokio::test]
async fn a_page_that_no_login_stands_behind_is_said_again_in_another_language() {
    let mut alice = visitor().await;
    let gone = "/realms/shop/login-actions/authenticate?client_id=app&tab_id=gone";
    let page = alice.get(gone).await.is(400);
    speaks(&page, "de");
    assert_eq!(page.cookies, ["KC_STATE_CHECKER"]);
    let cookie = page.headers["set-cookie"].to_str().expect("text");
    assert!(cookie.contains(";SameSite=Strict"), "{cookie}");
    assert!(cookie.contains(";HttpOnly"), "{cookie}");
    let address = address_in(&page, "ar");
    assert!(address.starts_with("/realms/shop/login-actions/detached-info?kc_state_checker="));
    let page = alice.get(&address).await.is(400);
    speaks(&page, "ar");
    assert!(page.cookies.contains(&"KEYCLOAK_LOCALE".to_owned()));
    // The same address once more, as by "reload", and then the next language.
    let page = alice.get(&address).await.is(400);
    speaks(&page, "ar");
    let page = alice.get(&address_in(&page, "en")).await.is(400);
    speaks(&page, "en");
    assert!(page.html.contains("Lost"), "{}", page.html);
}

#[tokio::test]
async fn nobody_else_says_anything_on_a_page_of_an_end() {
    let mut alice = visitor().await;
    let gone = "/realms/shop/login-actions/authenticate?client_id=app&tab_id=gone";
    let page = alice.get(gone).await.is(400);
    let address = address_in(&page, "en");
    let expired = |got: &Got| {
        assert!(got.html.contains("Vorbei"), "{}", got.html);
        assert!(!got.cookies.contains(&"KEYCLOAK_LOCALE".to_owned()));
    };
    let other = address.replace("kc_state_checker=", "kc_state_checker=x");
    expired(&alice.clone().get(&other).await.is(400));
    let none = "/realms/shop/login-actions/detached-info?kc_locale=en";
    expired(&alice.clone().get(none).await.is(400));
    let mut stranger = Visitor::new(&alice.stage);
    expired(&stranger.get(&address).await.is(400));
    let cookie = alice.jar["KC_STATE_CHECKER"].clone();
    let parts: Vec<&str> = cookie.split('.').collect();
    let said = claviger_crypto::encoding::decode_base64url(parts[1]).expect("base64url");
    let said = String::from_utf8(said).expect("text");
    let forged = said.replace("cookieNotFoundMessage", "Call this number");
    assert_ne!(said, forged);
    let forged = claviger_crypto::encoding::base64url(forged.as_bytes());
    let forged = format!("{}.{forged}.{}", parts[0], parts[2]);
    alice.jar.insert("KC_STATE_CHECKER".to_owned(), forged);
    expired(&alice.get(&address).await.is(400));
}
