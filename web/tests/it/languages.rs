//! Which language the pages of a login speak.

use claviger_engine::login::Asks;
use serde_json::json;

use crate::world::{Got, Visitor, realm, stage};

async fn visitor() -> Visitor {
    let mut file = realm();
    file["internationalizationEnabled"] = json!(true);
    file["supportedLocales"] = json!(["en", "de", "pt-BR", "ar"]);
    file["defaultLocale"] = json!("de");
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
