//! A page of help as a browser shows it: one file, no script, nothing from elsewhere.

use std::fmt::Write as _;
use std::sync::LazyLock;

use claviger_crypto::digest::sha256;
use claviger_crypto::encoding::base64;
use claviger_engine::request::RequestContext;
use claviger_surface::help::{Area, Help};
use pulldown_cmark::{CowStr, Event, Parser, Tag, TextMergeStream};

/// The address that stands in the pages for this server's own.
const ELSEWHERE: &str = "http://localhost:8080";
/// How the pages look.
const STYLE: &str = include_str!("page.css");

/// What stands below each page.
const KEY: &str = "<p><small>In the examples <code>myrealm</code>, <code>myclient</code> and \
    <code>alice</code> stand for your realm, client and user, and words in capitals behind a dollar \
    sign for values of your own.</small></p>\n";

/// What a page may do: look as [`STYLE`] says, and nothing else (Content Security Policy 3).
pub fn policy() -> String {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let style = base64(&sha256(STYLE.as_bytes()));
        format!(
            "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        )
    });
    POLICY.clone()
}

/// A text with the server's own address in the place of the one that it was written with.
pub fn at_home(text: &str, base_url: &str) -> String {
    text.replace(ELSEWHERE, base_url)
}

/// The page of a refusal.
pub fn of(help: Help, context: &RequestContext) -> String {
    let body = rendered(help.markdown());
    let mut body = at_home(&body, &escaped(&context.base_url));
    body.push_str(KEY);
    framed(help.title(), context, &body)
}

/// The list of all pages.
pub fn list(context: &RequestContext) -> String {
    let mut body = String::from(
        "<h1>Help with errors</h1><p>Each page tells what a refused request lacked, and shows one \
         that works. A refusal names its page in the header <code>Link</code>.</p>",
    );
    let base = escaped(&context.base_path);
    for area in Area::ALL {
        let _infallible = write!(body, "<h2>{}</h2><ul>", escaped(area.title()));
        for help in Help::ALL.iter().filter(|help| help.area() == area) {
            let (slug, title) = (help.slug(), escaped(help.title()));
            let link = format!("<li><a href=\"{base}/help/errors/{slug}\">{title}</a></li>");
            body.push_str(&link);
        }
        body.push_str("</ul>");
    }
    framed("Help with errors", context, &body)
}

/// What stands where no page is.
pub fn missing(context: &RequestContext) -> String {
    let body = "<h1>There is no such page</h1><p>The list of all pages is above.</p>";
    framed("There is no such page", context, body)
}

fn framed(title: &str, context: &RequestContext, body: &str) -> String {
    let (title, base) = (escaped(title), escaped(&context.base_path));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <header><nav><a href=\"{base}/help\">All errors</a></nav></header>\n\
         <main>\n{body}</main>\n</body>\n</html>\n"
    )
}

/// Markdown as HTML. Headings get names to point to; links between the files become links between
/// the pages.
fn rendered(markdown: &str) -> String {
    let mut events: Vec<Event<'_>> = TextMergeStream::new(Parser::new(markdown)).collect();
    let following: Vec<Option<String>> = events.iter().skip(1).map(text_of).collect();
    for (event, following) in events.iter_mut().zip(following) {
        if let Event::Start(Tag::Heading { id, .. }) = event {
            *id = following.map(|text| CowStr::from(anchor(&text)));
        } else if let Event::Start(Tag::Link { dest_url, .. }) = event
            && let Some(page) = dest_url.strip_suffix(".md")
        {
            *dest_url = CowStr::from(page.to_owned());
        }
    }
    let mut html = String::with_capacity(markdown.len() * 2);
    pulldown_cmark::html::push_html(&mut html, events.into_iter());
    html
}

fn text_of(event: &Event<'_>) -> Option<String> {
    if let Event::Text(text) | Event::Code(text) = event {
        Some(text.to_string())
    } else {
        None
    }
}

/// The name of a heading in addresses.
fn anchor(heading: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    heading.chars().map(plain).collect()
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests;
