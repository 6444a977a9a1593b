//! The two loads: tokens for a service, and new tokens for sessions that exist.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use serde_json::json;

use crate::client::{Client, text};
use crate::now;
use crate::options::Options;
use crate::process::Server;

const REALM: &str = "bench";
/// Caches fill and connections open before anything is counted.
const WARM_UP: Duration = Duration::from_secs(1);

/// What a load came to.
pub struct Rate {
    /// Requests per second of the server's CPU time.
    pub per_cpu_second: f64,
    /// Requests per second of time: says something on an idle machine only.
    pub per_second: f64,
    /// The slowest answer.
    pub slowest: Duration,
}

/// Sets the realm up.
pub fn prepare(client: &Client) -> Result<()> {
    client.create_realm(&json!({
        "realm": REALM,
        "enabled": true,
        "clients": [
            {"clientId": "service", "secret": "service-secret", "serviceAccountsEnabled": true,
             "standardFlowEnabled": false},
            {"clientId": "app", "publicClient": true, "directAccessGrantsEnabled": true}
        ],
        "users": [{
            "username": "alice", "enabled": true, "email": "alice@example.com", "emailVerified": true,
            "firstName": "Alice", "lastName": "Liddell",
            "credentials": [{"type": "password", "value": "wonderland"}]
        }]
    }))
}

/// Removes it.
pub fn clean_up(client: &Client) -> Result<()> {
    client.delete_realm(REALM)
}

/// One signature a request, and no session (RFC 6749 section 4.4).
pub fn client_credentials(client: &Client, server: &Server, options: &Options) -> Result<Rate> {
    let form = "grant_type=client_credentials&client_id=service&client_secret=service-secret";
    let request = |client: &Client, (): &mut ()| client.token(REALM, form).map(drop);
    let workers = (0..options.connections)
        .map(|_| (client.another(), ()))
        .collect();
    measure(workers, &request, server, options.seconds)
}

/// One RS256 signature, one HMAC and one durable write a request (RFC 6749 section 6).
pub fn refresh(client: &Client, server: &Server, options: &Options) -> Result<Rate> {
    let password = "grant_type=password&client_id=app&username=alice&password=wonderland";
    let mut workers = Vec::new();
    for _ in 0..options.connections {
        let tokens = client.token(REALM, password)?;
        workers.push((client.another(), text(&tokens, "refresh_token")?.to_owned()));
    }
    let request = |client: &Client, refresh_token: &mut String| {
        let form = format!("grant_type=refresh_token&client_id=app&refresh_token={refresh_token}");
        text(&client.token(REALM, &form)?, "refresh_token")?.clone_into(refresh_token);
        Ok(())
    };
    measure(workers, &request, server, options.seconds)
}

/// Lets every worker ask again as soon as it is answered. One refused request ends the measurement with an error.
fn measure<State: Send>(
    workers: Vec<(Client, State)>,
    request: &(impl Fn(&Client, &mut State) -> Result<()> + Sync),
    server: &Server,
    length: Duration,
) -> Result<Rate> {
    let mut workers = workers;
    run(&mut workers, request, WARM_UP)?;
    let (since, cpu) = (now(), server.cpu_time()?);
    let (count, slowest) = run(&mut workers, request, length)?;
    let used = server
        .cpu_time()?
        .checked_sub(cpu)
        .context("time ran backwards")?;
    let count = f64::from(count);
    Ok(Rate {
        per_cpu_second: count / used.as_secs_f64(),
        per_second: count / since.elapsed().as_secs_f64(),
        slowest,
    })
}

fn run<State: Send>(
    workers: &mut [(Client, State)],
    request: &(impl Fn(&Client, &mut State) -> Result<()> + Sync),
    length: Duration,
) -> Result<(u32, Duration)> {
    let since = now();
    thread::scope(|scope| {
        let threads: Vec<_> = workers
            .iter_mut()
            .map(|(client, state)| {
                scope.spawn(move || {
                    let (mut count, mut slowest) = (0_u32, Duration::ZERO);
                    while since.elapsed() < length {
                        let asked = now();
                        request(client, state)?;
                        slowest = slowest.max(asked.elapsed());
                        count += 1;
                    }
                    anyhow::Ok((count, slowest))
                })
            })
            .collect();
        let mut total = (0_u32, Duration::ZERO);
        for thread in threads {
            let (count, slowest) = thread.join().map_err(|_| anyhow!("a worker panicked"))??;
            total = (total.0 + count, total.1.max(slowest));
        }
        Ok(total)
    })
}
