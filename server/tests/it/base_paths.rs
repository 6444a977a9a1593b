//! `/realms/…` and `/auth/realms/…`.

use crate::http;
use crate::program::{Home, Server};

fn issuer(server: &Server, base: &str) -> String {
    let path = format!("{base}/realms/master/.well-known/openid-configuration");
    let answer = server.get(&path);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["issuer"].as_str().unwrap().to_owned()
}

#[test]
fn the_same_routes_answer_under_both_with_the_path_that_was_asked() {
    let server = Server::start(&Home::new(), &["--db=dev-mem"]);
    let origin = format!("http://{}", server.address);
    assert_eq!(issuer(&server, ""), format!("{origin}/realms/master"));
    assert_eq!(
        issuer(&server, "/auth"),
        format!("{origin}/auth/realms/master")
    );
    for (path, location) in [
        ("/", "/admin/"),
        ("/admin", "/admin/master/console/"),
        ("/auth", "/auth/admin/"),
        ("/auth/", "/auth/admin/"),
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, 302, "{path}");
        assert_eq!(
            answer.header("location"),
            Some(format!("{origin}{location}").as_str())
        );
    }
    for path in ["/nope", "/auth/nope", "/auth/auth/realms/master", "/realms"] {
        let answer = server.get(path);
        let body = r#"{"error":"Unable to find matching target resource method"}"#;
        assert_eq!((answer.status, answer.body.as_str()), (404, body), "{path}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/json"),
            "{path}"
        );
    }
    for path in [
        "/realms/master/protocol/saml/descriptor?x=y",
        "/auth/realms/master/account/",
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, 501, "{path}");
        assert!(
            answer.body.contains("is not part of this server yet"),
            "{path}"
        );
    }
}

#[test]
fn a_path_that_is_asked_for_is_the_only_one() {
    let options = ["--db=dev-mem", "--http-relative-path=/auth"];
    let server = Server::start(&Home::new(), &options);
    assert_eq!(
        issuer(&server, "/auth"),
        format!("http://{}/auth/realms/master", server.address)
    );
    assert_eq!(server.get("/realms/master").status, 404);
}

#[test]
fn a_full_host_name_is_the_only_issuer() {
    let options = ["--db=dev-mem", "--hostname=https://id.example/sso"];
    let server = Server::start(&Home::new(), &options);
    for base in ["", "/sso"] {
        assert_eq!(
            issuer(&server, base),
            "https://id.example/sso/realms/master"
        );
    }
}

#[test]
fn a_proxy_is_believed_if_it_is_trusted() {
    let headers = "X-Forwarded-Proto: https\r\nX-Forwarded-Host: id.example\r\n";
    let path = "/realms/master/.well-known/openid-configuration";
    let issuer_for = |trusted: &str| {
        let trusted = format!("--proxy-trusted-addresses={trusted}");
        let options = ["--db=dev-mem", "--proxy-headers=xforwarded", &trusted];
        let server = Server::start(&Home::new(), &options);
        let answer = http::request(&server.address, "GET", path, headers, "");
        (
            answer.json()["issuer"].as_str().unwrap().to_owned(),
            server.address.clone(),
        )
    };
    assert_eq!(
        issuer_for("127.0.0.0/8").0,
        "https://id.example/realms/master"
    );
    let (issuer, address) = issuer_for("10.0.0.0/8");
    assert_eq!(issuer, format!("http://{address}/realms/master"));
}
