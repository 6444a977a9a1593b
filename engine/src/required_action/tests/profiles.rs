//! What the realm's profile asks of its users.

use serde_json::{Value, json};

use super::world::World;
use crate::browser::{CookieChange, CookieName};
use crate::page::{Page, ProfileField};
use crate::required_action::{Answered, Due, LOCALE_REQUESTED};

fn fields(due: &Due) -> &[ProfileField] {
    let Page::UpdateProfile { fields } = &due.page else {
        panic!("{due:?}")
    };
    fields
}

fn messages(due: &Due) -> Vec<(String, Vec<String>)> {
    let told = due.field_messages.iter();
    let keys = told.map(|(name, messages)| {
        let keys = messages.iter().map(|message| message.key.clone());
        (name.clone(), keys.collect())
    });
    keys.collect()
}

fn again(answered: Answered) -> Due {
    let Answered::Again(due) = answered else {
        panic!("{answered:?}")
    };
    due
}

/// A realm whose profile has these attributes beside name and address.
fn realm(more: &Value) -> Value {
    let both = json!({"view": ["admin", "user"], "edit": ["admin", "user"]});
    let plain = |name: &str, required: bool| {
        let mut attribute = json!({"name": name, "permissions": both});
        if required {
            attribute["required"] = json!({"roles": ["user"]});
        }
        attribute
    };
    let mut attributes = vec![
        plain("username", false),
        plain("email", true),
        plain("firstName", true),
        plain("lastName", true),
    ];
    attributes.extend(more.as_array().cloned().unwrap_or_default());
    let config = json!({
        "attributes": attributes,
        "groups": [
            {"name": "b", "displayHeader": "${b}", "annotations": {"kcShow": "yes", "note": "no"}},
            {"name": "a", "displayDescription": "About a"},
        ],
    });
    json!({
        "components": {"org.keycloak.userprofile.UserProfileProvider": [{
            "providerId": "declarative-user-profile",
            "config": {"kc.user.profile.config": [config.to_string()]},
        }]},
    })
}

#[tokio::test]
async fn a_profile_that_lacks_something_is_asked_for_until_it_is_whole() {
    let mut world = World::open(json!({}), json!({"firstName": "", "lastName": ""})).await;
    assert_eq!(world.pending().await.as_deref(), Some("VERIFY_PROFILE"));
    let due = world.next().await.expect("a page");
    let names: Vec<&str> = fields(&due)
        .iter()
        .map(|field| field.name.as_str())
        .collect();
    assert_eq!(names, ["email", "firstName", "lastName"]);
    let wanted = vec!["error-user-attribute-required".to_owned()];
    let expected = ["firstName", "lastName"].map(|name| (name.to_owned(), wanted.clone()));
    assert_eq!(messages(&due), expected);
    let (kind, details) = world.events().await.remove(0);
    assert_eq!(
        (&*kind, &*details["fields_to_update"]),
        ("VERIFY_PROFILE", "lastName,firstName")
    );
    let form = [("email", ""), ("firstName", "A"), ("lastName", "")];
    let due = again(world.send("VERIFY_PROFILE", &form).await);
    assert!(
        messages(&due).iter().any(|(name, _)| name == "email"),
        "{due:?}"
    );
    let name = fields(&due).iter().find(|field| field.name == "firstName");
    assert_eq!(
        name.map(|field| field.values.clone()),
        Some(vec!["A".to_owned()])
    );
    let form = [
        ("email", "new@shop.example"),
        ("firstName", "A"),
        ("lastName", "L"),
    ];
    assert_eq!(world.send("VERIFY_PROFILE", &form).await, Answered::Done);
    let alice = world.alice().await;
    assert_eq!(alice.email.as_deref(), Some("new@shop.example"));
    assert!(!alice.email_verified, "a new address has yet to be proved");
    let (kind, details) = world.events().await.pop().expect("an event");
    assert_eq!(kind, "UPDATE_PROFILE");
    assert_eq!(details["previous_email"], "alice@shop.example");
    assert_eq!(details["updated_email"], "new@shop.example");
    assert_eq!(details["updated_first_name"], "A");
    assert_eq!(details["custom_required_action"], "VERIFY_PROFILE");
    assert!(
        !details.contains_key("previous_first_name"),
        "there was none"
    );
    assert_eq!(world.pending().await, None);
}

