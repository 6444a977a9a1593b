//! The pages that applications keep in hidden frames.

use claviger_crypto::digest::sha256;
use claviger_crypto::encoding::base64;

use crate::world::{oidc, shop};

#[tokio::test]
async fn a_frame_may_be_anywhere_and_runs_its_own_script_alone() {
    let stage = shop().await;
    for page in [
        "login-status-iframe.html",
        "3p-cookies/step1.html",
        "3p-cookies/step2.html",
    ] {
        let reply = stage.get(&oidc(page)).await.is(200);
        assert_eq!(reply.header("x-frame-options"), "", "{page}");
        let policy = reply.header("content-security-policy");
        assert_eq!(policy, "frame-src 'self'; object-src 'none';", "{page}");
        let text = reply.text();
        let (_, rest) = text.split_once("<script type=\"module\">").unwrap();
        let (script, _) = rest.split_once("</script>").unwrap();
        let digest = base64(&sha256(script.as_bytes()));
        assert!(
            text.contains(&format!("script-src 'sha256-{digest}'")),
            "{page}"
        );
        assert!(!text.contains("unsafe-inline"), "{page}");
    }
}

/// OpenID Connect Session Management 1.0 §3.2: no other page learns whether somebody is signed in.
#[tokio::test]
async fn a_clients_own_origins_may_ask() {
    let stage = shop().await;
    let cases = [
        ("client_id=app&origin=http://app.example", 204),
        ("client_id=app&origin=http://evil.example", 403),
        ("client_id=app&origin=null", 403),
        ("client_id=app", 403),
        ("client_id=nobody&origin=http://app.example", 403),
        ("origin=http://app.example", 403),
    ];
    for (query, status) in cases {
        let path = format!("{}?{query}", oidc("login-status-iframe.html/init"));
        stage.get(&path).await.is(status);
    }
}
