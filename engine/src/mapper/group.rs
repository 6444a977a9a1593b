//! Mappers of groups.

use super::claim::{Found, put_as};
use super::{Claims, Mapper, Subject, Target};
use crate::person::{Membership, Person};

/// `oidc-group-membership-mapper`: the groups that the user is a direct member of, always a list.
pub(super) fn membership(
    mapper: &Mapper,
    target: Target,
    subject: &Subject<'_>,
    claims: &mut Claims,
) {
    let full_path = mapper.is_set("full.path");
    let names = by_name(subject.person)
        .map(|membership| {
            if full_path {
                &membership.path
            } else {
                &membership.group.name
            }
        })
        .map(String::as_str)
        .collect();
    put_as(mapper, target, &Found::Many(names), true, claims);
}

/// A person's groups in the order of their own names, not of their paths.
pub(super) fn by_name(person: &Person) -> impl Iterator<Item = &Membership> {
    let mut groups: Vec<&Membership> = person.groups.iter().collect();
    groups.sort_by(|one, other| one.group.name.cmp(&other.group.name));
    groups.into_iter()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{World, everywhere};
    use super::*;

    #[test]
    fn memberships_are_a_list_of_paths_or_names() {
        let kind = "oidc-group-membership-mapper";
        let paths = [("claim.name", "groups"), ("full.path", "true")];
        let names = [("claim.name", "groups"), ("full.path", "false")];
        let mut world = World::new();
        assert_eq!(
            world.claims(Target::Id, &[everywhere(kind, &paths)]),
            json!({})
        );
        world.join(&[("b", &[])]);
        world.join(&[("z", &[]), ("a", &[])]);
        let claims = world.claims(Target::Id, &[everywhere(kind, &paths)]);
        assert_eq!(claims, json!({"groups": ["/z/a", "/b"]}));
        let claims = world.claims(Target::Id, &[everywhere(kind, &names)]);
        assert_eq!(claims, json!({"groups": ["a", "b"]}));
    }
}
