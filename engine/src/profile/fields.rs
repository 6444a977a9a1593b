//! How a page's form shows a profile, field by field.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::Value;

use super::candidate::{Candidate, stored};
use super::config::Group;
use super::managed::{EMAIL, Managed, USERNAME};
use crate::page::{ProfileField, ProfileGroup};

/// What themes' scripts look at: annotations with this in front become attributes of the field.
const FOR_SCRIPTS: &str = "kc";

impl Candidate<'_> {
    /// The attributes that may be seen, in the order of the page: those without a group, then group
    /// by group. `sent` is what stands in a form that comes back.
    pub fn fields(&self, sent: &BTreeMap<String, Vec<String>>) -> Vec<ProfileField> {
        let mut shown: Vec<(&Managed<'_>, Option<&Group>)> = self
            .readable()
            .filter_map(|(name, _)| self.shown(name))
            .map(|managed| (managed, self.group_of(managed)))
            .collect();
        shown.sort_by(|(one, in_one), (other, in_other)| {
            by_group(*in_one, *in_other).then(one.order.cmp(&other.order))
        });
        shown
            .into_iter()
            .map(|(managed, group)| self.field(managed, group, sent))
            .collect()
    }

    fn group_of(&self, managed: &Managed<'_>) -> Option<&Group> {
        let name = managed.config?.group.as_deref()?;
        let mut groups = self.profile.config.groups.iter();
        groups.find(|group| group.name.as_deref() == Some(name))
    }

    fn field(
        &self,
        managed: &Managed<'_>,
        group: Option<&Group>,
        sent: &BTreeMap<String, Vec<String>>,
    ) -> ProfileField {
        let config = managed.config;
        let own = || {
            let user = self.scene.existing;
            user.map(|user| stored(user, managed.name))
                .unwrap_or_default()
        };
        let read_only = self.is_read_only(managed.name);
        let mut values = match sent.get(managed.name) {
            Some(sent) if !sent.is_empty() && !read_only => sent.clone(),
            Some(_) | None => own(),
        };
        if values.is_empty() {
            values.extend(config.and_then(|config| config.default_value.clone()));
        }
        let described = self.described(managed);
        let multivalued = config.is_some_and(|config| config.multivalued);
        let mut annotations: BTreeMap<String, Value> = match described.get("annotations") {
            Some(Value::Object(own)) => own.clone().into_iter().collect(),
            Some(_) | None => BTreeMap::new(),
        };
        let of_group = group.and_then(|group| group.annotations.as_ref());
        for (name, value) in of_group.into_iter().flatten() {
            if name.starts_with(FOR_SCRIPTS) {
                annotations.entry(name.clone()).or_insert(value.clone());
            }
        }
        let validators = described.get("validators").unwrap_or(&Value::Null);
        ProfileField {
            name: managed.name.to_owned(),
            display_name: managed.display_name().to_owned(),
            values,
            required: self.is_required(managed),
            read_only,
            multivalued,
            group: group.map(shown_group),
            options: options(&annotations, validators),
            annotations,
            autocomplete: [EMAIL, USERNAME]
                .contains(&managed.name)
                .then(|| managed.name.to_owned()),
        }
    }
}

fn header(group: &Group) -> &str {
    let name = group.name.as_deref().unwrap_or_default();
    group.display_header.as_deref().unwrap_or(name)
}

fn by_group(one: Option<&Group>, other: Option<&Group>) -> Ordering {
    match (one, other) {
        (Some(one), Some(other)) if one.name == other.name => Ordering::Equal,
        (Some(one), Some(other)) => header(one).cmp(header(other)),
        (one, other) => one.is_some().cmp(&other.is_some()),
    }
}

fn shown_group(group: &Group) -> ProfileGroup {
    ProfileGroup {
        name: group.name.clone().unwrap_or_default(),
        header: header(group).to_owned(),
        description: group.display_description.clone().unwrap_or_default(),
    }
}

/// What there is to choose from: the options of the validator that an annotation names, or of the one
/// called `options`.
fn options(annotations: &BTreeMap<String, Value>, validators: &Value) -> Vec<String> {
    let named = annotations
        .get("inputOptionsFromValidation")
        .and_then(Value::as_str)
        .and_then(|name| validators.get(name)?.get("options"));
    let own = || validators.get("options")?.get("options");
    let list = named.or_else(own).and_then(Value::as_array);
    let texts = list.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}
