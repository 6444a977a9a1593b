//! `admin config`: signing in, and whose certificates are believed.

use super::Given;
use super::session::{address, announce, book, credentials as asked, trust};
use crate::site::login::{sign_in, until};
use crate::world::World;
use crate::{Failure, failed, usage};

/// Signs in and keeps the tokens, or tells how long those that are kept last.
pub fn credentials(given: &Given<'_>, world: &dyn World) -> Result<(), Failure> {
    let mut book = book(given, world)?;
    if given.flag("status") {
        let (Some(server), Some(realm)) = (book.text("serverUrl"), book.text("realm")) else {
            return failed("Not logged in");
        };
        let session = book.session(server, realm);
        let left = session.map_or(0, |session| until(session, "expiresAt") - world.now());
        let (expired, left) = (left <= 0, left.max(0) / 1000);
        let state = format!("expired: {expired}, timeToExpiry: {left}s from now");
        world.print(&format!(
            "Logged in (server: {server}, realm: {realm}, {state})"
        ));
        return Ok(());
    }
    let needed = |name: &str| match given.last(name) {
        Some(text) if !text.is_empty() => Ok(text),
        _ => usage(format!("Required option not specified: --{name}")),
    };
    let server = address(needed("server")?)?;
    let realm = needed("realm")?;
    if given.last("user").is_none() && given.last("client").is_none() {
        book.set("serverUrl", Some(&server));
        book.set("realm", Some(realm));
        return book.save();
    }
    let web = world
        .web(&trust(given, &book, world))
        .map_err(Failure::Failed)?;
    let credentials = asked(given, world)?;
    announce(world, &server, realm, &credentials);
    let session = sign_in(world, web.as_ref(), &server, realm, &credentials)?;
    book.set("serverUrl", Some(&server));
    book.set("realm", Some(realm));
    book.keep(&server, realm, session);
    book.save()
}

/// Keeps which file of certificates is believed.
pub fn truststore(given: &Given<'_>, world: &dyn World) -> Result<(), Failure> {
    let mut book = book(given, world)?;
    match (given.last("store"), given.flag("delete")) {
        (Some(_), true) => {
            return usage("Option --delete is mutually exclusive with specifying a TRUSTSTORE");
        }
        (None, false) => return usage("No truststore specified"),
        (None, true) => {
            book.set("truststore", None);
            book.set("trustpass", None);
        }
        (Some(file), false) => {
            let path = std::path::absolute(file).ok().filter(|path| path.is_file());
            let Some(path) = path.as_deref().and_then(std::path::Path::to_str) else {
                return failed(format!("Truststore file not found: {file}"));
            };
            let typed = match given.last("trustpass") {
                Some("-") => Some(
                    world
                        .secret("Enter truststore password: ")
                        .map_err(Failure::Failed)?,
                ),
                Some(text) => Some(claviger_model::Secret::new(text)),
                None => None,
            };
            book.set("truststore", Some(path));
            book.set(
                "trustpass",
                typed.as_ref().map(claviger_model::Secret::reveal),
            );
        }
    }
    book.save()
}
