//! A disk that is full: real, on a small file system of its own where the test may mount one, and
//! for everybody by a limit on how long files may get.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{health, load, within};
use crate::http;
use crate::program::{Home, Server, command};

/// What SQLite's files may take, in bytes: little more than the first realm.
const SPACE: usize = 4 * 1024 * 1024;

/// Fills the disk, does what has to be refused, makes room and sees that all is well.
fn prove(server: Server, fill: impl FnOnce(&Server), make_room: impl FnOnce(&Server)) {
    let management = server.management.clone().unwrap();
    let bearer = load::bearer(&server);
    let session = server.login("admin", "admin").json();
    let name = |number: usize| format!("load-full-{number}");
    let mut ledger = load::Ledger::default();
    let mut number = 0;
    let mut one = |ledger: &mut load::Ledger| {
        let answer = load::create(&server.address, &bearer, &name(number));
        let told = if answer.status == 201 {
            &mut ledger.acknowledged
        } else {
            super::assert_come_again(&answer);
            &mut ledger.refused
        };
        told.insert(name(number));
        number += 1;
        answer.status
    };
    assert_eq!(one(&mut ledger), 201);

    fill(&server);
    within("the disk is full", || one(&mut ledger) == 503);
    for _ in 0..3 {
        assert_eq!(one(&mut ledger), 503);
    }
    super::assert_come_again(&server.login("admin", "admin"));
    // What needs no space goes on.
    assert_eq!(server.get("/realms/master").status, 200);
    assert_eq!(http::get(&management, "/health/live").status, 200);
    assert_eq!(http::get(&management, "/health/ready").status, 200);

    make_room(&server);
    within("there is room again", || one(&mut ledger) == 201);
    assert_eq!(ledger.check(&server), 0, "refused, and done");
    let token = session["refresh_token"].as_str().unwrap();
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "admin-cli"),
        ("refresh_token", token),
    ];
    let path = "/realms/master/protocol/openid-connect/token";
    assert_eq!(server.post(path, &form).status, 200);
    server.stop();
}

/// A file system of its own, gone with the test.
struct Small(PathBuf);

impl Small {
    /// Nothing where that is not allowed.
    fn mount(at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let size = format!("size={SPACE},mode=700");
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at);
        let mounted = mounted.output().is_ok_and(|told| told.status.success());
        mounted.then(|| Self(at.to_owned()))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_a_refusal_and_nothing_is_half_written() {
    let home = Home::new();
    let data = home.path().join("data");
    let Some(_small) = Small::mount(&data) else {
        println!("left out: no file system can be mounted here");
        return;
    };
    let options = health();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let server = Server::start(&home, &options);
    let filler = data.join("filler");
    let fill = |_: &Server| {
        let mut file = File::create(&filler).unwrap();
        // To the last byte.
        for size in [64 * 1024, 1024, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    };
    prove(server, fill, |_| std::fs::remove_file(&filler).unwrap());
}

#[test]
fn a_file_that_may_not_grow_is_a_refusal_and_nothing_is_half_written() {
    let home = Home::new();
    let arguments = ["start-dev", "--http-host=127.0.0.1", "--http-port=0"];
    let mut start = command(&home, &arguments);
    start.args(health());
    for name in ["USERNAME", "PASSWORD"] {
        start.env(format!("KC_BOOTSTRAP_ADMIN_{name}"), "admin");
    }
    // The signal that tells of the limit would end the process: no disk does that.
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]);
    shell.arg(start.get_program()).args(start.get_args());
    shell.env_clear();
    shell.envs(
        start
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let server = Server::of(&mut shell);
    let log = home.path().join("data/claviger.db-wal");
    let limit = |server: &Server, bytes: &str| {
        let mut prlimit = Command::new("prlimit");
        let pid = format!("--pid={}", server.id());
        let done = prlimit.args([pid, format!("--fsize={bytes}:")]).status();
        assert!(done.unwrap().success());
    };
    let fill = |server: &Server| {
        let length = std::fs::metadata(&log).unwrap().len();
        limit(server, &length.to_string());
    };
    prove(server, fill, |server| limit(server, "unlimited"));
}
