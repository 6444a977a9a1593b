//! A realm's status lists as everybody may fetch them: bits, compressed and signed (§4, §5 and §6 of the
//! draft).

use std::io::Write as _;
use std::sync::Arc;

use claviger_crypto::Algorithm;
use claviger_crypto::digest;
use claviger_crypto::encoding::base64url;
use claviger_model::{Millis, RealmId, Seconds};
use claviger_store::StoreError;
use claviger_wire::document::Json;
use coset::cbor::value::Value as Cbor;
use coset::{
    CborSerializable, CoseSign1Builder, HeaderBuilder, Label, RegisteredLabelWithPrivate, iana,
};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde_json::json;

use super::{PLACES, uri};
use crate::app::App;
use crate::keys::ring_for;
use crate::realm::Realm;
use crate::token::{MintError, sign};

/// A realm's attribute: how many seconds others may keep a list without asking again.
pub const TTL: &str = "status.list.ttl";
/// The same where the realm says nothing.
const TTL_DEFAULT: Seconds = Seconds(10);
/// How long a signed list is good, whatever the time others keep it: so nobody can show an old one for ever.
const LIFE: Seconds = Seconds(3_600);
/// How long a list that was just read is not read again, in milliseconds: how much later than the
/// logout it may show it.
const FRESH: i64 = 50;
/// How many places that are set are read in one question: as a rule all of a list, for each question looks
/// at all of them.
const PAGE: i64 = 100_000;
/// How many bytes of signed lists are kept.
const KEPT: u64 = 64 << 20;

/// In which form a list is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// `application/statuslist+jwt`: a JSON Web Token.
    Jwt,
    /// `application/statuslist+cwt`: a CBOR Web Token in `COSE_Sign1` (RFC 8392).
    Cwt,
}

impl Form {
    /// The media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jwt => "application/statuslist+jwt",
            Self::Cwt => "application/statuslist+cwt",
        }
    }
}

/// A signed list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The token.
    pub token: Vec<u8>,
    /// Names this very content, in quotes as a header wants it.
    pub etag: String,
    /// How long it may be kept without asking again.
    pub ttl: Seconds,
}

#[derive(Clone)]
struct Entry {
    list: Arc<Published>,
    set: Vec<u8>,
    read_at: Millis,
    made_at: Millis,
    version: i64,
}

/// Lists that were asked for lately, by realm, number, address and form.
#[derive(Clone)]
pub struct StatusLists(moka::sync::Cache<(RealmId, String, Form), Entry>);

impl Default for StatusLists {
    fn default() -> Self {
        let bytes = |_: &(RealmId, String, Form), entry: &Entry| {
            u32::try_from(entry.list.token.len()).unwrap_or(u32::MAX)
        };
        let cache = moka::sync::Cache::builder();
        Self(cache.weigher(bytes).max_capacity(KEPT).build())
    }
}

/// The list of that number, as `issuer` publishes it. None if no place in it, or in a later one, was
/// ever given: except the first, which is always there.
///
/// # Errors
///
/// No key, no signature, or the store's.
pub async fn published(
    app: &App,
    realm: &Realm,
    issuer: &str,
    number: i32,
    form: Form,
) -> Result<Option<Arc<Published>>, MintError> {
    let lists = &app.status_lists.0;
    let address = uri(issuer, number);
    let key = (realm.id.clone(), address.clone(), form);
    let now = app.now();
    let kept = lists.get(&key).filter(|kept| kept.version == realm.version);
    if let Some(kept) = &kept
        && now.0 - kept.read_at.0 < FRESH
    {
        return Ok(Some(Arc::clone(&kept.list)));
    }
    if number != 0 && number > app.store.last_status_list(&realm.id).await? {
        return Ok(None);
    }
    let set = read(app, realm, number).await?;
    let name = digest_of(&set);
    let ttl = ttl(realm);
    let half = Seconds(LIFE.0 / 2);
    let entry = match kept {
        Some(kept) if kept.set == name && now < kept.made_at + half => Entry {
            read_at: now,
            ..kept
        },
        Some(_) | None => {
            let told = Told {
                address: &address,
                bits: compressed(&set).map_err(|error| MintError::Signature(error.to_string()))?,
                now,
                ttl,
            };
            let token = match form {
                Form::Jwt => jwt(app, realm, &told).await?.into_bytes(),
                Form::Cwt => cwt(app, realm, &told).await?,
            };
            let etag = format!("\"{}\"", base64url(&digest::sha256(&token)));
            Entry {
                list: Arc::new(Published { token, etag, ttl }),
                set: name,
                read_at: now,
                made_at: now,
                version: realm.version,
            }
        }
    };
    let list = Arc::clone(&entry.list);
    lists.insert(key, entry);
    Ok(Some(list))
}

fn ttl(realm: &Realm) -> Seconds {
    let configured = realm.settings.integer_attribute(TTL);
    configured
        .filter(|seconds| (1..=LIFE.0 / 2).contains(seconds))
        .map_or(TTL_DEFAULT, Seconds)
}

async fn read(app: &App, realm: &Realm, number: i32) -> Result<Vec<i32>, StoreError> {
    let mut set = Vec::new();
    loop {
        let after = set.last().copied().unwrap_or(-1);
        let page = app
            .store
            .set_status_indices(&realm.id, number, after, PAGE)
            .await?;
        let is_last = i64::try_from(page.len()).is_ok_and(|len| len < PAGE);
        set.extend(page);
        if is_last {
            return Ok(set);
        }
    }
}

