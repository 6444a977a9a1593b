//! What the server does, free of HTTP, SQL and XML.
//!
//! A verb is a plain function over the [`App`] and a write job: it reads first, decides, and puts
//! what is to change into the job. What it could not do is a value of its error type; status codes
//! are the surfaces' business.

pub mod app;
pub mod authenticate;
pub mod authorize;
pub mod bearer;
pub mod bootstrap;
pub mod broker;
pub mod browser;
pub mod brute_force;
pub mod client;
pub mod client_keys;
pub mod client_registration;
pub mod client_secrets;
pub mod clock;
pub mod consent;
pub mod credentials;
pub mod defaults;
pub mod departure;
pub mod device;
pub mod docker;
pub mod events;
pub mod export;
pub mod flow;
pub mod gate;
pub mod impersonation;
pub mod import;
pub mod keys;
pub mod locale;
pub mod login;
pub mod logout;
pub mod machine;
pub mod mail;
pub mod mapper;
pub mod network;
pub mod newcomer;
pub mod organization;
pub mod outbox;
pub mod page;
pub mod password_policy;
pub mod person;
pub mod profile;
pub mod published_keys;
pub mod realm;
pub mod realms;
pub mod redirect;
pub mod refresh;
pub mod registration_token;
pub mod request;
pub mod required_action;
pub mod revocation;
pub mod scope;
pub mod script;
pub mod service_account;
pub mod session;
mod session_limits;
pub mod signal;
pub mod status_list;
pub mod token;
pub mod token_exchange;
pub mod vault;
pub mod watch;

pub use app::App;
