//! Key provider components (`org.keycloak.keys.KeyProvider`): checking their settings, making the
//! keys they lack, with Keycloak's own texts for what it refuses.

use std::collections::BTreeMap;

use claviger_model::Millis;

use crate::algorithm::Curve;
use crate::certificate::Certificate;
use crate::encoding::{base64, base64url, decode_tolerant};
use crate::key::KeyError;
use crate::private_key::PrivateKey;
use crate::public_key::PublicKey;
use crate::random::Random;

mod fallback;

pub use fallback::{Fallback, fallback_provider};

/// A component's settings: each name with its values, as in ComponentRepresentation.
pub type Config = BTreeMap<String, Vec<String>>;

/// The kinds of key provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// `rsa`: an imported signature key.
    Rsa,
    /// `rsa-enc`: an imported encryption key.
    RsaEnc,
    /// `rsa-generated`.
    RsaGenerated,
    /// `rsa-enc-generated`.
    RsaEncGenerated,
    /// `hmac-generated`.
    HmacGenerated,
    /// `aes-generated`.
    AesGenerated,
    /// `ecdsa-generated`.
    EcdsaGenerated,
    /// `ecdh-generated`.
    EcdhGenerated,
    /// `eddsa-generated`.
    EddsaGenerated,
    /// `java-keystore`: known, and refused.
    JavaKeystore,
}

impl Provider {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Rsa,
        Self::RsaEnc,
        Self::RsaGenerated,
        Self::RsaEncGenerated,
        Self::HmacGenerated,
        Self::AesGenerated,
        Self::EcdsaGenerated,
        Self::EcdhGenerated,
        Self::EddsaGenerated,
        Self::JavaKeystore,
    ];

    /// `providerId` of the component.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Rsa => "rsa",
            Self::RsaEnc => "rsa-enc",
            Self::RsaGenerated => "rsa-generated",
            Self::RsaEncGenerated => "rsa-enc-generated",
            Self::HmacGenerated => "hmac-generated",
            Self::AesGenerated => "aes-generated",
            Self::EcdsaGenerated => "ecdsa-generated",
            Self::EcdhGenerated => "ecdh-generated",
            Self::EddsaGenerated => "eddsa-generated",
            Self::JavaKeystore => "java-keystore",
        }
    }

    /// The provider of that `providerId`.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider| provider.id() == id)
    }
}

/// Why a component is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigProblem {
    /// Keycloak answers 400 `{"error": <this text>}`.
    #[error("Invalid provider type or no such provider")]
    NoSuchProvider,
    /// Keycloak answers 400 `{"errorMessage": <this text>}`.
    #[error("{0}")]
    Invalid(String),
}

impl ConfigProblem {
    fn invalid(text: &str) -> Self {
        Self::Invalid(text.to_owned())
    }
}

/// The first value of a setting.
pub(crate) fn first<'a>(config: &'a Config, name: &str) -> Option<&'a str> {
    config
        .get(name)
        .and_then(|values| values.first())
        .map(String::as_str)
}

fn put(config: &mut Config, name: &str, value: impl Into<String>) {
    config.insert(name.to_owned(), vec![value.into()]);
}

/// Names of the settings that hold an elliptic curve provider's keys.
pub(crate) struct CurveSettings {
    pub(crate) private: &'static str,
    pub(crate) public: &'static str,
    pub(crate) curve: &'static str,
}

pub(crate) const ECDSA: CurveSettings = CurveSettings {
    private: "ecdsaPrivateKey",
    public: "ecdsaPublicKey",
    curve: "ecdsaEllipticCurveKey",
};
pub(crate) const ECDH: CurveSettings = CurveSettings {
    private: "ecdhPrivateKey",
    public: "ecdhPublicKey",
    curve: "ecdhEllipticCurveKey",
};
pub(crate) const EDDSA: CurveSettings = CurveSettings {
    private: "eddsaPrivateKey",
    public: "eddsaPublicKey",
    curve: "eddsaEllipticCurveKey",
};

