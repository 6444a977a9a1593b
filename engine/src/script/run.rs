//! Running one script: an interpreter of its own each time, without files, network or modules, and
//! with limits on steps, memory and depth. The limit on time counts steps of the interpreter, not
//! seconds, so that the same script ends the same way on a busy machine.

use claviger_wire::document::Json;
use rquickjs::context::EvalOptions;
use rquickjs::{Context, Ctx, Function, Runtime, Value};
use serde::Deserialize;

/// The most memory of one run, in bytes.
const MEMORY_MAX: usize = 16 * 1024 * 1024;
/// The most stack of one run, in bytes.
const STACK_MAX: usize = 256 * 1024;
/// How often the interpreter may look up from its work, which it does each ten thousand steps: some
/// tens of milliseconds.
const LOOKS_MAX: u32 = 500;
/// The longest that a script may leave behind, in bytes.
const OUTCOME_MAX: usize = 256 * 1024;
/// What scripts find: Keycloak's objects, as far as they are there.
const PRELUDE: &str = include_str!("prelude.js");

/// What a script left behind.
#[derive(Debug, Deserialize, PartialEq)]
pub struct Outcome {
    /// The value of its last expression; null if it has none.
    pub value: serde_json::Value,
    /// The claims, as it has changed them.
    pub claims: Json,
}

/// Why a script came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// It threw, does not compile, or hit a limit.
    #[error("{0}")]
    Thrown(String),
    /// The interpreter failed.
    #[error("the interpreter failed")]
    Interpreter(#[from] rquickjs::Error),
    /// What it left behind is too long, or no JSON.
    #[error("what the script left behind cannot be used")]
    Outcome,
}

/// Runs a script over what it may see.
pub fn run(code: &str, sees: &Json) -> Result<Outcome, ScriptError> {
    let runtime = Runtime::new()?;
    runtime.set_memory_limit(MEMORY_MAX);
    runtime.set_max_stack_size(STACK_MAX);
    let mut looks = LOOKS_MAX;
    runtime.set_interrupt_handler(Some(Box::new(move || {
        looks = looks.saturating_sub(1);
        looks == 0
    })));
    let context = Context::full(&runtime)?;
    let sees = serde_json::to_string(sees).map_err(|_| ScriptError::Outcome)?;
    let left = context.with(|ctx| {
        evaluate(&ctx, code, &sees).map_err(|error| {
            if matches!(error, rquickjs::Error::Exception) {
                ScriptError::Thrown(thrown(&ctx))
            } else {
                error.into()
            }
        })
    })?;
    if left.len() > OUTCOME_MAX {
        return Err(ScriptError::Outcome);
    }
    serde_json::from_str(&left).map_err(|_| ScriptError::Outcome)
}

fn evaluate(ctx: &Ctx<'_>, code: &str, sees: &str) -> Result<String, rquickjs::Error> {
    let begin: Function<'_> = ctx.eval(PRELUDE)?;
    let finish: Function<'_> = begin.call((sees,))?;
    let mut options = EvalOptions::default();
    // Scripts assign to what they did not declare: `exports = …`.
    options.strict = false;
    let value: Value<'_> = ctx.eval_with_options(code, options)?;
    finish.call((value,))
}

