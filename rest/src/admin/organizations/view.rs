//! How organizations and their members are shown, and told in events.

use claviger_model::User;
use claviger_wire::Organization;
use claviger_wire::document::Json;
use serde_json::{Value, json};

use crate::admin::users::representation::Access;
use crate::admin::users::show_many;
use crate::call::AdminCall;
use crate::problem::Problem;

/// A list, brief unless the whole is asked for.
pub(super) fn show_all(call: &AdminCall, all: &[Organization]) -> Vec<Json> {
    let brief = call.flag("briefRepresentation").unwrap_or(true);
    all.iter().map(|one| one.to_body(brief)).collect()
}

/// An organization as an event tells it: what was sent, with the flags that Keycloak's classes
/// always have.
pub(super) fn told(sent: &Json) -> Json {
    let mut told = sent.clone();
    told.retain(|_, value| !value.is_null());
    told.entry("enabled").or_insert(json!(true));
    for domain in objects(&mut told, "domains") {
        domain.entry("verified").or_insert(json!(false));
    }
    for provider in objects(&mut told, "identityProviders") {
        provider.entry("enabled").or_insert(json!(true));
        provider.entry("config").or_insert(json!({}));
    }
    for group in objects(&mut told, "groups") {
        group.entry("subGroups").or_insert(json!([]));
    }
    told
}

fn objects<'a>(body: &'a mut Json, name: &str) -> impl Iterator<Item = &'a mut Json> {
    let list = body.get_mut(name).and_then(Value::as_array_mut);
    list.into_iter().flatten().filter_map(Value::as_object_mut)
}

/// `MemberRepresentation`: users, and whether the organization manages them.
pub(super) async fn show_members(
    call: &AdminCall,
    members: Vec<(User, bool)>,
    brief: bool,
) -> Result<Vec<Json>, Problem> {
    let (users, managed): (Vec<User>, Vec<bool>) = members.into_iter().unzip();
    let mut shown = show_many(call, Access::of(call).await?, &users, brief).await?;
    for (user, managed) in shown.iter_mut().zip(managed) {
        user.shift_remove("access");
        let kind = if managed { "MANAGED" } else { "UNMANAGED" };
        user.insert("membershipType".to_owned(), json!(kind));
    }
    Ok(shown)
}
