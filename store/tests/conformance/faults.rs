//! The failing statement: whichever it is, the answer is an error and nothing is half done.

use std::sync::Arc;

use claviger_model::{Millis, RealmId};
use claviger_store::{FaultPlan, Options, Store, StoreError, Tx};

use crate::fixtures::{user, write};
use crate::world::everywhere;

fn at() -> RealmId {
    RealmId::new("r")
}

/// Two reads and a write of five steps.
async fn operation(store: &Store, id: &str) -> Result<(), StoreError> {
    store.user(&at(), &id.into()).await?;
    store.user_roles(&at(), &id.into()).await?;
    let mut tx = Tx::new();
    tx.insert_user(&at(), &user(id, id));
    tx.grant_role(&at(), &id.into(), &"role".into());
    tx.join_group(&at(), &id.into(), &"group".into());
    tx.use_once(&at(), id, "", Millis(1));
    tx.revoke_token(&at(), id, Millis(1));
    assert!(store.commit(tx).await?.is_done());
    Ok(())
}

#[tokio::test]
async fn whichever_statement_fails_nothing_is_half_done() {
    everywhere(
        |options| options.fault = Some(Arc::new(FaultPlan::default())),
        |world| async move {
            let plan = world.options.fault.clone().unwrap();
            let rows = async || world.count_rows(&at()).await.unwrap();
            let mut n = 1;
            loop {
                let before = rows().await;
                let id = format!("u{n}");
                plan.fail_at(n);
                let result = operation(&world, &id).await;
                let seen = plan.seen();
                plan.fail_at(0);
                if result.is_ok() {
                    assert_eq!(seen, i64::from(n) - 1, "every statement had its turn");
                    break;
                }
                let error = result.unwrap_err();
                assert!(matches!(error, StoreError::Database { .. }), "{n}: {error}");
                assert_eq!(rows().await, before, "{n}");
                n += 1;
            }
            // Two reads, five steps, the commit.
            assert_eq!(n, 9);
        },
    )
    .await;
}

/// A commit that fails is everybody's failure in that batch; the next gets through.
#[tokio::test]
async fn a_failed_commit_is_told_to_all() {
    everywhere(
        |options| options.fault = Some(Arc::new(FaultPlan::default())),
        |world| async move {
            let plan = world.options.fault.clone().unwrap();
            plan.fail_at(2);
            let mut tx = Tx::new();
            tx.use_once(&at(), "k", "", Millis(1));
            let error = world.commit(tx).await.unwrap_err();
            assert!(
                matches!(
                    error,
                    StoreError::Database {
                        statement: "COMMIT",
                        ..
                    }
                ),
                "{error:?}"
            );
            assert!(world.single_use(&at(), "k").await.unwrap().is_none());
            write(&world, |tx| tx.use_once(&at(), "k", "", Millis(1))).await;
        },
    )
    .await;
}

#[tokio::test]
async fn without_a_plan_nothing_fails() {
    let store = Store::open(&Options::sqlite_memory()).await.unwrap();
    operation(&store, "u").await.unwrap();
}
