//! "Logout user session via the REST API doesn't work": the question that this server began with,
//! replayed from its first line to the last comment, on every database and on both base paths.
//!
//! A mobile application signs a user in with name and password. To sign the user out its author
//! sends the access token, as to any other API, and is refused: the logout endpoint wants the
//! *client* to authenticate, and the refresh token. The refusal has Keycloak's body, and beside it
//! the address of a page that says so and shows a request that works. Played from there, it ends
//! the session. Then the author finds that the access token still works, which nobody could answer.
//! Here it does not.

use serde_json::{Value, json};

use crate::databases::databases;
use crate::help::curl::{commands, play};
use crate::help::{pointed, scripts};
use crate::http;
use crate::program::{Home, Server, command, run};

/// The realm that the application's author had, with a password hash of an old release.
fn realm() -> Value {
    json!({
        "realm": "mobile",
        "enabled": true,
        "clients": [
            {
                "clientId": "app", "secret": "app-secret", "directAccessGrantsEnabled": true,
                "redirectUris": ["http://app.example/*"],
                "protocolMappers": [{
                    "name": "for the API", "protocol": "openid-connect",
                    "protocolMapper": "oidc-audience-mapper",
                    "config": {"included.client.audience": "api", "access.token.claim": "true"},
                }],
            },
            {"clientId": "api", "secret": "api-secret", "standardFlowEnabled": false},
        ],
        "users": [{
            "username": "user", "enabled": true, "email": "user@mobile.example",
            "firstName": "A", "lastName": "User",
            "credentials": [{
                "type": "password",
                "secretData": "{\"value\":\"RKBxc3rAfCUE+sek7PQ+PQVlWHREoia2G44k2/i8kq0=\",\
                               \"salt\":\"9oAg5sxSTfAiaORIFusIgA==\"}",
                "credentialData": "{\"hashIterations\":600000,\"algorithm\":\"pbkdf2-sha256\"}",
            }],
        }],
    })
}

struct Mobile<'a> {
    server: &'a Server,
    base: &'a str,
}

