//! What templates see of a page. The names are those that Keycloak's templates know, where there is
//! such a thing.

use claviger_engine::client::Client;
use claviger_engine::logout::scope::Reach;
use claviger_engine::page::{
    Choice, FrontChannelClient, Grant, Message, Page, ProviderLink, Registration, Severity, View,
};
use minijinja::value::Rest;
use minijinja::{Value, context};

use crate::look::Look;
use crate::said::Said;
use crate::texts::Texts;
use crate::{locale, profile, sanitize, totp};

/// What a page may load, stricter than a realm's header (Content Security Policy Level 3 §3.3). It
/// says nothing of where forms go: what follows a form may lead to any client.
const POLICY: &str =
    "default-src 'none'; base-uri 'none'; script-src 'self'; style-src 'self'; font-src 'self'";

/// The name of a page's template, without `.html`.
pub const fn name(page: &Page) -> &'static str {
    match page {
        Page::Login { password: true, .. } => "login",
        Page::Login { .. } => "login-username",
        Page::Password { .. } => "login-password",
        Page::Register(_) => "register",
        Page::ResetPassword { .. } => "login-reset-password",
        Page::Otp { .. } => "login-otp",
        Page::SelectAuthenticator { .. } => "select-authenticator",
        Page::Expired { .. } => "login-page-expired",
        Page::Error { .. } => "error",
        Page::Info { .. } => "info",
        Page::Consent { .. } => "login-oauth-grant",
        Page::Code { .. } => "code",
        Page::DeviceCode { .. } => "login-oauth2-device-verify-user-code",
        Page::LogoutConfirm { .. } => "logout-confirm",
        Page::FrontChannelLogout { .. } => "frontchannel-logout",
        Page::Terms => "terms",
        Page::UpdatePassword { .. } => "login-update-password",
        Page::UpdateProfile { .. } => "login-update-profile",
        Page::ConfigureTotp(_) => "login-config-totp",
        Page::DeleteCredential { .. } => "delete-credential",
        Page::DeleteAccount { .. } => "delete-account-confirm",
    }
}

/// All that a page's template sees.
pub fn context(view: &View, texts: &Texts, look: &Look) -> Value {
    let errors = view.field_messages.iter();
    let errors = Value::from_pairs(
        errors.map(|(field, messages)| (field.as_str(), texts.messages(messages))),
    );
    let attempted = view.attempted.as_ref();
    let common = context! {
        ..functions(texts),
        ..around(view, texts),
        ..look.shown(view),
        ..context! {
            pageId => name(&view.page),
            policy => policy(view),
            title => title(view, texts),
            message => message(view, texts),
            messagesPerField => errors,
            isAppInitiatedAction => view.cancellable,
            usernameLabel => texts.text(username_label(view), &[]),
            watch => view.watch.as_ref().map(|watch| context! {
                sessionHash => &watch.session_hash,
                restart => address(&watch.restart),
            }),
            auth => context! {
                showUsername => attempted.is_some(),
                attemptedUsername => attempted.map(|one| &one.username),
                showTryAnotherWayLink => view.try_another_way,
                authenticationSelections => choices(view, texts),
            },
            url => context! { resourcesPath => &look.resources, ..urls(view) },
        },
    };
    context! { ..page(view, texts), ..common }
}

/// What templates call: `msg`, `advancedMsg` and `kcSanitize`.
fn functions(texts: &Texts) -> Value {
    let for_text = texts.clone();
    let for_advanced = texts.clone();
    let words =
        |args: Rest<Value>| -> Vec<String> { args.iter().map(ToString::to_string).collect() };
    context! {
        msg => Value::from_function(move |key: String, args: Rest<Value>| {
            for_text.text(&key, &words(args))
        }),
        advancedMsg => Value::from_function(move |text: String, args: Rest<Value>| {
            for_advanced.advanced(&text, &words(args))
        }),
        kcSanitize => Value::from_function(|html: Value| {
            Value::from_safe_string(match html.downcast_object_ref::<Said>() {
                Some(said) => said.html.clone(),
                None => sanitize::sanitize(&html.to_string()),
            })
        }),
    }
}

