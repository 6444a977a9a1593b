//! Reading a request's body within a bound.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};

use crate::form::Charset;

/// Why a body could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// It is longer than allowed.
    TooLong,
    /// It broke off, or could not be read.
    Broken,
}

/// Reads a body of at most `limit` bytes. A length that is announced too long is not even begun.
pub async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, BodyError> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    let announced = announced.and_then(|text| text.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(BodyError::TooLong);
    }
    axum::body::to_bytes(body, limit).await.map_err(|error| {
        let text = error.to_string();
        if text.contains("limit") {
            BodyError::TooLong
        } else {
            BodyError::Broken
        }
    })
}

/// The media type of a request, without parameters, in lower case.
pub fn media_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(text.split(';').next()?.trim().to_ascii_lowercase())
}

/// How the text of a request is encoded. What is not said, or not known, is UTF-8.
pub fn charset(headers: &HeaderMap) -> Charset {
    let text = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let named = text
        .unwrap_or_default()
        .split(';')
        .skip(1)
        .find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            let is_charset = name.trim().eq_ignore_ascii_case("charset");
            is_charset.then(|| value.trim().trim_matches('"').to_ascii_lowercase())
        });
    match named.as_deref() {
        Some("iso-8859-1" | "latin1") => Charset::Latin1,
        Some(_) | None => Charset::Utf8,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_charset_is_a_parameter_of_the_media_type() {
        let form = "application/x-www-form-urlencoded";
        let cases = [
            ("", Charset::Utf8),
            (";charset=utf-8", Charset::Utf8),
            ("; charset=ISO-8859-1", Charset::Latin1),
            ("; a=b; Charset=\"iso-8859-1\"", Charset::Latin1),
            ("; charset", Charset::Utf8),
            ("; charset=", Charset::Utf8),
            ("; charset=nonsense", Charset::Utf8),
        ];
        for (parameters, expected) in cases {
            let value = HeaderValue::from_str(&format!("{form}{parameters}")).unwrap();
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, value)]);
            assert_eq!(charset(&headers), expected, "{parameters}");
            assert_eq!(media_type(&headers).as_deref(), Some(form), "{parameters}");
        }
        assert_eq!(charset(&HeaderMap::new()), Charset::Utf8);
    }
}
