//! After a kill: what the server knows, held against what the clients were told.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::line::Line;
use super::player::{Deed, Player, Session};
use super::{REALMS, Realm};

/// Sessions that ended before the last kill but one, asked for again after each kill.
const LONG_ENDED_ASKED: usize = 8;
/// Of so many sessions that were just refreshed under rotation, one is asked for by the spent token.
const SPENT_ASKED: usize = 6;

/// A session that no client was told of.
struct Stray {
    user: usize,
    id: String,
    offline: bool,
}

/// Checks everything and leaves the players knowing exactly what there is.
pub fn check(players: &mut [Player], line: &mut Line) {
    let events = events(line);
    let mut strays = settle(players, events);
    for (player, stray) in players.iter().zip(&strays) {
        for (index, user) in player.users.iter().enumerate() {
            let stray = stray.as_ref().filter(|stray| stray.user == index);
            same_sessions(player, index, user.realm, stray, line);
        }
    }
    for realm in &REALMS {
        same_counts(players, &strays, realm, line);
    }
    std::thread::scope(|scope| {
        for (player, stray) in players.iter_mut().zip(&mut strays) {
            let line = line.another();
            scope.spawn(move || check_tokens(player, stray.take(), line));
        }
    });
    for realm in &REALMS {
        for kind in ["events", "admin-events"] {
            let target = format!("{}/{kind}", realm.name);
            assert_eq!(line.admin("DELETE", &target, "").unwrap().status, 204);
        }
    }
}

/// Reads a list of the Admin API.
fn list(line: &mut Line, target: &str) -> Vec<Value> {
    let answer = line.admin("GET", target, "").unwrap();
    assert_eq!(answer.status, 200, "{target}: {answer:?}");
    answer.json().as_array().unwrap().clone()
}

/// Every event that was written, and how often, in the words of the players' ledgers.
fn events(line: &mut Line) -> BTreeMap<String, i64> {
    let mut found = BTreeMap::new();
    let text = |event: &Value, name: &str| event[name].as_str().unwrap_or_default().to_owned();
    for realm in &REALMS {
        let all = list(line, &format!("{}/events?max=10000", realm.name));
        let admin = list(line, &format!("{}/admin-events?max=10000", realm.name));
        assert!(all.len() < 10_000 && admin.len() < 10_000);
        for event in all {
            let (kind, user) = (text(&event, "type"), text(&event, "userId"));
            let key = format!("{kind} {user} {}", text(&event, "sessionId"));
            *found.entry(key).or_default() += 1;
        }
        for event in admin {
            let operation = text(&event, "operationType");
            let key = format!("{operation} {}", text(&event, "resourcePath"));
            *found.entry(key).or_default() += 1;
        }
    }
    found
}

/// Holds the events against the ledgers. What is left over must be what a client is in doubt of;
/// then that was done, otherwise it was not.
fn settle(players: &mut [Player], mut events: BTreeMap<String, i64>) -> Vec<Option<Stray>> {
    for player in &mut *players {
        for key in player.ledger.drain(..) {
            let count = events.entry(key.clone()).or_default();
            *count -= 1;
            assert!(*count >= 0, "acknowledged, and not in the events: {key}");
        }
    }
    events.retain(|_, count| *count > 0);
    let mut strays = Vec::new();
    for player in &mut *players {
        let doubt = player.doubt.take();
        strays.push(doubt.and_then(|deed| settle_one(player, deed, &mut events)));
    }
    assert!(events.is_empty(), "events that nobody caused: {events:?}");
    strays
}

fn settle_one(
    player: &mut Player,
    deed: Deed,
    events: &mut BTreeMap<String, i64>,
) -> Option<Stray> {
    let trace = player.trace(deed);
    // Nobody knows the session of a sign-in whose answer did not come.
    let is_its = |key: &&String| match deed {
        Deed::SignIn { .. } => key.starts_with(&trace),
        Deed::Refresh(_)
        | Deed::RevokeAccess(_)
        | Deed::Logout(_)
        | Deed::Revoke(_)
        | Deed::Delete(_)
        | Deed::Switch { .. } => **key == trace,
    };
    let happened = events.keys().find(is_its).cloned()?;
    let count = events.get_mut(&happened).unwrap();
    *count -= 1;
    if *count == 0 {
        events.remove(&happened);
    }
    match deed {
        Deed::SignIn { user, offline } => {
            let id = happened[trace.len()..].to_owned();
            return Some(Stray { user, id, offline });
        }
        // The client never saw the successor: what it holds is spent.
        Deed::Refresh(session) => {
            let session = &mut player.live[session];
            session.spent = Some(session.refresh.clone());
        }
        Deed::RevokeAccess(_)
        | Deed::Logout(_)
        | Deed::Revoke(_)
        | Deed::Delete(_)
        | Deed::Switch { .. } => player.done(deed),
    }
    None
}

/// The sessions of a user are those that the player knows, and each is whole.
fn same_sessions(
    player: &Player,
    index: usize,
    realm: &Realm,
    stray: Option<&Stray>,
    line: &mut Line,
) {
    let user = &player.users[index];
    let path = format!("{}/users/{}", realm.name, user.id);
    let shown = line.admin("GET", &path, "").unwrap();
    assert_eq!(shown.json()["enabled"], user.enabled, "{shown:?}");
    for offline in [false, true] {
        let target = if offline {
            format!("{path}/offline-sessions/{}", realm.client)
        } else {
            format!("{path}/sessions")
        };
        let mut found = BTreeSet::new();
        for session in list(line, &target) {
            let clients = session["clients"].as_object().unwrap();
            assert!(
                clients.len() == 1 && clients.contains_key(realm.client),
                "a session without its part: {session}"
            );
            found.insert(session["id"].as_str().unwrap().to_owned());
        }
        let mut known: BTreeSet<String> = player
            .live
            .iter()
            .filter(|session| session.user == index && session.offline == offline)
            .map(|session| session.id.clone())
            .collect();
        known.extend(
            stray
                .filter(|stray| stray.offline == offline)
                .map(|stray| stray.id.clone()),
        );
        assert_eq!(found, known, "{target}: in the database, and as told");
    }
}

