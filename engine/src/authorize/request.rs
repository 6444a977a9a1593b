//! The parameters of an authorization request, wherever they stand: in the query or form, in a
//! request object (RFC 9101), or in a request that was pushed (RFC 9126).

use std::collections::{BTreeMap, BTreeSet};

use claviger_wire::document::Json;
use serde_json::Value;

use crate::required_action;

/// How many characters a parameter has at most; a longer one counts as absent, as in Keycloak.
const LENGTH_MAX: usize = 4_000;
/// The same of `login_hint`: as long as a name may be.
const LOGIN_HINT_MAX: usize = 255;
/// How many parameters are kept that nobody here knows.
const FURTHER_MAX: usize = 5;
/// How many characters each of these has at most.
const FURTHER_LENGTH_MAX: usize = 2_000;

/// Parameters that mean something here.
const KNOWN: [&str; 19] = [
    "client_id",
    "response_type",
    "response_mode",
    "redirect_uri",
    "state",
    "scope",
    "resource",
    "login_hint",
    "prompt",
    "kc_idp_hint",
    "kc_action",
    "nonce",
    "max_age",
    "claims",
    "acr_values",
    "display",
    "ui_locales",
    "code_challenge",
    "code_challenge_method",
];
/// The thumbprint of the key that a code is bound to (RFC 9449 §10).
const DPOP_JKT: &str = "dpop_jkt";
/// Parameters that are not kept: they lead to others, or prove who the client is.
const NOT_KEPT: [&str; 5] = [
    "request",
    "request_uri",
    "client_assertion",
    "client_assertion_type",
    "client_secret",
];
/// The prefix under which unknown parameters are kept for steps of the flow.
const FURTHER_PREFIX: &str = "client_request_param_";

/// How parameters from a second place relate to those that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precedence {
    /// They win, and leave the others as they are (OpenID Connect Core §6.1).
    Wins,
    /// They alone count (RFC 9101 §6.3).
    Alone,
}

/// What is wrong with a request, to be told where the client registered to be answered.
pub type Fault = &'static str;

/// What a client asks for.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AuthorizationRequest {
    known: BTreeMap<&'static str, String>,
    further: BTreeMap<String, String>,
    fault: Option<Fault>,
    pushed: Option<String>,
}

/// `state`, `nonce` and hints are not for logs.
impl std::fmt::Debug for AuthorizationRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthorizationRequest")
            .field("known", &self.known.keys())
            .field("further", &self.further.keys())
            .field("fault", &self.fault)
            .field("pushed", &self.pushed.is_some())
            .finish()
    }
}

