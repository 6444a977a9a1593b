//! The pages for administrators. They hold nothing of the realm: a script asks for it, once somebody
//! has signed in.

use minijinja::{Environment, Value, context};

use crate::resources;
use crate::templates::escape;

/// The page in `templates/admin`.
const LOGOUT_DELIVERIES: &str = include_str!("../templates/admin/logout-deliveries.html");

/// Where a page for administrators is.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The path below which the server is: `""` or `"/auth"`.
    pub base_path: &'a str,
    /// The issuer of the realm in which administrators sign in.
    pub issuer: &'a str,
    /// Its name.
    pub realm: &'a str,
}

/// The HTML of the ledger of logouts; empty if it cannot be made, which a test rules out.
pub fn logout_deliveries(place: Place<'_>) -> String {
    let text = |text: &str| {
        let mut safe = String::new();
        escape(&mut safe, text);
        Value::from_safe_string(safe)
    };
    let facts = context! {
        login => text(&resources::folder(place.base_path, "login")),
        admin => text(&resources::folder(place.base_path, "admin")),
        issuer => text(place.issuer),
        base => text(place.base_path),
        realm => text(place.realm),
    };
    let made = Environment::new().render_named_str("admin.html", LOGOUT_DELIVERIES, facts);
    made.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_page_is_told_stays_text() {
        let html = logout_deliveries(Place {
            base_path: "/auth",
            issuer: "https://id.example/auth/realms/\"><script>",
            realm: "\"><script>alert(1)</script>",
        });
        assert!(!html.contains("<script>"), "{html}");
        assert_eq!(html.matches("<script").count(), 1, "{html}");
        for file in ["css/logout-deliveries.css", "js/logout-deliveries.js"] {
            assert!(resources::file("admin", file).is_some(), "{file}");
            assert!(html.contains(file), "{file}");
        }
    }
}
