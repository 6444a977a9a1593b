//! Flows walked by hand: what is asked when, as Keycloak asks it.

use claviger_model::UserId;

use super::*;

/// A step that asks.
pub(super) fn ask(id: &str, requirement: Requirement, authenticator: Authenticator) -> Step {
    Step {
        id: id.to_owned(),
        requirement,
        does: Does::Ask(authenticator),
        config: None,
    }
}

/// A step that goes through a flow.
pub(super) fn go(id: &str, requirement: Requirement, steps: Vec<Step>) -> Step {
    Step {
        id: id.to_owned(),
        requirement,
        does: Does::Flow(flow(id, steps)),
        config: None,
    }
}

/// A flow.
pub(super) fn flow(alias: &str, steps: Vec<Step>) -> Flow {
    Flow {
        id: format!("{alias}-flow"),
        alias: alias.to_owned(),
        steps,
    }
}

/// A user with credentials.
pub(super) fn known(id: &str, credentials: &[&str]) -> Known {
    Known {
        id: UserId::new(id),
        credentials: credentials.iter().map(|kind| (*kind).to_owned()).collect(),
    }
}

use Authenticator as A;
use Requirement::{Alternative, Conditional, Disabled, Required};

/// Keycloak's own browser flow.
pub(super) fn browser() -> Flow {
    let condition = |id: &str, condition| ask(id, Required, A::Condition(condition));
    let second = vec![
        condition("configured", Condition::UserConfigured),
        condition("credential", Condition::Credential),
        ask("otp", Alternative, A::OtpForm),
        ask(
            "webauthn",
            Disabled,
            A::Other("webauthn-authenticator".into()),
        ),
    ];
    flow(
        "browser",
        vec![
            ask("cookie", Alternative, A::Cookie),
            ask("kerberos", Disabled, A::Other("auth-spnego".into())),
            ask("redirector", Alternative, A::ProviderRedirector),
            go(
                "forms",
                Alternative,
                vec![
                    ask("password", Required, A::UsernamePasswordForm),
                    go("second", Conditional, second),
                ],
            ),
        ],
    )
}

/// Asks until the walk is over; conditions "user configured" are looked at, others hold, and steps come
/// to what `script` says, or have nothing to say.
fn run(walk: &mut Walk<'_>, script: &[(&str, Verdict)]) -> (Next, Vec<String>) {
    let mut asked = Vec::new();
    loop {
        match walk.advance() {
            Next::Look(id) => {
                asked.push(format!("{id}?"));
                let path = walk.flow.path(&id).unwrap();
                let flow = path.iter().rev().nth(1).unwrap().flow().unwrap();
                let user = walk.state().user.clone();
                let holds = match walk.flow.step(&id).unwrap().condition().unwrap() {
                    Condition::UserConfigured => flow.is_configured_for(user.as_ref()),
                    Condition::Role
                    | Condition::Attribute
                    | Condition::Level
                    | Condition::ClientScope
                    | Condition::FlowExecuted
                    | Condition::Credential => true,
                };
                walk.verdict(Verdict::Held(holds));
            }
            Next::Ask(id) => {
                asked.push(id.clone());
                let found = script.iter().find(|(step, _)| *step == id);
                walk.verdict(found.map_or(Verdict::Passed(None), |(_, verdict)| verdict.clone()));
            }
            over @ (Next::Wait(_)
            | Next::Closed(_)
            | Next::Reset
            | Next::Done
            | Next::Refused(_)) => return (over, asked),
        }
    }
}

fn wait(id: &str) -> Next {
    Next::Wait(id.to_owned())
}

#[test]
fn a_password_is_enough_for_who_has_nothing_else() {
    let flow = browser();
    let mut walk = Walk::start(&flow, State::default());
    let (next, asked) = run(&mut walk, &[("password", Verdict::Asked)]);
    assert_eq!(next, wait("password"));
    assert_eq!(asked, ["cookie", "redirector", "password"]);
    let state = walk.into_state();
    let mut walk = Walk::act(&flow, state, "password").unwrap();
    let proven = Verdict::Proven(Some(known("alice", &["password"])));
    let (next, asked) = run(&mut walk, &[("password", proven)]);
    assert_eq!(next, Next::Done);
    assert_eq!(asked, ["password", "configured?"]);
}

