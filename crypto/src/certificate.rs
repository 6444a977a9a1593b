//! X.509 certificates (RFC 5280): reading what is needed, and making self-signed ones.

use claviger_model::{Millis, Seconds};
use rcgen::{CertificateParams, DistinguishedName, DnType, PublicKeyData, SerialNumber};
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::algorithm::Algorithm;
use crate::der;
use crate::digest::{sha1, sha256};
use crate::encoding::{base64, base64url, decode_tolerant};
use crate::key::{KeyError, SigningKey};
use crate::private_key::PrivateKey;
use crate::public_key::PublicKey;

/// Largest certificate taken, in bytes.
const SIZE_MAX: usize = 64 * 1024;
/// The clock of another machine may run behind: certificates begin a little earlier.
const BACKDATED: Seconds = Seconds(100);

/// A certificate, read once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    not_before: Millis,
    not_after: Millis,
    spki: Vec<u8>,
}

impl Certificate {
    /// Reads DER; trailing bytes are refused. The signature is not checked.
    pub fn from_der(bytes: Vec<u8>) -> Result<Self, KeyError> {
        const WHAT: KeyError = KeyError::Malformed("certificate");
        if bytes.len() > SIZE_MAX {
            return Err(WHAT);
        }
        let (rest, parsed) = X509Certificate::from_der(&bytes).map_err(|_| WHAT)?;
        if !rest.is_empty() {
            return Err(WHAT);
        }
        let validity = parsed.validity();
        let not_before = Seconds(validity.not_before.timestamp()).millis();
        let not_after = Seconds(validity.not_after.timestamp()).millis();
        let spki = parsed.public_key().raw.to_vec();
        Ok(Self {
            not_before,
            not_after,
            spki,
            der: bytes,
        })
    }

    /// Reads PEM or bare base64.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let bytes = decode_tolerant(text).map_err(|_| KeyError::Malformed("certificate"))?;
        Self::from_der(bytes)
    }

    /// A certificate `CN=<common_name>` for `key`, signed by itself, valid for ten years from
    /// `now`, as Keycloak makes for each realm.
    pub fn self_signed(key: &PrivateKey, common_name: &str, now: Millis) -> Result<Self, KeyError> {
        let signer = CertificateKey::new(key)?;
        let mut name = DistinguishedName::new();
        name.push(DnType::CommonName, common_name);
        let mut params = CertificateParams::default();
        params.distinguished_name = name;
        params.serial_number = Some(SerialNumber::from(now.0.unsigned_abs()));
        let now = OffsetDateTime::from_unix_timestamp(now.seconds().0)
            .map_err(|_| KeyError::Malformed("time"))?;
        params.not_before = now - time::Duration::seconds(BACKDATED.0);
        let year = now.year() + 10;
        // 29 February plus ten years is 28 February.
        params.not_after = now
            .replace_year(year)
            .or_else(|_| now.replace_day(28)?.replace_year(year))
            .map_err(|_| KeyError::Malformed("time"))?;
        let certificate = params.self_signed(&signer).map_err(|_| KeyError::Library)?;
        Self::from_der(certificate.der().to_vec())
    }

    /// The certificate itself.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Base64 of the DER in one line, as Keycloak keeps it and as `x5c` wants it.
    pub fn to_base64(&self) -> String {
        base64(&self.der)
    }

    /// The key it certifies.
    pub fn public_key(&self) -> Result<PublicKey, KeyError> {
        PublicKey::from_spki(&self.spki)
    }

    /// Not valid before this instant.
    pub const fn not_before(&self) -> Millis {
        self.not_before
    }

    /// Not valid after this instant.
    pub const fn not_after(&self) -> Millis {
        self.not_after
    }

    /// Whether `now` lies within its validity.
    pub fn is_valid_at(&self, now: Millis) -> bool {
        self.not_before <= now && now <= self.not_after
    }

    /// `x5t` (RFC 7517 §4.8): base64url of the SHA-1 of the DER.
    pub fn x5t(&self) -> String {
        base64url(&sha1(&self.der))
    }

    /// `x5t#S256` (RFC 7517 §4.9; RFC 8705 §3.1): base64url of the SHA-256 of the DER.
    pub fn x5t_s256(&self) -> String {
        base64url(&sha256(&self.der))
    }
}

/// Our key in the clothes that the certificate writer asks for.
struct CertificateKey {
    signing: SigningKey,
    public: Vec<u8>,
    algorithm: &'static rcgen::SignatureAlgorithm,
    fixed: bool,
}

