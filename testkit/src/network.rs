//! A network that answers what a test wrote down.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use claviger_engine::network::{Boxed, Network, NetworkError};

/// Answers by URL; everything else fails. Counts how often it was asked.
#[derive(Clone, Debug, Default)]
pub struct Script(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    answers: HashMap<String, Vec<u8>>,
    asked: Vec<String>,
}

impl Script {
    /// Writes down what a URL answers.
    pub fn answer(&self, url: &str, body: impl Into<Vec<u8>>) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.answers.insert(url.to_owned(), body.into());
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
}
