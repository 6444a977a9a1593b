//! `bootstrap-admin user` and `bootstrap-admin service`: a way back in, for whoever may write to
//! the database.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use anyhow::Context as _;
use claviger_model::Secret;

use super::Text;
use crate::settings::{Settings, UsageError};

/// The name that nobody has to choose.
const DEFAULT_NAME: &str = "temp-admin";
/// The longest line that is read from a terminal or pipe, in bytes.
const LONGEST_LINE: u64 = 4096;

/// What was said about the administrator on the command line.
#[derive(Debug)]
pub struct Asked {
    /// User name or client id.
    pub name: Option<Text>,
    /// Password or client secret.
    pub secret: Option<Text>,
    /// Whether what is missing may be asked for.
    pub prompt: bool,
}

/// How things are called in questions and complaints.
struct Words {
    name: &'static str,
    secret: &'static str,
}

/// Creates an administrator who signs in with a password.
pub fn user(
    settings: &Settings,
    asked: &Asked,
    environment: &[(String, String)],
) -> anyhow::Result<()> {
    let words = Words {
        name: "username",
        secret: "password",
    };
    let (name, secret) = complete(asked, &words, environment)?;
    super::with_app(settings, async |app| {
        crate::app::create_admin_user(&app, &name, &secret).await
    })?;
    println!("Created temporary admin user with username {name}");
    Ok(())
}

/// Creates an administrator who is a service account.
pub fn service(
    settings: &Settings,
    asked: &Asked,
    environment: &[(String, String)],
) -> anyhow::Result<()> {
    let words = Words {
        name: "client id",
        secret: "client secret",
    };
    let (name, secret) = complete(asked, &words, environment)?;
    super::with_app(settings, async |app| {
        crate::app::create_admin_service(&app, &name, &secret).await
    })?;
    println!("Created temporary admin service account with client id {name}");
    Ok(())
}

/// What was given, and what is asked for now.
fn complete(
    asked: &Asked,
    words: &Words,
    environment: &[(String, String)],
) -> anyhow::Result<(String, Secret)> {
    let name = match &asked.name {
        Some(text) => text.read(environment)?,
        None if asked.prompt => ask_name(words.name)?,
        None => DEFAULT_NAME.to_owned(),
    };
    let secret = match &asked.secret {
        Some(text) => Secret::new(text.read(environment)?),
        None if asked.prompt => ask_secret(words.secret)?,
        None => return Err(UsageError(format!("No {} provided", words.secret)).into()),
    };
    if name.trim().is_empty() {
        return Err(UsageError(format!("The {} must not be blank", words.name)).into());
    }
    if secret.reveal().trim().is_empty() {
        return Err(UsageError(format!("The {} must not be blank", words.secret)).into());
    }
    Ok((name, secret))
}

fn ask_name(what: &str) -> anyhow::Result<String> {
    print!("Enter {what} [{DEFAULT_NAME}]:");
    std::io::stdout().flush().context("cannot ask")?;
    let mut line = String::new();
    let mut input = std::io::Read::take(std::io::stdin().lock(), LONGEST_LINE);
    input
        .read_line(&mut line)
        .context("cannot read the answer")?;
    let line = line.trim();
    Ok(if line.is_empty() {
        DEFAULT_NAME.to_owned()
    } else {
        line.to_owned()
    })
}

/// Asks twice, without showing what is typed.
fn ask_secret(what: &str) -> anyhow::Result<Secret> {
    if !std::io::stdin().is_terminal() {
        return Err(UsageError(format!(
            "No {what} provided: there is no terminal to ask at; name a variable that holds it"
        ))
        .into());
    }
    let ask = |prompt: String| {
        rpassword::prompt_password(prompt)
            .map(Secret::new)
            .context("cannot read the answer")
    };
    let first = ask(format!("Enter {what}:"))?;
    let again = ask(format!("Enter {what} again:"))?;
    if first != again {
        return Err(UsageError("The two do not match".to_owned()).into());
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: Words = Words {
        name: "username",
        secret: "password",
    };

    fn asked(name: Option<&str>, variable: Option<&str>) -> Asked {
        Asked {
            name: name.map(|name| Text::Given(name.to_owned())),
            secret: variable.map(|name| Text::Variable(name.to_owned())),
            prompt: false,
        }
    }

    #[test]
    fn names_and_secrets_come_from_where_they_were_said_to_be() {
        let environment = [
            ("PW".to_owned(), "x".to_owned()),
            ("BLANK".to_owned(), " ".to_owned()),
        ];
        let complete = |asked: &Asked| complete(asked, &WORDS, &environment);
        let (name, secret) = complete(&asked(Some("ann"), Some("PW"))).unwrap();
        assert_eq!((name.as_str(), secret.reveal()), ("ann", "x"));
        assert_eq!(complete(&asked(None, Some("PW"))).unwrap().0, DEFAULT_NAME);
        let cases = [
            (asked(None, None), "No password provided"),
            (
                asked(None, Some("NONE")),
                "Environment variable NONE not found",
            ),
            (asked(None, Some("BLANK")), "The password must not be blank"),
            (
                asked(Some(""), Some("PW")),
                "The username must not be blank",
            ),
        ];
        for (asked, text) in cases {
            let error = complete(&asked).unwrap_err();
            assert_eq!(error.to_string(), text);
            assert!(error.downcast_ref::<UsageError>().is_some());
        }
    }
}
