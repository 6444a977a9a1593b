use super::*;

fn check(stored: &StoredPassword, password: &str) -> Verdict {
    stored
        .verify(password, HashPolicy::default(), &mut Workspace::new())
        .unwrap()
}

const ARGON2_DATA: &str = r#"{"hashIterations":5,"algorithm":"argon2","additionalParameters":{"hashLength":["32"],"memory":["7168"],"type":["id"],"version":["1.3"],"parallelism":["1"]}}"#;
const ARGON2_SECRET: &str = r#"{"value":"FsMr6xCAHC1fc2uQhsuwO5ijHvR2x3JA5M2bsTjyclQ=","salt":"vtxeEBOZ0+Ermz05RWfl4Q==","additionalParameters":{}}"#;

fn pbkdf2_data(algorithm: &str, iterations: i64) -> String {
    json!({"hashIterations": iterations, "algorithm": algorithm, "additionalParameters": {}})
        .to_string()
}

/// Credentials that Keycloak 26.7.4 made for the password `correct horse`.
#[test]
fn keycloak_vectors() {
    let rows = [
        (
            ARGON2_DATA.to_owned(),
            "vtxeEBOZ0+Ermz05RWfl4Q==",
            "FsMr6xCAHC1fc2uQhsuwO5ijHvR2x3JA5M2bsTjyclQ=",
            false,
        ),
        (
            pbkdf2_data("pbkdf2", 1_300_000),
            "uUVjPLaH86ifE0S7Xc0KfA==",
            "Zf3dQZx534ABEUD6jq/3sRkX1cpUSulshQgg8a1K37jzlmfqOAYmyM6G81epmZ+ozyopNmS/OAoe1JLYLud5Eg==",
            true,
        ),
        (
            pbkdf2_data("pbkdf2-sha256", 600_000),
            "9oAg5sxSTfAiaORIFusIgA==",
            "RKBxc3rAfCUE+sek7PQ+PQVlWHREoia2G44k2/i8kq0=",
            true,
        ),
        (
            pbkdf2_data("pbkdf2-sha512", 210_000),
            "VWC/37Kuypa2mhWoZH9a5w==",
            "Mk0VZFMwmALQKgw7R+DKAEpl3xiIgDi/mpKEymuGqXcFvpwJmc2SanXcdKE3RnIGOoJGkVErNDutKYPI3+WoYQ==",
            true,
        ),
    ];
    for (data, salt, value, outdated) in rows {
        let secret = json!({"value": value, "salt": salt, "additionalParameters": {}}).to_string();
        let stored = StoredPassword::parse(&secret, &data).unwrap();
        assert_eq!(
            check(&stored, "correct horse"),
            Verdict { ok: true, outdated },
            "{data}"
        );
        assert!(!check(&stored, "correct horsf").ok, "{data}");
        // What we write is what was read, byte for byte.
        assert_eq!(stored.credential_data(), data);
        assert_eq!(stored.secret_data(), secret);
    }
}

#[test]
fn missing_parameters_take_keycloaks_defaults() {
    let data = r#"{"hashIterations":5,"algorithm":"argon2"}"#;
    let stored = StoredPassword::parse(ARGON2_SECRET, data).unwrap();
    assert_eq!(
        check(&stored, "correct horse"),
        Verdict {
            ok: true,
            outdated: false
        }
    );
    assert_eq!(stored.credential_data(), ARGON2_DATA);
}

#[test]
fn old_releases() {
    // 64 derived bytes under pbkdf2-sha256 with 27,500 iterations, flat form.
    let mut hash = vec![0; 64];
    pbkdf2::pbkdf2_hmac::<Sha256>(b"pw", b"0123456789abcdef", 27_500, &mut hash);
    let flat = json!({
        "type": "password", "algorithm": "pbkdf2-sha256", "hashIterations": 27_500,
        "salt": base64(b"0123456789abcdef"), "hashedSaltedValue": base64(&hash),
    });
    let stored = StoredPassword::from_flat(flat.as_object().unwrap()).unwrap();
    assert_eq!(
        check(&stored, "pw"),
        Verdict {
            ok: true,
            outdated: true
        }
    );
    let again = StoredPassword::parse(&stored.secret_data(), &stored.credential_data()).unwrap();
    assert_eq!(again, stored);
}

