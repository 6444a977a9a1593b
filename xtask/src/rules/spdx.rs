//! Licence expressions as package manifests write them (SPDX 2.3, annex D), and the old `MIT/Apache-2.0`.

/// Whether an expression can be met with the permitted licences alone.
///
/// `None` if it cannot be read.
pub fn permitted(expression: &str, allowed: &[String]) -> Option<bool> {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let mut words = Words {
        words: spaced.split_whitespace().collect(),
        next: 0,
    };
    let verdict = words.any_of(allowed)?;
    (words.next == words.words.len()).then_some(verdict)
}

struct Words<'a> {
    words: Vec<&'a str>,
    next: usize,
}

impl<'a> Words<'a> {
    fn take(&mut self, wanted: &str) -> bool {
        let found = self
            .words
            .get(self.next)
            .is_some_and(|word| word.eq_ignore_ascii_case(wanted));
        self.next += usize::from(found);
        found
    }

    /// `OR` binds least.
    fn any_of(&mut self, allowed: &[String]) -> Option<bool> {
        let mut verdict = self.all_of(allowed)?;
        while self.take("OR") {
            verdict |= self.all_of(allowed)?;
        }
        Some(verdict)
    }

    fn all_of(&mut self, allowed: &[String]) -> Option<bool> {
        let mut verdict = self.one(allowed)?;
        while self.take("AND") {
            verdict &= self.one(allowed)?;
        }
        Some(verdict)
    }

    fn one(&mut self, allowed: &[String]) -> Option<bool> {
        if self.take("(") {
            let verdict = self.any_of(allowed)?;
            return self.take(")").then_some(verdict);
        }
        let mut licence = self.name()?.to_owned();
        if self.take("WITH") {
            licence = format!("{licence} WITH {}", self.name()?);
        }
        Some(allowed.contains(&licence))
    }

    fn name(&mut self) -> Option<&'a str> {
        let word = *self.words.get(self.next)?;
        let is_name = word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-.+".contains(c))
            && !["OR", "AND", "WITH"].contains(&word);
        self.next += 1;
        is_name.then_some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_weighed() {
        let allowed =
            ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "ISC"].map(str::to_owned);
        for (expression, expected) in [
            ("MIT", Some(true)),
            ("GPL-3.0", Some(false)),
            ("MIT OR GPL-3.0", Some(true)),
            ("MIT AND GPL-3.0", Some(false)),
            ("MIT/Apache-2.0", Some(true)),
            ("(GPL-2.0 OR MIT) AND ISC", Some(true)),
            ("GPL-2.0 OR MIT AND OpenSSL", Some(false)),
            ("ISC AND (Apache-2.0 OR ISC) AND OpenSSL", Some(false)),
            ("Apache-2.0 WITH LLVM-exception", Some(true)),
            ("MIT WITH LLVM-exception", Some(false)),
            ("", None),
            ("MIT OR", None),
            ("(MIT", None),
            ("MIT)", None),
            ("MIT Apache-2.0", None),
            ("see LICENSE", None),
        ] {
            assert_eq!(permitted(expression, &allowed), expected, "{expression:?}");
        }
    }
}
