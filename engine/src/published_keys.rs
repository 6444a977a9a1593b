//! Keys that others publish at a URL (RFC 7517 §5): fetched when needed, kept for a while.
//!
//! Who asks is often not yet known (a client that is still proving itself), so a caller cannot make
//! this server ask a URL more often than once in [`PAUSE`], whatever it sends.

use std::sync::Arc;

use claviger_crypto::jwk::JwkSet;
use claviger_crypto::key::KeyError;
use claviger_model::{Millis, Seconds};
use tokio::sync::Mutex;

use crate::network::{Network, NetworkError};

/// The shortest time between two questions to one URL.
pub const PAUSE: Seconds = Seconds(10);
/// After this time keys are asked for again, so that a key that was taken back is not trusted on.
const FRESH: Seconds = Seconds(3_600);
/// After this time keys that could not be asked for again are no longer used.
const KEPT: Seconds = Seconds(86_400);
/// How many URLs are remembered; the least used go first.
const URLS_KEPT: u64 = 1_000;

/// Why there are no keys to choose from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishedKeysError {
    /// The URL gave no answer, or may not be asked.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// What it gave is no JWK Set.
    #[error("what {url} publishes is not a set of keys")]
    Unreadable {
        /// The URL asked.
        url: String,
        /// What is wrong with it.
        #[source]
        source: KeyError,
    },
    /// The last question failed, and it is too early for another.
    #[error("{url} failed a moment ago and is not asked again yet")]
    TooEarly {
        /// The URL that would be asked.
        url: String,
    },
}

/// What is remembered of each URL. Cloning shares it.
#[derive(Clone)]
pub struct PublishedKeys(moka::sync::Cache<String, Arc<Mutex<Memory>>>);

#[derive(Default)]
struct Memory {
    /// When the last question was asked, whatever came of it.
    asked_at: Option<Millis>,
    keys: Option<(Millis, JwkSet)>,
}

impl Default for PublishedKeys {
    fn default() -> Self {
        Self(moka::sync::Cache::new(URLS_KEPT))
    }
}

impl std::fmt::Debug for PublishedKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PublishedKeys")
            .field(&self.0.entry_count())
            .finish()
    }
}

impl PublishedKeys {
    /// What `choose` finds among the keys of `url`. Keys in memory are asked first; if `choose`
    /// finds nothing there, or if they are older than `age_max`, the URL is asked again.
    pub async fn find<T>(
        &self,
        network: &dyn Network,
        url: &str,
        now: Millis,
        age_max: Option<Seconds>,
        choose: impl Fn(&JwkSet) -> Option<T>,
    ) -> Result<Option<T>, PublishedKeysError> {
        // Whoever comes meanwhile waits for this one's answer instead of asking a second time.
        let memory = self.0.get_with(url.to_owned(), Arc::default);
        let mut memory = memory.lock().await;
        let age_max = age_max.unwrap_or(FRESH);
        if let Some((at, keys)) = &memory.keys
            && now < *at + age_max
            && let Some(found) = choose(keys)
        {
            return Ok(Some(found));
        }
        let mut failure = PublishedKeysError::TooEarly {
            url: url.to_owned(),
        };
        if memory.asked_at.is_none_or(|at| now >= at + PAUSE) {
            memory.asked_at = Some(now);
            match fetch(network, url).await {
                Ok(keys) => memory.keys = Some((now, keys)),
                Err(error) => failure = error,
            }
        }
        match &memory.keys {
            Some((at, keys)) if now < *at + KEPT => Ok(choose(keys)),
            Some(_) | None => Err(failure),
        }
    }

    /// Asks the URL anew, if it was not asked just now: whether it gave keys.
    pub async fn reload(&self, network: &dyn Network, url: &str, now: Millis) -> bool {
        let memory = self.0.get_with(url.to_owned(), Arc::default);
        let mut memory = memory.lock().await;
        if memory.asked_at.is_some_and(|at| now < at + PAUSE) {
            return false;
        }
        memory.asked_at = Some(now);
        match fetch(network, url).await {
            Ok(keys) => {
                memory.keys = Some((now, keys));
                true
            }
            Err(error) => {
                tracing::info!("keys were not read anew: {error}");
                false
            }
        }
    }
}

