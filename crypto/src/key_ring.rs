//! The keys of a realm, by the rules of Keycloak's key manager: providers in order of priority,
//! the first active key of an algorithm signs, every enabled key verifies.

use std::cmp::Reverse;
use std::fmt;
use std::sync::Arc;

use claviger_model::Millis;
use serde_json::Value;

use crate::algorithm::{Algorithm, KeyType, KeyUse};
use crate::certificate::Certificate;
use crate::encoding::{base64, decode_tolerant};
use crate::jwk;
use crate::jws::Json;
use crate::key::{KeyError, SigningKey, VerifyingKey};
use crate::key_provider::{Config, CurveSettings, ECDH, ECDSA, EDDSA, Provider, first};
use crate::private_key::PrivateKey;
use crate::public_key::PublicKey;

/// A key provider component, as it lies in the store.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyProviderConfig {
    /// Id of the component.
    pub id: String,
    /// `providerId`: `rsa-generated` and so on.
    pub provider_id: String,
    /// Its settings, keys included.
    pub config: Config,
}

impl fmt::Debug for KeyProviderConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyProviderConfig({}, {})", self.provider_id, self.id)
    }
}

impl KeyProviderConfig {
    /// From a ComponentRepresentation; `None` if it is of another type than
    /// `org.keycloak.keys.KeyProvider`.
    pub fn from_component(component: &Json) -> Option<Self> {
        let text = |name: &str| component.get(name).and_then(Value::as_str);
        if text("providerType") != Some("org.keycloak.keys.KeyProvider") {
            return None;
        }
        Some(Self {
            id: text("id")?.to_owned(),
            provider_id: text("providerId")?.to_owned(),
            config: component
                .get("config")
                .map(config_from_json)
                .unwrap_or_default(),
        })
    }

    fn priority(&self) -> i64 {
        first(&self.config, "priority")
            .and_then(|text| text.parse().ok())
            .unwrap_or(0)
    }

    fn flag(&self, name: &str) -> bool {
        first(&self.config, name).is_none_or(|text| text.eq_ignore_ascii_case("true"))
    }
}

/// A component's `config` member; values that are not text are left out.
pub fn config_from_json(config: &Value) -> Config {
    let Some(config) = config.as_object() else {
        return Config::new();
    };
    config
        .iter()
        .map(|(name, values)| {
            let values = match values {
                Value::Array(values) => values
                    .iter()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect(),
                Value::String(value) => vec![value.clone()],
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
            };
            (name.clone(), values)
        })
        .collect()
}

/// The `config` member for a component.
pub fn config_to_json(config: &Config) -> Value {
    let members = config
        .iter()
        .map(|(name, values)| (name.clone(), Value::from(values.clone())));
    Value::Object(members.collect())
}

/// Whether a key signs, only verifies, or is out of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStatus {
    /// Signs and verifies.
    Active,
    /// Verifies.
    Passive,
    /// Neither.
    Disabled,
}

impl KeyStatus {
    /// `ACTIVE`, `PASSIVE` or `DISABLED`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Passive => "PASSIVE",
            Self::Disabled => "DISABLED",
        }
    }
}

/// One key of a realm.
#[derive(Clone)]
pub struct RealmKey {
    provider: String,
    priority: i64,
    kid: String,
    status: KeyStatus,
    /// An imported key rests from here on, for its certificate has run out.
    rests_after: Option<Millis>,
    key_type: KeyType,
    algorithm: String,
    key_use: KeyUse,
    public: Option<PublicKey>,
    certificate: Option<Certificate>,
    private: Option<PrivateKey>,
    secret: Option<Arc<[u8]>>,
    signing: Option<SigningKey>,
    verifying: Option<VerifyingKey>,
}

impl fmt::Debug for RealmKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "RealmKey({}, {}, {})",
            self.algorithm,
            self.kid,
            self.status.as_str()
        )
    }
}

impl RealmKey {
    /// The key's id.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The algorithm's name: a JWS algorithm, `AES`, `RSA-OAEP`, … or what an administrator wrote.
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// What it is for.
    pub const fn key_use(&self) -> KeyUse {
        self.key_use
    }

