//! What a change of a realm may say, and what becomes of it.

use claviger_engine::import::realm::{LISTS, Winner, check, merge};
use claviger_wire::document::Json;
use claviger_wire::fields::Fields;
use claviger_wire::realm::RealmSettings;
use serde_json::{Value, json};

use crate::guard::MASTER;
use crate::problem::Problem;

/// Members that are no settings: what identifies the realm, what has its own door, and what old
/// files have in it.
const NOT_SETTINGS: [&str; 11] = [
    "id",
    "realm",
    "defaultRole",
    "localizationTexts",
    "adminPermissionsClient",
    "publicKey",
    "privateKey",
    "certificate",
    "codeSecret",
    "parsedClientProfiles",
    "parsedClientPolicies",
];
/// Settings of a mail server that need a login.
const OF_LOGIN: [&str; 3] = ["user", "password", "authType"];
/// Settings of a mail server for a login with a token.
const OF_TOKEN: [&str; 4] = [
    "authTokenUrl",
    "authTokenScope",
    "authTokenClientId",
    "authTokenClientSecret",
];

/// Refuses what no realm may be changed to.
pub(super) fn refuse(sent: &Json, name: &str) -> Result<(), Problem> {
    let fields = Fields::of(sent);
    if name == MASTER && fields.str("realm").is_some_and(|asked| asked != name) {
        return Err(Problem::bad_request("Can't rename master realm"));
    }
    check(sent).map_err(|error| Problem::bad_request(&error.message))?;
    let login = fields.integer("accessCodeLifespanLogin");
    let action = fields.integer("accessCodeLifespanUserAction");
    if let (Some(login), Some(action)) = (login, action)
        && (login < 1 || action < 1)
    {
        let text = "AccessCodeLifespanLogin or AccessCodeLifespanUserAction cannot be 0";
        return Err(Problem::bad_request(text));
    }
    fields.object("smtpServer").map_or(Ok(()), refuse_sender)
}

/// A mail server needs an address that mail can come from.
fn refuse_sender(server: &Json) -> Result<(), Problem> {
    let from = Fields::of(server).text("from").unwrap_or_default();
    let is_address = from
        .rsplit_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
    if server.is_empty() || (is_address && !from.contains(char::is_whitespace)) {
        return Ok(());
    }
    Err(Problem::bad_request(&format!(
        "Invalid sender address '{from}'. If the address contains UTF-8 characters in the local \
         part please ensure the SMTP server supports the SMTPUTF8 extension and enable 'Allow \
         UTF-8' in the email realm configuration."
    )))
}

/// The realm's body with what was sent laid over it.
pub(super) fn changed(body: &Json, sent: &Json) -> Json {
    let mut settings = sent.clone();
    for name in LISTS.iter().chain(&NOT_SETTINGS) {
        settings.shift_remove(*name);
    }
    if let Some(Value::Object(server)) = settings.get_mut("smtpServer") {
        drop_unused(server);
    }
    let mut body = body.clone();
    if let Some(asked) = sent.get("realm") {
        body.insert("realm".to_owned(), asked.clone());
    }
    merge(&mut body, settings, Winner::Member);
    body
}

/// Settings of the way of login that is not chosen are not kept.
fn drop_unused(server: &mut Json) {
    let fields = Fields::of(server);
    let unused: Vec<&str> = match (fields.flag("auth", false), fields.str("authType")) {
        (false, _) => OF_LOGIN.into_iter().chain(OF_TOKEN).collect(),
        (true, Some("token")) => vec!["password"],
        (true, _) => OF_TOKEN.to_vec(),
    };
    for name in unused {
        server.shift_remove(name);
    }
}

/// Refuses lifespans that contradict each other.
pub(super) fn refuse_lifespans(settings: &RealmSettings) -> Result<(), Problem> {
    let spans = &settings.lifespans;
    let idle = spans.client_session_idle_timeout;
    let whole = spans.client_session_max_lifespan;
    let (idle_max, whole_max, texts) = if settings.login.remember_me {
        (
            spans
                .sso_session_idle_timeout
                .max(spans.sso_session_idle_timeout_remember_me),
            spans
                .sso_session_max_lifespan
                .max(spans.sso_session_max_lifespan_remember_me),
            [
                "Client session idle timeout cannot exceed realm SSO session idle timeout and \
                 RememberMe idle timeout.",
                "Client session max lifespan cannot exceed realm SSO session max lifespan and \
                 RememberMe Max span.",
            ],
        )
    } else {
        (
            spans.sso_session_idle_timeout,
            spans.sso_session_max_lifespan,
            [
                "Client Session Idle Timeout cannot be greater than Realm SSO Idle Timeout.",
                "Client session max lifespan cannot exceed realm SSO session max lifespan.",
            ],
        )
    };
    let [idle_text, whole_text] = texts;
    if idle > idle_max {
        return Err(Problem::bad_request(idle_text));
    }
    if whole > whole_max {
        return Err(Problem::bad_request(whole_text));
    }
    Ok(())
}

