//! Answers that people carry over by hand: for programs on a command line that no browser can reach.

use crate::client::Client;
use crate::realm::Realm;
use crate::redirect::{RedirectUri, redirect_uri};
use crate::request::RequestContext;

/// The `redirect_uri` of such programs.
const OUT_OF_BAND: &str = "urn:ietf:wg:oauth:2.0:oob";

/// Where the answer goes: the address itself, or the page that shows what is to be copied.
pub fn answer_address(context: &RequestContext, realm: &Realm, address: &RedirectUri) -> String {
    if address.as_str() == OUT_OF_BAND {
        page(context, realm)
    } else {
        address.as_str().to_owned()
    }
}

/// The address of the page that shows codes.
fn page(context: &RequestContext, realm: &Realm) -> String {
    let issuer = context.issuer(&realm.name);
    format!("{issuer}/protocol/openid-connect/oauth/oob")
}

/// The address for an answer, if the client registered it; `asked` may also be the page that shows
/// codes.
pub(super) fn registered(
    context: &RequestContext,
    realm: &Realm,
    client: &Client,
    asked: &str,
) -> Option<String> {
    let meant = if asked == page(context, realm) {
        OUT_OF_BAND
    } else {
        asked
    };
    let address = redirect_uri(client, &context.base_url, meant)?;
    Some(answer_address(context, realm, &address))
}
