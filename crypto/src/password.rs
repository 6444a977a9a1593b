//! Password credentials in Keycloak's form: two JSON texts, one secret, one not.

use std::fmt;

use argon2::{Argon2, Params, Version};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use crate::digest::equal;
use crate::encoding::{base64, decode_tolerant};
use crate::jws::Json;
use crate::random::Random;

/// Longest password taken, in bytes of UTF-8: what is longer costs time before it fails.
pub const PASSWORD_BYTES_MAX: usize = 4096;
/// Most iterations of PBKDF2, ours or imported.
pub const PBKDF2_ITERATIONS_MAX: u32 = 10_000_000;
/// Most memory of Argon2, in KiB: each hashing thread may hold that much.
pub const ARGON2_MEMORY_KIB_MAX: u32 = 256 * 1024;
/// Most work of Argon2: memory in KiB times passes, about four seconds.
pub const ARGON2_WORK_KIB_MAX: u64 = 8 * 1024 * 1024;
/// Most lanes of Argon2.
const ARGON2_LANES_MAX: u32 = 64;
/// A shorter hash is none: an empty one would equal every password's.
const HASH_BYTES_MIN: usize = 16;
/// A longer one multiplies the work of PBKDF2.
const HASH_BYTES_MAX: usize = 128;
/// Bytes of a new salt.
const SALT_BYTES: usize = 16;
/// Longest salt taken.
const SALT_BYTES_MAX: usize = 1024;
/// Argon2 as Keycloak uses it: KiB of memory, lanes, bytes of hash.
const ARGON2_MEMORY_KIB: u32 = 7168;
const ARGON2_LANES: u32 = 1;
const ARGON2_HASH_BYTES: usize = 32;

/// What is wrong with a stored password or a request to hash one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// The JSON, or a value in it, is not as it should be.
    #[error("malformed password credential: {0}")]
    Malformed(&'static str),
    /// A parameter beyond our limits: checking it would take the server down.
    #[error("password credential beyond limits: {0}")]
    Limit(&'static str),
    /// More than [`PASSWORD_BYTES_MAX`].
    #[error("the password is too long")]
    TooLong,
}

/// The ways to hash that this server knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HashAlgorithm {
    /// `argon2`: the default.
    #[default]
    Argon2,
    /// `pbkdf2`: HMAC-SHA-1.
    Pbkdf2,
    /// `pbkdf2-sha256`.
    Pbkdf2Sha256,
    /// `pbkdf2-sha512`.
    Pbkdf2Sha512,
}

impl HashAlgorithm {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Argon2,
        Self::Pbkdf2,
        Self::Pbkdf2Sha256,
        Self::Pbkdf2Sha512,
    ];

    /// Keycloak's id.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Argon2 => "argon2",
            Self::Pbkdf2 => "pbkdf2",
            Self::Pbkdf2Sha256 => "pbkdf2-sha256",
            Self::Pbkdf2Sha512 => "pbkdf2-sha512",
        }
    }

    /// The algorithm of that id.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.id() == id)
    }

    /// Iterations when the realm's policy does not say.
    pub const fn default_iterations(self) -> u32 {
        match self {
            Self::Argon2 => 5,
            Self::Pbkdf2 => 1_300_000,
            Self::Pbkdf2Sha256 => 600_000,
            Self::Pbkdf2Sha512 => 210_000,
        }
    }

    /// Most iterations a policy can have.
    pub const fn iterations_max(self) -> u32 {
        match self {
            // 8 GiB of work by 7 MiB of memory.
            Self::Argon2 => 1170,
            Self::Pbkdf2 | Self::Pbkdf2Sha256 | Self::Pbkdf2Sha512 => PBKDF2_ITERATIONS_MAX,
        }
    }

    const fn hash_bytes(self) -> usize {
        match self {
            Self::Argon2 | Self::Pbkdf2Sha256 => ARGON2_HASH_BYTES,
            Self::Pbkdf2 | Self::Pbkdf2Sha512 => 64,
        }
    }
}

/// How a realm wants passwords hashed: its policy `hashAlgorithm(…)`, `hashIterations(…)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashPolicy {
    algorithm: HashAlgorithm,
    iterations: u32,
}

impl Default for HashPolicy {
    fn default() -> Self {
        Self::new(None, None)
    }
}