/// What was thrown, in one line.
fn thrown(ctx: &Ctx<'_>) -> String {
    let thrown = ctx.catch();
    let text = match thrown.as_exception() {
        Some(exception) => exception.message(),
        None => thrown.as_string().and_then(|text| text.to_string().ok()),
    };
    text.unwrap_or_else(|| "something was thrown".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn sees() -> Json {
        let sees = json!({
            "user": {"id": "u1", "username": "alice", "email": "a@b.example", "enabled": true,
                "attributes": {"colour": ["red", "blue"]},
                "groups": [{"id": "g1", "name": "staff", "path": "/staff"}],
                "realmRoles": ["customer"], "clientRoles": {"web": ["editor"]}},
            "realm": {"id": "r1", "name": "shop"},
            "client": {"id": "c1", "clientId": "web"},
            "userSession": {"id": "s1", "notes": {"n": "v"}, "started": 5},
            "claims": {"iss": "http://id.example", "sub": "u1", "aud": "web", "x": {"y": 1}},
            "kind": "token",
        });
        sees.as_object().unwrap().clone()
    }

    fn value(code: &str) -> Value {
        run(code, &sees()).unwrap().value
    }

    #[test]
    fn the_last_expression_is_the_value() {
        let cases = [
            ("exports = 1 + 1", json!(2)),
            ("var x = 'a'; x", json!("a")),
            ("var x = 1;", Value::Null),
            ("user.username", json!("alice")),
            ("user.getUsername() + user.email", json!("alicea@b.example")),
            ("user.isEnabled()", json!(true)),
            ("user.getFirstAttribute('colour')", json!("red")),
            ("user.getFirstAttribute('none')", Value::Null),
            ("user.getAttributes().get('colour').size()", json!(2)),
            (
                "user.getAttributeStream('colour').map(function (c) { return c.toUpperCase() }).toArray()",
                json!(["RED", "BLUE"]),
            ),
            (
                "var names = []; user.getGroupsStream().forEach(function (g) { names.push(g.getName()) }); names",
                json!(["staff"]),
            ),
            ("user.hasRole(realm.getRole('customer'))", json!(true)),
            ("user.hasRole(realm.getRole('other'))", json!(false)),
            (
                "user.getClientRoleMappingsStream(keycloakSession.getContext().getClient()).map(function (r) { return r.name })",
                json!(["editor"]),
            ),
            (
                "realm.name + userSession.getNote('n') + userSession.id",
                json!("shopvs1"),
            ),
            (
                "var L = Java.type('java.util.ArrayList'); var l = new L(); l.add('a'); l.add(7); l",
                json!(["a", 7]),
            ),
            (
                "var M = Java.type('java.util.HashMap'); var m = new M(); m.put('k', ['v']); m",
                json!({"k": ["v"]}),
            ),
            (
                "token.getSubject() + token.issuer",
                json!("u1http://id.example"),
            ),
            (
                "typeof tokenResponse + typeof std + typeof require",
                json!("undefinedundefinedundefined"),
            ),
        ];
        for (code, expected) in cases {
            assert_eq!(value(code), expected, "{code}");
        }
    }

    #[test]
    fn claims_can_be_changed() {
        let code = "token.getOtherClaims().put('a', {b: [1]}); token.setOtherClaims('c', 'd'); \
            token.setSubject('other'); token.addAudience('api'); token.getOtherClaims().remove('x'); null";
        let claims = run(code, &sees()).unwrap().claims;
        let expected = json!({"iss": "http://id.example", "sub": "other", "aud": ["web", "api"],
            "a": {"b": [1]}, "c": "d"});
        assert_eq!(Value::Object(claims), expected);
    }

    #[test]
    fn what_does_not_end_is_ended() {
        let cases = [
            ("while (true) {}", "interrupted"),
            (
                "function f() { return f() + 1 } f()",
                "Maximum call stack size exceeded",
            ),
            ("/(a+)+$/.test('a'.repeat(60) + '!')", "interrupted"),
            ("var a = 'x'; while (true) a += a", ""),
            ("[1].map(function () { while (true) {} })", "interrupted"),
            ("throw new Error('no')", "no"),
            ("throw 'plain'", "plain"),
            ("not a script", ""),
            ("Java.type('java.io.File')", "java.io.File is not there"),
            ("user.setEmail('x')", ""),
            ("({toJSON: function () { while (true) {} }})", "interrupted"),
        ];
        for (code, expected) in cases {
            let error = run(code, &sees()).unwrap_err().to_string();
            assert!(error.contains(expected), "{code}: {error}");
        }
        assert!(matches!(
            run("'x'.repeat(1000000)", &sees()),
            Err(ScriptError::Outcome)
        ));
    }

    #[test]
    fn one_run_knows_nothing_of_another() {
        assert_eq!(
            value("hidden = 'secret'; Array.prototype.map = null; 1"),
            json!(1)
        );
        assert_eq!(
            value("typeof hidden + typeof [].map"),
            json!("undefinedfunction")
        );
    }
}
