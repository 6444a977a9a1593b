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

/// Where the page is in another language.
fn address_in(got: &Got, locale: &str) -> String {
    let end = format!("kc_locale={locale}\"");
    let parts = got.html.split("<option value=\"");
    let part = parts.into_iter().find(|part| part.contains(&end));
    let address = part.expect("an option").split('"').next().expect("an end");
    let address = address.replace("&amp;", "&");
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
}
