use std::time::Duration;

use p12_keystore::secret::{Secret as Entry, SecretKeyType};
use p12_keystore::{KeyStore, KeyStoreEntry};

use super::*;

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("claviger-vault-{}-{name}", std::process::id()));
        std::fs::create_dir_all(path.join("vault/other")).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.0.join(name), bytes).unwrap();
    }

    fn vault(&self, names: &[Naming]) -> Arc<dyn Vault> {
        let place = Place::Directory(self.0.join("vault"));
        open(&Settings {
            place,
            names: names.to_vec(),
        })
        .unwrap()
    }

    fn store(&self, password: &str) -> Settings {
        let path = self.0.join("vault.p12");
        let password = Secret::new(password);
        let place = Place::KeyStore(StoreFile { path, password });
        Settings {
            place,
            names: vec![Naming::RealmUnderscoreKey],
        }
    }

    fn fill_store(&self, entries: &[(&str, &str)]) {
        let mut store = KeyStore::new();
        for (name, secret) in entries {
            let entry = Entry::builder(SecretKeyType::Aes)
                .with_key(secret.as_bytes().to_vec())
                .with_local_key_id(name.as_bytes())
                .build()
                .unwrap();
            store.add_entry(name, KeyStoreEntry::Secret(entry));
        }
        self.write("vault.p12", &store.writer("changeit").write().unwrap());
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn look(vault: &Arc<dyn Vault>, realm: &str, key: &str) -> Option<String> {
    let found = vault.secret(realm, key).await;
    found.map(|secret| secret.reveal().to_owned())
}

#[tokio::test]
async fn a_secret_is_the_text_of_its_file() {
    let folder = Folder::new("files");
    folder.write("vault/shop_smtp", b"plain");
    folder.write("vault/my__shop_smtp__password", b" with spaces \r\n");
    folder.write("vault/shop_two", b"lines\n\n");
    folder.write("vault/shop_binary", &[0xff, 0xfe]);
    let vault = folder.vault(&[Naming::RealmUnderscoreKey]);
    let cases = [
        ("shop", "smtp", Some("plain")),
        ("my_shop", "smtp_password", Some(" with spaces ")),
        ("shop", "two", Some("lines\n")),
        ("shop", "none", None),
        ("shop", "binary", None),
        ("bank", "smtp", None),
    ];
    for (realm, key, expected) in cases {
        assert_eq!(
            look(&vault, realm, key).await.as_deref(),
            expected,
            "{realm} {key}"
        );
    }
    folder.write("vault/shop_smtp", b"changed");
    assert_eq!(
        look(&vault, "shop", "smtp").await.as_deref(),
        Some("changed")
    );
    folder.write("vault/shop_long", &vec![b'x'; 65_537]);
    assert_eq!(look(&vault, "shop", "long").await, None);
}

#[tokio::test]
async fn names_can_be_shared_or_lie_in_directories_in_the_order_asked_for() {
    let folder = Folder::new("names");
    folder.write("vault/common__key", b"shared");
    folder.write("vault/other/common_key", b"own");
    let own_first = folder.vault(&[Naming::RealmFileSeparatorKey, Naming::KeyOnly]);
    assert_eq!(
        look(&own_first, "other", "common_key").await.as_deref(),
        Some("own")
    );
    assert_eq!(
        look(&own_first, "shop", "common_key").await.as_deref(),
        Some("shared")
    );
    let shared_first = folder.vault(&[Naming::KeyOnly, Naming::RealmFileSeparatorKey]);
    assert_eq!(
        look(&shared_first, "other", "common_key").await.as_deref(),
        Some("shared")
    );
}

#[tokio::test]
async fn nothing_leads_out_of_the_vault() {
    let folder = Folder::new("out");
    folder.write("secret", b"outside");
    folder.write("vault/other/key", b"of another realm");
    folder.write("vault/other_key", b"of another realm");
    let namings = [
        Naming::KeyOnly,
        Naming::RealmUnderscoreKey,
        Naming::RealmFileSeparatorKey,
    ];
    let cases = [
        ("shop", "../secret"),
        ("shop", ".."),
        ("shop", "."),
        ("shop", ""),
        ("shop", "../other/key"),
        ("shop", "/etc/hostname"),
        ("shop", "..\\secret"),
        ("shop", "key\0"),
        ("..", "secret"),
        (".", "other_key"),
        ("other/", "key"),
        ("", "other_key"),
        ("shop", "../other_key"),
    ];
    for naming in namings {
        let vault = folder.vault(&[naming]);
        for (realm, key) in cases {
            assert_eq!(
                look(&vault, realm, key).await,
                None,
                "{naming:?} {realm:?} {key:?}"
            );
        }
    }
    // `a` with key `b_c` and `a_b` with key `c` are two secrets.
    let name = |realm, key| Naming::RealmUnderscoreKey.apply(realm, key);
    assert_ne!(name("a", "b_c"), name("a_b", "c"));
}

#[tokio::test]
async fn a_key_store_is_a_vault() {
    let folder = Folder::new("store");
    folder.fill_store(&[("shop_smtp", "hunter2"), ("my__shop_key", "other")]);
    let vault = open(&folder.store("changeit")).unwrap();
    assert_eq!(
        look(&vault, "shop", "smtp").await.as_deref(),
        Some("hunter2")
    );
    assert_eq!(
        look(&vault, "SHOP", "SMTP").await.as_deref(),
        Some("hunter2")
    );
    assert_eq!(
        look(&vault, "my_shop", "key").await.as_deref(),
        Some("other")
    );
    assert_eq!(look(&vault, "shop", "none").await, None);

    folder.fill_store(&[("shop_smtp", "changed")]);
    // Both writes may fall into one tick of the file system's clock.
    let file = std::fs::File::options()
        .append(true)
        .open(folder.0.join("vault.p12"))
        .unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(10))
        .unwrap();
    assert_eq!(
        look(&vault, "shop", "smtp").await.as_deref(),
        Some("changed")
    );

    let wrong = open(&folder.store("wrong")).err().unwrap();
    assert!(
        format!("{wrong:#}").contains("the password is wrong"),
        "{wrong:#}"
    );
}

#[test]
fn a_vault_that_is_not_there_is_told_at_the_start() {
    let place = Place::Directory("/nowhere/at/all".into());
    let refused = open(&Settings {
        place,
        names: Vec::new(),
    })
    .err()
    .unwrap();
    assert!(refused.to_string().contains("is no directory"), "{refused}");
}
