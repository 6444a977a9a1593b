//! What happened: user events and admin events, as they are stored and logged.

use crate::{Millis, RealmId};

/// Something a user or a client did, or failed to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// UUID text.
    pub id: String,
    /// When.
    pub time: Millis,
    /// Keycloak's name, `LOGIN` or `LOGIN_ERROR`: an error event ends in `_ERROR`.
    pub kind: String,
    /// Where.
    pub realm: RealmId,
    /// `clientId` of the client, if known.
    pub client_id: Option<String>,
    /// Id of the user, if known.
    pub user_id: Option<String>,
    /// Id of the user session, if there is one.
    pub session_id: Option<String>,
    /// Address of the caller.
    pub ip_address: Option<String>,
    /// Error code of an error event.
    pub error: Option<String>,
    /// Further facts, in the order in which they were found.
    pub details: Vec<(String, String)>,
}

/// Something an administrator did through the Admin API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminEvent {
    /// UUID text.
    pub id: String,
    /// When.
    pub time: Millis,
    /// Where: the realm acted upon.
    pub realm: RealmId,
    /// Id of the realm that the administrator belongs to.
    pub auth_realm_id: String,
    /// Internal id of the client the administrator used.
    pub auth_client_id: String,
    /// Id of the administrator.
    pub auth_user_id: String,
    /// Address of the administrator.
    pub ip_address: String,
    /// `CREATE`, `UPDATE`, `DELETE` or `ACTION`.
    pub operation: String,
    /// `USER`, `CLIENT`, `REALM`, …
    pub resource_type: String,
    /// Path below `/admin/realms/{realm}/`; none for the realm itself.
    pub resource_path: Option<String>,
    /// JSON text of what was sent, if the realm asks for details.
    pub representation: Option<String>,
    /// Error text, if the operation was refused.
    pub error: Option<String>,
    /// Further facts, in the order in which they were found.
    pub details: Vec<(String, String)>,
}
