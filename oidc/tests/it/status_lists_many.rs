//! What status lists cost with many sessions: how many bytes go over the wire, how long a list takes to be
//! made. `CLAVIGER_STATUS_SESSIONS` says how many sessions; `cargo xtask torture` takes ten million.

use claviger_crypto::encoding::decode_base64url;
use claviger_model::revocation::Revocation;
use claviger_model::session::EndReason;
use claviger_model::{Millis, RealmId, SessionId, StatusIndex, UserId};
use claviger_store::{Store, Tx};
use claviger_testkit::Stage;
use serde_json::json;
use tokio::time::Instant;

use crate::browser::claims;
use crate::status_lists::inflated;

/// Places in a list.
const PLACES: i32 = 1 << 20;
/// Of a hundred places, those that are given: a list half full is left for the next.
const GIVEN: u64 = 40;
/// Of a hundred sessions, those that have ended and whose tokens live on.
const ENDED: u64 = 3;
/// Sessions that are written at once.
const BATCH: usize = 20_000;

/// Chance that is the same in each run (splitmix64).
fn chance(list: i32, place: i32, salt: u64) -> u64 {
    let number = (u64::try_from(list).unwrap() << 32) + u64::try_from(place).unwrap();
    let mut z = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) % 100
}

fn is_given(list: i32, place: i32) -> bool {
    chance(list, place, 1) < GIVEN
}

fn has_ended(list: i32, place: i32) -> bool {
    chance(list, place, 2) < ENDED
}

/// The places of so many sessions, in so many lists as they need.
fn places(sessions: usize) -> impl Iterator<Item = StatusIndex> {
    (0..)
        .flat_map(|list| (0..PLACES).map(move |index| StatusIndex { list, index }))
        .filter(|place| is_given(place.list, place.index))
        .take(sessions)
}

/// Whoever leaves has all sessions of a list that end.
fn leaver(list: i32) -> UserId {
    UserId::new(format!("leaver {list}"))
}

/// Writes the sessions' places, and ends those that end; returns the number of the last list.
async fn fill(store: &Store, realm: &RealmId, sessions: usize) -> i32 {
    let mut last = 0;
    let mut places = places(sessions).enumerate().peekable();
    while places.peek().is_some() {
        let mut tx = Tx::new();
        for (number, place) in places.by_ref().take(BATCH) {
            let user = if has_ended(place.list, place.index) {
                leaver(place.list)
            } else {
                UserId::new(format!("user {number:09}"))
            };
            let session = SessionId::new(format!("session {number:09}"));
            let end = Millis(i64::MAX);
            tx.insert_status_index(realm, place, (&session, "app", &user), end);
            last = place.list;
        }
        assert!(store.commit(tx).await.unwrap().is_done());
    }
    for list in 0..=last {
        let mut tx = Tx::new();
        tx.insert_revocation(&Revocation {
            realm: realm.clone(),
            client: None,
            user: Some(leaver(list)),
            session: None,
            jti: None,
            before: Millis(1),
            until: Millis(i64::MAX),
            at: Millis(1),
            reason: EndReason::UserDeleted,
        });
        assert!(store.commit(tx).await.unwrap().is_done());
    }
    last
}

#[tokio::test]
async fn lists_of_many_sessions_are_whole_and_small() {
    let wanted = std::env::var("CLAVIGER_STATUS_SESSIONS").ok();
    let sessions: usize = wanted.map_or(2_000, |text| text.parse().unwrap());
    let stage = Stage::open(claviger_oidc::router()).await;
    let mut realm = crate::world::realm();
    realm["attributes"] = json!({"status.list.ttl": "7"});
    stage.import(realm).await;
    let id = stage.app.realm("shop").await.unwrap().unwrap().id.clone();
    let since = Instant::now();
    let last = fill(&stage.app.store, &id, sessions).await;
    println!("{sessions} sessions written in {:?}", since.elapsed());

    let mut expected = vec![vec![0_u8; 1 << 17]; usize::try_from(last).unwrap() + 1];
    for place in places(sessions).filter(|place| has_ended(place.list, place.index)) {
        let index = usize::try_from(place.index).unwrap();
        expected[usize::try_from(place.list).unwrap()][index / 8] |= 1 << (index % 8);
    }
    let (mut raw, mut packed, mut wire, mut ended) = (0, 0, 0, 0);
    let since = Instant::now();
    for (list, expected) in expected.iter().enumerate() {
        let path = format!("/realms/shop/status-lists/{list}");
        let answer = stage.get(&path).await.is(200);
        let text = claims(&answer.text())["status_list"]["lst"].clone();
        let bytes = decode_base64url(text.as_str().unwrap()).unwrap();
        let bits = inflated(&bytes);
        assert!(bits == *expected, "list {list}");
        raw += bits.len();
        packed += bytes.len();
        wire += answer.text().len();
        ended += bits.iter().map(|byte| byte.count_ones()).sum::<u32>();
    }
    println!(
        "{} lists with {ended} places set, made in {:?}: {raw} bytes of bits, {packed} compressed, {wire} on the wire",
        expected.len(),
        since.elapsed()
    );
    // As random as bits can be that are rarely set: nobody compresses them to less than their entropy.
    assert!(wire < raw * 4 / 3, "{wire} of {raw}");
}
