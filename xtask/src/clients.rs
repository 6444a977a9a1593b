//! `cargo xtask clients`: real client libraries and a real browser, at a running server.
//!
//! What they need is built below `target/clients/`: one of each language's usual tools does it, all at once.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::administrators;
use crate::children::{self, Running, Stop};
use crate::packages::{self, Need, find};
use crate::product::{self, Server};
use crate::python;
use crate::report::Counts;
use crate::verifiers;
use crate::workspace::{cargo, root, target};

pub const HELP: &str = "
usage: cargo xtask clients [options] [names]

Builds the shops in clients/shops/, one small application for each client library, starts the server with an empty
database, and walks through them with Chromium: sign in, call an API, refresh, sign out, be signed out. Then it walks
through the pages that the server itself shows, tries each verifier of verifiers/ at it, and does an administrator's work
with each library of clients/administrators/. Names choose among the walks, which are `shops`, `keycloak-js`, `tabs`,
`pages`, `gallery` (every page there is, without a server), `console` (the page for administrators), `verifiers` and
`administrators`, or single shops, verifiers and administrators by their folders; what only others need is not built.

  --against=URL     use a running server (its administrator: admin, password admin) instead of starting one; the
                    walks go through Keycloak as well
  --release         build the server with optimizations
  --screenshots     write docs/screenshots/ anew

Chromium, Node.js, npm, Python, Go, Maven and a Java compiler are needed; as root on Debian they are installed when
missing.";

/// All that the walks need besides Rust.
pub const NEEDS: [Need; 5] = [
    python::PYTHON,
    Need {
        name: "Chromium",
        packages: &["chromium"],
        present: || find("chromium").is_some(),
    },
    Need {
        name: "Node.js with npm",
        packages: &["nodejs", "npm"],
        present: || find("node").is_some() && find("npm").is_some(),
    },
    Need {
        name: "Go",
        packages: &["golang-go"],
        present: || find("go").is_some(),
    },
    Need {
        name: "Maven with a Java compiler",
        packages: &["maven", "default-jdk-headless"],
        present: || find("mvn").is_some() && find("javac").is_some(),
    },
];

/// The walks that are not a shop's: what `names` calls them, and their files.
const WALKS: [(&str, &str); 8] = [
    ("shops", "walk/shops.test.mjs"),
    ("keycloak-js", "walk/keycloak-js.test.mjs"),
    ("tabs", "walk/tabs.test.mjs"),
    ("pages", "walk/pages.test.mjs"),
    ("gallery", "walk/gallery.test.mjs"),
    ("console", "walk/console.test.mjs"),
    ("verifiers", VERIFIERS_FILE),
    ("administrators", ADMINISTRATORS_FILE),
];
const ADMINISTRATORS_FILE: &str = "walk/administrators.test.mjs";
const VERIFIERS_FILE: &str = "walk/verifiers.test.mjs";

/// The task.
pub fn run(arguments: &[String]) -> Result<bool> {
    let (mut against, mut release, mut screenshots) = (None, false, false);
    let mut names = Vec::new();
    for argument in arguments {
        match argument.split_once('=').unwrap_or((argument, "")) {
            ("--against", url) if !url.is_empty() => against = Some(url.to_owned()),
            ("--release", "") => release = true,
            ("--screenshots", "") => screenshots = true,
            (name, _) if name.starts_with('-') => bail!("no option {argument:?}"),
            _ => names.push(argument.clone()),
        }
    }
    if let Some(missing) = packages::install(&NEEDS)?.first() {
        bail!("{} is not installed", missing.name);
    }
    let walk = Walk { names, screenshots };
    walk.build()?;
    let counts = match against {
        Some(url) => walk.at(&url)?,
        None => walk.at_a_server(&product::build(release)?)?,
    };
    println!("{} passed, {} failed", counts.passed, counts.failed);
    Ok(counts.failed == 0)
}

/// The step of `cargo xtask test`: everything, at a server of its own.
pub fn step(program: &Path) -> Result<Counts> {
    let everything = Walk {
        names: Vec::new(),
        screenshots: false,
    };
    everything.build()?;
    everything.at_a_server(program)
}

