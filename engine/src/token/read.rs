//! Reading tokens of our own: signature first, by the key that `kid` names among the realm's.

use std::collections::BTreeSet;

use claviger_crypto::jws::Unverified;
use claviger_crypto::key_ring::KeyRing;
use claviger_model::session::SessionKind;
use claviger_model::{Millis, Seconds, SessionId, UserId};
use claviger_wire::document::Json;
use serde_json::Value;

use super::{GrantCode, REQUESTED_AUDIENCE};
use crate::gate::{Claim, Part};

/// How many bytes a token's `jti` has at most.
const ID_MAX: usize = 128;

/// Claims that are texts. A number or a flag in place of one is read as its text.
const TEXTS: [&str; 20] = [
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "email",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "phone_number",
    "acr",
    "nonce",
    "at_hash",
    "c_hash",
    "s_hash",
];

/// Whether the claims that have a form of their own have it. A mapper can be set up to write
/// something else there; Keycloak hands such a token out and then refuses it.
fn have_their_forms(all: &Json) -> bool {
    let claim = |name: &&str| all.get(*name).filter(|value| !value.is_null());
    let is_list = |value: &Value| value.is_array() || value.is_null();
    let is_access = |value: &Value| match value {
        Value::Object(access) => access.get("roles").is_none_or(is_list),
        Value::Null => true,
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => false,
    };
    let mut texts = TEXTS.iter().filter_map(claim);
    let origins = claim(&"allowed-origins").is_none_or(is_list);
    let realm = claim(&"realm_access").is_none_or(is_access);
    let bound = claim(&"cnf").is_none_or(Value::is_object);
    let resources = claim(&"resource_access").is_none_or(|value| {
        let clients = value.as_object();
        clients.is_some_and(|clients| clients.values().all(is_access))
    });
    texts.all(|value| !value.is_object() && !value.is_array())
        && origins
        && realm
        && bound
        && resources
}

/// What an access token's `jti` says about the session that it hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// An online session.
    Online,
    /// An offline session.
    Offline,
    /// An online session, whatever the client's part in it: the token was exchanged (RFC 8693).
    OnlineAlone,
    /// An offline session, whatever the client's part in it.
    OfflineAlone,
    /// None: the token stands for itself, as of `client_credentials`.
    Transient,
    /// Not said: a token of an older server. Online is looked for first.
    Unknown,
}

impl Presence {
    /// The kinds of session to look for, in order.
    pub const fn kinds(self) -> &'static [SessionKind] {
        match self {
            Self::Online | Self::OnlineAlone => &[SessionKind::Online],
            Self::Offline | Self::OfflineAlone => &[SessionKind::Offline],
            Self::Transient => &[],
            Self::Unknown => &SessionKind::ALL,
        }
    }
}

/// The claims of a token whose signature is good. Age and issuer are for the caller to judge.
#[derive(Clone, Debug)]
pub struct TokenClaims {
    /// `jti`.
    pub id: String,
    /// `typ`: `Bearer`, `Refresh`, `Offline`, `ID`, ….
    pub kind: String,
    /// `iss`.
    pub issuer: String,
    /// `sub`.
    pub subject: Option<String>,
    /// `azp`: the `clientId` that it was issued to.
    pub issued_for: Option<String>,
    /// `sid`, or `session_state` of older tokens.
    pub session: Option<SessionId>,
    /// `iat`.
    pub issued_at: Seconds,
    /// `exp`; none or zero means never.
    pub expires_at: Option<Seconds>,
    /// `nbf`.
    pub not_before: Option<Seconds>,
    /// `scope`.
    pub scope: Option<String>,
    /// `aud`.
    pub audience: Vec<String>,
    /// All claims as they stand.
    pub all: Json,
}

impl TokenClaims {
    /// Verifies a token against a realm's keys. Anything that is not such a token is `None`:
    /// which of the checks failed is no business of the sender.
    pub fn verify(ring: &KeyRing, text: &str) -> Option<Self> {
        let token = Unverified::parse(text).ok()?;
        let key = ring.verifying(token.header().kid()?, token.header().algorithm()?)?;
        let all = token.verify(key).ok()?.claims().ok()?;
        Some(Self::from_json(all)).filter(Self::can_be_ours)
    }

