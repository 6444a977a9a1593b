//! What is done, in Keycloak's representation, whichever words the endpoint speaks.

use claviger_engine::client::Client;
use claviger_engine::registration_token::{self, ATTRIBUTE};
use claviger_model::ClientUuid;
use claviger_store::{Commit, StoreError, Tx};
use claviger_wire::document::{Document, Json, Kind, Link, LinkKind};
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

use super::call::Call;
use super::caller::{Caller, Endpoint, USED_UP, agreed};
use super::metadata::Subject;
use crate::admin::clients::body::{flag, set_attribute, text};
use crate::admin::clients::write::{TWINS, is_management};
use crate::admin::clients::{validate, view};
use crate::admin::protocol_mappers::{self, rules};
use crate::problem::{Problem, done};

/// How many roles a client may give to everybody.
const DEFAULT_ROLES_MAX: usize = 100;

/// What is asked for.
#[derive(Debug)]
pub(super) struct Wish {
    /// `ClientRepresentation`.
    pub(super) given: Json,
    /// What the client is to know its users as, if the endpoint's words say so.
    pub(super) subject: Option<Subject>,
}

impl Wish {
    /// What nobody asks for: the token's number is written with the token.
    fn clean(&mut self) {
        if let Some(Value::Object(attributes)) = self.given.get_mut("attributes") {
            attributes.shift_remove(ATTRIBUTE);
        }
    }
}

/// Registers a client; returns it as it is told.
pub(super) async fn create(
    call: &mut Call,
    caller: &Caller,
    mut wish: Wish,
) -> Result<Json, Problem> {
    wish.clean();
    let given = &mut wish.given;
    if given.contains_key("optionalClientScopes") && !given.contains_key("defaultClientScopes") {
        given.insert("defaultClientScopes".to_owned(), json!(["basic"]));
    }
    let (standing, policies) = caller.may_register(call, given).await?;
    let mut body = call.clients().maker().create(given);
    let client_id = text(&body, "clientId").to_owned();
    let in_use = || Call::metadata("Client Identifier in use");
    if validate::has_twin_mappers(&body) {
        return Err(Call::metadata(TWINS));
    }
    if call.realm.client(&client_id).await?.is_some() {
        return Err(in_use());
    }
    policies.after_register(&mut body);
    hide_users(call, &mut body, wish.subject.as_ref());
    check(call, &body, wish.subject.as_ref()).await?;
    let origins = caller.origins(call).await?;
    let issuer = call.context.issuer(&call.realm.name);
    let (app, realm) = (&call.app, &call.realm);
    let token = registration_token::issue(app, realm, &issuer, standing, Some(&origins)).await?;
    set_attribute(&mut body, ATTRIBUTE, Some(&token.id));
    let mut tx = Tx::new();
    if let Caller::Initial(access, _) = caller {
        tx.use_initial_access(&realm.id, &access.id);
    }
    call.clients().add(&mut tx, &wish.given, &mut body).await?;
    let uuid = ClientUuid::new(text(&body, "id"));
    default_roles(call, &mut tx, &uuid, &wish.given).await?;
    call.event.client(&client_id);
    call.event.success(&call.app, &call.realm, &mut tx);
    match call.app.commit(tx).await? {
        Commit::Done => {}
        commit @ Commit::Missed(_) if commit.is_used_up() => {
            return Err(call.unauthorized(USED_UP).await);
        }
        Commit::Conflict(_) => return Err(in_use()),
        commit @ Commit::Missed(_) => done(commit)?,
    }
    let mut shown = shown(call, &client_id).await?;
    tell_token(&mut shown, &token.token);
    Ok(shown)
}

/// A registration as it is told.
pub(super) async fn show(
    call: &mut Call,
    caller: &Caller,
    endpoint: Endpoint,
) -> Result<Json, Problem> {
    let client = caller.may_see(call, endpoint).await?;
    let mut shown = representation(call, &client).await?;
    if flag(&client.body, "bearerOnly") {
        shown.shift_remove("secret");
    }
    if let Caller::Registration { text, token } = caller {
        let token = registration_token::renewed(&call.app, &call.realm, text, token).await?;
        tell_token(&mut shown, &token);
    }
    let mut tx = Tx::new();
    call.event.client(&client.client_id);
    call.event.success(&call.app, &call.realm, &mut tx);
    done(call.app.commit(tx).await?)?;
    Ok(shown)
}