/// Realm, client and language.
fn around(view: &View, texts: &Texts) -> Value {
    let settings = &view.realm.settings;
    let shown = settings.display_name.as_deref().unwrap_or(&view.realm.name);
    let label = |tag: &str| {
        let text = texts.pattern(&format!("locale_{tag}"));
        text.unwrap_or_else(|| locale::own_name(tag)).to_owned()
    };
    let mut languages: Vec<(String, &str, &str)> = view
        .languages
        .iter()
        .map(|(tag, address)| (label(tag), tag.as_str(), address.as_str()))
        .collect();
    languages.sort();
    let languages = languages.into_iter().map(|(label, tag, address)| {
        context! { languageTag => tag, label => label, url => self::address(address) }
    });
    context! {
        realm => context! {
            name => &view.realm.name,
            displayName => shown,
            displayNameHtml => settings.display_name_html.as_deref().unwrap_or(shown),
            internationalizationEnabled => settings.locales.enabled,
            loginWithEmailAllowed => settings.login.login_with_email_allowed,
            registrationEmailAsUsername => settings.login.registration_email_as_username,
        },
        client => view.client.as_ref().map(|client| context! {
            clientId => &client.client_id,
            name => &client.settings.name,
            description => &client.settings.description,
            attributes => public_attributes(client),
        }),
        clientName => client_name(view, texts),
        locale => context! {
            currentLanguageTag => &view.locale,
            rtl => locale::is_right_to_left(&view.locale),
            supported => languages.collect::<Vec<Value>>(),
        },
    }
}

/// A client's attributes, for themes; keys and secrets among them stay where they are.
fn public_attributes(client: &Client) -> Value {
    let is_secret = |name: &str| name.contains("secret") || name.contains("private");
    let attributes = client.settings.attributes.iter();
    let public = attributes.filter(|(name, _)| !is_secret(name));
    Value::from_pairs(public.map(|(name, value)| (name.as_str(), value.as_str())))
}

fn client_name(view: &View, texts: &Texts) -> String {
    let Some(client) = &view.client else {
        return String::new();
    };
    match client.settings.name.as_deref() {
        Some(name) if !name.is_empty() => texts.advanced(name, &[]),
        _ => client.client_id.clone(),
    }
}

fn username_label(view: &View) -> &'static str {
    let login = &view.realm.settings.login;
    if !login.login_with_email_allowed {
        "username"
    } else if login.registration_email_as_username {
        "email"
    } else {
        "usernameOrEmail"
    }
}

/// What a logout will end, in words.
fn reached(reach: Reach, texts: &Texts) -> String {
    if reach.sessions == 0 {
        return texts.text("logoutConfirmApplication", &[]);
    }
    let counts = [reach.sessions.to_string(), reach.applications.to_string()];
    texts.text("logoutConfirmReach", &counts)
}

fn title(view: &View, texts: &Texts) -> String {
    if let Page::LogoutConfirm { .. } = view.page {
        return texts.text("logoutConfirmTitle", &[]);
    }
    if let Page::FrontChannelLogout { .. } = view.page {
        return texts.text("frontchannel-logout.title", &[]);
    }
    let settings = &view.realm.settings;
    let shown = settings.display_name.as_ref().unwrap_or(&view.realm.name);
    texts.text("loginTitle", std::slice::from_ref(shown))
}