async fn fetch(network: &dyn Network, url: &str) -> Result<JwkSet, PublishedKeysError> {
    let body = network.get(url.to_owned()).await?;
    JwkSet::parse(&body).map_err(|source| PublishedKeysError::Unreadable {
        url: url.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Mutex as Lock;

    use super::*;
    use crate::network::{Boxed, Nobody, Posted};

    const URL: &str = "https://app.example/jwks";

    /// Gives the answers of a list, one after the other, and then fails.
    #[derive(Default)]
    struct Script {
        answers: Lock<Vec<String>>,
        asked: Lock<usize>,
    }

    impl Script {
        fn new(kids: &[&str]) -> Self {
            let one = |kid: &&str| {
                format!(
                    r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"{kid}","x":"{}"}}]}}"#,
                    "A".repeat(43)
                )
            };
            let script = Self::default();
            *script.answers.lock().unwrap() = kids.iter().rev().map(one).collect();
            script
        }

        fn asked(&self) -> usize {
            *self.asked.lock().unwrap()
        }
    }

    impl Network for Script {
        fn get(&self, url: String) -> Boxed<'_, Result<Vec<u8>, NetworkError>> {
            *self.asked.lock().unwrap() += 1;
            let next = self.answers.lock().unwrap().pop();
            Box::pin(async move {
                next.map(String::into_bytes).ok_or(NetworkError::Failed {
                    url,
                    reason: "nobody is there".to_owned(),
                })
            })
        }

        fn post(&self, url: String, body: Posted) -> Boxed<'_, Result<u16, NetworkError>> {
            Nobody.post(url, body)
        }

        fn addresses(&self, host: String) -> Boxed<'_, Result<Vec<IpAddr>, NetworkError>> {
            Nobody.addresses(host)
        }

        fn host_name(&self, address: IpAddr) -> Boxed<'_, Result<String, NetworkError>> {
            Nobody.host_name(address)
        }
    }

    fn named(kid: &str) -> impl Fn(&JwkSet) -> Option<()> {
        let kid = kid.to_owned();
        move |keys| {
            keys.iter()
                .any(|key| key.kid.as_deref() == Some(&kid))
                .then_some(())
        }
    }

    #[tokio::test]
    async fn known_keys_are_not_asked_for_and_unknown_ones_not_too_often() {
        let network = Script::new(&["one", "two"]);
        let keys = PublishedKeys::default();
        let at = |seconds: i64| Seconds(1_000_000 + seconds).millis();
        let found = keys.find(&network, URL, at(0), None, named("one")).await;
        assert_eq!(found, Ok(Some(())));
        for second in 1..10 {
            let missing = keys
                .find(&network, URL, at(second), None, named("two"))
                .await;
            assert_eq!(missing, Ok(None));
        }
        assert_eq!(
            network.asked(),
            1,
            "within ten seconds nobody is asked again"
        );
        let rotated = keys.find(&network, URL, at(10), None, named("two")).await;
        assert_eq!(rotated, Ok(Some(())));
        assert_eq!(network.asked(), 2);
    }

    #[tokio::test]
    async fn keys_outlive_a_failing_publisher_for_a_day() {
        let network = Script::new(&["one"]);
        let keys = PublishedKeys::default();
        let start = Millis(0);
        let find = |now| keys.find(&network, URL, now, None, named("one"));
        assert_eq!(find(start).await, Ok(Some(())));
        assert_eq!(find(start + Seconds(3_600)).await, Ok(Some(())));
        assert_eq!(network.asked(), 2, "after an hour they are asked for again");
        assert_eq!(find(start + Seconds(86_399)).await, Ok(Some(())));
        assert!(find(start + Seconds(86_400)).await.is_err());
    }

    #[tokio::test]
    async fn a_failing_publisher_is_left_in_peace_too() {
        let network = Script::new(&[]);
        let keys = PublishedKeys::default();
        for second in 0..10 {
            let now = Seconds(second).millis();
            assert!(
                keys.find(&network, URL, now, None, named("one"))
                    .await
                    .is_err()
            );
        }
        assert_eq!(network.asked(), 1);
    }

    #[tokio::test]
    async fn a_caller_can_insist_on_young_keys() {
        let network = Script::new(&["one", "one"]);
        let keys = PublishedKeys::default();
        for second in [0, 9, 10] {
            let now = Seconds(second).millis();
            let found = keys
                .find(&network, URL, now, Some(PAUSE), named("one"))
                .await;
            assert_eq!(found, Ok(Some(())));
        }
        assert_eq!(network.asked(), 2);
    }
}
