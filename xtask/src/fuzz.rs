//! `cargo xtask fuzz`: throws bytes at every parser, guided by what they reach.
//!
//! libFuzzer needs the compiler's coverage passes, which stable Rust has, and no sanitizer: the product has no
//! `unsafe`, so that what can go wrong is a panic, a wrong answer, or too much time or memory. All of them are seen
//! without one. See `docs/decisions/008-fuzzing.md`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::children;
use crate::packages::{self, Need};
use crate::report::{Counts, Report};
use crate::workspace::{cargo, root, target};

pub const HELP: &str = "
usage: cargo xtask fuzz [target] [seconds]

Throws bytes at a parser, or at each of them, for so many seconds (60): mutations of the files in fuzz/corpus/, guided
by what they reach. What is found lies in target/fuzz/finds/; run it alone with

    CLAVIGER_FUZZ_TARGET=name target/fuzz/<triple>/debug/parsers target/fuzz/finds/<file>

Inputs that reach something new are kept in target/fuzz/corpus/ for the next run. A C++ compiler is needed; as root on
Debian it is installed when missing. Where cargo-fuzz is installed, `CLAVIGER_FUZZ_TARGET=name cargo fuzz run parsers`
does the same. The targets are the folders in fuzz/corpus/; docs/fuzzing.md tells what they read.";

/// libFuzzer is C++.
pub const CXX: Need = Need {
    name: "a C++ compiler",
    packages: &["g++"],
    present: || packages::find("c++").is_some(),
};

/// Seconds for each target when asked for by a person.
const SECONDS: u32 = 60;
/// The same in the short form, which also ends after so many inputs, always the same ones.
const SHORT_SECONDS: u32 = 10;
const SHORT_INPUTS: u32 = 20_000;
/// One input may take this long, in seconds, and all of them this much memory, in MiB.
const PATIENCE: u32 = 20;
const MEMORY: u32 = 4_096;

/// What makes the compiler count what is reached, as cargo-fuzz asks for it.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// How long to go on.
#[derive(Clone, Copy)]
enum Length {
    /// The same inputs each time, and not long.
    Short,
    /// So many seconds for each target, going on where the last run ended.
    Seconds(u32),
}

/// The task `fuzz`.
pub fn run(arguments: &[String]) -> Result<bool> {
    let names = targets()?;
    let (chosen, seconds) = match arguments {
        [] => (names, SECONDS),
        [one] if one.parse::<u32>().is_ok() => (names, one.parse()?),
        [name] => (vec![name.clone()], SECONDS),
        [name, seconds] => (vec![name.clone()], seconds.parse()?),
        _ => bail!("fuzz takes a target and a number of seconds"),
    };
    if let Some(need) = packages::install(&[CXX])?.first() {
        bail!("{} is missing", need.name);
    }
    let mut report = Report::default();
    all(&mut report, &chosen, Length::Seconds(seconds));
    Ok(report.finish())
}

/// The short form, as a step of `cargo xtask test`.
pub fn short(report: &mut Report) {
    match targets() {
        Ok(names) => all(report, &names, Length::Short),
        Err(problem) => report.leave_out("fuzzing", &problem.to_string()),
    }
}

/// The long form, as a step of `cargo xtask torture`.
pub fn long(report: &mut Report) {
    match targets() {
        Ok(names) => all(report, &names, Length::Seconds(SECONDS)),
        Err(problem) => report.leave_out("fuzzing", &problem.to_string()),
    }
}

/// The names of all targets: those of the folders with their seeds.
pub fn targets() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root().join("fuzz/corpus")).context("fuzz/corpus is missing")? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn all(report: &mut Report, names: &[String], length: Length) {
    let mut program = PathBuf::new();
    let built = report.step("build of the parsers for fuzzing", |_| {
        program = build()?;
        Ok(Counts::of(true))
    });
    if !built {
        return;
    }
    report.step("fuzzing", |report| {
        let mut counts = Counts::default();
        for name in names {
            let line = one(&program, name, length);
            let (well, line) = match line {
                Ok(line) => (true, line),
                Err(problem) => (false, format!("{problem:#}")),
            };
            println!("{name:16} {line}");
            if !well {
                report.close(&format!("fuzzing {name}: {line}"));
            }
            counts.passed += u64::from(well);
            counts.failed += u64::from(!well);
        }
        Ok(counts)
    });
}

