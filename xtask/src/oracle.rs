//! `cargo xtask oracle`: plays recorded scenarios and compares the answers with Keycloak's.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::children;
use crate::packages;
use crate::product::{self, Server};
use crate::python;
use crate::ratchet::{self, Judgement, Outcome, Outcomes};
use crate::report::Counts;
use crate::workspace::{root, target};

pub const HELP: &str = "
usage: cargo xtask oracle [options] [topics, or patterns over topic/case]

Builds the server, starts it with an empty database and plays scenarios against it. Without topics, the cases of the
topics named in oracle/topics.txt and oracle/equal.txt. A case of oracle/equal.txt that is not equal to Keycloak's
answers is a failure, and so is an equal one that the list does not name: the list tells what works, and only grows.
Doubtful cases are played a second time, alone, before they count.

  --accept         write newly equal cases into oracle/equal.txt
  --allow-shrink   with --accept: also remove cases that are no longer equal, or no longer exist
  --all            every topic there is
  --against=URL    use a running server (its administrator: admin, password admin) instead of starting one
  --release        build the server with optimizations
  --jobs=N         cases played at a time (6)
  --verbose        show every differing place";

const EQUAL: &str = "oracle/equal.txt";
const TOPICS: &str = "oracle/topics.txt";
/// More lost cases than this are no accident of a loaded machine: they are not played again.
const MOST_REPLAYED: usize = 25;
const JOBS: u32 = 6;

/// What becomes of the list of equal cases.
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    /// It judges the run.
    Judges,
    /// It takes in what is newly equal.
    Grows,
    /// It takes in what is newly equal and loses what is not equal any more.
    IsReplaced,
}

struct Options {
    list: List,
    all: bool,
    against: Option<String>,
    release: bool,
    jobs: u32,
    verbose: bool,
    patterns: Vec<String>,
}

impl Options {
    fn read(arguments: &[String]) -> Result<Self> {
        let mut options = Self {
            list: List::Judges,
            all: false,
            against: None,
            release: false,
            jobs: JOBS,
            verbose: false,
            patterns: Vec::new(),
        };
        let mut shrink = false;
        for argument in arguments {
            match argument.split_once('=').unwrap_or((argument, "")) {
                ("--accept", "") => options.list = List::Grows,
                ("--allow-shrink", "") => shrink = true,
                ("--all", "") => options.all = true,
                ("--release", "") => options.release = true,
                ("--verbose", "") => options.verbose = true,
                ("--against", url) if !url.is_empty() => options.against = Some(url.to_owned()),
                ("--jobs", number) => {
                    options.jobs = number.parse().context("--jobs wants a number")?;
                }
                (name, _) if name.starts_with('-') => bail!("no option {argument:?}"),
                _ => options.patterns.push(argument.clone()),
            }
        }
        match (shrink, options.list) {
            (true, List::Judges) => bail!("--allow-shrink goes with --accept"),
            (true, _) => options.list = List::IsReplaced,
            (false, _) => {}
        }
        Ok(options)
    }
}

/// The task.
pub fn run(arguments: &[String]) -> Result<bool> {
    let options = Options::read(arguments)?;
    if let Some(missing) = packages::install(&[python::PYTHON])?.first() {
        bail!("{} is not installed", missing.name);
    }
    let mut server = match options.against {
        Some(_) => None,
        None => Some(Server::start(&product::build(options.release)?, "oracle")?),
    };
    let url = match (&options.against, &server) {
        (Some(url), _) => url.clone(),
        (None, Some(server)) => server.url(),
        (None, None) => bail!("there is no server"),
    };
    let listed = ratchet::read_list(&product::read(EQUAL)?);
    let whole = options.patterns.is_empty();
    let harness = Harness::new(url)?;
    let patterns = if whole && !options.all {
        built_topics(&listed)?
    } else {
        options.patterns.clone()
    };
    let first = harness.play(
        &patterns,
        &Play {
            jobs: options.jobs,
            show: true,
            verbose: options.verbose,
            fresh: false,
        },
    )?;
    let judgement = second_look(&harness, &listed, &first, whole)?;
    if let Some(server) = &mut server {
        server.check_alive()?;
    }
    tell(&judgement, &first, options.list);
    match options.list {
        List::Judges => Ok(failures(&judgement) == 0),
        List::Grows => accept(&listed, &judgement, false),
        List::IsReplaced => accept(&listed, &judgement, true),
    }
}

