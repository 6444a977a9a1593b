//! Actions as values: what is due, what each answer does, and that nothing leads around them.

mod passwords;
mod profiles;
mod second_factors;
mod terms;
mod world;

#[test]
fn the_page_of_flows_tells_which_actions_there_are() {
    let listed = crate::flow::tests::listed("## Required actions");
    assert_eq!(listed.len(), 15, "as many as Keycloak has");
    for (id, is_built) in listed {
        let known = super::Kind::of(&id) != super::Kind::Later;
        assert_eq!(known, is_built, "{id}");
    }
}
