//! A network that answers what a test wrote down, and remembers what was posted.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use claviger_engine::network::{Boxed, Network, NetworkError, Posted};

/// Answers by URL; everything else fails. Counts how often it was asked.
#[derive(Clone, Debug, Default)]
pub struct Script(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    answers: HashMap<String, Vec<u8>>,
    asked: Vec<String>,
    statuses: HashMap<String, u16>,
    posted: Vec<(String, Posted)>,
    hosts: HashMap<String, Vec<IpAddr>>,
    names: HashMap<IpAddr, String>,
}

impl Script {
    /// Writes down what a URL answers.
    pub fn answer(&self, url: &str, body: impl Into<Vec<u8>>) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.answers.insert(url.to_owned(), body.into());
    }

    /// Writes down with which status a URL answers what is posted to it.
    pub fn take(&self, url: &str, status: u16) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.statuses.insert(url.to_owned(), status);
    }

    /// Writes down the address of a host name.
    pub fn host(&self, name: &str, address: IpAddr) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner
            .hosts
            .entry(name.to_owned())
            .or_default()
            .push(address);
    }

    /// Writes down the host name that an address says it has.
    pub fn name(&self, address: IpAddr, name: &str) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.names.insert(address, name.to_owned());
    }

    /// What was posted so far, in order, whether or not it was taken.
    pub fn posted(&self) -> Vec<(String, Posted)> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.posted.clone()
    }

    /// The URLs asked for so far, in order.
    pub fn asked(&self) -> Vec<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .asked
            .clone()
    }
}

impl Network for Script {
    fn get(&self, url: String) -> Boxed<'_, Result<Vec<u8>, NetworkError>> {
        Box::pin(async move {
            let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            inner.asked.push(url.clone());
            let answer = inner.answers.get(&url).cloned();
            answer.ok_or(NetworkError::Failed {
                url,
                reason: "not in the script".to_owned(),
            })
        })
    }

    fn post(&self, url: String, body: Posted) -> Boxed<'_, Result<u16, NetworkError>> {
        Box::pin(async move {
            let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let status = inner.statuses.get(&url).copied();
            inner.posted.push((url.clone(), body));
            status.ok_or(NetworkError::Failed {
                url,
                reason: "not in the script".to_owned(),
            })
        })
    }

    fn addresses(&self, host: String) -> Boxed<'_, Result<Vec<IpAddr>, NetworkError>> {
        Box::pin(async move {
            let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let found = inner.hosts.get(&host).cloned();
            found.ok_or(NetworkError::Failed {
                url: host,
                reason: "not in the script".to_owned(),
            })
        })
    }

    fn host_name(&self, address: IpAddr) -> Boxed<'_, Result<String, NetworkError>> {
        Box::pin(async move {
            let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let found = inner.names.get(&address).cloned();
            found.ok_or(NetworkError::Failed {
                url: address.to_string(),
                reason: "not in the script".to_owned(),
            })
        })
    }
}
