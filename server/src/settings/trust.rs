//! Whose certificates are believed when others are called.

use std::path::{Path, PathBuf};

use super::value::Values;
use super::{Notices, UsageError};

/// Where Keycloak looks for further authorities, below the home directory.
const USUAL: &str = "conf/truststores";
/// Where a container in Kubernetes, and in OpenShift, finds the authorities of its cluster.
const CLUSTER: [&str; 2] = [
    "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt",
    "/var/run/secrets/kubernetes.io/serviceaccount/service-ca.crt",
];

/// Whose certificates are believed, beside those that the system believes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// Files, and directories of files, with certificates of authorities. They must be there.
    pub named: Vec<PathBuf>,
    /// The same, where being absent is nothing to speak of.
    pub usual: Vec<PathBuf>,
    /// Whether a certificate may be anybody's, as long as it is from an authority.
    pub any_name: bool,
}

impl Trust {
    /// Reads `truststore-paths`, `truststore-kubernetes-enabled` and `tls-hostname-verifier`.
    pub(super) fn check(
        values: &Values<'_>,
        home: &Path,
        notices: &mut Notices,
    ) -> Result<Self, UsageError> {
        let mut usual = vec![home.join(USUAL)];
        if values.flag("truststore-kubernetes-enabled")? {
            usual.extend(CLUSTER.map(PathBuf::from));
        }
        let any_name = values.text("tls-hostname-verifier") == Some("ANY");
        if any_name {
            notices.warn(
                "tls-hostname-verifier=ANY: whoever has a certificate of any authority can pass for \
                 whoever is called"
                    .to_owned(),
            );
        }
        Ok(Self {
            named: values.list("truststore-paths").map(PathBuf::from).collect(),
            usual,
            any_name,
        })
    }
}
