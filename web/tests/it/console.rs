//! The page for administrators: what it may do, and what it holds.

use axum::http::Method;
use claviger_testkit::{Reply, Stage};
use serde_json::json;

const PAGE: &str = "/admin/shop/console/logout-deliveries";

async fn shop() -> Stage {
    let stage = Stage::open(claviger_web::router()).await;
    stage
        .import(json!({"realm": "shop", "enabled": true}))
        .await;
    let closed = json!({"realm": "closed", "enabled": false});
    stage.import(closed).await;
    stage
}

fn header<'a>(reply: &'a Reply, name: &str) -> &'a str {
    let value = reply.headers.get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn the_page_runs_nothing_but_our_script_and_talks_to_nobody_else() {
    let stage = shop().await;
    for base in ["", "/auth"] {
        let page = stage.get(&format!("{base}{PAGE}")).await.is(200);
        let policy = header(&page, "content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self' http://localhost;",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(policy.contains(part), "{part}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        for (name, value) in [
            ("cache-control", "no-store"),
            ("content-type", "text/html;charset=utf-8"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
        ] {
            assert_eq!(header(&page, name), value, "{name}");
        }
        let html = page.text();
        let issuer = format!("data-issuer=\"http://localhost{base}/realms/shop\"");
        assert!(html.contains(&issuer), "{html}");
        assert!(html.contains(&format!("data-base=\"{base}\" data-realm=\"shop\"")));
        // Each file is there, and from here.
        let files: Vec<&str> = html
            .split(['"', '\''])
            .filter(|text| text.contains("/resources/"))
            .collect();
        assert_eq!(files.len(), 4, "{files:?}");
        for file in files {
            assert!(file.starts_with(&format!("{base}/resources/")), "{file}");
            let file = stage.get(file).await.is(200);
            assert!(header(&file, "cache-control").contains("immutable"));
        }
        // No script or style within, and no handler.
        assert_eq!(html.matches("<script").count(), 1);
        assert!(!html.contains("<style") && !html.contains("style=") && !html.contains(" on"));
    }
}

#[tokio::test]
async fn only_realms_in_which_somebody_can_sign_in_have_it() {
    let stage = shop().await;
    for realm in ["nowhere", "closed", "%3Cscript%3E"] {
        let path = PAGE.replace("shop", realm);
        let refused = stage.get(&path).await.is(404);
        assert!(!refused.text().contains("script"), "{}", refused.text());
    }
    let call = stage.call(Method::POST, PAGE);
    call.send().await.is(405);
}
