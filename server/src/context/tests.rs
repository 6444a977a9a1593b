use super::*;

const BOTH: [&str; 2] = ["/auth", ""];

fn addresses(hostname: Hostname, proxy: Option<Proxy>) -> Addresses {
    Addresses::of(hostname, Mounts::of(&BOTH), proxy)
}

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&str, &str)| {
        (
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            value.parse().unwrap(),
        )
    };
    let mut headers = HeaderMap::new();
    for (name, value) in lines.iter().map(pair) {
        headers.append(name, value);
    }
    headers
}

fn plain(address: &str) -> Peer {
    Peer {
        address: address.parse().unwrap(),
        secure: false,
        certificate: None,
    }
}

fn ask(
    addresses: &Addresses,
    peer: &str,
    lines: &[(&str, &str)],
    mount: &str,
) -> Result<RequestContext, ContextError> {
    addresses.context(
        &plain(peer),
        &Uri::from_static("/x"),
        &headers(lines),
        mount,
    )
}

fn x_proxy(trusted: &[&str]) -> Proxy {
    Proxy::new(
        Headers::XForwarded,
        trusted.iter().map(|net| net.parse().unwrap()).collect(),
    )
}

#[test]
fn without_a_proxy_the_host_header_counts_and_nothing_else() {
    let addresses = addresses(Hostname::OfRequest, None);
    let lines = [
        ("host", "id.example:8080"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-for", "1.2.3.4"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "for=1.2.3.4;host=evil.example"),
    ];
    let context = ask(&addresses, "192.0.2.1", &lines, "/auth").unwrap();
    assert_eq!(
        context,
        RequestContext {
            base_url: "http://id.example:8080/auth".into(),
            base_path: "/auth".into(),
            origin: "http://id.example:8080".into(),
            base_paths: ["/auth".into(), String::new()].into(),
            ip_address: "192.0.2.1".into(),
            secure: false,
            help_links: true,
            backchannel_url: None,
            admin_url: None,
        }
    );
}

#[test]
fn usual_ports_are_left_out() {
    let addresses = addresses(Hostname::OfRequest, None);
    let context = ask(&addresses, "::ffff:192.0.2.1", &[("host", "[::1]:80")], "").unwrap();
    assert_eq!(context.base_url, "http://[::1]");
    assert_eq!(context.ip_address, "192.0.2.1");
}

#[test]
fn what_is_no_host_is_refused() {
    let addresses = addresses(Hostname::OfRequest, None);
    let hosts = [
        "", "a b", "a/b", "u@b", "b:99999", "b:", "a\"b", "[::1", "[x]", "b:+80", "<x>", "[::1]x",
    ];
    for host in hosts {
        let refused = ask(&addresses, "192.0.2.1", &[("host", host)], "");
        assert_eq!(refused, Err(ContextError::Host), "{host}");
    }
    assert_eq!(
        ask(&addresses, "192.0.2.1", &[], ""),
        Err(ContextError::Host)
    );
    let twice = [("host", "a"), ("host", "b")];
    assert_eq!(
        ask(&addresses, "192.0.2.1", &twice, ""),
        Err(ContextError::Host)
    );
}

#[test]
fn the_target_of_a_request_beats_the_header() {
    let addresses = addresses(Hostname::OfRequest, None);
    let uri = Uri::from_static("http://target.example/x");
    let lines = headers(&[("host", "header.example")]);
    let context = addresses
        .context(&plain("192.0.2.1"), &uri, &lines, "")
        .unwrap();
    assert_eq!(context.origin, "http://target.example");
}

#[test]
fn a_host_name_replaces_the_host_and_keeps_scheme_and_port() {
    let addresses = addresses(Hostname::Name("id.example".into()), Some(x_proxy(&[])));
    let plain = ask(&addresses, "192.0.2.1", &[("host", "internal:8080")], "").unwrap();
    assert_eq!(plain.base_url, "http://id.example:8080");
    let lines = [
        ("host", "internal:8080"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "443"),
    ];
    let proxied = ask(&addresses, "192.0.2.1", &lines, "/auth").unwrap();
    assert_eq!(proxied.base_url, "https://id.example/auth");
    assert!(proxied.secure);
}

#[test]
fn a_url_fixes_everything_but_the_caller() {
    let url = Hostname::Url {
        scheme: "https".into(),
        authority: "id.example:8443".into(),
        path: "/sso".into(),
    };
    let addresses = addresses(url, Some(x_proxy(&["192.0.2.1/32"])));
    let lines = [
        ("host", "internal"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-prefix", "/evil"),
        ("x-forwarded-for", "198.51.100.7"),
    ];
    let context = ask(&addresses, "192.0.2.1", &lines, "").unwrap();
    assert_eq!(context.base_url, "https://id.example:8443/sso");
    assert_eq!(context.base_path, "/sso");
    assert_eq!(*context.base_paths, ["/sso"]);
    assert_eq!(context.ip_address, "198.51.100.7");
    assert!(context.secure);
}

#[test]
fn a_trusted_proxy_is_believed_and_nobody_else() {
    let addresses = addresses(Hostname::OfRequest, Some(x_proxy(&["10.0.0.0/8"])));
    let lines = [
        ("host", "internal:8080"),
        ("x-forwarded-for", "203.0.113.5, 198.51.100.7, 10.0.0.2"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "id.example"),
        ("x-forwarded-prefix", "/kc/"),
    ];
    let context = ask(&addresses, "10.0.0.1", &lines, "/auth").unwrap();
    // 203.0.113.5 was sent by the caller: whoever sits at 198.51.100.7.
    assert_eq!(context.ip_address, "198.51.100.7");
    assert_eq!(context.base_url, "https://id.example/kc/auth");
    assert_eq!(*context.base_paths, ["/kc/auth", "/kc"]);

    let context = ask(&addresses, "192.0.2.1", &lines, "").unwrap();
    assert_eq!(context.ip_address, "192.0.2.1");
    assert_eq!(context.base_url, "http://internal:8080");
}

#[test]
fn where_everybody_is_trusted_the_first_address_counts() {
    let addresses = addresses(Hostname::OfRequest, Some(x_proxy(&[])));
    let lines = [
        ("host", "h"),
        ("x-forwarded-for", "203.0.113.5, 198.51.100.7"),
    ];
    assert_eq!(
        ask(&addresses, "10.0.0.1", &lines, "").unwrap().ip_address,
        "203.0.113.5"
    );
}

#[test]
fn the_standard_header_is_read() {
    let proxy = Proxy::new(Headers::Forwarded, vec!["10.0.0.0/8".parse().unwrap()]);
    let addresses = addresses(Hostname::OfRequest, Some(proxy));
    let cases = [
        (
            r#"for="[2001:db8::17]:4711";proto=https;host=id.example"#,
            "2001:db8::17",
        ),
        (
            "For=192.0.2.60;Proto=https;Host=id.example, for=10.0.0.9",
            "192.0.2.60",
        ),
        (
            "for=192.0.2.60:99; proto=https; host=\"id.example:443\"",
            "192.0.2.60",
        ),
        ("for=_hidden;proto=https;host=id.example", "10.0.0.1"),
        (
            "for=unknown;proto=https;host=id.example, for=10.0.0.9",
            "10.0.0.9",
        ),
    ];
    for (line, address) in cases {
        let lines = [("host", "internal"), ("forwarded", line)];
        let context = ask(&addresses, "10.0.0.1", &lines, "").unwrap();
        assert_eq!(context.ip_address, address, "{line}");
        assert_eq!(context.base_url, "https://id.example", "{line}");
    }
}

#[test]
fn headers_that_cannot_be_read_are_refused_and_cost_nothing() {
    let addresses = addresses(Hostname::OfRequest, Some(x_proxy(&[])));
    let many = "1.1.1.1,".repeat(MOST_HOPS + 1);
    let cases = [
        ("x-forwarded-proto", "gopher"),
        ("x-forwarded-port", "http"),
        ("x-forwarded-host", "evil.example/path"),
        ("x-forwarded-host", "a\"onload=x"),
        ("x-forwarded-prefix", "/a/../b"),
        ("x-forwarded-prefix", "//evil.example"),
        ("x-forwarded-prefix", "javascript:x"),
        ("x-forwarded-for", many.as_str()),
    ];
    for (name, value) in cases {
        let refused = ask(&addresses, "10.0.0.1", &[("host", "h"), (name, value)], "");
        assert!(
            matches!(refused, Err(ContextError::Forwarded(_))),
            "{name}: {value}"
        );
    }
}

#[test]
fn the_scheme_is_that_of_the_connection_unless_a_trusted_proxy_tells() {
    let mut peer = plain("192.0.2.1");
    peer.secure = true;
    let context = |addresses: &Addresses, lines: &[(&str, &str)]| {
        let uri = Uri::from_static("/x");
        addresses
            .context(&peer, &uri, &headers(lines), "")
            .map(|context| (context.base_url, context.secure))
    };
    let own = [("host", "id.example:8443"), ("x-forwarded-proto", "http")];
    let direct = addresses(Hostname::OfRequest, None);
    let expected = ("https://id.example:8443".to_owned(), true);
    assert_eq!(context(&direct, &own), Ok(expected.clone()));
    let other = addresses(Hostname::OfRequest, Some(x_proxy(&["10.0.0.0/8"])));
    assert_eq!(context(&other, &own), Ok(expected));
    let usual = [("host", "id.example:443")];
    let expected = ("https://id.example".to_owned(), true);
    assert_eq!(context(&direct, &usual), Ok(expected));
    let told = addresses(Hostname::OfRequest, Some(x_proxy(&[])));
    let expected = ("http://id.example:8443".to_owned(), false);
    assert_eq!(context(&told, &own), Ok(expected));
}

#[test]
fn clients_are_sent_where_they_ask_if_that_is_asked_for() {
    let hostname = Hostname::Url {
        scheme: "https".into(),
        authority: "id.example".into(),
        path: "/auth".into(),
    };
    let dynamic = Addresses {
        elsewhere: Elsewhere {
            admin: Some("https://admin.example".into()),
            backchannel_dynamic: true,
        },
        ..addresses(hostname.clone(), Some(x_proxy(&["192.0.2.1/32"])))
    };
    let inside = [("host", "inside:8080")];
    let context = ask(&dynamic, "192.0.2.9", &inside, "/auth").unwrap();
    assert_eq!(context.base_url, "https://id.example/auth");
    assert_eq!(context.backchannel(), "http://inside:8080/auth");
    assert_eq!(context.admin(), "https://admin.example");
    let through_the_proxy = [
        ("host", "inside:8080"),
        ("x-forwarded-host", "id.example"),
        ("x-forwarded-proto", "https"),
    ];
    let context = ask(&dynamic, "192.0.2.1", &through_the_proxy, "").unwrap();
    assert_eq!(context.backchannel(), "https://id.example/auth");
    // Nobody but the proxy says that it came through the proxy.
    let context = ask(&dynamic, "192.0.2.9", &through_the_proxy, "").unwrap();
    assert_eq!(context.backchannel(), "http://inside:8080");
    let fixed = Addresses {
        hostname,
        ..addresses(Hostname::OfRequest, None)
    };
    let context = ask(&fixed, "192.0.2.9", &inside, "/auth").unwrap();
    assert_eq!(context.backchannel(), "https://id.example/auth");
    assert_eq!(context.admin(), "https://id.example/auth");
}