#[test]
fn an_unknown_algorithm_never_verifies() {
    let data = r#"{"hashIterations":10,"algorithm":"bcrypt","additionalParameters":{}}"#;
    let stored = StoredPassword::parse(r#"{"value":"$2a$10$x","salt":""}"#, data).unwrap();
    assert!(!stored.is_known());
    assert!(!check(&stored, "").ok);
    assert!(stored.is_outdated(HashPolicy::default()));
}

#[test]
fn outdated_is_what_differs_from_the_policy() {
    let stored = StoredPassword::parse(ARGON2_SECRET, ARGON2_DATA).unwrap();
    for (algorithm, iterations, outdated) in [
        (None, None, false),
        (Some(HashAlgorithm::Argon2), Some(5), false),
        (None, Some(6), true),
        (Some(HashAlgorithm::Pbkdf2Sha256), Some(5), true),
    ] {
        assert_eq!(
            stored.is_outdated(HashPolicy::new(algorithm, iterations)),
            outdated
        );
    }
    let more_memory = ARGON2_DATA.replace("7168", "8192");
    assert!(
        StoredPassword::parse(ARGON2_SECRET, &more_memory)
            .unwrap()
            .is_outdated(HashPolicy::default())
    );
}

#[test]
fn new_hashes_follow_the_policy() {
    let random = Random::seeded(3);
    let mut workspace = Workspace::new();
    for algorithm in HashAlgorithm::ALL {
        let policy = HashPolicy::new(Some(algorithm), Some(3));
        let stored = StoredPassword::hash("pä", policy, &random, &mut workspace).unwrap();
        assert_eq!(stored.algorithm(), algorithm.id());
        assert!(!stored.is_outdated(policy));
        let read = StoredPassword::parse(&stored.secret_data(), &stored.credential_data()).unwrap();
        assert_eq!(read, stored);
        assert!(read.verify("pä", policy, &mut workspace).unwrap().ok);
        assert!(!read.verify("pa", policy, &mut workspace).unwrap().ok);
        let second = StoredPassword::hash("pä", policy, &random, &mut workspace).unwrap();
        assert_ne!(
            second.secret_data(),
            stored.secret_data(),
            "each has its own salt"
        );
    }
}

#[test]
fn a_policy_stays_within_limits() {
    assert_eq!(HashPolicy::new(None, Some(27_500)).iterations(), 1170);
    assert_eq!(HashPolicy::new(None, Some(0)).iterations(), 1);
    let policy = HashPolicy::new(Some(HashAlgorithm::Pbkdf2Sha256), Some(u32::MAX));
    assert_eq!(policy.iterations(), PBKDF2_ITERATIONS_MAX);
    assert_eq!(HashPolicy::default().algorithm(), HashAlgorithm::Argon2);
}

#[test]
fn imported_credentials_cannot_ask_for_the_moon() {
    let argon2 = |name: &str, value: &str, iterations: i64| {
        let mut data: Value = serde_json::from_str(ARGON2_DATA).unwrap();
        data["additionalParameters"][name] = json!([value]);
        data["hashIterations"] = json!(iterations);
        StoredPassword::parse(ARGON2_SECRET, &data.to_string()).map(|_| ())
    };
    let limit = |what| Err(PasswordError::Limit(what));
    assert_eq!(argon2("memory", "7168", 5), Ok(()));
    assert_eq!(argon2("memory", "262144", 32), Ok(()));
    assert_eq!(argon2("memory", "262144", 33), limit("hashIterations"));
    assert_eq!(argon2("memory", "262145", 1), limit("memory"));
    assert_eq!(argon2("memory", "4294967295", 1), limit("memory"));
    assert_eq!(argon2("memory", "7168", 1170), Ok(()));
    assert_eq!(argon2("memory", "7168", 1171), limit("hashIterations"));
    assert_eq!(argon2("parallelism", "65", 5), limit("parallelism"));
    assert_eq!(
        argon2("memory", "many", 5),
        Err(PasswordError::Malformed("memory"))
    );
    assert_eq!(
        argon2("type", "x", 5),
        Err(PasswordError::Malformed("type"))
    );
    assert_eq!(
        argon2("version", "2", 5),
        Err(PasswordError::Malformed("version"))
    );

    let pbkdf2 = |iterations: i64, bytes: usize, salt: usize| {
        let secret =
            json!({"value": base64(&vec![1; bytes]), "salt": base64(&vec![1; salt])}).to_string();
        StoredPassword::parse(&secret, &pbkdf2_data("pbkdf2-sha512", iterations)).map(|_| ())
    };
    assert_eq!(pbkdf2(10_000_000, 64, 16), Ok(()));
    assert_eq!(pbkdf2(10_000_001, 64, 16), limit("hashIterations"));
    assert_eq!(pbkdf2(0, 64, 16), limit("hashIterations"));
    assert_eq!(pbkdf2(-1, 64, 16), limit("hashIterations"));
    assert_eq!(pbkdf2(i64::MAX, 64, 16), limit("hashIterations"));
    // An empty hash would equal the empty hash of any password.
    assert_eq!(pbkdf2(1, 0, 16), limit("length of the hash"));
    assert_eq!(pbkdf2(1, 15, 16), limit("length of the hash"));
    assert_eq!(pbkdf2(1, 129, 16), limit("length of the hash"));
    assert_eq!(pbkdf2(1, 64, 0), limit("length of the salt"));
    assert_eq!(pbkdf2(1, 64, 1025), limit("length of the salt"));
}

#[test]
fn broken_credentials_are_errors() {
    for (secret, data) in [
        ("", ARGON2_DATA),
        (ARGON2_SECRET, ""),
        ("{}", ARGON2_DATA),
        (ARGON2_SECRET, "{}"),
        (r#"{"value":"!","salt":"AAAA"}"#, ARGON2_DATA),
        ("null", "null"),
    ] {
        let parsed = StoredPassword::parse(secret, data);
        assert!(
            matches!(parsed, Err(PasswordError::Malformed(_))),
            "{secret} {data}"
        );
    }
}

#[test]
fn parameters_that_argon2_itself_refuses_do_not_verify() {
    // 8 lanes want 64 KiB at least; a salt of 4 bytes is too short for it.
    let data = ARGON2_DATA
        .replace(r#"["7168"]"#, r#"["8"]"#)
        .replace(r#"["1"]"#, r#"["8"]"#);
    let stored = StoredPassword::parse(ARGON2_SECRET, &data).unwrap();
    let verdict = stored.verify("x", HashPolicy::default(), &mut Workspace::new());
    assert_eq!(verdict, Err(PasswordError::Malformed("argon2 parameters")));
}

#[test]
fn long_passwords_are_refused_before_they_cost_anything() {
    let mut workspace = Workspace::new();
    let long = "x".repeat(PASSWORD_BYTES_MAX + 1);
    let stored = StoredPassword::parse(ARGON2_SECRET, ARGON2_DATA).unwrap();
    let policy = HashPolicy::default();
    assert_eq!(
        stored.verify(&long, policy, &mut workspace),
        Err(PasswordError::TooLong)
    );
    let hashed = StoredPassword::hash(&long, policy, &Random::seeded(1), &mut workspace);
    assert_eq!(hashed, Err(PasswordError::TooLong));
    assert!(StoredPassword::hash(&long[1..], policy, &Random::seeded(1), &mut workspace).is_ok());
}

#[test]
fn nothing_secret_in_debug() {
    let stored = StoredPassword::parse(ARGON2_SECRET, ARGON2_DATA).unwrap();
    assert_eq!(
        format!("{stored:?}"),
        "StoredPassword(argon2, 5 iterations)"
    );
}
