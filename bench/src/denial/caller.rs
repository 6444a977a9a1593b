//! Requests whose status is for the caller to judge, over connections that stay open.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;
use ureq::Agent;
use ureq::http::header;

/// One connection pool; each thread has its own.
pub struct Caller(Agent);

impl Caller {
    pub fn new() -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .build();
        Self(config.new_agent())
    }

    /// One whose answers may go on for ever.
    pub fn listener() -> Self {
        let config = Agent::config_builder().http_status_as_error(false);
        Self(config.build().new_agent())
    }

    /// The status of a GET with headers.
    pub fn status(&self, url: &str, token: &str) -> Result<u16> {
        let request = self.0.get(url);
        let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        let mut answer = request.call()?;
        // Read to its end, or the connection could not be used again.
        let _body = answer.body_mut().read_to_vec()?;
        Ok(answer.status().as_u16())
    }

    /// An answer to a GET, whatever it is.
    pub fn get(
        &self,
        url: &str,
        headers: &[(&str, &str)],
    ) -> Result<ureq::http::Response<ureq::Body>> {
        let mut request = self.0.get(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Ok(request.call()?)
    }

    /// Posts a form; gives the status and what JSON came.
    pub fn form(&self, url: &str, form: &str) -> Result<(u16, Value)> {
        let request = self.0.post(url);
        let request = request.content_type("application/x-www-form-urlencoded");
        let mut answer = request.send(form)?;
        let text = answer.body_mut().read_to_string()?;
        let body = serde_json::from_str(&text).unwrap_or_default();
        Ok((answer.status().as_u16(), body))
    }

    /// Posts nothing, as somebody.
    pub fn post(&self, url: &str, token: &str) -> Result<u16> {
        let request = self.0.post(url);
        let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        let mut answer = request.send_empty()?;
        let _body = answer.body_mut().read_to_vec()?;
        Ok(answer.status().as_u16())
    }

    /// Deletes something, as somebody.
    pub fn delete(&self, url: &str, token: &str) -> Result<u16> {
        let request = self.0.delete(url);
        let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        let mut answer = request.call()?;
        let _body = answer.body_mut().read_to_vec()?;
        Ok(answer.status().as_u16())
    }
}