/// Builds the program with all targets in it. Its dependencies are those of the product: its lock file is the
/// product's, with libFuzzer added.
fn build() -> Result<PathBuf> {
    let (fuzz, output) = (root().join("fuzz"), target().join("fuzz"));
    fs::copy(root().join("Cargo.lock"), fuzz.join("Cargo.lock"))?;
    let triple = host()?;
    let manifest = fuzz.join("Cargo.toml");
    let formatted = cargo(&["fmt", "--manifest-path"])
        .arg(&manifest)
        .args(["--", "--check", "-l"])
        .status()?;
    if !formatted.success() {
        bail!("fuzz/ is not formatted");
    }
    let mut command = cargo(&["build", "--quiet", "--bin", "parsers"]);
    command
        .arg("--manifest-path")
        .arg(&manifest)
        .arg("--target-dir")
        .arg(&output)
        // Without it the flags would be for build scripts, too.
        .args(["--target", &triple])
        .env("RUSTFLAGS", COVERAGE);
    if !children::run(&mut command)?.success() {
        bail!("the parsers do not build");
    }
    Ok(output.join(triple).join("debug/parsers"))
}

fn host() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output()?;
    let text = String::from_utf8(output.stdout)?;
    let triple = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(triple.context("rustc names no host")?.to_owned())
}

/// Runs one target and tells how many inputs it took. What it found is the error.
fn one(program: &Path, name: &str, length: Length) -> Result<String> {
    let seeds = root().join("fuzz/corpus").join(name);
    if !seeds.is_dir() {
        bail!(
            "there is no such target; there are {}",
            targets()?.join(", ")
        );
    }
    let folder = target().join("fuzz");
    let finds = folder.join("finds");
    fs::create_dir_all(&finds)?;
    let log = folder.join(format!("{name}.log"));
    let mut command = Command::new(program);
    command
        .env("CLAVIGER_FUZZ_TARGET", name)
        .arg("-print_final_stats=1")
        .arg(format!("-timeout={PATIENCE}"))
        .arg(format!("-rss_limit_mb={MEMORY}"))
        .arg(format!("-artifact_prefix={}/{name}-", finds.display()))
        .stderr(fs::File::create(&log)?);
    // The first folder takes what reaches something new; the seeds stay as they are committed.
    let kept = match length {
        Length::Short => {
            command
                .args(["-seed=1".to_owned(), format!("-runs={SHORT_INPUTS}")])
                .arg(format!("-max_total_time={SHORT_SECONDS}"));
            let kept = folder.join("short").join(name);
            let _ = fs::remove_dir_all(&kept);
            kept
        }
        Length::Seconds(seconds) => {
            command.arg(format!("-max_total_time={seconds}"));
            folder.join("corpus").join(name)
        }
    };
    fs::create_dir_all(&kept)?;
    let status = children::run(command.arg(&kept).arg(&seeds))?;
    let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    if status.success() {
        return Ok(summary(&text));
    }
    let lines: Vec<&str> = text.lines().collect();
    for line in lines.iter().skip(lines.len().saturating_sub(40)) {
        println!("    {line}");
    }
    bail!(
        "{}; the input lies in {}",
        children::describe(status),
        finds.display()
    )
}

/// What libFuzzer says of a run that found nothing: how many inputs, how many a second, what they reached.
fn summary(log: &str) -> String {
    let number = |name: &str| {
        let line = log.lines().find_map(|line| line.strip_prefix(name));
        line.map_or("?", |rest| rest.trim_start_matches(':').trim())
            .to_owned()
    };
    let reached = log.lines().rev().find_map(|line| {
        let (_, rest) = line.split_once(" cov: ")?;
        rest.split(' ').next()
    });
    format!(
        "{} inputs, {} a second, {} places reached, {} MiB",
        number("stat::number_of_executed_units"),
        number("stat::average_exec_per_sec"),
        reached.unwrap_or("?"),
        number("stat::peak_rss_mb"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
#2\tINITED cov: 10 ft: 11 corp: 1/1b exec/s: 0 rss: 40Mb
#900\tDONE   cov: 210 ft: 311 corp: 41/1b lim: 4 exec/s: 450 rss: 41Mb
Done 900 runs in 2 second(s)
stat::number_of_executed_units: 900
stat::average_exec_per_sec:     450
stat::new_units_added:          40
stat::peak_rss_mb:              41
";

    #[test]
    fn a_run_is_told_in_a_line() {
        assert_eq!(
            summary(LOG),
            "900 inputs, 450 a second, 210 places reached, 41 MiB"
        );
        assert_eq!(summary(""), "? inputs, ? a second, ? places reached, ? MiB");
    }

    /// A target without seeds would not be run, and seeds without a target would run nothing.
    #[test]
    fn targets_are_those_with_seeds_and_all_are_told_of() {
        let source = fs::read_to_string(root().join("fuzz/src/lib.rs")).unwrap();
        let page = fs::read_to_string(root().join("docs/fuzzing.md")).unwrap();
        let declared = source.split("name: \"").skip(1);
        let mut declared: Vec<&str> = declared.filter_map(|rest| rest.split('"').next()).collect();
        declared.sort_unstable();
        assert_eq!(targets().unwrap(), declared);
        for name in declared {
            assert!(
                page.contains(&format!("| `{name}` |")),
                "docs/fuzzing.md: {name}"
            );
        }
    }
}
