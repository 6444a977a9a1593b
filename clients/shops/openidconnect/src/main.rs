//! The shop with the crate `openidconnect`: code flow with PKCE, refresh, and logout at the server. Its HTTP goes
//! through ureq, and its pages through tiny_http; one browser at a time is enough for a test.

use std::collections::HashMap;
use std::env::var;
use std::error::Error;

use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreErrorResponseType, CoreIdToken};
use openidconnect::{
    AccessToken, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndSessionUrl,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IssuerUrl,
    LogoutRequest, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier,
    PostLogoutRedirectUrl, ProviderMetadataWithLogout, RedirectUrl, RefreshToken,
    RequestTokenError, Scope, TokenResponse,
};
use tiny_http::{Header, Request, Response, Server};

type Failure = Box<dyn Error>;
type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// A browser that was sent to the server, and is expected back.
struct Leaving {
    verifier: PkceCodeVerifier,
    state: CsrfToken,
    nonce: Nonce,
}

struct SignedIn {
    name: String,
    id_token: CoreIdToken,
    access: AccessToken,
    refresh: RefreshToken,
}

struct Shop {
    client: Client,
    end_session: EndSessionUrl,
    home: String,
    leaving: HashMap<String, Leaving>,
    signed_in: HashMap<String, SignedIn>,
}

/// What the browser is answered.
enum Answer {
    Text(String),
    Go(String),
}

/// How `openidconnect` calls the server.
fn call(request: HttpRequest) -> Result<HttpResponse, ureq::Error> {
    // Refusals are answers too, and no redirect is followed: a server could send its clients anywhere.
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .build()
        .new_agent();
    let (parts, mut body) = agent.run(request)?.into_parts();
    Ok(HttpResponse::from_parts(parts, body.read_to_vec()?))
}

