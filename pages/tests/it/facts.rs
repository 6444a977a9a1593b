//! A page's facts, as `oracle/browser.py` reads them: what scripts and people find on it.

use std::collections::BTreeMap;

use html5ever::tendril::TendrilSink;
use html5ever::{ParseOpts, parse_document};
use markup5ever_rcdom::{Handle, NodeData, RcDom};

/// An element, with all below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    children: Vec<Child>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Child {
    Element(Element),
    Text(String),
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Element {
    /// Reads a page as a browser does.
    pub fn page(text: &str) -> Self {
        Self::parsed(text, true)
    }

    /// Reads a page as a browser does that runs no scripts.
    pub fn page_without_scripts(text: &str) -> Self {
        Self::parsed(text, false)
    }

    fn parsed(text: &str, runs_scripts: bool) -> Self {
        let mut how = ParseOpts::default();
        how.tree_builder.scripting_enabled = runs_scripts;
        let dom = parse_document(RcDom::default(), how).one(text);
        Self {
            name: String::new(),
            attributes: Vec::new(),
            children: children(&dom.document),
        }
    }

    /// An attribute's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    fn is_message(&self) -> bool {
        let classes = ["instruction", "kc-feedback-text", "pf-v5-c-alert__title"];
        let mut of_page = self.get("class").unwrap_or_default().split(' ');
        let id = self.get("id").unwrap_or_default();
        of_page.any(|class| classes.contains(&class))
            || id == "kc-error-message"
            || id.starts_with("input-error")
    }

    /// All elements below that fit, in the page's order.
    pub fn all(&self, fits: impl Fn(&Self) -> bool + Copy) -> Vec<&Self> {
        let mut found = Vec::new();
        for child in &self.children {
            if let Child::Element(element) = child {
                if fits(element) {
                    found.push(element);
                }
                found.extend(element.all(fits));
            }
        }
        found
    }

    /// All elements of a name.
    pub fn named(&self, name: &str) -> Vec<&Self> {
        self.all(|element| element.name == name)
    }

    /// The element of an id.
    pub fn with_id(&self, id: &str) -> Option<&Self> {
        let found = self.all(|element| element.get("id") == Some(id));
        assert!(found.len() < 2, "{id} is there twice");
        found.first().copied()
    }

    /// All text within, but that of elements to leave out.
    fn text_but(&self, leave_out: impl Fn(&Self) -> bool + Copy) -> String {
        let mut text = String::new();
        for child in &self.children {
            match child {
                Child::Text(plain) => text.push_str(plain),
                Child::Element(element) if leave_out(element) => {}
                Child::Element(element) => {
                    text.extend([" ", &element.text_but(leave_out), " "]);
                }
            }
        }
        words(&text)
    }

    /// All text within.
    pub fn text(&self) -> String {
        self.text_but(|_| false)
    }
}

fn children(node: &Handle) -> Vec<Child> {
    let children = node.children.borrow();
    children.iter().filter_map(child).collect()
}

fn child(node: &Handle) -> Option<Child> {
    match &node.data {
        NodeData::Text { contents } => Some(Child::Text(contents.borrow().to_string())),
        NodeData::Element { name, attrs, .. } => {
            let attributes = attrs.borrow();
            let attributes = attributes.iter().map(|attribute| {
                let prefix = attribute.name.prefix.as_ref();
                let prefix = prefix.map_or(String::new(), |prefix| format!("{prefix}:"));
                let name = format!("{prefix}{}", attribute.name.local);
                (name, attribute.value.to_string())
            });
            Some(Child::Element(Element {
                name: name.local.to_string(),
                attributes: attributes.collect(),
                children: children(node),
            }))
        }
        NodeData::Document
        | NodeData::Doctype { .. }
        | NodeData::Comment { .. }
        | NodeData::ProcessingInstruction { .. } => None,
    }
}

/// A form: its id, method, address, and its fields with their types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    pub id: Option<String>,
    pub method: String,
    pub action: String,
    pub fields: BTreeMap<String, String>,
}

/// All of a page.
#[derive(Clone, Debug)]
pub struct Facts {
    pub page: Option<String>,
    pub title: String,
    pub heading: String,
    pub messages: Vec<String>,
    pub forms: Vec<Form>,
    pub links: Vec<(Option<String>, String, String)>,
    pub frames: Vec<String>,
}

fn form(element: &Element) -> Form {
    let kinds = ["input", "button", "select", "textarea"];
    let fields = element.all(|field| kinds.contains(&field.name.as_str()));
    let fields = fields.iter().filter_map(|field| {
        let kind = field.get("type").unwrap_or(&field.name);
        Some((field.get("name")?.to_owned(), kind.to_owned()))
    });
    Form {
        id: element.get("id").map(str::to_owned),
        method: element.get("method").unwrap_or_default().to_lowercase(),
        action: element.get("action").unwrap_or_default().to_owned(),
        fields: fields.collect(),
    }
}

/// Reads a page.
pub fn read(page: &str) -> (Element, Facts) {
    let html = Element::page(page);
    let mut messages = Vec::new();
    for element in html.all(Element::is_message) {
        let text = element.text_but(Element::is_message);
        if !text.is_empty() && !messages.contains(&text) {
            messages.push(text);
        }
    }
    let text = |element: Option<&Element>| element.map(Element::text).unwrap_or_default();
    let links = html.all(|element| element.name == "a" && element.get("href").is_some());
    let links = links.iter().map(|link| {
        let id = link.get("id").map(str::to_owned);
        (id, link.get("href").unwrap().to_owned(), link.text())
    });
    let frames = html.named("iframe");
    let frames = frames.iter().filter_map(|frame| frame.get("src"));
    let body = html.named("body");
    let facts = Facts {
        page: body[0].get("data-page-id").map(str::to_owned),
        title: text(html.named("title").first().copied()),
        heading: text(html.with_id("kc-page-title")),
        messages,
        forms: html.named("form").into_iter().map(form).collect(),
        links: links.collect(),
        frames: frames.map(str::to_owned).collect(),
    };
    (html, facts)
}
