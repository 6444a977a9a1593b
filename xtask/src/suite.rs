//! `cargo xtask test`, `check` and `torture`: what decides whether the project is well.

use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::assets;
use crate::children;
use crate::clients;
use crate::databases::{self, Database};
use crate::description;
use crate::fuzz;
use crate::oracle;
use crate::packages::{self, Need};
use crate::product;
use crate::python;
use crate::report::{Counts, Report, test_result};
use crate::tour;
use crate::verifiers;
use crate::workspace::cargo;

pub const TEST_HELP: &str = "
usage: cargo xtask test [filter]

Everything that decides: formatting, lints, all tests of all crates on SQLite, PostgreSQL and MariaDB (among them the
rules on dependencies, their licences, files and texts), the description of the Admin API, the oracle's cases, the tour of
README.md, client libraries and a browser (`cargo xtask clients`), and some seconds of fuzzing for each parser.

The databases are started for the run, on free ports of loopback, and stopped at its end. As root on Debian, what is
missing (PostgreSQL, MariaDB, Python's venv, curl, git, kill, a C++ compiler, Chromium, Node.js, Go, Maven) is installed;
otherwise what needs it is left out, and the end says so. With CI=true nothing may be left out.

With a filter, only the tests whose names contain it, on all databases, and none of the other steps.

The tests of the surfaces run on SQLite, and once more on the servers: CLAVIGER_TEST_STAGE, a number, chooses which test
on which one, and is another one in each run unless it is given.

CLAVIGER_TEST_DB_URLS names databases to use instead of starting some, separated by spaces:
postgres://user:password@host:port/database and mysql://user:password@host:port/database.";

pub const CHECK_HELP: &str = "
usage: cargo xtask check [filter]

The quick loop: formatting, lints, and the tests beside the code, on SQLite only. `cargo xtask test` is what decides.";

pub const TORTURE_HELP: &str = "
usage: cargo xtask torture [rounds]

The long forms of the tests, for the night: in each round (3 unless told) the tests of all crates on all databases,
property tests with 20,000 cases each instead of 256, the server killed 200 times on each database instead of 10, and
10,000 logouts told to receivers that fail half of the time, instead of 90, while all nodes are killed, and status
lists of ten million sessions instead of 2,000; then the oracle's cases, each in a realm of its own, and every parser
fuzzed for a minute.

CLAVIGER_KILLS sets another number of kills, CLAVIGER_KILL_LOGOUTS of logouts; CLAVIGER_KILL_SEED repeats the choices
of a run that failed.";

/// Cases of each property test in the long form.
const TORTURE_CASES: &str = "20000";
/// How often the server is killed on each database in the long form.
const TORTURE_KILLS: &str = "200";
const KILLS: &str = "CLAVIGER_KILLS";
/// How many logouts are told on each database in the long form, while the server is killed.
const TORTURE_LOGOUTS: &str = "10000";
const LOGOUTS: &str = "CLAVIGER_KILL_LOGOUTS";
/// How many sessions have places in status lists in the long form.
const TORTURE_STATUS_SESSIONS: (&str, &str) = ("CLAVIGER_STATUS_SESSIONS", "10000000");
const DATABASE_URLS: &str = "CLAVIGER_TEST_DB_URLS";
/// Which database the stages of tests stand on: `testkit/src/database.rs`.
const STAGE: &str = "CLAVIGER_TEST_STAGE";
/// Whose tests speak HTTP to a stage.
const SURFACES: [&str; 2] = ["claviger-oidc", "claviger-web"];

/// The task `test`.
pub fn test(arguments: &[String]) -> Result<bool> {
    let filter = filter(arguments)?;
    let mut report = Report::default();
    let mut wanted = packages::TESTS.to_vec();
    wanted.extend([databases::POSTGRES, databases::MARIADB]);
    if filter.is_none() {
        wanted.extend([tour::CURL, fuzz::CXX]);
        // Python is among them.
        wanted.extend(clients::NEEDS);
        format(&mut report);
    }
    if !assets::is_there() {
        wanted.push(assets::MAVEN);
    }
    let available = Available::prepare(&mut report, &wanted)?;
    if available.has(&assets::MAVEN) && !assets::is_there() {
        report.step("texts of the pages", |_| assets::step());
    }
    if filter.is_none() {
        lints(&mut report);
        verifier_in_rust(&mut report);
    }
    on_all_databases(&mut report, &available, filter)?;
    // An optional part, by its decision page: its tests, and that it can be built at all.
    let optional = [
        "-p",
        "claviger-engine",
        "-p",
        "claviger-server",
        "--features",
        "scripts",
        "script",
    ];
    if filter.is_none() {
        report.step("tests of scripts", |report| {
            tests(report, &optional, None, &[])
        });
    }
    if let Some(filter) = filter {
        println!("only tests named …{filter}… ran, and none of the other steps");
        return Ok(report.finish());
    }
    if available.has(&python::PYTHON) {
        report.step("tests of the oracle itself", |_| oracle::own_tests());
    }
    let mut program = PathBuf::new();
    let built = report.step("build of the server", |_| {
        program = product::build(false)?;
        Ok(Counts::of(true))
    });
    if built {
        if available.has(&python::PYTHON) {
            report.step("description of the Admin API", |_| {
                description::step(&program)
            });
            report.step("oracle", |_| oracle::step(&program));
        }
        if available.has(&tour::CURL) {
            report.step("tour of README.md", |_| tour::step(&program));
        }
        if clients::NEEDS.iter().all(|need| available.has(need)) {
            report.step("clients", |_| clients::step(&program));
        }
    }
    if available.has(&fuzz::CXX) {
        fuzz::short(&mut report);
    }
    Ok(report.finish())
}

/// The task `check`.
pub fn check(arguments: &[String]) -> Result<bool> {
    let filter = filter(arguments)?;
    let mut report = Report::default();
    format(&mut report);
    lints(&mut report);
    report.step("tests", |report| {
        tests(
            report,
            &["--workspace", "--lib", "--bins"],
            filter,
            &[(DATABASE_URLS, String::new())],
        )
    });
    Ok(report.finish())
}

/// The task `torture`.
pub fn torture(arguments: &[String]) -> Result<bool> {
    let rounds: u32 = match arguments {
        [] => 3,
        [number] => number.parse()?,
        _ => bail!("torture takes one number"),
    };
    let mut report = Report::default();
    let wanted = [
        packages::GIT,
        packages::KILL,
        packages::OPENSSL,
        packages::NGINX,
        databases::POSTGRES,
        databases::MARIADB,
        python::PYTHON,
        fuzz::CXX,
    ];
    let available = Available::prepare(&mut report, &wanted)?;
    for round in 1..=rounds {
        let environment = available.databases(&mut report)?;
        let mut variables = environment.variables();
        variables.push(("PROPTEST_CASES", TORTURE_CASES.to_owned()));
        let kills = std::env::var(KILLS).unwrap_or_else(|_| TORTURE_KILLS.to_owned());
        variables.push((KILLS, kills));
        let logouts = std::env::var(LOGOUTS).unwrap_or_else(|_| TORTURE_LOGOUTS.to_owned());
        variables.push((LOGOUTS, logouts));
        let (name, sessions) = TORTURE_STATUS_SESSIONS;
        variables.push((name, sessions.to_owned()));
        report.step(&format!("tests, round {round} of {rounds}"), |report| {
            tests(report, &["--workspace"], None, &variables)
        });
        for kind in ["postgres", "mysql"] {
            report.step(&format!("tests of the surfaces over {kind}"), |report| {
                over_servers(report, &environment, kind)
            });
        }
    }
    if available.has(&python::PYTHON) {
        report.step("oracle, a realm for each case", |_| {
            oracle::fresh_step(&product::build(false)?)
        });
    }
    if available.has(&fuzz::CXX) {
        fuzz::long(&mut report);
    }
    Ok(report.finish())
}

fn filter(arguments: &[String]) -> Result<Option<&str>> {
    match arguments {
        [] => Ok(None),
        [filter] if !filter.starts_with('-') => Ok(Some(filter)),
        _ => bail!("one filter, and no options; see --help"),
    }
}

fn format(report: &mut Report) {
    report.step("format", |_| {
        succeeds(&mut cargo(&["fmt", "--all", "--", "--check", "-l"]))
    });
}

fn lints(report: &mut Report) {
    let arguments = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ];
    report.step("lints", |_| succeeds(&mut cargo(&arguments)));
}

