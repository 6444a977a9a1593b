//! Help for whoever is refused: which page tells what was missing, and where it is.
//!
//! Clients depend on the bodies of refusals, so help travels beside them: in a `Link` header
//! (RFC 8288) with the relation `help`, and in the log line of the event. A refusal cannot be made
//! without naming its [`Help`], and each has its page in `docs/errors`, or this does not compile.
//!
//! **What a link may tell.** A page is chosen by what the body says anyway and by what the caller
//! sent, never by what the server alone knows: where one body stands for "no such client" and
//! "client disabled", one link does. What the log tells operators may be finer: see [`Pointer`].

use axum::http::{HeaderMap, HeaderValue, header};
use claviger_engine::gate::Unusable;
use claviger_engine::request::RequestContext;
use claviger_engine::token::{Apparent, Expected};

/// The heading under which pages are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// What can befall any request.
    Any,
    /// The client proves who it is.
    Client,
    /// What the token endpoint is asked for.
    Grant,
    /// Tokens that are sent.
    Token,
    /// A client asks a browser's user.
    Authorize,
    /// Logout in a browser.
    Logout,
    /// Clients that register themselves.
    Registration,
    /// Streams of shared signals, and tokens that they carry.
    Signals,
    /// The administrators' API.
    Admin,
}

impl Area {
    /// All, in the order of the list.
    pub const ALL: [Self; 9] = [
        Self::Logout,
        Self::Authorize,
        Self::Client,
        Self::Grant,
        Self::Token,
        Self::Registration,
        Self::Signals,
        Self::Admin,
        Self::Any,
    ];

    /// The heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Any => "Every request",
            Self::Client => "The client proves who it is",
            Self::Grant => "The token endpoint",
            Self::Token => "Tokens that are sent",
            Self::Authorize => "The authorization endpoint",
            Self::Logout => "Logout",
            Self::Registration => "Client registration",
            Self::Signals => "Shared signals",
            Self::Admin => "The Admin REST API",
        }
    }
}

macro_rules! pages {
    ($($(#[doc = $doc:literal])+ $name:ident $area:ident $slug:literal)+) => {
        /// What a refused request needs to be told. Each has a page.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Help {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Help {
            /// All of them, as they are listed.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The last part of the page's address, and the name of its file.
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug,)+ }
            }

            /// Where it is listed.
            pub const fn area(self) -> Area {
                match self { $(Self::$name => Area::$area,)+ }
            }

            /// The page, in Markdown.
            pub const fn markdown(self) -> &'static str {
                match self {
                    $(Self::$name => include_str!(concat!("../../docs/errors/", $slug, ".md")),)+
                }
            }
        }
    };
}

