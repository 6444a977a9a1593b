//! The files that pages load.

use axum::http::Method;
use claviger_pages::resources::VERSION;
use claviger_testkit::{Reply, Stage};

async fn ask(path: &str, headers: &[(&str, &str)]) -> Reply {
    let stage = Stage::open(claviger_web::router()).await;
    let call = stage.call(Method::GET, path);
    let call = headers
        .iter()
        .fold(call, |call, (name, value)| call.header(name, value));
    call.send().await
}

fn header<'a>(reply: &'a Reply, name: &str) -> &'a str {
    reply
        .headers
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_file_of_this_version_is_kept_for_ever() {
    let path = format!("/auth/resources/{VERSION}/login/claviger/css/styles.css");
    let plain = ask(&path, &[]).await;
    assert_eq!(plain.status, 200);
    assert_eq!(header(&plain, "content-type"), "text/css;charset=utf-8");
    assert!(header(&plain, "cache-control").contains("immutable"));
    assert_eq!(header(&plain, "content-encoding"), "");
    let packed = ask(&path, &[("accept-encoding", "br, gzip;q=0.5")]).await;
    assert_eq!(header(&packed, "content-encoding"), "gzip");
    assert_eq!(header(&packed, "vary"), "accept-encoding");
    assert!(packed.body.len() * 2 < plain.body.len());
    assert_ne!(header(&packed, "etag"), header(&plain, "etag"));

    let tag = header(&plain, "etag");
    let again = ask(&path, &[("if-none-match", tag)]).await;
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
    let refused = ask(&path, &[("accept-encoding", "gzip;q=0")]).await;
    assert_eq!(header(&refused, "content-encoding"), "");
}

#[tokio::test]
async fn an_address_of_another_version_is_asked_for_each_time() {
    let old = ask("/resources/older/login/claviger/js/page.js", &[]).await;
    assert_eq!(old.status, 200);
    assert_eq!(
        header(&old, "content-type"),
        "text/javascript;charset=utf-8"
    );
    assert_eq!(header(&old, "cache-control"), "no-cache");
}

#[tokio::test]
async fn nothing_else_is_a_file() {
    let paths = [
        "login/claviger/css/none.css",
        "login/claviger/../claviger/css/styles.css",
        "login/claviger/%2e%2e/claviger/css/styles.css",
        "login/other/css/styles.css",
        "email/claviger/css/styles.css",
    ];
    for path in paths {
        let reply = ask(&format!("/resources/{VERSION}/{path}"), &[]).await;
        assert_eq!(reply.status, 404, "{path}");
    }
}

/// The first page of somebody who was never here: HTML, style, script and picture.
#[tokio::test]
async fn the_first_page_is_light() {
    let mut total = 0;
    for path in ["css/styles.css", "js/page.js", "img/favicon.svg"] {
        let path = format!("/resources/{VERSION}/login/claviger/{path}");
        total += ask(&path, &[("accept-encoding", "gzip")]).await.body.len();
    }
    let mut alice = crate::world::Visitor::new(&crate::world::shop().await);
    let page = alice
        .begin("app", claviger_engine::login::Asks::default())
        .await;
    total += page.html.len();
    assert!(total < 20_000, "{total} bytes");
}