    /// Whether it signs at this instant.
    pub fn status(&self, now: Millis) -> KeyStatus {
        match (self.status, self.rests_after) {
            (KeyStatus::Active, Some(end)) if now > end => KeyStatus::Passive,
            (status, _) => status,
        }
    }

    /// The public half of an asymmetric key.
    pub const fn public_key(&self) -> Option<&PublicKey> {
        self.public.as_ref()
    }

    /// Its certificate, if it has one.
    pub const fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// The private half, for decryption and for signatures other than JWS.
    pub const fn private_key(&self) -> Option<&PrivateKey> {
        self.private.as_ref()
    }

    /// The bytes of a secret key.
    pub fn secret(&self) -> Option<&[u8]> {
        self.secret.as_deref()
    }

    /// The key made ready to sign, if it is one that signs JWS.
    pub const fn signing_key(&self) -> Option<&SigningKey> {
        self.signing.as_ref()
    }

    /// The key made ready to verify, likewise.
    pub const fn verifying_key(&self) -> Option<&VerifyingKey> {
        self.verifying.as_ref()
    }
}

/// A realm's keys, in the order in which they are preferred.
#[derive(Clone, Debug, Default)]
pub struct KeyRing(Vec<RealmKey>);

impl KeyRing {
    /// Reads the keys of all providers. One that cannot be read is logged and left out, as
    /// Keycloak does: the others still work.
    pub fn new(providers: &[KeyProviderConfig]) -> Self {
        let mut order: Vec<&KeyProviderConfig> = providers.iter().collect();
        order.sort_by_key(|provider| (Reverse(provider.priority()), &provider.id));
        let mut keys = Vec::with_capacity(order.len());
        for provider in order {
            match load(provider) {
                Ok(key) => keys.push(key),
                Err(error) => tracing::error!(
                    component = provider.id,
                    provider = provider.provider_id,
                    %error,
                    "a key provider cannot be read and is left out"
                ),
            }
        }
        Self(keys)
    }

    /// All keys, disabled ones too.
    pub fn iter(&self) -> impl Iterator<Item = &RealmKey> {
        self.0.iter()
    }

    /// The key that signs by `algorithm` now. `None`: see [`crate::key_provider::fallback_provider`].
    pub fn active(&self, algorithm: Algorithm, now: Millis) -> Option<&SigningKey> {
        self.active_key(KeyUse::Sig, algorithm.name(), now)
            .and_then(RealmKey::signing_key)
    }

    /// The active key of any use and algorithm name: (`Enc`, `AES`) for the cookie key.
    pub fn active_key(&self, key_use: KeyUse, algorithm: &str, now: Millis) -> Option<&RealmKey> {
        self.0.iter().find(|key| {
            key.status(now) == KeyStatus::Active
                && key.key_use == key_use
                && key.algorithm == algorithm
        })
    }

    /// The key that verifies a token which claims `kid` and `algorithm`.
    pub fn verifying(&self, kid: &str, algorithm: Algorithm) -> Option<&VerifyingKey> {
        self.enabled_key(kid, KeyUse::Sig, algorithm.name())
            .and_then(RealmKey::verifying_key)
    }

    /// The enabled key of that id, use and algorithm name.
    pub fn enabled_key(&self, kid: &str, key_use: KeyUse, algorithm: &str) -> Option<&RealmKey> {
        self.0.iter().find(|key| {
            key.status != KeyStatus::Disabled
                && key.kid == kid
                && key.key_use == key_use
                && key.algorithm == algorithm
        })
    }

    /// The JWK Set that everyone may read (RFC 7517 §5): every enabled asymmetric key, encryption
    /// keys too, with Keycloak's members in Keycloak's order. Secrets are never in it.
    pub fn public_jwks(&self) -> Json {
        let keys: Vec<Value> = self
            .0
            .iter()
            .filter(|key| key.status != KeyStatus::Disabled)
            .filter_map(|key| Some((key, key.public.as_ref()?)))
            .map(|(key, public)| {
                let naming = jwk::Naming {
                    kid: Some(&key.kid),
                    algorithm: Some(&key.algorithm),
                    key_use: Some(key.key_use),
                };
                Value::Object(jwk::public_jwk(public, &naming, key.certificate.as_ref()))
            })
            .collect();
        Json::from_iter([("keys".to_owned(), Value::from(keys))])
    }

