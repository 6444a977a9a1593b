//! Themes of the operator, in folders.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use claviger_engine::page::{Fault, Page, View};
use claviger_pages::themes::Themes;
use serde_json::json;

use crate::facts::{Element, read};
use crate::gallery::{World, every_page};

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("claviger-themes-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn put(&self, path: &str, text: &str) {
        let file = self.0.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    fn themes(&self) -> Themes {
        Themes::open(&self.0, false)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn first_page() -> Page {
    every_page("some").remove(0)
}

async fn acme() -> World {
    World::with(json!({"loginTheme": "acme"})).await
}

fn heading(html: &str) -> String {
    read(html).1.heading
}

#[tokio::test]
async fn a_theme_brings_texts_styles_scripts_and_files() {
    let folder = Folder::new("all");
    folder.put("acme/login/theme.properties", "parent=keycloak.v2\nstyles=css/styles.css css/acme.css\nscripts=js/acme.js\ndarkMode=false\nmotto=Buy more\n");
    folder.put(
        "acme/login/messages/messages_en.properties",
        "loginAccountTitle=Come in\n",
    );
    folder.put(
        "acme/login/messages/messages_de.properties",
        "loginAccountTitle=Herein\n",
    );
    folder.put("acme/login/resources/css/acme.css", "h1 { color: teal }");
    folder.put("acme/login/template.html", "{% extends \"base/template.html\" %}{% block info %}<p id=\"motto\">{{ properties.motto }}</p>{% endblock %}");
    let (world, themes) = (acme().await, folder.themes());
    let view = world.view(Page::Terms);
    let html = themes.render(&view).unwrap();
    let page = Element::page(&html);
    assert_eq!(page.with_id("motto").unwrap().text(), "Buy more");
    assert!(page.named("html")[0].get("data-light").is_some());
    let loaded: Vec<&str> = page
        .all(|element| element.get("rel") == Some("stylesheet") || element.name == "script")
        .iter()
        .map(|element| element.get("href").or(element.get("src")).unwrap())
        .collect();
    let ends = [
        "/login/acme/css/styles.css",
        "/login/acme/css/acme.css",
        "/login/acme/js/page.js",
        "/login/acme/js/acme.js",
    ];
    assert_eq!(loaded.len(), ends.len());
    for (address, end) in loaded.iter().zip(ends) {
        assert!(address.ends_with(end), "{address}");
        assert!(!address.contains(claviger_pages::resources::VERSION));
    }
    let mut view = world.view(first_page());
    assert_eq!(heading(&themes.render(&view).unwrap()), "Come in");
    view.locale = "de".to_owned();
    assert_eq!(heading(&themes.render(&view).unwrap()), "Herein");

    let own = themes.asset("acme", "css/acme.css").unwrap().0;
    assert_eq!(own.bytes, b"h1 { color: teal }");
    assert_eq!(own.media_type, "text/css;charset=utf-8");
    // What a theme has not is ours.
    assert!(themes.asset("acme", "js/page.js").is_some());
    assert_eq!(themes.asset("acme", "css/none.css"), None);
}

#[tokio::test]
async fn a_client_has_a_theme_of_its_own_and_the_realms_texts_come_first() {
    let folder = Folder::new("client");
    folder.put(
        "acme/login/messages/messages_en.properties",
        "loginAccountTitle=Acme\ndoLogIn=In\n",
    );
    folder.put("other/login/theme.properties", "parent=acme\n");
    folder.put(
        "other/login/messages/messages_en.properties",
        "loginAccountTitle=Other\n",
    );
    let world = World::with(json!({
        "loginTheme": "acme",
        "clients": [{"clientId": "app", "attributes": {"login_theme": "other"}}],
        "localizationTexts": {"en": {"doLogIn": "Realm"}},
    }))
    .await;
    let html = folder.themes().render(&world.view(first_page())).unwrap();
    assert_eq!(heading(&html), "Other");
    assert_eq!(
        Element::page(&html).with_id("kc-login").unwrap().text(),
        "Realm"
    );
    let mut bare = world.view(first_page());
    bare.client = None;
    assert_eq!(heading(&folder.themes().render(&bare).unwrap()), "Acme");
}

#[tokio::test]
async fn a_template_of_a_theme_escapes_what_others_wrote() {
    let folder = Folder::new("escape");
    folder.put(
        "acme/login/error.html",
        "<!doctype html><h1 id=\"kc-page-title\">{{ realm.displayName }}</h1>{{ back }}",
    );
    let world =
        World::with(json!({"loginTheme": "acme", "displayName": "<script>x</script>"})).await;
    let page = Page::Error {
        fault: Fault::BadRequest,
        back: Some("https://app/?a=\"'><b>".to_owned()),
    };
    let html = folder.themes().render(&world.view(page)).unwrap();
    assert!(
        !html.contains("<script>") && !html.contains("<b>"),
        "{html}"
    );
}

#[tokio::test]
async fn a_broken_theme_leaves_the_page_to_us() {
    let cases: [(&str, &[(&str, &str)]); 7] = [
        ("syntax", &[("acme/login/login.html", "{% if %}")]),
        (
            "lookup",
            &[("acme/login/login.html", "{{ nothing.at.all }}")],
        ),
        (
            "endless",
            &[(
                "acme/login/login.html",
                "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
            )],
        ),
        (
            "circle",
            &[
                ("acme/login/theme.properties", "parent=b"),
                ("b/login/theme.properties", "parent=acme"),
            ],
        ),
        ("orphan", &[("acme/login/theme.properties", "parent=gone")]),
        (
            "upwards",
            &[("acme/login/theme.properties", "parent=../acme")],
        ),
        (
            "texts",
            &[("acme/login/messages/messages_en.properties", "a=\\u12")],
        ),
    ];
    let world = acme().await;
    for (name, files) in cases {
        let folder = Folder::new(name);
        for (path, text) in files {
            folder.put(path, text);
        }
        assert_eq!(
            folder.themes().render(&world.view(first_page())),
            None,
            "{name}"
        );
    }
    let empty = Folder::new("none");
    assert_eq!(empty.themes().render(&world.view(first_page())), None);
}

#[tokio::test]
async fn nothing_outside_of_a_themes_resources_is_a_file_of_it() {
    let folder = Folder::new("outside");
    folder.put("secret.txt", "secret");
    folder.put("acme/login/theme.properties", "a=b");
    folder.put("acme/login/resources/css/a.css", "");
    folder.put("acme/login/resources/.hidden", "secret");
    std::os::unix::fs::symlink(
        folder.0.join("secret.txt"),
        folder.0.join("acme/login/resources/link.txt"),
    )
    .unwrap();
    let themes = folder.themes();
    assert!(themes.asset("acme", "css/a.css").is_some());
    let paths = [
        "../theme.properties",
        "css/../../theme.properties",
        "link.txt",
        ".hidden",
        "/etc/passwd",
        "css",
        "",
        "css//a.css",
        "a\0b",
    ];
    for path in paths {
        assert_eq!(themes.asset("acme", path), None, "{path}");
    }
    for name in ["..", ".", "", "acme/login", "../acme", "gone"] {
        assert_eq!(themes.asset(name, "css/a.css"), None, "{name}");
    }
}

#[tokio::test]
async fn while_somebody_works_on_a_theme_what_they_change_shows() {
    let folder = Folder::new("follow");
    let title = |text: &str| format!("loginAccountTitle={text}\n");
    let file = "acme/login/messages/messages_en.properties";
    folder.put(file, &title("One"));
    let world = acme().await;
    let view = world.view(first_page());
    let (follows, keeps) = (
        Themes::open(&folder.0, true),
        Themes::open(&folder.0, false),
    );
    let says = |themes: &Themes, view: &View| heading(&themes.render(view).unwrap());
    assert_eq!(
        (says(&follows, &view), says(&keeps, &view)),
        ("One".to_owned(), "One".to_owned())
    );
    folder.put(file, &title("Number two"));
    assert_eq!(
        (says(&follows, &view), says(&keeps, &view)),
        ("Number two".to_owned(), "One".to_owned())
    );
}

#[tokio::test]
async fn whoever_names_no_theme_or_ours_reads_no_folder() {
    for settings in [json!({}), json!({"loginTheme": "claviger"})] {
        let world = World::with(settings).await;
        assert_eq!(Themes::wanted(&world.view(Page::Terms)), None);
    }
    let world = World::with(json!({"loginTheme": "keycloak.v2"})).await;
    let view = Arc::new(world.view(Page::Terms));
    assert_eq!(
        Themes::open(Path::new("/nowhere"), false).render(&view),
        None
    );
}
