//! Secrets in a realm file for somebody who may administer the realm, but not read its keys.

use claviger_wire::MASK;
use claviger_wire::component::{is_vault_reference, mask_config};
use claviger_wire::document::Json;
use serde_json::{Value, json};

/// Settings of authenticators that Keycloak knows to be harmless; all others are masked.
const SHOWN_AUTHENTICATOR_SETTINGS: &[&str] = &[
    "action",
    "action_on_otp_reset_flag",
    "always_set_password_on_register_form",
    "attribute_expected_value",
    "attribute_name",
    "behavior",
    "check_result",
    "client_scope",
    "condUserRole",
    "credentials",
    "defaultOtpOutcome",
    "defaultProvider",
    "denyErrorMessage",
    "errorMessage",
    "flow_to_check",
    "force-login",
    "forceOtpForHeaderPattern",
    "forceOtpRole",
    "include_group_attributes",
    "included",
    "loa-condition-level",
    "loa-max-age",
    "negate",
    "noOtpRequiredForHeaderPattern",
    "not",
    "otpControlAttribute",
    "project.id",
    "recaptcha.v3",
    "regex",
    "require.password.update.after.registration",
    "requiresUserMembership",
    "score.threshold",
    "site.key",
    "skipOtpRole",
    "update.profile.on.first.login",
    "useRecaptchaNet",
    "userClientLimit",
    "userRealmLimit",
    "x509-cert-auth-crl-abort-if-non-updated",
    "x509-cert-auth.canonical-dn-enabled",
    "x509-cert-auth.certificate-policy",
    "x509-cert-auth.certificate-policy-mode",
    "x509-cert-auth.confirmation-page-disallowed",
    "x509-cert-auth.crl-checking-enabled",
    "x509-cert-auth.crl-relative-path",
    "x509-cert-auth.crldp-checking-enabled",
    "x509-cert-auth.extendedkeyusage",
    "x509-cert-auth.keyusage",
    "x509-cert-auth.mapper-selection",
    "x509-cert-auth.mapper-selection.user-attribute-name",
    "x509-cert-auth.mapping-source-selection",
    "x509-cert-auth.ocsp-checking-enabled",
    "x509-cert-auth.ocsp-fail-open",
    "x509-cert-auth.ocsp-responder-certificate",
    "x509-cert-auth.ocsp-responder-uri",
    "x509-cert-auth.regular-expression",
    "x509-cert-auth.revalidate-certificate-enabled",
    "x509-cert-auth.serialnumber-hex-enabled",
    "x509-cert-auth.timestamp-validation-enabled",
];

/// Masks the secrets of a realm file; credentials of users are left out.
pub(crate) fn mask(file: &mut Json) {
    if let Some(Value::Object(server)) = file.get_mut("smtpServer") {
        mask_members(server, &["password", "authTokenClientSecret"]);
    }
    for client in objects(file, "clients") {
        mask_members(client, &["secret"]);
        if let Some(Value::Object(attributes)) = client.get_mut("attributes") {
            mask_members(attributes, &["client.secret.rotated"]);
        }
    }
    for provider in objects(file, "identityProviders") {
        if let Some(Value::Object(config)) = provider.get_mut("config") {
            mask_members(config, &["clientSecret"]);
        }
    }
    for config in objects(file, "authenticatorConfig") {
        if let Some(Value::Object(settings)) = config.get_mut("config") {
            for (name, value) in settings.iter_mut() {
                if !SHOWN_AUTHENTICATOR_SETTINGS.contains(&name.as_str()) {
                    mask_value(value);
                }
            }
        }
    }
    for user in objects(file, "users") {
        user.shift_remove("credentials");
    }
    mask_components(file, "components");
}

fn mask_components(owner: &mut Json, member: &str) {
    let Some(Value::Object(types)) = owner.get_mut(member) else {
        return;
    };
    for (provider_type, list) in types.iter_mut() {
        let components = list.as_array_mut().into_iter().flatten();
        for component in components.filter_map(Value::as_object_mut) {
            let provider = component.get("providerId").and_then(Value::as_str);
            let provider = provider.unwrap_or_default().to_owned();
            if let Some(Value::Object(config)) = component.get_mut("config") {
                mask_config(provider_type, &provider, config);
            }
            mask_components(component, "subComponents");
        }
    }
}

fn objects<'a>(file: &'a mut Json, member: &str) -> impl Iterator<Item = &'a mut Json> {
    let list = file.get_mut(member).and_then(Value::as_array_mut);
    list.into_iter().flatten().filter_map(Value::as_object_mut)
}

fn mask_members(object: &mut Json, names: &[&str]) {
    for name in names {
        if let Some(value) = object.get_mut(*name) {
            mask_value(value);
        }
    }
}

fn mask_value(value: &mut Value) {
    if !value.is_null() && !value.as_str().is_some_and(is_vault_reference) {
        *value = json!(MASK);
    }
}
