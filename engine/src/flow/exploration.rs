//! Every way through many small flows: whatever is sent in whatever order, nobody is signed in without
//! every proof that the flow asks of this user (the class of CVE-2026-18963: a selector that led past a
//! proof).
//!
//! The attacker knows bob's secrets and no other, may load pages anew, answer any step at any time, with
//! the right answer, a wrong one or the same one again, and choose any way at any time. What is enough is
//! said here a second time, by recursion over the flow, and not by walking.

use std::collections::{BTreeSet, HashSet, VecDeque};

use proptest::prelude::*;

use super::tests::{ask, browser, flow, go, known, passwordless};
use super::*;

use Authenticator as A;
use Requirement::{Alternative, Conditional, Disabled, Required};

/// How many states of one flow are looked at.
const STATES_MAX: usize = 4_000;

/// How many steps a made-up flow has at most.
const STEPS_MAX: usize = 8;

/// Who there is, with the credentials that they have.
const PEOPLE: [(&str, &[&str]); 2] = [("alice", &["password", "otp"]), ("bob", &["password"])];

/// What was truly proven in a tab: by which step, of whom.
type Proofs = BTreeSet<(String, String)>;

/// What an attacker, or an honest person, does next.
#[derive(Clone, Debug)]
enum Move {
    Load,
    Answer(String, &'static str),
    Wrong(String),
    Choose(String, String),
}

fn person(name: &str) -> Known {
    let found = PEOPLE.iter().find(|(known, _)| *known == name);
    known(name, found.map_or(&[], |(_, credentials)| credentials))
}

/// Whether the proofs are enough for a user: every step that must succeed, or else one of the
/// alternatives.
fn is_enough(flow: &Flow, user: &Known, proofs: &Proofs) -> bool {
    let counts = |step: &&Step| match step.requirement {
        Required => true,
        Conditional => step.flow().is_none_or(|inner| {
            let mut conditions = inner.conditions().peekable();
            conditions.peek().is_some()
                && conditions.all(|(_, condition)| {
                    condition != Condition::UserConfigured || inner.is_configured_for(Some(user))
                })
        }),
        Alternative | Disabled => false,
    };
    let steps = || flow.steps.iter().filter(|step| step.condition().is_none());
    let is_required = |step: &&Step| matches!(step.requirement, Required | Conditional);
    let mut required = steps().filter(is_required).filter(counts).peekable();
    if required.peek().is_some() {
        return required.all(|step| is_satisfied(step, user, proofs));
    }
    if steps().any(|step| is_required(&step)) {
        return false;
    }
    steps()
        .filter(|step| step.requirement == Alternative)
        .any(|step| is_satisfied(step, user, proofs))
}

fn is_satisfied(step: &Step, user: &Known, proofs: &Proofs) -> bool {
    match &step.does {
        Does::Flow(flow) => is_enough(flow, user, proofs),
        Does::Ask(authenticator) => {
            let proven = (step.id.clone(), user.id.as_str().to_owned());
            let sets_up = step.requirement == Required
                && authenticator.may_be_set_up()
                && !authenticator.is_configured_for(user);
            proofs.contains(&proven) || sets_up
        }
    }
}

/// What a step makes of an answer of `name`, who knows their own secrets: who it is then.
fn answered(step: &Step, state: &State, name: &str) -> Option<Verdict> {
    let is_known = state.user.is_some();
    let is_other = state
        .user
        .as_ref()
        .is_some_and(|user| user.id.as_str() != name);
    if is_other {
        return None;
    }
    let authenticator = step.authenticator()?;
    if matches!(authenticator, A::UsernamePasswordForm | A::UsernameForm) {
        return Some(Verdict::Proven(Some(person(name))));
    }
    let asks_secret = matches!(authenticator, A::PasswordForm | A::OtpForm);
    (is_known && asks_secret).then_some(Verdict::Proven(None))
}

/// Walks until the person is to answer, or it is over. Steps that ask a person wait; the cookie is
/// `cookie`'s.
fn settle(walk: &mut Walk<'_>, cookie: Option<&str>, proofs: &mut Proofs) -> Next {
    loop {
        match walk.advance() {
            Next::Look(id) => {
                let path = walk.flow.path(&id).unwrap();
                let parent = path.iter().rev().nth(1).and_then(|step| step.flow());
                let parent = parent.unwrap_or(walk.flow);
                let user = walk.state().user.clone();
                let held = match walk.flow.step(&id).unwrap().condition() {
                    Some(Condition::UserConfigured) => parent.is_configured_for(user.as_ref()),
                    _ => true,
                };
                walk.verdict(Verdict::Held(held));
            }
            Next::Ask(id) => {
                let step = walk.flow.step(&id).unwrap();
                let verdict = match (step.authenticator().unwrap(), cookie) {
                    (A::Cookie, Some(name)) => {
                        proofs.insert((id, name.to_owned()));
                        Verdict::Proven(Some(person(name)))
                    }
                    (A::Cookie | A::ProviderRedirector, _) => Verdict::Passed(None),
                    (A::Other(id), _) => Verdict::Refused(Refusal::Unavailable(id.clone())),
                    (A::UsernameForm, _) if walk.state().user.is_some() => {
                        let user = walk.state().user.as_ref().unwrap();
                        proofs.insert((id, user.id.as_str().to_owned()));
                        Verdict::Proven(None)
                    }
                    _ => Verdict::Asked,
                };
                walk.verdict(verdict);
            }
            over @ (Next::Wait(_)
            | Next::Closed(_)
            | Next::Reset
            | Next::Done
            | Next::Refused(_)) => return over,
        }
    }
}

/// One move in a tab: what it comes to, and what the tab has come to.
fn play(
    flow: &Flow,
    (state, proofs): (&State, &Proofs),
    next: &Move,
    cookie: Option<&str>,
) -> Option<(Next, State, Proofs)> {
    let mut proofs = proofs.clone();
    let mut walk = match next {
        Move::Load => Walk::start(flow, state.clone()),
        Move::Choose(standing, wanted) => {
            Walk::choose(flow, state.clone(), standing, wanted).ok()?
        }
        Move::Answer(id, name) => {
            let mut walk = Walk::act(flow, state.clone(), id).ok()?;
            let step = flow.step(id).unwrap();
            match answered(step, state, name) {
                None => walk.verdict(Verdict::Asked),
                Some(verdict) => {
                    proofs.insert((id.clone(), (*name).to_owned()));
                    walk.verdict(verdict);
                }
            }
            walk
        }
        Move::Wrong(id) => {
            let mut walk = Walk::act(flow, state.clone(), id).ok()?;
            walk.verdict(Verdict::Refused(Refusal::InvalidCredentials));
            walk
        }
    };
    let over = settle(&mut walk, cookie, &mut proofs);
    Some((over, walk.into_state(), proofs))
}

/// Plays every move from every state that can be reached, and returns whether anybody got in.
fn explore(flow: &Flow, names: &[&'static str], cookie: Option<&str>) -> bool {
    let ids: Vec<String> = flow
        .all_steps()
        .iter()
        .map(|step| step.id.clone())
        .collect();
    let mut moves = vec![Move::Load];
    for id in &ids {
        moves.extend(names.iter().map(|name| Move::Answer(id.clone(), name)));
        moves.push(Move::Wrong(id.clone()));
        moves.extend(
            ids.iter()
                .map(|wanted| Move::Choose(id.clone(), wanted.clone())),
        );
    }
    let mut seen = HashSet::new();
    let mut queue = VecDeque::from([(State::default(), Proofs::new())]);
    let mut signed_in = false;
    while let Some((state, proofs)) = queue.pop_front() {
        for next in &moves {
            let Some((over, after, proven)) = play(flow, (&state, &proofs), next, cookie) else {
                continue;
            };
            if over == Next::Done {
                signed_in = true;
                let user = after.user.as_ref().expect("nobody is signed in as nobody");
                assert!(
                    is_enough(flow, user, &proven),
                    "{next:?} signs {user:?} in by {proven:?} alone, from {state:?}: {flow:#?}"
                );
                continue;
            }
            if seen.len() < STATES_MAX && seen.insert(format!("{after:?}{proven:?}")) {
                queue.push_back((after, proven));
            }
        }
    }
    signed_in
}

#[test]
fn no_way_through_the_flows_that_people_use_leaves_a_proof_out() {
    let condition = |id: &str| ask(id, Required, A::Condition(Condition::UserConfigured));
    let stepwise = flow(
        "stepwise",
        vec![
            ask("name", Required, A::UsernameForm),
            go(
                "ways",
                Required,
                vec![
                    ask("otp-alone", Alternative, A::OtpForm),
                    go(
                        "both",
                        Alternative,
                        vec![
                            ask("password", Required, A::PasswordForm),
                            go(
                                "second",
                                Conditional,
                                vec![condition("set-up"), ask("otp", Required, A::OtpForm)],
                            ),
                        ],
                    ),
                ],
            ),
        ],
    );
    for flow in [browser(), passwordless(), stepwise] {
        for cookie in [None, Some("alice"), Some("bob")] {
            assert!(
                explore(&flow, &["alice", "bob"], cookie),
                "somebody gets in: {}",
                flow.alias
            );
        }
    }
}

#[test]
fn who_knows_only_another_users_secrets_never_becomes_this_user() {
    for flow in [browser(), passwordless()] {
        let mut queue = VecDeque::from([(State::default(), Proofs::new())]);
        let mut seen = HashSet::new();
        let steps = flow.all_steps();
        while let Some((state, proofs)) = queue.pop_front() {
            for step in &steps {
                // Bob types alice's name where a name alone is asked for, and his own secrets.
                for name in ["alice", "bob"] {
                    let is_name = step.authenticator() == Some(&A::UsernameForm);
                    if name == "alice" && !is_name {
                        continue;
                    }
                    let next = Move::Answer(step.id.clone(), name);
                    let played = play(&flow, (&state, &proofs), &next, None)
                        .or_else(|| play(&flow, (&state, &proofs), &Move::Load, None));
                    let Some((over, after, proven)) = played else {
                        continue;
                    };
                    if over == Next::Done {
                        let user = after.user.expect("a user");
                        assert_eq!(user.id.as_str(), "bob", "{next:?} from {state:?}");
                        continue;
                    }
                    if seen.insert(format!("{after:?}{proven:?}")) {
                        queue.push_back((after, proven));
                    }
                }
            }
        }
    }
}

fn requirement() -> impl Strategy<Value = Requirement> {
    prop_oneof![
        Just(Required),
        Just(Alternative),
        Just(Conditional),
        Just(Disabled)
    ]
}

fn authenticator() -> impl Strategy<Value = Authenticator> {
    prop_oneof![
        Just(A::Cookie),
        Just(A::UsernamePasswordForm),
        Just(A::UsernameForm),
        Just(A::PasswordForm),
        Just(A::OtpForm),
        Just(A::Condition(Condition::UserConfigured)),
        Just(A::Other("webauthn-authenticator".to_owned())),
        Just(A::Other("kiosk".to_owned())),
    ]
}

fn step(depth: u32) -> BoxedStrategy<Step> {
    let leaf = (requirement(), authenticator())
        .prop_map(|(requirement, authenticator)| ask("", requirement, authenticator));
    if depth == 0 {
        return leaf.boxed();
    }
    let inner = (requirement(), prop::collection::vec(step(depth - 1), 1..4))
        .prop_map(|(requirement, steps)| go("", requirement, steps));
    prop_oneof![2 => leaf, 1 => inner].boxed()
}

/// Gives each step an id of its own.
fn number(steps: &mut [Step], count: &mut usize) {
    for step in steps {
        *count += 1;
        step.id = format!("s{count}");
        if let Does::Flow(flow) = &mut step.does {
            flow.alias = format!("f{count}");
            number(&mut flow.steps, count);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_way_through_any_small_flow_leaves_a_proof_out(
        mut steps in prop::collection::vec(step(2), 1..5),
        cookie in prop_oneof![Just(None), Just(Some("alice")), Just(Some("bob"))],
    ) {
        number(&mut steps, &mut 0);
        let mut any = flow("any", steps);
        while any.all_steps().len() > STEPS_MAX {
            any.steps.pop();
        }
        explore(&any, &["alice", "bob"], cookie);
    }
}