/// The message above a page. Who asked for an action need not be told that it has to be done.
fn message(view: &View, texts: &Texts) -> Option<Value> {
    let (severity, message) = view.message.as_ref()?;
    let kind = match severity {
        Severity::Success => "success",
        Severity::Info => "info",
        Severity::Warning if view.cancellable => return None,
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    Some(context! { type => kind, summary => Said::value(texts, message) })
}

fn policy(view: &View) -> String {
    let has_image = view.realm.settings.display_name_html.as_deref();
    let has_image = has_image.is_some_and(|html| html.contains("img"));
    let has_logo = matches!(&view.page, Page::Consent { logo: Some(_), .. });
    let images = if has_image || has_logo {
        " https: http:"
    } else {
        ""
    };
    let frames = crate::frame_sources(view).unwrap_or_else(|| "'none'".to_owned());
    format!("{POLICY}; img-src 'self' data:{images}; frame-src {frames}")
}

/// The origin of an address, as far as it can stand in a policy.
pub fn origin(address: &str) -> String {
    let host = address.split_once("://").and_then(|(scheme, rest)| {
        let host = rest.split(['/', '?', '#', '\\']).next()?;
        let host = host.rsplit('@').next()?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:[]_".contains(&byte);
        let is_web = matches!(scheme, "http" | "https");
        (is_web && !host.is_empty() && host.bytes().all(is_plain))
            .then(|| format!("{scheme}://{host}"))
    });
    host.unwrap_or_else(|| "'self'".to_owned())
}

fn urls(view: &View) -> Value {
    let mut action = &view.action;
    let mut restart = view.attempted.as_ref().map(|attempted| &attempted.restart);
    let mut reset = None;
    let mut registration = None;
    let mut login = None;
    if let Page::Login {
        reset: of_password,
        registration: of_account,
        ..
    } = &view.page
    {
        reset = of_password.as_ref();
        registration = of_account.as_ref();
    } else if let Page::Password { reset: of_password } = &view.page {
        reset = of_password.as_ref();
    } else if let Page::ResetPassword { login: back, .. } = &view.page {
        login = Some(back);
    } else if let Page::Register(shown) = &view.page {
        login = Some(&shown.login);
    } else if let Page::Expired {
        restart: anew,
        resume,
    } = &view.page
    {
        restart = Some(anew);
        action = resume;
    }
    context! {
        loginAction => address(action),
        loginRestartFlowUrl => perhaps(restart),
        loginResetCredentialsUrl => perhaps(reset),
        registrationUrl => perhaps(registration),
        registrationAction => address(action),
        loginUrl => perhaps(login),
    }
}

fn choices(view: &View, texts: &Texts) -> Option<Vec<Value>> {
    let Page::SelectAuthenticator { choices } = &view.page else {
        return None;
    };
    let shown = choices.iter().map(|choice| {
        let Choice {
            execution,
            name,
            help,
            icon,
        } = choice;
        context! {
            authExecId => execution,
            displayName => texts.message(name),
            helpText => texts.message(help),
            iconCssClass => icon,
        }
    });
    Some(shown.collect())
}

/// An address as a page may have it: one that runs nothing. Whoever registers a client, or writes the
/// configuration of one, chooses some of them.
pub fn address(text: &str) -> Option<&str> {
    // Browsers drop blanks before an address, and ends of lines within it.
    let plain: String = text
        .chars()
        .filter(|letter| !letter.is_ascii_control())
        .skip_while(|letter| letter.is_whitespace())
        .take(32)
        .collect();
    let scheme = plain.split_once(':').map_or("", |(scheme, _)| scheme);
    let runs = ["javascript", "vbscript", "data", "blob", "filesystem"];
    let is_harmless = !runs.iter().any(|name| scheme.eq_ignore_ascii_case(name));
    is_harmless.then_some(text)
}

fn perhaps(text: Option<&String>) -> Option<&str> {
    address(text?)
}

/// The generators that a one-time code may come from.
fn otp(generators: &[(String, String)], selected: &str) -> Value {
    let shown = generators
        .iter()
        .map(|(id, label)| context! { id => id, userLabel => label });
    context! {
        otpLogin => context! {
            userOtpCredentials => shown.collect::<Vec<Value>>(),
            selectedCredentialId => selected,
        },
    }
}

/// What the page alone shows.
fn page(view: &View, texts: &Texts) -> Value {
    match &view.page {
        Page::Login {
            password,
            asks_username,
            username,
            remember_me,
            registration: _,
            reset: _,
            providers,
        } => context! {
            asksPassword => password,
            usernameHidden => !asks_username,
            login => context! {
                username => username,
                offersRememberMe => remember_me.is_some() && *asks_username,
                rememberMe => remember_me.unwrap_or(false),
            },
            social => social(providers),
        },
        Page::Register(shown) => registration(view, shown, texts),
        Page::ResetPassword { username, login: _ } => context! {
            username => username,
            duplicateEmailsAllowed => view.realm.settings.login.duplicate_emails_allowed,
        },
        Page::Otp {
            generators,
            selected,
        } => otp(generators, selected),
        Page::Password { .. }
        | Page::SelectAuthenticator { .. }
        | Page::Expired { .. }
        | Page::Terms => context! {},
        Page::Error { fault: _, back } => context! { back => perhaps(back.as_ref()) },
        Page::Info {
            header,
            required_actions,
            back,
            proceed,
        } => context! {
            messageHeader => header.as_ref().map(|header| Said::value(texts, header)),
            requiredActions => actions(required_actions, texts),
            back => perhaps(back.as_ref()),
            proceed => perhaps(proceed.as_ref()),
        },
        Page::Consent { .. } => one("oauth", consent(&view.page, texts)),
        Page::Code { code, error } => one("code", context! { code => code, error => error }),
        Page::DeviceCode { user_code } => one("code", context! { user_code => user_code }),
        Page::LogoutConfirm { code, back, reach } => context! {
            code => code,
            back => perhaps(back.as_ref()),
            reach => reach.map(|reach| reached(reach, texts)),
        },
        Page::FrontChannelLogout {
            clients,
            proceed,
            end,
        } => front_channel(clients, perhaps(proceed.as_ref()), end, texts),
        Page::UpdatePassword {
            username,
            logout_sessions,
        } => context! { username => username, logoutSessions => logout_sessions },
        Page::UpdateProfile { fields } => context! {
            profile => profile::fields(fields, &view.realm, &view.locale, texts),
        },
        Page::ConfigureTotp(setup) => context! { totp => totp::shown(setup, &view.action) },
        Page::DeleteCredential { label } => context! { credentialLabel => label },
        Page::DeleteAccount {
            triggered_from_aia: asked,
        } => one("triggeredFromAia", (*asked).into()),
    }
}

fn registration(view: &View, shown: &Registration, texts: &Texts) -> Value {
    context! {
        profile => profile::fields(&shown.fields, &view.realm, &view.locale, texts),
        passwordRequired => shown.password,
        passwordBelow => password_below(shown),
        termsAcceptanceRequired => shown.terms,
    }
}

/// The field below which a password is chosen: the name, or the address where that is the name.
fn password_below(shown: &Registration) -> Option<&str> {
    let has = |name: &&str| shown.fields.iter().any(|field| field.name == *name);
    ["username", "email"].into_iter().find(has)
}

fn one(name: &str, value: Value) -> Value {
    Value::from_pairs([(name, value)])
}

fn consent(page: &Page, texts: &Texts) -> Value {
    let Page::Consent {
        grants,
        code,
        logo,
        policy,
        terms,
    } = page
    else {
        return Value::UNDEFINED;
    };
    context! {
        clientScopesRequested => wanted(grants, texts),
        code => code,
        logoUri => perhaps(logo.as_ref()),
        policyUri => perhaps(policy.as_ref()),
        tosUri => perhaps(terms.as_ref()),
    }
}

fn actions(names: &[String], texts: &Texts) -> Vec<Value> {
    let shown = names.iter().map(|name| {
        // Any name may be put among what somebody has to do.
        let message = Message::new(format!("requiredAction.{name}"));
        Said::value(texts, &message)
    });
    shown.collect()
}

fn social(providers: &[ProviderLink]) -> Vec<Value> {
    let shown = providers.iter().map(|link| {
        let ProviderLink {
            alias,
            name,
            provider,
            address,
        } = link;
        context! { alias => alias, displayName => name, providerId => provider, loginUrl => self::address(address) }
    });
    shown.collect()
}

fn wanted(grants: &[Grant], texts: &Texts) -> Vec<String> {
    let shown = grants.iter().map(|grant| match &grant.parameter {
        None => texts.advanced(&grant.text, &[]),
        Some(parameter) => texts.advanced(&grant.text, std::slice::from_ref(parameter)),
    });
    shown.collect()
}

/// Where it goes on by itself is not always where a person may go: without a way back there is no link.
fn front_channel(
    clients: &[FrontChannelClient],
    proceed: Option<&str>,
    end: &str,
    texts: &Texts,
) -> Value {
    context! {
        logout => context! { clients => frames(clients, texts) },
        proceed => proceed,
        onward => proceed.unwrap_or(address(end).unwrap_or_default()),
    }
}

fn frames(clients: &[FrontChannelClient], texts: &Texts) -> Vec<Value> {
    let shown = clients.iter().map(|client| {
        let FrontChannelClient { name, address } = client;
        context! { name => texts.advanced(name, &[]), frontChannelLogoutUrl => self::address(address) }
    });
    shown.collect()
}
