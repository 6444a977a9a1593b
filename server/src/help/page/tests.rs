use super::*;

fn context(base_path: &str) -> RequestContext {
    RequestContext {
        base_url: format!("https://id.example{base_path}"),
        base_path: base_path.into(),
        origin: "https://id.example".into(),
        base_paths: [base_path.into()].into(),
        ip_address: "127.0.0.1".into(),
        secure: true,
        help_links: true,
        backchannel_url: None,
        admin_url: None,
    }
}

#[test]
fn every_page_is_small_whole_and_asks_nobody_for_anything() {
    let context = context("/auth");
    let pages = Help::ALL.iter().map(|help| of(*help, &context));
    for page in pages.chain([list(&context), missing(&context)]) {
        assert!(page.len() < 20_000, "{} bytes", page.len());
        assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">"));
        assert!(page.ends_with("</html>\n"));
        assert_eq!(page.matches("<h1").count(), 1, "{page}");
        for forbidden in [
            "<script", " src=", "<link", "@import", "url(", " style=", " on",
        ] {
            let tags = page.split('<').filter_map(|part| part.split('>').next());
            let found = tags
                .into_iter()
                .any(|tag| format!("<{tag}").contains(forbidden));
            assert!(!found, "{forbidden}: {page}");
        }
        assert!(!page.contains("localhost"), "{page}");
    }
}

#[test]
fn pages_show_the_servers_own_address() {
    let page = of(Help::LogoutWithAccessToken, &context("/auth"));
    assert!(
        page.contains("https://id.example/auth/realms/myrealm"),
        "{page}"
    );
    assert!(page.contains("href=\"/auth/help\""));
}

#[test]
fn an_address_cannot_break_out_of_a_page() {
    let evil = "/<script>alert('&\"')</script>";
    for page in [
        of(Help::LogoutWithAccessToken, &context(evil)),
        list(&context(evil)),
    ] {
        assert!(!page.contains("<script"), "{page}");
    }
}

#[test]
fn links_between_the_files_are_links_between_the_pages() {
    let html =
        rendered("# One\n\n[two](two.md) [far](https://example.org/x.html)\n\n## Works: so\n");
    assert!(html.contains("href=\"two\"") && html.contains("href=\"https://example.org/x.html\""));
    assert!(html.contains("id=\"works--so\""), "{html}");
}

#[test]
fn the_style_is_the_one_that_the_policy_permits() {
    let digest = base64(&sha256(STYLE.as_bytes()));
    assert!(policy().contains(&format!("'sha256-{digest}'")));
    assert!(list(&context("")).contains(&format!("<style>{STYLE}</style>")));
}