/// The step of `cargo xtask test`: everything that is built so far, against a server of its own.
pub fn step(program: &Path) -> Result<Counts> {
    let listed = ratchet::read_list(&product::read(EQUAL)?);
    let mut server = Server::start(program, "oracle")?;
    let harness = Harness::new(server.url())?;
    let topics = built_topics(&listed)?;
    let first = harness.play(
        &topics,
        &Play {
            jobs: JOBS,
            show: false,
            verbose: true,
            fresh: false,
        },
    )?;
    let judgement = second_look(&harness, &listed, &first, true)?;
    server.check_alive()?;
    tell(&judgement, &first, List::Judges);
    let failed = failures(&judgement);
    if failed > 0 {
        println!("{}", server.log_tail());
    }
    Ok(Counts {
        passed: u64::try_from(judgement.kept)?,
        failed: u64::try_from(failed)?,
    })
}

/// The long form: every case in a realm of its own, where sharing one could hide what a case leaves behind.
pub fn fresh_step(program: &Path) -> Result<Counts> {
    let listed = ratchet::read_list(&product::read(EQUAL)?);
    let mut server = Server::start(program, "oracle-fresh")?;
    let harness = Harness::new(server.url())?;
    let topics = built_topics(&listed)?;
    let first = harness.play(
        &topics,
        &Play {
            jobs: JOBS,
            show: false,
            verbose: true,
            fresh: true,
        },
    )?;
    let judgement = ratchet::judge(&listed, &first, &Outcomes::new(), true);
    server.check_alive()?;
    tell(&judgement, &first, List::Judges);
    Ok(Counts {
        passed: u64::try_from(judgement.kept)?,
        failed: u64::try_from(judgement.lost.len())?,
    })
}

/// The tests of the harness: it must be able to find a difference.
pub fn own_tests() -> Result<Counts> {
    let mut command = Command::new(python::interpreter()?);
    command.args([
        "-m",
        "unittest",
        "discover",
        "--quiet",
        "--start-directory",
        "oracle/tests",
    ]);
    let status = children::run(
        command
            .args(["--top-level-directory", "."])
            .current_dir(root()),
    )?;
    Ok(Counts::of(status.success()))
}

/// The topics that are worked on, and those of which at least one case is listed.
fn built_topics(listed: &BTreeSet<String>) -> Result<Vec<String>> {
    let mut topics = ratchet::read_list(&product::read(TOPICS)?);
    topics.extend(listed.iter().map(|title| ratchet::topic(title).to_owned()));
    if topics.is_empty() {
        bail!("{TOPICS} names no topic");
    }
    Ok(topics.into_iter().collect())
}

/// Plays what the first run leaves in doubt once more.
fn second_look(
    harness: &Harness,
    listed: &BTreeSet<String>,
    first: &Outcomes,
    whole: bool,
) -> Result<Judgement> {
    let doubts = ratchet::doubts(listed, first);
    let mut second = Outcomes::new();
    if !doubts.lost.is_empty() && doubts.lost.len() <= MOST_REPLAYED {
        second.extend(harness.play_again(&doubts.lost, 1)?);
    }
    if !doubts.gained.is_empty() {
        second.extend(harness.play_again(&doubts.gained, JOBS)?);
    }
    Ok(ratchet::judge(listed, first, &second, whole))
}

fn failures(judgement: &Judgement) -> usize {
    judgement.lost.len() + judgement.gained.len() + judgement.unknown.len()
}

