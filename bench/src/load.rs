//! The loads: what clients ask for all day, each alone.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use serde_json::{Value, json};

use crate::browser::{Browser, REDIRECT_URI};
use crate::client::{Client, text};
use crate::now;
use crate::options::Options;
use crate::process::Watched;
use crate::raw::Raw;

const REALM: &str = "bench";
/// A realm whose passwords cost next to nothing.
const CHEAP: &str = "bench-cheap";
/// Caches fill and connections open before anything is counted.
const WARM_UP: Duration = Duration::from_secs(1);
/// Sessions that a load ends for each second it is given; nobody counts how they began.
const SESSIONS_PER_SECOND: usize = 400;

const SERVICE: &str =
    "grant_type=client_credentials&client_id=service&client_secret=service-secret";
const PASSWORD: &str = "grant_type=password&client_id=app&username=alice&password=wonderland";

/// One kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// RFC 6749 §4.4: one signature, no session.
    ClientCredentials,
    /// RFC 6749 §4.3 with Argon2id, Keycloak's default: one hash, one signature, one durable write.
    Password,
    /// The same with a password whose hash is cheap.
    PasswordCheap,
    /// RFC 6749 §6: one signature, one HMAC, one durable write.
    Refresh,
    /// The same with an ID token: two signatures.
    RefreshOpenId,
    /// RFC 7662: a token of a session is looked up.
    Introspect,
    /// OpenID Connect Core §5.3.
    UserInfo,
    /// A session ends by its refresh token: one durable write.
    Logout,
    /// RFC 7517: the realm's public keys.
    Keys,
    /// Somebody new asks for the login page: one durable write.
    LoginPage,
    /// Somebody new signs in by a code (RFC 6749 §4.1) with a password whose hash is cheap: the page,
    /// its form, the code for tokens. Two signatures.
    CodeFlow,
}

impl Load {
    /// All of them, in the order of measurement.
    pub const ALL: [Self; 11] = [
        Self::ClientCredentials,
        Self::Password,
        Self::PasswordCheap,
        Self::Refresh,
        Self::RefreshOpenId,
        Self::Introspect,
        Self::UserInfo,
        Self::Logout,
        Self::Keys,
        Self::LoginPage,
        Self::CodeFlow,
    ];

    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientCredentials => "client_credentials",
            Self::Password => "password",
            Self::PasswordCheap => "password-cheap",
            Self::Refresh => "refresh",
            Self::RefreshOpenId => "refresh-openid",
            Self::Introspect => "introspect",
            Self::UserInfo => "userinfo",
            Self::Logout => "logout",
            Self::Keys => "jwks",
            Self::LoginPage => "login-page",
            Self::CodeFlow => "code-flow",
        }
    }

    /// How many a second of CPU time allows by what cannot be saved, and what that is.
    pub fn ceiling(self, raw: &Raw) -> Option<(f64, &'static str)> {
        match self {
            Self::ClientCredentials | Self::PasswordCheap | Self::Refresh => {
                Some((raw.signatures, "one signature"))
            }
            Self::RefreshOpenId | Self::CodeFlow => Some((raw.signatures / 2.0, "two signatures")),
            Self::Password => Some((raw.hashes, "one hash")),
            Self::Introspect | Self::UserInfo | Self::Logout | Self::Keys | Self::LoginPage => None,
        }
    }

    /// Puts a server under this load.
    pub fn measure(self, client: &Client, server: Watched, options: &Options) -> Result<Rate> {
        let plain = |request: &'static (dyn Fn(&Client) -> Result<()> + Sync)| {
            let workers = each(options, || Ok((client.another(), ())))?;
            let request = move |client: &Client, (): &mut ()| request(client);
            timed(workers, &request, server, options.seconds)
        };
        match self {
            Self::ClientCredentials => plain(&|client| client.token(REALM, SERVICE).map(drop)),
            Self::Password => plain(&|client| client.token(REALM, PASSWORD).map(drop)),
            Self::PasswordCheap => plain(&|client| client.token(CHEAP, PASSWORD).map(drop)),
            Self::Keys => {
                plain(&|client| client.get("/realms/bench/protocol/openid-connect/certs", None))
            }
            Self::Refresh => refresh(client, server, options, ""),
            Self::RefreshOpenId => refresh(client, server, options, "&scope=openid"),
            Self::Introspect => {
                let workers = each(options, || {
                    let tokens = client.token(REALM, PASSWORD)?;
                    Ok((client.another(), text(&tokens, "access_token")?.to_owned()))
                })?;
                let request = |client: &Client, token: &mut String| client.introspect(REALM, token);
                timed(workers, &request, server, options.seconds)
            }
            Self::UserInfo => {
                let workers = each(options, || {
                    let tokens = client.token(REALM, &format!("{PASSWORD}&scope=openid"))?;
                    Ok((client.another(), text(&tokens, "access_token")?.to_owned()))
                })?;
                let request = |client: &Client, token: &mut String| {
                    let path = "/realms/bench/protocol/openid-connect/userinfo";
                    client.get(path, Some(token))
                };
                timed(workers, &request, server, options.seconds)
            }
            Self::Logout => logout(client, server, options),
            Self::LoginPage => {
                let request = |client: &Client, browser: &mut Browser| {
                    browser.forget();
                    browser.login_page(client, CHEAP).map(drop)
                };
                timed(
                    browsers(client, options)?,
                    &request,
                    server,
                    options.seconds,
                )
            }
            Self::CodeFlow => timed(
                browsers(client, options)?,
                &code_flow,
                server,
                options.seconds,
            ),
        }
    }
}

