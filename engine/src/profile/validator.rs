//! Validators: those that administrators configure, and those that are always there.

use std::borrow::Cow;
use std::sync::LazyLock;

use claviger_wire::document::Json;
use serde_json::{Value, json};

use super::Context;
use super::config::Attribute;
use super::email::LOCAL_PART_MAX;
use super::java;
use super::pattern::Pattern;

pub(super) const LENGTH: &str = "length";
pub(super) const MULTIVALUED: &str = "multivalued";
/// Attributes without a length of their own are no longer than this, in UTF-16 units: nobody shall
/// fill the store with one value.
const DEFAULT_LENGTH_MAX: i64 = 2048;

/// A validator of one attribute.
#[derive(Clone, Debug)]
pub(super) struct Validator {
    id: Cow<'static, str>,
    pub(super) check: Check,
    /// As configured, with `ignore.empty.value`; none for those that pages need not know.
    config: Option<Json>,
}

/// What a validator does.
#[derive(Clone, Debug)]
pub(super) enum Check {
    /// Looks at each value.
    Value(ValueCheck),
    /// Looks at each value too, and may find several faults in one.
    Uri {
        schemes: Vec<String>,
        fragment: bool,
        valid_url: bool,
    },
    /// Counts values.
    Multivalued(Bounds<i64>),
    /// Looks at all values, or at more than values.
    Rule(Rule),
    /// A validator that this server does not know.
    Unknown,
}

/// What a value must be like.
#[derive(Clone, Debug)]
pub(super) enum ValueCheck {
    Length {
        bounds: Bounds<i64>,
        trim: bool,
    },
    Integer(Bounds<i64>),
    Double(Bounds<f64>),
    Pattern {
        pattern: Option<Pattern>,
        source: Value,
        message: Cow<'static, str>,
    },
    Email {
        local_part_max: usize,
    },
    LocalDate,
    IsoDate,
    Options(Vec<String>),
    PersonName {
        message: Cow<'static, str>,
    },
    UsernameCharacters {
        message: Cow<'static, str>,
    },
}

/// What an attribute must be like.
#[derive(Clone, Debug)]
pub(super) enum Rule {
    Homograph {
        message: Cow<'static, str>,
    },
    NotBlank,
    NotEmpty,
    Required,
    Immutable,
    UsernamePresent,
    /// As [`Rule::UsernamePresent`], unless addresses are the names.
    BrokeredUsernamePresent,
    /// In realms where addresses are the names: a name that is sent is not blank.
    RegisteredUsername,
    /// In realms where addresses are the names: an address that is sent is one.
    RegisteredEmail,
    UsernameUnchanged,
    EmailPresent {
        even_if_missing: bool,
    },
}

/// A range, and which of its ends the configuration names (even if it cannot be read).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bounds<T> {
    pub(super) min: Option<T>,
    pub(super) max: Option<T>,
    pub(super) names_min: bool,
    pub(super) names_max: bool,
}

const fn internal(id: &'static str, rule: Rule) -> Validator {
    Validator {
        id: Cow::Borrowed(id),
        check: Check::Rule(rule),
        config: None,
    }
}

pub(super) static REQUIRED: Validator =
    internal("up-attribute-required-by-metadata-value", Rule::Required);
pub(super) static IMMUTABLE: Validator = internal("up-immutable-attribute", Rule::Immutable);
static USERNAME_PRESENT: Validator = internal("up-username-has-value", Rule::UsernamePresent);
static USERNAME_UNCHANGED: Validator = internal("up-username-mutation", Rule::UsernameUnchanged);
static BROKERED_USERNAME_PRESENT: Validator = internal(
    "up-brokering-federated-username-has-value",
    Rule::BrokeredUsernamePresent,
);
static REGISTERED_USERNAME: Validator = internal(
    "up-registration-email-as-username-username-value",
    Rule::RegisteredUsername,
);
static REGISTERED_EMAIL: Validator = internal(
    "up-registration-email-as-username-email-value",
    Rule::RegisteredEmail,
);
static EMAIL_PRESENT: Validator = internal(
    "up-blank-attribute-value",
    Rule::EmailPresent {
        even_if_missing: false,
    },
);
static BROKERED_EMAIL_PRESENT: Validator = internal(
    "up-blank-attribute-value",
    Rule::EmailPresent {
        even_if_missing: true,
    },
);