    /// KeysMetadataRepresentation of `GET /admin/realms/{realm}/keys`.
    pub fn metadata(&self, now: Millis) -> Json {
        let mut active = Json::new();
        let mut keys = Vec::with_capacity(self.0.len());
        for key in &self.0 {
            let status = key.status(now);
            if status == KeyStatus::Active && !active.contains_key(&key.algorithm) {
                active.insert(key.algorithm.clone(), key.kid.clone().into());
            }
            keys.push(Value::Object(metadata_of(key, status)));
        }
        Json::from_iter([
            ("active".to_owned(), Value::Object(active)),
            ("keys".to_owned(), Value::from(keys)),
        ])
    }
}

fn metadata_of(key: &RealmKey, status: KeyStatus) -> Json {
    let mut members = Json::new();
    let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
    put("providerId", key.provider.clone().into());
    put("providerPriority", key.priority.into());
    put("kid", key.kid.clone().into());
    put("status", status.as_str().into());
    put("type", key.key_type.as_str().into());
    put("algorithm", key.algorithm.clone().into());
    if let Some(public) = &key.public {
        put("publicKey", base64(&public.spki()).into());
    }
    if let Some(certificate) = &key.certificate {
        put("certificate", certificate.to_base64().into());
    }
    put("use", key.key_use.admin_name().into());
    if let Some(certificate) = &key.certificate {
        put("validTo", certificate.not_after().0.into());
    }
    members
}

fn load(provider: &KeyProviderConfig) -> Result<RealmKey, KeyError> {
    let kind = Provider::from_id(&provider.provider_id)
        .ok_or(KeyError::Unsupported("this key provider"))?;
    match kind {
        Provider::Rsa | Provider::RsaGenerated => {
            let key_use = match first(&provider.config, "keyUse") {
                Some(text) => KeyUse::from_name(text).ok_or(KeyError::Malformed("keyUse"))?,
                None => KeyUse::Sig,
            };
            load_rsa(provider, key_use, kind == Provider::Rsa)
        }
        Provider::RsaEnc | Provider::RsaEncGenerated => load_rsa(provider, KeyUse::Enc, true),
        Provider::HmacGenerated => load_secret(provider, KeyUse::Sig, "HS256"),
        Provider::AesGenerated => load_secret(provider, KeyUse::Enc, "AES"),
        Provider::EcdsaGenerated => load_pair(provider, &ECDSA, KeyUse::Sig),
        Provider::EcdhGenerated => load_pair(provider, &ECDH, KeyUse::Enc),
        Provider::EddsaGenerated => load_pair(provider, &EDDSA, KeyUse::Sig),
        Provider::JavaKeystore => Err(KeyError::Unsupported("a Java keystore")),
    }
}

fn load_rsa(
    provider: &KeyProviderConfig,
    key_use: KeyUse,
    rests_with_certificate: bool,
) -> Result<RealmKey, KeyError> {
    let config = &provider.config;
    let text = first(config, "privateKey").ok_or(KeyError::Malformed("private key"))?;
    let private = PrivateKey::from_text(text)?;
    if private.key_type() != KeyType::Rsa {
        return Err(KeyError::Malformed("RSA private key"));
    }
    let default = match key_use {
        KeyUse::Sig => "RS256",
        KeyUse::Enc => "RSA-OAEP",
    };
    let algorithm = first(config, "algorithm").unwrap_or(default);
    let mut key = asymmetric(provider, private, key_use, algorithm)?;
    if let Some(kid) = first(config, "kid") {
        kid.clone_into(&mut key.kid);
    }
    if let Some(text) = first(config, "certificate") {
        let certificate = Certificate::from_text(text)?;
        key.rests_after = rests_with_certificate.then(|| certificate.not_after());
        key.certificate = Some(certificate);
    }
    finish(key)
}

