//! Every page there is, with everything on it that it can have.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use claviger_engine::client::Client;
use claviger_engine::logout::scope::Reach;
use claviger_engine::page::{
    Attempted, Choice, Fault, FrontChannelClient, Grant, Message, Page, ProfileField, ProfileGroup,
    ProviderLink, Registration, Severity, TotpSetup, View, Watch,
};
use claviger_engine::realm::Realm;
use claviger_model::Secret;
use claviger_testkit::Stage;
use serde_json::{Value, json};

/// The address of the server of these pages.
pub const BASE: &str = "https://id.example/auth";

/// A realm, with a client of its own.
pub struct World {
    pub realm: Arc<Realm>,
    pub client: Arc<Client>,
}

impl World {
    /// The realm `shop`, with these settings beside its own.
    pub async fn with(settings: Value) -> Self {
        let stage = Stage::open(Router::new()).await;
        let mut file = json!({
            "realm": "shop",
            "enabled": true,
            "displayName": "Shop",
            "internationalizationEnabled": true,
            "supportedLocales": ["en", "de", "ar", "fa", "pt-BR"],
            "defaultLocale": "en",
            "clients": [{"clientId": "app", "name": "Shop App"}],
        });
        let (Value::Object(file_fields), Value::Object(more)) = (&mut file, settings) else {
            panic!("settings are an object")
        };
        file_fields.extend(more);
        stage.import(file).await;
        let realm = stage.app.realm("shop").await.unwrap().unwrap();
        let client = realm.client("app").await.unwrap().unwrap();
        Self { realm, client }
    }

    /// A page in English, as it is before anybody typed anything.
    pub fn view(&self, page: Page) -> View {
        let mut view = View::new(&self.realm, BASE, "en", page);
        view.client = Some(Arc::clone(&self.client));
        view.action =
            format!("{BASE}/realms/shop/login-actions/authenticate?session_code=a&tab_id=b");
        view
    }
}

/// One of each, with the same text wherever somebody else may put one.
#[expect(clippy::too_many_lines, reason = "one entry a page")]
pub fn every_page(text: &str) -> Vec<Page> {
    let text = text.to_owned();
    let some = Some(text.clone());
    vec![
        Page::Login {
            password: true,
            asks_username: true,
            username: text.clone(),
            remember_me: Some(true),
            registration: some.clone(),
            reset: some.clone(),
            providers: vec![ProviderLink {
                alias: text.clone(),
                name: text.clone(),
                provider: text.clone(),
                address: text.clone(),
            }],
        },
        Page::Login {
            password: false,
            asks_username: true,
            username: text.clone(),
            remember_me: None,
            registration: None,
            reset: None,
            providers: Vec::new(),
        },
        Page::Password {
            reset: some.clone(),
        },
        Page::Otp {
            generators: vec![(text.clone(), text.clone())],
            selected: text.clone(),
        },
        Page::SelectAuthenticator {
            choices: ["otp", "password"].map(|kind| choice(kind, &text)).to_vec(),
        },
        Page::Expired {
            restart: text.clone(),
            resume: text.clone(),
        },
        Page::Error {
            fault: Fault::BadRequest,
            back: some.clone(),
        },
        Page::Info {
            header: Some(Message::new(text.clone())),
            required_actions: vec!["UPDATE_PASSWORD".to_owned(), text.clone()],
            back: some.clone(),
            proceed: None,
        },
        Page::Consent {
            grants: vec![
                Grant {
                    text: "${profileScopeConsentText}".to_owned(),
                    parameter: None,
                },
                Grant {
                    text: text.clone(),
                    parameter: some.clone(),
                },
            ],
            code: text.clone(),
            logo: some.clone(),
            policy: some.clone(),
            terms: some.clone(),
        },
        Page::Code {
            code: some.clone(),
            error: None,
        },
        Page::Code {
            code: None,
            error: some.clone(),
        },
        Page::DeviceCode {
            user_code: text.clone(),
        },
        Page::LogoutConfirm {
            code: text.clone(),
            back: some.clone(),
            reach: Some(Reach {
                sessions: 7,
                applications: 3,
            }),
        },
        Page::FrontChannelLogout {
            clients: vec![FrontChannelClient {
                name: text.clone(),
                address: format!("https://app.example/logout?x={text}"),
            }],
            proceed: some.clone(),
            end: format!("/realms/shop/{text}"),
        },
        Page::Terms,
        Page::UpdatePassword {
            username: text.clone(),
            logout_sessions: true,
        },
        Page::Register(Box::new(Registration {
            fields: registered(&text),
            password: true,
            terms: true,
            login: text.clone(),
        })),
        Page::ResetPassword {
            username: text.clone(),
            login: text.clone(),
        },
        Page::UpdateProfile {
            fields: profile(&text),
        },
        Page::DeleteAccount {
            triggered_from_aia: true,
        },
        Page::DeleteCredential {
            label: text.clone(),
        },
        generator(&text, None),
        generator(&text, Some("manual")),
    ]
}

