//! Protocol mappers: what puts facts about a user, its roles and its session into tokens.
//!
//! Mapping is pure: everything that a mapper may look at is in [`Subject`], read beforehand. It runs
//! for each token, so it borrows where it can and reads each setting at most once.

use std::borrow::Cow;
use std::sync::Arc;

use crate::client::Client;
use crate::person::Person;
use crate::realm::Realm;
use crate::scope::RoleNames;
use crate::script::Scripts;
use claviger_model::{ClientSession, Millis, UserId, UserSession};

pub(crate) mod acr;
pub mod amr;
mod attribute;
mod audience;
mod claim;
mod claims;
mod claims_parameter;
mod group;
mod kind;
pub mod origin;
mod role;
#[cfg(feature = "scripts")]
mod script;
mod session;
mod step;
mod sub;
#[cfg(test)]
pub(crate) mod testing;

pub use claims::Claims;
use kind::Kind;
pub use step::Mapper;

/// `sub` of a user at a client, as far as the client's own mappers say: what is left to go by when
/// they have to be named after they are gone.
pub fn subject_of(client: &Client, user: &UserId) -> String {
    sub::at_client(client, user)
}

/// The outermost claim that a setting `claim.name` writes into.
pub fn outermost(claim_name: &str) -> Option<Cow<'_, str>> {
    claim::path(claim_name).into_iter().next()
}

/// Which of the token's readers the claims are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// An access token (`access.token.claim`).
    Access,
    /// A lightweight access token (`lightweight.claim`).
    LightweightAccess,
    /// An ID token (`id.token.claim`).
    Id,
    /// The answer of the userinfo endpoint (`userinfo.token.claim`).
    UserInfo,
    /// The answer of the introspection endpoint (`introspection.token.claim`).
    Introspection,
    /// The answer of the token endpoint itself, beside the tokens (`access.tokenResponse.claim`).
    TokenResponse,
}

impl Target {
    /// All of them.
    const ALL: [Self; 6] = [
        Self::Access,
        Self::LightweightAccess,
        Self::Id,
        Self::UserInfo,
        Self::Introspection,
        Self::TokenResponse,
    ];

    /// Its bit in a set of targets.
    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Everything that a mapper may look at.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The realm.
    pub realm: &'a Realm,
    /// The client that the token is for.
    pub client: &'a Client,
    /// The user with groups and roles.
    pub person: &'a Person,
    /// The session, with its notes.
    pub session: &'a UserSession,
    /// The client's part in the session, with its notes.
    pub part: &'a ClientSession,
    /// The names of the roles that the token may carry; mappers rename and add.
    pub roles: Cow<'a, RoleNames>,
    /// The token's `iss`; relative redirect URIs are below the same address.
    pub issuer: &'a str,
    /// `nonce` of the authorization request.
    pub nonce: Option<&'a str>,
    /// The names of methods to sign in; needed only if [`amr::is_wanted`].
    pub methods: &'a amr::Methods,
    /// The scripts of this installation.
    pub scripts: &'a Scripts,
    /// The present.
    pub now: Millis,
}

/// Applies mappers, already in order, to the claims of a token for a target.
///
/// A mapper that cannot do its work (a setting is missing, a value does not convert, a claim is in
/// the way of a nested one) adds nothing; tokens are never refused for it.
pub fn apply(
    mappers: &[Arc<Mapper>],
    target: Target,
    subject: &mut Subject<'_>,
    claims: &mut Claims,
) {
    for mapper in mappers.iter().filter(|mapper| mapper.serves(target)) {
        match mapper.kind {
            Some(kind) => run(kind, mapper, target, subject, claims),
            None => stranger(mapper, target, subject, claims),
        }
    }
    if target != Target::TokenResponse {
        claims.arrange();
    }
}

/// A mapper of a kind that is not ours: a script of this installation, or nothing.
fn stranger(mapper: &Mapper, target: Target, subject: &Subject<'_>, claims: &mut Claims) {
    #[cfg(feature = "scripts")]
    if let Some(script) = subject.scripts.get(&mapper.protocol_mapper) {
        return script::evaluate(script, mapper, target, subject, claims);
    }
    #[cfg(not(feature = "scripts"))]
    let _ = (target, subject, claims);
    tracing::debug!(
        mapper = mapper.name,
        kind = mapper.protocol_mapper,
        "unknown mapper"
    );
}

fn run(
    kind: Kind,
    mapper: &Mapper,
    target: Target,
    subject: &mut Subject<'_>,
    claims: &mut Claims,
) {
    match kind {
        Kind::Sub => sub::user_id(subject, claims),
        Kind::PairwiseSub => sub::pairwise(mapper, subject, claims),
        Kind::Acr => acr::level(subject, claims),
        Kind::Amr => amr::methods(subject, claims),
        Kind::UserAttribute => attribute::attribute(mapper, target, subject, claims),
        Kind::UserProperty => attribute::property(mapper, target, subject, claims),
        Kind::FullName => attribute::full_name(subject, claims),
        Kind::Address => attribute::address(mapper, subject, claims),
        Kind::GroupMembership => group::membership(mapper, target, subject, claims),
        Kind::HardcodedClaim => claim::hardcoded(mapper, target, claims),
        Kind::SessionNote => session::note(mapper, target, subject, claims),
        Kind::SessionState => session::session_state(subject, claims),
        Kind::Nonce => session::nonce(subject, claims),
        Kind::ClaimsParameter => claims_parameter::essential(target, subject, claims),
        Kind::ClaimsParameterValue => claims_parameter::value(mapper, target, subject, claims),
        Kind::Audience => audience::included(mapper, claims),
        Kind::AudienceResolve => audience::resolved(subject, claims),
        Kind::AllowedOrigins => origin::allowed(subject, claims),
        Kind::RoleName => role::rename(mapper, subject),
        Kind::HardcodedRole => role::hardcoded(mapper, subject),
        Kind::RealmRole => role::of_realm(mapper, target, subject, claims),
        Kind::ClientRole => role::of_clients(mapper, target, subject, claims),
        // There are no organizations: membership is empty.
        Kind::Organization => {}
    }
}

