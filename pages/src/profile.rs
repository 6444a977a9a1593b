//! The fields of a profile as templates see them: which kind of input, with which attributes, by the
//! annotations that Keycloak knows (`inputType`, `inputTypePlaceholder`, …).

use std::collections::BTreeMap;

use claviger_engine::page::{ProfileField, ProfileGroup};
use claviger_engine::realm::Realm;
use minijinja::{Value, context};

use crate::sanitize;
use crate::texts::Texts;

/// Attributes of inputs by the annotations that they are taken from.
const ATTRIBUTES: [(&str, &str); 9] = [
    ("inputTypePattern", "pattern"),
    ("inputTypeSize", "size"),
    ("inputTypeMaxlength", "maxlength"),
    ("inputTypeMinlength", "minlength"),
    ("inputTypeMax", "max"),
    ("inputTypeMin", "min"),
    ("inputTypeStep", "step"),
    ("inputTypeCols", "cols"),
    ("inputTypeRows", "rows"),
];

/// The kinds of text inputs that a realm may choose by `inputType`, `html5-` before them or not.
const INPUTS: [&str; 15] = [
    "text",
    "email",
    "tel",
    "url",
    "number",
    "range",
    "date",
    "datetime-local",
    "month",
    "week",
    "time",
    "color",
    "search",
    "password",
    "hidden",
];

/// All fields, in their order.
pub fn fields(fields: &[ProfileField], realm: &Realm, locale: &str, texts: &Texts) -> Vec<Value> {
    let mut group: Option<&ProfileGroup> = None;
    fields
        .iter()
        .map(|field| {
            let starts = field.group.is_some() && field.group.as_ref() != group;
            group = field.group.as_ref();
            if field.name == "locale" && realm.settings.locales.enabled {
                return context! { name => &field.name, hidden => true, value => locale };
            }
            shown(field, starts, texts)
        })
        .collect()
}

fn annotation(field: &ProfileField, name: &str) -> Option<String> {
    let value = field.annotations.get(name)?;
    let text = value.as_str().map(str::to_owned);
    Some(text.unwrap_or_else(|| value.to_string()))
}

fn shown(field: &ProfileField, starts: bool, texts: &Texts) -> Value {
    let wanted = annotation(field, "inputType").unwrap_or_default();
    let kind = match wanted.as_str() {
        "textarea" => "textarea",
        "select" | "multiselect" => "select",
        "select-radiobuttons" | "multiselect-checkboxes" => "choices",
        other => {
            let plain = other.strip_prefix("html5-").unwrap_or(other);
            let known = INPUTS.iter().find(|input| **input == plain);
            known.copied().unwrap_or("text")
        }
    };
    let help = |name: &str| {
        let text = annotation(field, name)?;
        let html = sanitize::sanitize(&texts.advanced(&text, &[]));
        Some(Value::from_safe_string(html))
    };
    let mut values = field.values.clone();
    if !field.multivalued {
        values.truncate(1);
    }
    if values.is_empty() {
        values.push(String::new());
    }
    context! {
        name => &field.name,
        label => texts.advanced(&field.display_name, &[]),
        kind => kind,
        multiple => wanted.starts_with("multiselect"),
        value => values.first(),
        values => values,
        required => field.required,
        readOnly => field.read_only,
        groupStarts => starts,
        group => field.group.as_ref().map(|group| group_of(group, texts)),
        help => context! {
            before => help("inputHelperTextBefore"),
            after => help("inputHelperTextAfter"),
        },
        attributes => attributes(field, texts),
        options => options(field, texts),
    }
}

fn group_of(group: &ProfileGroup, texts: &Texts) -> Value {
    let header = if group.header.is_empty() {
        group.name.clone()
    } else {
        texts.advanced(&group.header, &[])
    };
    context! {
        name => &group.name,
        header => header,
        description => texts.advanced(&group.description, &[]),
    }
}

fn attributes(field: &ProfileField, texts: &Texts) -> Value {
    let mut found: BTreeMap<String, String> = ATTRIBUTES
        .iter()
        .filter_map(|(from, to)| Some(((*to).to_owned(), annotation(field, from)?)))
        .collect();
    if let Some(text) = annotation(field, "inputTypePlaceholder") {
        found.insert("placeholder".to_owned(), texts.advanced(&text, &[]));
    }
    if let Some(words) = &field.autocomplete {
        found.insert("autocomplete".to_owned(), words.clone());
    }
    Value::from(found)
}

fn options(field: &ProfileField, texts: &Texts) -> Vec<Value> {
    let labels = field.annotations.get("inputOptionLabels");
    let prefix = annotation(field, "inputOptionLabelsI18nPrefix");
    let label = |option: &str| match (labels, &prefix) {
        (Some(labels), _) => {
            let named = labels.get(option).and_then(serde_json::Value::as_str);
            texts.advanced(named.unwrap_or(option), &[])
        }
        (None, Some(prefix)) => texts.text(&format!("{prefix}.{option}"), &[]),
        (None, None) => option.to_owned(),
    };
    let shown = field.options.iter().map(|option| {
        context! {
            value => option,
            label => label(option),
            chosen => field.values.contains(option),
        }
    });
    shown.collect()
}
