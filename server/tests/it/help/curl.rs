//! Examples of pages, played: as much of a shell and of curl as they use.

use crate::http;

/// A command line in words, with variables filled in.
pub type Command = Vec<String>;

/// Reads a script as a shell does: quotes, `$NAME`, lines that go on after a backslash.
pub fn commands(script: &str, value: &mut dyn FnMut(&str) -> String) -> Vec<Command> {
    let script = script.replace("\\\n", " ");
    let mut letters = script.chars().peekable();
    let (mut commands, mut words) = (Vec::new(), Vec::new());
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), close) if open == close => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None | Some('"'), '$') => {
                let mut name = String::new();
                while let Some(part) = letters.next_if(|c| c.is_ascii_uppercase() || *c == '_') {
                    name.push(part);
                }
                word.get_or_insert_default().push_str(&value(&name));
            }
            (None, ' ' | '\n') => {
                words.extend(word.take());
                if letter == '\n' && !words.is_empty() {
                    commands.push(std::mem::take(&mut words));
                }
            }
            _ => word.get_or_insert_default().push(letter),
        }
    }
    assert_eq!(quote, None, "a quotation does not end: {script}");
    words.extend(word);
    if !words.is_empty() {
        commands.push(words);
    }
    commands
}

/// Sends what a curl command would send to the server that the pages call `localhost:8080`.
pub fn play(command: &[String], address: &str) -> http::Answer {
    let mut words = command.iter().map(String::as_str);
    assert_eq!(words.next(), Some("curl"), "{command:?}");
    let (mut method, mut url, mut host) = (None, None, address.to_owned());
    let (mut data, mut more) = (Vec::new(), String::new());
    while let Some(word) = words.next() {
        let mut following = || words.next().unwrap_or_else(|| panic!("{command:?}"));
        match word {
            "-X" => method = Some(following().to_owned()),
            "-H" => match following().split_once(": ").unwrap() {
                ("Host", other) => other.clone_into(&mut host),
                (name, value) => more.extend([name, ": ", value, "\r\n"]),
            },
            "-u" => {
                let pair = claviger_crypto::encoding::base64(following().as_bytes());
                more.extend(["Authorization: Basic ", &pair, "\r\n"]);
            }
            "-d" => data.push(following().to_owned()),
            "--data-urlencode" => {
                let (name, value) = following().split_once('=').unwrap();
                let value: String =
                    url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
                data.push(format!("{name}={value}"));
            }
            other => {
                assert!(
                    !other.starts_with('-') && url.is_none(),
                    "{other}: {command:?}"
                );
                url = Some(other.to_owned());
            }
        }
    }
    let url = url.unwrap_or_else(|| panic!("no address: {command:?}"));
    let here = format!("http://{address}");
    let target = url
        .strip_prefix("http://localhost:8080")
        .or(url.strip_prefix(&here))
        .unwrap_or_else(|| panic!("{url}"));
    if !data.is_empty() && !more.contains("Content-Type: ") {
        more.push_str("Content-Type: application/x-www-form-urlencoded\r\n");
    }
    let usual = if data.is_empty() { "GET" } else { "POST" };
    let method = method.as_deref().unwrap_or(usual);
    let text = http::written(&host, method, target, &more, &data.join("&"));
    http::read(&http::raw(address, &text).unwrap())
}

#[test]
fn scripts_are_read_as_a_shell_reads_them() {
    let script = "curl -H \"A: $NAME b\" \\\n  -d '{\"x\": \"'$NAME'\",\n \"y\"}'\n\ncurl z\n";
    let read = commands(script, &mut |name| format!("<{name}>"));
    assert_eq!(
        read,
        [
            vec![
                "curl",
                "-H",
                "A: <NAME> b",
                "-d",
                "{\"x\": \"<NAME>\",\n \"y\"}"
            ],
            vec!["curl", "z"],
        ]
    );
}
