//! What mappers look at in tests: Alice, in realm `shop`, at client `app`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use claviger_model::session::SessionKind;
use claviger_model::{
    ClientSession, ClientUuid, GroupId, Millis, RealmId, Seconds, SessionId, User, UserId,
    UserSession,
};
use claviger_store::{Options, RealmRow, Store};
use claviger_wire::document::{Document, Json, Kind};
use claviger_wire::mapper::ProtocolMapper;
use serde_json::Value;

use super::amr::Methods;
use super::{Claims, Mapper, Subject, Target};
use crate::client::Client;
use crate::person::{Membership, Person};
use crate::realm::{Group, Realm};
use crate::scope::RoleNames;
use crate::script::Scripts;

/// Names and what they stand for: a mapper's settings, notes.
pub(super) type Settings<'a> = &'a [(&'a str, &'a str)];

/// A group's name and attributes.
type Named<'a> = (&'a str, &'a [(&'a str, &'a [&'a str])]);

/// Everything that a [`Subject`] borrows.
pub(super) struct World {
    pub(super) realm: Realm,
    pub(super) client: Client,
    pub(super) person: Person,
    pub(super) session: UserSession,
    pub(super) part: ClientSession,
    pub(super) roles: RoleNames,
    pub(super) methods: Methods,
    pub(super) scripts: Scripts,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            realm: realm(&Value::Object(Json::new())),
            client: client(&Value::Object(Json::new())),
            person: Person {
                user: alice(),
                groups: Vec::new(),
                given: Arc::from([]),
                roles: Arc::default(),
            },
            session: session(),
            part: part(),
            roles: RoleNames::default(),
            methods: Methods::default(),
            scripts: Scripts::default(),
        }
    }

    pub(super) fn subject(&self) -> Subject<'_> {
        Subject {
            realm: &self.realm,
            client: &self.client,
            person: &self.person,
            session: &self.session,
            part: &self.part,
            roles: Cow::Borrowed(&self.roles),
            issuer: "http://id.example/realms/shop",
            nonce: None,
            methods: &self.methods,
            scripts: &self.scripts,
            now: Millis(1_700_000_000_000),
        }
    }

    /// Makes Alice a direct member of the last of these groups, each below the one before it.
    pub(super) fn join(&mut self, line: &[Named<'_>]) {
        let path = line.iter().flat_map(|(name, _)| ["/", name]).collect();
        let mut groups = line
            .iter()
            .rev()
            .map(|(name, attributes)| group(name, attributes));
        let group = groups.next().unwrap();
        self.person.groups.push(Membership {
            path,
            group,
            above: groups.collect(),
        });
    }

    /// The claims that mappers make, in the order of application.
    pub(super) fn claims(&self, target: Target, mappers: &[ProtocolMapper]) -> Value {
        let mappers = mappers.iter().cloned().map(Mapper::new).map(Arc::new);
        let mut mappers: Vec<_> = mappers.collect();
        mappers.sort_by_key(|mapper| mapper.priority());
        let mut claims = Claims::default();
        super::apply(&mappers, target, &mut self.subject(), &mut claims);
        Value::Object(claims.into_json())
    }
}

/// A mapper of a kind with settings; empty ones are left out.
pub(super) fn mapper(kind: &str, config: Settings<'_>) -> ProtocolMapper {
    let filled = config.iter().filter(|(_, value)| !value.is_empty());
    ProtocolMapper {
        id: "1".to_owned(),
        name: "mapper".to_owned(),
        protocol: "openid-connect".to_owned(),
        protocol_mapper: kind.to_owned(),
        config: filled
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    }
}

/// The same, ready to be applied.
pub(super) fn ready(kind: &str, config: Settings<'_>) -> Mapper {
    Mapper::new(mapper(kind, config))
}

/// As [`mapper`], switched on for all tokens and answers.
pub(super) fn everywhere(kind: &str, config: Settings<'_>) -> ProtocolMapper {
    let mut mapper = mapper(kind, config);
    let switches = ["access.token.claim", "id.token.claim", "lightweight.claim"];
    mapper
        .config
        .extend(switches.map(|name| (name.to_owned(), "true".to_owned())));
    mapper
}

/// A realm that has what the body says.
pub(super) fn realm(body: &Value) -> Realm {
    static STORE: OnceLock<Store> = OnceLock::new();
    let store = STORE.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime
            .block_on(Store::open(&Options::sqlite_memory()))
            .unwrap()
    });
    let row = RealmRow {
        id: RealmId::new("shop-id"),
        name: "shop".to_owned(),
        enabled: true,
        version: 1,
        body: body.as_object().unwrap().clone(),
    };
    Realm::new(store.clone(), row)
}

/// Client `app` that has what the body says.
pub fn client(body: &Value) -> Client {
    let document = Document {
        kind: Kind::Client,
        id: "app-id".to_owned(),
        parent: String::new(),
        unique_name: "app".to_owned(),
        enabled: true,
        body: body.as_object().unwrap().clone(),
    };
    Client::new(document, Vec::new(), Vec::new(), Vec::new())
}

fn group(name: &str, attributes: &[(&str, &[&str])]) -> Arc<Group> {
    let attributes: Json = attributes
        .iter()
        .map(|(name, values)| ((*name).to_owned(), Value::from(*values)))
        .collect();
    Arc::new(Group {
        id: GroupId::new(name),
        name: name.to_owned(),
        parent: None,
        roles: Vec::new(),
        body: Json::from_iter([("attributes".to_owned(), Value::Object(attributes))]),
    })
}

fn alice() -> User {
    User {
        id: UserId::new("00f039e9-6424-4400-92a4-7b9507b6118d"),
        username: "alice".to_owned(),
        email: Some("alice@shop.example".to_owned()),
        first_name: Some("Alice".to_owned()),
        last_name: Some("Liddell".to_owned()),
        enabled: true,
        email_verified: true,
        created_at: Millis(1_600_000_000_000),
        not_before: Seconds(0),
        service_account_of: None,
        federation_link: None,
        attributes: BTreeMap::new(),
        required_actions: Vec::new(),
    }
}

fn session() -> UserSession {
    UserSession {
        id: SessionId::new("t8y80ee-1CvcD7X6TaLQj8pf"),
        kind: SessionKind::Online,
        user: alice().id,
        started_at: Millis(1_700_000_000_000),
        last_refresh: Millis(1_700_000_000_000),
        expires_at: Millis(1_700_001_800_000),
        remember_me: false,
        ip_address: "192.0.2.1".to_owned(),
        auth_method: "openid-connect".to_owned(),
        base_path: String::new(),
        notes: BTreeMap::new(),
    }
}

fn part() -> ClientSession {
    ClientSession {
        session: session().id,
        kind: SessionKind::Online,
        client: ClientUuid::new("app-id"),
        started_at: Millis(1_700_000_000_000),
        last_refresh: Millis(1_700_000_000_000),
        refresh_token_id: None,
        refresh_token_uses: 0,
        notes: BTreeMap::new(),
    }
}
