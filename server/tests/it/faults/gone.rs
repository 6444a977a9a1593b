//! A database that is gone, and back.

use super::{World, assert_come_again, bounded, load, on_every_server};
use crate::http;

#[test]
fn without_its_database_a_server_says_so_and_with_it_goes_on() {
    on_every_server("gone", |database| {
        let world = World::over(database);
        assert_eq!(world.health("ready").status, 200);
        let kept = world.session();
        let bearer = load::bearer(&world.server);

        world.proxy.cut();
        let down = world.until_ready_is(503);
        let check = &down.json()["checks"][2];
        assert_eq!(check["status"], "DOWN", "{down:?}");
        assert!(check["data"]["Failing since"].is_string(), "{down:?}");
        // Whoever restarts the process for this only makes it worse.
        assert_eq!(world.health("live").status, 200);
        assert_eq!(world.health("started").status, 200);
        let refused = bounded("a sign-in", || world.server.login("admin", "admin"));
        assert_come_again(&refused);
        let refused = bounded("a refresh", || world.refresh(&kept));
        assert_come_again(&refused);
        let refused = bounded("the Admin API", || {
            let address = &world.server.address;
            http::request(address, "GET", "/admin/realms/master/users", &bearer, "")
        });
        assert_come_again(&refused);

        world.proxy.restore();
        world.until_ready_is(200);
        assert_eq!(world.refresh(&kept).status, 200, "{}", database.name);
        world.session();
        world.server.stop();
    });
}

#[test]
fn nothing_acknowledged_is_lost_however_often_the_connection_breaks() {
    on_every_server("breaks", |database| {
        let world = World::over(database);
        let ledger = load::while_creating(&world.server, || {
            for _ in 0..5 {
                world.proxy.cut();
                world.until_ready_is(503);
                world.proxy.restore();
                world.until_ready_is(200);
            }
        });
        let doubtful = ledger.check(&world.server);
        let (done, refused) = (ledger.acknowledged.len(), ledger.refused.len());
        println!(
            "{}: {done} acknowledged, {refused} refused, {doubtful} of these written nevertheless",
            database.name
        );
        assert!(done > 0 && refused > 0);
        world.server.stop();
    });
}