/// Checks a component's settings and adds the keys and certificates that are missing, or that no
/// longer fit the settings (another size, another curve). RSA takes up to a second: hand the call
/// to a blocking thread.
pub fn complete(
    provider_id: &str,
    mut config: Config,
    realm_name: &str,
    random: &Random,
    now: Millis,
) -> Result<Config, ConfigProblem> {
    let provider = Provider::from_id(provider_id).ok_or(ConfigProblem::NoSuchProvider)?;
    check_common(&config)?;
    match provider {
        Provider::RsaGenerated | Provider::RsaEncGenerated => {
            complete_generated_rsa(&mut config, realm_name, now)?;
        }
        Provider::Rsa | Provider::RsaEnc => complete_imported_rsa(&mut config, realm_name, now)?,
        Provider::HmacGenerated => complete_secret(&mut config, 128, random)?,
        Provider::AesGenerated => complete_secret(&mut config, 32, random)?,
        Provider::EcdsaGenerated => complete_ec(&mut config, &ECDSA, realm_name, now)?,
        Provider::EcdhGenerated => {
            let algorithms = [
                "ECDH-ES",
                "ECDH-ES+A128KW",
                "ECDH-ES+A192KW",
                "ECDH-ES+A256KW",
            ];
            one_of(&config, "ecdhAlgorithm", "Algorithm", &algorithms)?;
            complete_ec(&mut config, &ECDH, realm_name, now)?;
        }
        Provider::EddsaGenerated => complete_eddsa(&mut config)?,
        Provider::JavaKeystore => return Err(refused_key_store(&config)),
    }
    Ok(config)
}

/// Why a key store is refused: what Keycloak would say of its settings, or else that it cannot be
/// read.
fn refused_key_store(config: &Config) -> ConfigProblem {
    let settings = [
        ("keystore", "Keystore", true),
        ("keystorePassword", "Keystore Password", true),
        ("keystoreType", "Keystore Type", false),
        ("keyAlias", "Key Alias", true),
        ("keyPassword", "Key Password", true),
    ];
    for (name, label, required) in settings {
        if let Err(problem) = single(config, name, label) {
            return problem;
        }
        if required && first(config, name).is_none() {
            return ConfigProblem::Invalid(format!("'{label}' is required"));
        }
    }
    ConfigProblem::invalid(
        "Java keystores cannot be read: import the key and its certificate as provider 'rsa'",
    )
}

fn check_common(config: &Config) -> Result<(), ConfigProblem> {
    single(config, "priority", "Priority")?;
    if first(config, "priority").is_some_and(|text| text.parse::<i64>().is_err()) {
        return Err(ConfigProblem::invalid("'Priority' should be a number"));
    }
    boolean(config, "enabled", "Enabled")?;
    boolean(config, "active", "Active")
}

fn single(config: &Config, name: &str, label: &str) -> Result<(), ConfigProblem> {
    if config.get(name).is_some_and(|values| values.len() > 1) {
        return Err(ConfigProblem::Invalid(format!(
            "'{label}' should be a single entry"
        )));
    }
    Ok(())
}

fn boolean(config: &Config, name: &str, label: &str) -> Result<(), ConfigProblem> {
    single(config, name, label)?;
    if first(config, name).is_some_and(|text| text != "true" && text != "false") {
        return Err(ConfigProblem::Invalid(format!(
            "'{label}' should be 'true' or 'false'"
        )));
    }
    Ok(())
}

fn one_of(config: &Config, name: &str, label: &str, options: &[&str]) -> Result<(), ConfigProblem> {
    single(config, name, label)?;
    if first(config, name).is_none_or(|value| options.contains(&value)) {
        return Ok(());
    }
    let listed = match options.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    };
    Err(ConfigProblem::Invalid(format!(
        "'{label}' should be {listed}"
    )))
}