/// For attributes of one value.
pub(super) static SINGLE_VALUE: LazyLock<Validator> = LazyLock::new(|| {
    let bounds = Bounds {
        min: None,
        max: Some(1),
        names_min: false,
        names_max: true,
    };
    let config = Json::from_iter([("max".to_owned(), json!("1"))]);
    Validator {
        id: Cow::Borrowed(MULTIVALUED),
        check: Check::Multivalued(bounds),
        config: Some(config),
    }
});

/// For attributes without a length.
pub(super) static DEFAULT_LENGTH: ValueCheck = ValueCheck::Length {
    bounds: Bounds {
        min: Some(0),
        max: Some(DEFAULT_LENGTH_MAX),
        names_min: true,
        names_max: true,
    },
    trim: true,
};

/// Those of the username, but for its configuration's and for uniqueness.
pub(super) fn of_username(context: Context) -> Vec<&'static Validator> {
    match context {
        Context::UserApi => vec![&USERNAME_PRESENT],
        Context::IdpReview => vec![&BROKERED_USERNAME_PRESENT],
        Context::Registration => {
            vec![&USERNAME_UNCHANGED, &REGISTERED_USERNAME, &USERNAME_PRESENT]
        }
        Context::Account | Context::UpdateProfile | Context::UpdateEmail => {
            vec![&USERNAME_PRESENT, &USERNAME_UNCHANGED]
        }
    }
}

/// Those of the email address, but for its configuration's and for uniqueness.
pub(super) fn of_email(context: Context) -> Vec<&'static Validator> {
    match context {
        Context::UserApi => Vec::new(),
        Context::IdpReview => vec![&BROKERED_EMAIL_PRESENT],
        Context::Registration => vec![&EMAIL_PRESENT, &REGISTERED_EMAIL],
        Context::Account | Context::UpdateProfile | Context::UpdateEmail => vec![&EMAIL_PRESENT],
    }
}

impl Validator {
    /// The configured ones of an attribute.
    pub(super) fn of_attribute(attribute: &Attribute) -> Vec<Self> {
        let configured = attribute.validations.iter().flatten();
        configured
            .map(|(id, config)| Self::read(id, config))
            .collect()
    }

