//! Somebody with two browsers, who knows bob's password and has seen every address of everybody, mixes
//! them as it comes: tabs, clients, steps, codes, cookies, forms, old and bent addresses. Alice signs in
//! meanwhile. Bob has still to choose a new password, and never does: so nobody but alice is ever signed
//! in, and only in her own browser.

use claviger_engine::login::Asks;
use serde_json::json;

use crate::proofs::RIGHT;
use crate::world::{Got, Visitor, realm, stage};

/// How many moves one attack has.
const MOVES: usize = 160;
/// How many attacks there are.
const ATTACKS: u64 = 4;
/// Where forms go.
const DOORS: [&str; 4] = ["authenticate", "required-action", "consent", "restart"];

/// Chooses, the same in every run (xorshift, Marsaglia 2003).
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(count.max(1)).unwrap()).unwrap()
    }

    fn of<'a, T>(&mut self, some: &'a [T]) -> &'a T {
        &some[self.below(some.len())]
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// The addresses of everybody's pages, and the codes in their forms.
#[derive(Default)]
struct Seen {
    addresses: Vec<String>,
    codes: Vec<String>,
    /// How often bob was asked for a new password: his own was right then.
    asked: usize,
}

impl Seen {
    fn note(&mut self, got: &Got) {
        for part in got.html.split("=\"").skip(1) {
            let value = part.split('"').next().unwrap_or_default();
            if value.contains("/login-actions/") {
                self.addresses.push(value.replace("&amp;", "&"));
            }
        }
        // Where the form goes is the last of a page.
        if let Some(form) = got.html.split(" action=\"").nth(1) {
            let value = form.split('"').next().unwrap_or_default();
            self.addresses.push(value.replace("&amp;", "&"));
        }
        if got.location.contains("/login-actions/") {
            self.addresses.push(got.location.clone());
        }
        for part in got.html.split("name=\"code\"").skip(1) {
            let value = part
                .split("value=\"")
                .nth(1)
                .and_then(|rest| rest.split('"').next());
            self.codes.extend(value.map(str::to_owned));
        }
        self.asked += usize::from(got.html.contains("kc-passwd-update-form"));
        // The last are the most useful.
        if self.addresses.len() > 40 {
            self.addresses.drain(..20);
        }
    }

    /// An address out of parts of several.
    fn bent(&self, dice: &mut Dice) -> String {
        let address = dice.of(&self.addresses).clone();
        let (path, query) = address.split_once('?').unwrap_or((&address, ""));
        let mut path = path.to_owned();
        if dice.one_in(4) {
            let (before, _) = path.rsplit_once('/').unwrap();
            path = format!("{before}/{}", dice.of(&DOORS));
        }
        let other = dice.of(&self.addresses).clone();
        let other: Vec<&str> = other
            .split_once('?')
            .map_or("", |(_, query)| query)
            .split('&')
            .collect();
        let mut parts = Vec::new();
        for part in query.split('&') {
            let name = part.split('=').next().unwrap_or_default();
            if dice.one_in(5) {
                parts.extend(other.iter().copied().find(|pair| pair.starts_with(name)));
            } else if !dice.one_in(12) {
                parts.push(part);
            }
        }
        for more in [
            "execution=OAUTH_GRANT",
            "execution=UPDATE_PASSWORD",
            "skip_logout=true",
        ] {
            if dice.one_in(15) {
                parts.push(more);
            }
        }
        format!("{path}?{}", parts.join("&"))
    }

    fn form(&self, dice: &mut Dice) -> Vec<(&str, &str)> {
        let code = self.codes.last().map_or("guess", String::as_str);
        let step = "execution=";
        let execution = dice.of(&self.addresses).split(step).nth(1);
        let execution = execution
            .and_then(|rest| rest.split('&').next())
            .unwrap_or("x");
        match dice.below(9) {
            0 | 1 => vec![("username", "bob"), ("password", "builder")],
            2 => vec![("username", "alice"), ("password", "builder")],
            3 => vec![("password", "builder")],
            4 => vec![("accept", "Yes"), ("code", code)],
            5 => vec![("cancel", "No"), ("code", code)],
            6 => vec![("tryAnotherWay", "on")],
            7 => vec![("authenticationExecution", execution)],
            _ => vec![
                ("password-new", "mine"),
                ("password-confirm", "other"),
                ("cancel-aia", ""),
            ],
        }
    }
}

/// One move of whoever mixes.
async fn play(dice: &mut Dice, browsers: &mut [Visitor; 2], seen: &mut Seen) {
    if dice.one_in(12) {
        let names = ["AUTH_SESSION_ID", "KC_RESTART", "KC_AUTH_SESSION_HASH"];
        let name = *dice.of(&names);
        let taken = browsers[1].jar.get(name).cloned();
        if let Some(value) = taken {
            browsers[0].jar.insert(name.to_owned(), value);
        }
    }
    let browser = &mut browsers[dice.below(2)];
    let got = if seen.addresses.is_empty() || dice.one_in(8) {
        let prompt = *dice.of(&["", "login", "none", "consent"]);
        let asks = Asks {
            prompt: Some(prompt.to_owned()).filter(|text| !text.is_empty()),
            ..Asks::default()
        };
        let client = *dice.of(&["app", "web"]);
        browser.begin(client, asks).await
    } else {
        // Half of the time the last address, as it is.
        let address = match seen.addresses.last() {
            Some(last) if dice.one_in(2) => last.clone(),
            Some(_) | None => seen.bent(dice),
        };
        if dice.one_in(3) {
            browser.get(&address).await
        } else {
            let form = seen.form(dice);
            browser.post(&address, &form).await
        }
    };
    assert!(got.status < 500, "{} {}", got.status, got.html);
    assert!(!got.location.contains("code="), "{}", got.location);
    assert!(!browser.jar.contains_key("KEYCLOAK_IDENTITY"));
    seen.note(&got);
}

#[tokio::test]
async fn no_mix_of_tabs_forms_and_cookies_signs_anybody_in() {
    let mut file = realm();
    file["clients"][1]["consentRequired"] = json!(true);
    file["users"][1]["credentials"][0]["value"] = json!("builder");
    file["users"][1]["requiredActions"] = json!(["UPDATE_PASSWORD"]);
    let stage = stage(file).await;
    let (mut signed_in, mut asked) = (0, 0);
    for attack in 1..=ATTACKS {
        let mut dice = Dice(attack.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut browsers = [Visitor::new(&stage), Visitor::new(&stage)];
        let mut seen = Seen::default();
        let mut alice = Visitor::new(&stage);
        let mut page = alice.begin("app", Asks::default()).await;
        seen.note(&page);
        for _ in 0..MOVES {
            play(&mut dice, &mut browsers, &mut seen).await;
            if dice.one_in(40) {
                // Others' moves are nothing to her.
                let end = alice.post(&page.action(), &RIGHT).await;
                assert!(end.has_code(), "{} {}", end.location, end.html);
                signed_in += 1;
                alice = Visitor::new(&stage);
                page = alice.begin("app", Asks::default()).await;
                seen.note(&page);
            }
        }
        asked += seen.asked;
    }
    assert!(asked > 0, "the attack gets as far as it may");
    assert_eq!(alice_and_bob(&stage).await, (signed_in, 0));
}

async fn alice_and_bob(stage: &claviger_testkit::Stage) -> (usize, usize) {
    let anybody = Visitor::new(stage);
    let alice = anybody.sessions_of("alice").await.len();
    (alice, anybody.sessions_of("bob").await.len())
}