fn complete_generated_rsa(
    config: &mut Config,
    realm_name: &str,
    now: Millis,
) -> Result<(), ConfigProblem> {
    one_of(
        config,
        "keySize",
        "Key size",
        &["1024", "2048", "3072", "4096"],
    )?;
    let size = first(config, "keySize")
        .and_then(|text| text.parse().ok())
        .unwrap_or(2048);
    if let (Some(private), Some(certificate)) =
        (first(config, "privateKey"), first(config, "certificate"))
    {
        let undecodable = || ConfigProblem::invalid("Failed to decode private key");
        let present = match PrivateKey::from_text(private) {
            Ok(key) => {
                let public = key.public_key().map_err(|_| undecodable())?;
                certified(&public, certificate)?;
                public.rsa_bits()
            }
            Err(KeyError::RsaSize(bits)) => Some(bits),
            Err(_) => return Err(undecodable()),
        };
        if present == Some(size) {
            return Ok(());
        }
    }
    let key = PrivateKey::generate_rsa(size)
        .map_err(|_| ConfigProblem::invalid("Failed to generate keys"))?;
    let pkcs1 = key
        .to_pkcs1()
        .map_err(|_| ConfigProblem::invalid("Failed to generate keys"))?;
    let certificate = Certificate::self_signed(&key, realm_name, now)
        .map_err(|_| ConfigProblem::invalid("Failed to generate certificate"))?;
    put(config, "privateKey", base64(&pkcs1));
    put(config, "certificate", certificate.to_base64());
    Ok(())
}

fn complete_imported_rsa(
    config: &mut Config,
    realm_name: &str,
    now: Millis,
) -> Result<(), ConfigProblem> {
    single(config, "privateKey", "Private RSA Key")?;
    let undecodable = || ConfigProblem::invalid("Failed to decode private key");
    let text = first(config, "privateKey")
        .ok_or_else(|| ConfigProblem::invalid("'Private RSA Key' is required"))?;
    single(config, "certificate", "X509 Certificate")?;
    let key = PrivateKey::from_text(text).map_err(|_| undecodable())?;
    let public = key.public_key().map_err(|_| undecodable())?;
    if !matches!(public, PublicKey::Rsa { .. }) {
        return Err(undecodable());
    }
    let Some(text) = first(config, "certificate") else {
        let certificate = Certificate::self_signed(&key, realm_name, now)
            .map_err(|_| ConfigProblem::invalid("Failed to generate self-signed certificate"))?;
        put(config, "certificate", certificate.to_base64());
        return Ok(());
    };
    if !certified(&public, text)?.is_valid_at(now) {
        return Err(ConfigProblem::invalid("Certificate is not valid"));
    }
    Ok(())
}

/// The certificate in `text`, which must be one for `key`.
fn certified(key: &PublicKey, text: &str) -> Result<Certificate, ConfigProblem> {
    let certificate = Certificate::from_text(text)
        .map_err(|_| ConfigProblem::invalid("Failed to decode certificate"))?;
    if certificate.public_key().as_ref() != Ok(key) {
        return Err(ConfigProblem::invalid(
            "Certificate does not match private key",
        ));
    }
    Ok(certificate)
}

fn complete_secret(
    config: &mut Config,
    default_size: usize,
    random: &Random,
) -> Result<(), ConfigProblem> {
    let sizes = ["16", "24", "32", "64", "128", "256", "512"];
    one_of(config, "secretSize", "Secret size", &sizes)?;
    let asked = first(config, "secretSize").and_then(|text| text.parse::<usize>().ok());
    let present = match first(config, "secret") {
        Some(text) => Some(
            decode_tolerant(text)
                .map_err(|_| ConfigProblem::invalid("Failed to decode secret"))?
                .len(),
        ),
        None => None,
    };
    match (present, asked) {
        (Some(present), asked) if present > 0 && asked.is_none_or(|size| size == present) => {
            if asked.is_none() && present != default_size {
                put(config, "secretSize", present.to_string());
            }
            // Whoever brings a secret may not have thought of its name.
            if first(config, "kid").is_none() {
                put(config, "kid", random.uuid());
            }
            return Ok(());
        }
        (Some(_) | None, _) => {}
    }
    put(
        config,
        "secret",
        base64url(&random.byte_vec(asked.unwrap_or(default_size))),
    );
    put(config, "kid", random.uuid());
    Ok(())
}

