//! What can be typed, and the help that tells it: out of the table of options.

use clap::builder::{PossibleValue, PossibleValuesParser, Styles, styling::AnsiColor};
use clap::{Arg, ArgAction, Command, value_parser};
use clap_complete::Shell;

use crate::settings::known::{Class, Known, Table, Type};

/// The options that only export and import take.
const TRANSFER: &[&str] = &[
    "dir",
    "file",
    "realm",
    "users",
    "users-per-file",
    "override",
];
/// Where help shows what all commands have in common.
const LAST: usize = 1_000;
/// How wide help is, in characters.
const WIDTH: usize = 100;

/// What help ends with.
const EXAMPLES: &str = "\
Examples:
  Try it, on http://localhost:8080:
      $ KC_BOOTSTRAP_ADMIN_USERNAME=admin KC_BOOTSTRAP_ADMIN_PASSWORD=admin claviger start-dev
  Serve, behind a proxy that ends TLS:
      $ claviger start --db=postgres --hostname=https://id.example --http-enabled=true \\
            --proxy-headers=xforwarded
  Look at what is configured, and by whom:
      $ claviger show-config
  Make a running server's realm what a file says, having seen what would change:
      $ claviger plan -f shop.yaml && claviger apply -f shop.yaml
  Let the shell complete commands and options:
      $ source <(claviger completion bash)

Options are read from the command line, from variables (--http-port is KC_HTTP_PORT) and from
conf/keycloak.conf (http-port=8080); the first that has one decides.
'claviger <command> -h' is short, '--help' tells more, '--help-all' leaves nothing out.";

/// What the help of `prove-logout` ends with.
const PROOFS: &str = "\
Examples:
  With a user and a client of its own, removed at the end:
      $ PW=… claviger prove-logout --realm=shop --server=https://id.example \\
            --admin=admin --admin-password:env=PW --api=https://orders.example/orders
  With a test user and a confidential client that may use the password grant:
      $ PW=… SECRET=… claviger prove-logout --realm=shop --server=https://id.example \\
            --username=probe --password:env=PW --client-id=probe --client-secret:env=SECRET

Passwords and secrets come from variables, or from the terminal or standard input when they are
missing. Exit code 0: everything that is configured refused the tokens in time. Otherwise 1.";

/// How much of the table help shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// What has an effect.
    #[default]
    Effective,
    /// Everything that Keycloak knows.
    All,
    /// Everything, with what may stand in it: for scripts that complete.
    Completion,
}

/// All commands with all their options.
pub fn grammar(table: &Table, depth: Depth) -> Command {
    let command = |name, about, transfer| leaf(table, depth, (name, about), transfer);
    let serving = |name, about| {
        let help = "Import the files of data/import; existing realms are skipped";
        command(name, about, &[]).arg(flag("import-realm", help))
    };
    let file = option(
        "config-file",
        "Configuration file, also -cf [default: conf/keycloak.conf]",
    )
    .value_name("file");
    let verbose = flag("verbose", "Tell more about errors").short('v');
    Command::new("claviger")
        .about("Claviger: identity and access management, a drop-in replacement for Keycloak")
        .after_help(EXAMPLES)
        .version(crate::VERSION)
        .styles(styles())
        .disable_help_subcommand(true)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .term_width(WIDTH)
        .arg(file.global(true).display_order(LAST))
        .arg(verbose.global(true).display_order(LAST))
        .subcommand(serving("start-dev", "Start the server in development mode"))
        .subcommand(serving("start", "Start the server"))
        .subcommand(command(
            "build",
            "Accepted: there is nothing to build",
            TRANSFER,
        ))
        .subcommand(command(
            "import",
            "Import realms from a file or a directory",
            &["dir", "file", "override"],
        ))
        .subcommand(command(
            "export",
            "Export realms to a file or a directory",
            TRANSFER,
        ))
        .subcommand(administrators(table, depth))
        .subcommand(show_config(table, depth))
        .subcommands(claviger_remote::commands())
        .subcommand(prove_logout(table, depth))
        .subcommand(completion("Print a script that completes what is typed"))
        .subcommand(tools())
}

fn styles() -> Styles {
    Styles::styled()
        .header(AnsiColor::Yellow.on_default().bold())
        .usage(AnsiColor::Yellow.on_default().bold())
        .literal(AnsiColor::Green.on_default())
        .placeholder(AnsiColor::Cyan.on_default())
}

/// An option with a value. Repeated ones are kept, for the last to count.
fn option(name: &'static str, help: &'static str) -> Arg {
    let arg = Arg::new(name).long(name).help(help).num_args(1);
    arg.allow_hyphen_values(true).action(ArgAction::Append)
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .help(help)
        .action(ArgAction::SetTrue)
}

/// What all commands know, and of the options in [`TRANSFER`] those that are named; one heading
/// after the other.
fn known_options(table: &Table, depth: Depth, transfer: &[&str]) -> Vec<Arg> {
    let fits = |row: &Known| {
        let offered = !TRANSFER.contains(&row.name) || transfer.contains(&row.name);
        // Names of the user's choice are shown; what is typed never comes here.
        offered && (row.wildcard().is_none() || depth != Depth::Completion)
    };
    let mut args = Vec::new();
    for group in Table::groups() {
        let rows = table.rows().iter().filter(|row| row.group == group);
        args.extend(
            rows.filter(|row| fits(row))
                .map(|row| known_option(row, depth)),
        );
    }
    args
}

