use std::sync::Arc;

use claviger_crypto::{PasswordHasher, Random};
use claviger_model::session::EndReason;
use claviger_model::{Millis, Revocation};
use claviger_store::{Options, RealmRow, Tx};
use claviger_wire::document::Json;

use super::*;
use crate::network::Nobody;

const NOW: Millis = Millis(1_000_000);

async fn app() -> App {
    let store = Store::open(&Options::sqlite_memory()).await.unwrap();
    let random = Random::system();
    let hasher = PasswordHasher::with_threads(1, 16, &random).unwrap();
    let app = App::new(store, Clock::frozen(NOW), random, hasher, Arc::new(Nobody));
    for id in ["r", "other"] {
        let mut tx = Tx::new();
        tx.insert_realm(&RealmRow {
            id: id.into(),
            name: id.to_owned(),
            enabled: true,
            version: 1,
            body: Json::new(),
        });
        assert!(app.commit(tx).await.unwrap().is_done());
    }
    app
}

fn at() -> RealmId {
    "r".into()
}

fn record(session: &str) -> Revocation {
    Revocation {
        realm: at(),
        client: None,
        user: None,
        session: Some(session.into()),
        jti: None,
        before: NOW,
        until: NOW + claviger_model::Seconds(300),
        at: NOW,
        reason: EndReason::Logout,
    }
}

async fn take_back(app: &App, sessions: impl IntoIterator<Item = String>) {
    let mut tx = Tx::new();
    for session in sessions {
        tx.insert_revocation(&record(&session));
    }
    assert!(app.commit(tx).await.unwrap().is_done());
}

async fn next(follow: &mut Follow) -> Result<Vec<String>, FollowError> {
    let next = tokio::time::timeout(Duration::from_secs(20), follow.next());
    let records = next.await.expect("a record in time")?;
    let names = records.iter().map(|record| {
        let session = record.revocation.session.clone();
        session.unwrap().into_string()
    });
    Ok(names.collect())
}

#[tokio::test]
async fn each_follower_gets_each_record_once_from_where_it_began() {
    let app = app().await;
    take_back(&app, ["1".to_owned()]).await;
    let mut all = follow(&app, &at(), 0).await.unwrap();
    let mut coming = follow(&app, &at(), 1).await.unwrap();
    assert!(!all.is_fresh() && coming.is_fresh());
    assert_eq!(next(&mut all).await.unwrap(), ["1"]);
    take_back(&app, ["2".to_owned(), "3".to_owned()]).await;
    assert_eq!(next(&mut all).await.unwrap(), ["2", "3"]);
    assert_eq!(next(&mut coming).await.unwrap(), ["2", "3"]);
    assert_eq!((all.position(), coming.position()), (3, 3));
    assert!(all.is_fresh());
}

/// What another node writes is not told to this one, and found all the same.
#[tokio::test]
async fn what_others_wrote_is_found_within_a_bounded_time() {
    let app = app().await;
    let mut follow = follow(&app, &at(), 0).await.unwrap();
    let mut tx = Tx::new();
    tx.insert_revocation(&record("elsewhere"));
    assert!(app.store.commit(tx).await.unwrap().is_done());
    assert_eq!(next(&mut follow).await.unwrap(), ["elsewhere"]);
}

#[tokio::test]
async fn a_slow_follower_misses_nothing_and_nothing_is_kept_for_it() {
    let app = app().await;
    let mut slow = follow(&app, &at(), 0).await.unwrap();
    let mut fast = follow(&app, &at(), 0).await.unwrap();
    let many = RECENT * 2 + 17;
    let mut seen = 0;
    for some in 0..many.div_ceil(400) {
        let names = some * 400..((some + 1) * 400).min(many);
        take_back(&app, names.map(|name| name.to_string())).await;
        while seen < ((some + 1) * 400).min(many) {
            seen += next(&mut fast).await.unwrap().len();
        }
        assert!(locked(&fast.line.recent).records.len() <= RECENT);
    }
    let mut names = Vec::new();
    while names.len() < many {
        names.extend(next(&mut slow).await.unwrap());
    }
    let expected: Vec<String> = (0..many).map(|name| name.to_string()).collect();
    assert_eq!(names, expected);
}

#[tokio::test]
async fn nobody_looks_when_nobody_follows() {
    let app = app().await;
    assert!(!locked(&app.followers.0.state).is_looking);
    let one = follow(&app, &at(), 0).await.unwrap();
    let two = follow(&app, &"other".into(), 0).await.unwrap();
    assert_eq!(app.followers.realms(), 2);
    drop((one, two));
    while locked(&app.followers.0.state).is_looking {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(app.followers.realms(), 0);
    let mut again = follow(&app, &at(), 0).await.unwrap();
    take_back(&app, ["1".to_owned()]).await;
    assert_eq!(next(&mut again).await.unwrap(), ["1"]);
}

#[tokio::test]
async fn a_realm_that_goes_and_a_node_that_stops_end_it() {
    let app = app().await;
    let mut gone = follow(&app, &at(), 0).await.unwrap();
    let mut stays = follow(&app, &"other".into(), 0).await.unwrap();
    let mut tx = Tx::new();
    tx.delete_realm(&at());
    assert!(app.commit(tx).await.unwrap().is_done());
    assert!(matches!(next(&mut gone).await, Err(FollowError::Gone)));
    let refused = follow(&app, &at(), 0).await;
    assert!(matches!(refused, Err(FollowError::Gone)));
    app.followers.close();
    assert!(matches!(next(&mut stays).await, Err(FollowError::Stopping)));
    let late = follow(&app, &"other".into(), 0).await;
    assert!(matches!(late, Err(FollowError::Stopping)));
}

#[tokio::test]
async fn places_are_limited_for_each_client_and_free_again() {
    let app = app().await;
    let (web, api) = (ClientUuid::new("web"), ClientUuid::new("api"));
    let held: Vec<Place> = std::iter::from_fn(|| app.followers.place(&web)).collect();
    assert_eq!(held.len(), PLACES_OF_CLIENT);
    assert!(app.followers.place(&api).is_some());
    drop(held);
    assert!(app.followers.place(&web).is_some());
    assert!(locked(&app.followers.0.state).places.is_empty());
}
