//! Secrets that realm files only refer to.

use serde_json::json;

use crate::program::{Home, Server};

const REALM: &str = "data/import/my_shop-realm.json";

/// A realm whose clients have their secrets in a vault.
fn home() -> Home {
    let home = Home::new();
    let client = |id: &str, secret: &str| {
        json!({"clientId": id, "secret": secret, "serviceAccountsEnabled": true,
            "clientAuthenticatorType": "client-secret"})
    };
    let realm = json!({"realm": "my_shop", "enabled": true, "clients": [
        client("till", "${vault.till_secret}"),
        client("thief", "${vault.../outside}"),
        client("lost", "${vault.lost}"),
    ]});
    home.write(REALM, &realm.to_string());
    home.write("outside", "not for realms");
    home.write("secrets/my__shop_till__secret", "hunter2\n");
    home
}

fn status(server: &Server, client: &str, secret: &str) -> u16 {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", client),
        ("client_secret", secret),
    ];
    let path = "/realms/my_shop/protocol/openid-connect/token";
    server.post(path, &form).status
}

#[test]
fn clients_have_their_secrets_in_a_vault_of_files() {
    let home = home();
    let folder = format!("--vault-dir={}", home.path().join("secrets").display());
    let options = ["--db=dev-mem", "--import-realm", "--vault=file", &folder];
    let server = Server::start(&home, &options);
    assert_eq!(status(&server, "till", "hunter2"), 200);
    for (client, secret) in [
        ("till", "${vault.till_secret}"),
        ("till", ""),
        ("thief", "not for realms"),
        ("thief", "${vault.../outside}"),
        ("lost", "${vault.lost}"),
    ] {
        assert_eq!(status(&server, client, secret), 401, "{client} {secret}");
    }
    home.write("secrets/my__shop_till__secret", "changed");
    assert_eq!(status(&server, "till", "changed"), 200);
    assert_eq!(status(&server, "till", "hunter2"), 401);
}

#[test]
fn a_reference_that_leads_nowhere_is_not_a_secret() {
    let server = Server::start(&home(), &["--db=dev-mem", "--import-realm"]);
    for secret in ["${vault.till_secret}", "hunter2", ""] {
        assert_eq!(status(&server, "till", secret), 401, "{secret}");
    }
}
