//! The page that sends an answer to a client by itself (OAuth 2.0 Form Post Response Mode).

use claviger_engine::browser::ClientAnswer;

use crate::templates::escape;

/// The HTML of an answer as a form, which the browser sends as soon as it has it, or with the one
/// button of the page where scripts are off. `script` is the address of the script that sends it.
///
/// Its spelling, capitals included, is what clients' tests look for in Keycloak's.
pub fn html(answer: &ClientAnswer, script: &str) -> String {
    let mut html = String::from(
        "<!DOCTYPE html>\n<HTML>\n<HEAD>\n<TITLE>OIDC Form_Post Response</TITLE>\n<META NAME=\"viewport\" CONTENT=\"width=device-width\">\n</HEAD>\n<BODY>\n<FORM METHOD=\"POST\" ACTION=\"",
    );
    escape(&mut html, &answer.redirect_uri);
    html.push_str("\">\n");
    for (name, value) in &answer.parameters {
        html.push_str("<INPUT TYPE=\"HIDDEN\" NAME=\"");
        escape(&mut html, name);
        html.push_str("\" VALUE=\"");
        escape(&mut html, value);
        html.push_str("\">\n");
    }
    html.push_str(
        "<NOSCRIPT>\n<P>Scripts are switched off in this browser. To go on, please press the button.</P>\n\
         <INPUT name=\"continue\" TYPE=\"SUBMIT\" VALUE=\"CONTINUE\">\n</NOSCRIPT>\n</FORM>\n<SCRIPT SRC=\"",
    );
    // Behind the form, and not deferred: browsers without a window do not all heed that.
    escape(&mut html, script);
    html.push_str("\"></SCRIPT>\n</BODY>\n</HTML>\n");
    html
}

#[cfg(test)]
mod tests {
    use claviger_engine::browser::Delivery;

    use super::*;

    /// The suite's browser has no window and passes over scripts that wait: its own must come last.
    #[test]
    fn the_script_stands_behind_the_form_that_it_sends() {
        let answer = ClientAnswer {
            redirect_uri: "http://app.example/cb".to_owned(),
            parameters: vec![("code".to_owned(), "c".to_owned())],
            delivery: Delivery::FormPost,
        };
        let html = html(&answer, "/form-post.js");
        let (_, behind) = html.split_once("</FORM>").unwrap();
        assert!(behind.contains("<SCRIPT SRC=\"/form-post.js\"></SCRIPT>"));
    }
}
