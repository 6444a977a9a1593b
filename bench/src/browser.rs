//! A person's browser, as far as signing in needs one: it keeps cookies and sends the page's form.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use ureq::Agent;
use ureq::http::{HeaderMap, header};

use crate::client::Client;

/// Where the application waits for its code. Nobody goes there.
pub const REDIRECT_URI: &str = "http://127.0.0.1/callback";

/// A browser that has never been here.
pub struct Browser {
    agent: Agent,
    cookies: Vec<(String, String)>,
}

impl Browser {
    pub fn new() -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(30)))
            .build();
        Self {
            agent: config.new_agent(),
            cookies: Vec::new(),
        }
    }

    /// Forgets who was here: the next one is somebody else. The connection stays.
    pub fn forget(&mut self) {
        self.cookies.clear();
    }

    /// Asks for the login page as an application sends people there, and returns where its form goes.
    pub fn login_page(&mut self, client: &Client, realm: &str) -> Result<String> {
        let address = format!(
            "{}/realms/{realm}/protocol/openid-connect/auth?client_id=app&response_type=code&\
             scope=openid&redirect_uri={REDIRECT_URI}&state=s&nonce=n",
            client.base()
        );
        let mut request = self.agent.get(address);
        if !self.cookies.is_empty() {
            request = request.header(header::COOKIE, self.cookie_header());
        }
        let mut answer = request.call()?;
        self.take(answer.headers());
        let page = answer.body_mut().read_to_string()?;
        if answer.status().as_u16() != 200 {
            bail!("no login page: {} {page}", answer.status());
        }
        let form = page
            .split("<form")
            .find(|form| form.contains("kc-form-login"));
        let action = form
            .and_then(|form| form.split_once("action=\""))
            .and_then(|(_, rest)| rest.split_once('"'));
        let (action, _) = action.context("the login page has no form")?;
        Ok(action.replace("&amp;", "&").replace("&#x2f;", "/"))
    }

    /// Sends the form, and returns the code that the browser is to take to the application.
    pub fn sign_in(&mut self, action: &str) -> Result<String> {
        let request = self
            .agent
            .post(action)
            .content_type("application/x-www-form-urlencoded")
            .header(header::COOKIE, self.cookie_header());
        let mut answer = request.send("username=alice&password=wonderland&credentialId=")?;
        self.take(answer.headers());
        let _page = answer.body_mut().read_to_string()?;
        let location = answer.headers().get(header::LOCATION);
        let location = location.and_then(|location| location.to_str().ok());
        let code = location.and_then(|location| location.split_once("code="));
        let Some((_, code)) = code else {
            bail!("no code: {} to {location:?}", answer.status());
        };
        Ok(code.split('&').next().unwrap_or_default().to_owned())
    }

    fn cookie_header(&self) -> String {
        let pairs = self.cookies.iter();
        let pairs: Vec<String> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    fn take(&mut self, headers: &HeaderMap) {
        for cookie in headers.get_all(header::SET_COOKIE) {
            let pair = cookie.to_str().ok().and_then(|text| text.split(';').next());
            let Some((name, value)) = pair.and_then(|pair| pair.split_once('=')) else {
                continue;
            };
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
    }
}
