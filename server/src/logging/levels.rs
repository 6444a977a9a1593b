//! Which events are written: Keycloak's categories, and what they mean here.

use std::collections::BTreeMap;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;

use super::REQUEST;

/// Where Keycloak says what we say elsewhere: its category, and the beginning of our targets. The
/// more general comes first.
const SAME: [(&str, &str); 12] = [
    ("org.keycloak", "claviger"),
    ("org.keycloak.models", "claviger_engine"),
    (
        "org.keycloak.authentication",
        "claviger_engine::authenticate",
    ),
    ("org.keycloak.exportimport", "claviger_engine::import"),
    ("org.keycloak.exportimport", "claviger_engine::export"),
    ("org.keycloak.services", "claviger_oidc"),
    ("org.keycloak.protocol", "claviger_oidc"),
    ("org.keycloak.services.resources.admin", "claviger_rest"),
    ("org.keycloak.connections.httpclient", "claviger_outbound"),
    ("org.hibernate", "claviger_store"),
    ("io.agroal", "claviger_store"),
    ("io.quarkus.vertx.http", "claviger::listener"),
];

/// The targets with their levels, none more talkative than `most`. Spans of requests pass if
/// somebody has a use for them.
pub fn filter(
    root: LevelFilter,
    categories: &BTreeMap<String, LevelFilter>,
    most: LevelFilter,
    spans: bool,
) -> Targets {
    let mut targets = Targets::new().with_default(root.min(most));
    for (keycloaks, ours) in SAME {
        if let Some(level) = level_of(keycloaks, categories) {
            targets = targets.with_target(ours, level.min(most));
        }
    }
    for (category, level) in categories {
        targets = targets.with_target(category.clone(), (*level).min(most));
    }
    let spans = if spans {
        LevelFilter::INFO
    } else {
        LevelFilter::OFF
    };
    targets.with_target(REQUEST, spans)
}

/// The level of the longest category that holds this one.
fn level_of(name: &str, categories: &BTreeMap<String, LevelFilter>) -> Option<LevelFilter> {
    let mut name = name;
    loop {
        if let Some(level) = categories.get(name) {
            return Some(*level);
        }
        (name, _) = name.rsplit_once('.')?;
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn targets(root: LevelFilter, levels: &[(&str, LevelFilter)]) -> Targets {
        let levels = levels
            .iter()
            .map(|(name, level)| ((*name).to_owned(), *level));
        filter(root, &levels.collect(), LevelFilter::TRACE, false)
    }

    #[test]
    fn categories_have_levels() {
        let targets = targets(
            LevelFilter::INFO,
            &[("org.keycloak.events", LevelFilter::DEBUG)],
        );
        for (target, level, expected) in [
            ("org.keycloak.events", Level::DEBUG, true),
            ("org.keycloak.events", Level::TRACE, false),
            ("claviger_engine::session", Level::INFO, true),
            ("claviger_engine::session", Level::DEBUG, false),
        ] {
            let enabled = targets.would_enable(target, &level);
            assert_eq!(enabled, expected, "{target} {level}");
        }
    }

    #[test]
    fn the_category_of_keycloak_holds_our_own_targets() {
        let levels = [
            ("org.keycloak", LevelFilter::DEBUG),
            ("claviger_store", LevelFilter::OFF),
        ];
        let targets = targets(LevelFilter::WARN, &levels);
        assert!(targets.would_enable("claviger_oidc::token", &Level::DEBUG));
        assert!(targets.would_enable("org.keycloak.events", &Level::DEBUG));
        assert!(!targets.would_enable("claviger_store::sqlite", &Level::ERROR));
        assert!(!targets.would_enable("rustls", &Level::INFO));
    }

    #[test]
    fn existing_settings_reach_what_they_mean() {
        for (category, target) in [
            ("org", "claviger_store"),
            ("org.hibernate", "claviger_store::postgres"),
            ("io.agroal", "claviger_store::writer"),
            ("org.keycloak.services", "claviger_oidc::problem"),
            ("org.keycloak.services", "claviger_rest::problem"),
            ("org.keycloak.services.resources", "claviger_rest::problem"),
            ("org.keycloak.services.managers", "claviger_oidc::problem"),
            (
                "org.keycloak.authentication",
                "claviger_engine::authenticate",
            ),
            ("io.quarkus.vertx.http", "claviger::listener"),
            (
                "org.keycloak.exportimport",
                "claviger_engine::import::users",
            ),
        ] {
            let levels = [(category, LevelFilter::DEBUG)];
            let told = targets(LevelFilter::INFO, &levels).would_enable(target, &Level::DEBUG);
            // A category within another says nothing of what lies beside it.
            let expected = category != "org.keycloak.services.managers";
            assert_eq!(told, expected, "{category}: {target}");
        }
    }

    #[test]
    fn no_handler_is_asked_for_more_than_it_takes() {
        let targets = filter(
            LevelFilter::TRACE,
            &BTreeMap::new(),
            LevelFilter::ERROR,
            true,
        );
        assert!(!targets.would_enable("claviger", &Level::WARN));
        assert!(targets.would_enable(REQUEST, &Level::INFO));
    }
}
