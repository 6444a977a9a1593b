//! Requests of commands, whose answers are looked at whole.

use super::{FetchError, Fetcher, failure, shown};

impl Fetcher {
    /// As [`Fetcher::ask`], with the headers of the answer; a redirect is an answer like others.
    pub async fn exchange(
        &self,
        method: http::Method,
        url: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Result<http::Response<Vec<u8>>, FetchError> {
        let target = self.target(url)?;
        let shown = shown(&target);
        let mut request = self.client.request(method, target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_empty() {
            request = request.body(body);
        }
        let call = async {
            let _place = self.places.acquire().await.ok();
            let response = request.send().await;
            let response = response.map_err(|error| failure(&shown, &error))?;
            let mut answer = http::Response::new(Vec::new());
            *answer.status_mut() = response.status();
            *answer.headers_mut() = response.headers().clone();
            *answer.body_mut() = self.read(&shown, response).await?;
            Ok(answer)
        };
        let answered = tokio::time::timeout(self.total_timeout, call).await;
        answered.unwrap_or_else(|_| Err(FetchError::TimedOut { url: shown.clone() }))
    }
}
