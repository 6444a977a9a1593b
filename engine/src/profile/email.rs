//! What an email address looks like, as Keycloak has it: laxer than RFC 5321 before the `@`, and
//! non-ASCII characters are taken on both sides (RFC 6531).

use std::net::{Ipv4Addr, Ipv6Addr};

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use super::java;

/// Longest part before the `@`, in UTF-16 units (RFC 5321 §4.5.3.1.1).
pub(super) const LOCAL_PART_MAX: usize = 64;
/// Longest domain in ASCII, in bytes (RFC 5321 §4.5.3.1.2).
const DOMAIN_MAX: usize = 255;
/// Longest label in ASCII, in bytes (RFC 1035 §2.3.4).
const LABEL_MAX: usize = 63;

/// Whether this is an address.
pub(crate) fn is_valid(address: &str, local_part_max: usize) -> bool {
    address.rsplit_once('@').is_some_and(|(local, domain)| {
        java::length(local) <= local_part_max && is_local_part(local) && is_domain(domain)
    })
}

/// Words and quoted strings, with dots between them.
fn is_local_part(text: &str) -> bool {
    let mut rest = text;
    loop {
        let Some(after) = word(rest).or_else(|| quoted(rest)) else {
            return false;
        };
        if after.is_empty() {
            return true;
        }
        let Some(next) = after.strip_prefix('.') else {
            return false;
        };
        rest = next;
    }
}

fn word(text: &str) -> Option<&str> {
    let after = text.trim_start_matches(is_atom);
    (after.len() < text.len()).then_some(after)
}

fn quoted(text: &str) -> Option<&str> {
    let mut chars = text.strip_prefix('"')?.chars();
    let mut empty = true;
    loop {
        match chars.next()? {
            '"' => return (!empty).then_some(chars.as_str()),
            '\\' if !matches!(chars.next()?, '\\' | '"') => return None,
            '\\' => {}
            c if is_atom(c)
                || matches!(
                    c,
                    '.' | '(' | ')' | ',' | '<' | '>' | '[' | ']' | ':' | ';' | ' ' | '@'
                ) => {}
            _ => return None,
        }
        empty = false;
    }
}

fn is_atom(c: char) -> bool {
    is_domain_character(c) || matches!(c, '_' | '-')
}

fn is_domain_character(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || matches!(c, '\u{80}'..='\u{FFFF}')
        || "!#$%&'*+/=?^`{|}~".contains(c)
}

fn is_domain(text: &str) -> bool {
    if text.ends_with('.') {
        return false;
    }
    if let Some(literal) = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return is_address_literal(literal);
    }
    let labels = text.split('.').all(|label| {
        label.starts_with(is_domain_character)
            && label.ends_with(is_domain_character)
            && label.chars().all(|c| c == '-' || is_domain_character(c))
    });
    labels && fits_into_dns(text)
}

fn fits_into_dns(domain: &str) -> bool {
    let ascii = Uts46::new().to_ascii(
        domain.as_bytes(),
        AsciiDenyList::EMPTY,
        Hyphens::Allow,
        DnsLength::Ignore,
    );
    ascii.is_ok_and(|ascii| {
        ascii.len() <= DOMAIN_MAX && ascii.split('.').all(|label| label.len() <= LABEL_MAX)
    })
}

/// `1.2.3.4` (any three digits each) or `IPv6:…`, with a zone if it is link-local.
fn is_address_literal(text: &str) -> bool {
    let Some(six) = text
        .get(..5)
        .filter(|tag| tag.eq_ignore_ascii_case("IPv6:"))
        .map(|tag| text.get(tag.len()..).unwrap_or_default())
    else {
        let mut parts = text.split('.');
        let plain = parts.by_ref().all(|part| {
            (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        });
        return plain && text.split('.').count() == Ipv4Addr::UNSPECIFIED.octets().len();
    };
    match six.split_once('%') {
        None => six.parse::<Ipv6Addr>().is_ok(),
        Some((address, zone)) => {
            six.to_ascii_lowercase().starts_with("fe80:")
                && address.parse::<Ipv6Addr>().is_ok()
                && !zone.is_empty()
                && zone.bytes().all(|byte| byte.is_ascii_alphanumeric())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_other_text() {
        let long = "a".repeat(64);
        let label = "b".repeat(63);
        for good in [
            "a@b",
            "alice@example.org",
            "a.b+c@sub.example.org",
            "\"a b\"@example.org",
            "\"a@b\".c@example.org",
            "\"\\\"\"@x",
            "jürgen@müller.de",
            "a@b-c.d",
            "a@[127.0.0.1]",
            "a@[IPv6:::1]",
            "a@1.2",
            "o'neil@x",
            "a@[999.1.1.1]",
            &format!("{long}@x"),
            &format!("a@{label}.org"),
        ] {
            assert!(is_valid(good, LOCAL_PART_MAX), "{good}");
        }
        for bad in [
            "",
            "a",
            "@",
            "a@",
            "@b",
            "a@b.",
            "a b@c",
            "a..b@c",
            ".a@b",
            "a.@b",
            "a@b..c",
            "a@-b",
            "a@b-",
            "a@b_c",
            "a\"b\"@c",
            "\"\"@c",
            "a@[1.2.3]",
            "a@[IPv6:zz]",
            "\u{1F600}@x",
            "a@b c",
            "nonsense",
            &format!("{long}a@x"),
            &format!("a@{label}b.org"),
        ] {
            assert!(!is_valid(bad, LOCAL_PART_MAX), "{bad}");
        }
    }
}
