//! What is posted to clients.

use super::*;

#[tokio::test]
async fn what_clients_are_told_goes_out_as_keycloak_sends_it() {
    let server = Server::answering("204 No Content", "", "").await;
    let fetcher = fetcher();
    let form = Posted::Form(vec![("logout_token".to_owned(), "a.b+c".to_owned())]);
    assert_eq!(fetcher.post(server.url("/out"), form).await, Ok(204));
    let order = Posted::Text("a.b.c".to_owned());
    assert_eq!(fetcher.post(server.url("/k_logout"), order).await, Ok(204));
    let seen = server.requests();
    for (request, line, kind, body) in [
        (
            &seen[0],
            "POST /out HTTP/1.1",
            "content-type: application/x-www-form-urlencoded\r\n",
            "logout_token=a.b%2Bc",
        ),
        (
            &seen[1],
            "POST /k_logout HTTP/1.1",
            "content-type: text/plain; charset=ISO-8859-1\r\n",
            "a.b.c",
        ),
    ] {
        assert!(request.starts_with(line), "{request}");
        assert!(request.contains(kind), "{request}");
        assert!(request.ends_with(body), "{request}");
    }
}

#[tokio::test]
async fn of_who_is_told_the_status_alone_counts() {
    let nothing = || Posted::Text(String::new());
    let long = "x".repeat(3 * 1024 * 1024);
    let server = Server::answering("200 OK", "", &long).await;
    assert_eq!(fetcher().post(server.url("/"), nothing()).await, Ok(200));
    let server = Server::answering("302 Found", "Location: http://127.0.0.1:1/\r\n", "").await;
    assert_eq!(fetcher().post(server.url("/"), nothing()).await, Ok(302));
    let silent = Server::start("", true).await;
    let told = fetcher().post(silent.url("/?secret=1"), nothing()).await;
    let Err(NetworkError::Failed { url, reason }) = told else {
        panic!("{told:?}");
    };
    assert_eq!((url.contains("secret"), &*reason), (false, "timed out"));
    let metadata = "http://169.254.169.254/".to_owned();
    let told = fetcher().post(metadata, nothing()).await;
    assert!(
        matches!(told, Err(NetworkError::Refused { .. })),
        "{told:?}"
    );
}