impl AuthorizationRequest {
    /// Reads parameters as they came in. One that comes twice is a fault (RFC 6749 §3.1); its first
    /// value tells where the fault may be told.
    pub fn from_pairs<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut request = Self::default();
        let mut seen = BTreeSet::new();
        for (name, value) in pairs {
            if seen.insert(name) {
                request.put(name, value);
            } else {
                request.fault = Some("duplicated parameter");
            }
        }
        request
    }

    /// Reads the members of a request object. What is neither text nor a number or flag is kept as
    /// JSON: `claims` is an object there.
    pub fn from_claims(claims: &Json) -> Self {
        let mut request = Self::default();
        for (name, value) in claims {
            match value {
                Value::Null => request.put(name, "null"),
                Value::String(text) => request.put(name, text),
                Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                    request.put(name, &value.to_string());
                }
            }
        }
        request
    }

    fn put(&mut self, name: &str, value: &str) {
        let value: String = value
            .chars()
            .filter(|letter| !letter.is_ascii_control())
            .collect();
        let length = value.chars().count();
        let known = KNOWN.into_iter().chain([DPOP_JKT]);
        if let Some(name) = known.into_iter().find(|known| *known == name) {
            let max = if name == "login_hint" {
                LOGIN_HINT_MAX
            } else {
                LENGTH_MAX
            };
            if length <= max {
                self.known.insert(name, value);
            } else {
                tracing::warn!(
                    "the parameter {name} has more than {max} characters and is ignored"
                );
            }
            return;
        }
        let is_kept = !NOT_KEPT.contains(&name)
            && !value.trim().is_empty()
            && self.further.len() < FURTHER_MAX
            && length <= FURTHER_LENGTH_MAX
            && name.len() <= FURTHER_LENGTH_MAX;
        if is_kept {
            self.further.insert(name.to_owned(), value);
        }
    }

    /// Takes over what stands in a second place.
    ///
    /// # Errors
    ///
    /// Another client in each place.
    pub fn take(&mut self, other: Self, precedence: Precedence) -> Result<(), OtherClient> {
        let differs = |name: &str| match (self.get(name), other.get(name)) {
            (Some(one), Some(other)) => one != other,
            (None, _) | (_, None) => false,
        };
        if differs("client_id") {
            return Err(OtherClient);
        }
        match precedence {
            Precedence::Wins => {
                if differs("response_type") {
                    self.fault = Some("Parameter response_type does not match");
                }
                self.known.extend(other.known);
                for (name, value) in other.further {
                    if self.further.len() < FURTHER_MAX || self.further.contains_key(&name) {
                        self.further.insert(name, value);
                    }
                }
            }
            Precedence::Alone => {
                let kept = ["client_id", "response_type"];
                self.known.retain(|name, _| kept.contains(name));
                self.known.extend(other.known);
                self.further.extend(other.further);
            }
        }
        Ok(())
    }

    /// A parameter that means something here.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.known.get(name).map(String::as_str)
    }

    /// What is wrong with it as a whole.
    pub const fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Finds a fault, if there is none yet.
    pub fn blame(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }

    /// The `request_uri` of the pushed request that it came from.
    pub fn pushed(&self) -> Option<&str> {
        self.pushed.as_deref()
    }

    pub(super) fn set_pushed(&mut self, request_uri: &str) {
        self.pushed = Some(request_uri.to_owned());
    }

    /// `max_age` in seconds.
    ///
    /// # Errors
    ///
    /// The text that is no number.
    pub fn max_age(&self) -> Result<Option<i32>, &str> {
        match self.get("max_age") {
            None => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| text),
        }
    }

    /// Whether `prompt` has a word.
    pub fn has_prompt(&self, word: &str) -> bool {
        crate::scope::has_word(self.get("prompt"), word)
    }

    /// What is remembered of it until the answer, by Keycloak's names.
    pub fn notes(&self) -> BTreeMap<String, String> {
        let mut notes = BTreeMap::new();
        for (name, value) in &self.known {
            match *name {
                "client_id" => {}
                "kc_action" => required_action::ask(&mut notes, value),
                name => {
                    notes.insert(name.to_owned(), value.clone());
                }
            }
        }
        for (name, value) in &self.further {
            notes.insert(format!("{FURTHER_PREFIX}{name}"), value.clone());
        }
        if let Some(uri) = &self.pushed {
            notes.insert(super::PUSHED.to_owned(), uri.clone());
        }
        notes
    }

    /// All parameters, to be kept by whoever pushed them.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let known = self.known.iter().map(|(name, value)| (*name, &**value));
        known.chain(self.further.iter().map(|(name, value)| (&**name, &**value)))
    }
}

