//! The kinds of mappers: their names, their place in the order, and what they serve.

use claviger_wire::mapper::ProtocolMapper;

use super::Target;

/// The kinds of mappers that the server knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Sub,
    PairwiseSub,
    Acr,
    Amr,
    UserAttribute,
    UserProperty,
    FullName,
    Address,
    GroupMembership,
    HardcodedClaim,
    SessionNote,
    SessionState,
    Nonce,
    ClaimsParameter,
    ClaimsParameterValue,
    Audience,
    AudienceResolve,
    AllowedOrigins,
    RoleName,
    HardcodedRole,
    RealmRole,
    ClientRole,
    Organization,
}

/// Unknown mappers stand where Keycloak puts scripts: after everything else.
pub(super) const UNKNOWN_LAST: u32 = 60;

// Sets of targets; a lightweight access token is an access token.
const ACCESS: u8 = 1;
const ID: u8 = 2;
const USER_INFO: u8 = 4;
const INTROSPECTION: u8 = 8;
const RESPONSE: u8 = 16;
const EVERYWHERE: u8 = ACCESS | ID | USER_INFO | INTROSPECTION;

impl Kind {
    /// The kind of a `protocolMapper`.
    pub(super) fn named(protocol_mapper: &str) -> Option<Self> {
        Some(match protocol_mapper {
            "oidc-usermodel-attribute-mapper" => Self::UserAttribute,
            "oidc-usermodel-property-mapper" => Self::UserProperty,
            "oidc-usermodel-realm-role-mapper" => Self::RealmRole,
            "oidc-usermodel-client-role-mapper" => Self::ClientRole,
            "oidc-usersessionmodel-note-mapper" => Self::SessionNote,
            "oidc-full-name-mapper" => Self::FullName,
            "oidc-sub-mapper" => Self::Sub,
            "oidc-acr-mapper" => Self::Acr,
            "oidc-audience-resolve-mapper" => Self::AudienceResolve,
            "oidc-allowed-origins-mapper" => Self::AllowedOrigins,
            "oidc-audience-mapper" => Self::Audience,
            "oidc-group-membership-mapper" => Self::GroupMembership,
            "oidc-hardcoded-claim-mapper" => Self::HardcodedClaim,
            "oidc-address-mapper" => Self::Address,
            "oidc-role-name-mapper" => Self::RoleName,
            "oidc-hardcoded-role-mapper" => Self::HardcodedRole,
            "oidc-amr-mapper" => Self::Amr,
            "oidc-session-state-mapper" => Self::SessionState,
            "oidc-nonce-backwards-compatible-mapper" => Self::Nonce,
            "oidc-claims-param-token-mapper" => Self::ClaimsParameter,
            "oidc-claims-param-value-idtoken-mapper" => Self::ClaimsParameterValue,
            "oidc-sha256-pairwise-sub-mapper" => Self::PairwiseSub,
            "oidc-organization-membership-mapper" | "oidc-organization-group-membership-mapper" => {
                Self::Organization
            }
            _ => return None,
        })
    }

    /// Place in the order of application, lowest first.
    pub(super) const fn priority(self) -> u32 {
        match self {
            Self::Sub => 0,
            Self::RoleName => 20,
            Self::HardcodedRole => 30,
            Self::AudienceResolve => 40,
            Self::RealmRole | Self::ClientRole => 50,
            Self::PairwiseSub
            | Self::Acr
            | Self::Amr
            | Self::UserAttribute
            | Self::UserProperty
            | Self::FullName
            | Self::Address
            | Self::GroupMembership
            | Self::HardcodedClaim
            | Self::SessionNote
            | Self::SessionState
            | Self::Nonce
            | Self::ClaimsParameter
            | Self::ClaimsParameterValue
            | Self::Audience
            | Self::AllowedOrigins
            | Self::Organization => 10,
        }
    }

    /// Targets that this kind can serve at all, whatever its settings say.
    const fn targets(self) -> u8 {
        match self {
            Self::UserAttribute
            | Self::UserProperty
            | Self::FullName
            | Self::Address
            | Self::GroupMembership
            | Self::SessionState
            | Self::RealmRole
            | Self::ClientRole
            | Self::PairwiseSub
            | Self::Organization
            // Keycloak renames and adds roles for the access token alone, but keeps the outcome for
            // the ID token of the same answer; here each token starts from the roles as they are.
            | Self::RoleName
            | Self::HardcodedRole => EVERYWHERE,
            Self::HardcodedClaim | Self::SessionNote => EVERYWHERE | RESPONSE,
            Self::Acr | Self::Audience => ACCESS | ID | INTROSPECTION,
            Self::Sub | Self::AudienceResolve | Self::AllowedOrigins => ACCESS | INTROSPECTION,
            Self::Amr => ACCESS | ID,
            Self::ClaimsParameter => ID | USER_INFO,
            Self::ClaimsParameterValue => ID,
            Self::Nonce => ACCESS,
        }
    }

