//! The protocol endpoints, spoken to over HTTP without a socket.

#![expect(clippy::too_many_lines, reason = "a table is as long as its cases")]

#[cfg(test)]
mod answered;
#[cfg(test)]
mod assertions;
#[cfg(test)]
mod authorize;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod bank;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod client_auth;
#[cfg(test)]
mod clock;
#[cfg(test)]
mod code;
#[cfg(test)]
mod cors;
#[cfg(test)]
mod device;
#[cfg(test)]
mod direct_flows;
#[cfg(test)]
mod docker;
#[cfg(test)]
mod exchange;
#[cfg(test)]
mod expiry;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod feed;
#[cfg(test)]
mod forged;
#[cfg(test)]
mod frames;
#[cfg(test)]
mod gate;
#[cfg(test)]
mod guessed_codes;
#[cfg(test)]
mod leaving;
#[cfg(test)]
mod logout;
#[cfg(test)]
mod logout_browser;
#[cfg(test)]
mod mappers;
#[cfg(test)]
mod objects;
#[cfg(test)]
mod oidcc;
#[cfg(test)]
mod oidcc_claims;
#[cfg(test)]
mod oidcc_discovery;
#[cfg(test)]
mod par;
#[cfg(test)]
mod public;
#[cfg(test)]
mod races;
#[cfg(test)]
mod reach;
#[cfg(test)]
mod redirects;
#[cfg(test)]
mod revoked;
#[cfg(test)]
mod scopes;
#[cfg(test)]
mod sealed;
#[cfg(test)]
mod status_lists;
#[cfg(test)]
mod status_lists_many;
#[cfg(test)]
mod world;
