//! What all surfaces share of HTTP: answers, parameters, web origins, security headers, help.
//!
//! A surface (`oidc`, `rest`, later `saml` and `web`) has its own shape of refusal and its own way
//! to know who calls. What is here knows neither.

pub mod answer;
pub mod body;
pub mod cors;
pub mod form;
pub mod headers;
pub mod help;

pub use answer::Answer;
pub use form::Form;
pub use help::Help;
