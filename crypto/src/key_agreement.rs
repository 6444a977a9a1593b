//! ECDH-ES (RFC 7518 §4.6): a key agreed upon with a key pair made for one token.

use aws_lc_rs::agreement::{self, ECDH_P256, ECDH_P384, ECDH_P521, UnparsedPublicKey};
use aws_lc_rs::kdf::{SskdfDigestAlgorithmId, get_sskdf_digest_algorithm, sskdf_digest};

use crate::algorithm::Curve;
use crate::encoding::decode_base64url;
use crate::jwe::JweError;
use crate::jwk::{Jwk, Naming, public_jwk};
use crate::jws::Json;
use crate::private_key::PrivateKey;
use crate::public_key::PublicKey;

/// Longest `apu` or `apv`, in characters.
const PARTY_MAX: usize = 512;

/// What is being derived.
pub(crate) struct Agreement<'a> {
    /// `AlgorithmID`.
    pub(crate) name: &'a str,
    /// Length of the key.
    pub(crate) bytes: usize,
    /// `apu`, base64url, empty if absent.
    pub(crate) apu: &'a str,
    /// `apv`, likewise.
    pub(crate) apv: &'a str,
}

const fn algorithm(curve: Curve) -> &'static agreement::Algorithm {
    match curve {
        Curve::P256 => &ECDH_P256,
        Curve::P384 => &ECDH_P384,
        Curve::P521 => &ECDH_P521,
    }
}

/// The sender's side: the agreed key, and `epk` for the header.
pub(crate) fn send(
    curve: Curve,
    point: &[u8],
    agreement: &Agreement<'_>,
) -> Result<(Vec<u8>, Json), JweError> {
    let ephemeral =
        agreement::PrivateKey::generate(algorithm(curve)).map_err(|_| JweError::Library)?;
    let public = ephemeral
        .compute_public_key()
        .map_err(|_| JweError::Library)?;
    let half = curve.field_bytes();
    let coordinates = public
        .as_ref()
        .get(1..1 + half)
        .zip(public.as_ref().get(1 + half..));
    let (x, y) = coordinates.ok_or(JweError::Library)?;
    let public = PublicKey::ec(curve, x, y).map_err(|_| JweError::Library)?;
    let agreed = agree(&ephemeral, curve, point, agreement)?;
    Ok((agreed, public_jwk(&public, &Naming::default(), None)))
}

/// The recipient's side. A point that is not on the curve is refused by the library (the invalid
/// curve attack, RFC 8725 §2.5).
pub(crate) fn receive(
    curve: Curve,
    key: &PrivateKey,
    ephemeral: &Json,
    agreement: &Agreement<'_>,
) -> Result<Vec<u8>, JweError> {
    let ephemeral = Jwk::from_json(ephemeral).map_err(|_| JweError::Header)?;
    let PublicKey::Ec {
        curve: theirs,
        point,
    } = ephemeral.key
    else {
        return Err(JweError::Header);
    };
    if theirs != curve {
        return Err(JweError::Header);
    }
    let pkcs8 = key.to_pkcs8().map_err(|_| JweError::Key)?;
    let own = agreement::PrivateKey::from_private_key_der(algorithm(curve), &pkcs8)
        .map_err(|_| JweError::Key)?;
    agree(&own, curve, &point, agreement)
}

fn agree(
    own: &agreement::PrivateKey,
    curve: Curve,
    point: &[u8],
    agreement: &Agreement<'_>,
) -> Result<Vec<u8>, JweError> {
    let info = other_info(agreement)?;
    let mut key = vec![0; agreement.bytes];
    let digest =
        get_sskdf_digest_algorithm(SskdfDigestAlgorithmId::Sha256).ok_or(JweError::Library)?;
    let theirs = UnparsedPublicKey::new(algorithm(curve), point);
    agreement::agree(own, theirs, JweError::Decrypt, |secret| {
        sskdf_digest(digest, secret, &info, &mut key).map_err(|_| JweError::Library)
    })?;
    Ok(key)
}

/// `OtherInfo` of the Concat KDF.
fn other_info(agreement: &Agreement<'_>) -> Result<Vec<u8>, JweError> {
    let mut info = Vec::new();
    let party = |text: &str| {
        if text.len() > PARTY_MAX {
            return Err(JweError::Header);
        }
        decode_base64url(text).map_err(|_| JweError::Header)
    };
    for field in [
        agreement.name.as_bytes().to_vec(),
        party(agreement.apu)?,
        party(agreement.apv)?,
    ] {
        let length = u32::try_from(field.len()).map_err(|_| JweError::Header)?;
        info.extend(length.to_be_bytes());
        info.extend(field);
    }
    let bits = u32::try_from(agreement.bytes * 8).map_err(|_| JweError::Header)?;
    info.extend(bits.to_be_bytes());
    Ok(info)
}
