//! What was taken back: numbered without a hole in the order in which it becomes visible, whoever
//! writes, and read by whoever follows without a miss.

use std::collections::BTreeSet;

use claviger_model::revocation::Revocation;
use claviger_model::session::{EndReason, SessionKind};
use claviger_model::{Millis, RealmId};
use claviger_store::{Commit, Head, Store, Tx};

use crate::fixtures::{attempt, realm, session, write};
use crate::world::on_every_engine;

/// The instant after which the records of these tests concern nobody.
const UNTIL: Millis = Millis(400_000);
/// When these tests read.
const NOW: Millis = Millis(20_000);

pub fn of_session(realm: &RealmId, id: &str) -> Revocation {
    Revocation {
        realm: realm.clone(),
        client: None,
        user: None,
        session: Some(id.into()),
        jti: None,
        before: Millis(10_000),
        until: UNTIL,
        at: Millis(9_000),
        reason: EndReason::Logout,
    }
}

fn at() -> RealmId {
    RealmId::new("r")
}

async fn since(store: &Store, seq: i64) -> Vec<(i64, String)> {
    let read = store.revocations_since(&at(), seq, NOW, 100_000).await;
    let named = |name: Option<claviger_model::SessionId>| {
        name.map_or(String::new(), claviger_model::SessionId::into_string)
    };
    let numbered = read.unwrap().into_iter();
    numbered
        .map(|record| (record.seq, named(record.revocation.session)))
        .collect()
}

fn pairs(expected: &[(i64, &str)]) -> Vec<(i64, String)> {
    let owned = expected.iter().map(|(seq, id)| (*seq, (*id).to_owned()));
    owned.collect()
}

