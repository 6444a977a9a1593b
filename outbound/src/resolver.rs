//! Name resolution that answers with checked addresses only. The connection is made to what was
//! checked, so that a name cannot point elsewhere a moment later (DNS rebinding).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use claviger_engine::network::Boxed;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::address::AddressPolicy;

/// Most addresses of one name that are tried.
const ADDRESSES_MAX: usize = 16;

/// Where names are looked up: the operating system, or a script in tests.
pub trait Lookup: Send + Sync {
    /// All addresses of `name`.
    fn lookup(&self, name: String) -> Boxed<'static, io::Result<Vec<IpAddr>>>;

    /// The name that whoever owns `address` gave it. Who does not look backwards has none.
    fn name(&self, address: IpAddr) -> Boxed<'static, io::Result<String>> {
        let none = io::Error::new(io::ErrorKind::NotFound, format!("{address} has no name"));
        Box::pin(async move { Err(none) })
    }
}

/// The operating system's resolver: `/etc/hosts`, DNS, whatever it is set up for.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, name: String) -> Boxed<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let addresses = tokio::net::lookup_host((name, 0)).await?;
            Ok(addresses.map(|address| address.ip()).collect())
        })
    }

    fn name(&self, address: IpAddr) -> Boxed<'static, io::Result<String>> {
        Box::pin(async move {
            // The system's call waits; a thread of its own waits with it.
            let asked = tokio::task::spawn_blocking(move || dns_lookup::lookup_addr(&address));
            asked.await.map_err(io::Error::other)?.map_err(Into::into)
        })
    }
}

pub(crate) struct CheckedResolver {
    pub(crate) policy: Arc<AddressPolicy>,
    pub(crate) lookup: Arc<dyn Lookup>,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = Arc::clone(&self.policy);
        let found = self.lookup.lookup(name.as_str().to_owned());
        Box::pin(async move {
            let mut allowed = Vec::new();
            let mut refusal = None;
            for address in found.await? {
                match policy.check(address) {
                    // The port is the URL's.
                    Ok(()) => allowed.push(SocketAddr::new(address, 0)),
                    Err(reason) => refusal = Some(reason),
                }
            }
            match refusal {
                Some(reason) if allowed.is_empty() => Err(reason.into()),
                _ => {
                    let addresses: Addrs = Box::new(allowed.into_iter().take(ADDRESSES_MAX));
                    Ok(addresses)
                }
            }
        })
    }
}
