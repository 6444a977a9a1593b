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
pub(super) fn is_switched_on(target: Target, mapper: &ProtocolMapper) -> bool {
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
    mapper
        .config(switch)
        .map_or_else(otherwise, |text| text == "true")
}

#[cfg(test)]
mod tests {
    use super::super::Mapper;
    use super::super::testing::mapper;
    use super::*;

    /// A letter for each target, and its switch.
    const TARGETS: [(char, Target, &str); 6] = [
        ('a', Target::Access, "access.token.claim"),
        ('l', Target::LightweightAccess, "lightweight.claim"),
        ('i', Target::Id, "id.token.claim"),
        ('u', Target::UserInfo, "userinfo.token.claim"),
        ('x', Target::Introspection, "introspection.token.claim"),
        ('r', Target::TokenResponse, "access.tokenResponse.claim"),
    ];

    /// What a mapper serves with some switches on, some off, and the others absent.
    fn served(kind: &str, on: &str, off: &str) -> String {
        let setting = |(letter, _, switch): &(char, Target, &'static str)| {
            let value = match (on.contains(*letter), off.contains(*letter)) {
                (true, _) => "true",
                (_, true) => "false",
                _ => "",
            };
            (*switch, value)
        };
        let config: Vec<_> = TARGETS.iter().map(setting).collect();
        let mapper = mapper(kind, &config);
        let kind = Kind::named(kind).unwrap();
        let served = TARGETS
            .iter()
            .filter(|(_, target, _)| kind.serves(*target, &mapper));
        served.map(|(letter, ..)| letter).collect()
    }

    #[test]
    fn switches_and_what_holds_without_them() {
        let cases = [
            ("oidc-usermodel-attribute-mapper", "", "", ""),
            ("oidc-usermodel-attribute-mapper", "a", "", "ax"),
            ("oidc-usermodel-attribute-mapper", "i", "", "iu"),
            ("oidc-usermodel-attribute-mapper", "i", "u", "i"),
            ("oidc-usermodel-attribute-mapper", "a", "x", "a"),
            ("oidc-usermodel-attribute-mapper", "l", "", "l"),
            ("oidc-usermodel-attribute-mapper", "aliuxr", "", "aliux"),
            ("oidc-hardcoded-claim-mapper", "aliuxr", "", "aliuxr"),
            ("oidc-usersessionmodel-note-mapper", "r", "", "r"),
            ("oidc-sub-mapper", "aliuxr", "", "alx"),
            ("oidc-acr-mapper", "aliuxr", "", "alix"),
            ("oidc-audience-mapper", "aliuxr", "", "alix"),
            ("oidc-amr-mapper", "aliuxr", "", "ali"),
            ("oidc-claims-param-token-mapper", "aliuxr", "", "iu"),
            ("oidc-claims-param-value-idtoken-mapper", "aliuxr", "", "i"),
            ("oidc-audience-resolve-mapper", "", "", "ax"),
            ("oidc-audience-resolve-mapper", "l", "ax", "l"),
            ("oidc-allowed-origins-mapper", "i", "a", "x"),
            ("oidc-nonce-backwards-compatible-mapper", "", "aliuxr", "al"),
            ("oidc-role-name-mapper", "", "aliuxr", "aliux"),
            ("oidc-sha256-pairwise-sub-mapper", "", "aliuxr", "aliux"),
        ];
        for (kind, on, off, expected) in cases {
            assert_eq!(served(kind, on, off), expected, "{kind} on {on} off {off}");
        }
    }

    #[test]
    fn a_switch_is_on_if_it_says_true_and_nothing_else() {
        for value in ["TRUE", "on", "1", " true"] {
            let mapper = mapper("oidc-sub-mapper", &[("access.token.claim", value)]);
            assert!(!Kind::Sub.serves(Target::Access, &mapper), "{value}");
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
        assert!(
            order
                .map(|kind| Mapper::new(mapper(kind, &[])).priority())
                .is_sorted_by(|one, next| one < next)
        );
    }
}
