//! What a browser shows: HTML of the facts of a page, in the person's language.
//!
//! The facts come from the engine ([`claviger_engine::page`]); texts are Keycloak's keys, looked up in
//! message files; templates can be replaced by a theme's folder. Nothing here knows HTTP.