fn digest_of(set: &[i32]) -> Vec<u8> {
    let bytes: Vec<u8> = set.iter().flat_map(|index| index.to_le_bytes()).collect();
    digest::sha256(&bytes)
}

/// One bit for each place, the first in the lowest bit of the first byte, compressed as zlib does (§4.1).
fn compressed(set: &[i32]) -> std::io::Result<Vec<u8>> {
    let places = usize::try_from(PLACES).unwrap_or_default();
    zlib(&bits(set, places))
}

fn bits(set: &[i32], places: usize) -> Vec<u8> {
    let mut bytes = vec![0_u8; places.div_ceil(8)];
    for index in set {
        let Ok(index) = usize::try_from(*index) else {
            continue;
        };
        if let Some(byte) = bytes.get_mut(index / 8) {
            *byte |= 1 << (index % 8);
        }
    }
    bytes
}

fn zlib(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// What a list's token says.
struct Told<'a> {
    address: &'a str,
    bits: Vec<u8>,
    now: Millis,
    ttl: Seconds,
}

impl Told<'_> {
    const fn issued_at(&self) -> i64 {
        self.now.seconds().0
    }

    const fn end(&self) -> i64 {
        self.now.seconds().0 + LIFE.0
    }
}

/// §5.1.
async fn jwt(app: &App, realm: &Realm, told: &Told<'_>) -> Result<String, MintError> {
    let mut claims = Json::new();
    claims.insert("sub".into(), json!(told.address));
    claims.insert("iat".into(), json!(told.issued_at()));
    claims.insert("exp".into(), json!(told.end()));
    claims.insert("ttl".into(), json!(told.ttl.0));
    let list = json!({"bits": 1, "lst": base64url(&told.bits)});
    claims.insert("status_list".into(), list);
    let algorithm = &realm.settings.default_signature_algorithm;
    sign::signed(app, realm, algorithm, "statuslist+jwt", &claims).await
}

/// §5.2: claims by the numbers that IANA has for them.
async fn cwt(app: &App, realm: &Realm, told: &Told<'_>) -> Result<Vec<u8>, MintError> {
    let name = &realm.settings.default_signature_algorithm;
    let no_key = || MintError::NoKey(name.clone());
    let algorithm = Algorithm::from_name(name).ok_or_else(no_key)?;
    let cose = cose_algorithm(algorithm).ok_or_else(no_key)?;
    let ring = ring_for(app, realm, &[algorithm]).await?;
    let key = ring.active(algorithm, told.now).ok_or_else(no_key)?;
    let number = |number: i64| Cbor::Integer(number.into());
    let list = Cbor::Map(vec![
        (Cbor::Text("bits".into()), number(1)),
        (Cbor::Text("lst".into()), Cbor::Bytes(told.bits.clone())),
    ]);
    let claims = Cbor::Map(vec![
        (number(2), Cbor::Text(told.address.to_owned())),
        (number(4), number(told.end())),
        (number(6), number(told.issued_at())),
        (number(65_533), list),
        (number(65_534), number(told.ttl.0)),
    ]);
    let failed = |error: coset::CoseError| MintError::Signature(error.to_string());
    let mut header = HeaderBuilder::new()
        .key_id(key.kid().as_bytes().to_vec())
        .build();
    header.alg = Some(RegisteredLabelWithPrivate::Assigned(cose));
    // `typ` (RFC 9596).
    let typ = Cbor::Text(Form::Cwt.media_type().to_owned());
    header.rest.push((Label::Int(16), typ));
    let signed = CoseSign1Builder::new()
        .protected(header)
        .payload(claims.to_vec().map_err(failed)?)
        .try_create_signature(b"", |message| key.sign(message))
        .map_err(|error| MintError::Signature(error.to_string()))?
        .build();
    signed.to_vec().map_err(failed)
}

const fn cose_algorithm(algorithm: Algorithm) -> Option<iana::Algorithm> {
    Some(match algorithm {
        Algorithm::Rs256 => iana::Algorithm::RS256,
        Algorithm::Rs384 => iana::Algorithm::RS384,
        Algorithm::Rs512 => iana::Algorithm::RS512,
        Algorithm::Ps256 => iana::Algorithm::PS256,
        Algorithm::Ps384 => iana::Algorithm::PS384,
        Algorithm::Ps512 => iana::Algorithm::PS512,
        Algorithm::Es256 => iana::Algorithm::ES256,
        Algorithm::Es384 => iana::Algorithm::ES384,
        Algorithm::Es512 => iana::Algorithm::ES512,
        Algorithm::EdDsa => iana::Algorithm::EdDSA,
        Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of §4.1 of the draft: sixteen tokens with one bit each.
    #[test]
    fn bits_are_laid_out_as_in_the_drafts_example() {
        let set = [0, 3, 4, 5, 7, 8, 9, 13, 15];
        let bytes = bits(&set, 16);
        assert_eq!(bytes, [0xb9, 0xa3]);
        assert_eq!(base64url(&zlib(&bytes).unwrap()), "eNrbuRgAAhcBXQ");
    }

    #[test]
    fn what_lies_outside_a_list_changes_nothing_in_it() {
        assert_eq!(bits(&[-1, 16, i32::MAX], 16), [0, 0]);
    }

    /// A million sessions of which three in a hundred have just ended.
    #[test]
    fn a_list_is_small_on_the_wire() {
        assert!(compressed(&[]).unwrap().len() < 200);
        let set: Vec<i32> = (0..PLACES).step_by(33).collect();
        assert!(compressed(&set).unwrap().len() < 131_072);
    }
}