/// Parts of sessions are counted without their sessions: no part is alone.
fn same_counts(players: &[Player], strays: &[Option<Stray>], realm: &Realm, line: &mut Line) {
    let mut known = [0_u64; 2];
    for (player, stray) in players.iter().zip(strays) {
        let sessions = player
            .live
            .iter()
            .map(|session| (session.user, session.offline));
        let stray = stray.iter().map(|stray| (stray.user, stray.offline));
        for (user, offline) in sessions.chain(stray) {
            if player.users[user].realm.name == realm.name {
                known[usize::from(offline)] += 1;
            }
        }
    }
    let mut counted = [0_u64; 2];
    for stat in list(line, &format!("{}/client-session-stats", realm.name)) {
        assert_eq!(stat["id"], realm.client, "{stat}");
        counted = ["active", "offline"].map(|kind| stat[kind].as_str().unwrap().parse().unwrap());
    }
    assert_eq!(counted, known, "{}: parts, and sessions", realm.name);
}

/// Every token is worth what its client was told.
fn check_tokens(player: &mut Player, stray: Option<Stray>, mut line: Line) {
    let line = &mut line;
    for session in &player.ended {
        assert_ended(player, session, line);
        let again = player.delete(session, line).unwrap();
        assert_eq!(again.status, 404, "an ended session is there: {again:?}");
    }
    for _ in 0..LONG_ENDED_ASKED.min(player.long_ended.len()) {
        let one = player.random.below(player.long_ended.len());
        assert_ended(player, &player.long_ended[one], line);
    }
    for (user, token) in &player.revoked {
        assert_access(player, *user, token, false, line);
    }
    for (index, user) in player.users.iter().enumerate() {
        if !user.enabled {
            let answer = player.sign_in(index, false, line).unwrap();
            assert_eq!(answer.status, 400, "a disabled user: {answer:?}");
        }
    }
    let mut over = Vec::new();
    for index in 0..player.live.len() {
        if !check_live(player, index, line) {
            over.push(index);
        }
    }
    for index in over.into_iter().rev() {
        let session = player.live.swap_remove(index);
        assert_eq!(player.delete(&session, line).unwrap().status, 204);
        assert_ended(player, &session, line);
        player.ended.push(session);
    }
    if let Some(Stray { user, id, offline }) = stray {
        let realm = player.users[user].realm.name;
        let target = format!("{realm}/sessions/{id}?isOffline={offline}");
        assert_eq!(line.admin("DELETE", &target, "").unwrap().status, 204);
    }
    player.long_ended.append(&mut player.ended);
    // The last are as good as all, and a long run must not grow.
    let surplus = player.long_ended.len().saturating_sub(500);
    player.long_ended.drain(..surplus);
    let surplus = player.revoked.len().saturating_sub(10);
    player.revoked.drain(..surplus);
}

/// False if the check itself ended the client's part, by what is taken for a theft.
fn check_live(player: &mut Player, index: usize, line: &mut Line) -> bool {
    let session = &player.live[index];
    let spent = session.spent.as_ref();
    let in_doubt = spent == Some(&session.refresh);
    assert_access(
        player,
        session.user,
        &session.access,
        !session.revoked,
        line,
    );
    if player.realm(session).rotating
        && let Some(spent) = spent.cloned()
        && (in_doubt || player.random.below(SPENT_ASKED) == 0)
    {
        let session = &player.live[index];
        let answer = player.refresh(session, &spent, line).unwrap();
        assert_eq!(answer.status, 400, "a spent token: {answer:?}");
        return false;
    }
    let session = &player.live[index];
    let answer = player.refresh(session, &session.refresh, line).unwrap();
    assert_eq!(answer.status, 200, "a good token: {answer:?}");
    player.renewed(index, &answer);
    let session = &player.live[index];
    assert_access(player, session.user, &session.access, true, line);
    true
}

fn assert_ended(player: &Player, session: &Session, line: &mut Line) {
    let answer = player.refresh(session, &session.refresh, line).unwrap();
    assert_eq!(answer.status, 400, "an ended session: {answer:?}");
    assert_eq!(answer.json()["error"], "invalid_grant", "{answer:?}");
    assert_access(player, session.user, &session.access, false, line);
}

/// Userinfo and introspection agree on an access token.
fn assert_access(player: &Player, user: usize, token: &str, good: bool, line: &mut Line) {
    let realm = player.users[user].realm.name;
    let target = format!("/realms/{realm}/protocol/openid-connect/userinfo");
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let answer = line.send("GET", &target, &bearer, "").unwrap();
    let expected = if good { 200 } else { 401 };
    assert_eq!(answer.status, expected, "{answer:?}");
    let form = [
        ("client_id", "app"),
        ("client_secret", "secret"),
        ("token", token),
    ];
    let answer = line.form(realm, "token/introspect", &form).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["active"], good, "{answer:?}");
}
