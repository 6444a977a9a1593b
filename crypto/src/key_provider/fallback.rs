//! Which component gives a realm a key for an algorithm that it has none for.

use crate::algorithm::{Algorithm, Curve, KeyUse};

use super::{Config, ECDH, ECDSA, EDDSA, Provider, put};

/// The component that a realm gets when it lacks an active key for an algorithm it is asked to
/// use. Complete its `config` before storing it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// `name` of the component.
    pub name: String,
    /// The provider.
    pub provider: Provider,
    /// Its settings, without keys: priority -100, so that any key made on purpose goes first.
    pub config: Config,
}

/// Which component would give a realm a key for `algorithm`; `None` if no provider can.
pub fn fallback_provider(key_use: KeyUse, algorithm: &str) -> Option<Fallback> {
    let mut config = Config::new();
    put(&mut config, "priority", "-100");
    let provider = match key_use {
        KeyUse::Sig => {
            let known = Algorithm::from_name(algorithm)?;
            match (known, known.curve()) {
                (Algorithm::EdDsa, _) => {
                    put(&mut config, EDDSA.curve, "Ed25519");
                    Provider::EddsaGenerated
                }
                (_, Some(curve)) => {
                    put(&mut config, ECDSA.curve, curve.name());
                    Provider::EcdsaGenerated
                }
                (_, None) => {
                    put(&mut config, "algorithm", algorithm);
                    if known.is_symmetric() {
                        Provider::HmacGenerated
                    } else {
                        Provider::RsaGenerated
                    }
                }
            }
        }
        KeyUse::Enc => match algorithm {
            "AES" => Provider::AesGenerated,
            "RSA-OAEP" | "RSA-OAEP-256" => {
                put(&mut config, "algorithm", algorithm);
                Provider::RsaEncGenerated
            }
            "ECDH-ES" | "ECDH-ES+A128KW" | "ECDH-ES+A192KW" | "ECDH-ES+A256KW" => {
                let curve = match algorithm {
                    "ECDH-ES+A192KW" => Curve::P384,
                    "ECDH-ES+A256KW" => Curve::P521,
                    _ => Curve::P256,
                };
                put(&mut config, ECDH.curve, curve.name());
                // Keycloak leaves this out and then never finds the key it made.
                put(&mut config, "ecdhAlgorithm", algorithm);
                Provider::EcdhGenerated
            }
            _ => return None,
        },
    };
    Some(Fallback {
        name: format!("fallback-{algorithm}"),
        provider,
        config,
    })
}
