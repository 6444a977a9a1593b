//! The ceilings: what one core and the disk of this machine give, with nothing around it.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::RSA_PKCS1_SHA256;

use crate::now;
use crate::process::thread_cpu_time;

/// About the length of an access token's header and claims.
const INPUT: [u8; 900] = [b'x'; 900];
/// Signatures between two looks at the clock.
const BATCH: u32 = 50;
/// Keycloak's defaults for Argon2id: KiB of memory, passes, lanes, bytes of hash and salt.
const ARGON2: (u32, u32, u32, usize) = (7168, 5, 1, 32);
const SALT: [u8; 16] = [7; 16];
/// What one small transaction writes.
const PAGE: [u8; 4096] = [1; 4096];

/// The raw rates of this machine.
#[derive(Clone, Copy, Debug)]
pub struct Raw {
    /// RS256 signatures with 2048 bits per second of CPU time.
    pub signatures: f64,
    /// Argon2id hashes with Keycloak's defaults per second of CPU time.
    pub hashes: f64,
    /// Pages written and forced to the disk, one by one, per second of time.
    pub syncs: f64,
}

impl Raw {
    /// Measures each for a while; `folder` is where the server will keep its data.
    pub fn measure(length: Duration, folder: &Path) -> Result<Self> {
        Ok(Self {
            signatures: signatures(length)?,
            hashes: hashes(length)?,
            syncs: syncs(length, folder)?,
        })
    }
}

fn signatures(length: Duration) -> Result<f64> {
    let key = KeyPair::generate(KeySize::Rsa2048).map_err(|_| anyhow!("no RSA key"))?;
    let random = SystemRandom::new();
    let mut signature = vec![0; key.public_modulus_len()];
    per_cpu_second(length, BATCH, || {
        key.sign(&RSA_PKCS1_SHA256, &random, &INPUT, &mut signature)
            .map_err(|_| anyhow!("no signature"))
    })
}

fn hashes(length: Duration) -> Result<f64> {
    let (memory, passes, lanes, bytes) = ARGON2;
    let params = Params::new(memory, passes, lanes, Some(bytes))
        .map_err(|error| anyhow!("no Argon2: {error}"))?;
    let mut blocks = vec![Block::new(); params.block_count()];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut hash = vec![0; bytes];
    per_cpu_second(length, 1, || {
        argon2
            .hash_password_into_with_memory(b"wonderland", &SALT, &mut hash, &mut blocks)
            .map_err(|error| anyhow!("no hash: {error}"))
    })
}

fn syncs(length: Duration, folder: &Path) -> Result<f64> {
    let path = folder.join("sync");
    let mut file = File::create(&path).context("no file to write")?;
    file.write_all(&PAGE)?;
    file.sync_all()?;
    let (mut made, since) = (0_u32, now());
    while since.elapsed() < length {
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&PAGE)?;
        file.sync_data()?;
        made += 1;
    }
    let rate = f64::from(made) / since.elapsed().as_secs_f64();
    std::fs::remove_file(path)?;
    Ok(rate)
}

fn per_cpu_second(
    length: Duration,
    batch: u32,
    mut work: impl FnMut() -> Result<()>,
) -> Result<f64> {
    let mut made = 0_u32;
    let (since, cpu) = (now(), thread_cpu_time()?);
    while since.elapsed() < length {
        for _ in 0..batch {
            work()?;
        }
        made += batch;
    }
    let used = thread_cpu_time()?
        .checked_sub(cpu)
        .context("time ran backwards")?;
    Ok(f64::from(made) / used.as_secs_f64())
}
