//! How a generator of one-time passwords is shown: as a picture to be read off the screen, or as
//! letters to be typed.

use claviger_engine::page::TotpSetup;
use minijinja::{Value, context};
use qrcode::{Color, QrCode};

/// How many empty modules are around the picture: fewer, and some cameras do not find it (ISO/IEC
/// 18004 §6.3.8).
const MARGIN: usize = 4;
/// The parameter that chooses how the secret is shown.
const MODE: &str = "mode";

/// What the template sees of it.
pub fn shown(setup: &TotpSetup, action: &str) -> Value {
    let TotpSetup {
        secret,
        encoded,
        address,
        mode,
        kind,
        algorithm,
        digits,
        period,
        counter,
        applications,
        needs_label,
    } = setup;
    let picture = picture(address.reveal());
    // Without a picture there is nothing but the letters.
    let is_manual = mode.as_deref() == Some("manual") || picture.is_none();
    context! {
        totpSecret => secret.reveal(),
        totpSecretEncoded => encoded.reveal(),
        qr => picture.map(|(size, path)| context! { size => size, path => path }),
        manual => is_manual,
        mode => mode,
        manualUrl => with_mode(action, "manual"),
        qrUrl => with_mode(action, "qr"),
        policy => context! {
            type => kind,
            algorithmKey => algorithm,
            digits => digits,
            period => period,
            initialCounter => counter,
        },
        supportedApplications => applications,
        needsLabel => needs_label,
    }
}

/// The same page in another mode: the form's address without what is good for one use only.
fn with_mode(action: &str, mode: &str) -> String {
    let (address, query) = action.split_once('?').unwrap_or((action, ""));
    let kept = query.split('&').filter(|pair| {
        let name = pair.split_once('=').map_or(*pair, |(name, _)| name);
        !name.is_empty() && name != "session_code" && name != MODE
    });
    let pairs: Vec<String> = kept
        .map(str::to_owned)
        .chain([format!("{MODE}={mode}")])
        .collect();
    format!("{address}?{}", pairs.join("&"))
}

/// A text as a square of so many modules, and the dark ones as an SVG path; none for a text that is
/// too long for one.
fn picture(text: &str) -> Option<(usize, String)> {
    use std::fmt::Write;
    let code = QrCode::new(text.as_bytes()).ok()?;
    let width = code.width();
    let colors = code.to_colors();
    let mut path = String::new();
    for (y, row) in colors.chunks(width.max(1)).enumerate() {
        for (x, color) in row.iter().enumerate() {
            if *color == Color::Dark {
                // Writing to a string does not fail.
                let _ = write!(path, "M{} {}h1v1h-1z", x + MARGIN, y + MARGIN);
            }
        }
    }
    Some((width + 2 * MARGIN, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_mode_is_another_address_of_the_same_page() {
        let action =
            "http://localhost/a?session_code=x&execution=CONFIGURE_TOTP&client_id=app&mode=qr";
        assert_eq!(
            with_mode(action, "manual"),
            "http://localhost/a?execution=CONFIGURE_TOTP&client_id=app&mode=manual"
        );
        assert_eq!(with_mode("/a", "qr"), "/a?mode=qr");
    }

    #[test]
    fn a_picture_has_its_three_corners() {
        let (size, path) = picture("otpauth://totp/shop:alice?secret=ABC").unwrap();
        let last = size - MARGIN - 1;
        for (x, y) in [(MARGIN, MARGIN), (last, MARGIN), (MARGIN, last)] {
            assert!(path.contains(&format!("M{x} {y}h1v1h-1z")), "{x} {y}");
        }
        assert!(!path.contains(&format!("M{last} {last}h")), "no fourth one");
        assert_eq!(picture(&"x".repeat(10_000)), None);
    }
}
