//! Signing in through the pages, spoken to over HTTP without a socket.

#[cfg(test)]
mod actions;
#[cfg(test)]
mod attacks;
#[cfg(test)]
mod conditional_otp;
#[cfg(test)]
mod consent;
#[cfg(test)]
mod console;
#[cfg(test)]
mod cve;
#[cfg(test)]
mod devices;
#[cfg(test)]
mod entrance;
#[cfg(test)]
mod flows;
#[cfg(test)]
mod headers;
#[cfg(test)]
mod languages;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod mixed;
#[cfg(test)]
mod planted;
#[cfg(test)]
mod proofs;
#[cfg(test)]
mod registration;
#[cfg(test)]
mod reset;
#[cfg(test)]
mod resources;
#[cfg(test)]
mod second;
#[cfg(test)]
mod sign_in;
#[cfg(test)]
mod tabs;
#[cfg(test)]
mod themes;
#[cfg(test)]
mod undone;
#[cfg(test)]
mod world;
