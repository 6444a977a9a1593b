//! Every page as a file, for a browser to look at: `cargo xtask clients gallery`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::json;

use crate::gallery::{World, every_page, surrounded};

/// The folder to write to.
const FOLDER: &str = "CLAVIGER_GALLERY";

#[tokio::test]
#[ignore = "writes files for a browser, which cargo xtask clients starts"]
async fn every_page_is_written_down() {
    let folder = PathBuf::from(std::env::var(FOLDER).expect(FOLDER));
    fs::create_dir_all(&folder).unwrap();
    let world = World::with(json!({"displayName": "The Reading Room"})).await;
    let mut of_a_name: BTreeMap<&str, u32> = BTreeMap::new();
    for page in every_page("Alice") {
        let name = claviger_pages::page_id(&page);
        let number = of_a_name.entry(name).or_default();
        *number += 1;
        let name = match number {
            1 => name.to_owned(),
            number => format!("{name}-{number}"),
        };
        let plain = world.view(page.clone());
        let full = surrounded(world.view(page), "Alice");
        for (view, name) in [(plain, name.clone()), (full, format!("{name}-full"))] {
            let file = folder.join(format!("{name}.html"));
            fs::write(file, claviger_pages::render(&view)).unwrap();
        }
    }
}