#[cfg(test)]
mod tests {
    use claviger_wire::mapper::ProtocolMapper;
    use serde_json::json;

    use super::testing::{World, everywhere, mapper};
    use super::*;

    /// The mappers of Keycloak's default client scopes.
    fn defaults() -> Vec<ProtocolMapper> {
        let attribute = |attribute, claim| {
            let config = [("user.attribute", attribute), ("claim.name", claim)];
            everywhere("oidc-usermodel-attribute-mapper", &config)
        };
        let only_access = |kind, config: &[(&str, &str)]| {
            let config = [
                config,
                &[("access.token.claim", "true"), ("multivalued", "true")],
            ];
            mapper(kind, &config.concat())
        };
        vec![
            attribute("email", "email"),
            everywhere(
                "oidc-usermodel-property-mapper",
                &[
                    ("user.attribute", "emailVerified"),
                    ("claim.name", "email_verified"),
                    ("jsonType.label", "boolean"),
                ],
            ),
            everywhere("oidc-full-name-mapper", &[]),
            attribute("username", "preferred_username"),
            attribute("firstName", "given_name"),
            attribute("lastName", "family_name"),
            attribute("locale", "locale"),
            only_access("oidc-audience-resolve-mapper", &[]),
            only_access(
                "oidc-usermodel-realm-role-mapper",
                &[("claim.name", "realm_access.roles")],
            ),
            only_access(
                "oidc-usermodel-client-role-mapper",
                &[("claim.name", "resource_access.${client_id}.roles")],
            ),
            only_access("oidc-allowed-origins-mapper", &[]),
            everywhere("oidc-acr-mapper", &[]),
            only_access("oidc-sub-mapper", &[]),
            everywhere(
                "oidc-usersessionmodel-note-mapper",
                &[
                    ("user.session.note", "AUTH_TIME"),
                    ("claim.name", "auth_time"),
                    ("jsonType.label", "long"),
                ],
            ),
            mapper(
                "oidc-organization-membership-mapper",
                &[("access.token.claim", "true")],
            ),
            mapper(
                "nobody-knows-this-mapper",
                &[("access.token.claim", "true")],
            ),
        ]
    }

    fn world() -> World {
        let body = json!({"webOrigins": ["+"], "redirectUris": ["http://app.example/*"]});
        let mut world = World {
            client: testing::client(&body),
            ..World::new()
        };
        world
            .session
            .notes
            .insert("AUTH_TIME".into(), "1700000000".into());
        world.roles.realm.insert("customer".into());
        world
            .roles
            .clients
            .entry("account".into())
            .or_default()
            .insert("view-profile".into());
        world
    }

    #[test]
    fn default_scopes_make_keycloaks_claims_in_its_order() {
        let claims = world().claims(Target::Access, &defaults());
        let expected = json!({
            "auth_time": 1_700_000_000,
            "aud": "account",
            "sub": "00f039e9-6424-4400-92a4-7b9507b6118d",
            "acr": "1",
            "allowed-origins": ["http://app.example"],
            "realm_access": {"roles": ["customer"]},
            "resource_access": {"account": {"roles": ["view-profile"]}},
            "email": "alice@shop.example",
            "email_verified": true,
            "name": "Alice Liddell",
            "preferred_username": "alice",
            "given_name": "Alice",
            "family_name": "Liddell",
        });
        assert_eq!(claims.to_string(), expected.to_string());
        let id = world().claims(Target::Id, &defaults());
        let names: Vec<&String> = id.as_object().unwrap().keys().collect();
        let expected = [
            "auth_time",
            "acr",
            "email",
            "email_verified",
            "name",
            "preferred_username",
            "given_name",
            "family_name",
        ];
        assert_eq!(names, expected);
        let user_info = world().claims(Target::UserInfo, &defaults());
        let expected = json!({
            "email": "alice@shop.example",
            "email_verified": true,
            "name": "Alice Liddell",
            "preferred_username": "alice",
            "given_name": "Alice",
            "family_name": "Liddell",
        });
        assert_eq!(user_info, expected);
    }

    #[test]
    fn a_later_sub_replaces_the_users_id() {
        let mappers = [
            everywhere(
                "oidc-hardcoded-claim-mapper",
                &[("claim.name", "sub"), ("claim.value", "me")],
            ),
            everywhere("oidc-sub-mapper", &[]),
        ];
        assert_eq!(
            world().claims(Target::Access, &mappers),
            json!({"sub": "me"})
        );
    }
}
