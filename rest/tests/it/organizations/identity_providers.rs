//! Identity providers of an organization.

use serde_json::json;

use super::{make, names, open_with_organizations, send_id};

#[tokio::test]
async fn a_provider_belongs_to_one_organization_or_to_nobody() {
    let shop = open_with_organizations().await;
    let domains = json!([{"name": "acme.example"}]);
    let acme = make(&shop, &json!({"name": "acme", "domains": domains})).await;
    let other = make(&shop, &json!({"name": "other"})).await;
    let (own, foreign) = (
        format!("{acme}/identity-providers"),
        format!("{other}/identity-providers"),
    );
    let told = |text: &str| json!({"errorMessage": text});
    for nobody in ["nobody", ""] {
        let refused = send_id(&shop, &own, nobody).await.is(400);
        let expected = told("Identity provider not found with the given alias");
        assert_eq!(refused.json(), expected);
    }
    send_id(&shop, &own, " \"partner\"\n").await.is(204);
    let again = send_id(&shop, &own, "partner").await.is(409);
    assert_eq!(
        again.json(),
        told("Identity provider already associated to the organization")
    );
    let taken = send_id(&shop, &foreign, "partner").await.is(400);
    assert_eq!(
        taken.json(),
        told("Identity provider already associated with a different organization")
    );
    let listed = shop.get(&own).await.is(200).json();
    assert_eq!(names(&listed, "alias"), ["partner"]);
    assert_eq!(
        listed[0]["organizationId"],
        acme.replace("/organizations/", "")
    );
    assert_eq!(listed[0]["config"]["clientSecret"], "**********");
    let one = format!("{own}/partner");
    assert_eq!(shop.get(&one).await.is(200).json(), listed[0]);
    shop.post(&format!("{acme}/groups"), &json!({"name": "crew"}))
        .await
        .is(201);
    let groups = shop.get(&format!("{one}/groups")).await.is(200).json();
    assert_eq!(names(&groups, "name"), ["crew"]);
    for (path, text) in [
        (
            format!("{foreign}/partner"),
            "Identity provider not associated with the organization",
        ),
        (
            format!("{own}/nobody"),
            "Identity provider not associated with the organization",
        ),
        (
            format!("{foreign}/partner/groups"),
            "Identity provider not associated with the organization",
        ),
    ] {
        assert_eq!(shop.get(&path).await.is(404).json(), told(text), "{path}");
    }
    let refused = shop.delete(&format!("{foreign}/partner")).await.is(404);
    assert_eq!(
        refused.json(),
        told("Identity provider not found with the given alias")
    );
    shop.delete(&one).await.is(204);
    shop.delete(&one).await.is(404);
    assert_eq!(shop.get(&own).await.is(200).json(), json!([]));

    // An organization that ends lets its providers go.
    send_id(&shop, &own, "partner").await.is(204);
    shop.delete(&acme).await.is(204);
    send_id(&shop, &foreign, "partner").await.is(204);
}

#[tokio::test]
async fn of_two_organizations_that_link_one_provider_at_once_one_is_told() {
    let shop = open_with_organizations().await;
    let one = make(&shop, &json!({"name": "one"})).await;
    let two = make(&shop, &json!({"name": "two"})).await;
    let (one, two) = (
        format!("{one}/identity-providers"),
        format!("{two}/identity-providers"),
    );
    let (first, second) = tokio::join!(
        send_id(&shop, &one, "partner"),
        send_id(&shop, &two, "partner")
    );
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 400]);
}
