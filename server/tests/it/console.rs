//! The page for administrators is where its client may come back to, and nowhere else.

use claviger_testkit::Stage;
use serde_json::json;

const PAGE: &str = "/admin/shop/console/logout-deliveries";

#[tokio::test]
async fn the_realms_own_client_may_come_back_to_it_with_a_challenge_alone() {
    let router = claviger_oidc::router().merge(claviger_web::router());
    let stage = Stage::open(router).await;
    let shop = json!({"realm": "shop", "enabled": true});
    stage.import(shop).await;
    let ask = async |more: &str| {
        let path = format!(
            "/realms/shop/protocol/openid-connect/auth?client_id=security-admin-console\
             &redirect_uri=http%3A%2F%2Flocalhost{}&response_type=code&response_mode=fragment\
             &scope=openid&state=s{more}",
            PAGE.replace('/', "%2F")
        );
        stage.get(&path).await
    };
    let challenge = "&code_challenge_method=S256\
         &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let login = ask(challenge).await.is(200);
    assert!(login.text().contains("kc-form-login"), "{}", login.text());
    let refused = ask("").await.is(302);
    assert!(refused.header("location").contains("error=invalid_request"));
}
