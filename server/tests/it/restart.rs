//! What outlives the process.

use crate::program::{Home, Server};

const TOKEN: &str = "/realms/master/protocol/openid-connect/token";
const LOGOUT: &str = "/realms/master/protocol/openid-connect/logout";

fn refresh_token(server: &Server) -> String {
    let answer = server.login("admin", "admin");
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["refresh_token"].as_str().unwrap().to_owned()
}

fn refresh(server: &Server, token: &str) -> u16 {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "admin-cli"),
        ("refresh_token", token),
    ];
    server.post(TOKEN, &form).status
}

#[test]
fn sessions_and_logouts_outlive_a_restart() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    let (kept, ended) = (refresh_token(&server), refresh_token(&server));
    let form = [
        ("client_id", "admin-cli"),
        ("refresh_token", ended.as_str()),
    ];
    assert_eq!(server.post(LOGOUT, &form).status, 204);
    let port = format!("--http-port={}", server.address.rsplit(':').next().unwrap());
    server.stop();

    // The issuer names host and port: the same address again.
    let server = Server::start(&home, &[&port]);
    assert_eq!(refresh(&server, &kept), 200);
    assert_eq!(refresh(&server, &ended), 400);
    server.stop();
}

#[test]
fn what_was_answered_outlives_a_kill() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    let (kept, ended) = (refresh_token(&server), refresh_token(&server));
    let form = [
        ("client_id", "admin-cli"),
        ("refresh_token", ended.as_str()),
    ];
    assert_eq!(server.post(LOGOUT, &form).status, 204);
    let port = format!("--http-port={}", server.address.rsplit(':').next().unwrap());
    server.signal("KILL");
    assert!(!server.ended().success());

    let server = Server::start(&home, &[&port]);
    assert_eq!(refresh(&server, &kept), 200);
    assert_eq!(refresh(&server, &ended), 400);
}