fn known_option(row: &Known, depth: Depth) -> Arg {
    let shown = match row.class {
        Class::Honoured => true,
        Class::Ignored | Class::Refused => depth != Depth::Effective,
        Class::Replaced => false,
    };
    let arg = option(row.name, "")
        .help(short(row))
        .long_help(long(row))
        .help_heading(row.group)
        .value_name(value_name(row))
        .hide(!shown);
    if depth != Depth::Completion {
        return arg;
    }
    let hint = match row.kind {
        Type::Path => clap::ValueHint::AnyPath,
        Type::Text
        | Type::Bool
        | Type::Int
        | Type::Count
        | Type::Port
        | Type::Duration
        | Type::Enum
        | Type::List => clap::ValueHint::Other,
    };
    let values: Vec<PossibleValue> = match row.kind {
        Type::Bool => vec!["true".into(), "false".into()],
        Type::Enum | Type::List => row.allowed().map(PossibleValue::new).collect(),
        Type::Text | Type::Int | Type::Count | Type::Port | Type::Duration | Type::Path => {
            Vec::new()
        }
    };
    if values.is_empty() {
        arg.value_hint(hint)
    } else {
        arg.value_parser(PossibleValuesParser::new(values))
    }
}

/// What a value is called in help.
fn value_name(row: &Known) -> &'static str {
    match row.kind {
        Type::Text if row.secret => "secret",
        Type::Text => "text",
        Type::Bool => "true|false",
        Type::Int | Type::Count => "number",
        Type::Port => "port",
        Type::Duration => "duration",
        Type::Path => "path",
        Type::Enum => "value",
        Type::List => "list",
    }
}

/// An option's meaning and default, in one line.
fn short(row: &Known) -> String {
    let mut text = row.about.to_owned();
    if !row.default.is_empty() {
        text = format!("{text} [default: {}]", row.default);
    }
    match row.class {
        Class::Ignored => format!("{text} [no effect]"),
        Class::Refused => format!("{text} [refused]"),
        Class::Honoured | Class::Replaced => text,
    }
}

/// Everything about an option: meaning, what becomes of it, values, default, variable.
fn long(row: &Known) -> String {
    let mut text = row.about.to_owned();
    match row.class {
        Class::Ignored => text = format!("{text}\n\nNo effect here: {}", row.because),
        Class::Refused => text = format!("{text}\n\nRefused: {}", row.because),
        Class::Honoured | Class::Replaced => {}
    }
    let mut facts = Vec::new();
    let values: Vec<&str> = row.allowed().collect();
    if !values.is_empty() {
        facts.push(format!("values: {}", values.join(", ")));
    }
    if !row.default.is_empty() {
        facts.push(format!("default: {}", row.default));
    }
    facts.push(format!("variable: {}", row.variable()));
    format!("{text}\n[{}]", facts.join("; "))
}

fn leaf(
    table: &Table,
    depth: Depth,
    (name, about): (&'static str, &'static str),
    transfer: &[&str],
) -> Command {
    let optimized = flag("optimized", "Accepted: there is no build step to skip");
    Command::new(name)
        .about(about)
        .arg(optimized)
        .args(known_options(table, depth, transfer))
}

fn show_config(table: &Table, depth: Depth) -> Command {
    let what = Arg::new("what")
        .help("'all' tells what nobody gave, too")
        .value_parser(["none", "all"])
        .action(ArgAction::Append)
        .num_args(1);
    let about = "Print what is configured, and by whom; secrets are masked";
    leaf(table, depth, ("show-config", about), TRANSFER).arg(what)
}

fn prove_logout(table: &Table, depth: Depth) -> Command {
    let own = super::prove_logout::OPTIONS
        .iter()
        .map(|(name, value, help)| option(name, help).value_name(*value));
    let format = option("format", "How the result is written [default: human]")
        .value_name("human|json")
        .value_parser(["human", "json"]);
    let trust = table
        .rows()
        .iter()
        .filter(|row| row.group == "Trust" || row.name == "tls-hostname-verifier");
    Command::new("prove-logout")
        .about("End test sessions at a running server, and see who still takes their tokens")
        .after_help(PROOFS)
        .args(own)
        .arg(format)
        .args(trust.map(|row| known_option(row, depth)))
}

fn completion(about: &'static str) -> Command {
    let shell = Arg::new("shell")
        .help("The shell that will run it [default: bash]")
        .value_parser(value_parser!(Shell));
    Command::new("completion").about(about).arg(shell)
}

fn tools() -> Command {
    Command::new("tools")
        .about("Tools of Keycloak's start script")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(completion("As the command completion"))
}

fn administrators(table: &Table, depth: Depth) -> Command {
    let kind = |words, own: &[(&'static str, &'static str)]| {
        let own: Vec<Arg> = own.iter().map(|(name, help)| option(name, help)).collect();
        let no_prompt = flag("no-prompt", "Ask nothing; fail if something is missing");
        leaf(table, depth, words, &[]).args(own).arg(no_prompt)
    };
    let user = [
        ("username", "Name of the user [default: temp-admin]"),
        ("username:env", "Variable that holds the name"),
        ("password:env", "Variable that holds the password"),
    ];
    let service = [
        (
            "client-id",
            "Client id of the service account [default: temp-admin]",
        ),
        ("client-id:env", "Variable that holds the client id"),
        ("client-secret:env", "Variable that holds the client secret"),
    ];
    Command::new("bootstrap-admin")
        .about("Create an administrator: a way back in")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(kind(
            ("user", "Create an administrator with a password"),
            &user,
        ))
        .subcommand(kind(
            ("service", "Create a service account for administration"),
            &service,
        ))
}