/// The same for the verifier in Rust, a workspace of its own, with the tests beside its code.
fn verifier_in_rust(report: &mut Report) {
    let cargo = |arguments: &[&str]| succeeds(&mut verifiers::rust(arguments));
    report.step("verifier in Rust: format", |_| {
        cargo(&["fmt", "--", "--check", "-l"])
    });
    report.step("verifier in Rust: lints", |_| {
        cargo(&[
            "clippy",
            "--all-targets",
            "--locked",
            "--",
            "-D",
            "warnings",
        ])
    });
    report.step("verifier in Rust: tests", |report| {
        counted(report, &mut verifiers::rust(&["test", "--locked"]))
    });
}

fn succeeds(command: &mut Command) -> Result<Counts> {
    let status = children::run(command)?;
    Ok(Counts::of(status.success()))
}

/// The tests of the workspace.
fn tests(
    report: &mut Report,
    arguments: &[&str],
    filter: Option<&str>,
    variables: &[(&str, String)],
) -> Result<Counts> {
    let mut command = cargo(&["test", "--locked", "--no-fail-fast"]);
    command
        .args(arguments)
        .args(filter)
        .envs(variables.iter().map(|(name, value)| (name, value)));
    counted(report, &mut command)
}

/// cargo test, counting what its closing lines say.
fn counted(report: &mut Report, command: &mut Command) -> Result<Counts> {
    let mut counts = Counts::default();
    let status = children::run_reading(command, |line| {
        if let Some(found) = test_result(line) {
            counts.passed += found.passed;
            counts.failed += found.failed;
            if found.passed + found.failed > 0 {
                report.close(line);
            }
        }
    })?;
    // A test program that does not compile, or that crashed, has no closing line.
    if !status.success() && counts.failed == 0 {
        println!("cargo test ended with {}", children::describe(status));
        counts.failed = 1;
    }
    if counts.passed + counts.failed == 0 {
        bail!("no test ran");
    }
    Ok(counts)
}

