//! By whom an access token is taken or refused: the server's endpoints, what it publishes, and APIs.

mod list;

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use anyhow::Context as _;
use claviger_crypto::jwk::JwkSet;
use claviger_outbound::Answer;
use serde_json::Value;
use url::form_urlencoded::byte_serialize;

use super::door::Door;
use super::site::{Holder, Session, Site, said};
pub use list::verified;

/// Records of the live feed in one answer, and how long one waits for them, in seconds.
const PAGE: &str = "limit=10000";
const WAIT: u64 = 20;

/// What kind of answer somebody gave to a token.
pub enum Said {
    /// It is good.
    Accepts,
    /// It is not.
    Refuses,
    /// Neither: a status, and what came with it.
    Neither(u16, String),
}

/// What was found before anything ended.
pub enum Before {
    /// The token is taken.
    Ready,
    /// The carrier is off, or cannot be asked; how to change that.
    Absent(String),
    /// It should have taken the token, and did not.
    Failed(String),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Introspection,
    UserInfo,
    Gate,
    Feed,
    StatusList,
    Api,
}

/// Somebody who is asked about one session's token.
pub struct Carrier<'a> {
    kind: Kind,
    site: &'a Site<'a>,
    /// The node's or the API's address.
    pub at: &'a str,
    holder: &'a Holder,
    session: &'a Session,
    keys: &'a JwkSet,
    /// How far the feed was read; less than nothing at first.
    since: AtomicI64,
    /// Whether the feed told of the token: it does so once.
    is_told: AtomicBool,
}

/// Everybody who is to be asked.
pub fn all<'a>(
    sites: &'a [Site<'a>],
    apis: &'a [String],
    holder: &'a Holder,
    session: &'a Session,
    keys: &'a JwkSet,
) -> Vec<Carrier<'a>> {
    let carrier = |kind, site, at| Carrier {
        kind,
        site,
        at,
        holder,
        session,
        keys,
        since: AtomicI64::new(-1),
        is_told: AtomicBool::new(false),
    };
    let mut all = Vec::new();
    for site in sites {
        for kind in [
            Kind::Introspection,
            Kind::UserInfo,
            Kind::Gate,
            Kind::Feed,
            Kind::StatusList,
        ] {
            all.push(carrier(kind, site, site.base));
        }
    }
    let first = sites.first();
    let apis = apis.iter().zip(first.into_iter().cycle());
    all.extend(apis.map(|(url, site)| carrier(Kind::Api, site, url)));
    all
}