/// What a load came to.
pub struct Rate {
    /// Requests per second of the server's CPU time; unknown where the server is not ours to watch.
    pub per_cpu_second: Option<f64>,
    /// Requests per second of time: says something on an idle machine only.
    pub per_second: f64,
    /// The slowest answer.
    pub slowest: Duration,
}

/// Sets the realms up.
pub fn prepare(client: &Client) -> Result<()> {
    client.create_realm(&realm(REALM, ""))?;
    let cheap = "hashAlgorithm(pbkdf2-sha512) and hashIterations(1)";
    client.create_realm(&realm(CHEAP, cheap))
}

/// Removes them.
pub fn clean_up(client: &Client) -> Result<()> {
    client.delete_realm(REALM)?;
    client.delete_realm(CHEAP)
}

fn realm(name: &str, password_policy: &str) -> Value {
    json!({
        "realm": name,
        "enabled": true,
        "passwordPolicy": password_policy,
        "clients": [
            {"clientId": "service", "secret": "service-secret", "serviceAccountsEnabled": true,
             "standardFlowEnabled": false},
            {"clientId": "app", "publicClient": true, "directAccessGrantsEnabled": true,
             "redirectUris": [REDIRECT_URI],
             "protocolMappers": [{"name": "for the service", "protocol": "openid-connect",
                "protocolMapper": "oidc-audience-mapper",
                "config": {"included.client.audience": "service", "access.token.claim": "true"}}]}
        ],
        "users": [{
            "username": "alice", "enabled": true, "email": "alice@example.com", "emailVerified": true,
            "firstName": "Alice", "lastName": "Liddell",
            "credentials": [{"type": "password", "value": "wonderland"}]
        }]
    })
}

fn refresh(client: &Client, server: Watched, options: &Options, scope: &str) -> Result<Rate> {
    let workers = each(options, || {
        let tokens = client.token(CHEAP, &format!("{PASSWORD}{scope}"))?;
        Ok((client.another(), text(&tokens, "refresh_token")?.to_owned()))
    })?;
    let request = |client: &Client, refresh_token: &mut String| {
        let form = format!("grant_type=refresh_token&client_id=app&refresh_token={refresh_token}");
        text(&client.token(CHEAP, &form)?, "refresh_token")?.clone_into(refresh_token);
        Ok(())
    };
    timed(workers, &request, server, options.seconds)
}

/// A session ends once, so that their number is given instead of the time.
fn logout(client: &Client, server: Watched, options: &Options) -> Result<Rate> {
    let seconds = usize::try_from(options.seconds.as_secs()).unwrap_or(usize::MAX);
    let count = (SESSIONS_PER_SECOND * seconds).div_ceil(options.connections);
    let mut workers = each(options, || {
        let session = || {
            let tokens = client.token(CHEAP, PASSWORD)?;
            Ok(text(&tokens, "refresh_token")?.to_owned())
        };
        let sessions: Result<Vec<String>> = (0..count).map(|_| session()).collect();
        Ok((client.another(), sessions?))
    })?;
    let request = |client: &Client, tokens: &mut Vec<String>| match tokens.pop() {
        Some(token) => client.logout(CHEAP, &token),
        None => Ok(()),
    };
    counted(&mut workers, &request, server, |tokens| !tokens.is_empty())
}

fn browsers(client: &Client, options: &Options) -> Result<Vec<(Client, Browser)>> {
    each(options, || Ok((client.another(), Browser::new())))
}

fn code_flow(client: &Client, browser: &mut Browser) -> Result<()> {
    browser.forget();
    let action = browser.login_page(client, CHEAP)?;
    let code = browser.sign_in(&action)?;
    let form = format!(
        "grant_type=authorization_code&client_id=app&redirect_uri={REDIRECT_URI}&code={code}"
    );
    client.token(CHEAP, &form).map(drop)
}

fn each<State>(
    options: &Options,
    make: impl Fn() -> Result<(Client, State)>,
) -> Result<Vec<(Client, State)>> {
    (0..options.connections).map(|_| make()).collect()
}

/// Lets every worker ask again as soon as it is answered. One refused request ends the measurement with an error.
fn timed<State: Send>(
    mut workers: Vec<(Client, State)>,
    request: &(impl Fn(&Client, &mut State) -> Result<()> + Sync),
    server: Watched,
    length: Duration,
) -> Result<Rate> {
    let since = now();
    run(&mut workers, request, |_| since.elapsed() < WARM_UP)?;
    let since = now();
    counted(&mut workers, request, server, |_| since.elapsed() < length)
}

fn counted<State: Send>(
    workers: &mut [(Client, State)],
    request: &(impl Fn(&Client, &mut State) -> Result<()> + Sync),
    server: Watched,
    more: impl Fn(&State) -> bool + Sync,
) -> Result<Rate> {
    let (since, cpu) = (now(), server.cpu_time()?);
    let (count, slowest) = run(workers, request, more)?;
    let length = since.elapsed();
    let used = match (server.cpu_time()?, cpu) {
        (Some(after), Some(before)) => {
            Some(after.checked_sub(before).context("time ran backwards")?)
        }
        _ => None,
    };
    let count = f64::from(count);
    Ok(Rate {
        per_cpu_second: used.map(|used| count / used.as_secs_f64()),
        per_second: count / length.as_secs_f64(),
        slowest,
    })
}

fn run<State: Send>(
    workers: &mut [(Client, State)],
    request: &(impl Fn(&Client, &mut State) -> Result<()> + Sync),
    more: impl Fn(&State) -> bool + Sync,
) -> Result<(u32, Duration)> {
    let more = &more;
    thread::scope(|scope| {
        let threads: Vec<_> = workers
            .iter_mut()
            .map(|(client, state)| {
                scope.spawn(move || {
                    let (mut count, mut slowest) = (0_u32, Duration::ZERO);
                    while more(state) {
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
