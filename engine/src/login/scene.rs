//! What a request to a login brings, where its pages are, and how they are made.

use std::sync::Arc;

use claviger_model::User;
use claviger_store::Tx;

use super::tab::{Tab, note};
use super::{Form, LoginError, cookies};
use crate::app::App;
use crate::authorize::ClientData;
use crate::browser::{Browser, Outcome};
use crate::client::Client;
use crate::events::EventBuilder;
use crate::flow::Walk;
use crate::locale::{self, Wishes};
use crate::page::{Attempted, Fault, Message, Page, Severity, View, Watch};
use crate::realm::Realm;
use crate::request::RequestContext;

/// One request to a login.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    pub app: &'a App,
    pub realm: &'a Arc<Realm>,
    pub context: &'a RequestContext,
    pub browser: &'a Browser,
    /// The form that was sent; empty where only a page is asked for.
    pub form: &'a Form,
    /// `mode`: how the page of a generator shows its secret.
    pub mode: Option<&'a str>,
}

impl<'a> Scene<'a> {
    /// The first value of a field of the form.
    pub fn field(&self, name: &str) -> Option<&'a str> {
        self.form.get(name)?.first().map(String::as_str)
    }

    /// Writes a job whose miss means that another request for the same tab was faster.
    pub async fn commit(&self, tx: Tx) -> Result<bool, LoginError> {
        Ok(self.app.commit(tx).await?.is_done())
    }

    /// An address below `/login-actions/`.
    pub fn address(&self, path: &str, parameters: &[(&str, &str)]) -> String {
        let realm = url_segment(&self.realm.name);
        let base = &self.context.base_url;
        let mut address = format!("{base}/realms/{realm}/login-actions/{path}");
        for (index, (name, value)) in parameters.iter().enumerate() {
            address.push(if index == 0 { '?' } else { '&' });
            address.push_str(name);
            address.push('=');
            address.extend(url::form_urlencoded::byte_serialize(value.as_bytes()));
        }
        address
    }

    /// An address of a tab, with a step or required action where there is one.
    pub fn address_of(&self, tab: &Tab, path: &str, execution: Option<&str>) -> String {
        let data = ClientData::of(&tab.session).encode();
        let mut parameters: Vec<(&str, &str)> = Vec::new();
        parameters.extend(execution.map(|execution| ("execution", execution)));
        parameters.push(("client_id", &tab.client.client_id));
        parameters.push(("tab_id", &tab.session.tab));
        parameters.push(("client_data", &data));
        self.address(path, &parameters)
    }

    /// Where the form of a page goes.
    pub fn action(&self, tab: &mut Tab, path: &str, execution: &str) -> String {
        let code = tab.code(self.app);
        let data = ClientData::of(&tab.session).encode();
        self.address(
            path,
            &[
                ("session_code", &code),
                ("execution", execution),
                ("client_id", &tab.client.client_id),
                ("tab_id", &tab.session.tab),
                ("client_data", &data),
            ],
        )
    }

    /// Where the login begins anew, with nobody signed in any more.
    pub fn restart(&self, tab: &Tab) -> String {
        self.anew(tab, "false")
    }

    /// Where it begins anew, to go on as who has signed in in another tab.
    fn anew(&self, tab: &Tab, skip_logout: &str) -> String {
        let data = ClientData::of(&tab.session).encode();
        self.address(
            "restart",
            &[
                ("client_id", &tab.client.client_id),
                ("tab_id", &tab.session.tab),
                ("client_data", &data),
                ("skip_logout", skip_logout),
            ],
        )
    }

    /// Where the login went on last.
    pub fn last(&self, tab: &Tab) -> String {
        let path = tab.note(note::PATH).unwrap_or("authenticate").to_owned();
        self.address_of(tab, &path, tab.note(note::EXECUTION))
    }

    /// A page of a login that stands at a step or required action, in the language of `user` where
    /// it is known who that is.
    pub fn view(
        &self,
        tab: &mut Tab,
        user: Option<&User>,
        (path, execution): (&str, &str),
        page: Page,
    ) -> View {
        let action = self.action(tab, path, execution);
        let mut view = self.bare(Some(&tab.client), page);
        view.locale = self.locale(Some(tab), user);
        view.languages = languages(self.realm, &self.address_of(tab, path, Some(execution)));
        view.action = action;
        view.watch = Some(Watch {
            session_hash: cookies::session_hash(&tab.session.root),
            restart: self.anew(tab, "true"),
        });
        view
    }

    /// A page around which there is no login.
    pub fn bare(&self, client: Option<&Arc<Client>>, page: Page) -> View {
        let locale = self.locale(None, None);
        let mut view = View::new(self.realm, &self.context.base_url, &locale, page);
        view.client = client.cloned();
        view
    }

    fn locale(&self, tab: Option<&Tab>, user: Option<&User>) -> String {
        let asks = tab.map(Tab::asks);
        let of_user = user.and_then(|user| user.attributes.get("locale"));
        let wishes = Wishes {
            chosen: tab.and_then(|tab| tab.note(note::LOCALE)),
            profile: of_user
                .and_then(|values| values.first())
                .map(String::as_str),
            client: asks.as_ref().and_then(|asks| asks.ui_locales.as_deref()),
            cookie: self.browser.locale.as_deref(),
            accept: self.browser.accept_language.as_deref(),
        };
        locale::choose(self.realm, wishes)
    }

    /// Who is about to sign in, once that is said.
    pub fn attempted(
        &self,
        tab: &Tab,
        walk: &Walk<'_>,
        username: Option<&str>,
    ) -> Option<Attempted> {
        walk.state().user.as_ref()?;
        let name = tab.note(note::ATTEMPTED).or(username)?;
        Some(Attempted {
            username: name.to_owned(),
            restart: self.restart(tab),
        })
    }

    /// An error page, with the way back to the application where there is a client.
    pub fn error(&self, client: Option<&Arc<Client>>, fault: Fault, message: Message) -> Outcome {
        let back = client.and_then(|client| back(client));
        let view = self.bare(client, Page::Error { fault, back });
        Outcome::page(view.saying(Severity::Error, message))
    }

    /// Records a failure by itself, and answers with an error page.
    pub async fn fail(
        &self,
        client: Option<&Arc<Client>>,
        event: &EventBuilder,
        (error, key): (&str, &str),
    ) -> Result<Outcome, LoginError> {
        let mut tx = Tx::new();
        event.error(self.app, self.realm, error, &mut tx);
        let _ = self.app.commit(tx).await?;
        Ok(self.error(client, Fault::BadRequest, Message::new(key)))
    }
}

/// A client's own start page: where people go back to.
pub fn back(client: &Client) -> Option<String> {
    let base = client.settings.base_url.as_deref()?;
    if base.contains("://") {
        return Some(base.to_owned());
    }
    let root = client.settings.root_url.as_deref()?;
    root.contains("://").then(|| format!("{root}{base}"))
}

/// Where a page is in the realm's languages, if there are several.
pub(super) fn languages(realm: &Realm, address: &str) -> Vec<(String, String)> {
    let locales = &realm.settings.locales;
    if !locales.enabled || locales.supported.len() < 2 {
        return Vec::new();
    }
    let address_in = |tag: &String| {
        let tag_text: String = url::form_urlencoded::byte_serialize(tag.as_bytes()).collect();
        (tag.clone(), format!("{address}&kc_locale={tag_text}"))
    };
    locales.supported.iter().map(address_in).collect()
}

pub(super) fn url_segment(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, SEGMENT).to_string()
}

/// What is escaped in a segment of a path (RFC 3986 §3.3).
const SEGMENT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
