//! The real program, started as people start it: options, start and stop, both base paths,
//! restarts, realms carried in and out. One module a topic; each test has a server, a port and a
//! folder of its own.

#[cfg(test)]
mod adapters;
#[cfg(test)]
mod admin_cli;
#[cfg(test)]
mod base_paths;
#[cfg(test)]
mod bootstrap;
#[cfg(test)]
mod console;
#[cfg(test)]
mod cve;
#[cfg(test)]
mod database_tls;
#[cfg(test)]
mod databases;
#[cfg(test)]
mod declarative;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod global_revocation;
#[cfg(test)]
mod health;
#[cfg(test)]
mod help;
#[cfg(test)]
mod http;
#[cfg(test)]
mod https;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod law;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod logging;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod options;
#[cfg(test)]
mod outbox;
#[cfg(test)]
mod outgoing;
#[cfg(test)]
mod program;
#[cfg(test)]
mod prove_logout;
#[cfg(test)]
mod question;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod signals;
#[cfg(test)]
mod start;
#[cfg(test)]
mod stop;
#[cfg(test)]
mod stream;
#[cfg(test)]
mod told;
#[cfg(test)]
mod traces;
#[cfg(test)]
mod transfer;
#[cfg(test)]
mod vault;
