//! Looking for users, with Keycloak's rules.

use claviger_model::{Millis, RealmId};

use crate::built::Built;
use crate::escape_like;
use crate::user::user_columns;
use crate::value::Value;

/// Words of a search that are heeded; more than that only burden the database.
const MAX_WORDS: usize = 16;

/// Which users are asked for. What is not named is not filtered.
#[derive(Clone, Debug, Default)]
pub struct UserQuery {
    /// Words, each of which must begin the name, the mail address, the first or the last name. `*`
    /// stands for anything; `"word"` must be the whole.
    pub search: Option<String>,
    /// Part of the name.
    pub username: Option<String>,
    /// Part of the mail address.
    pub email: Option<String>,
    /// Part of the first name.
    pub first_name: Option<String>,
    /// Part of the last name.
    pub last_name: Option<String>,
    /// `true`: the four above must be the whole. `false`: a part is enough, of attributes as well.
    /// Not said: a part is enough of the four above, attributes must be the whole.
    pub exact: Option<bool>,
    /// Only enabled, or only disabled, users.
    pub enabled: Option<bool>,
    /// Only those whose mail address was proven, or was not.
    pub email_verified: Option<bool>,
    /// Only these ids.
    pub ids: Option<Vec<String>>,
    /// Name and value of attributes that a user must have, in capitals or not.
    pub attributes: Vec<(String, String)>,
    /// Only users linked to this identity provider.
    pub idp_alias: Option<String>,
    /// Only users linked to this id at an identity provider.
    pub idp_user_id: Option<String>,
    /// Only users made at this time or later.
    pub created_after: Option<Millis>,
    /// Only users made at this time or earlier.
    pub created_before: Option<Millis>,
    /// Whether users that are clients count.
    pub include_service_accounts: bool,
    /// How many to leave out at the beginning.
    pub first: i64,
    /// How many at most; negative: all, up to [`crate::MAX_PAGE`].
    pub max: i64,
}

impl UserQuery {
    /// Everybody, service accounts left out.
    pub fn everybody() -> Self {
        Self {
            max: -1,
            ..Self::default()
        }
    }

    /// One page, by name.
    pub(crate) fn page(&self, realm: &RealmId) -> Built {
        let mut built = Built::new(concat!("SELECT ", user_columns!(), " FROM user_entity u"));
        self.filters(realm, &mut built);
        built.page(" ORDER BY u.username, u.id", self.first, self.max);
        built
    }

    /// The number on all pages.
    pub(crate) fn count(&self, realm: &RealmId) -> Built {
        let mut built = Built::new("SELECT COUNT(*) AS n FROM user_entity u");
        self.filters(realm, &mut built);
        built
    }

    fn filters(&self, realm: &RealmId, built: &mut Built) {
        built.filter(" WHERE u.realm_id = ?", [realm.into()]);
        if let Some(ids) = &self.ids {
            built.one_of(" AND u.id IN (", ids.iter().map(Value::from));
        }
        if let Some(search) = &self.search {
            // An empty search is one empty word, which everybody's name begins with.
            let mut words = search.split_whitespace().peekable();
            if words.peek().is_none() {
                word("", built);
            }
            for text in words.take(MAX_WORDS) {
                word(text, built);
            }
        }
        self.names(built);
        if let Some(enabled) = self.enabled {
            built.filter(" AND u.enabled = ?", [enabled.into()]);
        }
        if let Some(verified) = self.email_verified {
            built.filter(" AND u.email_verified = ?", [verified.into()]);
        }
        if let Some(time) = self.created_after {
            built.filter(" AND u.created_at >= ?", [time.into()]);
        }
        if let Some(time) = self.created_before {
            built.filter(" AND u.created_at <= ?", [time.into()]);
        }
        if !self.include_service_accounts {
            built.filter(" AND u.service_account_of IS NULL", []);
        }
        for (name, value) in &self.attributes {
            self.attribute(name, &value.to_lowercase(), built);
        }
        self.identity(realm, built);
    }

