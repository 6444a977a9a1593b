//! Everything we call, with one time-out and one address policy.

pub mod address;
mod backchannel;
pub mod collector;
pub mod fetcher;
pub mod resolver;
pub mod tls;

pub use address::{AddressPolicy, AddressRefusal};
pub use collector::{Collector, Protocol};
pub use fetcher::{Answer, FetchError, Fetcher, FetcherOptions, SetupError};
pub use resolver::{Lookup, SystemLookup};
pub use tls::NameCheck;