/// All tests; without a filter, those of the surfaces on the servers too.
fn on_all_databases(
    report: &mut Report,
    available: &Available,
    filter: Option<&str>,
) -> Result<()> {
    let environment = available.databases(report)?;
    report.step("tests", |report| {
        tests(report, &["--workspace"], filter, &environment.variables())
    });
    if filter.is_none() {
        report.step("tests of the surfaces over servers", |report| {
            over_servers(report, &environment, &seed())
        });
    }
    Ok(())
}

/// The tests of the surfaces again, whose stages stand on SQLite otherwise: on the servers.
fn over_servers(report: &mut Report, environment: &Environment, stage: &str) -> Result<Counts> {
    let scheme = stage.parse::<u64>().map_or(stage, |_| "");
    let mut urls = environment.urls.split_whitespace();
    if !urls.any(|url| url.starts_with(scheme)) {
        println!("left out: there is no such server");
        return Ok(Counts::default());
    }
    println!("{STAGE}={stage} repeats it");
    let mut variables = environment.variables();
    variables.push((STAGE, stage.to_owned()));
    let mut packages: Vec<&str> = SURFACES.iter().flat_map(|name| ["-p", *name]).collect();
    packages.extend(["--test", "it"]);
    tests(report, &packages, None, &variables)
}

/// A number that chooses which test stands on which server.
fn seed() -> String {
    std::env::var(STAGE).unwrap_or_else(|_| RandomState::new().hash_one(STAGE).to_string())
}

/// What of the wanted programs is there.
struct Available {
    missing: Vec<Need>,
}

impl Available {
    fn prepare(report: &mut Report, wanted: &[Need]) -> Result<Self> {
        let missing = packages::install(wanted)?;
        for need in &missing {
            let why = if packages::is_root() {
                "cannot be installed here"
            } else {
                "only root can install it"
            };
            report.leave_out(need.name, &format!("it is not installed, and {why}"));
        }
        Ok(Self { missing })
    }

    fn has(&self, need: &Need) -> bool {
        self.missing.iter().all(|missing| missing.name != need.name)
    }

    /// The databases that the environment names, or else those that can be started.
    fn databases(&self, report: &mut Report) -> Result<Environment> {
        if let Ok(urls) = std::env::var(DATABASE_URLS)
            && !urls.trim().is_empty()
        {
            for (engine, scheme) in [("PostgreSQL", "postgres"), ("MariaDB", "mysql")] {
                if !urls.split_whitespace().any(|url| url.starts_with(scheme)) {
                    report.leave_out(engine, &format!("{DATABASE_URLS} names none"));
                }
            }
            return Ok(Environment {
                urls,
                _running: Vec::new(),
            });
        }
        let running = databases::start(
            self.has(&databases::POSTGRES),
            self.has(&databases::MARIADB),
        )?;
        let urls: Vec<&str> = running
            .iter()
            .map(|database| database.url.as_str())
            .collect();
        println!("databases: SQLite {}", urls.join(" "));
        Ok(Environment {
            urls: urls.join(" "),
            _running: running,
        })
    }
}

/// Databases for the length of a step.
struct Environment {
    urls: String,
    _running: Vec<Database>,
}

impl Environment {
    fn variables(&self) -> Vec<(&'static str, String)> {
        vec![(DATABASE_URLS, self.urls.clone())]
    }
}
