//! Actions that this server cannot do yet. Nobody gets in past one of them.

use claviger_wire::flow::RequiredActionView;

use super::{Due, Visit};
use crate::page::{Fault, Message, Page};

pub(super) fn page(visit: &Visit<'_>, action: &RequiredActionView) -> Due {
    let name = if action.name.is_empty() {
        &action.alias
    } else {
        &action.name
    };
    tracing::warn!(
        action = action.alias,
        "a user has to do something that this server cannot do yet, and is not let in"
    );
    let page = Page::Error {
        fault: Fault::BadRequest,
        back: None,
    };
    let text = format!(
        "Your account needs a step that this server cannot do yet: {name}. Please ask your \
         administrator to take it back."
    );
    Due::new(visit, action, page).wrong(Message::new(text))
}
