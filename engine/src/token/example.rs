//! What tokens would say: the claims of tokens that nobody gets, for administrators who try out
//! scopes and mappers. Nothing is signed and nothing is kept.

use claviger_model::User;
use claviger_model::session::SessionKind;
use claviger_store::StoreError;
use claviger_wire::document::Json;

use super::lifespan::access_end;
use super::mint::{access_claims, id_claims, map};
use super::{GrantCode, Issue, Refresh};
use crate::app::App;
use crate::client::Client;
use crate::mapper::{Claims, Target};
use crate::person::Person;
use crate::realm::Realm;
use crate::request::RequestContext;
use crate::scope::Granted;
use crate::session::{Beginning, begin};

/// The claims of what a client would get.
#[derive(Clone, Debug)]
pub struct Example {
    /// Of the access token.
    pub access: Json,
    /// Of the ID token.
    pub id: Json,
    /// Of the answer of the userinfo endpoint.
    pub user_info: Json,
}

/// Works out what a client would get for a user who has just signed in.
pub async fn example(
    app: &App,
    realm: &Realm,
    client: &Client,
    user: User,
    scope: Option<&str>,
    context: &RequestContext,
) -> Result<Example, StoreError> {
    let person = Person::load(&app.store, realm, user).await?;
    let granted = Granted::new(realm, client, &person, scope).await?;
    let usable = begin(
        app,
        realm,
        SessionKind::Online,
        Beginning {
            user: &person.user,
            client,
            ip_address: &context.ip_address,
            base_path: &context.base_path,
            auth_method: "example-auth",
            notes: Vec::new(),
            part_notes: Vec::new(),
        },
    );
    let issue = Issue {
        realm,
        client,
        usable: &usable,
        person: &person,
        granted: &granted,
        issuer: context.issuer(&realm.name),
        code: GrantCode::Example,
        transient: false,
        nonce: None,
        refresh: Refresh::No,
        id_token: true,
        front: None,
    };
    let now = app.now();
    let end = access_end(&issue, now);
    let mut user_info = Claims::default();
    user_info.insert("sub", person.user.id.as_str());
    map(app, &issue, Target::UserInfo, &mut user_info, now);
    Ok(Example {
        access: access_claims(app, &issue, end, now).into_json(),
        id: id_claims(app, &issue, None, end, now).into_json(),
        user_info: user_info.into_json(),
    })
}
