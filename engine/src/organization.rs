//! Organizations: what they may be called, which domains they may have, and how they end.

use std::sync::Arc;

use claviger_store::{StoreError, Tx};
use claviger_wire::Organization;
use claviger_wire::document::{Document, Json, Kind};
use serde_json::Value;

use crate::app::App;
use crate::departure;
use crate::profile::{email, uri};
use crate::realm::Realm;
use crate::signal::set::Initiator;

/// How long a name, an alias, a domain or an attribute's name may be, in characters.
const NAME_MAX: usize = 255;
/// How many domains an organization may have.
const DOMAINS_MAX: usize = 1_000;
/// How many values of attributes an organization may have in all.
const VALUES_MAX: usize = 10_000;
/// Parts of a domain of which all below are meant.
const PARTS: std::ops::RangeInclusive<usize> = 2..=10;
/// Longest text before the `@` of an address.
const LOCAL_PART_MAX: usize = 64;
/// The setting of an identity provider that says for which domain of its organization it is.
const PROVIDER_DOMAIN: &str = "kc.org.domain";
/// The member of an identity provider that says whose it is.
pub const PROVIDER_OF: &str = "organizationId";

/// What is wrong with an alias: it stands in paths and in scopes.
pub fn alias_fault(alias: &str) -> Option<String> {
    if alias.chars().any(char::is_whitespace) {
        return Some("Empty Space not allowed.".to_owned());
    }
    let reserved = alias.chars().find(|c| ":/?#@!$&()*+,;=[]\\".contains(*c));
    reserved.map(|c| format!("Character '{c}' not allowed."))
}

/// What is wrong with the address where whoever was invited goes on.
pub fn url_fault(url: Option<&str>) -> Option<String> {
    let url = url.filter(|url| !url.is_empty())?;
    let scheme = uri::parse(url).ok().and_then(|parsed| parsed.scheme);
    let web = scheme.is_some_and(|scheme| matches!(scheme, "http" | "https"));
    (!web).then(|| "Organization redirect URL is not valid.".to_owned())
}

/// What is wrong with the domain of an organization, in lower case.
pub fn domain_fault(domain: &str) -> Option<String> {
    const ALL_BELOW: &str = "*.";
    if domain.is_empty() {
        return Some("Domain name cannot be empty".to_owned());
    }
    let mut base = domain;
    if domain.contains(ALL_BELOW) {
        if domain == ALL_BELOW {
            return Some(format!(
                "Wildcard domain must specify a base domain: {domain}"
            ));
        }
        let Some(below) = domain.strip_prefix(ALL_BELOW) else {
            return Some("Wildcard domain must start with the wildcard".to_owned());
        };
        base = below;
        if base.contains('*') {
            return Some(format!("Multiple wildcards are not allowed: {domain}"));
        }
        let (parts, least, most) = (base.split('.').count(), PARTS.start(), PARTS.end());
        if parts < *least {
            return Some(format!(
                "Domain must have at least {least} parts (e.g. 'example.com'): {base}"
            ));
        }
        if parts > *most {
            return Some(format!(
                "Domain has too many parts (max {most} allowed): {base}"
            ));
        }
    }
    let valid = email::is_valid(&format!("user@{base}"), LOCAL_PART_MAX);
    (!valid).then(|| format!("Invalid domain format: {domain}"))
}

/// Whether a text is a mail address.
pub fn is_address(text: &str) -> bool {
    email::is_valid(text, LOCAL_PART_MAX)
}

/// What is wrong with an organization, whoever writes it; whether names are taken is another
/// question. `named` is the alias that was sent, if one was.
pub fn fault(organization: &Organization, named: Option<&str>) -> Option<String> {
    if organization.name.trim().is_empty() {
        return Some("Name can not be null".to_owned());
    }
    if named.is_none_or(|alias| alias.trim().is_empty())
        && let Some(fault) = alias_fault(&organization.name)
    {
        return Some(format!("Name cannot be used as alias: {fault}"));
    }
    size_fault(organization).or_else(|| {
        let mut domains = organization.domains.iter();
        domains.find_map(|domain| domain_fault(&domain.name))
    })
}

fn size_fault(organization: &Organization) -> Option<String> {
    let names = [&organization.name, &organization.alias].into_iter();
    let names = names.chain(organization.domains.iter().map(|domain| &domain.name));
    let mut names = names.chain(organization.attributes.keys());
    if names.any(|name| name.chars().count() > NAME_MAX) {
        return Some(format!(
            "Names, aliases, domains and names of attributes have at most {NAME_MAX} characters"
        ));
    }
    if organization.domains.len() > DOMAINS_MAX {
        return Some(format!("An organization has at most {DOMAINS_MAX} domains"));
    }
    let values: usize = organization.attributes.values().map(Vec::len).sum();
    (values > VALUES_MAX)
        .then(|| format!("An organization has at most {VALUES_MAX} values of attributes"))
}

