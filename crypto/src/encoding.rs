//! Base64 in its forms (RFC 4648): strict where a token is read, tolerant where an administrator
//! pasted a key.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const TOLERANT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const TOLERANT_STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, TOLERANT);

/// Text that is not base64 of the expected form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not valid base64")]
pub struct NotBase64;

/// Standard alphabet with padding (RFC 4648 §4).
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// URL-safe alphabet without padding (RFC 4648 §5, RFC 7515 §2).
pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The same, at the end of a text.
pub fn push_base64url(bytes: &[u8], text: &mut String) {
    URL_SAFE_NO_PAD.encode_string(bytes, text);
}

/// Exactly what [`base64url`] writes: no padding, no whitespace, no stray bits. One value has one
/// text, so that a token cannot be altered without being another one.
pub fn decode_base64url(text: &str) -> Result<Vec<u8>, NotBase64> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| NotBase64)
}

/// What people paste: either alphabet, padding or none, PEM lines, whitespace anywhere.
pub fn decode_tolerant(text: &str) -> Result<Vec<u8>, NotBase64> {
    let mut body = String::with_capacity(text.len());
    for line in text.lines() {
        let line = line.trim();
        // A line of dashes alone is base64 of the other alphabet.
        let is_armour = line.starts_with("-----BEGIN ") || line.starts_with("-----END ");
        if is_armour && line.ends_with("-----") && line.matches("-----").count() < 3 {
            continue;
        }
        push_body(&mut body, strip_inline_armour(line));
    }
    TOLERANT_STANDARD.decode(body).map_err(|_| NotBase64)
}

/// A PEM text whose line breaks were lost still has `-----BEGIN …-----` and `-----END …-----`.
fn strip_inline_armour(line: &str) -> &str {
    let Some((_, rest)) = line.split_once("-----BEGIN ") else {
        return line;
    };
    let Some((_, body)) = rest.split_once("-----") else {
        return line;
    };
    body.split_once("-----END").map_or(body, |(body, _)| body)
}

fn push_body(body: &mut String, line: &str) {
    for letter in line.chars().filter(|letter| !letter.is_whitespace()) {
        body.push(match letter {
            '-' => '+',
            '_' => '/',
            other => other,
        });
    }
}

/// Base32 (RFC 4648 §6), padding optional, case and spaces ignored: the form in which people copy
/// one-time password secrets.
pub fn decode_base32(text: &str) -> Result<Vec<u8>, NotBase64> {
    let mut bytes = Vec::with_capacity(text.len() * 5 / 8);
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for letter in text
        .trim_end_matches('=')
        .bytes()
        .filter(|letter| *letter != b' ')
    {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a',
            b'2'..=b'7' => letter - b'2' + 26,
            _ => return Err(NotBase64),
        };
        buffer = (buffer << 5) | u32::from(value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((buffer >> bits) & 0xff).unwrap_or_default());
        }
    }
    Ok(bytes)
}

/// Base32 without padding (RFC 4648 §6), as `otpauth:` addresses carry secrets.
pub fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::with_capacity(bytes.len() * 8 / 5 + 1);
    for chunk in bytes.chunks(5) {
        let mut group = [0_u8; 8];
        for (to, from) in group.iter_mut().skip(3).zip(chunk) {
            *to = *from;
        }
        let group = u64::from_be_bytes(group);
        for index in 0..(chunk.len() * 8).div_ceil(5) {
            let value = (group >> (35 - 5 * index)) & 31;
            let letter = usize::try_from(value)
                .ok()
                .and_then(|value| ALPHABET.get(value));
            text.extend(letter.map(|letter| char::from(*letter)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tolerant_takes_what_people_paste() {
        let bytes = [0xfb_u8, 0xff, 0x00, 0x01];
        for text in [
            "+/8AAQ==",
            "+/8AAQ",
            "-_8AAQ",
            " +/8A\r\nAQ== ",
            "-----BEGIN KEY-----\n+/8A\nAQ==\n-----END KEY-----\n",
            "-----BEGIN KEY-----+/8AAQ==-----END KEY-----",
        ] {
            assert_eq!(decode_tolerant(text).as_deref(), Ok(&bytes[..]), "{text:?}");
        }
        let dashes = decode_tolerant("--------");
        assert_eq!(dashes, decode_base64url("--------"));
        assert_eq!(decode_tolerant("+/8A*Q"), Err(NotBase64));
        assert_eq!(decode_tolerant("A"), Err(NotBase64));
    }

    #[test]
    fn strict_takes_one_form_only() {
        assert_eq!(
            decode_base64url("-_8AAQ").as_deref(),
            Ok(&[0xfb, 0xff, 0x00, 0x01][..])
        );
        for text in ["-_8AAQ==", "+/8AAQ", "-_8AAR", "-_8A AQ", "-_8AAQ\n", "A"] {
            assert_eq!(decode_base64url(text), Err(NotBase64), "{text:?}");
        }
    }

    #[test]
    fn base32_of_rfc_4648() {
        for (plain, coded) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(plain.as_bytes()), coded);
            assert_eq!(decode_base32(coded).as_deref(), Ok(plain.as_bytes()));
            assert_eq!(
                decode_base32(&coded.to_lowercase()).as_deref(),
                Ok(plain.as_bytes())
            );
        }
        assert_eq!(
            decode_base32("MZXW 6YTB OI======").as_deref(),
            Ok(&b"foobar"[..])
        );
        assert_eq!(decode_base32("MZ1"), Err(NotBase64));
    }
}
