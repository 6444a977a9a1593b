//! The API behind a verifier: says whose token it was. `verifiers/README.md` tells which variables it reads.

use std::env::{self, VarError};
use std::error::Error;
use std::io::Write;
use std::time::Duration;

use axum::routing::get;
use axum::{Extension, Json, Router};
use claviger_verifier::{Claims, Verifier, WhenBlind};
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};

fn wanted(name: &str) -> Result<String, String> {
    env::var(name).map_err(|problem| format!("{name}: {problem}"))
}

/// A variable that may be left out.
fn optional(name: &str) -> Result<Option<String>, String> {
    match env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(problem) => Err(format!("{name}: {problem}")),
    }
}

fn verifier() -> Result<Verifier, Box<dyn Error>> {
    let mut builder = Verifier::of(wanted("ISSUER")?);
    if let Some(audience) = optional("AUDIENCE")? {
        builder = builder.audience(audience);
    }
    if let Some(seconds) = optional("MAX_STALE")? {
        builder = builder.max_stale(Duration::try_from_secs_f64(seconds.parse()?)?);
    }
    if let Some(records) = optional("MAX_RECORDS")? {
        builder = builder.max_records(records.parse()?);
    }
    builder = match optional("WHEN_BLIND")?.as_deref() {
        None | Some("refuse") => builder.when_blind(WhenBlind::Refuse),
        Some("accept") => builder.when_blind(WhenBlind::Accept),
        Some(other) => return Err(format!("WHEN_BLIND: {other}").into()),
    };
    Ok(match optional("MODE")?.as_deref() {
        None | Some("feed") => {
            builder.feed(wanted("FEED_CLIENT_ID")?, wanted("FEED_CLIENT_SECRET")?)?
        }
        Some("status-list") => builder.status_list()?,
        Some(other) => return Err(format!("MODE: {other}").into()),
    })
}

/// Waits for SIGTERM, or for the end of what is read.
async fn told_to_stop() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return;
    };
    let (mut input, mut bytes) = (tokio::io::stdin(), [0; 64]);
    let closed = async { while matches!(input.read(&mut bytes).await, Ok(1..)) {} };
    tokio::select! {
        _ = terminate.recv() => {}
        () = closed => {}
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let verifier = verifier()?;
    let asked = verifier.clone();
    let app = Router::new()
        .route(
            "/",
            get(|Extension(claims): Extension<Claims>| async move {
                Json(json!({"sub": claims.subject()}))
            }),
        )
        .layer(verifier.layer())
        .route(
            "/health",
            get(|| async move { Json(json!({"current": asked.is_current()})) }),
        );
    let port: u16 = optional("PORT")?.unwrap_or_default().parse().unwrap_or(0);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on {}", listener.local_addr()?);
    std::io::stdout().flush()?;
    tokio::select! {
        served = axum::serve(listener, app) => served?,
        () = told_to_stop() => {}
    }
    // A thread may still wait for input.
    std::process::exit(0);
}
