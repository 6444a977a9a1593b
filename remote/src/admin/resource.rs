//! `get`, `create`, `update` and `delete`.

use clap::ArgMatches;
use serde_json::Value;

use super::Given;
use super::session::site;
use super::show::Show;
use crate::json::edit::Edit;
use crate::json::merge;
use crate::site::{Call, Site, succeeded};
use crate::world::World;
use crate::{Failure, failed, usage};

/// The longest body that is read from a file, in bytes.
const LONGEST: u64 = 256 << 20;

/// Runs one of the four.
pub fn run(name: &str, given: &Given<'_>, world: &dyn World) -> Result<(), Failure> {
    let Some(endpoint) = given.last("endpoint").filter(|text| !text.is_empty()) else {
        return usage("Resource URI not specified");
    };
    let edits = edits(given.0)?;
    let headers = given.pairs("header")?;
    let query = query(given)?;
    let show = Show::of(given)?;
    let given_body = source(given, world)?;
    let site = site(given, world)?;
    let place = site.url(endpoint);
    let url = with_query(&place, &query);
    let asked = Asked {
        site: &site,
        headers: &headers,
        url: &url,
    };
    let method = match name {
        "create" => "POST",
        "update" => "PUT",
        "delete" => "DELETE",
        _ => "GET",
    };
    let merges = given.flag("merge")
        || (!given.flag("no-merge") && given_body.is_none() && !edits.is_empty());
    let below = match (method, merges) {
        ("PUT", true) => Some(asked.call("GET", "")?),
        _ => None,
    };
    let below = below.as_ref().map(|answer| answer.body.as_slice());
    let body = body(given_body, &edits, below)?;
    let answer = asked.call(method, &body)?;
    show.headers(&answer, world);
    match method {
        "POST" => created(&asked, &answer, given, &show, world),
        "PUT" | "DELETE" if !given.flag("output") => Ok(()),
        "PUT" if answer.body.is_empty() => {
            show.body(&asked.call("GET", "")?, world);
            Ok(())
        }
        _ => {
            show.body(&answer, world);
            Ok(())
        }
    }
}

struct Asked<'a> {
    site: &'a Site<'a>,
    headers: &'a [(String, String)],
    url: &'a str,
}

impl Asked<'_> {
    fn call(&self, method: &'static str, body: &str) -> Result<crate::Answer, Failure> {
        let answer = self.site.call(&Call {
            method,
            url: self.url,
            headers: self.headers,
            body,
        })?;
        succeeded(self.url, answer)
    }
}

/// Tells what was made, or shows it.
fn created(
    asked: &Asked<'_>,
    answer: &crate::Answer,
    given: &Given<'_>,
    show: &Show,
    world: &dyn World,
) -> Result<(), Failure> {
    let location = answer.header("location");
    let id = location.map(|location| {
        location
            .trim_end_matches('/')
            .rsplit('/')
            .next()
            .unwrap_or_default()
    });
    match (location, id) {
        (Some(location), _) if given.flag("output") => {
            let url = asked
                .site
                .own(location)
                .unwrap_or_else(|| asked.url.to_owned());
            let made = asked.site.call(&Call {
                method: "GET",
                url: &url,
                headers: &[],
                body: "",
            })?;
            show.body(&succeeded(&url, made)?, world);
        }
        (_, Some(id)) if given.flag("id") => world.print(id),
        (_, Some(id)) => {
            let place = asked
                .url
                .split('?')
                .next()
                .unwrap_or_default()
                .trim_end_matches('/');
            let kind = place.rsplit('/').next().unwrap_or_default();
            let kind = kind.strip_suffix('s').unwrap_or(kind);
            world.tell(&format!("Created new {kind} with id '{id}'"));
        }
        (None, None) if given.flag("output") => show.body(answer, world),
        (_, None) => {}
    }
    Ok(())
}

/// What `--set` and `--delete` ask for, in the order in which they were typed.
fn edits(matches: &ArgMatches) -> Result<Vec<Edit>, Failure> {
    let mut found: Vec<(usize, Edit)> = Vec::new();
    for (name, read) in [
        ("set", Edit::set as fn(&str) -> Result<Edit, Failure>),
        ("delete", Edit::remove),
    ] {
        let values = matches.try_get_many::<String>(name).ok().flatten();
        let places = matches
            .try_contains_id(name)
            .is_ok()
            .then(|| matches.indices_of(name))
            .flatten();
        for (value, place) in values
            .into_iter()
            .flatten()
            .zip(places.into_iter().flatten())
        {
            found.push((place, read(value)?));
        }
    }
    found.sort_by_key(|(place, _)| *place);
    Ok(found.into_iter().map(|(_, edit)| edit).collect())
}

/// The query, in order, with the page that is wanted.
fn query(given: &Given<'_>) -> Result<Vec<(String, String)>, Failure> {
    let mut query = given.pairs("query")?;
    for (name, parameter) in [("offset", "first"), ("limit", "max")] {
        let number = given.0.try_get_many::<i32>(name).ok().flatten();
        let number = number.and_then(Iterator::last);
        query.extend(number.map(|number| (parameter.to_owned(), number.to_string())));
    }
    Ok(query)
}

fn with_query(place: &str, query: &[(String, String)]) -> String {
    if query.is_empty() {
        return place.to_owned();
    }
    let between = if place.contains('?') { '&' } else { '?' };
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(query)
        .finish();
    format!("{place}{between}{query}")
}

/// The body as it is given: in a file, on standard input or on the command line.
fn source(given: &Given<'_>, world: &dyn World) -> Result<Option<String>, Failure> {
    match (given.last("file"), given.last("body")) {
        (Some(_), Some(_)) => usage("Options --body and --file are mutually exclusive"),
        (Some("-"), None) => world.input().map(Some).map_err(Failure::Failed),
        (Some(path), None) => {
            let Ok(found) = std::fs::metadata(path) else {
                return failed(format!("File not found: {path}"));
            };
            if found.len() > LONGEST {
                return failed(format!("File is too long: {path}"));
            }
            let read = std::fs::read_to_string(path);
            read.map(Some)
                .or_else(|error| failed(format!("File {path} cannot be read: {error}")))
        }
        (None, body) => Ok(body.map(str::to_owned)),
    }
}

/// The body that is sent: what is given over what is there, with single values changed.
fn body(given: Option<String>, edits: &[Edit], below: Option<&[u8]>) -> Result<String, Failure> {
    if edits.is_empty() && below.is_none() {
        return Ok(given.unwrap_or_default());
    }
    let mut value = match below {
        Some(bytes) => serde_json::from_slice(bytes)
            .or_else(|_| failed("What the server has is no JSON: use --no-merge"))?,
        None => Value::Object(serde_json::Map::new()),
    };
    if let Some(text) = given {
        let above: Value = serde_json::from_str(&text).or_else(|_| {
            failed("Can't set attributes on content of type other than application/json")
        })?;
        if !above.is_object() {
            return failed("Can't set attributes on JSON that is no object");
        }
        merge(&mut value, above);
    }
    for edit in edits {
        edit.apply(&mut value);
    }
    Ok(value.to_string())
}
