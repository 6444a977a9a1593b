//! What no page has: scripts within it, text of others that is read as markup, third parties, weight.

use claviger_engine::page::{Fault, Message, Page, Severity};
use serde_json::json;

use crate::facts::Element;
use crate::gallery::{World, every_page, surrounded};

/// What somebody puts where a name is asked for.
const ATTACK: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}${x}{0}";
/// Attributes that lead a browser somewhere.
const LEADING: [&str; 6] = [
    "href",
    "xlink:href",
    "src",
    "action",
    "data-restart",
    "data-proceed",
];

fn check_runs_nothing(html: &Element, name: &str) {
    for script in html.named("script") {
        let from = script.get("src").unwrap_or_default();
        assert!(from.starts_with("/auth/resources/"), "{name}: {from}");
        assert_eq!(script.text(), "", "{name}");
    }
    assert_eq!(html.named("style").len(), 0, "{name}");
    for element in html.all(|_| true) {
        for (attribute, value) in &element.attributes {
            assert!(!attribute.starts_with("on"), "{name}: {attribute}");
            assert_ne!(attribute, "style", "{name}");
            let is_language = element.name == "option" && attribute == "value";
            if LEADING.contains(&attribute.as_str()) || is_language {
                let is_field = is_language && ["login-update-profile", "register"].contains(&name);
                assert!(
                    is_field || !value.trim_start().starts_with("javascript:"),
                    "{name}: {value}"
                );
            }
        }
    }
}

/// The page without the numbers that a picture is drawn by.
fn without_picture(text: &str) -> String {
    let Some((before, rest)) = text.split_once("<svg id=\"kc-totp-secret-qr-code\"") else {
        return text.to_owned();
    };
    let (_, after) = rest.split_once("</svg>").expect("a picture ends");
    format!("{before}{after}")
}

#[tokio::test]
async fn no_text_of_others_is_read_as_markup() {
    let world = World::with(json!({
        "displayName": ATTACK,
        "displayNameHtml": format!("<b>{ATTACK}</b>"),
        "clients": [{"clientId": "app", "name": ATTACK}],
    }))
    .await;
    for page in every_page(ATTACK) {
        let view = surrounded(world.view(page), ATTACK);
        let text = claviger_pages::render(&view);
        let html = Element::page(&text);
        let name = claviger_pages::page_id(&view.page);
        check_runs_nothing(&html, name);
        check_runs_nothing(&Element::page_without_scripts(&text), name);
        assert!(!without_picture(&text).contains("49"), "{name}");
        // What administrators may write as HTML may have pictures; nothing else makes any.
        let may = ["kc-header"];
        let written = html.all(|element| {
            let id = element.get("id").unwrap_or_default();
            may.contains(&id) || element.get("class") == Some("help")
        });
        let written: usize = written
            .iter()
            .map(|element| element.named("img").len())
            .sum();
        let images = html.named("img");
        let ours = images.iter().filter(|img| img.get("class") == Some("logo"));
        assert_eq!(images.len() - ours.count(), written, "{name}");
    }
}

/// Somebody signs up as a link, a picture, or the same escaped once or twice, and waits for a page that
/// calls another person's browser "already signed in as …": the page is on the address people trust.
#[tokio::test]
async fn a_name_in_a_message_is_no_link_on_anybodys_page() {
    let world = World::with(json!({
        "localizationTexts": {"en": {
            "marked": "<b>Ask</b> <a href=\"{0}\">{0}</a> &lt;i&gt;{1}&lt;/i&gt;",
        }},
    }))
    .await;
    let link = "<a href=\"https://evil.example/\">sign in here</a><img src=x>";
    let escaped = link.replace('<', "&lt;").replace('>', "&gt;");
    let twice = escaped.replace('&', "&amp;");
    let by_number = link.replace('<', "&#60;");
    for name in [link, &escaped, &twice, &by_number] {
        let message = Message::with("differentUserAuthenticated", &[name]);
        let pages = [
            Page::Error {
                fault: Fault::BadRequest,
                back: None,
            },
            Page::Info {
                header: Some(message.clone()),
                required_actions: vec![name.to_owned()],
                back: None,
                proceed: None,
            },
            Page::Password { reset: None },
        ];
        for page in pages {
            let view = world.view(page).saying(Severity::Error, message.clone());
            let text = claviger_pages::render(&view);
            let html = Element::page(&text);
            let id = claviger_pages::page_id(&view.page);
            assert!(html.named("a").is_empty(), "{id}: {text}");
            assert!(html.named("img").is_empty(), "{id}: {text}");
            // It is told to the letter.
            assert!(html.text().contains(name), "{id}: {text}");
        }
    }
    // Whoever writes the texts may mark them, and still leads nobody where a name says.
    let page = Page::Error {
        fault: Fault::BadRequest,
        back: None,
    };
    let run = "javascript:alert(1)";
    let message = Message::with("marked", &[run, "<u>it</u>"]);
    let view = world.view(page).saying(Severity::Error, message);
    let text = claviger_pages::render(&view);
    let html = Element::page(&text);
    let said = html.with_id("kc-error-message").unwrap();
    assert_eq!((said.named("b").len(), said.named("i").len()), (1, 1));
    assert_eq!(said.named("u").len(), 0, "{text}");
    assert_eq!(said.named("a")[0].get("href"), None, "{text}");
}

