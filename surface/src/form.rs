//! Parameters of a request: bounded, in order, and repeated ones told apart from single ones.

/// How many parameters one request may have.
const PARAMETERS_MAX: usize = 200;

/// The parameters of a form or a query.
#[derive(Clone, Debug, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads `application/x-www-form-urlencoded` text. Control characters are dropped, as they
    /// have no place in any parameter and could forge lines of a log.
    pub fn parse(text: &[u8]) -> Self {
        let clean = |text: &str| text.chars().filter(|letter| !letter.is_control()).collect();
        let pairs = form_urlencoded::parse(text).take(PARAMETERS_MAX);
        Self(
            pairs
                .map(|(name, value)| (clean(&name), clean(&value)))
                .collect(),
        )
    }

    /// The first value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether a parameter is there at all, be it empty.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether some parameter comes twice (RFC 6749 §3.2 forbids it).
    pub fn has_repeated(&self) -> bool {
        let mut names: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
            .windows(2)
            .any(|pair| matches!(pair, [one, other] if one == other))
    }

    /// All names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Drops parameters that a rule does not let pass.
    pub fn retain(&mut self, keep: impl Fn(&str, &str) -> bool) {
        self.0.retain(|(name, value)| keep(name, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_parameters_are_noticed_and_the_first_counts() {
        let form = Form::parse(b"username=alice&password=x&username=bob");
        assert_eq!(form.get("username"), Some("alice"));
        assert!(form.has_repeated());
        assert!(!Form::parse(b"a=1&b=1").has_repeated());
    }

    #[test]
    fn control_characters_and_broken_text_do_no_harm() {
        let form = Form::parse(b"username=al%0d%0aice&x=%ff%zz&empty=");
        assert_eq!(form.get("username"), Some("alice"));
        assert_eq!(form.get("x"), Some("\u{fffd}%zz"));
        assert!(form.has("empty"));
    }

    #[test]
    fn the_number_of_parameters_is_bounded() {
        let text = "a=1&".repeat(100_000);
        assert_eq!(Form::parse(text.as_bytes()).iter().count(), PARAMETERS_MAX);
    }
}
