//! Identity providers and their mappers.

use claviger_wire::document::{Json, Kind};
use serde_json::{Value, json};

use super::assembly::{Assembly, Place};
use super::problem::{At, ImportError};
use super::shape::{drop_empty_config, each, text};
use crate::organization::PROVIDER_OF;

/// Adds the identity providers of the file and their mappers.
pub(crate) fn add_from_file(assembly: &mut Assembly<'_>, file: &Json) -> Result<(), ImportError> {
    let list_at = At::Root.key("identityProviders");
    for (index, provider) in each(file, "identityProviders") {
        add_provider(assembly, provider, &list_at.index(index))?;
    }
    let list_at = At::Root.key("identityProviderMappers");
    for (index, mapper) in each(file, "identityProviderMappers") {
        let at = list_at.index(index);
        let mut body = mapper.clone();
        body.entry("config").or_insert(json!({}));
        drop_empty_config(&mut body);
        let alias = text(mapper, "identityProviderAlias").unwrap_or_default();
        let Some(parent) = assembly.find(Kind::IdentityProvider, "", alias) else {
            let at = at.key("identityProviderAlias");
            assembly
                .warnings
                .push(format!("{at}: there is no identity provider `{alias}`"));
            continue;
        };
        let place = Place {
            kind: Kind::IdentityProviderMapper,
            parent: &parent,
            name: "",
        };
        assembly.add(&place, body, &at)?;
    }
    Ok(())
}

fn add_provider(
    assembly: &mut Assembly<'_>,
    provider: &Json,
    at: &At<'_>,
) -> Result<(), ImportError> {
    let Some(alias) = text(provider, "alias").map(str::to_owned) else {
        return Err(at
            .key("alias")
            .invalid("an identity provider needs an alias"));
    };
    if text(provider, "providerId").is_none() {
        return Err(at
            .key("providerId")
            .invalid("an identity provider needs a providerId"));
    }
    for member in ["firstBrokerLoginFlowAlias", "postBrokerLoginFlowAlias"] {
        if let Some(flow) = text(provider, member)
            && assembly.find(Kind::Flow, "", flow).is_none()
        {
            let problem = format!("No available authentication flow with alias: {flow}");
            return Err(at.key(member).invalid(problem));
        }
    }
    let mut body = provider.clone();
    body.shift_remove("types");
    // Whose it is, the organizations of the file say.
    body.shift_remove(PROVIDER_OF);
    body.entry("enabled").or_insert(json!(true));
    body.entry("config").or_insert(json!({}));
    drop_empty_config(&mut body);
    // The flag moved from the settings to the provider itself with release 26.
    let hidden = body.get_mut("config").and_then(Value::as_object_mut);
    let hidden = hidden.and_then(|config| config.shift_remove("hideOnLoginPage"));
    if let Some(Value::String(hidden)) = hidden {
        body.insert(
            "hideOnLogin".to_owned(),
            json!(hidden.eq_ignore_ascii_case("true")),
        );
    }
    assembly.add(
        &Place {
            kind: Kind::IdentityProvider,
            parent: "",
            name: &alias,
        },
        body,
        at,
    )?;
    Ok(())
}
