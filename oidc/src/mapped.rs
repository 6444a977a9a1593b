//! What mappers say today about whom a token is of: the part that userinfo and introspection share.

use std::borrow::Cow;

use claviger_engine::client::Client;
use claviger_engine::gate::Usable;
use claviger_engine::mapper::{self, Claims, Subject, Target};
use claviger_engine::person::Person;
use claviger_engine::scope::Granted;
use claviger_engine::token::TokenClaims;
use claviger_store::StoreError;
use claviger_wire::document::Json;

use crate::call::Call;

/// Adds the claims of the mappers that the client and the token's scopes bring.
pub async fn put_mapped(
    call: &Call,
    client: &Client,
    token: &TokenClaims,
    usable: &Usable,
    target: Target,
    claims: &mut Json,
) -> Result<(), StoreError> {
    let person = Person::load(&call.app.store, &call.realm, usable.user().clone()).await?;
    let granted = Granted::new(&call.realm, client, &person, token.scope.as_deref()).await?;
    let issuer = call
        .context
        .issuer_at(&usable.session().base_path, &call.realm.name);
    let mut subject = Subject {
        realm: &call.realm,
        client,
        person: &person,
        session: usable.session(),
        part: usable.part(),
        roles: Cow::Borrowed(&granted.role_names),
        issuer: &issuer,
        nonce: None,
        methods: &granted.methods,
        scripts: &call.app.scripts,
        now: call.app.now(),
    };
    let mut mapped = Claims::from(std::mem::take(claims));
    mapper::apply(&granted.mappers, target, &mut subject, &mut mapped);
    *claims = mapped.into_json();
    Ok(())
}
