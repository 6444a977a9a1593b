//! `admin` at a real server: scripts that were written for `kcadm.sh` do what they did there.

#![expect(clippy::too_many_lines, reason = "a table is as long as its cases")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::program::{Ended, Home, Server, command, run};

/// A script as people have them for Keycloak. What it prints is looked at below.
const SCRIPT: &str = r#"
set -eu
$KCADM config credentials --server "$URL" --realm master --user admin --password admin
$KCADM create realms -s realm=shop -s enabled=true -s displayName='The shop'
$KCADM update realms/shop -s registrationAllowed=true -s 'attributes."my.note"=5'
$KCADM create roles -r shop -s name=reader -s 'description=May read'
$KCADM create roles -r shop -s name=writer
$KCADM create roles -r shop -s name=staff
$KCADM add-roles -r shop --rname staff --rolename reader --rolename writer
CLIENT=$($KCADM create clients -r shop -s clientId=app -s publicClient=true -s 'redirectUris=["https://app.example/*"]' -i)
$KCADM create clients/$CLIENT/roles -r shop -s name=cashier
$KCADM update clients/$CLIENT -r shop -s 'redirectUris+=https://two.example/*' -s description=Two -d 'redirectUris[0]'
$KCADM create groups -r shop -s name=team
$KCADM add-roles -r shop --gname team --rolename staff
$KCADM create users -r shop -f - <<BODY
{"username": "anna", "enabled": true, "email": "anna@shop.example", "firstName": "Anna", "lastName": "Ant"}
BODY
$KCADM set-password -r shop --username anna --new-password wonderland
$KCADM add-roles -r shop --uusername anna --rolename writer
$KCADM add-roles -r shop --uusername anna --cclientid app --rolename cashier
$KCADM remove-roles -r shop --uusername anna --rolename writer
$KCADM add-roles -r shop --uusername anna --rolename staff
ANNA=$($KCADM get users -r shop -q username=anna --fields id --format csv --noquotes)
echo "--- fields"
$KCADM get users/$ANNA -r shop --fields 'username,enabled,access(manage)'
echo "--- csv"
$KCADM get users -r shop --offset 0 --limit 1 --fields username,enabled,email --format csv
echo "--- client"
$KCADM get clients -r shop -q clientId=app --fields redirectUris,description -c
echo "--- mine"
$KCADM get-roles -r shop --uid $ANNA --cclientid app --fields name --format csv --noquotes
echo "--- group"
$KCADM get-roles -r shop --gpath /team --fields name --format csv --noquotes
echo "--- effective"
$KCADM get-roles -r shop --uusername anna --effective --fields name --format csv --noquotes | sort
echo "--- note"
$KCADM get realms/shop --fields 'displayName,registrationAllowed,attributes(my.note)'
$KCADM delete users/$ANNA -r shop
if $KCADM get users/$ANNA -r shop; then exit 99; fi
echo "--- end"
"#;

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

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(&self.home, &[]);
        command.arg("admin").args(arguments);
        command.env("HOME", self.home.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        run(&mut self.command(arguments))
    }

    /// What a command that has to succeed printed.
    fn out(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
        ended.out
    }

    /// What a command that must not succeed said, and how it ended.
    fn refused(&self, arguments: &[&str]) -> (i32, String) {
        let ended = self.run(arguments);
        assert_eq!(ended.out, "", "{arguments:?}");
        (ended.code.unwrap(), ended.err)
    }

    fn sign_in(&self) {
        let credentials = ["config", "credentials", "--realm", "master"];
        let who = [
            "--server",
            &self.url,
            "--user",
            "admin",
            "--password",
            "admin",
        ];
        self.out(&[&credentials[..], &who[..]].concat());
    }

    fn book(&self) -> PathBuf {
        self.home.path().join(".keycloak/kcadm.config")
    }

    fn kept(&self) -> Value {
        let text = std::fs::read_to_string(self.book()).unwrap();
        let book: Value = serde_json::from_str(&text).unwrap();
        book["endpoints"][&self.url]["master"].clone()
    }
}