fn complete_ec(
    config: &mut Config,
    names: &CurveSettings,
    realm_name: &str,
    now: Millis,
) -> Result<(), ConfigProblem> {
    let failed = |_: KeyError| ConfigProblem::invalid("Failed to generate EC keys");
    boolean(config, "ecGenerateCertificate", "Generate Certificate")?;
    one_of(
        config,
        names.curve,
        "Elliptic Curve",
        &["P-256", "P-384", "P-521"],
    )?;
    let curve = first(config, names.curve)
        .and_then(Curve::from_name)
        .unwrap_or(Curve::P256);
    let mut fresh = true;
    if let (Some(private), Some(text)) = (first(config, names.private), first(config, names.public))
    {
        let public = PublicKey::from_text(text);
        let Ok(PublicKey::Ec { curve: present, .. }) = public else {
            return Err(ConfigProblem::invalid(
                "Failed to get EC from its public key",
            ));
        };
        belongs(private, &public)?;
        fresh = present != curve;
    }
    if fresh {
        let key = PrivateKey::generate_ec(curve).map_err(failed)?;
        put_pair(config, names, &key).map_err(failed)?;
        put(config, names.curve, curve.name());
        config.remove("certificate");
    }
    if first(config, "ecGenerateCertificate") == Some("true")
        && first(config, "certificate").is_none()
        && let Some(text) = first(config, names.private)
    {
        let key = PrivateKey::from_text(text).map_err(failed)?;
        let certificate = Certificate::self_signed(&key, realm_name, now)
            .map_err(|_| ConfigProblem::invalid("Failed to generate certificate"))?;
        put(config, "certificate", certificate.to_base64());
    }
    Ok(())
}

fn complete_eddsa(config: &mut Config) -> Result<(), ConfigProblem> {
    let failed = |_: KeyError| ConfigProblem::invalid("Failed to generate EdDSA keys");
    one_of(config, EDDSA.curve, "Elliptic Curve", &["Ed25519", "Ed448"])?;
    if first(config, EDDSA.curve) == Some("Ed448") {
        return Err(ConfigProblem::invalid(
            "'Elliptic Curve' Ed448 is not supported: choose Ed25519",
        ));
    }
    if let (Some(private), Some(text)) = (first(config, EDDSA.private), first(config, EDDSA.public))
    {
        let public = PublicKey::from_text(text);
        match public {
            Ok(PublicKey::Ed25519(_)) => return belongs(private, &public),
            // The curve was changed from Ed448: new keys, as Keycloak makes.
            Err(KeyError::Unsupported("Ed448")) => {}
            Ok(_) | Err(_) => {
                return Err(ConfigProblem::invalid(
                    "Failed to get Twisted Edwards Curve from its public key",
                ));
            }
        }
    }
    let key = PrivateKey::generate_ed25519().map_err(failed)?;
    put_pair(config, &EDDSA, &key).map_err(failed)?;
    put(config, EDDSA.curve, "Ed25519");
    Ok(())
}

/// Keycloak keeps two halves of different keys, and then has a provider without keys.
fn belongs(private: &str, public: &Result<PublicKey, KeyError>) -> Result<(), ConfigProblem> {
    let own = PrivateKey::from_text(private).and_then(|key| key.public_key());
    if own.is_ok() && own == *public {
        return Ok(());
    }
    Err(ConfigProblem::invalid(
        "The private key does not belong to the public key",
    ))
}

fn put_pair(config: &mut Config, names: &CurveSettings, key: &PrivateKey) -> Result<(), KeyError> {
    put(config, names.private, base64(&key.to_pkcs8()?));
    put(config, names.public, base64(&key.public_key()?.spki()));
    Ok(())
}

#[cfg(test)]
mod tests;