impl HashPolicy {
    /// Unset parts take their defaults. Iterations are kept between 1 and
    /// [`HashAlgorithm::iterations_max`]: `hashIterations(27500)`, written for PBKDF2 long ago,
    /// would make Argon2 take a minute.
    pub fn new(algorithm: Option<HashAlgorithm>, iterations: Option<u32>) -> Self {
        let algorithm = algorithm.unwrap_or_default();
        let iterations = iterations.unwrap_or_else(|| algorithm.default_iterations());
        Self {
            algorithm,
            iterations: iterations.clamp(1, algorithm.iterations_max()),
        }
    }

    /// The algorithm of new hashes.
    pub const fn algorithm(self) -> HashAlgorithm {
        self.algorithm
    }

    /// The iterations of new hashes.
    pub const fn iterations(self) -> u32 {
        self.iterations
    }

    fn scheme(self) -> Scheme {
        match self.algorithm {
            HashAlgorithm::Argon2 => Scheme::Argon2(Argon2Settings {
                kind: argon2::Algorithm::Argon2id,
                version: Version::V0x13,
                memory_kib: ARGON2_MEMORY_KIB,
                lanes: ARGON2_LANES,
            }),
            HashAlgorithm::Pbkdf2 => Scheme::Pbkdf2(Prf::Sha1),
            HashAlgorithm::Pbkdf2Sha256 => Scheme::Pbkdf2(Prf::Sha256),
            HashAlgorithm::Pbkdf2Sha512 => Scheme::Pbkdf2(Prf::Sha512),
        }
    }
}

/// What checking a password found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Verdict {
    /// The password is right.
    pub ok: bool,
    /// The hash was not made as the realm's policy asks: after a sign-in, hash again.
    pub outdated: bool,
}

/// Memory that Argon2 works in, kept from one hash to the next.
pub type Workspace = Vec<argon2::Block>;

