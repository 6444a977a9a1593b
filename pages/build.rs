//! Packs what pages need into the crate: its own files, each compressed as well where that makes it
//! smaller, and the message files that `cargo xtask assets` fetched, if they are there.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

fn main() -> io::Result<()> {
    let here = PathBuf::from(env("CARGO_MANIFEST_DIR"));
    let out = PathBuf::from(env("OUT_DIR"));
    resources(&here.join("resources"), &out)
}

fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// `pub const VERSION` and `const FILES: &[File]`.
fn resources(folder: &Path, out: &Path) -> io::Result<()> {
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    files.sort();
    let mut hash = Fnv::new();
    let mut table = String::new();
    for (index, file) in files.iter().enumerate() {
        let bytes = fs::read(file)?;
        let name = file.strip_prefix(folder).map_err(io::Error::other)?;
        let name = name.to_string_lossy().replace('\\', "/");
        hash.take(name.as_bytes());
        hash.take(&bytes);
        let packed = gzip(&bytes)?;
        let packed_path = out.join(format!("resource-{index}.gz"));
        fs::write(&packed_path, &packed)?;
        let smaller = packed.len() < bytes.len();
        writeln!(
            table,
            "    File {{ path: {name:?}, plain: include_bytes!({:?}), gzip: {} }},",
            file.display().to_string(),
            if smaller {
                format!(
                    "Some(include_bytes!({:?}))",
                    packed_path.display().to_string()
                )
            } else {
                "None".to_owned()
            },
        )
        .map_err(io::Error::other)?;
    }
    let text = format!(
        "/// Changes with every file: addresses with it in them can be kept for ever.\n\
         pub const VERSION: &str = \"{}\";\n\nconst FILES: &[File] = &[\n{table}];\n",
        hash.name()
    );
    fs::write(out.join("resources.rs"), text)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// FNV-1a: tells versions of files apart, and protects nothing.
struct Fnv(u64);

impl Fnv {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    fn name(&self) -> String {
        format!("{:08x}", self.0 & 0xffff_ffff)
    }
}
