//! Configuration as it is kept: documents in Keycloak's own JSON, and links between them.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

/// A JSON object that keeps the order of its members.
pub type Json = serde_json::Map<String, Value>;

/// A name of a [`Kind`] or [`LinkKind`] that nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown kind `{0}`")]
pub struct UnknownKind(pub String);

/// Declares a closed set of names with their spelling in the database.
macro_rules! names {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name, as it stands in the database.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl FromStr for $name {
            type Err = UnknownKind;
            fn from_str(text: &str) -> Result<Self, UnknownKind> {
                match text {
                    $($text => Ok(Self::$variant),)*
                    other => Err(UnknownKind(other.to_owned())),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

names! {
    /// What a document describes.
    Kind {
        /// `ClientRepresentation` without its scopes; mappers inside.
        Client = "client",
        /// `ClientScopeRepresentation`; mappers inside.
        ClientScope = "client_scope",
        /// `RoleRepresentation` of a realm role (parent `""`) or client role (parent: the client).
        Role = "role",
        /// `GroupRepresentation` without roles and children; parent `""` or the group above.
        Group = "group",
        /// The same within an organization; parent: the organization or the group above.
        OrganizationGroup = "organization_group",
        /// `ComponentRepresentation`: keys, user storage, client registration policies, profile.
        Component = "component",
        /// `AuthenticationFlowRepresentation` with its executions.
        Flow = "flow",
        /// `AuthenticatorConfigRepresentation`: settings of an execution.
        AuthenticatorConfig = "authenticator_config",
        /// `RequiredActionProviderRepresentation`.
        RequiredAction = "required_action",
        /// `IdentityProviderRepresentation`; the id is its `internalId`.
        IdentityProvider = "identity_provider",
        /// `IdentityProviderMapperRepresentation`.
        IdentityProviderMapper = "identity_provider_mapper",
        /// A stream of shared signals; parent: the client that receives it.
        SignalStream = "signal_stream",
    }
}

names! {
    /// What a link means.
    LinkKind {
        /// Role → role that it contains.
        Composite = "composite",
        /// Group → role that its members have.
        GroupRole = "group_role",
        /// Client or client scope → role that its tokens may carry.
        ScopeMapping = "scope_mapping",
        /// Client → client scope that always applies.
        DefaultScope = "default_scope",
        /// Client → client scope that applies when asked for.
        OptionalScope = "optional_scope",
        /// Realm → client scope that new clients get as default scope.
        RealmDefaultScope = "realm_default_scope",
        /// Realm → client scope that new clients get as optional scope.
        RealmOptionalScope = "realm_optional_scope",
        /// Realm → group that new users join.
        DefaultGroup = "default_group",
        /// Organization → group within it.
        OrganizationGroup = "organization_group",
    }
}

/// One piece of a realm's configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// What it is.
    pub kind: Kind,
    /// UUID text; unique within realm and kind.
    pub id: String,
    /// The id of what it belongs to, `""` at the top (components: the realm's id).
    pub parent: String,
    /// Unique within realm, kind and parent: `clientId`, `name`, `alias`, or the id where names
    /// may repeat.
    pub unique_name: String,
    /// Whether it is switched on; true where there is no switch.
    pub enabled: bool,
    /// The representation; members that the server does not know are kept.
    pub body: Json,
}

/// A relation between two documents of a realm, or from the realm itself to a document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    /// What it means.
    pub kind: LinkKind,
    /// Id of the first.
    pub from: String,
    /// Id of the second.
    pub to: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
        }
        for kind in LinkKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
        }
        assert_eq!(
            "realm".parse::<Kind>(),
            Err(UnknownKind("realm".to_owned()))
        );
    }
}