#[test]
fn who_has_a_second_factor_is_asked_for_it() {
    let flow = browser();
    let mut walk = Walk::start(&flow, State::default());
    run(&mut walk, &[("password", Verdict::Asked)]);
    let proven = Verdict::Proven(Some(known("alice", &["password", "otp"])));
    let mut walk = Walk::act(&flow, walk.into_state(), "password").unwrap();
    let (next, asked) = run(&mut walk, &[("password", proven), ("otp", Verdict::Asked)]);
    assert_eq!(next, wait("otp"));
    assert_eq!(asked, ["password", "configured?", "credential?", "otp"]);
    // Loading the page anew asks for nothing less.
    let mut again = Walk::start(&flow, walk.clone().into_state());
    let (next, _) = run(&mut again, &[("otp", Verdict::Asked)]);
    assert_eq!(next, wait("otp"));
    // The password's page again is no way round.
    assert!(Walk::act(&flow, walk.clone().into_state(), "password").is_err());
    let mut walk = Walk::act(&flow, walk.into_state(), "otp").unwrap();
    let (next, _) = run(&mut walk, &[("otp", Verdict::Proven(None))]);
    assert_eq!(next, Next::Done);
}

#[test]
fn who_is_signed_in_already_is_asked_for_nothing() {
    let flow = browser();
    let mut walk = Walk::start(&flow, State::default());
    let signed_in = Verdict::Proven(Some(known("alice", &["password", "otp"])));
    let (next, asked) = run(&mut walk, &[("cookie", signed_in)]);
    assert_eq!((next, asked), (Next::Done, vec!["cookie".to_owned()]));
}

#[test]
fn nobody_is_signed_in_as_nobody_or_as_somebody_else() {
    let open = flow("open", vec![ask("allow", Required, A::AllowAccess)]);
    let mut walk = Walk::start(&open, State::default());
    let (next, _) = run(&mut walk, &[("allow", Verdict::Proven(None))]);
    assert_eq!(next, Next::Refused(vec![Refusal::UnknownUser]));
    let two = flow(
        "two",
        vec![
            ask("first", Required, A::UsernamePasswordForm),
            ask("second", Required, A::UsernamePasswordForm),
        ],
    );
    let mut walk = Walk::start(&two, State::default());
    let script = [
        ("first", Verdict::Proven(Some(known("alice", &[])))),
        ("second", Verdict::Proven(Some(known("bob", &[])))),
    ];
    let (next, _) = run(&mut walk, &script);
    assert_eq!(next, Next::Refused(vec![Refusal::UserConflict]));
}

/// `auth-username-form`, then one of two credentials.
pub(super) fn passwordless() -> Flow {
    let passkey = A::Other("webauthn-authenticator-passwordless".into());
    flow(
        "passwordless",
        vec![
            ask("name", Required, A::UsernameForm),
            go(
                "ways",
                Required,
                vec![
                    ask("passkey", Alternative, passkey),
                    go(
                        "classic",
                        Alternative,
                        vec![
                            ask("password", Required, A::PasswordForm),
                            ask("otp", Required, A::OtpForm),
                        ],
                    ),
                ],
            ),
        ],
    )
}

#[test]
fn the_preferred_credential_is_asked_for_and_another_may_be_chosen() {
    let flow = passwordless();
    let user = known("alice", &["webauthn-passwordless", "password", "otp"]);
    let mut walk = Walk::start(&flow, State::default());
    run(&mut walk, &[("name", Verdict::Asked)]);
    let mut walk = Walk::act(&flow, walk.into_state(), "name").unwrap();
    let script = [
        ("name", Verdict::Proven(Some(user))),
        ("passkey", Verdict::Asked),
    ];
    let (next, _) = run(&mut walk, &script);
    assert_eq!(next, wait("passkey"));
    let offered: Vec<&str> = walk
        .offered_beside("passkey")
        .iter()
        .map(|step| step.id.as_str())
        .collect();
    assert_eq!(offered, ["passkey", "password"]);
    // A way that is not offered, the second factor alone say, is none.
    let state = walk.into_state();
    assert!(Walk::choose(&flow, state.clone(), "passkey", "otp").is_err());
    assert!(Walk::choose(&flow, state.clone(), "name", "password").is_err());
    let mut walk = Walk::choose(&flow, state, "passkey", "password").unwrap();
    let (next, _) = run(&mut walk, &[("password", Verdict::Asked)]);
    assert_eq!(next, wait("password"));
    let mut walk = Walk::act(&flow, walk.into_state(), "password").unwrap();
    let script = [("password", Verdict::Proven(None)), ("otp", Verdict::Asked)];
    let (next, _) = run(&mut walk, &script);
    assert_eq!(next, wait("otp"), "the way that was begun goes on");
    let mut walk = Walk::act(&flow, walk.into_state(), "otp").unwrap();
    let (next, _) = run(&mut walk, &[("otp", Verdict::Proven(None))]);
    assert_eq!(next, Next::Done);
}

