//! Parts of a realm file into a realm that is there: all of them or none, and no right that the
//! administrator lacks.

use serde_json::{Value, json};

use crate::world::{Shop, open};

/// Everything that a file may carry; some of it is in the shop already.
fn parts(policy: &str) -> Value {
    json!({
        "ifResourceExists": policy,
        "clients": [{"clientId": "web", "name": "Renamed"}, {"clientId": "fresh", "publicClient": true}],
        "roles": {
            "realm": [{"name": "customer", "description": "changed"}, {"name": "guest"}],
            "client": {"fresh": [{"name": "reader", "composites": {"realm": ["guest"]}}]},
        },
        "groups": [
            {"name": "newcomers", "path": "/newcomers", "attributes": {"a": ["1"]}},
            {"name": "crew", "path": "/crew", "subGroups": [{"name": "night"}]},
        ],
        "identityProviders": [{"alias": "partner", "providerId": "oidc", "config": {"clientId": "z"}}],
        "identityProviderMappers": [{
            "name": "all", "identityProviderAlias": "partner",
            "identityProviderMapper": "oidc-username-idp-mapper", "config": {"template": "x"},
        }],
        "users": [
            {"username": "alice", "email": "alice@shop.example", "enabled": true},
            {
                "username": "carol", "enabled": true, "email": "carol@shop.example",
                "firstName": "Carol", "lastName": "Singer",
                "credentials": [{"type": "password", "value": "correct horse"}],
                "groups": ["/crew/night"], "clientRoles": {"fresh": ["reader"]},
            },
        ],
    })
}

/// What the answer counts: added, skipped, overwritten.
fn counts(told: &Value) -> [&Value; 3] {
    ["added", "skipped", "overwritten"].map(|member| &told[member])
}

/// How a part is told; none if it is not.
fn action<'a>(told: &'a Value, part: &str, name: &str) -> Vec<&'a Value> {
    let results = told["results"].as_array().unwrap().iter();
    let same = results.filter(|one| one["resourceType"] == part && one["resourceName"] == name);
    same.map(|one| &one["action"]).collect()
}

#[tokio::test]
async fn what_is_new_works_at_once_and_what_is_there_stays() {
    let shop = open().await;
    let told = shop.post("/partialImport", &parts("SKIP")).await;
    let told = told.is(200).json();
    assert_eq!(counts(&told), [&json!(6), &json!(5), &json!(0)], "{told}");
    assert_eq!(action(&told, "CLIENT", "web"), ["SKIPPED"]);
    assert_eq!(action(&told, "CLIENT_ROLE", "fresh-->reader"), ["ADDED"]);
    assert_eq!(action(&told, "IDP_MAPPER", "all"), ["ADDED"]);
    shop.sign_in("carol", "correct horse").await.is(200);
    shop.sign_in("alice", "wonderland").await.is(200);
    let role = shop.get("/roles/customer").await.is(200).json();
    assert_eq!(role["description"], "May buy");
    let carol = shop.get("/users?username=carol").await.is(200).json();
    let groups = format!("/users/{}/groups", carol[0]["id"].as_str().unwrap());
    let groups = shop.get(&groups).await.is(200).json();
    assert_eq!(groups[0]["path"], "/crew/night");
    // The same file again finds everything there.
    let told = shop.post("/partialImport", &parts("SKIP")).await;
    let told = told.is(200).json();
    assert_eq!(counts(&told), [&json!(0), &json!(11), &json!(0)], "{told}");
}

#[tokio::test]
async fn what_is_there_gives_way_with_all_that_hung_on_it() {
    let shop = open().await;
    let tokens = shop.sign_in("alice", "wonderland").await.is(200);
    let before = shop.get("/clients?clientId=web").await.is(200).json();
    let told = shop.post("/partialImport", &parts("OVERWRITE")).await;
    let told = told.is(200).json();
    // Keycloak tells a role that gives way twice.
    assert_eq!(action(&told, "REALM_ROLE", "customer").len(), 2, "{told}");
    assert_eq!(action(&told, "CLIENT", "web"), ["OVERWRITTEN"]);
    let after = shop.get("/clients?clientId=web").await.is(200).json();
    assert_eq!(after[0]["name"], "Renamed");
    assert_ne!(after[0]["id"], before[0]["id"]);
    let account = shop.get("/users?username=service-account-web").await;
    assert_eq!(account.is(200).json(), json!([]));
    shop.sign_in("alice", "wonderland").await.is(400);
    shop.refresh(&tokens.member("refresh_token")).await.is(400);
    let role = shop.get("/roles/customer").await.is(200).json();
    assert_eq!(role["description"], "changed");
    let group = shop.get("/group-by-path/newcomers").await.is(200).json();
    assert_eq!(group["attributes"], json!({"a": ["1"]}));
}

