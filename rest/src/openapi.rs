//! What this API is, as a document that programs read (OpenAPI 3.1): clients are generated from it, and the
//! tests hold every answer to it.
//!
//! Methods, paths and rights come from the table of endpoints itself; what each endpoint asks, takes and
//! gives stands in a table beside this file, one for each tag; what representations are made of comes from
//! what reads them (`claviger_wire::schema`).

mod operation;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use claviger_engine::App;
use claviger_engine::request::RequestContext;
use claviger_surface::Answer;
use claviger_wire::document::Json;
use claviger_wire::schema;
use serde_json::{Value, json};

use crate::admin;
use crate::call::respond;
use crate::problem::Problem;
use crate::route::Route;

/// Where it is served, below the base path.
const PATH: &str = "/admin/openapi.json";
/// The version of Keycloak whose API this is.
const API_VERSION: &str = "26.7.4";
/// A row that catches what no other row serves is no endpoint.
const CATCH_ALL: &str = "/admin/realms/{realm}/{extension}";

/// The document's own row. Whoever asks may read it: it holds what the sources of this program hold, and
/// nothing of any realm.
pub(crate) fn router() -> Router<App> {
    Router::new().route(PATH, get(serve))
}

async fn serve(request: Request) -> Response {
    let Some(context) = request.extensions().get::<RequestContext>() else {
        tracing::error!("a request came in without its context");
        return respond(Err(Problem::busy()), None, request.headers());
    };
    let text = text(&context.base_url);
    let answer = Answer::bytes(StatusCode::OK, text.into_bytes());
    let kind = HeaderValue::from_static("application/json");
    // Pages of other servers that show descriptions may read it too.
    let anywhere = HeaderValue::from_static("*");
    let answer = answer
        .with(header::CONTENT_TYPE, kind)
        .with(header::ACCESS_CONTROL_ALLOW_ORIGIN, anywhere)
        .no_cache();
    respond(Ok(answer), None, request.headers())
}

/// The document of a server at an address. All but the address is written once.
fn text(base_url: &str) -> String {
    static REST: LazyLock<String> = LazyLock::new(|| {
        let written = document(&admin::routes()).to_string();
        written.trim_start_matches('{').to_owned()
    });
    let servers = json!([{"url": base_url}]);
    format!("{{\"servers\":{servers},{}", *REST)
}

fn document(routes: &[Route]) -> Value {
    let lines = table::lines();
    let mut paths: BTreeMap<String, Json> = BTreeMap::new();
    for route in routes.iter().filter(|route| route.path != CATCH_ALL) {
        let Some(line) = lines.get(&(route.method.clone(), route.path)) else {
            continue;
        };
        let path = paths.entry(route.path.replace("{*", "{"));
        let item = path.or_insert_with(|| operation::path_item(route.path));
        let method = route.method.as_str().to_ascii_lowercase();
        item.insert(method, operation::operation(route, line));
    }
    let tags: Vec<Value> = table::TAGS
        .iter()
        .map(|(name, text)| json!({"name": name, "description": table::about(text)}))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Admin REST API",
            "version": API_VERSION,
            "summary": "Realms, users, clients and all else, as administrators manage them.",
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"administrator": []}],
        "tags": tags,
        "paths": paths,
        "components": {
            "securitySchemes": {"administrator": {
                "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                "description": "An access token of an administrator: of the realm, or of the realm master.",
            }},
            "responses": operation::refusals(),
            "schemas": schemas(&json!(paths)),
        },
    })
}

const ABOUT: &str = "Paths, bodies, statuses and rights are those of Keycloak's Admin REST API of the same \
    version. Each operation tells in `x-claviger-rights` which roles let somebody in: one of them is enough. They \
    are roles of the client `realm-management` of the realm, or of the client `<realm>-realm` of the realm `master`. \
    Numbers in queries that are none are answered with 404.";

/// The schemas of all classes that are referred to, from within each other too.
fn schemas(paths: &Value) -> BTreeMap<String, Value> {
    let mut schemas = BTreeMap::from([("Refusal".to_owned(), operation::refusal_schema())]);
    let mut wanted = BTreeSet::new();
    referred(paths, &mut wanted);
    while let Some(name) = wanted.pop_first() {
        if schemas.contains_key(&name) {
            continue;
        }
        let Some(schema) = schema::class_schema(&name) else {
            continue;
        };
        referred(&schema, &mut wanted);
        schemas.insert(name, schema);
    }
    schemas
}

fn referred(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            let place = members.get("$ref").and_then(Value::as_str);
            let name = place.and_then(|place| place.strip_prefix("#/components/schemas/"));
            names.extend(name.map(str::to_owned));
            for member in members.values() {
                referred(member, names);
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| referred(element, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use axum::http::Method;

    use super::*;

    /// Whoever adds an endpoint describes it: this is the line, but for what it asks, takes and gives.
    #[test]
    fn every_endpoint_is_described() {
        let lines = table::lines();
        let routes = admin::routes();
        let served: HashSet<(Method, &str)> = routes
            .iter()
            .filter(|route| route.path != CATCH_ALL)
            .map(|route| (route.method.clone(), route.path))
            .collect();
        let mut missing: Vec<String> = served
            .iter()
            .filter(|endpoint| !lines.contains_key(*endpoint))
            .map(|(method, path)| format!("{method}\t{path}\tnameOfTheOperation\t-\t-\t200 any"))
            .collect();
        missing.sort();
        assert!(
            missing.is_empty(),
            "without a line in rest/src/openapi/*.tsv:\n{}",
            missing.join("\n")
        );
        let gone: Vec<_> = lines
            .keys()
            .filter(|line| !served.contains(*line))
            .collect();
        assert!(gone.is_empty(), "described and not served: {gone:?}");
    }

    #[test]
    fn every_line_can_be_read() {
        let mut names = HashSet::new();
        for (tag, text) in table::TAGS {
            assert!(
                !table::about(text).is_empty(),
                "{tag} begins with what it is about"
            );
            for (at, line) in text.lines().enumerate() {
                if line.starts_with('#') {
                    continue;
                }
                let Some(line) = table::Line::parse(tag, line) else {
                    panic!("rest/src/openapi/{tag}.tsv:{}: {line}", at + 1);
                };
                assert!(
                    names.insert(line.name),
                    "two operations are called {}",
                    line.name
                );
            }
        }
    }

    #[test]
    fn what_is_referred_to_is_there() {
        let document = document(&admin::routes());
        let mut names = BTreeSet::new();
        referred(&document, &mut names);
        let schemas = &document["components"]["schemas"];
        let missing: Vec<_> = names
            .iter()
            .filter(|name| schemas.get(name.as_str()).is_none())
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn the_document_names_its_server() {
        let text = text("https://id.example/auth");
        let document: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(document["servers"][0]["url"], "https://id.example/auth");
        let list = &document["paths"]["/admin/realms/{realm}/users"]["get"];
        assert_eq!(list["operationId"], "listUsers");
        assert_eq!(list["summary"], "List users");
        assert_eq!(
            list["x-claviger-rights"],
            json!(["query-users", "view-users", "manage-users"])
        );
    }
}
