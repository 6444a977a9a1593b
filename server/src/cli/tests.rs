use super::*;

fn arguments(line: &str) -> Vec<String> {
    std::iter::once("claviger")
        .chain(line.split_whitespace())
        .map(str::to_owned)
        .collect()
}

fn run(line: &str) -> Invocation {
    match parse(&Table::load(), &arguments(line)) {
        Ok(Parsed::Run(invocation)) => invocation,
        other => panic!("{line}: {other:?}"),
    }
}

fn refusal(line: &str) -> String {
    match parse(&Table::load(), &arguments(line)) {
        Err(error) => error.to_string(),
        other => panic!("{line}: {other:?}"),
    }
}

fn options(invocation: &Invocation) -> Vec<(&str, &str)> {
    invocation
        .options
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

#[test]
fn the_grammar_is_sound() {
    grammar(&Table::load(), Depth::Effective).debug_assert();
}

#[test]
fn options_come_in_both_forms() {
    let invocation = run("start-dev --http-port=1 --http-host 0.0.0.0 --db-password --x");
    assert_eq!(
        invocation.command,
        Command::StartDev {
            import_realm: false
        }
    );
    let expected = [
        ("db-password", "--x"),
        ("http-host", "0.0.0.0"),
        ("http-port", "1"),
    ];
    assert_eq!(options(&invocation), expected);
}

#[test]
fn the_order_of_repeated_options_is_kept() {
    let invocation = run("start --http-port=1 --http-port=2");
    assert_eq!(
        options(&invocation),
        [("http-port", "1"), ("http-port", "2")]
    );
}

#[test]
fn names_with_a_part_of_the_users_choice_are_taken() {
    let invocation = run("start --log-level-org.keycloak.events=debug --spi-a--b--c d");
    let expected = [
        ("log-level-org.keycloak.events", "debug"),
        ("spi-a--b--c", "d"),
    ];
    assert_eq!(options(&invocation), expected);
}

#[test]
fn global_options_stand_before_or_after_the_command() {
    for line in [
        "-cf x.conf start -v",
        "--config-file=x.conf -v start",
        "start -v -cf=x.conf",
    ] {
        let invocation = run(line);
        assert_eq!(invocation.config_file.as_deref(), Some("x.conf"), "{line}");
    }
}

#[test]
fn arguments_for_java_are_counted_and_ignored() {
    let invocation = run("start -Dquarkus.x=1 --optimized -Dy");
    assert_eq!(invocation.java_arguments, 2);
    assert!(invocation.options.is_empty());
}

#[test]
fn commands_are_told_apart() {
    let variable = |name: &str| Some(Text::Variable(name.to_owned()));
    let given = |text: &str| Some(Text::Given(text.to_owned()));
    let cases = [
        (
            "start-dev --import-realm",
            Command::StartDev { import_realm: true },
        ),
        (
            "start --optimized",
            Command::Start {
                import_realm: false,
            },
        ),
        ("import --file x --override false", Command::Import),
        (
            "export --dir d --realm r --users skip --users-per-file 5",
            Command::Export,
        ),
        ("build --db=postgres", Command::Build),
        ("show-config", Command::ShowConfig { all: false }),
        ("show-config all", Command::ShowConfig { all: true }),
        (
            "tools completion",
            Command::Completion {
                shell: clap_complete::Shell::Bash,
            },
        ),
        (
            "completion fish",
            Command::Completion {
                shell: clap_complete::Shell::Fish,
            },
        ),
        (
            "bootstrap-admin user --username ann --password:env PW --no-prompt",
            Command::BootstrapUser {
                username: given("ann"),
                password: variable("PW"),
                prompt: false,
            },
        ),
        (
            "bootstrap-admin service --client-id:env ID --client-secret:env=S",
            Command::BootstrapService {
                client_id: variable("ID"),
                secret: variable("S"),
                prompt: true,
            },
        ),
    ];
    for (line, command) in cases {
        assert_eq!(run(line).command, command, "{line}");
    }
}

#[test]
fn mistakes_are_refused_in_plain_words() {
    let cases = [
        (
            "start-dev --htp-port=1",
            "Unknown option: '--htp-port'. Possible solutions: --http-port",
        ),
        (
            "start-dev --http-port",
            "Option '--http-port' expects a single value.",
        ),
        (
            "start-dev --log-level-x",
            "Option '--log-level-x' expects a single value.",
        ),
        ("start-dev extra", "Unknown option: 'extra'"),
        ("nope", "Unknown command: 'nope'."),
        (
            "start --file=x",
            "Option '--file' does not belong to this command",
        ),
        (
            "bootstrap-admin user --username a --username:env B",
            "Options --username and --username:env exclude each other",
        ),
    ];
    for (line, text) in cases {
        let refusal = refusal(line);
        assert!(refusal.contains(text), "{line}: {refusal}");
        assert!(!refusal.contains('\n'), "{line}: {refusal}");
    }
}

#[test]
fn help_and_version_are_no_errors() {
    for (line, text) in [
        ("--help", "start-dev"),
        ("", "start-dev"),
        ("start --help", "--http-port"),
        ("start --help-all", "--cache-stack"),
        ("--version", crate::VERSION),
    ] {
        match parse(&Table::load(), &arguments(line)) {
            Ok(Parsed::Print(printed)) => assert!(printed.contains(text), "{line}: {printed}"),
            other => panic!("{line}: {other:?}"),
        }
    }
}

#[test]
fn help_shows_what_has_an_effect() {
    match parse(&Table::load(), &arguments("start --help")) {
        Ok(Parsed::Print(printed)) => assert!(!printed.contains("--cache-stack")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_proof_needs_a_realm_and_somebody_to_sign_in() {
    let Command::ProveLogout(asked) = run("prove-logout --realm shop --admin root").command else {
        panic!("another command");
    };
    assert_eq!(asked.servers, ["http://localhost:8080"]);
    assert_eq!(asked.timeout, std::time::Duration::from_secs(10));
    let own = "--username u --client-id c";
    let cases = [
        ("--admin root", "Option --realm is missing"),
        ("--realm r", "Whose session is to be ended?"),
        ("--realm r --username u", "belong together"),
        ("--realm r --admin-client-id c", "--admin-client-secret:env"),
        (
            &format!("--realm r {own} --audience a"),
            "leave out --username",
        ),
        (
            &format!("--realm r {own} --server ftp://x"),
            "no address of HTTP",
        ),
        (&format!("--realm r {own} --api x"), "no address of HTTP"),
        (&format!("--realm r {own} --timeout 0"), "wants seconds"),
        (&format!("--realm r {own} --timeout 9999"), "wants seconds"),
        (&format!("--realm r {own} --password x"), "Unknown option"),
    ];
    for (line, told) in cases {
        let refusal = refusal(&format!("prove-logout {line}"));
        assert!(refusal.contains(told), "{line}: {refusal}");
    }
}
