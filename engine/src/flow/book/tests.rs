//! What administrators do to flows, and what follows from it.

use claviger_crypto::random::Random;
use claviger_wire::flow::Requirement;
use serde_json::json;

use super::{Book, NewFlow, NewStep, Refused, STEPS_MAX, Towards, sorted, text};

fn flow(book: &mut Book, alias: &str) {
    let new = NewFlow {
        id: &format!("id of {alias}"),
        alias,
        description: None,
        provider_id: "basic-flow",
        top_level: !alias.contains("sub"),
        built_in: false,
    };
    book.add_flow(new).unwrap();
}

fn ask(book: &mut Book, flow: &str, authenticator: &str) -> String {
    let step = NewStep {
        authenticator: Some(authenticator),
        flow: None,
        requirement: Requirement::Required,
        priority: None,
    };
    let id = book.flow(flow).unwrap().id.clone();
    book.add_step(&id, step, &Random::system()).unwrap()
}

fn through(book: &mut Book, flow: &str, below: &str) -> Result<String, Refused> {
    let step = NewStep {
        authenticator: None,
        flow: Some(below),
        requirement: Requirement::Required,
        priority: None,
    };
    let id = book.flow(flow).unwrap().id.clone();
    book.add_step(&id, step, &Random::system())
}

/// What the steps of a flow name, in their order.
fn names<'a>(book: &'a Book, flow: &str) -> Vec<&'a str> {
    let flow = book.flow(flow).unwrap();
    let name = |step| text(step, "flowAlias").or_else(|| text(step, "authenticator"));
    sorted(flow).into_iter().filter_map(name).collect()
}

fn shop() -> Book {
    let mut book = Book::default();
    flow(&mut book, "mine");
    flow(&mut book, "sub");
    ask(&mut book, "mine", "auth-cookie");
    through(&mut book, "mine", "sub").unwrap();
    let limits = ask(&mut book, "sub", "user-session-limits");
    book.add_config("c", "limits", super::object(json!({"behavior": "x"})))
        .unwrap();
    let settings = json!({"authenticatorConfig": "limits"});
    book.change_step(&limits, settings.as_object().unwrap().clone());
    book
}

#[test]
fn whoever_names_a_flow_or_settings_follows_their_new_name() {
    let mut book = shop();
    let renamed = json!({"alias": "below"});
    let renamed = renamed.as_object().unwrap();
    book.change_flow("id of sub", renamed.clone()).unwrap();
    assert_eq!(names(&book, "mine"), ["auth-cookie", "below"]);
    let taken = book.change_flow("id of mine", renamed.clone());
    assert_eq!(taken, Err(Refused::AliasTaken));
    book.change_config("c", "other", super::Json::new())
        .unwrap();
    let step = sorted(book.flow("below").unwrap())[0];
    assert_eq!(text(step, "authenticatorConfig"), Some("other"));
    book.remove_config("c");
    let step = sorted(book.flow("below").unwrap())[0];
    assert_eq!(text(step, "authenticatorConfig"), None);
}

#[test]
fn a_copy_shares_nothing_with_its_original() {
    let mut book = shop();
    book.copy("mine", "two", &Random::seeded(1)).unwrap();
    assert_eq!(names(&book, "two"), ["auth-cookie", "two sub"]);
    let step = sorted(book.flow("two sub").unwrap())[0];
    assert_eq!(text(step, "authenticatorConfig"), Some("two limits"));
    book.remove_flow("mine");
    assert!(book.flow("sub").is_none() && book.config("limits").is_none());
    assert_eq!(names(&book, "two sub"), ["user-session-limits"]);
    assert!(book.config("two limits").is_some());
    let again = book.copy("two", "two", &Random::seeded(2));
    assert_eq!(again, Err(Refused::AliasTaken));
}

#[test]
fn what_others_use_stays_when_one_goes() {
    let mut book = shop();
    flow(&mut book, "other");
    through(&mut book, "other", "sub").unwrap();
    book.remove_flow("mine");
    assert_eq!(names(&book, "other"), ["sub"]);
    assert!(book.config("limits").is_some());
    book.remove_flow("sub");
    assert!(
        names(&book, "other").is_empty(),
        "nobody goes through what is gone"
    );
    assert!(book.config("limits").is_none());
}

#[test]
fn no_flow_lies_within_itself() {
    let mut book = shop();
    assert_eq!(through(&mut book, "sub", "mine"), Err(Refused::Circle));
    assert_eq!(through(&mut book, "sub", "sub"), Err(Refused::Circle));
}

/// Each flow goes twice through the next: without a limit, a handful of requests make a tree without end.
#[test]
fn a_tree_of_steps_has_an_end() {
    let mut book = Book::default();
    flow(&mut book, "sub 0");
    ask(&mut book, "sub 0", "auth-cookie");
    let mut refused = None;
    for level in 1..20 {
        let (name, below) = (format!("sub {level}"), format!("sub {}", level - 1));
        flow(&mut book, &name);
        for _ in 0..2 {
            let tried = through(&mut book, &name, &below);
            refused = refused.or(tried.err());
        }
        if refused.is_some() {
            break;
        }
    }
    assert_eq!(refused, Some(Refused::TooMany));
    assert!(
        book.flows()
            .iter()
            .map(|flow| sorted(flow).len())
            .sum::<usize>()
            < STEPS_MAX
    );
}

#[test]
fn steps_change_places_with_their_neighbours() {
    let mut book = Book::default();
    flow(&mut book, "mine");
    let one = ask(&mut book, "mine", "one");
    ask(&mut book, "mine", "two");
    let ids: Vec<String> = sorted(book.flow("mine").unwrap())
        .into_iter()
        .map(|step| text(step, "id").unwrap().to_owned())
        .collect();
    assert!(!book.move_step(&one, Towards::Front));
    assert_eq!(ids.len(), 2);
    assert!(book.move_step(&one, Towards::Back));
    assert_eq!(names(&book, "mine"), ["two", "one"]);
    assert!(!book.move_step(&one, Towards::Back));
}
