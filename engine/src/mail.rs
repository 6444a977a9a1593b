//! Mails. None goes out yet: what would have been sent is told as a failure, as Keycloak tells one.

use crate::realm::Realm;

/// Why a mail did not go out, for the event and the log.
pub fn unsent(realm: &Realm) -> &'static str {
    if realm.settings.mail_sender.is_none() {
        tracing::warn!(
            realm = realm.name,
            "a mail was to be sent, and the realm has no mail server"
        );
        return "Invalid sender address 'null'. If the address contains UTF-8 characters in the local \
                part please ensure the SMTP server supports the SMTPUTF8 extension and enable 'Allow \
                UTF-8' in the email realm configuration.";
    }
    tracing::error!(
        realm = realm.name,
        "a mail was to be sent, and this server cannot send mails yet: nothing was sent"
    );
    "This server cannot send mails yet"
}