impl Carrier<'_> {
    /// What it is called.
    pub const fn name(&self) -> &'static str {
        match self.kind {
            Kind::Introspection => "introspection",
            Kind::UserInfo => "userinfo",
            Kind::Gate => "gate",
            Kind::Feed => "live feed",
            Kind::StatusList => "status list",
            Kind::Api => "api",
        }
    }

    /// Why it does not tell of what ends by this door; none if it does.
    pub fn is_silent_about(&self, door: Door) -> Option<&'static str> {
        let is_silent = self.kind == Kind::StatusList && !door.ends_the_session();
        is_silent.then_some("a status list tells of sessions, not of single tokens")
    }

    /// Asks while the token is good, and finds out whether it can be asked at all.
    pub async fn before(&self) -> Before {
        if self.holder.secret.is_none() && matches!(self.kind, Kind::Introspection | Kind::Feed) {
            let how = "answers confidential clients alone: give --client-secret:env";
            return Before::Absent(how.to_owned());
        }
        if self.kind == Kind::StatusList && !self.session.claims.contains_key("status") {
            let how = "off: set the client's attribute status.list.enabled to true";
            return Before::Absent(how.to_owned());
        }
        match self.ask().await {
            Ok(Said::Accepts) => Before::Ready,
            Ok(Said::Refuses) => {
                let hint = match self.kind {
                    Kind::Introspection => ": is the client in the token's audience?",
                    Kind::Api => ": is the token for this API? (--audience)",
                    Kind::UserInfo | Kind::Gate | Kind::Feed | Kind::StatusList => "",
                };
                Before::Failed(format!("refuses the token before the logout{hint}"))
            }
            Ok(Said::Neither(403 | 404, _)) if self.kind == Kind::Gate => Before::Absent(
                "off: set the realm's attribute gateway.check.enabled to true".to_owned(),
            ),
            Ok(Said::Neither(403 | 404, _)) if self.kind == Kind::Feed => Before::Absent(
                "off: set the client's attribute revocation.feed.enabled to true".to_owned(),
            ),
            Ok(Said::Neither(_, told)) => {
                Before::Failed(format!("answers {told} before the logout"))
            }
            Err(error) => Before::Failed(format!("{error:#}")),
        }
    }

    /// Asks about the token.
    pub async fn ask(&self) -> anyhow::Result<Said> {
        match self.kind {
            Kind::Introspection => self.introspect().await,
            Kind::UserInfo => {
                let url = self.site.url("/protocol/openid-connect/userinfo");
                self.bearing(&url).await
            }
            Kind::Gate => self.gate().await,
            Kind::Feed => self.feed().await,
            Kind::StatusList => self.list().await,
            Kind::Api => self.bearing(self.at).await,
        }
    }

    /// Whether an API answers with success to whoever brings no token at all.
    pub async fn is_open_to_all(&self) -> bool {
        let asked = self.site.get(self.at, &[]);
        self.kind == Kind::Api
            && asked
                .await
                .is_ok_and(|answer| (200..300).contains(&answer.status))
    }

    /// A GET with the bearer token (RFC 6750 §2.1).
    async fn bearing(&self, url: &str) -> anyhow::Result<Said> {
        let answer = self.with_token(url).await?;
        Ok(match answer.status {
            200..300 => Said::Accepts,
            401 | 403 => Said::Refuses,
            status => Said::Neither(status, said(&answer)),
        })
    }

    async fn gate(&self) -> anyhow::Result<Said> {
        let client: String = byte_serialize(self.holder.client.as_bytes()).collect();
        let url = self.site.url(&format!("/gate?client_id={client}"));
        let answer = self.with_token(&url).await?;
        Ok(match answer.status {
            200 => Said::Accepts,
            401 => Said::Refuses,
            status => Said::Neither(status, said(&answer)),
        })
    }

    async fn with_token(&self, url: &str) -> anyhow::Result<Answer> {
        let bearer = format!("Bearer {}", self.session.access.reveal());
        self.site.get(url, &[("authorization", &bearer)]).await
    }

    async fn introspect(&self) -> anyhow::Result<Said> {
        let mut form = vec![("token", self.session.access.reveal())];
        form.extend(self.holder.own());
        let answer = self.site.post("token/introspect", &form).await?;
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let active = body.get("active").and_then(Value::as_bool);
        Ok(match (answer.status, active) {
            (200, Some(true)) => Said::Accepts,
            (200, Some(false)) => Said::Refuses,
            (status, _) => Said::Neither(status, said(&answer)),
        })
    }

    /// Reads on behind what was read before; at first, everything.
    async fn feed(&self) -> anyhow::Result<Said> {
        let basic = self.holder.basic().context("the client has no secret")?;
        let headers = [("authorization", basic.reveal())];
        loop {
            if self.is_told.load(Ordering::Relaxed) {
                return Ok(Said::Refuses);
            }
            let since = self.since.load(Ordering::Relaxed);
            let behind = if since < 0 {
                PAGE.to_owned()
            } else {
                format!("since={since}&wait={WAIT}&{PAGE}")
            };
            let url = self.site.url(&format!("/revocations?{behind}"));
            let answer = self.site.get(&url, &headers).await?;
            if answer.status != 200 {
                return Ok(Said::Neither(answer.status, said(&answer)));
            }
            let feed: Value = serde_json::from_slice(&answer.body).context("the feed's answer")?;
            let number = |name: &str| feed.get(name).and_then(Value::as_i64);
            let next = number("next").context("the feed's answer has no next")?;
            self.since.store(next, Ordering::Relaxed);
            let records = feed.get("records").and_then(Value::as_array);
            let mut records = records.into_iter().flatten();
            let is_told = records.any(|record| is_about(record, self.session));
            self.is_told.store(is_told, Ordering::Relaxed);
            if !is_told && number("head").is_none_or(|head| next >= head) {
                return Ok(Said::Accepts);
            }
        }
    }

    async fn list(&self) -> anyhow::Result<Said> {
        let place = list::Place::of(self.session)?;
        let url = self.site.url(&format!("/status-lists/{}", place.number));
        let accept = [("accept", "application/statuslist+jwt")];
        let answer = self.site.get(&url, &accept).await?;
        if answer.status != 200 {
            return Ok(Said::Neither(answer.status, said(&answer)));
        }
        Ok(if place.is_set(&answer.body, self.keys)? {
            Said::Refuses
        } else {
            Said::Accepts
        })
    }
}

/// Whether a record means the token: docs/logout.md.
fn is_about(record: &Value, session: &Session) -> bool {
    let keys = [
        ("sid", "sid"),
        ("sub", "sub"),
        ("client_id", "azp"),
        ("jti", "jti"),
    ];
    let fits = keys.iter().all(|(key, claim)| {
        let key = record.get(key).and_then(Value::as_str);
        key.is_none_or(|key| key == session.claim(claim))
    });
    let before = record.get("before_ms").and_then(Value::as_i64);
    let issued = session.claims.get("iat").and_then(Value::as_i64);
    let is_before = issued
        .zip(before)
        .is_some_and(|(issued, before)| issued.saturating_mul(1000) <= before);
    fits && is_before
}

#[cfg(test)]
mod tests {
    use claviger_model::Secret;
    use serde_json::json;

    use super::*;

    #[test]
    fn records_mean_tokens_that_have_all_their_keys_and_are_old_enough() {
        let claims = json!({"sid": "s", "sub": "u", "azp": "c", "jti": "t", "iat": 10});
        let session = Session {
            access: Secret::default(),
            refresh: Secret::default(),
            claims: claims.as_object().unwrap().clone(),
        };
        let cases = [
            (json!({"before_ms": 10_000}), true),
            (json!({"before_ms": 9_999}), false),
            (json!({}), false),
            (json!({"sid": "s", "before_ms": 10_000}), true),
            (
                json!({"sid": "s", "client_id": "c", "before_ms": 10_000}),
                true,
            ),
            (
                json!({"sid": "s", "client_id": "d", "before_ms": 10_000}),
                false,
            ),
            (json!({"sub": "u", "before_ms": 10_500}), true),
            (json!({"jti": "other", "before_ms": 10_500}), false),
        ];
        for (record, expected) in cases {
            assert_eq!(is_about(&record, &session), expected, "{record}");
        }
    }
}
