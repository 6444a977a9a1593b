//! The description of the Admin API, looked over by a validator of OpenAPI 3.1 that others keep. What is
//! true of it is tried in `rest/tests/it/openapi.rs`.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::children;
use crate::product::Server;
use crate::python;
use crate::report::Counts;
use crate::workspace::root;

const FOLDER: &str = "rest/tests/description";

/// The step of `cargo xtask test`.
pub fn step(program: &Path) -> Result<Counts> {
    let requirements = format!("{FOLDER}/requirements.txt");
    let python = python::environment("description-venv", &requirements)?;
    let mut server = Server::start(program, "description")?;
    let mut check = Command::new(python);
    check
        .arg(root().join(FOLDER).join("check.py"))
        .arg(format!("{}/admin/openapi.json", server.url()));
    let status = children::run(&mut check)?;
    server.check_alive()?;
    Ok(Counts::of(status.success()))
}