on_every_engine! {
    async fn records_come_back_as_they_were_written(world) {
        write(&world, |tx| tx.insert_realm(&realm("r"))).await;
        let of_one = Revocation {
            jti: Some("onrtro:1".to_owned()),
            client: Some("web".to_owned()),
            user: Some("u".into()),
            reason: EndReason::TokenRevoked,
            ..of_session(&at(), "s")
        };
        let of_all = Revocation { session: None, ..of_session(&at(), "") };
        write(&world, |tx| {
            for record in [&of_one, &of_all] {
                tx.insert_revocation(record);
            }
        })
        .await;
        let read = world.revocations_since(&at(), 0, NOW, 10).await.unwrap();
        let read: Vec<_> = read.into_iter().map(|record| (record.seq, record.revocation)).collect();
        assert_eq!(read, [(1, of_one), (2, of_all)]);
        let head = world.revocation_head(&at()).await.unwrap();
        assert_eq!(head, Some(Head { last: 2, oldest: 1 }));
        assert_eq!(world.revocation_head(&RealmId::new("other")).await.unwrap(), None);
    }

    async fn a_job_takes_its_numbers_in_one_go_and_a_page_goes_on_where_the_last_ended(world) {
        write(&world, |tx| tx.insert_realm(&realm("r"))).await;
        for job in 0..3 {
            write(&world, |tx| {
                for place in 0..200 {
                    tx.insert_revocation(&of_session(&at(), &format!("{job}-{place}")));
                }
            })
            .await;
        }
        let mut read = Vec::new();
        loop {
            let last = read.last().map_or(0, |(seq, _): &(i64, String)| *seq);
            let page = world.revocations_since(&at(), last, NOW, 70).await.unwrap();
            if page.is_empty() {
                break;
            }
            read.extend(page.into_iter().map(|record| {
                (record.seq, record.revocation.session.unwrap().into_string())
            }));
        }
        let numbers: Vec<i64> = read.iter().map(|(seq, _)| *seq).collect();
        assert_eq!(numbers, (1..=600).collect::<Vec<_>>());
        let names: Vec<String> = (0..3)
            .flat_map(|job| (0..200).map(move |place| format!("{job}-{place}")))
            .collect();
        assert_eq!(read.into_iter().map(|(_, name)| name).collect::<Vec<_>>(), names);
    }

    /// Whoever misses takes nothing back, and no number either.
    async fn a_job_that_misses_leaves_no_hole(world) {
        write(&world, |tx| tx.insert_realm(&realm("r"))).await;
        write(&world, |tx| tx.insert_revocation(&of_session(&at(), "one"))).await;
        let missed = attempt(&world, |tx| {
            tx.insert_revocation(&of_session(&at(), "never"));
            tx.take_once(&at(), "nothing");
        })
        .await;
        assert_eq!(missed, Commit::Missed("SINGLE_USE_TAKE"));
        write(&world, |tx| tx.insert_revocation(&of_session(&at(), "two"))).await;
        assert_eq!(since(&world, 0).await, pairs(&[(1, "one"), (2, "two")]));
    }

    async fn what_concerns_nobody_any_more_is_neither_told_nor_kept_and_numbers_go_on(world) {
        write(&world, |tx| tx.insert_realm(&realm("r"))).await;
        let short = Revocation { until: Millis(15_000), ..of_session(&at(), "short") };
        for record in [&short, &of_session(&at(), "long")] {
            write(&world, |tx| tx.insert_revocation(record)).await;
        }
        assert_eq!(since(&world, 0).await, pairs(&[(2, "long")]));
        write(&world, |tx| tx.purge_expired(Millis(15_001), 100)).await;
        let head = world.revocation_head(&at()).await.unwrap();
        assert_eq!(head, Some(Head { last: 2, oldest: 1 }), "clocks differ");
        write(&world, |tx| tx.purge_expired(Millis(1_000_000), 100)).await;
        let head = world.revocation_head(&at()).await.unwrap();
        assert_eq!(head, Some(Head { last: 2, oldest: 3 }));
        write(&world, |tx| tx.insert_revocation(&of_session(&at(), "three"))).await;
        assert_eq!(since(&world, 2).await, pairs(&[(3, "three")]));
    }

    /// Lifespans were shortened: what was issued before lives as long as it was meant to.
    async fn tokens_of_longer_settings_are_remembered(world) {
        write(&world, |tx| tx.insert_realm(&realm("r"))).await;
        write(&world, |tx| tx.stretch_revocations(&at(), Millis(900_000))).await;
        write(&world, |tx| tx.stretch_revocations(&at(), Millis(800_000))).await;
        let one = Revocation { jti: Some("j".to_owned()), ..of_session(&at(), "one") };
        write(&world, |tx| {
            tx.insert_revocation(&of_session(&at(), "all"));
            tx.insert_revocation(&one);
        })
        .await;
        let read = world.revocations_since(&at(), 0, NOW, 10).await.unwrap();
        let ends: Vec<Millis> = read.iter().map(|record| record.revocation.until).collect();
        assert_eq!(ends, [Millis(900_000), UNTIL]);
    }

    async fn a_realm_that_comes_again_counts_from_where_nobody_has_been(world) {
        write(&world, |tx| tx.insert_realm(&realm("r"))).await;
        write(&world, |tx| tx.insert_revocation(&of_session(&at(), "old"))).await;
        write(&world, |tx| {
            tx.delete_realm(&at());
            tx.insert_realm(&realm("r"));
            tx.begin_revocations(&at(), 5_000);
            tx.insert_revocation(&of_session(&at(), "new"));
        })
        .await;
        assert_eq!(since(&world, 1).await, pairs(&[(5_001, "new")]));
        write(&world, |tx| tx.delete_realm(&at())).await;
        // Whoever ends something of a realm that goes at the same moment is not hindered.
        write(&world, |tx| tx.insert_revocation(&of_session(&at(), "late"))).await;
        assert_eq!(since(&world, 0).await, []);
    }

    async fn heads_of_many_realms_are_read_at_once(world) {
        for id in ["a", "b", "c"] {
            write(&world, |tx| tx.insert_realm(&realm(id))).await;
        }
        write(&world, |tx| tx.insert_revocation(&of_session(&RealmId::new("b"), "s"))).await;
        let asked = |ids: &[&str]| ids.iter().map(|id| RealmId::new(*id)).collect::<Vec<_>>();
        let heads = world.revocation_heads(&asked(&["a", "b", "gone"])).await.unwrap();
        let heads: Vec<_> = heads.into_iter().collect();
        assert_eq!(heads, [(RealmId::new("a"), 0), (RealmId::new("b"), 1)]);
        assert_eq!(world.revocation_heads(&asked(&["gone"])).await.unwrap().len(), 0);
        assert_eq!(world.revocation_heads(&[]).await.unwrap().len(), 0);
    }

    /// Three nodes write at once, in jobs that share transactions and partly miss, over the same
    /// sessions of two realms in opposite orders; somebody follows from a fourth. Nobody waits for
    /// ever, no number is left out or comes late, and what was written is there in the end.
    async fn a_follower_misses_nothing_whoever_writes(world) {
        const EACH: usize = 60;
        for id in ["r", "other"] {
            write(&world, |tx| tx.insert_realm(&realm(id))).await;
        }
        let mut writers = tokio::task::JoinSet::new();
        for node in 0..3 {
            let store = world.open_again().await;
            writers.spawn(async move { write_as_node(&store, node, EACH).await });
        }
        let reader = world.open_again().await;
        let follower = async {
            let (mut seen, mut last) = (Vec::new(), 0);
            while seen.len() < 3 * EACH * 2 {
                for (seq, name) in since(&reader, last).await {
                    assert_eq!(seq, last + 1, "a hole before {name}");
                    last = seq;
                    seen.push(name);
                }
                let head = reader.revocation_head(&at()).await.unwrap().unwrap().last;
                assert!(head >= last, "the head is behind its records");
            }
            seen
        };
        let seen = tokio::time::timeout(std::time::Duration::from_mins(1), follower).await;
        let seen = seen.expect("everything is seen in time");
        while let Some(ended) = writers.join_next().await {
            ended.unwrap();
        }
        assert_eq!(since(&reader, i64::try_from(seen.len()).unwrap()).await, []);
        let distinct: BTreeSet<&String> = seen.iter().collect();
        assert_eq!(distinct.len(), seen.len(), "nothing comes twice");
        reader.close().await;
    }
}