#[tokio::test]
async fn fields_are_shown_as_the_profile_says() {
    let all = json!({"view": ["user"], "edit": ["user"]});
    let more = json!([
        {"name": "size", "displayName": "${size}", "permissions": all, "group": "b",
         "validations": {"options": {"options": ["S", "M"]}},
         "annotations": {"inputType": "select"}, "defaultValue": "M"},
        {"name": "nick", "permissions": all, "multivalued": true},
        {"name": "floor", "permissions": {"view": ["user"], "edit": ["admin"]}, "group": "a"},
        {"name": "secret", "permissions": {"view": ["admin"], "edit": ["admin"]}},
    ]);
    let alice = json!({
        "requiredActions": ["UPDATE_PROFILE"],
        "attributes": {"nick": ["Al", "Ali"], "floor": ["2"], "secret": ["s"]},
    });
    let mut world = World::open(realm(&more), alice).await;
    let due = world.next().await.expect("a page");
    let shown: Vec<(&str, &[String])> = fields(&due)
        .iter()
        .map(|field| (field.name.as_str(), field.values.as_slice()))
        .collect();
    let text =
        |values: &[&str]| -> Vec<String> { values.iter().map(|v| (*v).to_owned()).collect() };
    let expected = [
        ("email", text(&["alice@shop.example"])),
        ("firstName", text(&["Alice"])),
        ("lastName", text(&["Liddell"])),
        ("nick", text(&["Al", "Ali"])),
        ("size", text(&["M"])),
        ("floor", text(&["2"])),
    ];
    let expected: Vec<(&str, &[String])> = expected
        .iter()
        .map(|(name, values)| (*name, values.as_slice()))
        .collect();
    assert_eq!(shown, expected);
    let field = |name: &str| {
        fields(&due)
            .iter()
            .find(|field| field.name == name)
            .unwrap()
    };
    let size = field("size");
    assert_eq!(size.options, ["S", "M"]);
    assert_eq!(size.annotations["inputType"], "select");
    assert_eq!(size.annotations["kcShow"], "yes");
    assert!(!size.annotations.contains_key("note"));
    assert_eq!(
        size.group.as_ref().map(|group| group.header.as_str()),
        Some("${b}")
    );
    let floor = field("floor");
    assert!(floor.read_only && !floor.required);
    assert_eq!(
        floor.group.as_ref().map(|group| group.header.as_str()),
        Some("a")
    );
    assert!(field("email").required);
    assert_eq!(field("email").autocomplete.as_deref(), Some("email"));
    assert!(field("nick").multivalued);
}

#[tokio::test]
async fn a_form_changes_what_its_user_may_change_and_nothing_else() {
    let more = json!([
        {"name": "nick", "permissions": {"view": ["user"], "edit": ["user"]}, "multivalued": true},
        {"name": "floor", "permissions": {"view": ["user"], "edit": ["admin"]}},
    ]);
    let mut config = realm(&more);
    let text = &mut config["components"]["org.keycloak.userprofile.UserProfileProvider"][0]["config"]
        ["kc.user.profile.config"][0];
    let mut profile: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
    profile["unmanagedAttributePolicy"] = json!("ENABLED");
    *text = json!(profile.to_string());
    let alice = json!({
        "requiredActions": ["UPDATE_PROFILE"],
        "attributes": {"floor": ["2"], "kept": ["k"]},
    });
    let mut world = World::open(config, alice).await;
    let form = [
        ("email", "alice@shop.example"),
        ("firstName", "Alice"),
        ("lastName", "Liddell"),
        ("nick", "one"),
        ("nick", "two"),
        ("colour", "red"),
        ("LDAP_ID", ""),
        ("password", "hunter2"),
        ("password-new", "hunter2"),
        ("password-confirm", "hunter2"),
        ("cancel-aia", "true"),
    ];
    for (name, value) in [("username", "mallory"), ("floor", "9"), ("LDAP_ID", "x")] {
        let mut tampered = form.to_vec();
        tampered.push((name, value));
        let due = again(world.send("UPDATE_PROFILE", &tampered).await);
        let told = due.message.is_some() || due.field_messages.contains_key(name);
        assert!(told, "{name}: {due:?}");
    }
    let answered = world.send("UPDATE_PROFILE", &form).await;
    assert_eq!(answered, Answered::Done);
    let alice = world.alice().await;
    assert_eq!(alice.username, "alice");
    assert!(alice.email_verified, "the address is the same");
    let kept: Vec<(&str, &[String])> = alice
        .attributes
        .iter()
        .map(|(name, values)| (name.as_str(), values.as_slice()))
        .collect();
    let text =
        |values: &[&str]| -> Vec<String> { values.iter().map(|v| (*v).to_owned()).collect() };
    let (colour, floor, k, nick) = (
        text(&["red"]),
        text(&["2"]),
        text(&["k"]),
        text(&["one", "two"]),
    );
    let expected: [(&str, &[String]); 4] = [
        ("colour", &colour),
        ("floor", &floor),
        ("kept", &k),
        ("nick", &nick),
    ];
    assert_eq!(kept, expected);
}

