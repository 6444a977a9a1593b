//! `plan`, `apply` and `drift` at a real server: the example of docs/declarative.md as it stands there,
//! and what must not happen.

use serde_json::Value;

use crate::program::{Ended, Home, Server, command, run};

const PAGE: &str = include_str!("../../../docs/declarative.md");

struct Desk {
    home: Home,
    url: String,
    _server: Server,
}

impl Desk {
    fn open() -> Self {
        let home = Home::new();
        let server = Server::start(&home, &[]);
        let url = format!("http://{}", server.address);
        Self {
            home,
            url,
            _server: server,
        }
    }

    /// A command, with the variables that the page sets.
    fn run(&self, arguments: &[&str]) -> Ended {
        let (name, rest) = arguments.split_first().unwrap();
        let mut command = command(&self.home, &[]);
        command.arg(name).args(rest).current_dir(self.home.path());
        command.env("HOME", self.home.path());
        command.env("ORDERS_SECRET", "orders-hunter2");
        command.env("ANNA_PASSWORD", "anna-hunter3");
        run(&mut command)
    }

    fn sign_in(&self) {
        let ended = self.run(&[
            "admin",
            "config",
            "credentials",
            "--server",
            &self.url,
            "--realm",
            "master",
            "--user",
            "admin",
            "--password",
            "admin",
        ]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }

    /// What a command that ends so printed.
    fn out(&self, code: i32, line: &str) -> String {
        let arguments: Vec<&str> = line.split(' ').collect();
        let ended = self.run(&arguments);
        assert_eq!(ended.code, Some(code), "{line}: {ended:?}");
        for text in [&ended.out, &ended.err] {
            assert!(!text.contains("hunter"), "{line} tells a secret: {text}");
        }
        ended.out
    }

    fn get(&self, place: &str) -> Value {
        let ended = self.run(&["admin", "get", place, "-r", "shop"]);
        serde_json::from_str(&ended.out)
            .unwrap_or_else(|error| panic!("{place}: {error}: {ended:?}"))
    }
}

/// The blocks of the page: what is to be in the file, and commands with what they print.
fn blocks(kind: &str) -> Vec<&'static str> {
    let fence = format!("```{kind}\n");
    let parts = PAGE.split(fence.as_str()).skip(1);
    parts
        .map(|part| part.split("```").next().unwrap())
        .collect()
}

