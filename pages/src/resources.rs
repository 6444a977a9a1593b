//! The files that pages load: styles, scripts, pictures, each with the bytes that travel.

use claviger_engine::page::View;

include!(concat!(env!("OUT_DIR"), "/resources.rs"));

/// The name that addresses have for the theme that the server is built with.
pub const THEME: &str = "claviger";

/// One file.
#[derive(Clone, Copy, Debug)]
pub struct File {
    path: &'static str,
    /// As it is.
    pub plain: &'static [u8],
    /// Compressed, where that is smaller.
    pub gzip: Option<&'static [u8]>,
}

impl File {
    /// Its media type.
    pub fn media_type(&self) -> &'static str {
        match self.path.rsplit('.').next() {
            Some("css") => "text/css;charset=utf-8",
            Some("js") => "text/javascript;charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("png") => "image/png",
            _ => "application/octet-stream",
        }
    }
}

/// A file of the pages by the rest of its address: `login`, then `css/styles.css`.
pub fn file(kind: &str, path: &str) -> Option<File> {
    let files = FILES.iter();
    let mut found = files.filter(|file| {
        let rest = file.path.strip_prefix(kind);
        rest.and_then(|rest| rest.strip_prefix('/')) == Some(path)
    });
    found.next().copied()
}

/// Where the files of a page are, as far as a page says it.
pub fn path(view: &View) -> String {
    folder(base_path(&view.base_url), "login")
}

/// The same of a theme of the operator.
pub fn path_of_theme(view: &View, version: &str, theme: &str) -> String {
    let base_path = base_path(&view.base_url);
    format!("{base_path}/resources/{version}/login/{theme}")
}

/// The address of a script below a base path.
pub fn script(base_path: &str, name: &str) -> String {
    format!("{}/js/{name}", folder(base_path, "login"))
}

/// Where the files of one kind of pages are.
pub(crate) fn folder(base_path: &str, kind: &str) -> String {
    format!("{base_path}/resources/{VERSION}/{kind}/{THEME}")
}

/// The path of a base address: `/auth`, or nothing.
fn base_path(base_url: &str) -> &str {
    let rest = base_url
        .split_once("://")
        .map_or(base_url, |(_, rest)| rest);
    rest.find('/')
        .and_then(|at| rest.get(at..))
        .unwrap_or_default()
}