impl CertificateKey {
    fn new(key: &PrivateKey) -> Result<Self, KeyError> {
        let (algorithm, jws, fixed) = match key {
            PrivateKey::Rsa(_) => (&rcgen::PKCS_RSA_SHA256, Algorithm::Rs256, false),
            PrivateKey::Ec(curve, _) => {
                let algorithm = match curve {
                    crate::algorithm::Curve::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
                    crate::algorithm::Curve::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
                    crate::algorithm::Curve::P521 => &rcgen::PKCS_ECDSA_P521_SHA512,
                };
                (algorithm, curve.algorithm(), true)
            }
            PrivateKey::Ed25519(_) => (&rcgen::PKCS_ED25519, Algorithm::EdDsa, false),
        };
        let public = match key.public_key()? {
            PublicKey::Rsa { modulus, exponent } => {
                der::sequence(&[&der::integer(&modulus), &der::integer(&exponent)])
            }
            PublicKey::Ec { point, .. } => point,
            PublicKey::Ed25519(bytes) => bytes.to_vec(),
        };
        let signing = SigningKey::new(String::new(), jws, key.clone())?;
        Ok(Self {
            signing,
            public,
            algorithm,
            fixed,
        })
    }
}

impl PublicKeyData for CertificateKey {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        self.algorithm
    }
}

impl rcgen::SigningKey for CertificateKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature = self
            .signing
            .sign(message)
            .map_err(|_| rcgen::Error::RemoteKeyError)?;
        if !self.fixed {
            return Ok(signature);
        }
        // X.509 wants ECDSA-Sig-Value (RFC 3279 §2.2.3), JOSE the two numbers side by side.
        let (r, s) = signature.split_at(signature.len() / 2);
        Ok(der::sequence(&[&der::integer(r), &der::integer(s)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithm::Curve;

    const NOW: Millis = Millis(1_795_404_990_123);

    #[test]
    fn self_signed_for_every_kind_of_key() {
        let keys = [
            PrivateKey::generate_rsa(2048).unwrap(),
            PrivateKey::generate_ec(Curve::P256).unwrap(),
            PrivateKey::generate_ec(Curve::P384).unwrap(),
            PrivateKey::generate_ec(Curve::P521).unwrap(),
            PrivateKey::generate_ed25519().unwrap(),
        ];
        for key in keys {
            let made = Certificate::self_signed(&key, "ma\u{df}stab, O=x", NOW).unwrap();
            let read = Certificate::from_text(&made.to_base64()).unwrap();
            assert_eq!(read, made);
            assert_eq!(read.public_key().unwrap(), key.public_key().unwrap());
            assert_eq!(read.not_before(), Millis(1_795_404_890_000));
            assert_eq!(read.not_after(), Millis(2_111_024_190_000));
            assert!(read.is_valid_at(NOW) && !read.is_valid_at(Millis(2_111_024_190_001)));
            let (_, parsed) = X509Certificate::from_der(read.der()).unwrap();
            assert_eq!(parsed.subject().to_string(), "CN=ma\u{df}stab, O=x");
            assert_eq!(parsed.issuer(), parsed.subject());
            assert_eq!(read.x5t().len(), 27);
            assert_eq!(read.x5t_s256().len(), 43);
        }
    }

    #[test]
    fn ten_years_from_a_leap_day() {
        let key = PrivateKey::generate_ec(Curve::P256).unwrap();
        let leap_day = Millis(1_835_395_200_000); // 2028-02-29T00:00:00Z
        let made = Certificate::self_signed(&key, "x", leap_day).unwrap();
        assert_eq!(made.not_after(), Millis(2_150_928_000_000)); // 2038-02-28T00:00:00Z
    }

    #[test]
    fn rubbish_is_refused() {
        let key = PrivateKey::generate_ec(Curve::P256).unwrap();
        let made = Certificate::self_signed(&key, "x", NOW).unwrap();
        let mut longer = made.der().to_vec();
        longer.push(0);
        assert!(Certificate::from_der(longer).is_err());
        assert!(Certificate::from_der(made.der()[..made.der().len() - 1].to_vec()).is_err());
        assert!(Certificate::from_der(Vec::new()).is_err());
        assert!(Certificate::from_text("not a certificate").is_err());
        assert!(Certificate::from_der(vec![0x30; SIZE_MAX + 1]).is_err());
    }
}
