use claviger_wire::document::Kind;

use super::*;

fn body(kind: &str, config: Value) -> Json {
    Json::from_iter([
        ("providerId".to_owned(), json!(kind)),
        ("config".to_owned(), config),
    ])
}

fn outcome(body: &Json) -> Option<String> {
    let plain = Plain {
        required: SslRequired::External,
        near: HashSet::from(["near.example".to_owned()]),
    };
    let checked = check(body, &plain, |flow| flow == "first broker login");
    checked.err().map(|unfit| unfit.0)
}

#[test]
fn addresses_are_refused_in_keycloaks_words() {
    for (address, expected) in [
        ("https://a.example/x", None),
        ("http://127.0.0.1:8080/x", None),
        ("http://[fd00::1]/x", None),
        ("http://localhost/x", None),
        ("http://near.example/x", None),
        (
            "http://a.example/x",
            Some("The url [token_url] requires secure connections"),
        ),
        (
            "ftp://a.example/x",
            Some("Invalid protocol/scheme for url [token_url]"),
        ),
        (
            "javascript:alert(1)",
            Some("The url [token_url] is malformed"),
        ),
        ("nonsense", Some("The url [token_url] is malformed")),
    ] {
        let body = body("oidc", json!({"tokenUrl": address}));
        assert_eq!(outcome(&body).as_deref(), expected, "{address}");
    }
}

/// Each kind with settings, and how it is refused.
fn hold(cases: &[(&str, Value, Option<&str>)]) {
    for (kind, config, expected) in cases {
        let mut body = body(kind, config.clone());
        complete(&mut body);
        assert_eq!(outcome(&body).as_deref(), *expected, "{kind} {body:?}");
    }
}

#[test]
fn those_of_oauth_have_their_rules() {
    let keys = "JWKS URL is required when 'Validate signatures' enabled and 'Use JWKS URL' enabled";
    let key = "The 'Validating public key' is required when 'JWT Authorization Grant' enabled and \
               'Use JWKS URL' disabled";
    hold(&[
        ("oidc", json!({}), None),
        ("github", json!({}), None),
        (
            "spiffe",
            json!({}),
            Some("Invalid identity provider id [spiffe]"),
        ),
        (
            "oidc",
            json!({"pkceEnabled": "true"}),
            Some("PKCE Method not supported: null"),
        ),
        (
            "twitter",
            json!({"pkceEnabled": "true", "pkceMethod": "S256"}),
            None,
        ),
        (
            "oidc",
            json!({"validateSignature": "true", "useJwksUrl": "true"}),
            Some(keys),
        ),
        (
            "keycloak-oidc",
            json!({"jwtAuthorizationGrantEnabled": "true"}),
            Some(key),
        ),
        (
            "oidc",
            json!({"supportsClientAssertions": "true", "publicKeySignatureVerifier": "k"}),
            Some("Issuer is required"),
        ),
        ("oauth2", json!({}), Some("User Info URL not provided")),
        (
            "oauth2",
            json!({"userInfoUrl": "https://a.example", "emailClaim": " "}),
            Some("User Email Claim not provided"),
        ),
        ("oauth2", json!({"userInfoUrl": "https://a.example"}), None),
    ]);
}

#[test]
fn other_kinds_have_their_rules() {
    hold(&[
        ("saml", json!({}), None),
        (
            "saml",
            json!({"singleSignOnServiceUrl": "x"}),
            Some("The url [singleSignOnServiceUrl] is malformed"),
        ),
        (
            "saml",
            json!({"useMetadataDescriptorUrl": "true"}),
            Some("useMetadataDescriptorUrl needs a non-empty URL for metadataDescriptorUrl"),
        ),
        (
            "saml",
            json!({"nameIDPolicyFormat": TRANSIENT}),
            Some(
                "Can not have Transient NameID Policy Format together with SUBJECT Principal Type",
            ),
        ),
        (
            "saml",
            json!({"nameIDPolicyFormat": TRANSIENT, "principalType": "ATTRIBUTE"}),
            None,
        ),
        (
            "jwt-authorization-grant",
            json!({}),
            Some("Issuer is required"),
        ),
        ("google", json!({}), None),
        (
            "google",
            json!({"issuer": "https://g.example"}),
            Some("The issuer url [https://g.example] is invalid"),
        ),
        ("kubernetes", json!({}), None),
    ]);
}

#[test]
fn flows_have_to_be_there() {
    for (flow, fits) in [("first broker login", true), ("magic", false)] {
        let mut body = body("oidc", json!({}));
        body.insert("postBrokerLoginFlowAlias".to_owned(), json!(flow));
        assert_eq!(outcome(&body).is_none(), fits, "{flow}");
    }
}

#[test]
fn an_issuer_that_says_who_is_meant_belongs_to_one() {
    let grant = |enabled: bool| {
        let mut body = body(
            "jwt-authorization-grant",
            json!({"issuer": "https://i.example"}),
        );
        body.insert("enabled".to_owned(), json!(enabled));
        body
    };
    let document = |body: &Json| Document {
        kind: Kind::IdentityProvider,
        id: "1".to_owned(),
        parent: String::new(),
        unique_name: "one".to_owned(),
        enabled: Fields::of(body).flag("enabled", true),
        body: body.clone(),
    };
    let signs_in = body("oidc", json!({"issuer": "https://i.example"}));
    let asserts = body(
        "oidc",
        json!({"issuer": "https://i.example", "supportsClientAssertions": "true"}),
    );
    for (other, mine, id, fits) in [
        (&grant(true), &grant(true), "2", false),
        (&grant(true), &grant(true), "1", true),
        (&grant(false), &grant(true), "2", true),
        (&grant(true), &grant(false), "2", true),
        (&signs_in, &grant(true), "2", true),
        (&asserts, &grant(true), "2", true),
        (&asserts, &asserts, "2", false),
    ] {
        let found = alone(mine, id, &[document(other)]);
        assert_eq!(found.is_ok(), fits, "{other:?} {mine:?}");
    }
}
