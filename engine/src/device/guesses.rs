//! Guessing at the short codes of devices (RFC 8628 §5.1): wrong ones are counted for the address that they
//! come from and for the realm, and whoever typed too many has to wait.
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
/// How many may come to a realm within [`REALM_WINDOW`], whoever sends them. With a thousand devices
/// waiting at all times, one in four years would be right.
const REALM_MAX: u32 = 100;
/// How long wrong codes of a realm are counted together: short, as it locks out everybody.
const REALM_WINDOW: Seconds = Seconds(60);
/// How often counting is tried anew because others count at the same moment.
const ATTEMPTS_MAX: usize = 50;

/// One count: its key, how much it may be, and for how long it is one.
type Limit = (String, u32, Seconds);

/// The right to look one code up.
#[derive(Debug)]
pub struct Guess {
    limits: [Limit; 2],
}

/// Counts a code that was typed. None if too many were wrong.
///
/// # Errors
///
/// The store's.
pub async fn count(app: &App, realm: &Realm, address: &str) -> Result<Option<Guess>, StoreError> {
    let limits = [
        (
            format!("device-guess:{}", network(address)),
            ADDRESS_MAX,
            ADDRESS_WINDOW,
        ),
        ("device-guess".to_owned(), REALM_MAX, REALM_WINDOW),
    ];
    for _ in 0..ATTEMPTS_MAX {
        let mut tx = Tx::new();
        for (key, most, window) in &limits {
            let now = app.now();
            let (count, end) = standing(app, realm, key, &mut tx).await?;
            if count >= *most {
                return Ok(None);
            }
            let end = end.unwrap_or(now + *window);
            tx.use_once(&realm.id, key, &(count + 1).to_string(), end);
        }
        if app.commit(tx).await? == Commit::Done {
            return Ok(Some(Guess { limits }));
        }
    }
    // A crowd of guessers: who cannot be counted is not told either.
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
            for (key, _, _) in &self.limits {
                let (count, end) = standing(app, realm, key, &mut tx).await?;
                if let (Some(end), true) = (end, count > 1) {
                    tx.use_once(&realm.id, key, &(count - 1).to_string(), end);
                }
            }
            if app.commit(tx).await? == Commit::Done {
                break;
            }
        }
        Ok(())
    }
}

/// What a count is, and until when, with the old one taken away in the job.
async fn standing(
    app: &App,
    realm: &Realm,
    key: &str,
    tx: &mut Tx,
) -> Result<(u32, Option<Millis>), StoreError> {
    let Some(kept) = app.store.single_use(&realm.id, key).await? else {
        return Ok((0, None));
    };
    tx.take_value(&realm.id, key, &kept.value);
    if kept.expires_at <= app.now() {
        return Ok((0, None));
    }
    Ok((
        kept.value.parse().unwrap_or(u32::MAX),
        Some(kept.expires_at),
    ))
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