#[test]
fn who_lacks_a_required_second_factor_sets_it_up_or_is_refused() {
    let two = |second: Authenticator| {
        flow(
            "two",
            vec![
                ask("password", Required, A::UsernamePasswordForm),
                ask("second", Required, second),
            ],
        )
    };
    let script = [(
        "password",
        Verdict::Proven(Some(known("alice", &["password"]))),
    )];
    let otp = two(A::OtpForm);
    let mut walk = Walk::start(&otp, State::default());
    assert_eq!(run(&mut walk, &script).0, Next::Done);
    let set_up = Happened::SetUp("second".to_owned(), "CONFIGURE_TOTP");
    assert_eq!(walk.take_happened(), [set_up]);
    let direct = two(A::DirectOtp);
    let mut walk = Walk::start(&direct, State::default());
    assert_eq!(
        run(&mut walk, &script).0,
        Next::Refused(vec![Refusal::NotSetUp])
    );
}

#[test]
fn an_alternative_that_refuses_gives_way_to_the_next() {
    let flow = flow(
        "alternatives",
        vec![
            go(
                "strict",
                Alternative,
                vec![ask("unknown", Required, A::Other("kiosk".into()))],
            ),
            ask("password", Alternative, A::UsernamePasswordForm),
        ],
    );
    let mut walk = Walk::start(&flow, State::default());
    let refused = Verdict::Refused(Refusal::Unavailable("kiosk".into()));
    let script = [("unknown", refused), ("password", Verdict::Asked)];
    let (next, asked) = run(&mut walk, &script);
    assert_eq!(next, wait("password"));
    assert_eq!(asked, ["unknown", "password"]);
}

#[test]
fn beside_what_must_succeed_alternatives_do_not_count() {
    let mixed = flow(
        "mixed",
        vec![
            ask("cookie", Alternative, A::Cookie),
            ask("password", Required, A::UsernamePasswordForm),
        ],
    );
    let mut walk = Walk::start(&mixed, State::default());
    let (next, asked) = run(&mut walk, &[("password", Verdict::Asked)]);
    assert_eq!(next, wait("password"));
    assert_eq!(asked, ["password"]);
}

#[test]
fn a_conditional_flow_without_conditions_does_not_count_and_an_empty_flow_is_not_passed() {
    let bare = flow(
        "bare",
        vec![
            ask("password", Required, A::UsernamePasswordForm),
            go(
                "second",
                Conditional,
                vec![ask("otp", Required, A::OtpForm)],
            ),
        ],
    );
    let script = [("password", Verdict::Proven(Some(known("alice", &["otp"]))))];
    let mut walk = Walk::start(&bare, State::default());
    assert_eq!(run(&mut walk, &script).0, Next::Done);
    let empty = flow("empty", vec![go("nothing", Required, Vec::new())]);
    let mut walk = Walk::start(&empty, State::default());
    assert_eq!(
        run(&mut walk, &[]).0,
        Next::Refused(vec![Refusal::UnknownUser])
    );
}

/// The rows of a table of `docs/flows.md`: the id, and whether there is code for it.
pub(crate) fn listed(title: &str) -> Vec<(String, bool)> {
    let page = include_str!("../../../docs/flows.md");
    let (_, part) = page.split_once(title).expect("the title");
    let part = part.split("\n## ").next().unwrap_or(part);
    let rows = part.lines().filter_map(|line| {
        let (id, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
        let (state, _) = rest.split_once(" |")?;
        let is_built = state == "built" || state.starts_with("behind `--features=");
        (is_built || state.starts_with("later: ")).then(|| (id.to_owned(), is_built))
    });
    rows.collect()
}

#[test]
fn the_page_of_flows_tells_what_there_is() {
    let listed = listed("## Authenticators and conditions");
    assert_eq!(listed.len(), 42, "as many as Keycloak has");
    for (id, is_built) in &listed {
        let known = !matches!(Authenticator::from_id(id), A::Other(_));
        assert_eq!(known, *is_built, "{id}");
        assert_eq!(Authenticator::from_id(id).id(), id);
    }
    for known in Authenticator::BUILT {
        let is_listed = listed.iter().any(|(id, _)| id == known.id());
        assert!(is_listed, "{known:?}");
    }
}
