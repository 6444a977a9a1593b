//! A network that answers what a test wrote down, and remembers what was posted.

use std::collections::HashMap;
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
}