fn generator(text: &str, mode: Option<&str>) -> Page {
    Page::ConfigureTotp(Box::new(TotpSetup {
        secret: Secret::new(text.to_owned()),
        encoded: Secret::new(text.to_owned()),
        address: Secret::new(format!("otpauth://totp/{text}")),
        mode: mode.map(str::to_owned),
        kind: "totp".to_owned(),
        algorithm: "SHA1".to_owned(),
        digits: 6,
        period: Some(30),
        counter: None,
        applications: vec!["totpAppFreeOTPName".to_owned()],
        needs_label: false,
    }))
}

fn choice(kind: &str, text: &str) -> Choice {
    Choice {
        execution: text.to_owned(),
        name: Message::new(format!("{kind}-display-name")),
        help: Message::new(format!("{kind}-help-text")),
        icon: text.to_owned(),
    }
}

/// Fields of every kind, one after the other.
pub fn profile(text: &str) -> Vec<ProfileField> {
    let kinds = [
        "",
        "html5-email",
        "textarea",
        "select",
        "multiselect",
        "select-radiobuttons",
        "multiselect-checkboxes",
    ];
    let mut fields: Vec<ProfileField> = kinds
        .iter()
        .enumerate()
        .map(|(index, kind)| ProfileField {
            name: format!("field{index}"),
            display_name: text.to_owned(),
            values: vec![text.to_owned(), "two".to_owned()],
            required: index == 0,
            read_only: false,
            multivalued: kind.is_empty() || kind.contains("multi"),
            group: (index > 3).then(|| ProfileGroup {
                name: "more".to_owned(),
                header: text.to_owned(),
                description: text.to_owned(),
            }),
            annotations: BTreeMap::from([
                ("inputType".to_owned(), json!(kind)),
                ("inputHelperTextBefore".to_owned(), json!(text)),
                ("inputTypePlaceholder".to_owned(), json!(text)),
                ("inputTypeMaxlength".to_owned(), json!(9)),
            ]),
            options: vec![text.to_owned(), "two".to_owned()],
            autocomplete: None,
        })
        .collect();
    fields.push(ProfileField {
        name: "locale".to_owned(),
        group: None,
        annotations: BTreeMap::new(),
        ..fields[0].clone()
    });
    fields
}

/// The fields of a registration: the name first, of which the password is chosen below.
fn registered(text: &str) -> Vec<ProfileField> {
    let mut fields = profile(text);
    let mut name = fields[0].clone();
    name.name = "username".to_owned();
    name.group = None;
    fields.insert(0, name);
    fields
}

/// The same page with everything around it that a page can have.
pub fn surrounded(mut view: View, text: &str) -> View {
    view = view.saying(Severity::Error, Message::with(text, &[text]));
    for field in [
        "username",
        "password",
        "password-confirm",
        "field0",
        "field5",
        "device_user_code",
    ] {
        view = view.saying_at(field, Message::with(text, &[text]));
    }
    view.attempted = Some(Attempted {
        username: text.to_owned(),
        restart: text.to_owned(),
    });
    view.watch = Some(Watch {
        session_hash: text.to_owned(),
        restart: text.to_owned(),
    });
    view.try_another_way = true;
    view.cancellable = true;
    view.languages = ["en", "de"]
        .map(|tag| (tag.to_owned(), text.to_owned()))
        .to_vec();
    view
}