/// What a change of the kept events says, laid over the realm's body.
pub(in crate::admin) fn with_events_config(body: &Json, sent: &Json) -> Json {
    let mut body = body.clone();
    // The one member that is always set.
    let enabled = Fields::of(sent).flag("eventsEnabled", false);
    body.insert("eventsEnabled".to_owned(), json!(enabled));
    match Fields::of(sent)
        .integer("eventsExpiration")
        .filter(|span| *span != 0)
    {
        Some(span) => body.insert("eventsExpiration".to_owned(), json!(span)),
        None => body.shift_remove("eventsExpiration"),
    };
    for name in [
        "eventsListeners",
        "enabledEventTypes",
        "adminEventsEnabled",
        "adminEventsDetailsEnabled",
    ] {
        if let Some(value) = sent.get(name).filter(|value| !value.is_null()) {
            body.insert(name.to_owned(), value.clone());
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Json {
        let Value::Object(object) = value else {
            panic!("an object")
        };
        object
    }

    #[test]
    fn refusals_have_keycloaks_words() {
        for (sent, text) in [
            (json!({"realm": " "}), "Realm name cannot be empty"),
            (json!({"realm": "a/b"}), "Character '/' not allowed."),
            (
                json!({"passwordPolicy": "magic(1)"}),
                "Password policy not found",
            ),
            (
                json!({"failureFactor": -1}),
                "Failure factor may not be a negative value",
            ),
            (
                json!({"accessCodeLifespanLogin": 0, "accessCodeLifespanUserAction": 1}),
                "AccessCodeLifespanLogin or AccessCodeLifespanUserAction cannot be 0",
            ),
            (
                json!({"supportedLocales": ["en%"]}),
                "Character '%' not allowed.",
            ),
            (
                json!({"browserSecurityHeaders": {"a": "b\nc"}}),
                "Newline not allowed.",
            ),
        ] {
            let refused = refuse(&object(sent.clone()), "shop").unwrap_err();
            assert_eq!(
                refused.body(),
                &object(json!({"errorMessage": text})),
                "{sent}"
            );
        }
        let refused = refuse(&object(json!({"realm": "m"})), "master").unwrap_err();
        assert_eq!(refused.body()["errorMessage"], "Can't rename master realm");
        let refused = refuse(&object(json!({"smtpServer": {"host": "x"}})), "shop").unwrap_err();
        assert!(
            refused.body()["errorMessage"]
                .as_str()
                .unwrap()
                .starts_with("Invalid sender")
        );
        for sent in [
            json!({}),
            json!({"realm": "master"}),
            json!({"smtpServer": {}}),
            json!({"smtpServer": {"from": "a@shop.example"}}),
        ] {
            assert!(refuse(&object(sent.clone()), "master").is_ok(), "{sent}");
        }
    }

    #[test]
    fn a_change_keeps_what_it_does_not_name_and_takes_over_settings_alone() {
        let body = object(json!({
            "id": "1", "realm": "shop", "enabled": true, "displayName": "Shop",
            "smtpServer": {"host": "h", "auth": "true", "user": "u", "password": "old"},
        }));
        let sent = object(json!({
            "id": "2", "realm": "store", "displayName": "Store", "users": [{}],
            "smtpServer": {"host": "i", "auth": "true", "user": "u",
                           "password": claviger_wire::MASK, "authTokenUrl": "t"},
            "localizationTexts": {"de": {}},
        }));
        let expected = json!({
            "id": "1", "realm": "store", "enabled": true, "displayName": "Store",
            "smtpServer": {"host": "i", "auth": "true", "user": "u", "password": "old"},
        });
        assert_eq!(json!(changed(&body, &sent)), expected);
        let sent = object(json!({"smtpServer": {"host": "i", "user": "u", "password": "p"}}));
        assert_eq!(
            json!(changed(&body, &sent))["smtpServer"],
            json!({"host": "i"})
        );
    }

    #[test]
    fn lifespans_must_fit_into_each_other() {
        for (body, fits) in [
            (
                json!({"ssoSessionIdleTimeout": 100, "clientSessionIdleTimeout": 100}),
                true,
            ),
            (
                json!({"ssoSessionIdleTimeout": 100, "clientSessionIdleTimeout": 101}),
                false,
            ),
            (
                json!({"ssoSessionIdleTimeout": 100, "clientSessionIdleTimeout": 101,
                       "rememberMe": true, "ssoSessionIdleTimeoutRememberMe": 101}),
                true,
            ),
            (
                json!({"ssoSessionMaxLifespan": 100, "clientSessionMaxLifespan": 101}),
                false,
            ),
            (
                json!({"ssoSessionMaxLifespan": 100, "clientSessionMaxLifespan": 101,
                       "rememberMe": true}),
                false,
            ),
        ] {
            let settings = RealmSettings::from_body(&object(body.clone()));
            assert_eq!(refuse_lifespans(&settings).is_ok(), fits, "{body}");
        }
    }

    #[test]
    fn the_events_config_leaves_other_settings_alone() {
        let body = object(
            json!({"realm": "shop", "eventsEnabled": true, "eventsExpiration": 7,
                                 "adminEventsEnabled": true}),
        );
        let sent = object(json!({"enabledEventTypes": ["LOGIN"], "displayName": "x"}));
        let expected = json!({"realm": "shop", "eventsEnabled": false, "adminEventsEnabled": true,
                              "enabledEventTypes": ["LOGIN"]});
        assert_eq!(json!(with_events_config(&body, &sent)), expected);
    }
}
