//! What can be typed after `claviger admin`: the options of `kcadm.sh`, so that scripts change a name only.

use clap::{Arg, ArgAction, Command, ValueHint};

const EXAMPLES: &str = "\
Examples:
  Sign in; the tokens are kept in ~/.keycloak/kcadm.config, for you alone:
      $ claviger admin config credentials --server http://localhost:8080 --realm master --user admin
  Create a realm, and a user in it:
      $ claviger admin create realms -s realm=shop -s enabled=true
      $ claviger admin create users -r shop -s username=anna -s enabled=true -i
  Find her, change her, look at what she may do:
      $ claviger admin get users -r shop -q username=anna --fields id,username,enabled
      $ claviger admin update users/ID -r shop -s firstName=Anna -s 'attributes.team=[\"blue\"]'
      $ claviger admin get-roles -r shop --uusername anna --effective --format csv --fields name
  Without leaving tokens behind, in a script:
      $ KC_CLI_PASSWORD=… claviger admin get realms --no-config --server https://id.example \\
            --realm master --user admin --fields realm

Commands, options and exit codes are those of kcadm.sh: 0 done, 1 not done, 2 not understood.
'claviger admin <command> --help' tells all options of one.";

const ON_PATHS: &str = "\
NAME is a path: 'a.b' is member b of a, 'a.\"b.c\"' keeps a dot within a name, 'a[2]' is an item of a
list, 'a+=x' adds one. A VALUE that reads as JSON is JSON ('5', 'true', '[\"x\"]', '{\"a\":1}'); nothing
is null; everything else is a text.";

const ON_FIELDS: &str = "\
FILTER: names with commas between, '*' for all, '-name' for all but this; brackets select within an
object, which is empty without: 'id,protocolMappers(name,config(*))', '*(*),-id'.";

const ENDPOINT: &str = "\
What is asked for below the realm (users, clients/ID/roles, …); 'realms', 'realms/NAME/…' and
'serverinfo' are the server's own; a whole http(s) address is taken as it is";

/// An option with a value.
fn option(name: &'static str, short: Option<char>, value: &'static str, help: &'static str) -> Arg {
    let arg = Arg::new(name)
        .long(name)
        .value_name(value)
        .help(help)
        .num_args(1);
    let arg = arg.allow_hyphen_values(true).action(ArgAction::Append);
    match short {
        Some(short) => arg.short(short),
        None => arg,
    }
}

fn flag(name: &'static str, short: Option<char>, help: &'static str) -> Arg {
    let arg = Arg::new(name)
        .long(name)
        .help(help)
        .action(ArgAction::SetTrue);
    match short {
        Some(short) => arg.short(short),
        None => arg,
    }
}

fn path(arg: Arg) -> Arg {
    arg.value_hint(ValueHint::AnyPath)
}

/// Who signs in where. Every command takes it.
pub fn credentials() -> Vec<Arg> {
    let all = vec![
        option(
            "server",
            None,
            "URL",
            "The server, as in http://localhost:8080",
        ),
        option("realm", None, "REALM", "The realm of whoever signs in"),
        option(
            "user",
            None,
            "NAME",
            "Who signs in; without, the client's own account does",
        ),
        option(
            "password",
            None,
            "PASSWORD",
            "Their password [variable: KC_CLI_PASSWORD; else it is asked for]",
        ),
        option(
            "client",
            None,
            "CLIENT",
            "The client that signs in [default: admin-cli]",
        ),
        option(
            "secret",
            None,
            "SECRET",
            "The client's secret [variable: KC_CLI_CLIENT_SECRET]",
        ),
        option("token", None, "TOKEN", "An access token to use as it is"),
        path(option(
            "truststore",
            None,
            "FILE",
            "Certificates to believe beside the system's: PEM or PKCS#12",
        )),
        option(
            "trustpass",
            None,
            "PASSWORD",
            "Password of that file [variable: KC_CLI_TRUSTSTORE_PASSWORD]",
        ),
        path(option(
            "config",
            None,
            "FILE",
            "Where tokens are kept [default: ~/.keycloak/kcadm.config]",
        )),
        flag("no-config", None, "Keep no tokens and read none"),
    ];
    let heading = |arg: Arg| arg.help_heading("Signing in");
    all.into_iter().map(heading).collect()
}

/// A command without `-h` for help, which is a header here.
fn command(name: &'static str, about: &'static str) -> Command {
    let help = Arg::new("help")
        .long("help")
        .help("Tell the options")
        .action(ArgAction::Help);
    let trace = flag("trace", Some('x'), "Accepted: errors have no stack trace").hide(true);
    // The program's own, of no use here.
    let file = Arg::new("config-file")
        .long("config-file")
        .hide(true)
        .num_args(1);
    Command::new(name)
        .about(about)
        .disable_help_flag(true)
        .args([help, trace, file])
        .args(credentials())
}

fn target() -> [Arg; 2] {
    [
        option(
            "target-realm",
            Some('r'),
            "REALM",
            "The realm that is administered [default: where one signed in]",
        ),
        option(
            "admin-root",
            Some('a'),
            "URL",
            "Address of the Admin API, if it is not SERVER/admin",
        ),
    ]
}

fn endpoint() -> Arg {
    Arg::new("endpoint").value_name("ENDPOINT").help(ENDPOINT)
}

fn shown() -> [Arg; 2] {
    [
        option(
            "fields",
            Some('F'),
            "FILTER",
            "Which members of the answer are shown",
        ),
        flag(
            "compressed",
            Some('c'),
            "On one line, as the server sent it",
        ),
    ]
}

