//! smoke
use claviger_model::RealmId;
use claviger_store::*;

#[tokio::test]
async fn smoke() {
    let store = Store::open(&Options::sqlite_memory()).await.unwrap();
    let mut tx = Tx::new();
    let realm = RealmRow {
        id: RealmId::new("a"),
        name: "b".into(),
        enabled: true,
        version: 4,
        body: Default::default(),
    };
    tx.insert_realm(&realm);
    assert_eq!(store.commit(tx).await.unwrap(), Commit::Done);
    assert_eq!(store.realm_by_name("b").await.unwrap().unwrap(), realm);
    let mut tx = Tx::new();
    tx.update_realm(&realm);
    assert_eq!(store.commit(tx).await.unwrap(), Commit::Done);
    assert_eq!(store.realm_version("b").await.unwrap().unwrap().1, 5);
    store.close().await;
}