/// Changes a registration; returns it as it is told. Whoever came with the token of the
/// registration gets another one, and theirs is void.
pub(super) async fn update(
    call: &mut Call,
    caller: &Caller,
    endpoint: Endpoint,
    mut wish: Wish,
) -> Result<Json, Problem> {
    wish.clean();
    let client_id = call.client_id.clone();
    call.event.client(&client_id);
    let (client, standing, policies) = caller.may_change(call, endpoint).await?;
    if wish.subject.is_some() && wish.given.contains_key("optionalClientScopes") {
        // Who names scopes, names optional ones; the others stay.
        let shown = representation(call, &client).await?;
        let stays = shown.get("defaultClientScopes").cloned();
        wish.given
            .insert("defaultClientScopes".to_owned(), stays.unwrap_or(json!([])));
    }
    let judged = policies
        .before_update(call.site(), &wish.given, &client)
        .await;
    agreed(call, judged).await?;
    own(call, &client)?;
    if text(&wish.given, "clientId") != client.client_id {
        return Err(Call::metadata("Client Identifier modified"));
    }
    let clients = call.clients();
    let mut body = clients.maker().update(&client.body, &wish.given);
    if validate::has_twin_mappers(&body) {
        return Err(Call::metadata(TWINS));
    }
    hide_users(call, &mut body, wish.subject.as_ref());
    check(call, &body, wish.subject.as_ref()).await?;
    let mut token = None;
    if let Caller::Registration { .. } = caller {
        let origins = caller.origins(call).await?;
        let issuer = call.context.issuer(&call.realm.name);
        let (app, realm) = (&call.app, &call.realm);
        let made = registration_token::issue(app, realm, &issuer, standing, Some(&origins)).await?;
        set_attribute(&mut body, ATTRIBUTE, Some(&made.id));
        token = Some(made.token);
    }
    let mut tx = Tx::new();
    let change = clients.change(&mut tx, &client, body).await?;
    clients
        .replace_scopes(&mut tx, &client, &wish.given)
        .await?;
    default_roles(call, &mut tx, &client.uuid, &wish.given).await?;
    call.event.success(&call.app, &call.realm, &mut tx);
    done(call.app.commit(tx).await?)?;
    clients.changed(&client, change).await?;
    let mut shown = shown(call, &client.client_id).await?;
    if let Some(token) = token {
        tell_token(&mut shown, &token);
    }
    Ok(shown)
}

/// Takes a registration back.
pub(super) async fn delete(
    call: &mut Call,
    caller: &Caller,
    endpoint: Endpoint,
) -> Result<(), Problem> {
    let client_id = call.client_id.clone();
    call.event.client(&client_id);
    let (client, _, policies) = caller.may_change(call, endpoint).await?;
    let judged = policies.before_use(call.site()).await;
    agreed(call, judged).await?;
    own(call, &client)?;
    let clients = call.clients();
    if clients.is_built_in(&client).await? {
        return Err(Problem::forbidden());
    }
    let mut tx = clients.delete(&client).await?;
    call.event.success(&call.app, &call.realm, &mut tx);
    done(call.app.commit(tx).await?)?;
    clients.deleted(&client).await?;
    Ok(())
}

/// Clients whose roles are rights over realms are the server's own: nobody changes them.
fn own(call: &Call, client: &Client) -> Result<(), Problem> {
    if is_management(&call.realm.name, &client.client_id) {
        return Err(Problem::forbidden());
    }
    Ok(())
}

/// Refuses a document that is not a client's.
async fn check(call: &Call, body: &Json, subject: Option<&Subject>) -> Result<(), Problem> {
    let clients = call.clients();
    let mut problems = clients.problems(body).await?;
    let fields = Fields::of(body);
    let sectors: Vec<String> = match subject {
        Some(subject) => subject.sector_to_check().into_iter().collect(),
        None => fields
            .objects("protocolMappers")
            .filter(|mapper| text(mapper, "protocolMapper") == rules::PAIRWISE)
            .map(|mapper| {
                let config = mapper.get("config").and_then(Value::as_object);
                config
                    .map_or("", |config| text(config, rules::SECTOR))
                    .to_owned()
            })
            .collect(),
    };
    let (root, redirects) = (text(body, "rootUrl"), fields.texts("redirectUris"));
    for sector in sectors {
        if let Err(text) = rules::check_pairwise(&call.app, root, &redirects, &sector).await {
            problems.push(text.to_owned());
        }
    }
    problems.extend(clients.unknown_flow(body).await?);
    if problems.is_empty() {
        return Ok(());
    }
    let about_redirects = |problem: &String| problem.starts_with("A redirect URI ");
    let error = if problems.iter().any(about_redirects) {
        "invalid_redirect_uri"
    } else {
        "invalid_client_metadata"
    };
    Err(Call::invalid(error, &problems.join("; ")))
}

