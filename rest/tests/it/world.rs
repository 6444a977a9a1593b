//! The shop: a realm with clients, groups, users and administrators, and the master realm's
//! administrator over it.

use axum::http::Method;
use claviger_model::Secret;
use claviger_testkit::{Call, Ground, Reply, Stage};
use serde_json::{Value, json};

/// The shop's realm file.
pub fn shop() -> Value {
    let admin = |name: &str, roles: &[&str]| {
        json!({
            "username": name, "enabled": true, "email": format!("{name}@shop.example"),
            "firstName": name, "lastName": "Admin",
            "credentials": [{"type": "password", "value": name}],
            "clientRoles": {"realm-management": roles},
        })
    };
    json!({
        "realm": "shop",
        "enabled": true,
        "adminEventsEnabled": true,
        "adminEventsDetailsEnabled": true,
        "roles": {
            "realm": [
                {"name": "customer", "description": "May buy"},
                {"name": "manager", "composite": true, "composites": {"realm": ["customer"]}},
                {
                    "name": "harmless", "composite": true,
                    "composites": {"client": {"realm-management": ["view-clients"]}},
                },
            ],
            "client": {"web": [{"name": "editor"}]},
        },
        "groups": [
            {
                "name": "staff", "realmRoles": ["manager"], "attributes": {"floor": ["2"]},
                "subGroups": [{"name": "night shift", "clientRoles": {"web": ["editor"]}}],
            },
            {"name": "newcomers"},
        ],
        "defaultGroups": ["/newcomers"],
        "identityProviders": [{
            "alias": "partner", "providerId": "oidc", "enabled": true,
            "config": {
                "clientId": "x", "clientSecret": "y",
                "authorizationUrl": "https://partner.example/auth",
                "tokenUrl": "https://partner.example/token",
            },
        }],
        "clients": [
            {
                "clientId": "app", "publicClient": true, "directAccessGrantsEnabled": true,
                "redirectUris": ["http://app.example/*"],
            },
            {
                "clientId": "web", "secret": "web-secret", "serviceAccountsEnabled": true,
                "directAccessGrantsEnabled": true,
                "attributes": {"backchannel.logout.url": "http://web.example/logout"},
            },
        ],
        "users": [
            {
                "username": "alice", "enabled": true, "email": "alice@shop.example",
                "firstName": "Alice", "lastName": "Liddell", "emailVerified": true,
                "credentials": [{"type": "password", "value": "wonderland"}],
                "groups": ["/staff/night shift"],
                "realmRoles": ["offline_access"],
            },
            {
                "username": "bob", "enabled": true, "email": "bob@shop.example",
                "firstName": "Bob", "lastName": "Builder",
            },
            admin("manager", &["manage-users"]),
            admin("viewer", &["view-users"]),
            admin("seeker", &["query-users"]),
            admin("owner", &["realm-admin"]),
        ],
    })
}

/// The shop with somebody who administers it.
pub struct Shop {
    /// The server.
    pub stage: Stage,
    token: String,
}

/// A shop, administered from the master realm.
pub async fn open() -> Shop {
    open_over(Ground::new()).await
}

/// The same in a database that the test has chosen.
pub async fn open_over(ground: Ground) -> Shop {
    let router = claviger_rest::router().merge(claviger_oidc::router());
    let stage = Stage::over(ground, router).await;
    stage.import(shop()).await;
    let password = Secret::new("root-password");
    claviger_engine::bootstrap::admin_user(&stage.app, "root", password)
        .await
        .unwrap();
    let token = sign_in(&stage, "master", "admin-cli", "root", "root-password").await;
    Shop {
        stage,
        token: token.member("access_token"),
    }
}

async fn sign_in(stage: &Stage, realm: &str, client: &str, name: &str, password: &str) -> Reply {
    let form = [
        ("grant_type", "password"),
        ("client_id", client),
        ("username", name),
        ("password", password),
        ("scope", "openid"),
    ];
    stage
        .post(
            &format!("/realms/{realm}/protocol/openid-connect/token"),
            &form,
        )
        .await
}