pages! {
    /// Logout with an access token, and nothing that tells which client it is: the question that
    /// the project began with.
    LogoutWithAccessToken Logout "logout-with-access-token"
    /// Logout in a browser without an `id_token_hint`.
    IdTokenHintMissing Logout "id-token-hint-missing"
    /// An `id_token_hint` that is no ID token of this realm for this client.
    IdTokenHintInvalid Logout "id-token-hint-invalid"
    /// A `post_logout_redirect_uri` that the client has not registered.
    PostLogoutRedirectUri Logout "post-logout-redirect-uri"
    /// The answer to a question whether to log out that nobody asked, or that is over.
    LogoutQuestionOver Logout "logout-question-over"
    /// A `logout_scope` that there is not, or that reaches further than the client may.
    LogoutScope Logout "logout-scope"
    /// Global token revocation where it is off, or by a client that may not.
    GlobalRevocationOff Logout "global-revocation-off"
    /// Global token revocation of nobody, of more than one, or of nothing that can be read.
    GlobalRevocation Logout "global-revocation-subject"

    /// No client, two of them, or one that nobody knows.
    AuthorizationClient Authorize "authorization-client"
    /// A `redirect_uri` that the client has not registered.
    RedirectUriInvalid Authorize "redirect-uri"
    /// A request object, or a pushed request, that cannot be read or believed.
    RequestObjectInvalid Authorize "request-object"
    /// A `response_type` or `response_mode` that is missing, unknown or does not fit.
    ResponseTypeInvalid Authorize "response-type"
    /// A flow that the client is not switched on for.
    FlowNotEnabled Authorize "flow-not-enabled"
    /// Parameters that are missing, repeated or do not fit together.
    AuthorizationRequestInvalid Authorize "authorization-request"
    /// A request that is not bound to its client as that is registered (PKCE).
    ChallengeInvalid Authorize "code-challenge"
    /// A request that should have been pushed before.
    RequestNotPushed Authorize "request-not-pushed"
    /// A request that is pushed, and refused already.
    PushedRequestInvalid Authorize "pushed-request"
    /// Registration where the realm does not have it.
    RegistrationOff Authorize "registration-off"
    /// The page for forgotten passwords where the realm does not have it.
    ResetOff Authorize "reset-password-off"

    /// A bearer token where the client has to prove who it is.
    AccessTokenInsteadOfClient Client "access-token-instead-of-client"
    /// Nothing that tells which client it is.
    ClientIdMissing Client "client-id-missing"
    /// An `Authorization: Basic` header that cannot be read.
    BasicMalformed Client "basic-header-malformed"
    /// A client that is not there, switched off, or registered for another method: the body is one.
    ClientNotAccepted Client "client-not-accepted"
    /// The client is switched off.
    ClientDisabled Client "client-disabled"
    /// The client, or the realm, wants another method of client authentication.
    ClientMethodDiffers Client "client-method-differs"
    /// A confidential client without a secret in its request.
    ClientSecretMissing Client "client-secret-missing"
    /// The wrong secret.
    ClientSecretWrong Client "client-secret-wrong"
    /// The client has no secret that could be right: none, an expired one, one in a vault.
    ClientSecretUnusable Client "client-secret-unusable"
    /// A secret in the form where the client wants it in the header, or the other way round.
    ClientSecretPlace Client "client-secret-place"
    /// A client assertion that is no JWT, or stands there without its type.
    AssertionMalformed Client "assertion-malformed"
    /// A client assertion whose signature, algorithm or key is not right.
    AssertionSignature Client "assertion-signature"
    /// A client assertion whose claims are not right.
    AssertionClaims Client "assertion-claims"
    /// A client assertion that came before.
    AssertionReused Client "assertion-reused"
    /// A client of SAML at an endpoint of OpenID Connect.
    ClientProtocol Client "client-protocol"
    /// A client that only checks tokens.
    ClientBearerOnly Client "client-bearer-only"

    /// No `grant_type`.
    GrantTypeMissing Grant "grant-type-missing"
    /// A `grant_type` that nobody knows.
    GrantTypeUnknown Grant "grant-type-unknown"
    /// A grant that the client is not switched on for.
    GrantNotEnabled Grant "grant-not-enabled"
    /// A code that is missing, used or too old.
    CodeInvalid Grant "code-invalid"
    /// A device that polls, and is not given tokens.
    DeviceCode Grant "device-code"
    /// A token exchange that lacks what it needs, or asks for what there is not.
    ExchangeRequest Grant "token-exchange-request"
    /// A token to be exchanged that is not good.
    ExchangeSubject Grant "token-exchange-subject-token"
    /// A token to be exchanged by a client for which it is not meant.
    ExchangeNotInAudience Grant "token-exchange-not-in-audience"
    /// Token exchange for a client that the new token would not be for.
    ExchangeAudience Grant "token-exchange-audience"
    /// Token exchange by a public client.
    ExchangePublic Grant "token-exchange-by-public-client"
    /// A scope that the client has not.
    ScopeInvalid Grant "scope-invalid"
    /// Offline access without the role, or without the scope.
    OfflineAccess Grant "offline-access-not-allowed"
    /// The password grant of a client that is not switched on for it.
    DirectAccessGrantsOff Grant "direct-access-grants-off"
    /// A client whose users have to be asked first, or have taken their consent back.
    ConsentRequired Grant "consent-required"
    /// The password grant without `username`.
    UsernameMissing Grant "username-missing"
    /// A user name, password or one-time password that is not right.
    UserCredentialsWrong Grant "user-credentials-wrong"
    /// The account is locked after too many failures.
    AccountLocked Grant "account-locked"
    /// The user is switched off.
    UserDisabled Grant "user-disabled"
    /// The user has something to do first, in a browser.
    AccountNotSetUp Grant "account-not-set-up"
    /// The realm's flow for the password grant has steps that are not built.
    DirectGrantFlow Grant "direct-grant-flow"
    /// Client credentials of a client without a service account.
    ServiceAccountsOff Grant "service-accounts-off"
    /// Client credentials of a public client.
    ServiceAccountPublic Grant "service-account-of-public-client"
    /// A service account that is gone or switched off.
    ServiceAccountUnusable Grant "service-account-unusable"

    /// The session is over: logged out, ended by an administrator, or idle too long.
    SessionNotActive Token "session-not-active"
    /// The token is of another host name, or of `http` where it should be `https`.
    IssuerDiffers Token "issuer-differs"
    /// The token is of another realm of this server.
    TokenOfAnotherRealm Token "token-of-another-realm"
    /// The access token has run out.
    AccessTokenExpired Token "access-token-expired"
    /// No access token.
    AccessTokenMissing Token "access-token-missing"
    /// More than one access token, or `Authorization` header.
    AccessTokenTwice Token "access-token-sent-twice"
    /// An access token that is not good, for a reason that does not show.
    AccessTokenNotAccepted Token "access-token-not-accepted"
    /// An access token that was revoked, or whose client is gone.
    TokenRevoked Token "token-revoked"
    /// Something that is no JWT.
    TokenMalformed Token "token-malformed"
    /// Records of what is revoked, for a client that may not read them.
    RevocationFeedOff Token "revocation-feed-off"
    /// Records behind a number that was never given.
    RevocationFeedGone Token "revocation-feed-gone"
    /// The gate of a realm that has none.
    GateOff Token "gate-off"
    /// A token at the gate that is not meant for what is behind it.
    GateAudience Token "gate-audience"
    /// A token at the gate that lacks a scope.
    GateScope Token "gate-scope"
    /// A refresh token in place of an access token, and so on.
    TokenKindWrong Token "token-kind-wrong"
    /// A token that is older than a not-before.
    TokenBeforeCut Token "token-before-cut"
    /// A token bound to a key, without a proof.
    DpopProof Token "dpop-proof-missing"
    /// Userinfo with a token that lacks the scope `openid`.
    OpenidScopeMissing Token "openid-scope-missing"
    /// Userinfo with a lightweight access token.
    LightweightToken Token "lightweight-token"
    /// A token that introspection calls inactive, for a reason that does not show.
    IntrospectionInactive Token "introspection-inactive"
    /// A token that is not meant for the client that asks.
    NotInAudience Token "not-in-audience"
    /// Introspection by a public client.
    IntrospectionPublic Token "introspection-by-public-client"
    /// No `token`.
    TokenParameterMissing Token "token-parameter-missing"
    /// A kind of token that the endpoint does not take.
    TokenTypeUnsupported Token "token-type-unsupported"
    /// Revocation of a token that is no good any more, or never was.
    RevocationInvalidToken Token "revocation-invalid-token"
    /// No `refresh_token`.
    RefreshTokenMissing Token "refresh-token-missing"
    /// The refresh token has run out.
    RefreshTokenExpired Token "refresh-token-expired"
    /// A refresh token that was used before, where each is for one use.
    RefreshTokenReused Token "refresh-token-reused"
    /// A refresh token that is not good, for a reason that does not show.
    RefreshTokenInvalid Token "refresh-token-invalid"
    /// A token that was issued to another client.
    TokenOfAnotherClient Token "token-of-another-client"

    /// No token, or one that is no good, where a client's registration is read or changed.
    RegistrationToken Registration "registration-token"
    /// A client that the realm's policies, or the caller's roles, do not let be registered.
    RegistrationRefused Registration "registration-refused"
    /// Metadata that are no client's.
    RegistrationMetadata Registration "registration-metadata"

    /// The transmitter is off, or the caller is no receiver, or lacks the scope.
    SignalReceiver Signals "signals-receiver"
    /// A stream that is not there, or a request about one that is not right.
    SignalStream Signals "signals-stream"
    /// A security event token that is not taken.
    SignalEvent Signals "signals-event"

    /// No bearer token.
    AdminTokenMissing Admin "admin-token-missing"
    /// A bearer token that is not good, for a reason that does not show.
    AdminTokenNotAccepted Admin "admin-token-not-accepted"
    /// An administrator of one realm in another.
    AdminOfAnotherRealm Admin "admin-of-another-realm"
    /// An administrator without the role that the endpoint needs.
    AdminRoleMissing Admin "admin-role-missing"
    /// No such realm.
    AdminRealmNotFound Admin "admin-realm-not-found"
    /// Something that is not there.
    AdminNotFound Admin "admin-not-found"
    /// A body that cannot be read, or says what cannot be.
    AdminRequestInvalid Admin "admin-request-invalid"
    /// A body of another media type.
    AdminContentType Admin "admin-content-type"
    /// A name or an id that is taken.
    AdminConflict Admin "admin-conflict"

    /// No such realm.
    RealmNotFound Any "realm-not-found"
    /// The realm is switched off.
    RealmDisabled Any "realm-disabled"
    /// Plain HTTP where the realm asks for HTTPS.
    HttpsRequired Any "https-required"
    /// A page of an origin that the client has not registered.
    OriginNotAllowed Any "origin-not-allowed"
    /// A form that cannot be read, or is too long.
    RequestMalformed Any "request-malformed"
    /// A parameter that comes twice.
    ParameterRepeated Any "parameter-repeated"
    /// A method that the path does not have.
    MethodNotAllowed Any "method-not-allowed"
    /// A path that is not there.
    PathUnknown Any "path-unknown"
    /// What Keycloak has and this server has not yet.
    NotBuilt Any "not-built-yet"
    /// Too much at once.
    Busy Any "server-busy"
    /// A failure of the server.
    Failed Any "server-error"
}