#[test]
fn a_script_for_kcadm_runs_when_only_the_name_is_changed() {
    let desk = Desk::open();
    let mut script = Command::new("sh");
    script.args(["-c", SCRIPT]).env("URL", &desk.url);
    script.env("HOME", desk.home.path());
    script.env("KCADM", format!("{} admin", env!("CARGO_BIN_EXE_claviger")));
    let ended = run(&mut script);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let expected = r#"--- fields
{
  "username" : "anna",
  "enabled" : true,
  "access" : {
    "manage" : true
  }
}
--- csv
"anna","anna@shop.example",true
--- client
[{"description":"Two","redirectUris":["https://two.example/*"]}]
--- mine
cashier
--- group
staff
--- effective
default-roles-shop
offline_access
reader
staff
uma_authorization
writer
--- note
{
  "registrationAllowed" : true,
  "displayName" : "The shop",
  "attributes" : {
    "my.note" : "5"
  }
}
--- end
"#;
    assert_eq!(ended.out, expected);
    for told in [
        format!("Logging into {} as user admin of realm master", desk.url),
        "Created new realm with id 'shop'".to_owned(),
        "Created new role with id 'reader'".to_owned(),
        "Created new user with id '".to_owned(),
        format!(
            "Resource not found for url: {}/admin/realms/shop/users/",
            desk.url
        ),
    ] {
        assert!(ended.err.contains(&told), "{told}: {}", ended.err);
    }
}

#[test]
fn tokens_are_kept_for_their_owner_alone_and_renewed() {
    let desk = Desk::open();
    desk.sign_in();
    let mode = std::fs::metadata(desk.book()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let first = desk.kept();
    assert_eq!(first["clientId"], "admin-cli");
    assert_eq!(first["grantTypeForAuthentication"], "password");
    let status = desk.out(&["config", "credentials", "--status"]);
    let told = format!(
        "Logged in (server: {}, realm: master, expired: false, ",
        desk.url
    );
    assert!(status.starts_with(&told), "{status}");
    // From now on no token lives long enough to be used again.
    desk.out(&["update", "realms/master", "-s", "accessTokenLifespan=1"]);
    assert_eq!(desk.kept()["token"], first["token"]);
    let spent = std::fs::read_to_string(desk.book()).unwrap();
    let end = first["expiresAt"].to_string();
    std::fs::write(desk.book(), spent.replace(&end, "1")).unwrap();
    assert_eq!(
        desk.out(&["get", "realms", "--fields", "realm", "-c"]),
        "[{\"realm\":\"master\"}]\n"
    );
    let second = desk.kept();
    assert_ne!(second["token"], first["token"]);
    desk.out(&["get", "realms"]);
    assert_ne!(desk.kept()["token"], second["token"]);
    // A session that is over is not waited for.
    let spent = std::fs::read_to_string(desk.book()).unwrap();
    let end = desk.kept()["refreshExpiresAt"].to_string();
    let spent = spent.replace(&end, "1");
    let end = desk.kept()["expiresAt"].to_string();
    std::fs::write(desk.book(), spent.replace(&end, "1")).unwrap();
    let (code, told) = desk.refused(&["get", "realms"]);
    assert_eq!(code, 1);
    assert!(told.starts_with("Session has expired"), "{told}");
}

#[test]
fn nothing_is_kept_where_nothing_is_to_be_kept() {
    let desk = Desk::open();
    let once = [
        "--no-config",
        "--server",
        &desk.url,
        "--realm",
        "master",
        "--user",
        "admin",
    ];
    let mut get = desk.command(&["get", "realms", "--fields", "realm", "-c"]);
    let ended = run(get.args(once).env("KC_CLI_PASSWORD", "admin"));
    assert_eq!(
        (ended.code, ended.out.as_str()),
        (Some(0), "[{\"realm\":\"master\"}]\n")
    );
    assert!(!desk.book().exists());
    // A service account, with a file of its own.
    desk.sign_in();
    desk.out(&[
        "create",
        "clients",
        "-s",
        "clientId=robot",
        "-s",
        "serviceAccountsEnabled=true",
        "-s",
        "secret=hunter2",
        "-s",
        "publicClient=false",
    ]);
    desk.out(&[
        "add-roles",
        "--uusername",
        "service-account-robot",
        "--rolename",
        "admin",
    ]);
    let book = desk.home.path().join("robot.config");
    let book = book.to_str().unwrap();
    let robot = [
        "--realm", "master", "--server", &desk.url, "--client", "robot",
    ];
    let mut login = desk.command(&["config", "credentials", "--config", book]);
    let ended = run(login.args(robot).env("KC_CLI_CLIENT_SECRET", "hunter2"));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended
            .err
            .contains("as service-account-robot of realm master"),
        "{ended:?}"
    );
    let found = desk.out(&[
        "get",
        "clients",
        "-q",
        "clientId=robot",
        "--fields",
        "clientId",
        "-c",
        "--config",
        book,
    ]);
    assert_eq!(found, "[{\"clientId\":\"robot\"}]\n");
}

