//! Secrets that are kept elsewhere. Where configuration says `${vault.key}`, the secret of that name
//! is looked up when it is needed, and never kept: whoever changes it need not tell us.

use claviger_model::Secret;
use claviger_wire::component::vault_key;

use crate::network::Boxed;

/// Where secrets are kept: declared here, filled by the server.
pub trait Vault: Send + Sync {
    /// The secret of a realm by its key. None if there is none, if it cannot be read, or if realm
    /// and key make no name that may be looked up; why, the log tells.
    fn secret<'a>(&'a self, realm: &'a str, key: &'a str) -> Boxed<'a, Option<Secret>>;
}

/// No vault: every reference leads nowhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoVault;

impl Vault for NoVault {
    fn secret<'a>(&'a self, realm: &'a str, key: &'a str) -> Boxed<'a, Option<Secret>> {
        Box::pin(async move {
            tracing::error!(realm, key, "a secret is kept in a vault, and there is none");
            None
        })
    }
}

/// What a secret in a realm's configuration means: itself, or what the vault has for it. A reference
/// that leads nowhere is no secret: it stands in realm files for everybody to read, and must
/// neither let anybody in nor be sent to anybody.
pub async fn secret(vault: &dyn Vault, realm: &str, configured: &str) -> Option<Secret> {
    match vault_key(configured) {
        Some(key) => vault.secret(realm, key).await,
        None => Some(Secret::new(configured)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Safe;

    impl Vault for Safe {
        fn secret<'a>(&'a self, realm: &'a str, key: &'a str) -> Boxed<'a, Option<Secret>> {
            Box::pin(async move {
                (realm == "shop" && key == "smtp_password").then(|| Secret::new("hunter2"))
            })
        }
    }

    #[tokio::test]
    async fn a_reference_is_looked_up_in_the_vault_of_its_realm() {
        let cases = [
            ("shop", "${vault.smtp_password}", Some("hunter2")),
            ("shop", "${vault.other}", None),
            ("bank", "${vault.smtp_password}", None),
            ("shop", "plain", Some("plain")),
            ("shop", "${vault.}", Some("${vault.}")),
            (
                "shop",
                "x${vault.smtp_password}",
                Some("x${vault.smtp_password}"),
            ),
        ];
        for (realm, configured, expected) in cases {
            let found = secret(&Safe, realm, configured).await;
            assert_eq!(
                found.as_ref().map(Secret::reveal),
                expected,
                "{realm} {configured}"
            );
        }
        assert!(
            secret(&NoVault, "shop", "${vault.smtp_password}")
                .await
                .is_none()
        );
    }
}
