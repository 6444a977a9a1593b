//! Which server, who, and with which tokens: out of the command line and the file of sessions.

use std::path::{Path, PathBuf};

use claviger_model::Secret;
use serde_json::Map;

use super::Given;
use crate::site::Site;
use crate::site::book::Book;
use crate::site::login::{Credentials, Login, sign_in};
use crate::world::{Trust, World};
use crate::{Failure, usage};

/// The file of sessions that the command line names.
pub fn book(given: &Given<'_>, world: &dyn World) -> Result<Book, Failure> {
    if given.flag("no-config") {
        if given.last("config").is_some() {
            return usage("Options --config and --no-config are mutually exclusive");
        }
        return Ok(Book::nowhere());
    }
    Book::open(&book_path(given, world)?)
}

fn book_path(given: &Given<'_>, world: &dyn World) -> Result<PathBuf, Failure> {
    if let Some(path) = given.last("config") {
        return Ok(PathBuf::from(path));
    }
    let home = world
        .variable("HOME")
        .or_else(|| world.variable("USERPROFILE"));
    match home.filter(|home| !home.is_empty()) {
        Some(home) => Ok(Path::new(&home).join(".keycloak").join("kcadm.config")),
        None => usage(
            "There is no home folder: say where tokens are kept with --config, or --no-config",
        ),
    }
}

/// Whose certificates are believed.
pub fn trust(given: &Given<'_>, book: &Book, world: &dyn World) -> Trust {
    let secret = |text: &str| Some(Secret::new(text));
    let variable = || {
        world
            .variable("KC_CLI_TRUSTSTORE_PASSWORD")
            .map(Secret::new)
    };
    if let Some(file) = given.last("truststore") {
        return Trust {
            file: Some(PathBuf::from(file)),
            password: given.last("trustpass").and_then(secret).or_else(variable),
        };
    }
    Trust {
        file: book.text("truststore").map(PathBuf::from),
        password: book.text("trustpass").and_then(secret).or_else(variable),
    }
}

/// A server's address as sessions are kept under.
pub fn address(text: &str) -> Result<String, Failure> {
    let text = text.trim_end_matches('/');
    let rest = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.contains('@') => Ok(text.to_owned()),
        _ => usage(format!("Not the address of a server: {text}")),
    }
}

/// Who signs in, if the command line says it.
pub fn credentials(given: &Given<'_>, world: &dyn World) -> Result<Credentials, Failure> {
    let secret = given.last("secret").map(Secret::new);
    let secret = secret.or_else(|| world.variable("KC_CLI_CLIENT_SECRET").map(Secret::new));
    let ask = |prompt: &str| world.secret(prompt).map_err(Failure::Failed);
    let client = given.last("client").unwrap_or("admin-cli").to_owned();
    let user = match given.last("user") {
        Some(name) => {
            let typed = given.last("password").map(Secret::new);
            let typed = typed.or_else(|| world.variable("KC_CLI_PASSWORD").map(Secret::new));
            let password = match typed {
                Some(password) => password,
                None => ask("Enter password: ")?,
            };
            Some((name.to_owned(), password))
        }
        None => None,
    };
    let secret = match (&user, secret) {
        // Only a client that is named has a secret.
        (Some(_), secret) => secret.filter(|_| given.last("client").is_some()),
        (None, Some(secret)) => Some(secret),
        (None, None) => Some(ask("Enter client secret: ")?),
    };
    Ok(Credentials {
        client,
        secret,
        user,
    })
}

/// Says who signs in where, as scripts read it.
pub fn announce(world: &dyn World, server: &str, realm: &str, credentials: &Credentials) {
    let who = match &credentials.user {
        Some((name, _)) => format!("user {name}"),
        None => format!("service-account-{}", credentials.client),
    };
    world.tell(&format!("Logging into {server} as {who} of realm {realm}"));
}

/// The server that a command is for, with whoever is signed in there.
pub fn site<'a>(given: &Given<'_>, world: &'a dyn World) -> Result<Site<'a>, Failure> {
    let book = book(given, world)?;
    let none =
        |what: &str| Failure::Failed(format!("Illegal state - no current {what} in config data"));
    let server = given.last("server").or(book.text("serverUrl"));
    let server = address(server.ok_or_else(|| none("endpoint"))?)?;
    let realm = given.last("realm").or(book.text("realm"));
    let realm = realm.ok_or_else(|| none("realm"))?.to_owned();
    let web = world
        .web(&trust(given, &book, world))
        .map_err(Failure::Failed)?;
    let signs_in = ["user", "password", "secret", "client"];
    let login = if let Some(token) = given.last("token") {
        Login::token_of(&server, &realm, Secret::new(token))
    } else if signs_in.iter().any(|name| given.last(name).is_some()) {
        let credentials = credentials(given, world)?;
        announce(world, &server, &realm, &credentials);
        let session = sign_in(world, web.as_ref(), &server, &realm, &credentials)?;
        Login::once(&server, &realm, credentials, session)
    } else if book.session(&server, &realm).is_none_or(Map::is_empty) {
        return Err(Failure::Failed(
            "No session: sign in with 'claviger admin config credentials', or name --user or --client".into(),
        ));
    } else {
        Login::kept(&server, &realm, book)
    };
    let target = given.last("target-realm").unwrap_or(&realm).to_owned();
    Ok(Site::new(
        world,
        web,
        login,
        &target,
        given.last("admin-root"),
    ))
}
