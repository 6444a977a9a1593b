//! Which traces are sent, and where to.

use claviger_outbound::Protocol;
use http::{HeaderName, HeaderValue};
use url::Url;

use super::UsageError;
use super::raw::RawOptions;
use super::value::Values;

/// What stands before the name of a header.
const HEADER: &str = "tracing-header-";
/// Headers and attributes at most.
const MOST: usize = 64;

/// What is sent to a collector of traces.
#[derive(Clone, Debug, PartialEq)]
pub struct Tracing {
    /// Its base URL.
    pub endpoint: Url,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// What each call has to have; marked as secret.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Which requests are traced.
    pub sampling: Sampling,
    /// `service.name`.
    pub service: String,
    /// Further attributes of the resource.
    pub attributes: Vec<(String, String)>,
}

/// Which requests are traced.
#[derive(Clone, Debug, PartialEq)]
pub enum Sampling {
    /// All.
    Always,
    /// None.
    Never,
    /// So many of all, 0 to 1.
    Ratio(f64),
    /// Those whose caller traces; where none says, by another rule.
    ByParent(Box<Self>),
}

impl Tracing {
    /// Reads `tracing-*`. Nothing if traces are not asked for.
    pub(super) fn check(values: &Values<'_>, raw: &RawOptions) -> Result<Option<Self>, UsageError> {
        if !values.flag("tracing-enabled")? {
            return Ok(None);
        }
        let name = "tracing-endpoint";
        let text = values.text(name).unwrap_or("http://localhost:4317");
        let endpoint = Url::parse(text).ok();
        let called = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        let endpoint = endpoint.filter(called).ok_or_else(|| {
            UsageError(format!(
                "Invalid value for option '--{name}': Expected a URL of http or https"
            ))
        })?;
        let attributes: Result<Vec<_>, UsageError> = values
            .list("tracing-resource-attributes")
            .map(|pair| split("tracing-resource-attributes", pair))
            .collect();
        let tracing = Self {
            endpoint,
            protocol: match values.text("tracing-protocol") {
                Some("http/protobuf") => Protocol::Http,
                Some(_) | None => Protocol::Grpc,
            },
            headers: headers(values, raw)?,
            sampling: sampling(values)?,
            service: values
                .text("tracing-service-name")
                .unwrap_or("keycloak")
                .to_owned(),
            attributes: attributes?,
        };
        if tracing.headers.len() > MOST || tracing.attributes.len() > MOST {
            return Err(UsageError(format!(
                "tracing: at most {MOST} headers and attributes"
            )));
        }
        Ok(Some(tracing))
    }
}

/// `name=value`; the value may be a secret, and is not shown.
fn split(option: &str, pair: &str) -> Result<(String, String), UsageError> {
    match pair.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        Some(_) | None => Err(UsageError(format!(
            "Invalid value for option '--{option}': Expected name=value"
        ))),
    }
}

fn headers(
    values: &Values<'_>,
    raw: &RawOptions,
) -> Result<Vec<(HeaderName, HeaderValue)>, UsageError> {
    let mut pairs = Vec::new();
    for pair in values.list("tracing-headers") {
        pairs.push(split("tracing-headers", pair)?);
    }
    for (name, given) in raw.iter() {
        if let Some(header) = name.strip_prefix(HEADER) {
            pairs.push((header.to_owned(), given.value.reveal().to_owned()));
        }
    }
    let header = |(name, value): (String, String)| {
        let value = HeaderValue::from_str(&value).ok();
        let (name, mut value) = name.parse().ok().zip(value).ok_or_else(|| {
            UsageError("option tracing-headers: a name or a value is none of a header".to_owned())
        })?;
        value.set_sensitive(true);
        Ok((name, value))
    };
    pairs.into_iter().map(header).collect()
}

fn sampling(values: &Values<'_>) -> Result<Sampling, UsageError> {
    let name = "tracing-sampler-ratio";
    let text = values.text(name).unwrap_or("1.0");
    let ratio: Option<f64> = text.parse().ok();
    let ratio = ratio
        .filter(|ratio| (0.0..=1.0).contains(ratio))
        .ok_or_else(|| {
            UsageError(format!(
                "Invalid value for option '--{name}': Expected a number from 0 to 1, got \"{text}\""
            ))
        })?;
    let kind = values
        .text("tracing-sampler-type")
        .unwrap_or("traceidratio");
    let (by_parent, kind) = match kind.strip_prefix("parentbased_") {
        Some(kind) => (true, kind),
        None => (false, kind),
    };
    let sampling = match kind {
        "always_on" => Sampling::Always,
        "always_off" => Sampling::Never,
        _ => Sampling::Ratio(ratio),
    };
    Ok(if by_parent {
        Sampling::ByParent(Box::new(sampling))
    } else {
        sampling
    })
}