    fn names(&self, built: &mut Built) {
        let exact = self.exact == Some(true);
        let fields = [
            (
                &self.username,
                " AND u.username = ?",
                " AND u.username LIKE ? ESCAPE '!'",
            ),
            (
                &self.email,
                " AND u.email_lower = ?",
                " AND u.email_lower LIKE ? ESCAPE '!'",
            ),
            (
                &self.first_name,
                " AND u.first_name_lower = ?",
                " AND u.first_name_lower LIKE ? ESCAPE '!'",
            ),
            (
                &self.last_name,
                " AND u.last_name_lower = ?",
                " AND u.last_name_lower LIKE ? ESCAPE '!'",
            ),
        ];
        for (value, whole, part) in fields {
            if let Some(value) = value {
                if exact {
                    built.filter(whole, [value.to_lowercase().into()]);
                } else {
                    built.like(part, &crate::contains(value));
                }
            }
        }
    }

    fn attribute(&self, name: &str, lower: &str, built: &mut Built) {
        let found = " AND EXISTS (SELECT 1 FROM user_attribute a WHERE a.realm_id = u.realm_id \
                     AND a.user_id = u.id AND a.name = ?";
        built.filter(found, [name.into()]);
        if self.exact == Some(false) {
            built.like(
                " AND a.value_lower LIKE ? ESCAPE '!')",
                &crate::contains(lower),
            );
        } else {
            built.filter(
                " AND a.value_hash = ? AND a.value_lower = ?)",
                [fingerprint(lower).into(), lower.into()],
            );
        }
    }

    fn identity(&self, realm: &RealmId, built: &mut Built) {
        if self.idp_alias.is_none() && self.idp_user_id.is_none() {
            return;
        }
        built.filter(
            " AND u.id IN (SELECT f.user_id FROM federated_identity f WHERE f.realm_id = ?",
            [realm.into()],
        );
        if let Some(alias) = &self.idp_alias {
            built.filter(" AND f.provider = ?", [alias.into()]);
        }
        if let Some(id) = &self.idp_user_id {
            built.filter(" AND f.provider_user_id = ?", [id.into()]);
        }
        built.filter(")", []);
    }
}

/// One word of a search.
fn word(text: &str, built: &mut Built) {
    let lower = text.to_lowercase();
    let quoted = lower
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    if let Some(whole) = quoted {
        built.filter(
            " AND (u.username = ? OR u.email_lower = ? OR u.first_name_lower = ? \
             OR u.last_name_lower = ?)",
            std::iter::repeat_n(Value::from(whole), 4),
        );
    } else {
        built.like(
            " AND (u.username LIKE ? ESCAPE '!' OR u.email_lower LIKE ? ESCAPE '!' \
             OR u.first_name_lower LIKE ? ESCAPE '!' OR u.last_name_lower LIKE ? ESCAPE '!')",
            &prefix(&lower),
        );
    }
}

/// The pattern of a word: what begins with it, `*` for anything within.
fn prefix(lower: &str) -> String {
    let mut pattern = escape_like(lower).replace('*', "%");
    if !pattern.ends_with('%') || lower.ends_with('%') {
        pattern.push('%');
    }
    pattern
}

/// 64 bits of FNV-1a: finds a text of any length by an index of numbers. Not secret, not unique: the
/// text itself is compared as well.
pub(crate) fn fingerprint(text: &str) -> i64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    hash.cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_a_prefix() {
        let cases = [
            ("", "%"),
            ("al", "al%"),
            ("*al", "%al%"),
            ("a*l*", "a%l%"),
            ("100%", "100!%%"),
            ("a_b!", "a!_b!!%"),
        ];
        for (word, pattern) in cases {
            assert_eq!(prefix(word), pattern);
        }
    }

    #[test]
    fn the_fingerprint_is_fnv_1a() {
        // Published vectors of the 64-bit FNV-1a.
        assert_eq!(fingerprint("").cast_unsigned(), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint("a").cast_unsigned(), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fingerprint("foobar").cast_unsigned(), 0x8594_4171_f739_67e8);
    }
}