/// A stored password.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredPassword {
    algorithm: String,
    iterations: u32,
    /// `None`: an algorithm that nobody here knows; it never verifies.
    scheme: Option<Scheme>,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl fmt::Debug for StoredPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "StoredPassword({}, {} iterations)",
            self.algorithm, self.iterations
        )
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Argon2(Argon2Settings),
    Pbkdf2(Prf),
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Argon2Settings {
    kind: argon2::Algorithm,
    version: Version,
    memory_kib: u32,
    lanes: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Prf {
    Sha1,
    Sha256,
    Sha512,
}

impl StoredPassword {
    /// Reads a credential's two texts. An unknown algorithm is fine, and never verifies; a known
    /// one with parameters beyond the limits is refused here.
    pub fn parse(secret_data: &str, credential_data: &str) -> Result<Self, PasswordError> {
        let object =
            |text| serde_json::from_str::<Json>(text).map_err(|_| PasswordError::Malformed("JSON"));
        let (secret, data) = (object(secret_data)?, object(credential_data)?);
        Self::read(
            &data,
            secret.get("value").and_then(Value::as_str),
            secret.get("salt").and_then(Value::as_str),
        )
    }

    /// Reads the old flat form, a CredentialRepresentation with `algorithm`, `hashIterations`,
    /// `salt` and `hashedSaltedValue`.
    pub fn from_flat(credential: &Json) -> Result<Self, PasswordError> {
        let text = |name: &str| credential.get(name).and_then(Value::as_str);
        Self::read(credential, text("hashedSaltedValue"), text("salt"))
    }

    fn read(data: &Json, value: Option<&str>, salt: Option<&str>) -> Result<Self, PasswordError> {
        let algorithm = data
            .get("algorithm")
            .and_then(Value::as_str)
            .ok_or(PasswordError::Malformed("algorithm"))?;
        let iterations = data
            .get("hashIterations")
            .and_then(Value::as_i64)
            .unwrap_or(0);
        let Some(known) = HashAlgorithm::from_id(algorithm) else {
            return Ok(Self {
                algorithm: algorithm.to_owned(),
                iterations: u32::try_from(iterations).unwrap_or(0),
                scheme: None,
                salt: Vec::new(),
                hash: Vec::new(),
            });
        };
        let bytes = |text: Option<&str>, what| {
            text.and_then(|text| decode_tolerant(text).ok())
                .ok_or(PasswordError::Malformed(what))
        };
        let stored = Self {
            algorithm: algorithm.to_owned(),
            iterations: u32::try_from(iterations)
                .map_err(|_| PasswordError::Limit("hashIterations"))?,
            scheme: Some(match known {
                HashAlgorithm::Argon2 => Scheme::Argon2(Argon2Settings::read(data)?),
                HashAlgorithm::Pbkdf2 => Scheme::Pbkdf2(Prf::Sha1),
                HashAlgorithm::Pbkdf2Sha256 => Scheme::Pbkdf2(Prf::Sha256),
                HashAlgorithm::Pbkdf2Sha512 => Scheme::Pbkdf2(Prf::Sha512),
            }),
            salt: bytes(salt, "salt")?,
            hash: bytes(value, "value")?,
        };
        stored.check_limits()?;
        Ok(stored)
    }

    fn check_limits(&self) -> Result<(), PasswordError> {
        if !(HASH_BYTES_MIN..=HASH_BYTES_MAX).contains(&self.hash.len()) {
            return Err(PasswordError::Limit("length of the hash"));
        }
        if self.salt.is_empty() || self.salt.len() > SALT_BYTES_MAX {
            return Err(PasswordError::Limit("length of the salt"));
        }
        let within = match self.scheme {
            Some(Scheme::Argon2(settings)) => {
                let work = u64::from(settings.memory_kib) * u64::from(self.iterations);
                if settings.memory_kib > ARGON2_MEMORY_KIB_MAX {
                    return Err(PasswordError::Limit("memory"));
                }
                if settings.lanes > ARGON2_LANES_MAX {
                    return Err(PasswordError::Limit("parallelism"));
                }
                work <= ARGON2_WORK_KIB_MAX
            }
            Some(Scheme::Pbkdf2(_)) => self.iterations <= PBKDF2_ITERATIONS_MAX,
            None => true,
        };
        if !within || self.iterations == 0 {
            return Err(PasswordError::Limit("hashIterations"));
        }
        Ok(())
    }

    /// Hashes a new password. Lasts from 10 to several hundred milliseconds: in the server it runs
    /// in a [`crate::password_hasher::PasswordHasher`].
    pub fn hash(
        password: &str,
        policy: HashPolicy,
        random: &Random,
        workspace: &mut Workspace,
    ) -> Result<Self, PasswordError> {
        let salt = random.byte_vec(SALT_BYTES);
        let mut stored = Self {
            algorithm: policy.algorithm.id().to_owned(),
            iterations: policy.iterations,
            scheme: Some(policy.scheme()),
            salt,
            hash: vec![0; policy.algorithm.hash_bytes()],
        };
        stored.hash = stored.derive(password, workspace)?;
        Ok(stored)
    }

    /// Checks a password, in constant time as far as the comparison goes. Lasts as long as hashing
    /// it did.
    pub fn verify(
        &self,
        password: &str,
        policy: HashPolicy,
        workspace: &mut Workspace,
    ) -> Result<Verdict, PasswordError> {
        let ok = self.scheme.is_some() && equal(&self.derive(password, workspace)?, &self.hash);
        Ok(Verdict {
            ok,
            outdated: self.is_outdated(policy),
        })
    }

    /// Whether the policy asks for another hash than this.
    pub fn is_outdated(&self, policy: HashPolicy) -> bool {
        self.scheme != Some(policy.scheme())
            || self.iterations != policy.iterations
            || self.hash.len() != policy.algorithm.hash_bytes()
    }

    fn derive(&self, password: &str, workspace: &mut Workspace) -> Result<Vec<u8>, PasswordError> {
        if password.len() > PASSWORD_BYTES_MAX {
            return Err(PasswordError::TooLong);
        }
        let password = password.as_bytes();
        let mut hash = vec![0; self.hash.len()];
        match self.scheme {
            Some(Scheme::Argon2(settings)) => {
                settings.derive(self.iterations, password, &self.salt, &mut hash, workspace)?;
            }
            Some(Scheme::Pbkdf2(prf)) => {
                let (salt, iterations) = (&self.salt, self.iterations);
                match prf {
                    Prf::Sha1 => {
                        pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, iterations, &mut hash);
                    }
                    Prf::Sha256 => {
                        pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut hash);
                    }
                    Prf::Sha512 => {
                        pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, iterations, &mut hash);
                    }
                }
            }
            None => return Err(PasswordError::Malformed("algorithm")),
        }
        Ok(hash)
    }

    /// Keycloak's id of the algorithm, known to us or not.
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// Whether the algorithm is one of ours; if not, no password verifies.
    pub const fn is_known(&self) -> bool {
        self.scheme.is_some()
    }

    /// How dear a guess is, in Keycloak's words: what its parameters are, nothing of the password.
    pub fn strength(&self) -> String {
        let Some(Scheme::Argon2(settings)) = self.scheme else {
            return self.iterations.to_string();
        };
        let (kind, version) = settings.kind_and_version();
        let (m, t, p) = (settings.memory_kib, self.iterations, settings.lanes);
        format!("Argon2{kind}-{version}[m={m},t={t},p={p}]")
    }

    /// The secret text for the store.
    pub fn secret_data(&self) -> String {
        json!({
            "value": base64(&self.hash),
            "salt": base64(&self.salt),
            "additionalParameters": {},
        })
        .to_string()
    }

    /// The other text for the store.
    pub fn credential_data(&self) -> String {
        let additional = match self.scheme {
            Some(Scheme::Argon2(settings)) => settings.write(self.hash.len()),
            Some(Scheme::Pbkdf2(_)) | None => json!({}),
        };
        json!({
            "hashIterations": self.iterations,
            "algorithm": self.algorithm,
            "additionalParameters": additional,
        })
        .to_string()
    }
}