#[tokio::test]
async fn no_address_of_others_runs_anything() {
    let world = World::with(json!({})).await;
    let blanks = format!("{}javascript:alert(1)", " ".repeat(40));
    let addresses = ["javascript:alert(1)", " \tJava\nScript:alert(1)", &blanks];
    for address in addresses {
        for page in every_page(address) {
            let view = surrounded(world.view(page), address);
            let text = claviger_pages::render(&view)
                .to_lowercase()
                .replace('\n', "");
            let html = Element::page(&text);
            check_runs_nothing(&html, claviger_pages::page_id(&view.page));
        }
    }
}

#[tokio::test]
async fn every_page_is_whole_light_and_its_own() {
    let world = World::with(json!({})).await;
    for locale in ["en", "de", "ar", "fa", "pt-BR"] {
        for page in every_page("some") {
            let mut view = surrounded(world.view(page), "some");
            view.locale = locale.to_owned();
            let text = claviger_pages::render(&view);
            let html = Element::page(&text);
            let name = claviger_pages::page_id(&view.page);
            assert!(text.len() < 12_000, "{name}: {}", text.len());
            check_runs_nothing(&html, name);
            check_frame(&html, locale);
            assert_eq!(html.named("h1").len(), 1, "{name}");
            for label in html.all(|element| element.name == "label" && element.get("for").is_some())
            {
                let id = label.get("for").unwrap();
                assert!(html.with_id(id).is_some(), "{name}: {id}");
            }
        }
    }
}

/// A select that only a script follows is of no use without one: the same addresses are links then,
/// with names in their own languages, after the heading and before the form.
#[tokio::test]
async fn languages_are_links_where_no_script_runs() {
    let world = World::with(json!({})).await;
    let mut view = world.view(every_page("some").remove(0));
    view.languages = ["en", "de", "ar"]
        .map(|tag| (tag.to_owned(), format!("/here?a=1&kc_locale={tag}")))
        .to_vec();
    for (locale, others) in [("en", ["ar", "de"]), ("ar", ["en", "de"])] {
        view.locale = locale.to_owned();
        let text = claviger_pages::render(&view);
        let html = Element::page_without_scripts(&text);
        let menu = html.with_id("kc-locale").expect("a menu");
        let current = html.with_id("kc-current-locale-link").expect("what it is");
        let name = current.get("aria-label").unwrap_or_default();
        assert!(name.contains(&current.text()), "{name}");
        assert_eq!(current.named("span")[0].get("lang"), Some(locale));
        let links = menu.named("a");
        let mut tags: Vec<_> = links.iter().map(|link| link.get("lang").unwrap()).collect();
        for link in &links {
            let address = link.get("xlink:href").expect("an address");
            let tag = link.get("lang").unwrap();
            assert_eq!(address, format!("/here?a=1&kc_locale={tag}"));
            assert!(!link.text().is_empty(), "{tag} has no name");
            assert_eq!(link.get("role"), Some("link"));
        }
        tags.sort_unstable();
        let mut others = others.to_vec();
        others.sort_unstable();
        assert_eq!(tags, others);
        let order = html.all(|element| {
            ["kc-page-title", "kc-locale"].contains(&element.get("id").unwrap_or_default())
                || element.name == "form"
        });
        let order = order.iter().map(|element| element.get("id"));
        assert!(
            order.take(2).eq([Some("kc-page-title"), Some("kc-locale")]),
            "who goes from one to the next comes to it first"
        );
        let with_scripts = Element::page(&text);
        assert!(with_scripts.with_id("kc-locale").is_none());
        let select = with_scripts.with_id("login-select-toggle").expect("a list");
        assert!(select.get("aria-label").is_some());
    }
}

fn check_frame(html: &Element, locale: &str) {
    let root = html.named("html")[0];
    let direction = if ["ar", "fa"].contains(&locale) {
        "rtl"
    } else {
        "ltr"
    };
    assert_eq!(root.get("lang"), Some(locale));
    assert_eq!(root.get("dir"), Some(direction));
    let policy = html.all(|meta| meta.get("http-equiv") == Some("Content-Security-Policy"))[0];
    let policy = policy.get("content").unwrap();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    let loaded = html.all(|element| ["link", "script"].contains(&element.name.as_str()));
    for element in loaded {
        let address = element.get("href").or(element.get("src")).unwrap();
        let (_, path) = address.split_once("/login/claviger/").unwrap();
        assert!(
            claviger_pages::resources::file("login", path).is_some(),
            "{address}"
        );
    }
}
