//! `plan`, `apply` and `drift`: realms as files want them, beside what a server has.

mod clients;
mod compare;
mod file;
mod flows;
mod groups;
mod parts;
mod pass;
mod realm;
mod report;
mod roles;
pub mod schema;
mod scopes;
mod users;
mod yaml;

use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint};

use crate::admin::Given;
use crate::admin::session::site;
use crate::site::Site;
use crate::{Failure, World, failed, usage};
use compare::Hidden;
use file::Wanted;
use pass::{Change, Mode, Pass};
use report::Tense;

/// What the help of all three ends with.
const EXAMPLES: &str = "\
Examples:
  Look, do, and look again:
      $ claviger admin config credentials --server http://localhost:8080 --realm master --user admin
      $ claviger plan -f shop.yaml
      $ claviger apply -f shop.yaml
      $ claviger drift -f shop.yaml
  Several files, a secret from a variable, nobody asked:
      $ APP_SECRET=… claviger apply -f base.yaml -f production.yaml --yes

Files are YAML or JSON and say what a realm shall be, in the form of Keycloak's realm files, by names
and without ids. What a file does not name is neither compared nor changed; nothing goes by being left
out, but with '$state: absent' in its place or with --prune. docs/declarative.md tells all.";

/// The three commands.
pub fn commands() -> [Command; 3] {
    let plan =
        "Show what a server would have to change to be as files say: exit code 2 if anything";
    let drift = "Tell where a server is not as files say: exit code 2 if anywhere";
    let yes = Arg::new("yes")
        .long("yes")
        .short('y')
        .action(ArgAction::SetTrue);
    [
        command("plan", plan),
        command("apply", "Change a server to be as files say")
            .arg(yes.help("Ask nobody; without a terminal it is needed")),
        command("drift", drift),
    ]
}

fn command(name: &'static str, about: &'static str) -> Command {
    let file = Arg::new("file")
        .long("file")
        .short('f')
        .value_name("FILE")
        .required(true);
    let realm = Arg::new("target-realm")
        .long("target-realm")
        .short('r')
        .value_name("REALM");
    let config = Arg::new("config-file")
        .long("config-file")
        .hide(true)
        .num_args(1);
    Command::new(name)
        .about(about)
        .after_help(EXAMPLES)
        .arg(
            file.action(ArgAction::Append)
                .value_hint(ValueHint::AnyPath)
                .help("What shall be, '-' for standard input; repeated: later ones count more"),
        )
        .arg(realm.help("Only this realm; that of files that name none"))
        .arg(
            Arg::new("prune")
                .long("prune")
                .action(ArgAction::SetTrue)
                .help("What lists of the files leave out goes, but for users and what realms come with"),
        )
        .arg(config)
        .args(crate::admin::grammar::credentials())
}

/// Runs one of the three, and gives the exit code.
pub fn run(name: &str, matches: &ArgMatches, world: &dyn World) -> Result<u8, Failure> {
    let given = Given(matches);
    let (wanted, hidden) = file::read(&given.all("file"), given.last("target-realm"), world)?;
    let mut site = site(&given, world)?;
    let prune = given.flag("prune");
    let tense = if name == "drift" {
        Tense::Is
    } else {
        Tense::Would
    };
    let differs = show(&mut site, &wanted, (&hidden, prune), tense, world)?;
    match (name, differs) {
        ("apply", true) => {}
        (_, true) => return Ok(2),
        (_, false) => return Ok(0),
    }
    if !given.flag("yes") {
        match world.confirm("Do that? [y/N] ").map_err(Failure::Failed)? {
            Some(true) => {}
            Some(false) => return failed("Nothing was changed"),
            None => return usage("Nobody can be asked: say --yes to change what is shown"),
        }
    }
    let mut count = 0;
    for realm in &wanted {
        let (changes, _) = pass(&mut site, realm, Mode::Write, prune)?;
        count += changes.len();
    }
    world.tell(&format!("Done: {count} changes."));
    // What a server does not keep would be changed again for ever: that is told, not passed over.
    let mut left = Vec::new();
    for realm in &wanted {
        left.extend(pass(&mut site, realm, Mode::Look, prune)?.0);
    }
    if left.is_empty() {
        return Ok(0);
    }
    world.tell(&report::changes(&left, Tense::Is, &hidden));
    failed("The server did not keep all of it: what is above still differs")
}

/// Shows what differs, realm by realm, and tells whether anything does.
fn show(
    site: &mut Site<'_>,
    wanted: &[Wanted],
    (hidden, prune): (&Hidden, bool),
    tense: Tense,
    world: &dyn World,
) -> Result<bool, Failure> {
    let mut all = Vec::new();
    for realm in wanted {
        let (changes, notes) = pass(site, realm, Mode::Look, prune)?;
        for note in notes {
            world.tell(&format!("note: {note}"));
        }
        if !changes.is_empty() {
            world.print(&format!("realm {}:", realm.realm));
            world.print(&report::changes(&changes, tense, hidden));
        }
        all.extend(changes);
    }
    world.print(&report::sum(&all, tense));
    Ok(!all.is_empty())
}

/// One pass over one realm: what differs or differed, and what is not compared.
fn pass(
    site: &mut Site<'_>,
    wanted: &Wanted,
    mode: Mode,
    prune: bool,
) -> Result<(Vec<Change>, Vec<String>), Failure> {
    site.turn_to(&wanted.realm);
    let mut pass = Pass {
        site,
        mode,
        prune,
        changes: Vec::new(),
        notes: Vec::new(),
    };
    realm::run(&mut pass, wanted)?;
    Ok((pass.changes, pass.notes))
}
