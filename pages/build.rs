//! Packs what pages need into the crate: its own files, each compressed as well where that makes it
//! smaller, and the texts of the message files that `cargo xtask assets` fetched, if they are there.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use sha2::{Digest as _, Sha256};

/// The artifact with the message files, and what it has to hash to.
const ARTIFACT: &str = "keycloak-themes-26.7.4.jar";
const SHA_256: &str = "c46ec4ed451bfecbf6428f7f8656768dabd9cd93f30dd3783781fa4cc18b670f";
/// The themes whose texts are taken.
const KINDS: [&str; 4] = ["account", "admin", "email", "login"];
/// How large a message file of it may be, in bytes.
const FILE_MAX: u64 = 1024 * 1024;

fn main() -> io::Result<()> {
    let here = PathBuf::from(env("CARGO_MANIFEST_DIR"));
    let out = PathBuf::from(env("OUT_DIR"));
    resources(&here.join("resources"), &out)?;
    messages(&here.join("fetched"), &out)
}

fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// `const PACKED: &[(kind, language, bytes)]`: message files, compressed one by one, since a server
/// speaks few of the languages.
fn messages(folder: &Path, out: &Path) -> io::Result<()> {
    println!("cargo:rerun-if-changed={}", folder.display());
    let path = folder.join(ARTIFACT);
    let mut table = String::new();
    if path.is_file() {
        let bytes = fs::read(&path)?;
        let found = hex(&Sha256::digest(&bytes));
        if found != SHA_256 {
            return Err(io::Error::other(format!(
                "{} hashes to {found} rather than {SHA_256}: remove it and run `cargo xtask assets`",
                path.display()
            )));
        }
        let mut archive = zip::ZipArchive::new(io::Cursor::new(bytes))?;
        let names = archive.file_names().map(|name| Ok(name?.into_owned()));
        let names: Vec<String> = names.collect::<io::Result<_>>()?;
        let mut files: Vec<(&str, String, &String)> = names
            .iter()
            .filter_map(|name| parts(name).map(|(kind, language)| (kind, language, name)))
            .collect();
        files.sort();
        for (kind, language, name) in files {
            let mut text = String::new();
            archive
                .by_name(name)?
                .take(FILE_MAX)
                .read_to_string(&mut text)?;
            let packed = out.join(format!("messages-{kind}-{language}.deflate"));
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(renamed(&text).as_bytes())?;
            fs::write(&packed, encoder.finish()?)?;
            let packed = packed.display().to_string();
            writeln!(
                table,
                "    ({kind:?}, {language:?}, include_bytes!({packed:?})),"
            )
            .map_err(io::Error::other)?;
        }
    }
    let text = format!("const PACKED: &[(&str, &str, &[u8])] = &[\n{table}];\n");
    fs::write(out.join("messages.rs"), text)
}

/// Theme and language of a message file of the base theme: `("login", "pt_BR")`.
fn parts(name: &str) -> Option<(&'static str, String)> {
    let rest = name.strip_prefix("theme/base/")?;
    let (kind, rest) = rest.split_once("/messages/messages_")?;
    let kind = KINDS.iter().find(|known| **known == kind)?;
    Some((kind, rest.strip_suffix(".properties")?.to_owned()))
}

/// The same text about this product. Keys have the other's name in small letters only, and keep it.
fn renamed(text: &str) -> String {
    text.replace("Keycloak", "Claviger")
        .replace("KeyCloak", "Claviger")
        .replace("KEYCLOAK", "CLAVIGER")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
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