    /// Whether it could be a token of ours: somebody else may hold a key that the realm has
    /// imported. A claim of another type than ours has would count as missing, and a token without
    /// an end would never be over.
    fn can_be_ours(&self) -> bool {
        let claim = |name: &&str| self.all.get(*name).filter(|value| !value.is_null());
        let texts = ["typ", "iss", "sub", "azp", "sid", "session_state", "scope"];
        let are_texts = texts.iter().filter_map(claim).all(|value| {
            // No column of ours, and so no name, has the character NUL.
            value.as_str().is_some_and(|text| !text.contains('\0'))
        });
        let are_whole = ["exp", "nbf"].iter().filter_map(claim).all(Value::is_i64);
        let is_dated = self.all.get("iat").is_some_and(Value::is_i64);
        let is_named = !self.id.is_empty() && self.id.len() <= ID_MAX && !self.id.contains('\0');
        are_texts && are_whole && is_dated && is_named && have_their_forms(&self.all)
    }

    /// Reads the claims of a payload that somebody has verified.
    pub(crate) fn from_json(all: Json) -> Self {
        let text = |name: &str| all.get(name).and_then(Value::as_str).map(str::to_owned);
        let seconds = |name: &str| all.get(name).and_then(Value::as_i64).map(Seconds);
        let audience = match all.get("aud") {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(many)) => many
                .iter()
                .filter_map(|value| value.as_str().map(str::to_owned))
                .collect(),
            _ => Vec::new(),
        };
        Self {
            id: text("jti").unwrap_or_default(),
            kind: text("typ").unwrap_or_default(),
            issuer: text("iss").unwrap_or_default(),
            subject: text("sub"),
            issued_for: text("azp"),
            session: text("sid")
                .or_else(|| text("session_state"))
                .map(SessionId::new),
            issued_at: seconds("iat").unwrap_or_default(),
            expires_at: seconds("exp").filter(|end| end.0 != 0),
            not_before: seconds("nbf"),
            scope: text("scope"),
            audience,
            all,
        }
    }

    /// Whether the token is neither too old nor too young (RFC 7519 §4.1.4, §4.1.5).
    pub fn is_active(&self, now: Millis) -> bool {
        let now = now.seconds();
        self.expires_at.is_none_or(|end| now < end)
            && self.not_before.is_none_or(|start| start <= now)
    }

    /// A text claim.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.all.get(name)?.as_str()
    }

    /// Whether it is good only together with a proof of possession of a key (RFC 9449 §6).
    pub fn is_bound_to_a_key(&self) -> bool {
        let thumbprint = self.all.get("cnf").and_then(|cnf| cnf.get("jkt"));
        self.kind == "DPoP" || thumbprint.is_some()
    }

    /// Whether it is a refresh token, online or offline.
    pub fn is_refresh(&self) -> bool {
        self.kind == "Refresh" || self.kind == "Offline"
    }

    /// What the session is that this token hangs on: by `typ` for refresh tokens, by the first two
    /// letters of `jti` for access tokens.
    pub fn presence(&self) -> Presence {
        match self.kind.as_str() {
            "Refresh" => return Presence::Online,
            "Offline" => return Presence::Offline,
            _ => {}
        }
        match self.encoded_id().and_then(|letters| letters.get(..2)) {
            Some("on") => Presence::Online,
            Some("of") => Presence::Offline,
            Some("nt") => Presence::OnlineAlone,
            Some("ft") => Presence::OfflineAlone,
            Some("tr") => Presence::Transient,
            _ => Presence::Unknown,
        }
    }

    /// Whether an access token is a lightweight one.
    pub fn is_lightweight(&self) -> bool {
        self.encoded_id().and_then(|letters| letters.get(2..4)) == Some("lt")
    }

    fn encoded_id(&self) -> Option<&str> {
        let (letters, _) = self.id.split_once(':')?;
        (letters.len() == 6).then_some(letters)
    }

    /// Whether an access token was exchanged for another (RFC 8693).
    pub fn is_exchanged(&self) -> bool {
        self.encoded_id().and_then(|letters| letters.get(4..))
            == Some(GrantCode::TokenExchange.as_str())
    }

    /// The clients that it is narrowed to, if it is a refresh token of narrowed access tokens.
    pub fn requested_audience(&self) -> Option<BTreeSet<String>> {
        let names = self.all.get(REQUESTED_AUDIENCE)?.as_array()?;
        let names = names.iter().filter_map(Value::as_str);
        Some(names.map(str::to_owned).collect())
    }

    /// Whether it stands for itself, and hangs on no session.
    pub fn is_stateless(&self) -> bool {
        self.presence() == Presence::Transient && self.session.is_none()
    }

    /// What the gate has to know.
    pub fn claim(&self) -> Claim {
        let part = match self.presence() {
            Presence::OnlineAlone | Presence::OfflineAlone => Part::Spared,
            Presence::Online | Presence::Offline | Presence::Transient | Presence::Unknown => {
                Part::Needed
            }
        };
        Claim {
            part,
            subject: self.subject.clone().map(UserId::new),
            session: self.session.clone(),
            kinds: self.presence().kinds(),
            issued_at: self.issued_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(value: Value) -> TokenClaims {
        let Value::Object(all) = value else {
            panic!("an object")
        };
        TokenClaims::from_json(all)
    }

    #[test]
    fn the_token_id_tells_what_session_to_look_for() {
        let cases = [
            (
                json!({"typ": "Bearer", "jti": "onrtro:1"}),
                Presence::Online,
            ),
            (
                json!({"typ": "Bearer", "jti": "ofrtrt:1"}),
                Presence::Offline,
            ),
            (
                json!({"typ": "Bearer", "jti": "trrtcc:1"}),
                Presence::Transient,
            ),
            (
                json!({"typ": "Bearer", "jti": "ntrtte:1"}),
                Presence::OnlineAlone,
            ),
            (
                json!({"typ": "Bearer", "jti": "ftltte:1"}),
                Presence::OfflineAlone,
            ),
            (
                json!({"typ": "Bearer", "jti": "0af7-11"}),
                Presence::Unknown,
            ),
            (
                json!({"typ": "Offline", "jti": "onrtro:1"}),
                Presence::Offline,
            ),
            (json!({"typ": "Refresh"}), Presence::Online),
        ];
        for (token, expected) in cases {
            assert_eq!(claims(token.clone()).presence(), expected, "{token}");
        }
        assert!(claims(json!({"typ": "Bearer", "jti": "onltro:1"})).is_lightweight());
    }

    #[test]
    fn a_claim_of_another_form_makes_it_no_token() {
        let forms =
            |name: &str, value: Value| have_their_forms(&Json::from_iter([(name.into(), value)]));
        let good = [
            ("email", json!("a@b.example")),
            ("email", json!(7)),
            ("email", Value::Null),
            ("realm_access", json!({"roles": ["a"]})),
            ("realm_access", json!({})),
            ("resource_access", json!({"web": {"roles": []}, "api": {}})),
            ("allowed-origins", json!([])),
            ("cnf", json!({"jkt": "x"})),
            ("whatever", json!([{"x": 1}])),
        ];
        for (name, value) in good {
            assert!(forms(name, value.clone()), "{name} {value}");
        }
        let bad = [
            ("email", json!({"x": 1})),
            ("acr", json!(["1"])),
            ("realm_access", json!("a")),
            ("realm_access", json!({"roles": "a"})),
            ("resource_access", json!([])),
            ("resource_access", json!({"web": "a"})),
            ("allowed-origins", json!("*")),
            ("cnf", json!("x")),
        ];
        for (name, value) in bad {
            assert!(!forms(name, value.clone()), "{name} {value}");
        }
    }

    #[test]
    fn a_token_is_active_up_to_but_not_at_its_end() {
        let token = claims(json!({"exp": 10, "nbf": 5}));
        assert!(!token.is_active(Millis(4_999)));
        assert!(token.is_active(Millis(5_000)));
        assert!(token.is_active(Millis(9_999)));
        assert!(!token.is_active(Millis(10_000)));
        assert!(claims(json!({"exp": 0})).is_active(Millis(i64::MAX)));
    }
}