impl Help {
    /// The page of a name.
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|help| help.slug() == slug)
    }

    /// The page's first heading: the error as clients see it.
    pub fn title(self) -> &'static str {
        let first = self.markdown().lines().next().unwrap_or_default();
        first.trim_start_matches("# ")
    }

    /// The page for a token that was refused, by what anybody can read off it; `otherwise` where
    /// that tells nothing.
    pub const fn of_token(apparent: Apparent, expected: Expected, otherwise: Self) -> Self {
        match (apparent, expected) {
            (Apparent::NoToken, _) => Self::TokenMalformed,
            (Apparent::OtherKind, _) => Self::TokenKindWrong,
            (Apparent::OtherRealm, _) => Self::TokenOfAnotherRealm,
            (Apparent::OtherIssuer, _) => Self::IssuerDiffers,
            (Apparent::BoundToKey, _) => Self::DpopProof,
            (Apparent::Over, Expected::Refresh) => Self::RefreshTokenExpired,
            (Apparent::Over, Expected::Access | Expected::Id) => Self::AccessTokenExpired,
            (Apparent::Unremarkable, _) => otherwise,
        }
    }

    /// The page for what a token hangs on, where that is told.
    pub const fn of_unusable(reason: &Unusable) -> Self {
        match reason {
            Unusable::SessionNotFound
            | Unusable::PartNotFound
            | Unusable::SessionExpired(_)
            | Unusable::PartExpired(_)
            | Unusable::OlderThanSession
            | Unusable::OlderThanPart => Self::SessionNotActive,
            Unusable::UserNotFound | Unusable::UserDisabled => Self::UserDisabled,
            Unusable::ClientDisabled => Self::ClientDisabled,
            Unusable::RealmDisabled => Self::RealmDisabled,
            Unusable::Stale => Self::TokenBeforeCut,
        }
    }
}

