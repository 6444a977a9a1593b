//! Guessing at the short codes of devices (RFC 8628 §5.1): wrong ones are counted for the address that they
//! come from, and whoever typed too many has to wait. Where many come to a realm out of many addresses, each
//! address has fewer; but whoever has typed no wrong one is heard, however many others guess.
//!
//! A code counts before it is looked up, and is taken off the count if it was right: so it does not
//! matter how many are sent at once, or to how many nodes.

use std::net::IpAddr;

use claviger_model::{Millis, Seconds};
use claviger_store::{Commit, StoreError, Tx};

use crate::app::App;
use crate::realm::Realm;

/// How many wrong codes may come from one address within [`ADDRESS_WINDOW`]: more than anybody mistypes.
const ADDRESS_MAX: u32 = 10;
/// How long wrong codes of an address are counted together.
const ADDRESS_WINDOW: Seconds = Seconds(600);
/// How many may come to a realm within [`REALM_WINDOW`] before it is a crowd that guesses, out of many
/// addresses.
const REALM_MAX: u32 = 100;
/// How long wrong codes of a realm are counted together.
const REALM_WINDOW: Seconds = Seconds(60);
/// How many wrong codes may come from one address while a crowd guesses. One: who comes with the right
/// code is let in whatever others do, and of a hundred thousand addresses that guess at a thousand
/// devices, at all times, one is right in two weeks. What it gets is a device that signs in as whoever
/// guessed, and nothing of anybody else's.
const CROWD_MAX: u32 = 1;
/// How often counting is tried anew because others count at the same moment.
const ATTEMPTS_MAX: usize = 50;

/// The right to look one code up.
#[derive(Debug)]
pub struct Guess {
    /// What it counts for.
    counts: Vec<String>,
}

/// Counts a code that was typed. None if too many were wrong.
///
/// # Errors
///
/// The store's.
pub async fn count(app: &App, realm: &Realm, address: &str) -> Result<Option<Guess>, StoreError> {
    let own = format!("device-guess:{}", network(address));
    let all = "device-guess".to_owned();
    for _ in 0..ATTEMPTS_MAX {
        let mut tx = Tx::new();
        let by_address = Tally::read(app, realm, &own).await?;
        let in_realm = Tally::read(app, realm, &all).await?;
        let is_crowd = in_realm.count >= REALM_MAX;
        let most = if is_crowd { CROWD_MAX } else { ADDRESS_MAX };
        if by_address.count >= most {
            return Ok(None);
        }
        by_address.add(app, realm, (&own, ADDRESS_WINDOW), &mut tx);
        let mut counts = vec![own.clone()];
        if !is_crowd {
            // Beyond that it says nothing more, and nobody waits for a row that all write.
            in_realm.add(app, realm, (&all, REALM_WINDOW), &mut tx);
            counts.push(all.clone());
        }
        if app.commit(tx).await? == Commit::Done {
            return Ok(Some(Guess { counts }));
        }
    }
    // A crowd of guessers at one address: who cannot be counted is not told either.
    Ok(None)
}

impl Guess {
    /// The code was right: it is no guess.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn was_right(self, app: &App, realm: &Realm) -> Result<(), StoreError> {
        for _ in 0..ATTEMPTS_MAX {
            let mut tx = Tx::new();
            for key in &self.counts {
                Tally::read(app, realm, key)
                    .await?
                    .take_off(realm, key, &mut tx);
            }
            if app.commit(tx).await? == Commit::Done {
                break;
            }
        }
        Ok(())
    }
}

/// How many there were.
#[derive(Debug)]
struct Tally {
    count: u32,
    /// Until when they count.
    end: Option<Millis>,
    /// What stands in the store, over or not.
    kept: Option<String>,
}

impl Tally {
    async fn read(app: &App, realm: &Realm, key: &str) -> Result<Self, StoreError> {
        let kept = app.store.single_use(&realm.id, key).await?;
        let live = kept.as_ref().filter(|kept| kept.expires_at > app.now());
        Ok(Self {
            count: live.map_or(0, |kept| kept.value.parse().unwrap_or(u32::MAX)),
            end: live.map(|kept| kept.expires_at),
            kept: kept.map(|kept| kept.value),
        })
    }

    /// One more, unless somebody else counts at the same moment.
    fn add(&self, app: &App, realm: &Realm, (key, window): (&str, Seconds), tx: &mut Tx) {
        if let Some(kept) = &self.kept {
            tx.take_value(&realm.id, key, kept);
        }
        let end = self.end.unwrap_or(app.now() + window);
        let count = self.count.saturating_add(1).to_string();
        tx.use_once(&realm.id, key, &count, end);
    }

    /// One less.
    fn take_off(&self, realm: &Realm, key: &str, tx: &mut Tx) {
        if let Some(kept) = &self.kept {
            tx.take_value(&realm.id, key, kept);
        }
        if let (Some(end), true) = (self.end, self.count > 1) {
            tx.use_once(&realm.id, key, &(self.count - 1).to_string(), end);
        }
    }
}

/// Whom an address stands for: of IPv6 the network, as one customer has all of it.
fn network(address: &str) -> String {
    match address.parse() {
        Ok(IpAddr::V6(address)) if address.to_ipv4_mapped().is_none() => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::")
        }
        Ok(IpAddr::V6(address)) => address
            .to_ipv4_mapped()
            .map_or_else(String::new, |address| address.to_string()),
        Ok(IpAddr::V4(address)) => address.to_string(),
        Err(_) => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::network;

    #[test]
    fn all_addresses_of_one_customer_are_one() {
        for (address, expected) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::1", "2001:db8:1:2::"),
            ("somewhere", "unknown"),
        ] {
            assert_eq!(network(address), expected);
        }
    }
}