/// How many users, clients and roles the shop has.
async fn size(shop: &Shop) -> [usize; 3] {
    let mut size = [0; 3];
    for (count, path) in size
        .iter_mut()
        .zip(["/users?max=100", "/clients", "/roles"])
    {
        let list = shop.get(path).await.is(200).json();
        *count = list.as_array().unwrap().len();
    }
    size
}

#[tokio::test]
async fn an_import_that_fails_leaves_nothing_behind() {
    let shop = open().await;
    let before = size(&shop).await;
    let new = json!([{"clientId": "new"}]);
    for (status, body) in [
        (
            409,
            json!({"users": [{"username": "new"}, {"username": "alice"}]}),
        ),
        (
            409,
            json!({"clients": new, "roles": {"realm": [{"name": "customer"}]}}),
        ),
        (
            409,
            json!({"clients": new, "users": [{"username": "a", "email": "bob@shop.example"}]}),
        ),
        (
            409,
            json!({"users": [{"username": "twice"}, {"username": "Twice"}]}),
        ),
        (
            412,
            json!({"clients": new, "roles": {"client": {"nobody": [{"name": "x"}]}}}),
        ),
        (
            400,
            json!({"clients": new, "groups": [{"path": "/nameless"}]}),
        ),
        (
            400,
            json!({"clients": new, "users": [{"username": "a", "groups": ["/nowhere"]}]}),
        ),
        (400, json!({"clients": new, "ifResourceExists": "MAYBE"})),
        (400, json!({"clients": {}})),
        (
            400,
            json!({
                "ifResourceExists": "OVERWRITE", "clients": new,
                "roles": {"realm": [{"name": "default-roles-shop"}]},
            }),
        ),
    ] {
        let answer = shop.post("/partialImport", &body).await;
        assert_eq!(answer.status.as_u16(), status, "{body}: {}", answer.text());
        assert_eq!(size(&shop).await, before, "{body}");
    }
    let manager = shop.administered_by("manager").await;
    let one = json!({"clients": new});
    manager.post("/partialImport", &one).await.is(403);
    assert_eq!(size(&shop).await, before);
}

#[tokio::test]
async fn nobody_imports_rights_that_they_do_not_have() {
    let shop = open().await;
    let keeper = json!({"users": [{
        "username": "keeper", "email": "keeper@shop.example", "enabled": true,
        "firstName": "Keeper", "lastName": "Admin",
        "credentials": [{"type": "password", "value": "keeper"}],
        "clientRoles": {"realm-management": ["manage-realm"]},
    }], "groups": [{
        "name": "chiefs", "clientRoles": {"realm-management": ["manage-users"]},
        "subGroups": [{"name": "deputies"}],
    }]});
    shop.post("/partialImport", &keeper).await.is(200);
    let keeper = shop.administered_by("keeper").await;
    let right = json!({"realm-management": ["manage-users"]});
    let user = |member: &str, value: &Value| json!([{"username": "evil", member: value}]);
    let users = user("clientRoles", &right);
    for body in [
        json!({"users": users}),
        json!({"users": user("groups", &json!(["/chiefs/deputies"]))}),
        json!({"groups": [{"name": "evil", "clientRoles": right}]}),
        json!({"roles": {"realm": [{"name": "evil", "composites": {"client": right}}]}}),
        // A right that the import itself makes anew is the same right.
        json!({
            "ifResourceExists": "OVERWRITE", "users": users,
            "roles": {"client": {"realm-management": [{"name": "manage-users"}]}},
        }),
    ] {
        keeper.post("/partialImport", &body).await.is(403);
        let found = shop.get("/users?username=evil").await.is(200).json();
        assert_eq!(found, json!([]), "{body}");
    }
    // What they have, and what is no right, they may give.
    let mild = json!({"users": [{
        "username": "mild", "realmRoles": ["customer"],
        "clientRoles": {"realm-management": ["view-realm"], "web": ["editor"]},
    }]});
    keeper.post("/partialImport", &mild).await.is(200);
}

#[tokio::test]
async fn events_tell_each_part_and_no_secret() {
    let shop = open().await;
    let file = json!({
        "clients": [{"clientId": "new", "secret": "client-secret"}],
        "users": [{"username": "new", "credentials": [{"type": "password", "value": "user-secret"}]}],
        "identityProviders": [{
            "alias": "up", "providerId": "oidc", "config": {"clientId": "x", "clientSecret": "idp-secret"},
        }],
    });
    shop.post("/partialImport", &file).await.is(200);
    let events = shop.get("/admin-events?max=3").await.is(200);
    assert!(!events.text().contains("-secret"), "{}", events.text());
    let mut paths = Vec::new();
    for event in events.json().as_array().unwrap() {
        assert_eq!(event["operationType"], "CREATE");
        let path = event["resourcePath"].as_str().unwrap();
        paths.push(path.split('/').next().unwrap().to_owned());
    }
    paths.sort();
    assert_eq!(paths, ["clients", "identity-provider-settings", "users"]);
}
