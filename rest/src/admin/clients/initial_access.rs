//! Tokens with which clients register themselves (OpenID Connect Dynamic Client Registration 1.0 §1.2).

use axum::http::{Method, StatusCode};
use claviger_engine::registration_token;
use claviger_model::Seconds;
use claviger_store::{InitialAccess, Tx};
use claviger_surface::Answer;
use claviger_wire::document::Json;
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

use super::body::without_nulls;
use super::{MANAGE, SEE};
use crate::call::{AdminCall, Resource, created, json as answer, no_content};
use crate::problem::{Problem, done};
use crate::route::{Route, route};

/// How an event calls one.
const MODEL: &str = "CLIENT_INITIAL_ACCESS_MODEL";
/// How many a list shows at most.
const SHOWN_MAX: i64 = 10_000;
/// How many web origins one may carry.
const ORIGINS_MAX: usize = 100;

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    const ALL: &str = "/admin/realms/{realm}/clients-initial-access";
    const ONE: &str = "/admin/realms/{realm}/clients-initial-access/{token}";
    vec![
        route(Method::GET, ALL, SEE, list),
        route(Method::POST, ALL, MANAGE, create),
        route(Method::DELETE, ONE, MANAGE, delete),
    ]
}

/// `ClientInitialAccessPresentation` without its token, which is shown once.
fn shown(access: &InitialAccess) -> Json {
    let made = access.created_at.seconds().0;
    let end = access.expires_at.map(|end| end.seconds().0);
    Json::from_iter([
        ("id".to_owned(), json!(access.id)),
        ("timestamp".to_owned(), json!(made)),
        (
            "expiration".to_owned(),
            json!(end.map_or(0, |end| end - made)),
        ),
        ("count".to_owned(), json!(access.allowed)),
        ("remainingCount".to_owned(), json!(access.remaining)),
    ])
}

async fn list(call: AdminCall) -> Result<Answer, Problem> {
    let store = &call.app.store;
    let all = store.initial_accesses(&call.realm.id, SHOWN_MAX).await?;
    let list: Vec<Json> = all.iter().map(shown).collect();
    Ok(answer(&list))
}

/// Makes one. Without an `expiration`, in seconds, it has no end.
async fn create(call: AdminCall) -> Result<Answer, Problem> {
    let given = without_nulls(call.json("ClientInitialAccessCreatePresentation")?);
    let fields = Fields::of(&given);
    let refused = |what: &str, text: &str| {
        Problem::described(
            StatusCode::BAD_REQUEST,
            &format!("Invalid value for {what}"),
            text,
        )
    };
    let expiration = fields.integer("expiration").unwrap_or(0);
    if expiration < 0 {
        let text = "The expiration time interval cannot be less than 0";
        return Err(refused("expiration", text));
    }
    let count = fields.integer("count").unwrap_or(1);
    if count < 0 {
        return Err(refused("count", "The count cannot be less than 0"));
    }
    let origins = fields.maybe_texts("webOrigins");
    if origins.as_ref().is_some_and(|all| all.len() > ORIGINS_MAX) {
        let text = format!("There cannot be more than {ORIGINS_MAX}");
        return Err(refused("webOrigins", &text));
    }
    // Whole seconds, as tokens tell them.
    let now = call.app.now().seconds();
    let access = InitialAccess {
        id: call.app.random.uuid(),
        created_at: now.millis(),
        expires_at: (expiration > 0).then(|| Seconds(now.0.saturating_add(expiration)).millis()),
        allowed: count,
        remaining: count,
    };
    let issuer = call.context.issuer(&call.realm.name);
    let (app, realm) = (&call.app, &call.realm);
    let origins = origins.as_deref();
    let token = registration_token::issue_initial(app, realm, &issuer, &access, origins).await?;
    let mut tx = Tx::new();
    tx.insert_initial_access(&realm.id, &access);
    let path = format!("{}/{}", call.resource_path(), access.id);
    let resource = Resource {
        operation: "CREATE",
        kind: MODEL,
        path: Some(&path),
    };
    call.record(&mut tx, resource, Some(&Value::Object(given)));
    done(app.commit(tx).await?)?;
    let mut made = shown(&access);
    made.insert("token".to_owned(), json!(token));
    Ok(created(&call.address_below(&access.id), &made))
}

/// Takes one back; nothing happens if it is gone.
async fn delete(call: AdminCall) -> Result<Answer, Problem> {
    let mut tx = Tx::new();
    tx.delete_initial_access(&call.realm.id, call.param("token"));
    let path = call.resource_path();
    let resource = Resource {
        operation: "DELETE",
        kind: MODEL,
        path: Some(&path),
    };
    call.record(&mut tx, resource, None);
    done(call.app.commit(tx).await?)?;
    Ok(no_content())
}