/// Which page a refusal points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// For the caller.
    pub help: Help,
    /// The place on the page, if it has several.
    pub place: Option<&'static str>,
    /// For the log alone, where the cause is known more closely than the caller may know it.
    pub cause: Option<Help>,
}

impl From<Help> for Pointer {
    fn from(help: Help) -> Self {
        Self {
            help,
            place: None,
            cause: None,
        }
    }
}

impl Pointer {
    /// The address of the page for the caller, if this server shows its pages.
    fn address(self, context: &RequestContext) -> Option<String> {
        let address = context.help(self.help.slug())?;
        Some(match self.place {
            Some(place) => format!("{address}#{place}"),
            None => address,
        })
    }

    /// The page for the log.
    pub const fn closest(self) -> Help {
        match self.cause {
            Some(cause) => cause,
            None => self.help,
        }
    }

    /// The address of the page for the log.
    pub fn for_log(self, context: &RequestContext) -> Option<String> {
        match self.cause {
            Some(cause) => context.help(cause.slug()),
            None => self.address(context),
        }
    }

    /// Puts the header on an answer.
    pub fn write(self, headers: &mut HeaderMap, context: &RequestContext) {
        let Some(address) = self.address(context) else {
            return;
        };
        if let Ok(value) = HeaderValue::from_str(&format!("<{address}>; rel=\"help\"")) {
            headers.insert(header::LINK, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_page_has_its_own_name_and_a_title_that_begins_with_the_status() {
        let mut slugs = HashSet::new();
        for help in Help::ALL {
            let slug = help.slug();
            assert!(slugs.insert(slug), "{slug} twice");
            let plain = |c: char| c.is_ascii_lowercase() || c == '-';
            assert!(
                slug.chars().all(plain),
                "{slug} stands in addresses as it is"
            );
            assert_eq!(Help::from_slug(slug), Some(*help));
            let status = help
                .title()
                .split(' ')
                .next()
                .and_then(|text| text.parse().ok());
            let status: u16 = status.unwrap_or_else(|| panic!("{slug}: {}", help.title()));
            assert!((200..=503).contains(&status), "{slug}");
            assert!(Area::ALL.contains(&help.area()));
        }
        assert_eq!(Help::from_slug("../../etc/passwd"), None);
    }

    #[test]
    fn the_list_among_the_files_has_every_page_under_its_heading() {
        let mut list = include_str!("../../docs/errors/README.md");
        for area in Area::ALL {
            let (_, rest) = list
                .split_once(&format!("\n## {}\n", area.title()))
                .unwrap();
            list = rest;
            let below = rest.split("\n## ").next().unwrap_or_default();
            let pages = Help::ALL.iter().filter(|help| help.area() == area);
            let lines: Vec<String> = pages
                .map(|help| format!("- [{}]({}.md)", help.title(), help.slug()))
                .collect();
            assert_eq!(below.trim(), lines.join("\n"), "{}", area.title());
        }
    }
}
