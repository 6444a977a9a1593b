//! The templates that the server is built with, and how texts get into them.

use std::sync::{Arc, LazyLock};

use claviger_engine::page::View;
use minijinja::{AutoEscape, Environment, Error, Output, State, Value};

use crate::look::Look;
use crate::model;
use crate::texts::Texts;
use crate::themes::Theme;

/// The templates by name.
const BUILT_IN: &[(&str, &str)] = &[
    ("code.html", include_str!("../templates/login/code.html")),
    (
        "delete-account-confirm.html",
        include_str!("../templates/login/delete-account-confirm.html"),
    ),
    (
        "delete-credential.html",
        include_str!("../templates/login/delete-credential.html"),
    ),
    ("error.html", include_str!("../templates/login/error.html")),
    ("field.html", include_str!("../templates/login/field.html")),
    (
        "frontchannel-logout.html",
        include_str!("../templates/login/frontchannel-logout.html"),
    ),
    ("info.html", include_str!("../templates/login/info.html")),
    (
        "login-config-totp.html",
        include_str!("../templates/login/login-config-totp.html"),
    ),
    (
        "login-oauth-grant.html",
        include_str!("../templates/login/login-oauth-grant.html"),
    ),
    (
        "login-oauth2-device-verify-user-code.html",
        include_str!("../templates/login/login-oauth2-device-verify-user-code.html"),
    ),
    (
        "login-otp.html",
        include_str!("../templates/login/login-otp.html"),
    ),
    (
        "login-page-expired.html",
        include_str!("../templates/login/login-page-expired.html"),
    ),
    (
        "login-password.html",
        include_str!("../templates/login/login-password.html"),
    ),
    (
        "login-update-password.html",
        include_str!("../templates/login/login-update-password.html"),
    ),
    (
        "login-reset-password.html",
        include_str!("../templates/login/login-reset-password.html"),
    ),
    (
        "login-update-profile.html",
        include_str!("../templates/login/login-update-profile.html"),
    ),
    (
        "login-username.html",
        include_str!("../templates/login/login-username.html"),
    ),
    ("login.html", include_str!("../templates/login/login.html")),
    (
        "logout-confirm.html",
        include_str!("../templates/login/logout-confirm.html"),
    ),
    (
        "profile.html",
        include_str!("../templates/login/profile.html"),
    ),
    (
        "providers.html",
        include_str!("../templates/login/providers.html"),
    ),
    (
        "register.html",
        include_str!("../templates/login/register.html"),
    ),
    (
        "select-authenticator.html",
        include_str!("../templates/login/select-authenticator.html"),
    ),
    (
        "template.html",
        include_str!("../templates/login/template.html"),
    ),
    ("terms.html", include_str!("../templates/login/terms.html")),
];

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(built_in);

/// Our own templates, under their names and under `base/name`, where a theme finds what it replaces.
pub fn built_in() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_formatter(write_escaped);
    for (name, source) in BUILT_IN {
        let base = format!("base/{name}");
        let added = environment
            .add_template(name, source)
            .and_then(|()| environment.add_template_owned(base, *source));
        if let Err(error) = added {
            tracing::error!("the template {name} that the server was built with fails: {error}");
        }
    }
    environment
}

/// The HTML of a page by a theme.
pub fn render_themed(view: &View, theme: &Arc<Theme>) -> Result<String, Error> {
    let texts = Texts::new(&view.realm, &view.locale, Some(theme));
    let context = model::context(view, &texts, &Look::of(view, theme));
    let template = format!("{}.html", model::name(&view.page));
    theme.environment.get_template(&template)?.render(context)
}

/// Writes text into HTML, in element content or a quoted attribute. A slash stays as it is: scripts
/// of others read addresses out of our pages, and undo `&amp;` alone.
pub fn escape(html: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            plain => html.push(plain),
        }
    }
}

fn write_escaped(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    if value.is_undefined() || value.is_none() {
        return Ok(());
    }
    if value.is_safe() || !matches!(state.auto_escape(), AutoEscape::Html) {
        return Ok(write!(out, "{value}")?);
    }
    let mut html = String::new();
    match value.as_str() {
        Some(text) => escape(&mut html, text),
        None => escape(&mut html, &value.to_string()),
    }
    Ok(out.write_str(&html)?)
}

/// The HTML of a template. A template that fails is a mistake of ours: the person gets a page
/// without anything on it, the log the reason.
pub fn render(name: &str, context: &Value) -> String {
    let rendered = ENVIRONMENT
        .get_template(name)
        .and_then(|template| template.render(context));
    rendered.unwrap_or_else(|error| {
        tracing::error!("the page {name} could not be made: {error:#}");
        "<!doctype html><title>500</title>".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundles;

    #[test]
    fn every_text_of_a_template_has_its_english() {
        for (name, source) in BUILT_IN {
            for part in source.split("msg(").skip(1) {
                let quote = part.chars().next().unwrap();
                if !['"', '\''].contains(&quote) {
                    continue;
                }
                let key = part[1..].split(quote).next().unwrap();
                // What ends so is put together with the rest of the key.
                let is_whole = !key.ends_with('.');
                let has_text = bundles::own().contains_key(key);
                assert!(!is_whole || has_text, "{name}: {key}");
            }
        }
    }

    #[test]
    fn every_template_can_be_read() {
        for (name, _) in BUILT_IN {
            assert!(ENVIRONMENT.get_template(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn text_is_escaped_and_addresses_stay_readable() {
        let mut html = String::new();
        escape(&mut html, "/a?b=c&d=\"<'>");
        assert_eq!(html, "/a?b=c&amp;d=&quot;&lt;&#39;&gt;");
    }
}