#[tokio::test]
async fn nobody_takes_the_address_or_the_name_of_another() {
    let bob = json!({"username": "bob", "email": "bob@shop.example", "enabled": true});
    let mut file = json!({"editUsernameAllowed": true, "users": []});
    file["users"] = json!([
        {"username": "alice", "enabled": true, "email": "alice@shop.example", "firstName": "A",
         "lastName": "L", "requiredActions": ["UPDATE_PROFILE"]},
        bob,
    ]);
    let mut world = World::open(file, json!({})).await;
    let form = [
        ("username", "bob"),
        ("email", "Bob@shop.example"),
        ("firstName", "A"),
        ("lastName", "L"),
    ];
    let due = again(world.send("UPDATE_PROFILE", &form).await);
    let expected = [
        ("email", "emailExistsMessage"),
        ("username", "usernameExistsMessage"),
    ];
    let expected = expected.map(|(name, key)| (name.to_owned(), vec![key.to_owned()]));
    assert_eq!(messages(&due), expected);
    assert_eq!(
        world.alice().await.email.as_deref(),
        Some("alice@shop.example")
    );
}

#[tokio::test]
async fn the_language_of_the_login_becomes_the_users_and_the_other_way_round() {
    let mut world = World::open(json!({}), json!({})).await;
    assert_eq!(world.cookies(None).await, []);
    let gone = [CookieChange::clear(CookieName::Locale)];
    assert_eq!(
        world.cookies(Some("fr")).await,
        gone,
        "it was another user's"
    );
    world
        .tab
        .auth_notes
        .insert(LOCALE_REQUESTED.to_owned(), "de".to_owned());
    let german = [CookieChange::set(CookieName::Locale, "de")];
    assert_eq!(world.cookies(None).await, german);
    assert_eq!(world.alice().await.attributes["locale"], ["de"]);
    let (kind, details) = world.events().await.remove(0);
    assert_eq!(
        (&*kind, &*details["updated_locale"]),
        ("UPDATE_PROFILE", "de")
    );
    world.tab.auth_notes.clear();
    assert_eq!(
        world.cookies(None).await,
        german,
        "the next browser learns it"
    );
}

#[tokio::test]
async fn people_delete_their_account_where_they_may() {
    let realm = json!({"requiredActions": [{
        "alias": "delete_account", "name": "Delete Account", "providerId": "delete_account",
        "enabled": true, "priority": 60,
    }]});
    let alice = json!({"clientRoles": {"account": ["delete-account"]}});
    let mut world = World::open(realm.clone(), alice)
        .await
        .asked("delete_account");
    let due = world.next().await.expect("a page");
    assert_eq!(
        due.page,
        Page::DeleteAccount {
            triggered_from_aia: true
        }
    );
    assert!(due.cancellable);
    let answered = world.send("delete_account", &[]).await;
    let Answered::Gone(Page::Info { .. }, message) = answered else {
        panic!("{answered:?}")
    };
    assert_eq!(message.key, "userDeletedSuccessfully");
    let found = crate::authenticate::find(&world.app, &*world.realm().await, "alice").await;
    assert_eq!(found.unwrap(), None);
    let (kind, details) = world.events().await.remove(0);
    assert_eq!((&*kind, &*details["username"]), ("DELETE_ACCOUNT", "alice"));

    let mut world = World::open(realm, json!({})).await.asked("delete_account");
    let due = world.next().await.expect("a page");
    assert!(matches!(due.page, Page::Error { .. }));
    let answered = again(world.send("delete_account", &[]).await);
    assert!(matches!(answered.page, Page::Error { .. }));
    assert_eq!(world.alice().await.username, "alice");
    assert_eq!(world.kinds().await, ["DELETE_ACCOUNT_ERROR"]);
}
