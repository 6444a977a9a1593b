//! The parts of a form with files in it (RFC 7578).

/// How long a boundary may be (RFC 2046 §5.1.1).
const BOUNDARY_MAX: usize = 70;

/// The boundary that a media type names, if it is that of a form with files.
pub(in crate::admin) fn boundary(kind: &str) -> Option<String> {
    let (essence, parameters) = kind.split_once(';')?;
    if !essence.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let value = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("boundary")
            .then(|| value.trim().trim_matches('"'))
    })?;
    ((1..=BOUNDARY_MAX).contains(&value.len())).then(|| value.to_owned())
}

/// The content of the first part of that name.
pub(in crate::admin) fn part<'a>(body: &'a [u8], boundary: &str, name: &str) -> Option<&'a [u8]> {
    let delimiter = format!("--{boundary}");
    let mut rest = after(body, delimiter.as_bytes())?;
    loop {
        let head = rest.strip_prefix(b"\r\n")?;
        let end = find(head, b"\r\n\r\n")?;
        let (headers, content) = (head.get(..end)?, head.get(end + 4..)?);
        let end = find(content, format!("\r\n{delimiter}").as_bytes())?;
        if is_named(headers, name) {
            return content.get(..end);
        }
        rest = content.get(end + 2 + delimiter.len()..)?;
    }
}

fn is_named(headers: &[u8], wanted: &str) -> bool {
    let text = String::from_utf8_lossy(headers);
    let (quoted, bare) = (format!("name=\"{wanted}\""), format!("name={wanted}"));
    text.lines().any(|line| {
        let Some((name, value)) = line.split_once(':') else {
            return false;
        };
        name.trim().eq_ignore_ascii_case("content-disposition")
            && value
                .split(';')
                .any(|part| part.trim() == quoted || part.trim() == bare)
    })
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len())
        .position(|window| window == wanted)
}

fn after<'a>(text: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    text.get(find(text, wanted)? + wanted.len()..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_is_read_from_the_media_type() {
        for (kind, expected) in [
            ("multipart/form-data; boundary=Q", Some("Q")),
            (
                "Multipart/Form-Data; charset=x; Boundary=\"a b\"",
                Some("a b"),
            ),
            ("application/json", None),
            ("multipart/form-data", None),
            ("multipart/form-data; boundary=", None),
            ("text/plain; boundary=Q", None),
        ] {
            assert_eq!(boundary(kind).as_deref(), expected, "{kind}");
        }
        let long = format!("multipart/form-data; boundary={}", "x".repeat(71));
        assert_eq!(boundary(&long), None);
    }

    #[test]
    fn a_part_is_found_among_others() {
        let part_of = |form: &str, name: &str| part(form.as_bytes(), "Q", name).map(<[u8]>::to_vec);
        let written = |name: &str, content: &str| {
            format!("--Q\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{content}\r\n")
        };
        let form = format!(
            "{}{}--Q--\r\n",
            written("other", "x"),
            written("file", "{\"a\":\"b\"}")
        );
        assert_eq!(part_of(&form, "file"), Some(b"{\"a\":\"b\"}".to_vec()));
        assert_eq!(part_of(&form, "other"), Some(b"x".to_vec()));
        assert_eq!(part_of(&form, "fil"), None);
        let form = format!("{}--Q--\r\n", written("other", "x"));
        for broken in [form.as_str(), "", "--Q", "--Q\r\n", "--Q\r\n\r\n", "--Q--"] {
            assert_eq!(part_of(broken, "file"), None, "{broken:?}");
        }
    }
}
