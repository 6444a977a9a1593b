//! Organizations over HTTP.

mod groups;
mod identity_providers;
mod invitations;

use axum::http::Method;
use claviger_testkit::Reply;
use serde_json::{Value, json};

use crate::world::{Shop, open};

/// The shop with organizations switched on.
async fn open_with_organizations() -> Shop {
    let shop = open().await;
    shop.put("", &json!({"organizationsEnabled": true}))
        .await
        .is(204);
    shop
}

/// Makes an organization and returns its path.
pub async fn make(shop: &Shop, body: &Value) -> String {
    let made = shop.post("/organizations", body).await.is(201);
    let address = made.header("location");
    let id = address.rsplit_once('/').expect("an address").1;
    format!("/organizations/{id}")
}

/// Sends a text as JSON clients do that send an id.
async fn send_id(shop: &Shop, path: &str, id: &str) -> Reply {
    shop.send_bytes(Method::POST, path, "application/json", id)
        .await
}

/// Adds a user of the shop and returns the user's id.
async fn join(shop: &Shop, organization: &str, name: &str) -> String {
    let id = shop.user(name).await.replace("/users/", "");
    let added = send_id(shop, &format!("{organization}/members"), &id).await;
    added.is(201);
    id
}

fn names(list: &Value, member: &str) -> Vec<String> {
    let list = list.as_array().expect("a list").iter();
    list.map(|one| one[member].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test]
async fn nothing_is_there_while_they_are_switched_off() {
    let shop = open().await;
    let off = "Organizations not enabled for this realm.";
    for path in ["/organizations", "/organizations/count", "/organizations/x"] {
        let refused = shop.get(path).await.is(404);
        assert_eq!(refused.member("errorMessage"), off, "{path}");
    }
    let made = shop.post("/organizations", &json!({"name": "x"})).await;
    assert_eq!(made.is(404).member("errorMessage"), off);
}

#[tokio::test]
async fn an_organization_is_made_changed_and_deleted() {
    let shop = open_with_organizations().await;
    let sent = json!({
        "id": "my-id", "name": "Acme", "alias": "acme", "description": "d", "enabled": false,
        "redirectUrl": "https://acme.example/", "attributes": {"tier": ["gold", "1"], "none": []},
        "domains": [{"name": " ACME.example", "verified": true}, {"name": "*.acme.net"}],
        "members": [{"username": "alice"}], "groups": [{"name": "g"}],
    });
    let acme = make(&shop, &sent).await;
    let id = acme.replace("/organizations/", "");
    let event = shop.event().await;
    assert_eq!(
        (
            event.operation.as_str(),
            event.kind.as_str(),
            event.path.as_str()
        ),
        ("CREATE", "ORGANIZATION", &acme[1..])
    );
    assert_eq!(event.representation["id"], json!(id));
    assert_eq!(event.representation["domains"][1]["verified"], json!(false));
    let mut expected = json!({
        "id": id, "name": "Acme", "alias": "acme", "enabled": false, "description": "d",
        "redirectUrl": "https://acme.example/", "attributes": {"tier": ["gold", "1"]},
        "domains": [{"name": "acme.example", "verified": true},
                    {"name": "*.acme.net", "verified": false}],
    });
    assert_eq!(shop.get(&acme).await.is(200).json(), expected);
    assert_eq!(
        shop.get(&format!("{acme}/members")).await.is(200).json(),
        json!([]),
        "what belongs to it comes by calls of its own"
    );

    let change =
        json!({"name": "Acme Inc", "alias": "acme", "domains": [{"name": "acme.example"}]});
    shop.put(&acme, &change).await.is(204);
    let shown = shop.get(&acme).await.is(200).json();
    expected = json!({
        "id": id, "name": "Acme Inc", "alias": "acme", "enabled": true,
        "attributes": {"tier": ["gold", "1"]},
        "domains": [{"name": "acme.example", "verified": false}],
    });
    assert_eq!(shown, expected, "attributes that were not sent stay");
    let renamed = shop
        .put(&acme, &json!({"name": "Acme Inc", "alias": "x"}))
        .await;
    assert_eq!(
        renamed.is(400).member("errorMessage"),
        "Cannot change the alias"
    );
    shop.put(&acme, &Value::Null).await.is(400);
    assert_eq!(shop.get(&acme).await.is(200).json(), expected);

    shop.delete(&acme).await.is(204);
    assert_eq!(shop.event().await.operation, "DELETE");
    let gone = shop.get(&acme).await.is(404);
    assert_eq!(gone.member("errorMessage"), "Organization not found.");
    shop.delete(&acme).await.is(404);
    // Name, alias and domain are free again.
    make(&shop, &sent).await;
}

#[tokio::test]
async fn what_an_organization_must_not_be_is_told_in_keycloaks_words() {
    let shop = open_with_organizations().await;
    make(
        &shop,
        &json!({"name": "Acme", "alias": "acme", "domains": [{"name": "acme.example"}]}),
    )
    .await;
    let reserved = |text: &str| json!({"error": text});
    let told = |text: &str| json!({"errorMessage": text});
    for (sent, status, expected) in [
        (json!({}), 400, told("Name can not be null")),
        (Value::Null, 400, told("Organization cannot be null.")),
        (
            json!({"name": "a b"}),
            400,
            told("Name cannot be used as alias: Empty Space not allowed."),
        ),
        (
            json!({"name": "x", "alias": "a b"}),
            400,
            reserved("Empty Space not allowed."),
        ),
        (
            json!({"name": "x", "alias": "a/b"}),
            400,
            reserved("Character '/' not allowed."),
        ),
        (
            json!({"name": "x", "redirectUrl": "nope"}),
            400,
            told("Organization redirect URL is not valid."),
        ),
        (
            json!({"name": "x", "domains": [{"name": "*.com"}]}),
            400,
            told("Domain must have at least 2 parts (e.g. 'example.com'): com"),
        ),
        (
            json!({"name": "Acme", "alias": "other"}),
            409,
            told("A organization with the same name already exists."),
        ),
        (
            json!({"name": "Other", "alias": "acme"}),
            409,
            told("A organization with the same alias already exists"),
        ),
        (
            json!({"name": "x", "domains": [{"name": "ACME.example"}]}),
            400,
            told("Domain acme.example is already linked to organization Acme in realm shop"),
        ),
    ] {
        let refused = shop.post("/organizations", &sent).await.is(status);
        assert_eq!(refused.json(), expected, "{sent}");
    }
    assert_eq!(shop.get("/organizations/count").await.is(200).json(), 1);
    // A wildcard beside what it covers is another domain.
    make(
        &shop,
        &json!({"name": "wild", "domains": [{"name": "*.acme.example"}]}),
    )
    .await;
    // Another realm has names of its own.
    let other = json!({"realm": "other", "enabled": true, "organizationsEnabled": true});
    shop.stage.import(other).await;
    let there = "/admin/realms/other/organizations";
    let acme = json!({"name": "Acme", "domains": [{"name": "acme.example"}]});
    let over_all = shop.of_master("root", "root-password").await;
    let made = over_all.at(Method::POST, there).json(&acme).send().await;
    let address = made.is(201).header("location").clone();
    let foreign = address.rsplit_once('/').expect("an address").1;
    shop.get(&format!("/organizations/{foreign}")).await.is(404);
}

#[tokio::test]
async fn organizations_are_found_by_name_domain_alias_and_attribute() {
    let shop = open_with_organizations().await;
    for (name, domain, tier) in [
        ("alpha", "alpha.example", "gold"),
        ("Beta", "b_ta.test", "silver"),
        ("gamma", "alpha.test", "gold"),
    ] {
        let domain = domain.replace('_', "e");
        make(
            &shop,
            &json!({"name": name, "domains": [{"name": domain}],
                    "attributes": {"tier": [tier], "n": ["1"]}}),
        )
        .await;
    }
    for (query, expected) in [
        ("", vec!["Beta", "alpha", "gamma"]),
        ("?search=ALPHA", vec!["alpha", "gamma"]),
        ("?search=alpha.test", vec!["gamma"]),
        ("?search=a_pha", vec![]),
        ("?search=alpha&exact=true", vec!["alpha"]),
        ("?search=beta&exact=true", vec![]),
        ("?search=alpha.example&exact=true", vec!["alpha"]),
        ("?q=tier:gold", vec!["alpha", "gamma"]),
        ("?q=tier:GOLD", vec![]),
        ("?q=tier:gold%20alias:gamma", vec!["gamma"]),
        ("?q=nothing", vec!["Beta", "alpha", "gamma"]),
        ("?first=1&max=1", vec!["alpha"]),
        ("?max=0", vec![]),
    ] {
        let found = shop
            .get(&format!("/organizations{query}"))
            .await
            .is(200)
            .json();
        assert_eq!(names(&found, "name"), expected, "{query}");
        if !query.contains("max") {
            let count = shop.get(&format!("/organizations/count{query}")).await;
            assert_eq!(count.is(200).json(), json!(expected.len()), "{query}");
        }
    }
    let brief = shop.get("/organizations?max=1").await.is(200).json();
    assert_eq!(brief[0].get("attributes"), None);
    let whole = shop
        .get("/organizations?max=1&briefRepresentation=false")
        .await;
    assert_eq!(whole.is(200).json()[0]["attributes"]["n"], json!(["1"]));
    shop.get("/organizations?first=x").await.is(404);
}

#[tokio::test]
async fn users_join_are_listed_and_leave() {
    let shop = open_with_organizations().await;
    let acme = make(&shop, &json!({"name": "acme", "attributes": {"a": ["1"]}})).await;
    let other = make(&shop, &json!({"name": "zeta"})).await;
    let members = format!("{acme}/members");
    let alice = join(&shop, &acme, "alice").await;
    let event = shop.event().await;
    assert_eq!(
        (
            event.operation.as_str(),
            event.kind.as_str(),
            event.path.as_str()
        ),
        ("CREATE", "ORGANIZATION_MEMBERSHIP", &members[1..])
    );
    assert_eq!(event.details["username"], "alice");
    assert_eq!(event.representation["name"], "acme");
    let again = send_id(&shop, &members, &format!(" \"{alice}\"\n")).await;
    assert_eq!(
        again.is(409).member("errorMessage"),
        "User is already a member of the organization."
    );
    for nobody in ["", "nobody", "{\"id\":\"x\"}"] {
        send_id(&shop, &members, nobody).await.is(404);
    }
    join(&shop, &acme, "bob").await;
    join(&shop, &other, "alice").await;

    assert_eq!(
        shop.get(&format!("{members}/count")).await.is(200).json(),
        2
    );
    for (query, expected) in [
        ("", vec!["alice", "bob"]),
        ("?search=LIDD", vec!["alice"]),
        ("?search=al*e", vec!["alice"]),
        ("?search=%22alice%22", vec![]),
        ("?search=ALICE&exact=true", vec!["alice"]),
        ("?search=lidd&exact=true", vec![]),
        ("?search=a_", vec![]),
        ("?membershipType=unmanaged", vec!["alice", "bob"]),
        ("?membershipType=MANAGED", vec![]),
        ("?first=1&max=1", vec!["bob"]),
        ("?search=shop.example&first=1", vec!["bob"]),
    ] {
        let found = shop.get(&format!("{members}{query}")).await.is(200).json();
        assert_eq!(names(&found, "username"), expected, "{query}");
    }
    shop.get(&format!("{members}?membershipType=x"))
        .await
        .is(400);
    let shown = shop.get(&format!("{members}/{alice}")).await.is(200).json();
    assert_eq!(shown["membershipType"], "UNMANAGED");
    assert_eq!((&shown["totp"], shown.get("access")), (&json!(false), None));
    let brief = shop.get(&members).await.is(200).json();
    assert_eq!(brief[0].get("totp"), None);

    for path in [
        format!("{members}/{alice}/organizations"),
        format!("/organizations/members/{alice}/organizations"),
    ] {
        let all = shop.get(&path).await.is(200).json();
        assert_eq!(names(&all, "name"), ["acme", "zeta"], "{path}");
        assert_eq!(all[0].get("attributes"), None);
    }
}

#[tokio::test]
async fn users_leave_with_their_membership_with_themselves_and_with_the_organization() {
    let shop = open_with_organizations().await;
    let acme = make(&shop, &json!({"name": "acme"})).await;
    let members = format!("{acme}/members");
    let (alice, bob) = (
        join(&shop, &acme, "alice").await,
        join(&shop, &acme, "bob").await,
    );
    shop.delete(&format!("{members}/{bob}")).await.is(204);
    assert_eq!(shop.event().await.operation, "DELETE");
    shop.get(&format!("{members}/{bob}")).await.is(404);
    shop.delete(&format!("{members}/{bob}")).await.is(404);
    shop.get(&format!("{members}/{bob}/organizations"))
        .await
        .is(404);
    let none = format!("/organizations/members/{bob}/organizations");
    assert_eq!(shop.get(&none).await.is(200).json(), json!([]));
    shop.get(&format!("/users/{bob}")).await.is(200);
    shop.get("/organizations/members/nobody/organizations")
        .await
        .is(404);

    // A user who ends leaves; an organization that ends lets go.
    shop.delete(&format!("/users/{alice}")).await.is(204);
    assert_eq!(
        shop.get(&format!("{members}/count")).await.is(200).json(),
        0
    );
    join(&shop, &acme, "bob").await;
    shop.delete(&acme).await.is(204);
    let none = format!("/organizations/members/{bob}/organizations");
    assert_eq!(shop.get(&none).await.is(200).json(), json!([]));
}

#[tokio::test]
async fn users_whom_an_organization_manages_end_with_it() {
    let shop = open().await;
    let realm = json!({
        "realm": "works", "enabled": true, "organizationsEnabled": true,
        "users": [{"username": "carol", "enabled": true}, {"username": "dave", "enabled": true},
                  {"username": "erin", "enabled": true}],
        "organizations": [{"id": "acme", "name": "acme", "members": [
            {"username": "carol", "membershipType": "MANAGED"},
            {"username": "dave", "membershipType": "MANAGED"},
            {"username": "erin", "membershipType": "UNMANAGED"}]}],
    });
    shop.stage.import(realm).await;
    let root = shop.of_master("root", "root-password").await;
    let at = |method, path: &str| root.at(method, &format!("/admin/realms/works{path}"));
    let users = async || {
        let found = at(Method::GET, "/users").send().await.is(200).json();
        names(&found, "username")
    };
    let members = "/organizations/acme/members";
    let managed = at(Method::GET, &format!("{members}?membershipType=managed"));
    let managed = managed.send().await.is(200).json();
    assert_eq!(names(&managed, "username"), ["carol", "dave"]);
    let carol = managed[0]["id"].as_str().expect("an id");
    let removed = at(Method::DELETE, &format!("{members}/{carol}"));
    removed.send().await.is(204);
    assert_eq!(users().await, ["dave", "erin"]);
    let ended = at(Method::DELETE, "/organizations/acme").send().await;
    ended.is(204);
    assert_eq!(users().await, ["erin"]);
}

#[tokio::test]
async fn of_two_who_take_a_name_or_join_at_once_one_is_told() {
    let shop = open_with_organizations().await;
    let acme = json!({"name": "acme"});
    let (one, two) = tokio::join!(
        shop.post("/organizations", &acme),
        shop.post("/organizations", &acme)
    );
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    let domain = |name: &str| json!({"name": name, "domains": [{"name": "same.example"}]});
    let (red, blue) = (domain("red"), domain("blue"));
    let (one, two) = tokio::join!(
        shop.post("/organizations", &red),
        shop.post("/organizations", &blue)
    );
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 400]);
    let found = shop.get("/organizations?search=acme").await.is(200).json();
    let members = format!(
        "/organizations/{}/members",
        found[0]["id"].as_str().unwrap()
    );
    let alice = shop.user("alice").await.replace("/users/", "");
    let (one, two) = tokio::join!(
        send_id(&shop, &members, &alice),
        send_id(&shop, &members, &alice)
    );
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
}

#[tokio::test]
async fn whoever_may_only_ask_sees_nothing() {
    let shop = open_with_organizations().await;
    make(&shop, &json!({"name": "acme"})).await;
    let client = shop.get("/clients?clientId=realm-management").await;
    let client = client.is(200).json()[0]["id"].as_str().unwrap().to_owned();
    let role = format!("/clients/{client}/roles/query-organizations");
    let role = shop.get(&role).await.is(200).json();
    let seeker = shop.user("seeker").await;
    let path = format!("{seeker}/role-mappings/clients/{client}");
    shop.post(&path, &json!([role])).await.is(204);
    let seeker = shop.administered_by("seeker").await;
    assert_eq!(seeker.get("/organizations").await.is(200).json(), json!([]));
    assert_eq!(seeker.get("/organizations/count").await.is(200).json(), 0);
    seeker
        .post("/organizations", &json!({"name": "x"}))
        .await
        .is(403);
}