fn tell(judgement: &Judgement, first: &Outcomes, list: List) {
    for title in &judgement.lost {
        println!("NO LONGER EQUAL {title}");
        if let Some(Outcome::Different(lines)) = first.get(title) {
            for line in lines {
                println!("    {line}");
            }
        }
    }
    for title in &judgement.unknown {
        println!("NO SUCH CASE {title}");
    }
    for title in &judgement.shaky {
        println!("equal only when played again, alone: {title}");
    }
    for title in &judgement.gained {
        println!("newly equal: {title}");
    }
    if !judgement.gained.is_empty() && list == List::Judges {
        println!("list the newly equal cases: cargo xtask oracle --accept");
    }
    let equal = first
        .values()
        .filter(|outcome| **outcome == Outcome::Equal)
        .count();
    println!(
        "played {} cases: {equal} equal, {} not; of the listed ones {} equal, {} not",
        first.len(),
        first.len() - equal,
        judgement.kept,
        judgement.lost.len() + judgement.unknown.len()
    );
}

fn accept(listed: &BTreeSet<String>, judgement: &Judgement, shrink: bool) -> Result<bool> {
    let list = ratchet::accept(listed, judgement, shrink);
    fs::write(
        root().join(EQUAL),
        ratchet::write_list(&product::read(EQUAL)?, &list),
    )?;
    println!("{EQUAL}: {} cases before, {} now", listed.len(), list.len());
    let left = judgement.lost.len() + judgement.unknown.len();
    if left > 0 && !shrink {
        println!(
            "{left} listed cases are not equal and stay listed: mend them, or give --allow-shrink as well"
        );
        return Ok(false);
    }
    Ok(true)
}

/// How a run is done.
struct Play {
    jobs: u32,
    show: bool,
    verbose: bool,
    fresh: bool,
}

/// The Python side.
struct Harness {
    interpreter: PathBuf,
    url: String,
    logs: PathBuf,
}

impl Harness {
    fn new(url: String) -> Result<Self> {
        let logs = target().join("logs");
        fs::create_dir_all(&logs)?;
        Ok(Self {
            interpreter: python::interpreter()?,
            url,
            logs,
        })
    }

    /// Plays the cases that the patterns choose, all if there are none.
    fn play(&self, patterns: &[String], play: &Play) -> Result<Outcomes> {
        let report = self.logs.join("oracle.json");
        let _ = fs::remove_file(&report);
        let mut command = Command::new(&self.interpreter);
        command
            .args(["-m", "oracle", "compare"])
            .current_dir(root());
        command
            .args([
                "--base-url",
                &self.url,
                "--jobs",
                &play.jobs.to_string(),
                "--json",
            ])
            .arg(&report);
        if play.verbose {
            command.arg("--verbose");
        }
        if play.fresh {
            command.arg("--fresh");
        }
        if !patterns.is_empty() {
            command.arg("--only").args(patterns);
        }
        if !play.show {
            command.stdout(fs::File::create(self.logs.join("oracle.txt"))?);
        }
        let status = children::run(&mut command)?;
        // Its exit status says that all cases are equal; that it came to its end is said by the report.
        let text = fs::read_to_string(&report).with_context(|| {
            format!("the oracle did not finish: {}", children::describe(status))
        })?;
        let outcomes = ratchet::read_report(&text)?;
        if outcomes.is_empty() {
            bail!("there is no case {}", patterns.join(" "));
        }
        Ok(outcomes)
    }

    /// Plays single cases once more, each in a fresh realm.
    fn play_again(&self, titles: &[String], jobs: u32) -> Result<Outcomes> {
        println!("playing {} cases again", titles.len());
        let patterns: Vec<String> = titles.iter().map(|title| ratchet::exactly(title)).collect();
        self.play(
            &patterns,
            &Play {
                jobs,
                show: false,
                verbose: true,
                fresh: true,
            },
        )
    }
}
