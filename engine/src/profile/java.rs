//! Where Keycloak's answers show the Java beneath: lengths, blanks, orders of hash maps.

/// Length as Java counts it: in units of UTF-16.
pub(crate) fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Removes what `String.trim` does: blanks and ASCII control characters at both ends.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(|c| c <= ' ')
}

/// Whether nothing but blanks is there.
pub(crate) fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c <= ' ' || c.is_whitespace())
}

/// A whole number as `MessageFormat` writes it in English: `1,024`.
pub(crate) fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        text.push('-');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Puts items into the order in which a `HashMap` filled one by one lists its keys. Which of several
/// faults an answer names, and in which order, depends on it.
pub(crate) fn sort_as_hash_map<T>(items: &mut [T], key: impl Fn(&T) -> &str) {
    let size = items.len();
    sort_as_hash_map_of(size, items, key);
}

/// The same for some of the keys of a map that has `size` of them.
pub(crate) fn sort_as_hash_map_of<T>(size: usize, items: &mut [T], key: impl Fn(&T) -> &str) {
    let mut buckets = 16;
    while size * 4 > buckets * 3 {
        buckets *= 2;
    }
    sort_into(items, buckets, key);
}

/// The same for a map filled at once from another one, which sizes its table for what it gets.
pub(crate) fn sort_as_copied_hash_map<T>(items: &mut [T], key: impl Fn(&T) -> &str) {
    sort_as_hash_map(items, &key);
    let buckets = (items.len() * 4).div_ceil(3).max(1).next_power_of_two();
    sort_into(items, buckets, key);
}

/// Keys of one bucket keep their order: Java chains them (up to seven, then it makes a tree).
fn sort_into<T>(items: &mut [T], buckets: usize, key: impl Fn(&T) -> &str) {
    items.sort_by_key(|item| {
        let hash = hash_code(key(item));
        (hash ^ (hash >> 16)) as usize & (buckets - 1)
    });
}

/// `String.hashCode`.
fn hash_code(text: &str) -> u32 {
    text.encode_utf16().fold(0_u32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(u32::from(unit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_measured_as_java_does() {
        assert_eq!(length("a\u{1F600}"), 3);
        assert_eq!(trim("\u{1}\t a \n"), "a");
        assert_eq!(trim("\u{a0}a"), "\u{a0}a");
        assert!(is_blank(" \t\u{2003}"));
        assert!(!is_blank("x"));
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [
            (0, "0"),
            (12, "12"),
            (999, "999"),
            (1000, "1,000"),
            (-1_234_567, "-1,234,567"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn hashes_are_javas() {
        assert_eq!(hash_code("admin"), 92_668_751);
        assert_eq!(hash_code("user"), 3_599_307);
    }
}
