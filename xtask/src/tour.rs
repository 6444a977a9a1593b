//! The tour in `README.md`, run as a reader would paste it, with what it promises to print.
//!
//! Between the markers, a `bash` block is a command and a `text` block after it is what it prints; `…` in there
//! stands for anything within a line.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::children;
use crate::packages::{Need, find};
use crate::product::{self, Server};
use crate::report::Counts;
use crate::scratch::Scratch;

pub const HELP: &str = "
usage: cargo xtask tour [--against=URL]

Walks the tour of README.md at a server started for it, or at a running one, and compares what it prints.";

/// What the tour's commands need.
pub const CURL: Need = Need {
    name: "curl",
    packages: &["curl"],
    present: || find("curl").is_some(),
};

const BEGIN: &str = "<!-- tour: begin -->";
const END: &str = "<!-- tour: end -->";
/// Printed after each block; nothing a server says.
const MARK: &str = "=== end of block ===";

/// One command of the tour, and what it has to print, if that is told.
#[derive(Debug, PartialEq, Eq)]
struct Block {
    command: String,
    expected: Option<String>,
}

/// The task.
pub fn run(arguments: &[String]) -> Result<bool> {
    let counts = match arguments {
        [] => step(&product::build(false)?)?,
        [against] if let Some(url) = against.strip_prefix("--against=") => walk(url)?,
        _ => bail!("tour takes --against=URL or nothing"),
    };
    println!(
        "{} blocks as promised, {} not",
        counts.passed, counts.failed
    );
    Ok(counts.failed == 0)
}

/// The step of `cargo xtask test`.
pub fn step(program: &Path) -> Result<Counts> {
    let mut server = Server::start(program, "tour")?;
    let outcome = walk(&server.url());
    server.check_alive()?;
    if outcome.is_err() {
        println!("{}", server.log_tail());
    }
    outcome
}

/// Walks the tour at a server.
fn walk(url: &str) -> Result<Counts> {
    let blocks = read(&product::read("README.md")?)?;
    let folder = Scratch::new("tour")?;
    let script = folder.path().join("tour.sh");
    let mut text = String::new();
    for block in &blocks {
        text.extend([block.command.as_str(), "\nprintf '\\n%s\\n' '", MARK, "'\n"]);
    }
    fs::write(&script, text)?;
    let printed = folder.path().join("printed");
    let mut command = Command::new("bash");
    command
        .args(["-euo", "pipefail"])
        .arg(&script)
        .env("BASE_URL", url)
        .current_dir(folder.path());
    let status = children::run(command.stdout(fs::File::create(&printed)?))?;
    let printed = String::from_utf8_lossy(&fs::read(&printed)?).into_owned();
    let outputs: Vec<&str> = printed.split(MARK).collect();
    let mut counts = Counts::default();
    for (index, block) in blocks.iter().enumerate() {
        // Of a block that failed there is output, but no mark after it.
        let finished = index + 1 < outputs.len();
        let output = outputs.get(index).copied().unwrap_or_default();
        if finished
            && block
                .expected
                .as_deref()
                .is_none_or(|expected| fits(expected, output))
        {
            counts.passed += 1;
            continue;
        }
        counts.failed += 1;
        println!(
            "the tour's block {} does not do what it promises:\n{}",
            index + 1,
            block.command
        );
        println!(
            "expected:\n{}",
            block.expected.as_deref().unwrap_or("(to succeed)")
        );
        println!("got:\n{}", output.trim());
        if !finished {
            println!("bash ended with {}", children::describe(status));
            break;
        }
    }
    Ok(counts)
}

/// The blocks between the markers.
fn read(text: &str) -> Result<Vec<Block>> {
    let inside = text
        .split_once(BEGIN)
        .and_then(|(_, rest)| rest.split_once(END));
    let Some((inside, _)) = inside else {
        bail!("README.md has no tour")
    };
    let mut blocks: Vec<Block> = Vec::new();
    let mut fence: Option<(&str, String)> = None;
    for line in inside.lines() {
        match (&mut fence, line.strip_prefix("```")) {
            (None, Some(language)) => fence = Some((language.trim(), String::new())),
            (None, None) => {}
            (Some((language, body)), Some(_)) => {
                let body = std::mem::take(body);
                match (*language, blocks.last_mut()) {
                    ("bash", _) => blocks.push(Block {
                        command: body,
                        expected: None,
                    }),
                    ("text", Some(block)) if block.expected.is_none() => {
                        block.expected = Some(body);
                    }
                    (other, _) => bail!("the tour has a {other:?} block where none belongs"),
                }
                fence = None;
            }
            (Some((_, body)), None) => {
                body.push_str(line);
                body.push('\n');
            }
        }
    }
    if blocks.is_empty() || fence.is_some() {
        bail!("the tour in README.md has no block, or one without an end");
    }
    Ok(blocks)
}

/// Whether output is what was promised, line by line.
fn fits(expected: &str, output: &str) -> bool {
    let expected: Vec<&str> = expected.trim().lines().collect();
    let output: Vec<&str> = output.trim().lines().collect();
    expected.len() == output.len()
        && expected
            .iter()
            .zip(output)
            .all(|(pattern, line)| line_fits(pattern, line))
}

fn line_fits(pattern: &str, line: &str) -> bool {
    let line = line.trim_end();
    let mut parts = pattern.trim_end().split('…');
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        // Each part but the last is found as early as may be; the last must end the line.
        if let Some(previous) = last.replace(part) {
            let Some((_, after)) = rest.split_once(previous) else {
                return false;
            };
            rest = after;
        }
    }
    last.map_or(rest.is_empty(), |part| rest.ends_with(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tour_is_read() {
        let text = format!(
            "before\n```bash\nno\n```\n{BEGIN}\nwords\n```bash\na=1\necho $a\n```\nprints\n```text\n1\n```\n\
             ```bash\ntrue\n```\n{END}\n"
        );
        let first = Block {
            command: "a=1\necho $a\n".to_owned(),
            expected: Some("1\n".to_owned()),
        };
        let second = Block {
            command: "true\n".to_owned(),
            expected: None,
        };
        assert_eq!(read(&text).unwrap(), [first, second]);
        assert!(read("no markers").is_err());
        assert!(read(&format!("{BEGIN}{END}")).is_err());
        assert!(read(&format!("{BEGIN}\n```text\n1\n```\n{END}")).is_err());
        assert!(read(&format!("{BEGIN}\n```bash\n1\n{END}")).is_err());
    }

    #[test]
    fn output_fits_line_by_line() {
        for (pattern, line, expected) in [
            ("{\"active\":false}", "{\"active\":false}", true),
            (
                "{\"active\":true,…}",
                "{\"active\":true,\"sub\":\"x\"}",
                true,
            ),
            ("{\"active\":true,…}", "{\"active\":false}", false),
            ("…alice…shop…", "user alice of shop here", true),
            ("…alice…shop…", "shop alice", false),
            ("a…", "ba", false),
            ("…", "", true),
            ("a…a", "a", false),
            ("a", "a b", false),
        ] {
            assert_eq!(
                line_fits(pattern, line),
                expected,
                "{pattern} against {line}"
            );
        }
        assert!(fits("a\nb\n", "\na\nb\n\n"));
        assert!(!fits("a\nb\n", "a\n"));
        assert!(!fits("a\n", "a\nb\n"));
    }

    #[test]
    fn the_real_tour_can_be_read() {
        let blocks = read(&product::read("README.md").unwrap()).unwrap();
        assert!(blocks.iter().any(|block| block.expected.is_some()));
    }
}