impl Mobile<'_> {
    fn path(&self, endpoint: &str) -> String {
        format!(
            "{}/realms/mobile/protocol/openid-connect/{endpoint}",
            self.base
        )
    }

    fn post(&self, endpoint: &str, more: &str, form: &[(&str, &str)]) -> http::Answer {
        let pairs: Vec<String> = form
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let more = format!("Content-Type: application/x-www-form-urlencoded\r\n{more}");
        let address = &self.server.address;
        http::request(
            address,
            "POST",
            &self.path(endpoint),
            &more,
            &pairs.join("&"),
        )
    }

    fn sign_in(&self) -> (String, String) {
        let form = [
            ("grant_type", "password"),
            ("client_id", "app"),
            ("client_secret", "app-secret"),
            ("username", "user"),
            ("password", "correct+horse"),
            ("scope", "openid"),
        ];
        let answer = self.post("token", "", &form);
        assert_eq!(answer.status, 200, "{answer:?}");
        let member = |name: &str| answer.json()[name].as_str().unwrap().to_owned();
        (member("access_token"), member("refresh_token"))
    }

    fn userinfo(&self, access: &str) -> http::Answer {
        let more = format!("Authorization: Bearer {access}\r\n");
        http::request(
            &self.server.address,
            "GET",
            &self.path("userinfo"),
            &more,
            "",
        )
    }

    fn introspect(&self, token: &str) -> Value {
        let form = [
            ("client_id", "api"),
            ("client_secret", "api-secret"),
            ("token", token),
        ];
        let answer = self.post("token/introspect", "", &form);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    fn refresh(&self, token: &str) -> http::Answer {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", "app"),
            ("client_secret", "app-secret"),
            ("refresh_token", token),
        ];
        self.post("token", "", &form)
    }

    /// The page that a refusal points to: it is there, and below the base path that was asked.
    fn page_of(&self, refused: &http::Answer) -> String {
        let name = pointed(refused).unwrap_or_else(|| panic!("no help: {refused:?}"));
        let path = format!("{}/help/errors/{name}", self.base);
        let link = format!("<http://{}{path}>; rel=\"help\"", self.server.address);
        assert_eq!(refused.header("link"), Some(link.as_str()));
        let page = self.server.get(&path);
        assert_eq!(page.status, 200, "{page:?}");
        assert!(page.body.contains("client_id"), "{page:?}");
        name
    }

    /// The first request that a page says to work, with the names of this realm in place of the
    /// page's.
    fn play_what_works(&self, name: &str, refresh: &str) -> http::Answer {
        let page = self
            .server
            .get(&format!("{}/help/errors/{name}.md", self.base));
        let (_, works) = scripts(&page.body);
        let script = works[0]
            .replace("myrealm", "mobile")
            .replace("myclient", "app");
        let commands = commands(&script, &mut |name| match name {
            "CLIENT_SECRET" => "app-secret".to_owned(),
            "REFRESH_TOKEN" => refresh.to_owned(),
            other => panic!("{other}: {script}"),
        });
        let [command] = commands.as_slice() else {
            panic!("{script}")
        };
        play(command, &self.server.address)
    }

    /// The thread, line by line; `basic` is how its second author authenticated the client.
    fn replay(&self, basic: bool) {
        let (access, refresh) = self.sign_in();
        assert_eq!(self.userinfo(&access).status, 200);
        assert_eq!(self.introspect(&access)["active"], true);

        // What the author tried: the access token, and nothing that tells which client it is.
        let bearer = format!("Authorization: Bearer {access}\r\n");
        let refused = self.post("logout", &bearer, &[("refresh_token", &refresh)]);
        assert_eq!(refused.status, 401, "{refused:?}");
        let text = "Invalid client or Invalid client credentials";
        let body = json!({"error": "invalid_client", "error_description": text});
        assert_eq!(
            refused.json(),
            body,
            "the body is what Keycloak's clients know"
        );
        let helped = self.page_of(&refused);
        assert_eq!(helped, "logout-with-access-token");
        let refused = self.post("logout", "", &[("refresh_token", &refresh)]);
        assert_eq!((refused.status, refused.json()), (401, body));
        assert_eq!(self.page_of(&refused), "client-id-missing");
        assert_eq!(
            self.userinfo(&access).status,
            200,
            "a refused logout ends nothing"
        );

        // What the page shows, word for word but for names: the client authenticates, the refresh
        // token tells the session. Or as the second author did it, by HTTP Basic.
        let answer = if basic {
            // app:app-secret
            let more = "Authorization: Basic YXBwOmFwcC1zZWNyZXQ=\r\n";
            self.post("logout", more, &[("refresh_token", &refresh)])
        } else {
            self.play_what_works(&helped, &refresh)
        };
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (204, ""),
            "{answer:?}"
        );

        // And what nobody could answer: the access token is of no use any more either.
        let refused = self.refresh(&refresh);
        assert_eq!(refused.status, 400, "{refused:?}");
        assert_eq!(
            refused.json(),
            json!({"error": "invalid_grant", "error_description": "Session not active"})
        );
        assert_eq!(self.userinfo(&access).status, 401);
        assert_eq!(self.introspect(&access), json!({"active": false}));
        assert_eq!(self.introspect(&refresh), json!({"active": false}));
    }
}

#[test]
fn logout_user_via_the_rest_api_works_and_the_access_token_dies_with_the_session() {
    for database in databases("question") {
        let home = Home::new();
        let file = home.write("mobile-realm.json", &realm().to_string());
        let options: Vec<&str> = database.options.iter().map(String::as_str).collect();
        let mut import = command(&home, &["import", "--file", file.to_str().unwrap()]);
        let ended = run(import.args(&options));
        assert_eq!(ended.code, Some(0), "{}: {ended:?}", database.name);
        let server = Server::start(&home, &options);
        for base in ["", "/auth"] {
            for basic in [false, true] {
                Mobile {
                    server: &server,
                    base,
                }
                .replay(basic);
            }
        }
        server.stop();
    }
}
