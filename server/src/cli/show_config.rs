//! `show-config`: what is given, and by whom. Secrets are masked.

use crate::settings::known::Table;
use crate::settings::raw::RawOptions;

/// Prints every option that somebody gave.
#[expect(clippy::unnecessary_wraps, reason = "all commands have one signature")]
pub fn run(raw: &RawOptions, table: &Table) -> anyhow::Result<()> {
    println!("Current Configuration:");
    for (name, given) in raw.iter() {
        let secret = table.find(name).is_none_or(|known| known.secret);
        let value = if secret {
            "*******"
        } else {
            given.value.reveal()
        };
        println!("\tkc.{name} =  {value} ({})", given.origin);
    }
    Ok(())
}