/// Two places name two clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The client_id parameter doesn't match the one from OIDC 'request' or 'request_uri'")]
pub struct OtherClient;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn request(pairs: &[(&str, &str)]) -> AuthorizationRequest {
        AuthorizationRequest::from_pairs(pairs.iter().copied())
    }

    #[test]
    fn a_parameter_that_comes_twice_is_a_fault_whatever_it_means() {
        for name in ["state", "scope", "redirect_uri", "request", "unheard-of"] {
            let request = request(&[(name, "a"), (name, "a")]);
            assert_eq!(request.fault(), Some("duplicated parameter"), "{name}");
        }
        assert_eq!(request(&[("state", "a"), ("State", "b")]).fault(), None);
    }

    #[test]
    fn what_is_too_long_counts_as_absent() {
        let long = "x".repeat(4_001);
        assert_eq!(request(&[("state", &long)]).get("state"), None);
        assert_eq!(
            request(&[("state", &long[1..])]).get("state"),
            Some(&long[1..])
        );
        let hint = "x".repeat(256);
        assert_eq!(request(&[("login_hint", &hint)]).get("login_hint"), None);
        assert!(
            request(&[("login_hint", &hint[1..])])
                .get("login_hint")
                .is_some()
        );
        let further = "x".repeat(2_001);
        assert!(request(&[("mine", &further)]).notes().is_empty());
        assert_eq!(request(&[("mine", &further[1..])]).notes().len(), 1);
    }

    #[test]
    fn five_unknown_parameters_are_kept_and_no_secrets() {
        let many: Vec<(String, String)> = (0..9).map(|n| (format!("p{n}"), "v".into())).collect();
        let pairs = many.iter().map(|(name, value)| (&**name, &**value));
        assert_eq!(AuthorizationRequest::from_pairs(pairs).notes().len(), 5);
        let secret = request(&[
            ("client_secret", "s"),
            ("client_assertion", "a"),
            ("blank", " "),
        ]);
        assert!(secret.notes().is_empty());
    }

    #[test]
    fn control_characters_are_dropped() {
        let request = request(&[("state", "a\r\nSet-Cookie: x\0")]);
        assert_eq!(request.get("state"), Some("aSet-Cookie: x"));
    }

    #[test]
    fn an_object_wins_or_counts_alone() {
        let outer = request(&[("client_id", "a"), ("state", "outer"), ("nonce", "n")]);
        let claims = json!({"state": "inner", "max_age": 5, "claims": {"id_token": null}});
        let inner = AuthorizationRequest::from_claims(claims.as_object().unwrap());
        let mut both = outer.clone();
        both.take(inner.clone(), Precedence::Wins).unwrap();
        assert_eq!(both.get("state"), Some("inner"));
        assert_eq!(both.get("nonce"), Some("n"));
        assert_eq!(both.max_age(), Ok(Some(5)));
        assert_eq!(both.get("claims"), Some(r#"{"id_token":null}"#));
        let mut alone = outer;
        alone.take(inner, Precedence::Alone).unwrap();
        assert_eq!(alone.get("nonce"), None);
        assert_eq!(alone.get("client_id"), Some("a"));
    }

    #[test]
    fn two_places_name_one_client_and_one_response_type() {
        let mut outer = request(&[("client_id", "a"), ("response_type", "code")]);
        let foreign = request(&[("client_id", "b")]);
        assert_eq!(outer.take(foreign, Precedence::Wins), Err(OtherClient));
        let other = request(&[("client_id", "a"), ("response_type", "token")]);
        outer.take(other, Precedence::Wins).unwrap();
        assert_eq!(
            outer.fault(),
            Some("Parameter response_type does not match")
        );
    }

    #[test]
    fn an_action_brings_its_parameter() {
        let notes = request(&[("kc_action", "delete_credential:id:rest")]).notes();
        assert_eq!(notes["kc_action"], "delete_credential");
        assert_eq!(notes["kc_action_parameter"], "id");
    }

    proptest! {
        #[test]
        fn whatever_comes_is_bounded(
            pairs in prop::collection::vec((".{0,20}", ".{0,50}"), 0..40)
        ) {
            let pairs = pairs.iter().map(|(name, value)| (&**name, &**value));
            let notes = AuthorizationRequest::from_pairs(pairs).notes();
            prop_assert!(notes.len() <= KNOWN.len() + 2 + FURTHER_MAX);
            prop_assert!(notes.values().all(|value| value.chars().all(|c| !c.is_ascii_control())));
        }
    }
}