    /// Reads a validator's configuration: an object, or null for none.
    pub(super) fn read(id: &str, config: &Value) -> Self {
        let mut config = config.as_object().cloned().unwrap_or_default();
        let check = Check::read(id, Options(&config));
        config.insert("ignore.empty.value".to_owned(), Value::Bool(true));
        let told = !matches!(
            check,
            Check::Rule(Rule::NotBlank | Rule::NotEmpty) | Check::Unknown
        );
        Self {
            id: Cow::Owned(id.to_owned()),
            check,
            config: told.then_some(config),
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// What pages are told of it.
    pub(super) const fn told(&self) -> Option<&Json> {
        self.config.as_ref()
    }
}

impl Check {
    fn read(id: &str, config: Options<'_>) -> Self {
        if let Some(check) = ValueCheck::read(id, config) {
            return Self::Value(check);
        }
        match id {
            "uri" => Self::Uri {
                schemes: config
                    .texts("allowedSchemes")
                    .unwrap_or_else(|| vec!["http".to_owned(), "https".to_owned()]),
                fragment: config.flag("allowFragment").unwrap_or(true),
                valid_url: config.flag("requireValidUrl").unwrap_or(true),
            },
            MULTIVALUED => Self::Multivalued(config.bounds(Options::long)),
            "up-username-not-idn-homograph" => Self::Rule(Rule::Homograph {
                message: config.message("error-username-invalid-character"),
            }),
            "not-blank" => Self::Rule(Rule::NotBlank),
            "not-empty" => Self::Rule(Rule::NotEmpty),
            _ => Self::Unknown,
        }
    }
}

impl ValueCheck {
    fn read(id: &str, config: Options<'_>) -> Option<Self> {
        Some(match id {
            LENGTH => Self::Length {
                bounds: config.bounds(Options::int),
                trim: !config.flag("trim-disabled").unwrap_or(false),
            },
            "integer" => Self::Integer(config.bounds(Options::long)),
            "double" => Self::Double(config.bounds(Options::double)),
            "pattern" => Self::Pattern {
                pattern: config
                    .text("pattern")
                    .and_then(|text| Pattern::compile(text).ok()),
                source: config
                    .filled_text("pattern")
                    .map_or(Value::Null, Value::from),
                message: config.message("error-pattern-no-match"),
            },
            "email" => Self::Email {
                local_part_max: config
                    .int("max-local-length")
                    .and_then(|max| usize::try_from(max).ok())
                    .unwrap_or(LOCAL_PART_MAX),
            },
            "local-date" => Self::LocalDate,
            "iso-date" => Self::IsoDate,
            "options" => Self::Options(config.texts("options").unwrap_or_default()),
            "person-name-prohibited-characters" => Self::PersonName {
                message: config.message("error-person-name-invalid-character"),
            },
            "username-prohibited-characters" => Self::UsernameCharacters {
                message: config.message("error-username-invalid-character"),
            },
            _ => return None,
        })
    }
}

/// A validator's configuration, read as Keycloak reads it: numbers and flags may be text.
#[derive(Clone, Copy)]
pub(super) struct Options<'a>(pub(super) &'a Json);

impl<'a> Options<'a> {
    pub(super) fn has(self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    pub(super) fn get(self, key: &str) -> Option<&'a Value> {
        self.0.get(key)
    }

    fn text(self, key: &str) -> Option<&'a str> {
        self.0.get(key)?.as_str()
    }

    fn filled_text(self, key: &str) -> Option<&'a str> {
        self.text(key).filter(|text| !java::is_blank(text))
    }

    fn message(self, default: &'static str) -> Cow<'static, str> {
        self.filled_text("error-message")
            .map_or(Cow::Borrowed(default), |text| Cow::Owned(text.to_owned()))
    }

    /// A 32-bit number.
    pub(super) fn int(self, key: &str) -> Option<i64> {
        match self.0.get(key)? {
            Value::String(text) => text.parse::<i32>().ok().map(i64::from),
            Value::Number(number) => whole(number),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    pub(super) fn long(self, key: &str) -> Option<i64> {
        match self.0.get(key)? {
            Value::String(text) => text.parse().ok(),
            Value::Number(number) => whole(number),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    pub(super) fn double(self, key: &str) -> Option<f64> {
        match self.0.get(key)? {
            Value::String(text) => super::value::double(text),
            Value::Number(number) => number.as_f64(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    pub(super) fn flag(self, key: &str) -> Option<bool> {
        match self.0.get(key)? {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => Some(text.eq_ignore_ascii_case("true")),
            Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    fn texts(self, key: &str) -> Option<Vec<String>> {
        let list = self.0.get(key)?.as_array()?;
        Some(
            list.iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
        )
    }

    fn bounds<T>(self, read: impl Fn(Self, &str) -> Option<T>) -> Bounds<T> {
        Bounds {
            min: read(self, "min"),
            max: read(self, "max"),
            names_min: self.has("min"),
            names_max: self.has("max"),
        }
    }
}

/// A number without its fraction, as Java casts it.
fn whole(value: &serde_json::Number) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "saturates, as in Java")]
    value
        .as_i64()
        .or_else(|| value.as_f64().map(|number| number as i64))
}