/// Gives a client the mapper that hides users' ids, or takes it away (OpenID Connect Core §8).
fn hide_users(call: &Call, body: &mut Json, subject: Option<&Subject>) {
    let Some(subject) = subject else { return };
    let is_pairwise = |mapper: &Value| {
        let kind = mapper.get("protocolMapper").and_then(Value::as_str);
        kind.is_some_and(|kind| kind.ends_with(rules::PAIRWISE_SUFFIX))
    };
    let Value::Array(mappers) = body.entry("protocolMappers").or_insert(json!([])) else {
        return;
    };
    let Subject::Pairwise { sector } = subject else {
        mappers.retain(|mapper| !is_pairwise(mapper));
        return;
    };
    if mappers.iter().any(is_pairwise) {
        for mapper in mappers.iter_mut().filter(|mapper| is_pairwise(mapper)) {
            let Some(Value::Object(config)) = mapper.get_mut("config") else {
                continue;
            };
            if sector.is_empty() {
                config.shift_remove(rules::SECTOR);
            } else {
                config.insert(rules::SECTOR.to_owned(), json!(sector));
            }
        }
        return;
    }
    let given = Json::from_iter([
        ("name".to_owned(), json!("pairwise subject identifier")),
        ("protocol".to_owned(), json!("openid-connect")),
        ("protocolMapper".to_owned(), json!(rules::PAIRWISE)),
        ("config".to_owned(), json!({rules::SECTOR: sector})),
    ]);
    let made = protocol_mappers::kept(&call.app.random, &given);
    mappers.push(Value::Object(made));
}

/// Gives every user the roles of the client that a representation names, and takes others of its
/// roles from them. Without the member nothing changes.
async fn default_roles(
    call: &Call,
    tx: &mut Tx,
    client: &ClientUuid,
    given: &Json,
) -> Result<(), Problem> {
    let Some(wanted) = Fields::of(given).maybe_texts("defaultRoles") else {
        return Ok(());
    };
    if wanted.len() > DEFAULT_ROLES_MAX {
        return Err(Call::metadata("There are too many default roles"));
    }
    let realm = &call.realm;
    let all = realm.settings.default_role.as_str();
    let link = |to: &str| Link {
        kind: LinkKind::Composite,
        from: all.to_owned(),
        to: to.to_owned(),
    };
    let roles = realm.roles().await?;
    for role in roles.of_client(client) {
        if !wanted.contains(&role.name) {
            tx.delete_link(&realm.id, &link(role.id.as_str()));
        }
    }
    let had = given_to_all(call).await?;
    let mut seen = std::collections::HashSet::new();
    for name in wanted.iter().filter(|name| seen.insert(*name)) {
        let id = match roles.named(Some(client), name) {
            Some(role) => role.id.as_str().to_owned(),
            None => insert_role(call, tx, client, name)?,
        };
        if !had.contains(&id) {
            tx.insert_link(&realm.id, &link(&id));
        }
    }
    Ok(())
}

fn insert_role(
    call: &Call,
    tx: &mut Tx,
    client: &ClientUuid,
    name: &str,
) -> Result<String, Problem> {
    if name.trim().is_empty() || name.chars().count() > 255 {
        return Err(Call::metadata("A default role's name is empty or too long"));
    }
    let id = call.app.random.uuid();
    let body = Json::from_iter([
        ("id".to_owned(), json!(id)),
        ("name".to_owned(), json!(name)),
        ("attributes".to_owned(), json!({})),
    ]);
    tx.insert_document(
        &call.realm.id,
        &Document {
            kind: Kind::Role,
            id: id.clone(),
            parent: client.as_str().to_owned(),
            unique_name: name.to_owned(),
            enabled: true,
            body,
        },
    );
    Ok(id)
}

/// Ids of what every user gets.
async fn given_to_all(call: &Call) -> Result<Vec<String>, StoreError> {
    let realm = &call.realm;
    let all = realm.settings.default_role.as_str();
    let store = &call.app.store;
    store.links_from(&realm.id, LinkKind::Composite, all).await
}

/// A client as it is now that something was written.
async fn shown(call: &mut Call, client_id: &str) -> Result<Json, Problem> {
    if let Some(realm) = call.app.realm(&call.realm.name).await? {
        call.realm = realm;
    }
    match call.realm.client(client_id).await? {
        Some(client) => representation(call, &client).await,
        // Somebody was fast.
        None => Err(call.no_client().await),
    }
}

/// `ClientRepresentation`, with its secret and the roles that everybody gets.
async fn representation(call: &Call, client: &Client) -> Result<Json, Problem> {
    let scopes = call.realm.scopes().await?;
    let mut shown = view::client(client, &scopes, &call.realm.name);
    let roles = call.realm.roles().await?;
    let given = given_to_all(call).await?;
    let own = roles.of_client(&client.uuid);
    let mut names: Vec<&str> = own
        .filter(|role| given.iter().any(|id| id == role.id.as_str()))
        .map(|role| role.name.as_str())
        .collect();
    names.sort_unstable();
    shown.insert("defaultRoles".to_owned(), json!(names));
    Ok(shown)
}

fn tell_token(shown: &mut Json, token: &str) {
    shown.insert("registrationAccessToken".to_owned(), json!(token));
}