impl Argon2Settings {
    fn read(data: &Json) -> Result<Self, PasswordError> {
        let parameter = |name: &str| {
            let value = data.get("additionalParameters")?.get(name)?;
            value
                .as_str()
                .or_else(|| value.get(0).and_then(Value::as_str))
        };
        let number = |name: &'static str, default: u32| match parameter(name) {
            Some(text) => text.parse().map_err(|_| PasswordError::Malformed(name)),
            None => Ok(default),
        };
        Ok(Self {
            kind: match parameter("type").unwrap_or("id") {
                "id" => argon2::Algorithm::Argon2id,
                "i" => argon2::Algorithm::Argon2i,
                "d" => argon2::Algorithm::Argon2d,
                _ => return Err(PasswordError::Malformed("type")),
            },
            version: match parameter("version").unwrap_or("1.3") {
                "1.3" => Version::V0x13,
                "1.0" => Version::V0x10,
                _ => return Err(PasswordError::Malformed("version")),
            },
            memory_kib: number("memory", ARGON2_MEMORY_KIB)?,
            lanes: number("parallelism", ARGON2_LANES)?,
        })
    }

    fn write(self, hash_bytes: usize) -> Value {
        let (kind, version) = self.kind_and_version();
        json!({
            "hashLength": [hash_bytes.to_string()],
            "memory": [self.memory_kib.to_string()],
            "type": [kind],
            "version": [version],
            "parallelism": [self.lanes.to_string()],
        })
    }

    const fn kind_and_version(self) -> (&'static str, &'static str) {
        let kind = match self.kind {
            argon2::Algorithm::Argon2id => "id",
            argon2::Algorithm::Argon2i => "i",
            argon2::Algorithm::Argon2d => "d",
        };
        match self.version {
            Version::V0x13 => (kind, "1.3"),
            Version::V0x10 => (kind, "1.0"),
        }
    }

    fn derive(
        self,
        iterations: u32,
        password: &[u8],
        salt: &[u8],
        hash: &mut [u8],
        workspace: &mut Workspace,
    ) -> Result<(), PasswordError> {
        let params = Params::new(self.memory_kib, iterations, self.lanes, Some(hash.len()))
            .map_err(|_| PasswordError::Malformed("argon2 parameters"))?;
        let blocks = params.block_count();
        if workspace.len() < blocks {
            workspace.resize(blocks, argon2::Block::new());
        }
        let memory = workspace.get_mut(..blocks).unwrap_or_default();
        Argon2::new(self.kind, self.version, params)
            .hash_password_into_with_memory(password, salt, hash, memory)
            .map_err(|_| PasswordError::Malformed("argon2 parameters"))
    }
}

#[cfg(test)]
mod tests;
