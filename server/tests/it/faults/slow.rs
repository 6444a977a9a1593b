//! A database that does not answer, and rows that somebody holds.

use super::{World, assert_come_again, bounded, on_every_server, within};
use crate::http;

/// Requests at the same time: more than there are connections to the database.
const CROWD: usize = 60;
/// Connections that a server may have to its database: the pool, and the one that writes.
const MOST_CONNECTIONS: usize = 17;

#[test]
fn a_database_that_does_not_answer_is_not_waited_for_without_end() {
    on_every_server("slow", |database| {
        let world = World::over(database);
        let kept = world.session();
        world.proxy.hold();
        std::thread::scope(|scope| {
            let crowd: Vec<_> = (0..CROWD)
                .map(|_| {
                    scope.spawn(|| bounded("a sign-in", || world.server.login("admin", "admin")))
                })
                .collect();
            // Nobody's waiting keeps the probes from their answers.
            assert_eq!(world.health("live").status, 200);
            world.until_ready_is(503);
            for one in crowd {
                assert_come_again(&one.join().unwrap());
            }
        });
        let made = world.proxy.made();
        assert!(made <= MOST_CONNECTIONS, "{made} connections");
        world.proxy.release();
        world.until_ready_is(200);
        assert_eq!(world.refresh(&kept).status, 200, "{}", database.name);
        world.session();
        world.server.stop();
    });
}

#[test]
fn a_row_that_somebody_holds_stops_its_writer_and_nobody_else_for_long() {
    on_every_server("held", |database| {
        let world = World::over(database);
        let (held, free) = (world.session(), world.session());
        let session = session_of(&held);
        let holder = database.hold(&format!(
            "SELECT id FROM user_session WHERE offline = 0 AND id = '{session}' \
             AND realm_id = (SELECT id FROM realm WHERE name = 'master') FOR UPDATE"
        ));
        let logout = |token: &str| {
            let form = [("client_id", "admin-cli"), ("refresh_token", token)];
            let path = "/realms/master/protocol/openid-connect/logout";
            bounded("a logout", || world.server.post(path, &form))
        };
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| logout(&held));
            // Reads go on, and so do writes of others, behind the one that waits.
            assert_eq!(
                http::get(&world.server.address, "/realms/master").status,
                200
            );
            assert_eq!(world.health("ready").status, 200);
            within("somebody else's logout", || logout(&free).status == 204);
            assert_come_again(&waiting.join().unwrap());
        });
        // What was refused was not done.
        drop(holder);
        assert_eq!(world.refresh(&held).status, 200, "{}", database.name);
        assert_eq!(logout(&held).status, 204);
        assert_eq!(world.refresh(&held).status, 400);
        world.server.stop();
    });
}

/// The session that a token belongs to.
fn session_of(token: &str) -> String {
    use base64::Engine as _;
    let claims = token.split('.').nth(1).unwrap();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(claims)
        .unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    claims["sid"].as_str().unwrap().to_owned()
}