#[test]
fn refusals_have_the_exit_codes_of_kcadm() {
    let desk = Desk::open();
    let nobody = desk.refused(&["get", "realms"]);
    assert_eq!(
        nobody,
        (
            1,
            "Illegal state - no current endpoint in config data\n".to_owned()
        )
    );
    let wrong = [
        "--server",
        &desk.url,
        "--realm",
        "master",
        "--user",
        "admin",
        "--password",
        "wrong",
    ];
    let (code, told) = desk.refused(&[&["config", "credentials"][..], &wrong[..]].concat());
    assert_eq!(code, 1);
    assert!(
        told.ends_with("Invalid user credentials [invalid_grant]\n"),
        "{told}"
    );
    assert!(!desk.book().exists());
    desk.sign_in();
    desk.out(&["create", "realms", "-s", "realm=shop"]);
    for (code, arguments, told) in [
        (
            1,
            "create realms -s realm=shop",
            "Realm shop already exists",
        ),
        (
            1,
            "get users/unknown -r shop",
            "Resource not found for url: ",
        ),
        (
            1,
            "set-password -r shop --username nobody -p x",
            "User not found for username: nobody",
        ),
        (
            1,
            "add-roles -r shop --rname nothing --rolename x",
            "Role not found for name: nothing",
        ),
        (
            1,
            "create users -r shop -f /nowhere.json",
            "File not found: /nowhere.json",
        ),
        (
            1,
            "get users -r shop -F a(b",
            "Invalid fields specification at position 3: a(b",
        ),
        (
            1,
            "create users -r shop -b {",
            "Cannot parse the JSON [invalid_request]",
        ),
        (
            2,
            "get",
            "Resource URI not specified\nTry 'claviger admin get --help'",
        ),
        (
            2,
            "get realms --nosuch",
            "ERROR: unexpected argument '--nosuch'",
        ),
        (
            2,
            "get realms --format xml",
            "Unsupported output format: xml",
        ),
        (
            2,
            "create users -s novalue",
            "Invalid key=value parameter: [novalue]",
        ),
        (2, "add-roles --uusername a", "No role to add specified."),
        (
            2,
            "add-roles --rolename a",
            "No user nor group nor composite role specified.",
        ),
        (
            2,
            "get-roles --uid 1 --uusername 2",
            "Incompatible options: --uid and --uusername",
        ),
        (2, "set-password -p x", "No user specified."),
    ] {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let (found, text) = desk.refused(&arguments);
        assert!(
            found == code && text.starts_with(told),
            "{arguments:?}: {found} {text}"
        );
    }
}
