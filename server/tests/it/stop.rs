//! Stopping.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::program::{Home, Server};

#[test]
fn both_signals_stop_the_server_with_success() {
    for signal in ["TERM", "INT"] {
        let mut server = Server::start(&Home::new(), &["--db=dev-mem"]);
        server.signal(signal);
        server.wait_for("Claviger stopped in ");
        assert!(server.ended().success(), "{signal}");
    }
}

/// A connection with a request that is under way: its body has not come yet.
pub fn half_a_request(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_mins(1)))
        .unwrap();
    let head = format!(
        "POST /realms/master/protocol/openid-connect/token HTTP/1.1\r\nHost: {address}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 8\r\n\
         Expect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    // The server asks for the body: the request has reached its route.
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

#[test]
fn a_running_request_is_answered_before_the_end() {
    let mut server = Server::start(&Home::new(), &["--db=dev-mem"]);
    let mut stream = half_a_request(&server.address);
    server.signal("TERM");
    while TcpStream::connect(&server.address).is_ok() {
        std::thread::yield_now();
    }
    stream.write_all(b"a=b&c=de").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request"), "{answer}");
    server.wait_for("Claviger stopped in ");
    assert!(server.ended().success());
}

#[test]
fn a_request_that_does_not_end_is_cut_off() {
    let options = ["--db=dev-mem", "--shutdown-timeout=50ms"];
    let mut server = Server::start(&Home::new(), &options);
    let _stream = half_a_request(&server.address);
    server.signal("TERM");
    server.wait_for("1 connections were cut off");
    server.wait_for("Claviger stopped in ");
    assert!(server.ended().success());
}

#[test]
fn a_second_signal_ends_the_wait() {
    let mut server = Server::start(&Home::new(), &["--db=dev-mem", "--shutdown-timeout=10m"]);
    let _stream = half_a_request(&server.address);
    server.signal("TERM");
    while TcpStream::connect(&server.address).is_ok() {
        std::thread::yield_now();
    }
    server.signal("TERM");
    server.wait_for("Claviger stopped in ");
    assert!(server.ended().success());
}
