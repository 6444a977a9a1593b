//! A message as templates see it: a text, whose HTML is not that text cleaned, but made of its parts.
//!
//! `kcSanitize(message.summary)`, as Keycloak's templates have it, would take an argument for what the
//! authors of the message wrote: a user name becomes a link on the page of another.

use std::fmt;
use std::sync::Arc;

use claviger_engine::page::Message;
use minijinja::Value;
use minijinja::value::{Object, ObjectRepr};

use crate::texts::Texts;

/// A message in the person's language.
#[derive(Debug)]
pub struct Said {
    text: String,
    /// The same as HTML that is safe to show.
    pub html: String,
}

impl Said {
    /// What templates are given.
    pub fn value(texts: &Texts, message: &Message) -> Value {
        Value::from_object(Self {
            text: texts.message(message),
            html: texts.message_html(message),
        })
    }
}

impl Object for Said {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
