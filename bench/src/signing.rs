//! The ceiling: how many RS256 signatures one core makes.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::RSA_PKCS1_SHA256;

use crate::now;
use crate::process::thread_cpu_time;

/// About the length of an access token's header and claims.
const INPUT: [u8; 900] = [b'x'; 900];
/// Signatures between two looks at the clock.
const BATCH: u32 = 50;

/// Signatures per second of CPU time.
pub fn rate(length: Duration) -> Result<f64> {
    let key = KeyPair::generate(KeySize::Rsa2048).map_err(|_| anyhow!("no RSA key"))?;
    let random = SystemRandom::new();
    let mut signature = vec![0; key.public_modulus_len()];
    let mut made = 0_u32;
    let (since, cpu) = (now(), thread_cpu_time()?);
    while since.elapsed() < length {
        for _ in 0..BATCH {
            key.sign(&RSA_PKCS1_SHA256, &random, &INPUT, &mut signature)
                .map_err(|_| anyhow!("no signature"))?;
        }
        made += BATCH;
    }
    let used = thread_cpu_time()?
        .checked_sub(cpu)
        .context("time ran backwards")?;
    Ok(f64::from(made) / used.as_secs_f64())
}
