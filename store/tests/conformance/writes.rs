//! Jobs: all of one or nothing of it, neighbours unharmed, answers after the commit.

use std::time::Duration;

use claviger_model::{Millis, RealmId};
use claviger_store::{Commit, Store, StoreError, Tx};

use crate::fixtures::{realm, user, write};
use crate::world::{everywhere, on_every_engine};

fn at() -> RealmId {
    RealmId::new("r")
}

fn mark(key: &str) -> Tx {
    let mut tx = Tx::new();
    tx.use_once(&at(), key, "", Millis(1));
    tx
}

async fn marked(store: &Store, key: &str) -> bool {
    store.single_use(&at(), key).await.unwrap().is_some()
}

on_every_engine! {
    async fn nothing_to_write_is_done(world) {
        assert_eq!(world.commit(Tx::new()).await.unwrap(), Commit::Done);
    }

    /// The step that fails is the first, one in the middle, the last: nothing of the job stays.
    async fn a_job_is_all_or_nothing(world) {
        write(&world, |tx| tx.insert_user(&at(), &user("u", "taken"))).await;
        for place in 0..3 {
            for (fail, expected) in [
                ("missed", Commit::Missed("SINGLE_USE_TAKE")),
                ("conflict", Commit::Conflict("USER_INSERT")),
            ] {
                let mut tx = Tx::new();
                for step in 0..3 {
                    if step == place {
                        match fail {
                            "missed" => tx.take_once(&at(), "nothing"),
                            _ => tx.insert_user(&at(), &user("v", "taken")),
                        }
                    } else {
                        tx.use_once(&at(), &format!("{fail} {step}"), "", Millis(1));
                    }
                }
                assert_eq!(world.commit(tx).await.unwrap(), expected);
                for step in 0..3 {
                    assert!(!marked(&world, &format!("{fail} {step}")).await);
                }
            }
        }
    }

    /// Jobs that share transactions: every third misses, every third conflicts, every third fails.
    async fn neighbours_of_a_failed_job_are_unharmed(world) {
        write(&world, |tx| tx.insert_user(&at(), &user("u", "taken"))).await;
        let mut jobs = Vec::new();
        for number in 0..400 {
            let mut tx = mark(&format!("before {number}"));
            match number % 4 {
                0 => tx.take_once(&at(), "nothing"),
                1 => tx.insert_user(&at(), &user("v", "taken")),
                2 => tx.insert_user(&at(), &user("v", &"x".repeat(256))),
                _ => {}
            }
            tx.use_once(&at(), &format!("after {number}"), "", Millis(1));
            let store = world.store();
            jobs.push(tokio::spawn(async move { store.commit(tx).await }));
        }
        for (number, job) in jobs.into_iter().enumerate() {
            let answer = job.await.unwrap();
            let fits = match number % 4 {
                0 => matches!(answer, Ok(Commit::Missed("SINGLE_USE_TAKE"))),
                1 => matches!(answer, Ok(Commit::Conflict("USER_INSERT"))),
                2 => matches!(answer, Err(StoreError::Refused { statement: "USER_INSERT", .. })),
                _ => matches!(answer, Ok(Commit::Done)),
            };
            assert!(fits, "{number}: {answer:?}");
            for key in ["before", "after"] {
                let there = marked(&world, &format!("{key} {number}")).await;
                assert_eq!(there, number % 4 == 3, "{key} {number}");
            }
        }
    }

    /// What was answered can be read at once, by every node.
    async fn an_answer_means_that_it_is_there(world) {
        let other = world.open_again().await;
        for number in 0..20 {
            let key = number.to_string();
            assert_eq!(world.commit(mark(&key)).await.unwrap(), Commit::Done);
            assert!(marked(&world, &key).await);
            assert!(marked(&other, &key).await);
        }
        world.close().await;
        other.close().await;
        let again = world.open_again().await;
        for number in 0..20 {
            assert!(marked(&again, &number.to_string()).await);
        }
        again.close().await;
    }

    /// Two nodes write the same rows in opposite order: deadlocks are tried again, nobody sees one.
    async fn deadlocks_are_solved(world) {
        let nodes = [world.store(), world.open_again().await];
        for id in ["a", "b"] {
            write(&world, |tx| tx.insert_user(&at(), &user(id, id))).await;
        }
        let mut jobs = Vec::new();
        for round in 0..40_usize {
            let node = nodes[round % 2].clone();
            jobs.push(tokio::spawn(async move {
                let mut tx = Tx::new();
                let order = if round % 2 == 0 { ["a", "b"] } else { ["b", "a"] };
                for id in order {
                    tx.update_user(&at(), &user(id, id));
                }
                node.commit(tx).await
            }));
        }
        for job in jobs {
            let answer = job.await.unwrap();
            assert!(matches!(answer, Ok(Commit::Done)), "{answer:?}");
        }
        nodes[1].close().await;
    }

    /// The same with each job alone in its transaction. A deadlock has one victim, which meets each
    /// of the other's four jobs at most once.
    async fn deadlocks_of_single_jobs_are_solved(world) {
        let nodes = [world.store(), world.open_again().await];
        let mut ids: Vec<String> = (0..20).map(|id| format!("{id:02}")).collect();
        for id in &ids {
            write(&world, |tx| tx.insert_user(&at(), &user(id, id))).await;
        }
        let mut rivals = Vec::new();
        for node in nodes.clone() {
            ids.reverse();
            let ids = ids.clone();
            rivals.push(tokio::spawn(async move {
                for _ in 0..4 {
                    let mut tx = Tx::new();
                    for id in &ids {
                        tx.update_user(&at(), &user(id, id));
                    }
                    let answer = node.commit(tx).await;
                    assert!(matches!(answer, Ok(Commit::Done)), "{answer:?}");
                }
            }));
        }
        for rival in rivals {
            rival.await.unwrap();
        }
        nodes[1].close().await;
    }

    async fn a_job_of_many_steps_is_one_job(world) {
        let mut tx = Tx::new();
        for number in 0..3_000 {
            tx.use_once(&at(), &number.to_string(), "", Millis(1));
        }
        assert_eq!(world.commit(tx).await.unwrap(), Commit::Done);
        let mut tx = Tx::new();
        for number in 3_000..6_000 {
            tx.use_once(&at(), &number.to_string(), "", Millis(1));
        }
        tx.use_once(&at(), "17", "", Millis(1));
        assert_eq!(world.commit(tx).await.unwrap(), Commit::Conflict("SINGLE_USE_INSERT"));
        assert!(marked(&world, "2999").await);
        assert!(!marked(&world, "3000").await);
    }

    /// A server that restarts cuts all connections; the next write and read get through.
    async fn lost_connections_are_made_again(world) {
        write(&world, |tx| tx.insert_realm(&realm("r"))).await;
        world.ping().await.unwrap();
        match world.engine {
            "PostgreSQL" => {
                world.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                           WHERE datname = current_database() AND pid <> pg_backend_pid()").await;
            }
            "MySQL" => kill_all(&world).await,
            _ => return,
        }
        assert_eq!(world.commit(mark("k")).await.unwrap(), Commit::Done);
        assert!(marked(&world, "k").await);
        assert_eq!(world.realms().await.unwrap().len(), 1);
    }
}

