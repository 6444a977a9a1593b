//! What all surfaces share of HTTP: answers, parameters, web origins, security headers, help, and
//! what browsers bring and are given.
//!
//! A surface (`oidc`, `rest`, `web`, later `saml`) has its own shape of refusal and its own way
//! to know who calls. What is here knows neither.

pub mod answer;
pub mod body;
pub mod browser;
pub mod cors;
pub mod form;
pub mod headers;
pub mod help;

pub use answer::Answer;
pub use claviger_pages::{locale, text as page_text};
pub use form::Form;
pub use help::Help;
