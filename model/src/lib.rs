//! The nouns of identity and access management, and the rules that need nothing else.
//!
//! No input or output, no async, no serde: what others see of these nouns is written in `wire`.

pub mod authentication;
pub mod event;
pub mod id;
pub mod login_failures;
pub mod revocation;
pub mod secret;
pub mod session;
pub mod status;
pub mod time;
pub mod user;

pub use authentication::{AuthenticationAction, AuthenticationSession, ExecutionStatus};
pub use event::{AdminEvent, Event};
pub use id::{
    ClientUuid, CredentialId, GroupId, Id, OrganizationId, RealmId, RoleId, ScopeId, SessionId,
    UserId,
};
pub use login_failures::LoginFailures;
pub use revocation::{Numbered, Revocation};
pub use secret::Secret;
pub use session::{ClientSession, UserSession};
pub use status::StatusIndex;
pub use time::{Millis, Seconds};
pub use user::{Credential, User};
