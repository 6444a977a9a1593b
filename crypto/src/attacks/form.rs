//! Tokens that say more, less or something else than they seem to.

use serde_json::json;

use super::{CLAIMS, Victim, token, verdict};
use crate::encoding::base64url;
use crate::jws::JwsError::{Extension, Form, Header, Payload, Signature, TooLong};
use crate::jws::sign;

/// One token has one text, and its parts are what everybody else takes them for.
#[test]
fn a_token_has_one_form() {
    let victim = Victim::new();
    let good = sign(&victim.signing, Some("JWT"), CLAIMS.as_bytes()).unwrap();
    assert_eq!(verdict(&good, &victim.verifying), Ok(()));
    let parts: Vec<&str> = good.split('.').collect();
    let [head, body, signature] = parts[..] else {
        panic!("three parts")
    };
    let headed = |header: &str| format!("{}.{body}.{signature}", base64url(header.as_bytes()));
    let resigned = |header: &str, claims: &str| {
        token(header, claims, |input| victim.signing.sign(input).unwrap())
    };
    let rs = r#"{"alg":"RS256"}"#;
    let json_form =
        json!({"payload": body, "signatures": [{"protected": head, "signature": signature}]});
    let flattened = json!({"payload": body, "protected": head, "signature": signature});
    for (attack, token, answer) in [
        ("JSON serialization", json_form.to_string(), Form),
        ("flattened JSON serialization", flattened.to_string(), Form),
        (
            "five parts, as if encrypted",
            format!("{head}..{body}.{signature}.{head}"),
            Form,
        ),
        ("a signature more", format!("{good}.{signature}"), Form),
        ("two tokens", format!("{good},{good}"), Form),
        ("two tokens in lines", format!("{good}\n{good}"), Form),
        ("dots that are encoded", good.replace('.', "%2E"), Form),
        (
            "dots of another alphabet",
            good.replace('.', "\u{ff0e}"),
            Form,
        ),
        ("in quotes", format!("\"{good}\""), Form),
        ("with its scheme", format!("Bearer {good}"), Form),
        ("padding", format!("{head}=.{body}.{signature}=="), Form),
        (
            "the other alphabet",
            format!("{head}.{body}.+/{}", &signature[2..]),
            Form,
        ),
        (
            "a line break within",
            format!("{head}.\r\n{body}.{signature}"),
            Form,
        ),
        ("a zero byte", format!("{good}\0"), Form),
        ("stray bits in the last letter", stray_bits(&good), Form),
        ("no claims", format!("{head}..{signature}"), Signature),
        ("no signature", format!("{head}.{body}."), Signature),
        (
            "another token's signature",
            format!("{head}.{}.{signature}", base64url(b"{}")),
            Signature,
        ),
        ("another header", headed(rs), Signature),
        (
            "too long",
            format!("{head}.{}.{signature}", "A".repeat(70_000)),
            TooLong,
        ),
        (
            "alg twice",
            headed(r#"{"alg":"RS256","alg":"RS256"}"#),
            Header,
        ),
        (
            "alg twice, once escaped",
            headed(r#"{"alg":"RS256","\u0061lg":"none"}"#),
            Header,
        ),
        ("a comment", headed(r#"{"alg":"RS256"/**/}"#), Header),
        ("a comma at the end", headed(r#"{"alg":"RS256",}"#), Header),
        ("single quotes", headed("{'alg':'RS256'}"), Header),
        (
            "a byte order mark",
            headed("\u{feff}{\"alg\":\"RS256\"}"),
            Header,
        ),
        (
            "a lone surrogate",
            headed(r#"{"alg":"RS256","kid":"\ud800"}"#),
            Header,
        ),
        ("NaN", headed(r#"{"alg":"RS256","x":NaN}"#), Header),
        (
            "a number beyond all",
            headed(r#"{"alg":"RS256","x":1e400}"#),
            Header,
        ),
        (
            "a header that is deep",
            headed(&format!(r#"{{"alg":"RS256","x":{}}}"#, deep())),
            Header,
        ),
        ("a header in a list", headed(r#"[{"alg":"RS256"}]"#), Header),
        (
            "crit",
            resigned(r#"{"alg":"RS256","crit":["exp"],"exp":1}"#, CLAIMS),
            Extension,
        ),
        (
            "crit that is empty",
            resigned(r#"{"alg":"RS256","crit":[]}"#, CLAIMS),
            Extension,
        ),
        (
            "crit that is null",
            resigned(r#"{"alg":"RS256","crit":null}"#, CLAIMS),
            Extension,
        ),
        (
            "claims that are not encoded",
            resigned(r#"{"alg":"RS256","b64":false,"crit":["b64"]}"#, CLAIMS),
            Extension,
        ),
        (
            "b64 without crit",
            resigned(r#"{"alg":"RS256","b64":false}"#, CLAIMS),
            Extension,
        ),
        (
            "compressed",
            resigned(r#"{"alg":"RS256","zip":"DEF"}"#, CLAIMS),
            Extension,
        ),
        (
            "a claim twice",
            resigned(rs, r#"{"sub":"alice","sub":"bob"}"#),
            Payload,
        ),
        (
            "a claim twice, once escaped",
            resigned(rs, r#"{"sub":"alice","s\u0075b":"bob"}"#),
            Payload,
        ),
        (
            "exp beyond all numbers",
            resigned(rs, r#"{"exp":1e400}"#),
            Payload,
        ),
        (
            "exp that is no number",
            resigned(rs, r#"{"exp":NaN}"#),
            Payload,
        ),
        (
            "exp without end",
            resigned(rs, r#"{"exp":Infinity}"#),
            Payload,
        ),
        (
            "claims that are deep",
            resigned(rs, &format!("{{\"a\":{}}}", deep())),
            Payload,
        ),
        (
            "claims in a list",
            resigned(rs, r#"[{"sub":"alice"}]"#),
            Payload,
        ),
        ("claims that are a token", resigned(rs, &good), Payload),
        (
            "more after the claims",
            resigned(rs, r#"{"sub":"alice"}{"sub":"bob"}"#),
            Payload,
        ),
    ] {
        assert_eq!(verdict(&token, &victim.verifying), Err(answer), "{attack}");
    }
}

fn deep() -> String {
    format!("{}{}", "[".repeat(10_000), "]".repeat(10_000))
}

/// The same bytes by another last letter, where the length leaves bits unused.
fn stray_bits(token: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = token.split_at(token.len() - 1);
    let at = LETTERS
        .iter()
        .position(|letter| last.as_bytes() == [*letter])
        .unwrap();
    format!("{rest}{}", char::from(LETTERS[at ^ 1]))
}
