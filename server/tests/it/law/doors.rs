//! Every door through which a session ends.

use axum::http::Method;
use serde_json::json;

use super::{Answering, Door, World};

const fn online(
    name: &'static str,
    first: u16,
    again: u16,
    open: for<'a> fn(&'a World) -> Answering<'a>,
) -> Door {
    Door {
        name,
        offline: false,
        first,
        again,
        open,
    }
}

const fn offline(
    name: &'static str,
    first: u16,
    again: u16,
    open: for<'a> fn(&'a World) -> Answering<'a>,
) -> Door {
    Door {
        name,
        offline: true,
        first,
        again,
        open,
    }
}

/// Every way in which a session of this server ends.
pub fn doors() -> Vec<Door> {
    let mut doors = doors_of_users();
    doors.extend(doors_of_administrators());
    doors.extend(doors_of_offline_sessions());
    doors
}

/// Those that are open to whoever has the session's tokens, and the one that time opens.
fn doors_of_users() -> Vec<Door> {
    vec![
        online(
            "POST logout with the refresh token, secret in the form",
            204,
            204,
            |world| Box::pin(world.logout()),
        ),
        online(
            "POST logout with the refresh token, HTTP Basic",
            204,
            204,
            |world| Box::pin(world.logout_basic()),
        ),
        online("GET logout with id_token_hint", 302, 302, |world| {
            Box::pin(world.hinted_get())
        }),
        online("POST logout with id_token_hint", 302, 302, |world| {
            Box::pin(world.hinted_post())
        }),
        online("revocation of the refresh token", 200, 200, |world| {
            Box::pin(world.revoke())
        }),
        online("the session grows too old", 200, 200, |world| {
            Box::pin(world.expire())
        }),
    ]
}

fn doors_of_administrators() -> Vec<Door> {
    vec![
        online("an administrator deletes the session", 204, 404, |world| {
            Box::pin(world.admin(Method::DELETE, format!("sessions/{}", world.session), None))
        }),
        online("an administrator logs the user out", 204, 204, |world| {
            Box::pin(world.admin(Method::POST, format!("users/{}/logout", world.user), None))
        }),
        online("an administrator logs everybody out", 200, 200, |world| {
            Box::pin(world.admin(Method::POST, "logout-all".to_owned(), None))
        }),
        online("the user is disabled", 204, 204, |world| {
            let body = json!({"enabled": false});
            Box::pin(world.admin(Method::PUT, format!("users/{}", world.user), Some(body)))
        }),
        online("the user is deleted", 204, 404, |world| {
            Box::pin(world.admin(Method::DELETE, format!("users/{}", world.user), None))
        }),
        online("the client is disabled", 204, 204, |world| {
            let body = json!({"clientId": "web", "enabled": false});
            Box::pin(world.admin(Method::PUT, format!("clients/{}", world.client), Some(body)))
        }),
        online("the client is deleted", 204, 404, |world| {
            Box::pin(world.admin(Method::DELETE, format!("clients/{}", world.client), None))
        }),
        online("the realm is disabled", 204, 204, |world| {
            Box::pin(world.admin(Method::PUT, String::new(), Some(json!({"enabled": false}))))
        }),
        online("the realm is deleted", 204, 404, |world| {
            Box::pin(world.admin(Method::DELETE, String::new(), None))
        }),
        online("the realm's not-before is set", 204, 204, |world| {
            let now = world.stage.app.now().seconds().0 + 1;
            Box::pin(world.admin(Method::PUT, String::new(), Some(json!({"notBefore": now}))))
        }),
    ]
}

fn doors_of_offline_sessions() -> Vec<Door> {
    vec![
        offline("POST logout with the offline token", 204, 204, |world| {
            Box::pin(world.logout())
        }),
        offline("revocation of the offline token", 200, 200, |world| {
            Box::pin(world.revoke())
        }),
        offline(
            "an administrator deletes the offline session",
            204,
            404,
            |world| {
                let path = format!("sessions/{}?isOffline=true", world.session);
                Box::pin(world.admin(Method::DELETE, path, None))
            },
        ),
        offline(
            "the user is disabled, with an offline token",
            204,
            204,
            |world| {
                let body = json!({"enabled": false});
                Box::pin(world.admin(Method::PUT, format!("users/{}", world.user), Some(body)))
            },
        ),
        offline(
            "the user is deleted, with an offline token",
            204,
            404,
            |world| Box::pin(world.admin(Method::DELETE, format!("users/{}", world.user), None)),
        ),
        offline(
            "the client is disabled, with an offline token",
            204,
            204,
            |world| {
                let body = json!({"clientId": "web", "enabled": false});
                Box::pin(world.admin(Method::PUT, format!("clients/{}", world.client), Some(body)))
            },
        ),
    ]
}