impl Shop {
    /// The same shop, administered by one of its own, whose password is their name.
    pub async fn administered_by(&self, name: &str) -> Self {
        let tokens = sign_in(&self.stage, "shop", "admin-cli", name, name)
            .await
            .is(200);
        Self {
            stage: self.stage.clone(),
            token: tokens.member("access_token"),
        }
    }

    /// The same shop, administered by somebody of the master realm.
    pub async fn of_master(&self, name: &str, password: &str) -> Self {
        let tokens = sign_in(&self.stage, "master", "admin-cli", name, password)
            .await
            .is(200);
        Self {
            stage: self.stage.clone(),
            token: tokens.member("access_token"),
        }
    }

    /// Begins a request to any path.
    pub fn at(&self, method: Method, path: &str) -> Call {
        self.stage.call(method, path).bearer(&self.token)
    }

    /// Asks for tokens with a password.
    pub async fn sign_in(&self, name: &str, password: &str) -> Reply {
        sign_in(&self.stage, "shop", "app", name, password).await
    }

    /// Asks for tokens of another realm or client with a password.
    pub async fn sign_in_at(&self, realm: &str, client: &str, name: &str, password: &str) -> Reply {
        sign_in(&self.stage, realm, client, name, password).await
    }

    /// Uses a refresh token.
    pub async fn refresh(&self, token: &str) -> Reply {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", "app"),
            ("refresh_token", token),
        ];
        self.stage
            .post("/realms/shop/protocol/openid-connect/token", &form)
            .await
    }

    fn path(path: &str) -> String {
        format!("/admin/realms/shop{path}")
    }

    /// `GET` below the realm.
    pub async fn get(&self, path: &str) -> Reply {
        self.stage
            .call(Method::GET, &Self::path(path))
            .bearer(&self.token)
            .send()
            .await
    }

    /// `GET` of any path.
    pub async fn get_absolute(&self, path: &str) -> Reply {
        self.stage
            .call(Method::GET, path)
            .bearer(&self.token)
            .send()
            .await
    }

    /// A request with JSON.
    pub async fn send(&self, method: Method, path: &str, body: &Value) -> Reply {
        let call = self
            .stage
            .call(method, &Self::path(path))
            .bearer(&self.token);
        call.json(body).send().await
    }

    /// A request with a body of some type; of none, if the type is empty.
    pub async fn send_bytes(&self, method: Method, path: &str, kind: &str, body: &str) -> Reply {
        let mut call = self
            .stage
            .call(method, &Self::path(path))
            .bearer(&self.token);
        if !kind.is_empty() {
            call = call.header("content-type", kind);
        }
        call.bytes(body).send().await
    }

    /// `POST` with JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(Method::POST, path, body).await
    }

    /// `PUT` with JSON.
    pub async fn put(&self, path: &str, body: &Value) -> Reply {
        self.send(Method::PUT, path, body).await
    }

    /// `DELETE` without a body.
    pub async fn delete(&self, path: &str) -> Reply {
        self.send_bytes(Method::DELETE, path, "", "").await
    }

    /// The path of a user.
    pub async fn user(&self, name: &str) -> String {
        let found = self
            .get(&format!("/users?username={name}&exact=true"))
            .await
            .is(200)
            .json();
        format!("/users/{}", found[0]["id"].as_str().expect("a user"))
    }

    /// Makes a user and returns its path.
    pub async fn make(&self, body: &Value) -> String {
        let made = self.post("/users", body).await.is(201);
        let address = made.header("location");
        let start = "http://localhost/admin/realms/shop";
        address
            .strip_prefix(start)
            .expect("an address below the realm")
            .to_owned()
    }

    /// The newest admin event: operation, type and path, representation, details.
    pub async fn event(&self) -> Event {
        let event = self.get("/admin-events?max=1").await.is(200).json()[0].clone();
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        Event {
            operation: text("operationType"),
            kind: text("resourceType"),
            path: text("resourcePath"),
            representation: serde_json::from_str(&text("representation")).unwrap_or_default(),
            details: event["details"].clone(),
        }
    }
}

/// What an admin event tells.
#[derive(Debug)]
pub struct Event {
    /// `CREATE`, …
    pub operation: String,
    /// `USER`, …
    pub kind: String,
    /// Below the realm.
    pub path: String,
    /// What was sent.
    pub representation: Value,
    /// Further facts.
    pub details: Value,
}
