//! The signed receipt of an end, read as an auditor reads it.

use anyhow::{Context as _, ensure};
use claviger_crypto::jwk::JwkSet;
use claviger_engine::logout::receipt::{CLAIM, TYP};
use http::Method;
use serde_json::Value;

use super::carrier::verified;
use super::door::Door;
use super::report::{Outcome, Row};
use super::site::{Administrator, Session, said, segment};

/// Asks for the receipt of a session that ended by this door, and verifies it.
pub async fn row(
    door: Door,
    session: &Session,
    keys: &JwkSet,
    administrator: Option<&Administrator<'_>>,
) -> Row {
    let outcome = if !door.ends_the_session() {
        Outcome::NotTold("no session has ended".to_owned())
    } else if let Some(administrator) = administrator {
        of(session, keys, administrator)
            .await
            .unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")))
    } else {
        Outcome::NotConfigured("is for administrators: give --admin or --admin-client-id".into())
    };
    Row {
        carrier: "receipt",
        ..Row::of_door(door, outcome)
    }
}

async fn of(
    session: &Session,
    keys: &JwkSet,
    administrator: &Administrator<'_>,
) -> anyhow::Result<Outcome> {
    let path = format!("/logout-receipts/{}", segment(session.claim("sid")));
    let answer = administrator.ask(Method::GET, &path, None).await?;
    match answer.status {
        200 => {}
        403 => {
            let how = "the administrator may not see it: the role view-events is missing";
            return Ok(Outcome::NotConfigured(how.to_owned()));
        }
        404 => return Ok(Outcome::Failed("there is none".to_owned())),
        _ => return Ok(Outcome::Failed(format!("answers {}", said(&answer)))),
    }
    let text = std::str::from_utf8(&answer.body).context("it is no text")?;
    let claims = verified(text.trim(), TYP, keys)?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    ensure!(
        text("iss") == Some(session.claim("iss")),
        "another realm has signed it"
    );
    let said = claims.get(CLAIM).context("it says nothing")?;
    ensure!(
        said.get("session").and_then(Value::as_str) == Some(session.claim("sid")),
        "it is about another session"
    );
    let all = |name: &str| said.get(name).and_then(Value::as_array);
    let last = all("ended").and_then(|ended| ended.last());
    let last = last.context("it tells of no end")?;
    let reason = last.get("reason").and_then(Value::as_str);
    let told = all("told").map_or(0, Vec::len);
    let signed = format!(
        "signed by the realm: ended by {}, told to {told}",
        reason.unwrap_or("nobody knows whom")
    );
    Ok(Outcome::Verified(signed))
}
