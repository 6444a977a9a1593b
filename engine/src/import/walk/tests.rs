//! What is no realm file, and where it stops being one.

use super::*;

/// Everything found in a text, in short, or the refusal.
fn found(text: &[u8], wanted: Wanted) -> Result<Vec<String>, ImportError> {
    let mut all = Vec::new();
    let mut tell = |found| {
        all.push(match found {
            Found::Realm {
                position,
                body,
                people,
            } => format!("{position:?} {} {people}", Value::Object(body)),
            Found::User {
                realm,
                list,
                index,
                body,
            } => format!("{realm:?} {list:?} {index} {body}"),
        });
        Ok(())
    };
    walk("x.json", text, wanted, &mut tell)?;
    Ok(all)
}

#[test]
fn users_come_one_by_one_and_the_rest_as_a_whole() {
    let one = br#"{"realm":"a","users":[{"username":"u"},{"username":"v"}],"roles":{"users":1},
        "federatedUsers":[{"id":"f"}],"enabled":true}"#;
    assert_eq!(
        found(one, Wanted::Realms).unwrap(),
        [r#"None {"realm":"a","roles":{"users":1},"enabled":true} 3"#]
    );
    assert_eq!(
        found(one, Wanted::Users).unwrap(),
        [
            r#"None Users 0 {"username":"u"}"#,
            r#"None Users 1 {"username":"v"}"#,
            r#"None FederatedUsers 0 {"id":"f"}"#,
        ]
    );
    let list = br#" [{"realm":"a","users":null},{"users":[{}],"realm":"b"}] "#;
    assert_eq!(
        found(list, Wanted::Realms).unwrap(),
        [r#"Some(0) {"realm":"a"} 0"#, r#"Some(1) {"realm":"b"} 1"#]
    );
    assert_eq!(found(list, Wanted::Users).unwrap(), ["Some(1) Users 0 {}"]);
    let marked = b"\xEF\xBB\xBF{\"realm\":\"a\"}";
    assert_eq!(found(marked, Wanted::Realms).unwrap().len(), 1);
}

#[test]
fn what_is_broken_is_told_with_its_place() {
    let deep = format!(r#"{{"x":{}1{}}}"#, "[".repeat(200), "]".repeat(200));
    for (text, path, message) in [
        (&b""[..], "x.json", "line 1 column 0"),
        (b"{", "x.json", "line 1 column 1"),
        (
            b"5",
            "x.json",
            "expected a realm or a list of realms at line 1",
        ),
        (b"[{},5]", "x.json", "expected a realm at line 1"),
        (b"{\"realm\":\"a\"} x", "x.json", "trailing characters"),
        (b"{\"users\":5}", "x.json", "expected a list of users"),
        (
            b"{\"users\":[{},\n{\"username\":\"al",
            "x.json: users[1]",
            "EOF while parsing a string at line 2 column 15",
        ),
        (
            b"[{},{\"federatedUsers\":[{},{},nope]}]",
            "x.json: [1].federatedUsers[2]",
            "expected ident at line 1",
        ),
        (b"{\"a\":1,\"a\":2}", "x.json", "`a` twice"),
        (b"{\"a\":\"\xFF\"}", "x.json", "invalid unicode"),
        (b"\xFF\xFE{\0}\0", "x.json", "UTF-16"),
        (
            deep.as_bytes(),
            "x.json",
            "recursion limit exceeded at line 1",
        ),
    ] {
        for wanted in [Wanted::Realms, Wanted::Users] {
            let name = String::from_utf8_lossy(text).into_owned();
            match found(text, wanted) {
                Err(error) => {
                    assert_eq!(error.path, path, "{name}");
                    assert!(error.message.contains(message), "{name}: {}", error.message);
                }
                // What is passed over need not be looked at.
                Ok(_) => assert!(wanted == Wanted::Users && !name.contains("users"), "{name}"),
            }
        }
    }
}

/// A reader without an end.
struct Endless(&'static [u8]);

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let head = self.0.read(buffer)?;
        if head > 0 {
            return Ok(head);
        }
        buffer.fill(b'x');
        Ok(buffer.len())
    }
}

#[test]
fn a_user_without_an_end_is_refused() {
    let refused = |head| {
        let mut tell = |_| Ok(());
        walk("x.json", Endless(head), Wanted::Realms, &mut tell).unwrap_err()
    };
    let error = refused(br#"{"users":[{},{"username":""#);
    assert_eq!(error.path, "x.json: users[1]");
    assert!(error.message.contains("16 MiB"), "{}", error.message);
}

#[test]
fn the_limit_is_one_users_and_not_the_lists() {
    let user = format!(r#"{{"a":"{}"}},"#, "x".repeat(1 << 20));
    let text = format!(r#"{{"users":[{}{{}}]}}"#, user.repeat(20));
    assert_eq!(found(text.as_bytes(), Wanted::Users).unwrap().len(), 21);
}

#[test]
fn whoever_is_told_may_stop_the_walk() {
    let mut told = 0;
    let mut tell = |_| {
        told += 1;
        Err(At::Root.key("users").invalid("enough"))
    };
    let text = &br#"{"users":[{},{}]}"#[..];
    let error = walk("x.json", text, Wanted::Users, &mut tell).unwrap_err();
    assert_eq!((error.message.as_str(), told), ("enough", 1));
}