/// Fetches what programs for Node.js use.
fn npm() -> Command {
    let mut npm = Command::new("npm");
    npm.args(["ci", "--silent", "--ignore-scripts"])
        .current_dir(root().join("clients"));
    npm
}

/// The commands that build the shops below a folder.
fn shops(output: &Path) -> Vec<Command> {
    let clients = root().join("clients");
    let mut go = Command::new("go");
    go.args(["build", "-o"])
        .arg(output.join("go-oidc"))
        .current_dir(clients.join("shops/go-oidc"));
    let shop = clients.join("shops/openidconnect");
    let mut rust = cargo(&["build", "--quiet", "--locked", "--manifest-path"]);
    rust.arg(shop.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(output.join("cargo"));
    vec![npm(), go, rust]
}

/// The command that builds projects of `clients/pom.xml` below a folder: one for all, as two at once could spoil
/// what they both download.
pub fn maven(output: &Path, projects: &[&str]) -> Command {
    let mut maven = Command::new("mvn");
    maven
        .args(["--batch-mode", "--quiet", "--no-transfer-progress"])
        .arg(format!("-Dbuilt={}", output.display()))
        .arg(format!("--projects={}", projects.join(",")))
        .arg("package")
        .current_dir(root().join("clients"));
    maven
}

/// Has every page written down.
fn gallery(output: &Path) -> Result<()> {
    let folder = output.join("gallery");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let mut command = cargo(&[
        "test",
        "--quiet",
        "--locked",
        "--package",
        "claviger-pages",
        "--test",
        "it",
        "every_page_is_written_down",
        "--",
        "--ignored",
    ]);
    let status = children::run(command.env("CLAVIGER_GALLERY", &folder))?;
    if !status.success() {
        bail!(
            "the pages are not written down: {}",
            children::describe(status)
        );
    }
    Ok(())
}

/// One walk through the shops and the pages.
struct Walk {
    /// All if there are none.
    names: Vec<String>,
    screenshots: bool,
}

impl Walk {
    /// Builds what has to be built, all at once: most of it is waiting for downloads.
    fn build(&self) -> Result<()> {
        let output = target().join("clients");
        fs::create_dir_all(&output)?;
        let files = self.files();
        let has_verifiers = files.contains(&VERIFIERS_FILE);
        let has_administrators = files.contains(&ADMINISTRATORS_FILE);
        let has_others = files
            .iter()
            .any(|file| ![VERIFIERS_FILE, ADMINISTRATORS_FILE].contains(file));
        let (mut commands, mut projects) = (Vec::new(), Vec::new());
        if has_others {
            commands.extend(shops(&output));
            projects.push("shops/spring");
        }
        if has_administrators {
            commands.extend(administrators::builds(&output));
            projects.push(administrators::MAVEN_PROJECT);
        }
        if has_administrators && !has_others {
            commands.push(npm());
        }
        if has_verifiers {
            commands.extend(verifiers::builds(&output));
            projects.push(verifiers::MAVEN_PROJECT);
        }
        commands.push(maven(&output, &projects));
        let started: Result<Vec<(Command, Running)>> = commands
            .into_iter()
            .map(|mut command| {
                let running = Running::start(&mut command, Stop::Group)?;
                Ok((command, running))
            })
            .collect();
        if has_others {
            gallery(&output)?;
            python::environment("clients/python", "clients/requirements.txt")?;
        }
        if has_verifiers {
            verifiers::python()?;
        }
        if has_administrators {
            administrators::python(&output)?;
        }
        for (command, mut running) in started? {
            let status = running.wait()?;
            if !status.success() {
                bail!("{command:?}: {}", children::describe(status));
            }
        }
        Ok(())
    }

    fn at_a_server(&self, program: &Path) -> Result<Counts> {
        let mut server = Server::start(program, "clients")?;
        // By number: what Node makes of `localhost` depends on the machine.
        let outcome = self.at(&format!("http://127.0.0.1:{}", server.port));
        server.check_alive()?;
        if !matches!(outcome, Ok(counts) if counts.failed == 0) {
            println!("{}", server.log_tail());
        }
        outcome
    }

    /// Runs the tests, counting what their closing lines say.
    fn at(&self, url: &str) -> Result<Counts> {
        let mut command = Command::new("node");
        command
            .args(["--test", "--test-reporter=spec"])
            .args(self.files())
            .current_dir(root().join("clients"))
            .env("BASE_URL", url)
            .env("BUILT", target().join("clients"))
            .env("NODE_OPTIONS", node_options()?);
        if !self.names.is_empty() {
            command.env("ONLY", self.names.join(","));
        }
        if self.screenshots {
            command.env("SCREENSHOTS", root().join("docs/screenshots"));
        }
        let mut counts = Counts::default();
        let status = children::run_reading(&mut command, |line| {
            counts.passed += closing(line, "pass");
            counts.failed += closing(line, "fail") + closing(line, "cancelled");
        })?;
        if counts.passed + counts.failed == 0 {
            bail!("no test ran: {}", children::describe(status));
        }
        if !status.success() && counts.failed == 0 {
            bail!("the tests did not finish: {}", children::describe(status));
        }
        Ok(counts)
    }

    /// The files with what was asked for.
    fn files(&self) -> Vec<&'static str> {
        let named = |name: &str| self.names.iter().any(|asked| asked == name);
        let is_verifier = |asked: &String| verifiers::is_one(asked);
        let is_administrator = |asked: &String| administrators::is_one(asked);
        let is_shop = |asked: &String| {
            !is_verifier(asked)
                && !is_administrator(asked)
                && WALKS.iter().all(|(name, _)| name != asked)
        };
        let wanted = |name: &str| {
            self.names.is_empty()
                || named(name)
                || name == "shops" && self.names.iter().any(is_shop)
                || name == "verifiers" && self.names.iter().any(is_verifier)
                || name == "administrators" && self.names.iter().any(is_administrator)
        };
        WALKS
            .iter()
            .filter(|(name, _)| wanted(name))
            .map(|(_, file)| *file)
            .collect()
    }
}