/// Ends `each` sessions in each realm, two records each in the first, in jobs of their own that are
/// in flight together; after each one that misses.
async fn write_as_node(store: &Store, node: usize, each: usize) {
    let realms = [at(), RealmId::new("other")];
    let mut jobs = tokio::task::JoinSet::new();
    for place in 0..each {
        let mut tx = Tx::new();
        // What other nodes write too, in another order.
        for shared in 0..3 {
            let id = format!("shared-{}", (shared + node) % 3);
            let other = session(SessionKind::Online, &id, "u");
            tx.delete_user_session(&at(), SessionKind::Online, &other.id);
        }
        let [one, two] = &realms;
        for realm in if node == 1 { [two, one] } else { [one, two] } {
            tx.insert_revocation(&of_session(realm, &format!("{node}-{place}")));
        }
        tx.insert_revocation(&of_session(&at(), &format!("{node}-{place}-again")));
        let mut missing = Tx::new();
        missing.insert_revocation(&of_session(&at(), "never"));
        missing.take_once(&at(), "nothing");
        for tx in [tx, missing] {
            let store = store.clone();
            jobs.spawn(async move { store.commit(tx).await.unwrap().is_done() });
        }
    }
    let mut done = 0;
    while let Some(ended) = jobs.join_next().await {
        done += usize::from(ended.unwrap());
    }
    assert_eq!(done, each);
    store.close().await;
}
