//! By whom a token is taken or refused: endpoints of nodes, what they publish, APIs with verifiers.

use anyhow::Result;
use serde_json::Value;

use super::caller::Caller;
use super::realm::{API, Door, Session, World};
use super::verifier::Verifier;

/// What was answered about a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    Accepted,
    Refused,
    /// Neither: a verifier knows too little, say.
    Neither(u16),
}

/// One carrier, perhaps with the verifier behind it.
#[derive(Clone, Copy)]
pub enum Carrier<'a> {
    /// RFC 7662, at the nodes where the session did not end.
    Introspection,
    /// OpenID Connect Core §5.3, at the same.
    UserInfo,
    /// The gate, at the same.
    Gate,
    /// The live feed, followed at every node.
    Feed,
    /// The status list, fetched at every node all the time.
    StatusList,
    /// An API that follows the feed, or a status list.
    Api(&'a Verifier),
}

impl<'a> Carrier<'a> {
    /// All that can be measured.
    pub fn all(verifiers: &'a [Verifier]) -> Vec<Self> {
        let mut all = vec![
            Self::Introspection,
            Self::UserInfo,
            Self::Gate,
            Self::Feed,
            Self::StatusList,
        ];
        all.extend(verifiers.iter().map(Self::Api));
        all
    }

    pub fn name(self) -> String {
        match self {
            Self::Introspection => "introspection, other nodes".to_owned(),
            Self::UserInfo => "userinfo, other nodes".to_owned(),
            Self::Gate => "gate, other nodes".to_owned(),
            Self::Feed => "live feed, every node".to_owned(),
            Self::StatusList => "status list, every node".to_owned(),
            Self::Api(verifier) => format!("API, {}", verifier.name),
        }
    }

    /// Whether it asks the server each time: then nothing may be taken after the answer.
    pub const fn asks_each_time(self) -> bool {
        matches!(self, Self::Introspection | Self::UserInfo | Self::Gate)
    }

    /// Whether it tells of what ended by this door: a status list knows no single tokens.
    pub const fn tells_of(self, door: Door) -> bool {
        let lists = match self {
            Self::StatusList => true,
            Self::Api(verifier) => verifier.follows_lists,
            Self::Introspection | Self::UserInfo | Self::Gate | Self::Feed => false,
        };
        !(lists && matches!(door, Door::AccessToken))
    }

    /// Whether it is asked about single tokens, and not listened to.
    pub const fn is_asked(self) -> bool {
        !matches!(self, Self::Feed | Self::StatusList)
    }

    /// The nodes that are asked about a session; one, if it is no node that is asked.
    pub fn places(self, world: &World, session: &Session) -> Vec<usize> {
        if self.asks_each_time() {
            let others = 1..world.nodes.len();
            others.map(|step| session.number + step).collect()
        } else {
            vec![0]
        }
    }

    /// Asks one of them.
    pub fn ask(
        self,
        caller: &Caller,
        world: &World,
        place: usize,
        session: &Session,
    ) -> Result<Said> {
        let status = match self {
            Self::Introspection => {
                let form = format!(
                    "client_id={}&client_secret={}&token={}",
                    API.0, API.1, session.access
                );
                let url = world.url(place, "/protocol/openid-connect/token/introspect");
                let (status, body) = caller.form(&url, &form)?;
                return Ok(match body.get("active").and_then(Value::as_bool) {
                    Some(true) => Said::Accepted,
                    Some(false) => Said::Refused,
                    None => Said::Neither(status),
                });
            }
            Self::UserInfo => {
                let url = world.url(place, "/protocol/openid-connect/userinfo");
                caller.status(&url, &session.access)?
            }
            Self::Gate => {
                let url = world.url(place, "/gate?client_id=app");
                caller.status(&url, &session.access)?
            }
            Self::Api(verifier) => caller.status(&verifier.url, &session.access)?,
            Self::Feed | Self::StatusList => 0,
        };
        Ok(match status {
            200 => Said::Accepted,
            401 => Said::Refused,
            other => Said::Neither(other),
        })
    }
}