    /// Whether a mapper of this kind has anything to do for a target.
    pub(super) fn serves(self, target: Target, mapper: &ProtocolMapper) -> bool {
        if self.targets() & bit(target) == 0 {
            return false;
        }
        match self {
            // These have no switches. Roles are renamed whoever reads them afterwards.
            Self::RoleName | Self::HardcodedRole | Self::Nonce | Self::PairwiseSub => true,
            // Older realms have these without switches, which means on.
            Self::AudienceResolve | Self::AllowedOrigins => match target {
                Target::Access => is_set_or(mapper, "access.token.claim", || true),
                Target::Introspection => is_set_or(mapper, "introspection.token.claim", || true),
                Target::LightweightAccess => mapper.is_set("lightweight.claim"),
                Target::Id | Target::UserInfo | Target::TokenResponse => false,
            },
            Self::Sub
            | Self::Acr
            | Self::Amr
            | Self::UserAttribute
            | Self::UserProperty
            | Self::FullName
            | Self::Address
            | Self::GroupMembership
            | Self::HardcodedClaim
            | Self::SessionNote
            | Self::SessionState
            | Self::ClaimsParameter
            | Self::ClaimsParameterValue
            | Self::Audience
            | Self::RealmRole
            | Self::ClientRole
            | Self::Organization => is_switched_on(target, mapper),
        }
    }
}

const fn bit(target: Target) -> u8 {
    match target {
        Target::Access | Target::LightweightAccess => ACCESS,
        Target::Id => ID,
        Target::UserInfo => USER_INFO,
        Target::Introspection => INTROSPECTION,
        Target::TokenResponse => RESPONSE,
    }
}

/// The switch of a target. Userinfo follows the ID token and introspection the access token as long
/// as they have no switch of their own: realms from before these switches stay as they were.
fn is_switched_on(target: Target, mapper: &ProtocolMapper) -> bool {
    let access = || mapper.is_set("access.token.claim");
    let id = || mapper.is_set("id.token.claim");
    match target {
        Target::Access => access(),
        Target::LightweightAccess => mapper.is_set("lightweight.claim"),
        Target::Id => id(),
        Target::UserInfo => is_set_or(mapper, "userinfo.token.claim", id),
        Target::Introspection => is_set_or(mapper, "introspection.token.claim", access),
        Target::TokenResponse => mapper.is_set("access.tokenResponse.claim"),
    }
}

fn is_set_or(mapper: &ProtocolMapper, switch: &str, otherwise: impl FnOnce() -> bool) -> bool {
    mapper.config(switch).map_or_else(otherwise, |text| text == "true")
}

#[cfg(test)]
mod tests {
    use super::super::testing::mapper;
    use super::*;

    const TARGETS: [Target; 6] = [
        Target::Access,
        Target::LightweightAccess,
        Target::Id,
        Target::UserInfo,
        Target::Introspection,
        Target::TokenResponse,
    ];

    fn served(kind: &str, config: &[(&str, &str)]) -> Vec<Target> {
        let mapper = mapper(kind, config);
        let kind = Kind::named(kind).unwrap();
        TARGETS.into_iter().filter(|target| kind.serves(*target, &mapper)).collect()
    }

    #[test]
    fn switches_and_what_holds_without_them() {
        use Target::{Access, Id, Introspection, LightweightAccess, TokenResponse, UserInfo};
        let attribute = "oidc-usermodel-attribute-mapper";
        let all = [
            ("access.token.claim", "true"),
            ("id.token.claim", "true"),
            ("userinfo.token.claim", "true"),
            ("introspection.token.claim", "true"),
            ("lightweight.claim", "true"),
            ("access.tokenResponse.claim", "true"),
        ];
        let cases: [(&str, &[(&str, &str)], &[Target]); 16] = [
            (attribute, &[], &[]),
            (attribute, &[("access.token.claim", "true")], &[Access, Introspection]),
            (attribute, &[("id.token.claim", "true")], &[Id, UserInfo]),
            (attribute, &[("id.token.claim", "true"), ("userinfo.token.claim", "false")], &[Id]),
            (
                attribute,
                &[("access.token.claim", "true"), ("introspection.token.claim", "false")],
                &[Access],
            ),
            (attribute, &[("lightweight.claim", "true")], &[LightweightAccess]),
            (attribute, &[("access.token.claim", "TRUE")], &[]),
            (attribute, &all, &[Access, LightweightAccess, Id, UserInfo, Introspection]),
            (
                "oidc-hardcoded-claim-mapper",
                &[("access.tokenResponse.claim", "true")],
                &[TokenResponse],
            ),
            ("oidc-sub-mapper", &all, &[Access, LightweightAccess, Introspection]),
            ("oidc-amr-mapper", &all, &[Access, LightweightAccess, Id]),
            ("oidc-claims-param-token-mapper", &all, &[Id, UserInfo]),
            ("oidc-audience-resolve-mapper", &[], &[Access, Introspection]),
            ("oidc-allowed-origins-mapper", &[("access.token.claim", "false")], &[Introspection]),
            ("oidc-nonce-backwards-compatible-mapper", &[], &[Access, LightweightAccess]),
            (
                "oidc-role-name-mapper",
                &[],
                &[Access, LightweightAccess, Id, UserInfo, Introspection],
            ),
        ];
        for (kind, config, expected) in cases {
            assert_eq!(served(kind, config), expected, "{kind} {config:?}");
        }
    }

    #[test]
    fn roles_are_renamed_and_added_before_anyone_reads_them() {
        let order = [
            "oidc-sub-mapper",
            "oidc-sha256-pairwise-sub-mapper",
            "oidc-role-name-mapper",
            "oidc-hardcoded-role-mapper",
            "oidc-audience-resolve-mapper",
            "oidc-usermodel-client-role-mapper",
            "script-from-elsewhere",
        ];
        assert!(order.map(super::super::priority).is_sorted_by(|one, next| one < next));
    }
}
