//! Endpoints of Keycloak that this server does not have yet. Whoever asks for one is told so, rather
//! than that there is no such path.

/// Where they begin, `*` being any one segment, and what they are. Everything below belongs to them.
const UNBUILT: &[(&str, &str)] = &[
    (
        "realms/*/protocol/openid-connect/ext",
        "This extension of OpenID Connect",
    ),
    ("realms/*/protocol/saml", "SAML"),
    ("realms/*/broker", "Identity brokering"),
    ("realms/*/authz", "User-Managed Access"),
    (
        "realms/*/.well-known/uma2-configuration",
        "User-Managed Access",
    ),
    ("admin/*/console", "The administration console"),
    ("admin/realms/*/workflows", "Managing workflows"),
    (
        "admin/realms/*/clients/*/authz",
        "Managing a client's permissions",
    ),
];

/// What lies at a path below the base path, if it is known and not built.
pub fn at(path: &str) -> Option<&'static str> {
    let begins = |pattern: &str| {
        let mut asked = path.trim_start_matches('/').split('/');
        pattern
            .split('/')
            .all(|segment| match (segment, asked.next()) {
                ("*", Some(name)) => !name.is_empty(),
                (known, asked) => Some(known) == asked,
            })
    };
    UNBUILT
        .iter()
        .find(|(pattern, _)| begins(pattern))
        .map(|(_, what)| *what)
}

#[cfg(test)]
mod tests {
    use super::at;

    #[test]
    fn what_is_known_and_not_built_has_a_name() {
        for (path, what) in [
            ("/realms/shop/protocol/saml", Some("SAML")),
            ("/realms/shop/protocol/saml/descriptor", Some("SAML")),
            ("/admin/master/console/", Some("The administration console")),
            ("/realms/shop/protocol/samlish", None),
            ("/realms//account", None),
            ("/realms/shop", None),
            ("/admin/realms/serverinfo", None),
            ("", None),
        ] {
            assert_eq!(at(path), what, "{path}");
        }
    }
}