fn env(name: &str) -> String {
    var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

fn main() -> Result<(), Failure> {
    let home = format!("http://127.0.0.1:{}", env("PORT"));
    let metadata = ProviderMetadataWithLogout::discover(&IssuerUrl::new(env("ISSUER"))?, &call)?;
    let end_session = metadata.additional_metadata().end_session_endpoint.clone();
    let client = CoreClient::from_provider_metadata(
        metadata,
        ClientId::new(env("CLIENT_ID")),
        Some(ClientSecret::new(env("CLIENT_SECRET"))),
    )
    .set_redirect_uri(RedirectUrl::new(format!("{home}/callback"))?);
    let mut shop = Shop {
        client,
        end_session: end_session.ok_or("no end_session_endpoint")?,
        home,
        leaving: HashMap::new(),
        signed_in: HashMap::new(),
    };
    let server =
        Server::http(("127.0.0.1", env("PORT").parse()?)).map_err(|problem| problem.to_string())?;
    for request in server.incoming_requests() {
        let browser = cookie(&request).unwrap_or_else(|| CsrfToken::new_random().into_secret());
        let answer = shop
            .answer(&browser, request.url())
            .unwrap_or_else(|problem| {
                eprintln!("{}: {problem:?}", request.url());
                Answer::Text(problem.to_string())
            });
        let (status, name, value, text) = match answer {
            Answer::Text(text) => (200, "content-type", "text/plain".to_owned(), text),
            Answer::Go(to) => (302, "location", to, String::new()),
        };
        let set = format!("shop={browser}; Path=/; HttpOnly; SameSite=Lax");
        let mut response = Response::from_string(text).with_status_code(status);
        for (name, value) in [(name, value), ("set-cookie", set)] {
            response.add_header(Header::from_bytes(name, value).map_err(|()| "no header")?);
        }
        request.respond(response)?;
    }
    Ok(())
}

fn cookie(request: &Request) -> Option<String> {
    let header = request
        .headers()
        .iter()
        .find(|header| header.field.equiv("cookie"))?;
    let cookies = header.value.as_str().split("; ");
    cookies
        .filter_map(|cookie| cookie.strip_prefix("shop="))
        .next()
        .map(str::to_owned)
}

impl Shop {
    fn answer(&mut self, browser: &str, url: &str) -> Result<Answer, Failure> {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        match path {
            "/" => Ok(Answer::Text(match self.signed_in.get(browser) {
                Some(person) => format!("signed in as {}", person.name),
                None => "nobody".to_owned(),
            })),
            "/login" => Ok(self.login(browser)),
            "/callback" => self.callback(browser, query),
            "/orders" => self.orders(browser),
            "/refresh" => self.refresh(browser),
            "/logout" => self.logout(browser),
            _ => Ok(Answer::Text("there is nothing here".to_owned())),
        }
    }

    fn login(&mut self, browser: &str) -> Answer {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let request = self
            .client
            .authorize_url(flow, CsrfToken::new_random, Nonce::new_random);
        let (url, state, nonce) = request
            .add_scope(Scope::new("profile".to_owned()))
            .set_pkce_challenge(challenge)
            .url();
        let leaving = Leaving {
            verifier,
            state,
            nonce,
        };
        self.leaving.insert(browser.to_owned(), leaving);
        Answer::Go(url.into())
    }

    fn callback(&mut self, browser: &str, query: &str) -> Result<Answer, Failure> {
        let asked = self
            .leaving
            .remove(browser)
            .ok_or("an answer to nothing that was asked")?;
        let url = openidconnect::url::Url::parse(&format!("{}/?{query}", self.home))?;
        let answer: HashMap<_, _> = url.query_pairs().into_owned().collect();
        if answer.get("state") != Some(asked.state.secret()) {
            return Err("an answer to something else".into());
        }
        let code = AuthorizationCode::new(answer.get("code").ok_or(query)?.clone());
        let tokens = self
            .client
            .exchange_code(code)?
            .set_pkce_verifier(asked.verifier)
            .request(&call)?;
        let id_token = tokens.id_token().ok_or("no ID token")?;
        let claims = id_token.claims(&self.client.id_token_verifier(), &asked.nonce)?;
        let person = SignedIn {
            name: claims.preferred_username().ok_or("no name")?.to_string(),
            id_token: id_token.clone(),
            access: tokens.access_token().clone(),
            refresh: tokens.refresh_token().ok_or("no refresh token")?.clone(),
        };
        self.signed_in.insert(browser.to_owned(), person);
        Ok(Answer::Go("/".to_owned()))
    }

    fn person(&mut self, browser: &str) -> Result<&mut SignedIn, Failure> {
        self.signed_in
            .get_mut(browser)
            .ok_or_else(|| "nobody".into())
    }

    fn orders(&mut self, browser: &str) -> Result<Answer, Failure> {
        let bearer = format!("Bearer {}", self.person(browser)?.access.secret());
        let mut answer = ureq::get(env("API"))
            .header("authorization", bearer)
            .call()?;
        Ok(Answer::Text(answer.body_mut().read_to_string()?))
    }

    fn refresh(&mut self, browser: &str) -> Result<Answer, Failure> {
        let refresh = self.person(browser)?.refresh.clone();
        let request = self.client.exchange_refresh_token(&refresh)?;
        let answer = match request.request(&call) {
            Ok(fresh) => {
                let person = self.person(browser)?;
                let changed = person.access.secret() != fresh.access_token().secret();
                person.access = fresh.access_token().clone();
                person.refresh = fresh.refresh_token().unwrap_or(&refresh).clone();
                if changed {
                    "refreshed"
                } else {
                    "not refreshed"
                }
            }
            Err(RequestTokenError::ServerResponse(refused))
                if *refused.error() == CoreErrorResponseType::InvalidGrant =>
            {
                self.signed_in.remove(browser);
                "session ended"
            }
            Err(problem) => return Err(problem.into()),
        };
        Ok(Answer::Text(answer.to_owned()))
    }

    fn logout(&mut self, browser: &str) -> Result<Answer, Failure> {
        let person = self.signed_in.remove(browser).ok_or("nobody")?;
        let url = LogoutRequest::from(self.end_session.clone())
            .set_id_token_hint(&person.id_token)
            .set_post_logout_redirect_uri(PostLogoutRedirectUrl::new(format!("{}/", self.home))?)
            .http_get_url();
        Ok(Answer::Go(url.into()))
    }
}
