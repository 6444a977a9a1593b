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
        let url = format!("{}/realms/{realm}/protocol/openid-connect/token", self.base);
        let request = self
            .agent
            .post(url)
            .content_type("application/x-www-form-urlencoded");
        let mut answer = request.send(form)?;
        let text = answer.body_mut().read_to_string()?;
        if answer.status().as_u16() != 200 {
            bail!("the token endpoint answers {} {text}", answer.status());
        }
        serde_json::from_str(&text).context("the token endpoint answers no JSON")
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
