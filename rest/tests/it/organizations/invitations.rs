//! Invitations to an organization.

use axum::http::Method;
use claviger_model::{Millis, OrganizationId};
use claviger_store::{Invitation, Tx};
use claviger_testkit::Reply;
use serde_json::{Value, json};

use super::{join, make, names, open_with_organizations};
use crate::world::Shop;

async fn send_form(shop: &Shop, path: &str, form: &str) -> Reply {
    shop.send_bytes(
        Method::POST,
        path,
        "application/x-www-form-urlencoded",
        form,
    )
    .await
}

/// Somebody was invited, when mails still went out.
async fn invited(shop: &Shop, organization: &str, name: &str, lifespan: i64) {
    let app = &shop.stage.app;
    let realm = app.realm("shop").await.unwrap().unwrap();
    let now = app.now().0;
    let mut tx = Tx::new();
    tx.insert_invitation(
        &realm.id,
        &Invitation {
            id: name.to_lowercase(),
            organization: OrganizationId::new(organization.replace("/organizations/", "")),
            email: format!("{name}@new.example"),
            first_name: Some(name.to_owned()),
            last_name: None,
            created_at: Millis(now),
            expires_at: Millis(now + lifespan),
        },
    );
    assert!(app.commit(tx).await.unwrap().is_done());
}

/// Sends forms that are refused.
async fn refuse(shop: &Shop, path: &str, forms: &[(&str, u16, Value)]) {
    for (form, status, expected) in forms {
        let refused = send_form(shop, path, form).await.is(*status);
        assert_eq!(refused.json(), *expected, "{path} {form}");
    }
}

fn told(text: &str) -> Value {
    json!({"errorMessage": text})
}

#[tokio::test]
async fn who_cannot_be_invited_is_told_why() {
    let shop = open_with_organizations().await;
    let acme = make(&shop, &json!({"name": "acme"})).await;
    let carol = shop
        .make(&json!({"username": "carol", "enabled": true}))
        .await;
    let carol = carol.replace("/users/", "id=");
    join(&shop, &acme, "alice").await;
    let bob = shop.user("bob").await.replace("/users/", "id=");
    let unsent = told("Failed to send invite email");
    let anybody = format!("{acme}/members/invite-user");
    let forms = [
        ("", 400, told("Email is required to invite a member")),
        ("email=bad", 400, told("Invalid email format")),
        (
            "email=ALICE%40shop.example",
            409,
            told("User already a member of the organization"),
        ),
        ("email=a%40new.example", 500, unsent.clone()),
    ];
    refuse(&shop, &anybody, &forms).await;
    let forms = [
        (
            "",
            400,
            json!({"error": "To invite a member you need to provide the user id"}),
        ),
        ("id=nobody", 400, told("User does not exist")),
        (&carol, 400, told("User does not have an email address")),
        (&bob, 500, unsent),
    ];
    refuse(
        &shop,
        &format!("{acme}/members/invite-existing-user"),
        &forms,
    )
    .await;
}

#[tokio::test]
async fn nobody_is_invited_as_long_as_no_mail_goes_out() {
    let shop = open_with_organizations().await;
    let acme = make(&shop, &json!({"name": "acme"})).await;
    let server = json!({"smtpServer": {"host": "mail.example", "from": "shop@shop.example"}});
    shop.put("", &server).await.is(204);
    let anybody = format!("{acme}/members/invite-user");
    let unsent = told("Sending mail is not available on this server");
    refuse(&shop, &anybody, &[("email=a%40new.example", 501, unsent)]).await;
    let none = shop
        .get(&format!("{acme}/invitations"))
        .await
        .is(200)
        .json();
    assert_eq!(none, json!([]));
    shop.put(&acme, &json!({"name": "acme", "enabled": false}))
        .await
        .is(204);
    for path in [
        "members/invite-user",
        "members/invite-existing-user",
        "invitations/x/resend",
    ] {
        let disabled = told("Organization is disabled");
        refuse(&shop, &format!("{acme}/{path}"), &[("", 400, disabled)]).await;
    }
}

#[tokio::test]
async fn invitations_are_listed_kept_and_deleted() {
    let shop = open_with_organizations().await;
    let acme = make(&shop, &json!({"name": "acme"})).await;
    let other = make(&shop, &json!({"name": "other"})).await;
    invited(&shop, &acme, "Zoe", 60_000).await;
    invited(&shop, &acme, "Yann", -60_000).await;
    invited(&shop, &other, "Xenia", 60_000).await;
    let all = format!("{acme}/invitations");
    for (query, expected) in [
        ("", vec!["yann", "zoe"]),
        ("?status=PENDING", vec!["zoe"]),
        ("?status=EXPIRED", vec!["yann"]),
        ("?search=NEW.ex", vec!["yann", "zoe"]),
        ("?search=z*e", vec!["zoe"]),
        ("?search=zo*w", vec!["zoe"]),
        ("?firstName=zoe", vec!["zoe"]),
        ("?lastName=zoe", vec![]),
        ("?email=ZOE%40new.example", vec!["zoe"]),
        ("?first=1&max=1", vec!["zoe"]),
    ] {
        let found = shop.get(&format!("{all}{query}")).await.is(200).json();
        assert_eq!(names(&found, "id"), expected, "{query}");
    }
    shop.get(&format!("{all}?status=perhaps")).await.is(400);
    let zoe = format!("{all}/zoe");
    let shown = shop.get(&zoe).await.is(200).json();
    assert_eq!(
        (&shown["status"], &shown["firstName"]),
        (&json!("PENDING"), &json!("Zoe"))
    );
    assert_eq!(
        shown.get("inviteLink"),
        None,
        "it is for whoever was invited"
    );
    let missing = json!({"errorMessage": "Invitation not found"});
    for (method, path) in [
        (Method::GET, format!("{all}/xenia")),
        (Method::DELETE, format!("{all}/xenia")),
        (Method::POST, format!("{all}/xenia/resend")),
    ] {
        let refused = shop.send_bytes(method, &path, "", "").await.is(404);
        assert_eq!(refused.json(), missing, "{path}");
    }
    let again = format!("{acme}/members/invite-user");
    let again = send_form(&shop, &again, "email=zoe%40new.example").await;
    assert_eq!(
        again.is(409).member("errorMessage"),
        "User already has a pending invitation"
    );
    // No mail goes out: the invitation stays.
    send_form(&shop, &format!("{zoe}/resend"), "").await.is(500);
    shop.get(&zoe).await.is(200);
    shop.delete(&zoe).await.is(204);
    let event = shop.event().await;
    assert_eq!(
        (
            event.operation.as_str(),
            event.kind.as_str(),
            event.path.as_str()
        ),
        ("DELETE", "ORGANIZATION_MEMBERSHIP", &zoe[1..])
    );
    assert_eq!(event.representation["email"], "Zoe@new.example");
    shop.delete(&zoe).await.is(404);
}
