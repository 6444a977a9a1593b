//! `import` and `--import-realm`.
use crate::settings::Settings;
use claviger_engine::App;
pub fn run(_settings: &Settings) -> anyhow::Result<()> {
    anyhow::bail!("wip")
}
pub async fn at_start(_app: &App, _settings: &Settings) -> anyhow::Result<()> {
    Ok(())
}
