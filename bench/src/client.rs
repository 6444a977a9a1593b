//! HTTP as a client of the server speaks it, over connections that stay open.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use ureq::Agent;

/// One connection pool; each worker has its own.
pub struct Client {
    agent: Agent,
    base: String,
}

impl Client {
    pub fn new(base: String) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .build();
        Self {
            agent: config.new_agent(),
            base,
        }
    }

    /// The server's address.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Another client of the same server.
    pub fn another(&self) -> Self {
        Self::new(self.base.clone())
    }

    /// The status of a GET, or `None` without an answer.
    pub fn status(&self, path: &str) -> Option<u16> {
        let answer = self.agent.get(format!("{}{path}", self.base)).call().ok()?;
        Some(answer.status().as_u16())
    }

    /// Asks the token endpoint and insists on a token.
    pub fn token(&self, realm: &str, form: &str) -> Result<Value> {
        self.post(realm, "token", form)
    }

    /// The answer of an endpoint of OpenID Connect to a form; `null` if it has no body.
    fn post(&self, realm: &str, endpoint: &str, form: &str) -> Result<Value> {
        let url = format!(
            "{}/realms/{realm}/protocol/openid-connect/{endpoint}",
            self.base
        );
        let request = self
            .agent
            .post(url)
            .content_type("application/x-www-form-urlencoded");
        let mut answer = request.send(form)?;
        let text = answer.body_mut().read_to_string()?;
        match answer.status().as_u16() {
            200 => serde_json::from_str(&text).with_context(|| format!("{endpoint} sends no JSON")),
            204 => Ok(Value::Null),
            status => bail!("{endpoint} answers {status} {text}"),
        }
    }

    /// Asks for something, perhaps with a token, and insists on getting it.
    pub fn get(&self, path: &str, token: Option<&str>) -> Result<()> {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut answer = request.call()?;
        let text = answer.body_mut().read_to_string()?;
        if answer.status().as_u16() != 200 {
            bail!("{path} answers {} {text}", answer.status());
        }
        Ok(())
    }

    /// Asks as a service whether a token is good, and insists that it is.
    pub fn introspect(&self, realm: &str, token: &str) -> Result<()> {
        let form = format!("client_id=service&client_secret=service-secret&token={token}");
        let answer = self.post(realm, "token/introspect", &form)?;
        if answer.get("active").and_then(Value::as_bool) != Some(true) {
            bail!("a good token is called {answer}");
        }
        Ok(())
    }

    /// Ends a session by its refresh token.
    pub fn logout(&self, realm: &str, refresh_token: &str) -> Result<()> {
        let form = format!("client_id=app&refresh_token={refresh_token}");
        self.post(realm, "logout", &form).map(drop)
    }

    /// Creates a realm as the administrator.
    pub fn create_realm(&self, realm: &Value) -> Result<()> {
        let request = self.agent.post(format!("{}/admin/realms", self.base));
        let request = request
            .header("authorization", self.administrator()?)
            .content_type("application/json");
        let mut answer = request.send(realm.to_string())?;
        if answer.status().as_u16() != 201 {
            bail!(
                "no realm: {} {}",
                answer.status(),
                answer.body_mut().read_to_string()?
            );
        }
        Ok(())
    }

    /// Deletes a realm as the administrator.
    pub fn delete_realm(&self, name: &str) -> Result<()> {
        let request = self
            .agent
            .delete(format!("{}/admin/realms/{name}", self.base));
        let answer = request
            .header("authorization", self.administrator()?)
            .call()?;
        if answer.status().as_u16() != 204 {
            bail!("the realm stays: {}", answer.status());
        }
        Ok(())
    }

    fn administrator(&self) -> Result<String> {
        let form = "grant_type=password&client_id=admin-cli&username=admin&password=admin";
        Ok(format!(
            "Bearer {}",
            text(&self.token("master", form)?, "access_token")?
        ))
    }
}

/// A text member of a JSON object.
pub fn text<'a>(body: &'a Value, name: &str) -> Result<&'a str> {
    body.get(name)
        .and_then(Value::as_str)
        .with_context(|| format!("the answer has no {name}"))
}
