//! `VERIFY_EMAIL`: whoever reads the mail at the address proves that it is theirs. No mail goes out yet, so
//! nobody gets past it who has an address to be verified.

use claviger_store::Tx;
use claviger_wire::flow::RequiredActionView;

use super::{Challenge, Due, Visit, later};
use crate::app::App;
use crate::mail;
use crate::page::{Fault, Message, Page};
use crate::realm::Realm;

pub(super) fn page(
    app: &App,
    realm: &Realm,
    visit: &Visit<'_>,
    action: &RequiredActionView,
    tx: &mut Tx,
) -> Challenge {
    if visit.user.email_verified {
        return Challenge::Nothing;
    }
    let address = visit.user.email.as_deref().unwrap_or_default();
    if address.trim().is_empty() {
        // There is nothing to verify until there is an address.
        return Challenge::Impossible;
    }
    let mut event = visit.event.clone();
    event.kind("SEND_VERIFY_EMAIL").detail("email", address);
    event.detail("reason", mail::unsent(realm));
    event.error(app, realm, "email_send_failed", tx);
    if realm.settings.mail_sender.is_some() {
        return later::page(visit, action).into();
    }
    let page = Page::Error {
        fault: Fault::Internal,
        back: None,
    };
    let message = Message::new("emailSendErrorMessage");
    Due::new(visit, action, page).wrong(message).into()
}
