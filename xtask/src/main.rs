//! The project's task runner: `cargo xtask <task>`.
//!
//! Each task is a module with one entry function. Whatever a task starts (databases, servers, cargo itself) goes
//! through [`children`], so that it ends with the task, however the task ends.

mod administrators;
mod assets;
mod bench;
mod children;
mod clients;
mod databases;
mod description;
mod fuzz;
mod http;
mod options;
mod oracle;
mod packages;
mod product;
mod python;
mod ratchet;
mod report;
#[cfg(test)]
mod rules;
mod scratch;
mod start;
mod suite;
mod tour;
mod verifiers;
mod workspace;

use std::process::ExitCode;

/// One task as the command line names it.
struct Task {
    name: &'static str,
    summary: &'static str,
    help: &'static str,
    run: fn(&[String]) -> anyhow::Result<bool>,
}

const TASKS: [Task; 12] = [
    Task {
        name: "start",
        summary: "build and run the server",
        help: start::HELP,
        run: start::run,
    },
    Task {
        name: "test",
        summary: "run every check",
        help: suite::TEST_HELP,
        run: suite::test,
    },
    Task {
        name: "check",
        summary: "the quick loop",
        help: suite::CHECK_HELP,
        run: suite::check,
    },
    Task {
        name: "oracle",
        summary: "compare answers with Keycloak's",
        help: oracle::HELP,
        run: oracle::run,
    },
    Task {
        name: "clients",
        summary: "walk through real client libraries with a real browser",
        help: clients::HELP,
        run: clients::run,
    },
    Task {
        name: "assets",
        summary: "fetch the texts of the pages in all languages",
        help: assets::HELP,
        run: assets::run,
    },
    Task {
        name: "tour",
        summary: "walk the tour of README.md",
        help: tour::HELP,
        run: tour::run,
    },
    Task {
        name: "db",
        summary: "run the databases of the tests",
        help: databases::HELP,
        run: databases::run,
    },
    Task {
        name: "options",
        summary: "write the page of options",
        help: options::HELP,
        run: options::run,
    },
    Task {
        name: "fuzz",
        summary: "throw bytes at every parser",
        help: fuzz::HELP,
        run: fuzz::run,
    },
    Task {
        name: "torture",
        summary: "the long forms of the tests",
        help: suite::TORTURE_HELP,
        run: suite::torture,
    },
    Task {
        name: "bench",
        summary: "measure speed, memory, start-up, and how long tokens outlive a logout",
        help: bench::HELP,
        run: bench::run,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let name = arguments.first().map_or("--help", String::as_str);
    if matches!(name, "--help" | "-h" | "help") {
        print_tasks();
        return ExitCode::SUCCESS;
    }
    let Some(task) = TASKS.iter().find(|task| task.name == name) else {
        eprintln!("error: there is no task {name:?}");
        print_tasks();
        return ExitCode::from(2);
    };
    let rest = arguments.get(1..).unwrap_or_default();
    let own = rest
        .split(|argument| argument == "--")
        .next()
        .unwrap_or_default();
    if own
        .iter()
        .any(|argument| argument == "--help" || argument == "-h")
    {
        println!("{}", task.help.trim());
        return ExitCode::SUCCESS;
    }
    if let Err(problem) = children::watch_signals() {
        eprintln!("error: {problem:#}");
        return ExitCode::FAILURE;
    }
    let outcome = (task.run)(rest);
    children::stay_if_closing();
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("error: {problem:#}");
            ExitCode::FAILURE
        }
    }
}

fn print_tasks() {
    println!("usage: cargo xtask <task> [arguments]\n");
    for task in &TASKS {
        println!("  {:8} {}", task.name, task.summary);
    }
    println!("\ncargo xtask <task> --help tells more.");
}
