//! Which traces are sent, and where to.

use claviger_outbound::Protocol;

use super::*;
use crate::settings::traces::Sampling;

#[test]
fn nothing_is_traced_if_nobody_asks() {
    assert_eq!(settings(Mode::Development, &[]).tracing, None);
}

#[test]
fn traces_have_keycloaks_defaults() {
    let options = [("tracing-enabled", "true")];
    let tracing = settings(Mode::Development, &options).tracing.unwrap();
    assert_eq!(tracing.endpoint.as_str(), "http://localhost:4317/");
    assert_eq!(tracing.protocol, Protocol::Grpc);
    assert_eq!(tracing.sampling, Sampling::Ratio(1.0));
    assert_eq!(tracing.service, "keycloak");
}

#[test]
fn headers_and_samplers_are_read_and_headers_are_not_shown() {
    let options = [
        ("tracing-enabled", "true"),
        ("tracing-headers", "a=one"),
        ("tracing-header-authorization", "Bearer hidden"),
        ("tracing-sampler-type", "parentbased_traceidratio"),
        ("tracing-sampler-ratio", "0.25"),
        ("tracing-resource-attributes", "deployment=blue, zone=a"),
    ];
    let tracing = settings(Mode::Development, &options).tracing.unwrap();
    assert_eq!(tracing.headers.len(), 2);
    assert_eq!(tracing.headers[1].1, "Bearer hidden");
    let by_parent = Sampling::ByParent(Box::new(Sampling::Ratio(0.25)));
    assert_eq!(tracing.sampling, by_parent);
    assert_eq!(tracing.attributes[1], ("zone".to_owned(), "a".to_owned()));
    assert!(!format!("{tracing:?}").contains("hidden"));
}

#[test]
fn what_cannot_be_is_refused_without_showing_secrets() {
    for (name, value) in [
        ("tracing-endpoint", "localhost:4317"),
        ("tracing-sampler-ratio", "2"),
        ("tracing-headers", "hidden"),
        ("tracing-header-x", "hidden\nforged"),
        ("tracing-resource-attributes", "a"),
    ] {
        let error = check(
            Mode::Development,
            &[("tracing-enabled", "true"), (name, value)],
        );
        let told = error.unwrap_err().0;
        assert!(
            told.contains("tracing") && !told.contains("hidden"),
            "{name}: {told}"
        );
    }
}
