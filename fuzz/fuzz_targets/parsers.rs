//! libFuzzer's way in: runs the target that `CLAVIGER_FUZZ_TARGET` names.

#![no_main]

use std::sync::LazyLock;

use claviger_fuzz::{Target, named};
use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("CLAVIGER_FUZZ_TARGET").unwrap_or_default();
    named(&name).unwrap_or_else(|| panic!("CLAVIGER_FUZZ_TARGET names no target: {name:?}"))
});

fuzz_target!(|data: &[u8]| (TARGET.run)(data));
