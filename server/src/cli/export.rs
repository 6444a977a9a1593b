//! `export`.
use crate::settings::Settings;
pub fn run(_settings: &Settings) -> anyhow::Result<()> {
    anyhow::bail!("wip")
}