fn load_pair(
    provider: &KeyProviderConfig,
    names: &CurveSettings,
    key_use: KeyUse,
) -> Result<RealmKey, KeyError> {
    let text = first(&provider.config, names.private).ok_or(KeyError::Malformed("private key"))?;
    let private = PrivateKey::from_text(text)?;
    let algorithm = match (&private, key_use) {
        (PrivateKey::Ec(curve, _), KeyUse::Sig) => curve.algorithm().name(),
        // Keycloak calls an ECDH key without a setting RS256, and then cannot use it.
        (PrivateKey::Ec(..), KeyUse::Enc) => {
            first(&provider.config, "ecdhAlgorithm").unwrap_or("ECDH-ES")
        }
        (PrivateKey::Ed25519(_), KeyUse::Sig) => "EdDSA",
        (PrivateKey::Ed25519(_) | PrivateKey::Rsa(_), _) => {
            return Err(KeyError::Malformed("private key"));
        }
    };
    let mut key = asymmetric(provider, private, key_use, algorithm)?;
    if let Some(text) = first(&provider.config, "certificate") {
        key.certificate = Some(Certificate::from_text(text)?);
    }
    finish(key)
}

fn asymmetric(
    provider: &KeyProviderConfig,
    private: PrivateKey,
    key_use: KeyUse,
    algorithm: &str,
) -> Result<RealmKey, KeyError> {
    let public = private.public_key()?;
    Ok(RealmKey {
        kid: public.kid(),
        key_type: private.key_type(),
        public: Some(public),
        private: Some(private),
        ..blank(provider, key_use, algorithm)
    })
}

fn load_secret(
    provider: &KeyProviderConfig,
    key_use: KeyUse,
    default: &str,
) -> Result<RealmKey, KeyError> {
    let config = &provider.config;
    let text = first(config, "secret").ok_or(KeyError::Malformed("secret"))?;
    let secret = decode_tolerant(text).map_err(|_| KeyError::Malformed("secret"))?;
    if secret.is_empty() {
        return Err(KeyError::EmptySecret);
    }
    let kid = first(config, "kid")
        .ok_or(KeyError::Malformed("kid"))?
        .to_owned();
    let algorithm = match key_use {
        KeyUse::Sig => first(config, "algorithm").unwrap_or(default),
        KeyUse::Enc => default,
    };
    finish(RealmKey {
        kid,
        secret: Some(secret.into()),
        ..blank(provider, key_use, algorithm)
    })
}

fn blank(provider: &KeyProviderConfig, key_use: KeyUse, algorithm: &str) -> RealmKey {
    let status = match (provider.flag("enabled"), provider.flag("active")) {
        (false, _) => KeyStatus::Disabled,
        (true, true) => KeyStatus::Active,
        (true, false) => KeyStatus::Passive,
    };
    RealmKey {
        provider: provider.id.clone(),
        priority: provider.priority(),
        kid: String::new(),
        status,
        rests_after: None,
        key_type: KeyType::Oct,
        algorithm: algorithm.to_owned(),
        key_use,
        public: None,
        certificate: None,
        private: None,
        secret: None,
        signing: None,
        verifying: None,
    }
}

/// Makes a signature key ready. An algorithm that nobody knows, or that does not fit the key, is
/// kept for the listings, as in Keycloak, but never signs.
fn finish(mut key: RealmKey) -> Result<RealmKey, KeyError> {
    let Some(algorithm) = Algorithm::from_name(&key.algorithm) else {
        return Ok(key);
    };
    if key.key_use != KeyUse::Sig || algorithm.key_type() != key.key_type {
        return Ok(key);
    }
    let signing = match (&key.private, &key.secret) {
        (Some(private), _) => SigningKey::new(key.kid.clone(), algorithm, private.clone())?,
        (None, Some(secret)) => SigningKey::hmac(key.kid.clone(), algorithm, secret)?,
        (None, None) => return Ok(key),
    };
    key.verifying = Some(signing.verifying_key()?);
    key.signing = Some(signing);
    Ok(key)
}