/// The identity providers of an organization, by alias.
pub async fn providers(
    app: &App,
    realm: &Realm,
    organization: &Organization,
) -> Result<Vec<Document>, StoreError> {
    let mut all = app
        .store
        .documents(&realm.id, Kind::IdentityProvider)
        .await?;
    all.retain(|provider| owner(&provider.body) == Some(organization.id.as_str()));
    Ok(all)
}

/// Whose identity provider this is.
pub fn owner(provider: &Json) -> Option<&str> {
    provider.get(PROVIDER_OF).and_then(Value::as_str)
}

/// An identity provider that is nobody's any more.
#[must_use]
pub fn freed(mut provider: Document) -> Document {
    provider.body.shift_remove(PROVIDER_OF);
    without_domain(&mut provider.body);
    provider
}

fn without_domain(provider: &mut Json) {
    let config = provider.get_mut("config").and_then(Value::as_object_mut);
    config.map(|config| config.shift_remove(PROVIDER_DOMAIN));
}

/// Puts into a job that an organization has other domains: identity providers that were for one
/// that is gone are for none.
pub async fn put_domains(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    (before, after): (&Organization, &Organization),
) -> Result<(), StoreError> {
    let has = |all: &Organization, name: &str| all.domains.iter().any(|one| one.name == name);
    if before.domains.iter().all(|one| has(after, &one.name)) {
        return Ok(());
    }
    for mut provider in providers(app, realm, before).await? {
        let config = provider.body.get("config").and_then(Value::as_object);
        let domain = config.and_then(|config| config.get(PROVIDER_DOMAIN));
        let domain = domain.and_then(Value::as_str).unwrap_or_default();
        if has(before, domain) && !has(after, domain) {
            without_domain(&mut provider.body);
            tx.update_document(&realm.id, &provider);
        }
    }
    Ok(())
}

/// Puts the end of an organization, which must be there, into a job, with its groups and with the
/// users that it manages. Its identity providers stay, and are nobody's.
pub async fn put_end(
    app: &App,
    realm: &Arc<Realm>,
    tx: &mut Tx,
    organization: &Organization,
    by: Initiator,
) -> Result<(), StoreError> {
    let id = &organization.id;
    for user in app.store.managed_members(&realm.id, id).await? {
        departure::put_end(app, realm, tx, &user, by).await?;
    }
    for provider in providers(app, realm, organization).await? {
        tx.update_document(&realm.id, &freed(provider));
    }
    tx.delete_organization(&realm.id, id);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Keycloak 26.7.4 says of each.
    #[test]
    fn domains_are_keycloaks() {
        for (domain, expected) in [
            ("x", None),
            ("acme.org", None),
            ("*.acme.net", None),
            ("*x.com", None),
            ("*.a.b.c.d.e.f.g.h.i.j", None),
            ("xn--n3h.org", None),
            ("ä.org", None),
            (
                "a.*.b",
                Some("Wildcard domain must start with the wildcard"),
            ),
            ("*.", Some("Wildcard domain must specify a base domain: *.")),
            (
                "*.com",
                Some("Domain must have at least 2 parts (e.g. 'example.com'): com"),
            ),
            (
                "*.1.2.3.4.5.6.7.8.9.10.11",
                Some("Domain has too many parts (max 10 allowed): 1.2.3.4.5.6.7.8.9.10.11"),
            ),
            (
                "*.*.a.com",
                Some("Multiple wildcards are not allowed: *.*.a.com"),
            ),
            ("a_b.com", Some("Invalid domain format: a_b.com")),
            ("-x.com", Some("Invalid domain format: -x.com")),
            ("", Some("Domain name cannot be empty")),
            ("a..b", Some("Invalid domain format: a..b")),
            ("a@b.com", Some("Invalid domain format: a@b.com")),
            ("a b.org", Some("Invalid domain format: a b.org")),
        ] {
            assert_eq!(domain_fault(domain).as_deref(), expected, "{domain}");
        }
    }

    #[test]
    fn addresses_are_of_the_web() {
        for good in ["", "http://a", "https://x.org/#f", "https://*"] {
            assert_eq!(url_fault(Some(good)), None, "{good}");
        }
        for bad in [
            "nope",
            "//x",
            "/rel",
            "javascript:1",
            "http://a b",
            "mailto:x",
            "x y",
        ] {
            assert!(url_fault(Some(bad)).is_some(), "{bad}");
        }
        assert_eq!(url_fault(None), None);
    }

    #[test]
    fn a_name_is_an_alias_only_if_it_can_be_one() {
        let named = |name: &str| {
            let mut organization = Organization::from_body(&Json::new());
            name.clone_into(&mut organization.name);
            organization
        };
        assert_eq!(fault(&named("acme"), None), None);
        assert_eq!(fault(&named("Acme Inc"), Some("acme")), None);
        for (name, expected) in [
            (" ", "Name can not be null"),
            (
                "a b",
                "Name cannot be used as alias: Empty Space not allowed.",
            ),
            (
                "a/b",
                "Name cannot be used as alias: Character '/' not allowed.",
            ),
        ] {
            assert_eq!(fault(&named(name), Some("")).as_deref(), Some(expected));
        }
        assert!(fault(&named(&"x".repeat(256)), Some("x")).is_some());
    }
}