fn table() -> [Arg; 2] {
    [
        option(
            "format",
            None,
            "json|csv",
            "How the answer is shown [default: json]",
        ),
        flag("noquotes", None, "With --format csv: texts without quotes"),
    ]
}

fn asked() -> [Arg; 3] {
    [
        option(
            "query",
            Some('q'),
            "NAME=VALUE",
            "A parameter of the query; may be repeated",
        ),
        option(
            "header",
            Some('h'),
            "NAME=VALUE",
            "A header; may be repeated",
        ),
        flag(
            "print-headers",
            Some('H'),
            "Show the headers of the answer, too",
        ),
    ]
}

fn body() -> [Arg; 4] {
    [
        option(
            "set",
            Some('s'),
            "NAME=VALUE",
            "Set a member of the body; may be repeated",
        ),
        option(
            "delete",
            Some('d'),
            "NAME",
            "Take a member out of the body; may be repeated",
        ),
        path(option(
            "file",
            Some('f'),
            "FILE",
            "Read the body from a file, or from standard input if it is '-'",
        )),
        option("body", Some('b'), "TEXT", "The body"),
    ]
}

fn resource(name: &'static str, about: &'static str) -> Command {
    command(name, about)
        .arg(endpoint())
        .args(target())
        .args(asked())
        .args(shown())
}

/// Whose roles, and of which client.
fn roles(name: &'static str, about: &'static str) -> Command {
    command(name, about).args(target()).args([
        option("uusername", None, "NAME", "A user, by name"),
        option("uid", None, "ID", "A user, by id"),
        option("gname", None, "NAME", "A group, by name"),
        option("gpath", None, "PATH", "A group, by path"),
        option("gid", None, "ID", "A group, by id"),
        option("rname", None, "NAME", "A composite role, by name"),
        option("rid", None, "ID", "A composite role, by id"),
        option(
            "cclientid",
            None,
            "CLIENT",
            "Roles of this client, by its clientId; without, the realm's",
        ),
        option("cid", None, "ID", "Roles of this client, by its id"),
        option("rolename", None, "NAME", "A role, by name; may be repeated"),
        option("roleid", None, "ID", "A role, by id; may be repeated"),
    ])
}

/// `admin` with its commands.
pub fn tree() -> Command {
    Command::new("admin")
        .about("Administer a running server, as Keycloak's kcadm.sh does")
        .after_help(EXAMPLES)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(config())
        .subcommands(resources())
        .subcommands(role_commands())
        .subcommand(password())
}

fn config() -> Command {
    let status = "Only tell whether one is signed in, and how long";
    let store = Arg::new("store").value_name("FILE");
    Command::new("config")
        .about("Sign in, and say whose certificates are believed")
        .subcommand_required(true)
        .subcommand(
            command("credentials", "Sign in; following commands go on with it")
                .arg(flag("status", None, status)),
        )
        .subcommand(
            command(
                "truststore",
                "Believe the certificates of a file from now on",
            )
            .arg(path(store.help("The file: PEM or PKCS#12")))
            .arg(flag("delete", Some('d'), "No longer")),
        )
}

fn resources() -> [Command; 4] {
    let output = |help| flag("output", Some('o'), help);
    let number = |name, short, help| {
        option(name, Some(short), "NUMBER", help).value_parser(clap::value_parser!(i32))
    };
    [
        resource("get", "Show something")
            .args(table())
            .args([
                number("offset", 'o', "Leave out this many (the parameter 'first')"),
                number("limit", 'l', "Show at most this many (the parameter 'max')"),
            ])
            .after_help(ON_FIELDS),
        resource("create", "Create something")
            .args(body())
            .args([
                flag("id", Some('i'), "Show nothing but the id of what was made"),
                output("Show what was made"),
            ])
            .after_help(ON_PATHS),
        resource("update", "Change something")
            .args(body())
            .args([
                flag(
                    "merge",
                    Some('m'),
                    "Change what the server has; so it is without --file and --body",
                ),
                flag("no-merge", Some('n'), "Send what is given alone"),
                output("Show what became of it"),
            ])
            .after_help(ON_PATHS),
        resource("delete", "Delete something")
            .args(body())
            .arg(output("Show the answer"))
            .after_help(ON_PATHS),
    ]
}

fn role_commands() -> [Command; 3] {
    let list = "List roles: those that there are, or those of a user, group or role";
    [
        roles("get-roles", list)
            .args(shown())
            .args(table())
            .args([
                flag(
                    "print-headers",
                    Some('H'),
                    "Show the headers of the answer, too",
                ),
                flag("available", None, "Those that could be added"),
                flag("effective", None, "Those that follow from others, too"),
                flag("all", None, "Those of all clients, too"),
            ])
            .after_help(ON_FIELDS),
        roles(
            "add-roles",
            "Give roles to a user, a group or a composite role",
        ),
        roles(
            "remove-roles",
            "Take roles from a user, a group or a composite role",
        ),
    ]
}

fn password() -> Command {
    let new = "The password [variable: KC_CLI_PASSWORD; else it is asked for]";
    command("set-password", "Set a user's password")
        .args(target())
        .args([
            option("username", None, "NAME", "The user, by name"),
            option("userid", None, "ID", "The user, by id"),
            option("new-password", Some('p'), "PASSWORD", new),
            flag(
                "temporary",
                Some('t'),
                "It has to be changed when signing in",
            ),
        ])
}
