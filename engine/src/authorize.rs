//! What a client asks of a browser's user, and the answer (RFC 6749 §4, OpenID Connect Core §3).
//!
//! A request is read ([`read`]) and checked in Keycloak's order ([`check`]); the login in between
//! belongs to others; then the client is answered ([`finish`]) or refused ([`refuse`]). An answer
//! only ever goes to an address that the client registered: [`crate::redirect`].

mod answer;
mod check;
mod client_data;
mod code;
mod finish;
mod levels;
mod object;
mod oob;
mod pkce;
mod pushed;
mod read;
mod refuse;
mod request;
mod response;

pub use answer::{AnswerError, Answerer};
pub use check::{Misdirected, Refused, must_be_pushed, redirect, response, rest};
pub use client_data::ClientData;
pub use code::{Code, Taken, take};
pub use finish::{FIRST_OFFLINE, Finishing, finish, part_notes, tell};
pub use levels::{Unreachable, Wanted, wanted};
pub use oob::answer_address;
pub use pkce::{Pkce, PkceError, check as check_challenge, verify};
pub use pushed::{is_pushed, push, pushed_lifespan};
pub use read::{Door, ReadError, read};
pub use refuse::{Refusal, refuse, refuse_stale};
pub use request::{AuthorizationRequest, Precedence};
pub use response::{ResponseMode, ResponseType};

/// A note of the tab: the issuer at which the login began.
pub const ISSUER: &str = "iss";
/// A note of the tab: the `request_uri` of a pushed request, which is used up with the answer.
pub const PUSHED: &str = "request_uri";
