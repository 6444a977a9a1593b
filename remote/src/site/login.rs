//! Who is signed in, and how long: tokens out of the file, out of the command line, or asked for with
//! a password or a secret; renewed before they expire.

use claviger_model::Secret;
use serde_json::{Map, Value};

use super::book::Book;
use super::{refusal, segment};
use crate::json::text;
use crate::world::{Request, Web, World};
use crate::{Failure, failed};

/// A token that lives shorter than this is renewed first, in milliseconds.
const SPARE: i64 = 5_000;

/// What is shown to get tokens.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The client.
    pub client: String,
    /// Its secret, if it has one.
    pub secret: Option<Secret>,
    /// Name and password; none for the client's own account.
    pub user: Option<(String, Secret)>,
}

/// Tokens, and what is needed for new ones.
pub struct Login {
    /// The server, without a slash at the end.
    pub server: String,
    /// The realm of whoever is signed in.
    pub realm: String,
    how: How,
}

enum How {
    /// A token that is handed in: nothing is known of it.
    Token(Secret),
    /// What the file keeps.
    Kept(Book),
    /// For this command alone.
    Once(Credentials, Map<String, Value>),
}

impl Login {
    /// With a token that is handed in.
    pub fn token_of(server: &str, realm: &str, token: Secret) -> Self {
        Self {
            server: server.to_owned(),
            realm: realm.to_owned(),
            how: How::Token(token),
        }
    }

    /// As the file keeps it.
    pub fn kept(server: &str, realm: &str, book: Book) -> Self {
        Self {
            server: server.to_owned(),
            realm: realm.to_owned(),
            how: How::Kept(book),
        }
    }

    /// For this command alone.
    pub fn once(
        server: &str,
        realm: &str,
        credentials: Credentials,
        session: Map<String, Value>,
    ) -> Self {
        Self {
            server: server.to_owned(),
            realm: realm.to_owned(),
            how: How::Once(credentials, session),
        }
    }

    /// A token that can be used now.
    pub fn token(&mut self, world: &dyn World, web: &dyn Web) -> Result<Secret, Failure> {
        let (server, realm) = (self.server.clone(), self.realm.clone());
        match &mut self.how {
            How::Token(token) => Ok(token.clone()),
            How::Once(credentials, session) => {
                if until(session, "expiresAt") <= world.now() + SPARE {
                    *session = sign_in(world, web, &server, &realm, credentials)?;
                }
                Ok(Secret::new(text(session, "token").unwrap_or_default()))
            }
            How::Kept(book) => {
                let Some(session) = book.session(&server, &realm) else {
                    return failed("No session: sign in with 'config credentials'");
                };
                if until(session, "expiresAt") > world.now() + SPARE {
                    return Ok(Secret::new(text(session, "token").unwrap_or_default()));
                }
                let session = renew(world, web, &server, &realm, session)?;
                let token = Secret::new(text(&session, "token").unwrap_or_default());
                book.keep(&server, &realm, session);
                book.save()?;
                Ok(token)
            }
        }
    }
}

/// When something ends, in milliseconds since 1970.
pub fn until(session: &Map<String, Value>, name: &str) -> i64 {
    session.get(name).and_then(Value::as_i64).unwrap_or(0)
}

/// New tokens for a session of the file.
fn renew(
    world: &dyn World,
    web: &dyn Web,
    server: &str,
    realm: &str,
    session: &Map<String, Value>,
) -> Result<Map<String, Value>, Failure> {
    let client = text(session, "clientId").unwrap_or("admin-cli");
    let secret = text(session, "secret").map(Secret::new);
    let own_account = text(session, "grantTypeForAuthentication") == Some("client_credentials");
    if own_account && secret.is_some() {
        let credentials = Credentials {
            client: client.to_owned(),
            secret,
            user: None,
        };
        return sign_in(world, web, server, realm, &credentials);
    }
    let refresh = text(session, "refreshToken").filter(|_| {
        let end = until(session, "refreshExpiresAt");
        end == 0 || end > world.now()
    });
    let Some(refresh) = refresh else {
        return failed("Session has expired. Login again with 'claviger admin config credentials'");
    };
    let mut form = vec![
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh),
        ("client_id", client),
    ];
    form.extend(
        secret
            .as_ref()
            .map(|secret| ("client_secret", secret.reveal())),
    );
    let answer = ask(web, server, realm, &form)?;
    let mut renewed = session.clone();
    write_down(world, &mut renewed, &answer);
    Ok(renewed)
}

/// Signs somebody in: the session as the file keeps it.
pub fn sign_in(
    world: &dyn World,
    web: &dyn Web,
    server: &str,
    realm: &str,
    credentials: &Credentials,
) -> Result<Map<String, Value>, Failure> {
    let grant = match credentials.user {
        Some(_) => "password",
        None => "client_credentials",
    };
    let mut form = vec![("grant_type", grant), ("client_id", &*credentials.client)];
    if let Some((name, password)) = &credentials.user {
        form.extend([("username", &**name), ("password", password.reveal())]);
    }
    let secret = credentials.secret.as_ref();
    form.extend(secret.map(|secret| ("client_secret", secret.reveal())));
    let answer = ask(web, server, realm, &form)?;
    let mut session = Map::new();
    session.insert("clientId".into(), credentials.client.clone().into());
    write_down(world, &mut session, &answer);
    session.insert("grantTypeForAuthentication".into(), grant.into());
    if let Some(secret) = secret {
        session.insert("secret".into(), secret.reveal().into());
    }
    Ok(session)
}

fn ask(
    web: &dyn Web,
    server: &str,
    realm: &str,
    form: &[(&str, &str)],
) -> Result<Map<String, Value>, Failure> {
    let url = format!(
        "{server}/realms/{}/protocol/openid-connect/token",
        segment(realm)
    );
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let request = Request {
        method: "POST",
        url,
        headers: vec![
            header("Content-Type", "application/x-www-form-urlencoded"),
            header("Accept", "application/json"),
        ],
        body: form,
    };
    let answer = web
        .call(&request)
        .map_err(|told| Failure::Failed(format!("Failed to send request - {told}")))?;
    if answer.status != 200 {
        return failed(refusal(&answer));
    }
    match serde_json::from_slice(&answer.body) {
        Ok(Value::Object(members)) if text(&members, "access_token").is_some() => Ok(members),
        _ => failed("Failed to read the answer of the token endpoint"),
    }
}

/// Puts tokens into a session, with when they end. A refresh token that is not renewed is used up.
fn write_down(world: &dyn World, session: &mut Map<String, Value>, answer: &Map<String, Value>) {
    let end = |name: &str| {
        let seconds = answer
            .get(name)
            .and_then(Value::as_i64)
            .filter(|lives| *lives > 0);
        seconds.map(|lives| world.now().saturating_add(lives.saturating_mul(1000)))
    };
    let token = text(answer, "access_token").unwrap_or_default();
    session.insert("token".into(), token.into());
    let refresh = text(answer, "refresh_token");
    for (name, value) in [
        ("refreshToken", refresh.map(Value::from)),
        ("expiresAt", end("expires_in").map(Value::from)),
        (
            "refreshExpiresAt",
            end("refresh_expires_in")
                .filter(|_| refresh.is_some())
                .map(Value::from),
        ),
    ] {
        match value {
            Some(value) => session.insert(name.into(), value),
            None => session.shift_remove(name),
        };
    }
}
