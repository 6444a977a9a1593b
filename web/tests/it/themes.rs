//! Pages by the operator's themes.

use std::fs;
use std::path::PathBuf;

use axum::{Extension, middleware};
use claviger_engine::login::Asks;
use claviger_pages::themes::Themes;
use claviger_testkit::Stage;
use serde_json::json;

use crate::world::{Visitor, realm};

/// A folder with the theme `acme`, which goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let name = format!("claviger-web-themes-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let login = path.join("acme/login");
        fs::create_dir_all(login.join("resources/css")).unwrap();
        fs::create_dir_all(login.join("messages")).unwrap();
        fs::write(login.join("theme.properties"), "styles=css/acme.css\n").unwrap();
        fs::write(login.join("resources/css/acme.css"), "h1 { color: teal }").unwrap();
        let texts = "loginAccountTitle=Welcome to Acme\ninvalidUserMessage=Not you\n";
        fs::write(login.join("messages/messages_en.properties"), texts).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn a_realms_theme_makes_its_pages_and_the_login_goes_on() {
    let folder = Folder::new();
    let themes = Themes::open(&folder.0, false);
    let router = claviger_web::router()
        .layer(middleware::map_response_with_state(
            themes.clone(),
            claviger_web::themes::dress,
        ))
        .layer(Extension(themes));
    let stage = Stage::open(router).await;
    let mut file = realm();
    file["loginTheme"] = json!("acme");
    stage.import(file).await;
    let mut alice = Visitor::new(&stage);
    // The first page comes from the other surface, which has no theme here.
    let page = alice.begin("app", Asks::default()).await.is(200);
    let wrong = [("username", "alice"), ("password", "wrong")];
    let page = alice.post(&page.action(), &wrong).await.is(200);
    let page = page.says("Welcome to Acme").says("Not you");
    let (_, rest) = page.html.split_once("rel=\"stylesheet\" href=\"").unwrap();
    let address = rest.split('"').next().unwrap();
    let style = alice.get(address).await.is(200);
    assert_eq!(style.html, "h1 { color: teal }");
    let right = [("username", "alice"), ("password", "wonderland")];
    let end = alice.post(&page.action(), &right).await.is(302);
    assert!(end.has_code(), "{}", end.location);
}
