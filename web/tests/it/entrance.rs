//! The ways to the administrators' console, and out of it.

use crate::world::shop;

#[tokio::test]
async fn who_asks_for_the_console_is_sent_to_where_it_is() {
    let stage = shop().await;
    for (path, target) in [
        ("/admin", "/admin/master/console/"),
        ("/admin/", "/admin/master/console/"),
        ("/admin/index.html", "/admin/master/console/"),
        ("/admin/shop/console", "/admin/shop/console/"),
        ("/admin/shop/console/index.html", "/admin/shop/console/"),
    ] {
        for base in ["", "/auth"] {
            let reply = stage.get(&format!("{base}{path}")).await.is(302);
            let expected = format!("http://localhost{base}{target}");
            assert_eq!(reply.headers["location"], expected, "{base}{path}");
        }
    }
}

#[tokio::test]
async fn the_way_out_of_the_console_ends_the_session_and_comes_back() {
    let stage = shop().await;
    let reply = stage.get("/admin/shop/console/logout").await.is(302);
    assert_eq!(
        reply.headers["location"],
        "http://localhost/realms/shop/protocol/openid-connect/logout\
         ?post_logout_redirect_uri=http%3A%2F%2Flocalhost%2Fadmin%2Fshop%2Fconsole"
    );
}

#[tokio::test]
async fn languages_are_named_to_the_console_of_a_realm_that_is_there() {
    let stage = shop().await;
    let path = "/admin/shop/console/messages.json?lang=de";
    let texts = stage.get(path).await.is(200).json();
    assert_eq!(texts["locale_de"], "Deutsch");
    for path in ["", "/logout", "/messages.json", "/index.html"] {
        let path = format!("/admin/nowhere/console{path}");
        let refused = stage.get(&path).await.is(404);
        assert!(refused.text().contains("bad URL?"), "{path}");
    }
}