/// PostgreSQL ends the transaction that has waited for a second when it finds the circle: ours, which
/// waits first. It is tried again when the rival is done.
#[tokio::test]
async fn the_victim_of_a_deadlock_is_tried_again() {
    everywhere(
        |_| (),
        |world| async move {
            let claviger_store::Database::Postgres(server) = &world.options.database else {
                return;
            };
            let mut config = tokio_postgres::Config::new();
            config
                .host(&server.host)
                .port(server.port)
                .dbname(&server.database);
            config.user(&server.user).password(server.password.reveal());
            let (rival, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            for id in ["a", "b"] {
                write(&world, |tx| tx.insert_user(&at(), &user(id, id))).await;
            }
            let lock = |id| format!("UPDATE user_entity SET enabled = 1 WHERE id = '{id}'");
            rival
                // The rival never looks for deadlocks, so it is we who are the victim.
                .batch_execute(&format!(
                    "SET deadlock_timeout = '1h'; BEGIN; {}",
                    lock("b")
                ))
                .await
                .unwrap();
            let store = world.store();
            let ours = tokio::spawn(async move {
                let mut tx = Tx::new();
                tx.update_user(&at(), &user("a", "first"));
                tx.update_user(&at(), &user("b", "second"));
                store.commit(tx).await
            });
            // Until we wait for `b`, with `a` in our hands.
            let waiting = "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
                           AND datname = current_database()";
            while rival
                .query_one(waiting, &[])
                .await
                .unwrap()
                .get::<_, i64>(0)
                == 0
            {
                tokio::task::yield_now().await;
            }
            rival.batch_execute(&lock("a")).await.unwrap();
            rival.batch_execute("COMMIT").await.unwrap();
            assert_eq!(ours.await.unwrap().unwrap(), Commit::Done);
            let found = world.user(&at(), &"b".into()).await.unwrap().unwrap();
            assert_eq!(found.username, "second");
        },
    )
    .await;
}

/// Kills every other connection to this database.
async fn kill_all(world: &crate::world::World) {
    use mysql_async::prelude::Queryable;
    let claviger_store::Database::Mysql(server) = &world.options.database else {
        unreachable!()
    };
    let options = mysql_async::OptsBuilder::default()
        .ip_or_hostname(&server.host)
        .tcp_port(server.port)
        .user(Some(&server.user))
        .pass(Some(server.password.reveal()))
        .db_name(Some(&server.database))
        .prefer_socket(false);
    let mut connection = mysql_async::Conn::new(options).await.unwrap();
    let ids: Vec<u64> = connection
        .query(
            "SELECT id FROM information_schema.processlist \
             WHERE db = DATABASE() AND id <> CONNECTION_ID()",
        )
        .await
        .unwrap();
    assert!(ids.len() >= 2, "a reader and a writer");
    for id in ids {
        connection.query_drop(format!("KILL {id}")).await.unwrap();
    }
    connection.disconnect().await.unwrap();
}

/// The queue holds one: of many who write at once some are told to come again, and nobody waits for
/// ever. Nothing of what was refused is there.
#[tokio::test]
async fn a_full_queue_refuses() {
    everywhere(
        |options| options.queue = 1,
        |world| async move {
            // No job is taken from the queue before the first await of this test's task.
            let jobs: Vec<_> = (0..50)
                .map(|number| {
                    let store = world.store();
                    async move { (number, store.commit(mark(&number.to_string())).await) }
                })
                .collect();
            let answers = together(jobs).await;
            let refused = answers.iter().filter(|(_, answer)| answer.is_err()).count();
            assert!(refused > 0, "nobody was refused");
            assert!(refused < 50, "everybody was refused");
            for (number, answer) in answers {
                let there = marked(&world, &number.to_string()).await;
                match answer {
                    Ok(commit) => assert!(commit.is_done() && there),
                    Err(error) => assert!(error.is_unavailable() && !there, "{error}"),
                }
            }
        },
    )
    .await;
}

/// Polls all before it waits for any.
async fn together<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|cx| {
        for (future, done) in futures.iter_mut().zip(&mut done) {
            if done.is_none()
                && let std::task::Poll::Ready(output) = future.as_mut().poll(cx)
            {
                *done = Some(output);
            }
        }
        if done.iter().all(Option::is_some) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

/// Somebody holds the rows: the write gives up in time, and nothing of it is there later.
#[tokio::test]
async fn a_write_that_takes_too_long_is_not_available() {
    everywhere(
        |options| options.write_timeout = Duration::from_millis(300),
        |world| async move {
            let claviger_store::Database::Sqlite { path } = &world.options.database else {
                return;
            };
            let rival = rusqlite::Connection::open(path).unwrap();
            rival.execute_batch("BEGIN IMMEDIATE").unwrap();
            let first = world.commit(mark("first")).await.unwrap_err();
            assert!(first.is_unavailable(), "{first}");
            // The second still waits in the queue when its caller goes away.
            let second = world.commit(mark("second")).await.unwrap_err();
            assert!(second.is_unavailable(), "{second}");
            rival.execute_batch("ROLLBACK").unwrap();
            world.close().await;
            let again = world.open_again().await;
            assert!(!marked(&again, "second").await);
            again.close().await;
        },
    )
    .await;
}
