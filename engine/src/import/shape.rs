//! Small helpers over representations.

use claviger_crypto::random::Random;
use claviger_wire::document::Json;
use serde_json::{Value, json};

/// A member that is text and not empty.
pub(crate) fn text<'a>(object: &'a Json, name: &str) -> Option<&'a str> {
    object
        .get(name)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

/// A member that is `true`.
pub(crate) fn flag(object: &Json, name: &str) -> bool {
    object.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// The objects in a list with their position; what is not an object is passed over.
pub(crate) fn each<'a>(object: &'a Json, name: &str) -> impl Iterator<Item = (usize, &'a Json)> {
    let list = object
        .get(name)
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    list.iter()
        .enumerate()
        .filter_map(|(index, value)| Some((index, value.as_object()?)))
}

/// The texts in a list with their position.
pub(crate) fn texts<'a>(object: &'a Json, name: &str) -> impl Iterator<Item = (usize, &'a str)> {
    text_list(object.get(name))
}

/// The texts in a value that is a list.
pub(crate) fn text_list(value: Option<&Value>) -> impl Iterator<Item = (usize, &str)> {
    let list = value
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    list.iter()
        .enumerate()
        .filter_map(|(index, value)| Some((index, value.as_str()?)))
}

/// The members of an object that is a member; none if it is absent.
pub(crate) fn members<'a>(
    object: &'a Json,
    name: &str,
) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let members = object.get(name).and_then(Value::as_object);
    members
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), value))
}

/// The first value of a component's setting.
pub(crate) fn first_setting<'a>(config: &'a Json, name: &str) -> Option<&'a str> {
    config.get(name)?.as_array()?.first()?.as_str()
}

/// Takes empty and null settings out of `config`: they mean that nothing was set.
pub(crate) fn drop_empty_config(body: &mut Json) {
    if let Some(Value::Object(config)) = body.get_mut("config") {
        config.retain(|_, value| !value.is_null() && value.as_str() != Some(""));
    }
}

/// Gives mappers ids and takes empty settings out of them.
pub(crate) fn complete_mappers(body: &mut Json, random: &Random) {
    let Some(Value::Array(mappers)) = body.get_mut("protocolMappers") else {
        return;
    };
    for mapper in mappers.iter_mut().filter_map(Value::as_object_mut) {
        let id = text(mapper, "id").map_or_else(|| random.uuid(), str::to_owned);
        let mut complete = Json::from_iter([("id".to_owned(), json!(id))]);
        mapper.shift_remove("id");
        mapper.shift_remove("consentText");
        complete.append(mapper);
        complete.insert("consentRequired".to_owned(), json!(false));
        complete.entry("config").or_insert(json!({}));
        drop_empty_config(&mut complete);
        *mapper = complete;
    }
}