#[test]
fn the_example_of_the_page_does_what_the_page_says() {
    let desk = Desk::open();
    desk.home.write("shop.yaml", blocks("yaml")[0]);
    let mut played = 0;
    for block in blocks("console") {
        for step in block.split("$ claviger ").skip(1) {
            let (line, printed) = step.split_once('\n').unwrap();
            let (line, code) = match line.split_once("  # exit code ") {
                Some((line, code)) => (line.trim_end(), code.parse().unwrap()),
                None => (line, 0),
            };
            let line = line.replace("http://localhost:8080", &desk.url);
            assert_eq!(
                desk.out(code, &line).trim_end(),
                printed.trim_end(),
                "{line}"
            );
            played += 1;
        }
    }
    assert!(played >= 6, "{played}");
    // And it is so.
    let anna = &desk.get("users?username=anna")[0];
    let id = anna["id"].as_str().unwrap();
    let groups = desk.get(&format!("users/{id}/groups"));
    assert_eq!(groups[0]["path"], "/employees/managers");
    let staff = desk.get("roles/staff");
    let within = desk.get(&format!(
        "roles-by-id/{}/composites",
        staff["id"].as_str().unwrap()
    ));
    let mut names: Vec<_> = within
        .as_array()
        .unwrap()
        .iter()
        .map(|role| role["name"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["cashier", "reader"]);
    let orders = &desk.get("clients?clientId=orders")[0];
    assert_eq!(orders["secret"], "orders-hunter2");
}

#[test]
fn nothing_goes_by_being_left_out() {
    let desk = Desk::open();
    desk.sign_in();
    let base = "realm: shop\nenabled: true\nclients:\n- clientId: one\n  description: First\n- clientId: two\nroles:\n  \
                realm:\n  - name: a\n    composites: {realm: [b]}\n  - name: b\n";
    desk.home.write("base.yaml", base);
    desk.out(0, "apply -f base.yaml --yes");
    desk.out(0, "plan -f base.yaml");
    // A file that names less changes nothing; a marker takes one away; pruning what the lists leave out.
    desk.home
        .write("less.yaml", "realm: shop\nclients:\n- clientId: one\n");
    assert!(desk.out(0, "drift -f less.yaml").contains("No changes"));
    desk.home.write(
        "gone.yaml",
        "realm: shop\nclients:\n- clientId: two\n  $state: absent\n",
    );
    let told = desk.out(2, "plan -f gone.yaml");
    assert!(told.contains("  - client 'two'\n"), "{told}");
    assert_eq!(
        desk.get("clients?clientId=two").as_array().unwrap().len(),
        1
    );
    desk.out(0, "apply -f gone.yaml --yes");
    assert_eq!(desk.get("clients?clientId=two"), Value::Array(Vec::new()));
    desk.out(0, "apply -f gone.yaml --yes");
    let other = "realm: shop\nclients:\n- clientId: three\nroles:\n  realm:\n  - name: a\n    composites: {realm: []}\n";
    desk.home.write("other.yaml", other);
    let told = desk.out(2, "plan -f other.yaml --prune");
    for line in [
        "  + client 'three'",
        "  - client 'one'",
        "  - realm role 'b'",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    for kept in ["account", "admin-cli", "default-roles-shop"] {
        assert!(!told.contains(&format!("'{kept}'")), "{kept}: {told}");
    }
    desk.out(0, "apply -f other.yaml --prune --yes");
    desk.out(0, "plan -f other.yaml --prune");
    // Somebody changes by hand what the file says.
    let by_hand = [
        "admin",
        "create",
        "clients",
        "-r",
        "shop",
        "-s",
        "clientId=one",
        "-s",
        "description=Other",
    ];
    assert_eq!(desk.run(&by_hand).code, Some(0));
    let told = desk.out(2, "drift -f base.yaml");
    assert!(
        told.contains("~ client 'one' differs\n      ~ description: \"Other\" -> \"First\""),
        "{told}"
    );
}

#[test]
fn mistakes_are_told_and_are_no_difference() {
    let desk = Desk::open();
    desk.sign_in();
    desk.home.write("broken.yaml", "realm: shop\nclients: [\n");
    desk.home
        .write("variable.yaml", "realm: shop\ndisplayName: ${NOT_THERE}\n");
    desk.home.write("nobody.yaml", "displayName: x\n");
    desk.home.write("list.yaml", "realm: shop\nclients: x\n");
    desk.home.write(
        "fine.yaml",
        "realm: shop\nenabled: true\ndisplayName: ${role_x} $${HOME}\n",
    );
    for (line, told) in [
        ("plan -f broken.yaml", "broken.yaml: "),
        (
            "plan -f variable.yaml",
            "variable.yaml: the variable NOT_THERE is not set",
        ),
        ("plan -f nobody.yaml", "nobody.yaml: it names no realm"),
        ("plan -f list.yaml", "clients: a list of objects is wanted"),
        ("plan -f nowhere.yaml", "nowhere.yaml cannot be read"),
        ("plan --fle x", "ERROR: unexpected argument"),
        ("apply -f fine.yaml", "Nobody can be asked: say --yes"),
    ] {
        let arguments: Vec<&str> = line.split(' ').collect();
        let ended = desk.run(&arguments);
        assert_eq!(ended.code, Some(1), "{line}: {ended:?}");
        assert!(ended.err.starts_with(told), "{line}: {ended:?}");
    }
    desk.out(0, "apply -f fine.yaml --yes");
    assert_eq!(desk.get("realms/shop")["displayName"], "${role_x} ${HOME}");
    let schema: Value = serde_json::from_str(&desk.out(0, "schema")).unwrap();
    assert_eq!(schema["$ref"], "#/$defs/RealmRepresentation");
}
