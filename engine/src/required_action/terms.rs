//! `TERMS_AND_CONDITIONS`: whoever goes on has agreed.

use claviger_store::Tx;
use claviger_wire::flow::RequiredActionView;

use super::{Answered, Due, Form, Visit};
use crate::app::App;
use crate::page::Page;
use crate::realm::Realm;

/// The attribute that says when the user agreed, in seconds since 1970.
pub const ATTRIBUTE: &str = "terms_and_conditions";
/// The same under a name that one release of Keycloak used.
const FORMER: &str = "TERMS_AND_CONDITIONS";
/// The description that the client is told: a key of the message files, as Keycloak tells it.
const DECLINED: &str = "termsAndConditionsDeclined";

pub(super) fn page(visit: &Visit<'_>, action: &RequiredActionView) -> Due {
    Due::new(visit, action, Page::Terms)
}

pub(super) fn answer(
    app: &App,
    realm: &Realm,
    visit: &mut Visit<'_>,
    form: &Form,
    tx: &mut Tx,
) -> Answered {
    let attributes = &mut visit.user.attributes;
    attributes.remove(FORMER);
    if form.contains_key("cancel") {
        attributes.remove(ATTRIBUTE);
        tx.update_user(&realm.id, visit.user);
        visit.event.error(app, realm, "rejected_by_user", tx);
        return Answered::Refused(Some(DECLINED.to_owned()));
    }
    let now = app.now().seconds().0.to_string();
    attributes.insert(ATTRIBUTE.to_owned(), vec![now]);
    tx.update_user(&realm.id, visit.user);
    Answered::Done
}
