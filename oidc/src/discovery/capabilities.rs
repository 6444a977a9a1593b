//! What every realm can do. The order of each list is Keycloak's.

/// Signature algorithms, as `alg` names them.
pub const SIGNATURES: [&str; 13] = [
    "PS384", "RS384", "EdDSA", "ES384", "HS256", "HS512", "ES256", "RS256", "HS384", "ES512",
    "PS256", "PS512", "RS512",
];
/// Those among them whose key is not shared.
pub const ASYMMETRIC: [&str; 10] = [
    "PS384", "RS384", "EdDSA", "ES384", "ES256", "RS256", "ES512", "PS256", "PS512", "RS512",
];
/// How keys of encrypted tokens are encrypted (RFC 7518 §4).
pub const KEY_ENCRYPTION: [&str; 7] = [
    "ECDH-ES+A256KW",
    "ECDH-ES+A192KW",
    "ECDH-ES+A128KW",
    "RSA-OAEP",
    "RSA-OAEP-256",
    "RSA1_5",
    "ECDH-ES",
];
/// How encrypted tokens are encrypted (RFC 7518 §5).
pub const CONTENT_ENCRYPTION: [&str; 6] = [
    "A256GCM",
    "A192GCM",
    "A128GCM",
    "A128CBC-HS256",
    "A192CBC-HS384",
    "A256CBC-HS512",
];
/// How clients prove themselves.
pub const CLIENT_AUTH_METHODS: [&str; 5] = [
    "private_key_jwt",
    "client_secret_basic",
    "client_secret_post",
    "tls_client_auth",
    "client_secret_jwt",
];
/// How those prove themselves who have everything ended that a user has: methods of clients, without those
/// that need a form, and a type of access token.
pub const REVOCATION_AUTH_METHODS: [&str; 4] = [
    "private_key_jwt",
    "client_secret_basic",
    "client_secret_jwt",
    "Bearer",
];
/// Grants.
pub const GRANTS: [&str; 10] = [
    "authorization_code",
    "client_credentials",
    "implicit",
    "password",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "urn:ietf:params:oauth:grant-type:token-exchange",
    "urn:ietf:params:oauth:grant-type:uma-ticket",
    "urn:openid:params:grant-type:ciba",
];
/// What the authorization endpoint hands out.
pub const RESPONSE_TYPES: [&str; 8] = [
    "code",
    "none",
    "id_token",
    "token",
    "id_token token",
    "code id_token",
    "code token",
    "code id_token token",
];
/// How it hands it out.
pub const RESPONSE_MODES: [&str; 7] = [
    "query",
    "fragment",
    "form_post",
    "query.jwt",
    "fragment.jwt",
    "form_post.jwt",
    "jwt",
];
/// Claims of the mappers that each realm begins with.
pub const CLAIMS: [&str; 14] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "name",
    "given_name",
    "family_name",
    "preferred_username",
    "email",
    "acr",
    "azp",
    "nonce",
];

/// Signature algorithms where a signature may be left out.
pub fn signatures_or_none() -> Vec<&'static str> {
    SIGNATURES.into_iter().chain(["none"]).collect()
}

#[cfg(test)]
mod tests {
    use claviger_crypto::algorithm::Algorithm;
    use claviger_crypto::content_encryption::ContentEncryption;
    use claviger_crypto::jwe::KeyManagement;

    use super::*;

    #[test]
    fn what_is_promised_is_what_can_be_done() {
        let sorted = |mut names: Vec<&'static str>| {
            names.sort_unstable();
            names
        };
        let all = Algorithm::ALL.into_iter();
        assert_eq!(
            sorted(SIGNATURES.to_vec()),
            sorted(all.clone().map(Algorithm::name).collect())
        );
        let asymmetric = all
            .filter(|algorithm| !algorithm.is_symmetric())
            .map(Algorithm::name);
        assert_eq!(sorted(ASYMMETRIC.to_vec()), sorted(asymmetric.collect()));
        assert_eq!(
            sorted(KEY_ENCRYPTION.to_vec()),
            sorted(
                KeyManagement::FOR_PUBLIC_KEYS
                    .map(KeyManagement::name)
                    .into()
            )
        );
        assert_eq!(
            sorted(CONTENT_ENCRYPTION.to_vec()),
            sorted(ContentEncryption::ALL.map(ContentEncryption::name).into())
        );
    }
}