/// Node.js 18, which Debian 12 has, knows Web Crypto only when asked.
pub fn node_options() -> Result<&'static str> {
    let output = Command::new("node").arg("--version").output()?;
    let old = output.stdout.starts_with(b"v18.");
    Ok(if old {
        "--experimental-global-webcrypto"
    } else {
        ""
    })
}

/// The number in a closing line of Node's test runner, such as `ℹ pass 12`.
fn closing(line: &str, word: &str) -> u64 {
    line.strip_prefix("ℹ ")
        .and_then(|rest| rest.strip_prefix(word))
        .and_then(|rest| rest.trim().parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_of_node_are_read() {
        assert_eq!(closing("ℹ pass 12", "pass"), 12);
        assert_eq!(closing("ℹ fail 0", "fail"), 0);
        assert_eq!(closing("ℹ duration_ms 12", "pass"), 0);
        assert_eq!(closing("✔ pass 3", "pass"), 0);
    }

    #[test]
    fn names_choose_the_files() {
        let files = |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            Walk {
                names,
                screenshots: false,
            }
            .files()
        };
        assert_eq!(files(&[]).len(), WALKS.len());
        assert_eq!(files(&["spring"]), ["walk/shops.test.mjs"]);
        assert_eq!(files(&["shops"]), ["walk/shops.test.mjs"]);
        assert_eq!(files(&["pages"]), ["walk/pages.test.mjs"]);
        assert_eq!(files(&["rust"]), [VERIFIERS_FILE]);
        assert_eq!(files(&["ansible"]), [ADMINISTRATORS_FILE]);
        assert_eq!(
            files(&["keycloak-js", "django"]),
            ["walk/shops.test.mjs", "walk/keycloak-js.test.mjs"]
        );
    }

    /// A shop that no page tells of, or a page about no shop, would be of no use to anybody.
    #[test]
    fn every_shop_has_its_recipe() {
        let page = product::read("docs/clients.md").unwrap();
        let shops = fs::read_dir(root().join("clients/shops")).unwrap();
        for shop in shops {
            let name = shop.unwrap().file_name().into_string().unwrap();
            assert!(
                page.contains(&format!("`clients/shops/{name}/`")),
                "docs/clients.md: {name}"
            );
        }
    }
}
