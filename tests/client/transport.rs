//! What the network does to answers, byte by byte.

use std::io::Write;
use std::net::TcpListener;
use std::time::Duration;

use spotinst_esg::domain::{ManagedInstanceId, StatefulAction, StatefulTarget};
use spotinst_esg::spot::{Client, ErrorKind, Sent, SpotError, TransportFault};

use super::account;
use super::support::{Canned, RawServer, TestClock, config};

const BODY: &str = "{\"request\":{\"id\":\"r-1\"},\"response\":{\"status\":{\"code\":200},\"items\":[{\"id\":\"sig-1\"}],\"count\":1}}";

fn answer(head: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {head}\r\n\r\n{body}").into_bytes()
}

fn good() -> Vec<u8> {
    answer(&format!("200 OK\r\nContent-Length: {}\r\nConnection: close", BODY.len()), BODY)
}

fn client_of(server: &RawServer) -> Client {
    Client::new(config(&server.url(), &TestClock::new(None))).unwrap()
}

/// The error when the server does the same each time, and how often it was asked.
fn lasting(canned: Canned) -> (SpotError, usize) {
    let never_ends = !matches!(canned, Canned::Bytes(_));
    let server = RawServer::start(vec![canned]);
    let mut impatient = config(&server.url(), &TestClock::new(None));
    if never_ends {
        impatient.call_timeout = Duration::from_millis(100);
    }
    let error = Client::new(impatient).unwrap().list_groups(&account()).unwrap_err();
    (error, server.heads().len())
}

fn fault_of(error: &SpotError) -> Option<TransportFault> {
    match error {
        SpotError::Transport { fault, .. } => Some(*fault),
        _ => None,
    }
}

#[test]
fn requests_carry_the_vendors_headers_and_ours() {
    let server = RawServer::start(vec![Canned::Bytes(good())]);
    client_of(&server).list_groups(&account()).unwrap();
    let head = server.heads().remove(0);
    let mut lines = head.split("\r\n");
    assert_eq!(lines.next(), Some("GET /aws/ec2/group?accountId=act-demo0001 HTTP/1.1"));
    let headers: Vec<String> = lines.map(str::to_ascii_lowercase).collect();
    for expected in [
        "authorization: bearer demo-token",
        "accept: application/json",
        "content-type: application/json",
        concat!("user-agent: spotinst-esg/", env!("CARGO_PKG_VERSION")),
    ] {
        assert!(headers.iter().any(|header| header == expected), "{expected} in {headers:?}");
    }
}

#[test]
fn broken_transports_are_told_apart_and_tried_five_times() {
    let table = [
        (Canned::Bytes(Vec::new()), TransportFault::Cut),
        (Canned::Bytes(b"HTTP/1.1 200 OK\r\nContent-".to_vec()), TransportFault::Cut),
        (Canned::Bytes(answer("200 OK\r\nContent-Length: 900", BODY)), TransportFault::Cut),
        (
            Canned::Bytes(answer("200 OK\r\nTransfer-Encoding: chunked", "5\r\n{\"req")),
            TransportFault::Cut,
        ),
        (
            Canned::Bytes(answer("200 OK\r\nTransfer-Encoding: chunked", "zz\r\n{}\r\n")),
            TransportFault::Cut,
        ),
        (Canned::Bytes(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()), TransportFault::Cut),
        (Canned::ThenSilence(Vec::new()), TransportFault::Timeout),
        (Canned::ThenSilence(b"HTTP/1.1 200 OK\r\n".to_vec()), TransportFault::Timeout),
        (
            Canned::ThenSilence(answer("200 OK\r\nContent-Length: 900", BODY)),
            TransportFault::Timeout,
        ),
        (
            Canned::ThenDrip(answer("200 OK\r\nContent-Length: 900000", "{"), b" ".to_vec()),
            TransportFault::Timeout,
        ),
    ];
    for (index, (canned, expected)) in table.into_iter().enumerate() {
        let (error, sent) = lasting(canned);
        assert_eq!((fault_of(&error), sent), (Some(expected), 5), "case {index}: {error}");
        assert!(error.is_transient() && error.to_string().contains("after 5 attempts"), "{error}");
        let kind =
            if expected == TransportFault::Timeout { ErrorKind::Timeout } else { ErrorKind::Other };
        assert_eq!(error.kind(), kind);
    }
}

#[test]
fn one_good_answer_after_broken_ones_is_enough() {
    let cut = Canned::Bytes(answer("200 OK\r\nContent-Length: 900", BODY));
    let server = RawServer::start(vec![cut.clone(), cut, Canned::Bytes(good())]);
    let listed = client_of(&server).list_groups(&account()).unwrap();
    assert_eq!((listed.items.len(), server.heads().len()), (1, 3));
}

#[test]
fn a_body_longer_than_announced_is_read_as_announced() {
    let long = format!("{BODY}surplus");
    let head = format!("200 OK\r\nContent-Length: {}\r\nConnection: close", BODY.len());
    let server = RawServer::start(vec![Canned::Bytes(answer(&head, &long))]);
    assert_eq!(client_of(&server).list_groups(&account()).unwrap().items.len(), 1);
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = RawServer::start(vec![Canned::Bytes(good())]);
    for status in [301, 302, 307, 308] {
        let head =
            format!("{status} Moved\r\nLocation: {}/x\r\nContent-Length: 0", elsewhere.url());
        let (error, sent) = lasting(Canned::Bytes(answer(&head, "")));
        assert!(error.to_string().contains("redirects to"), "{error}");
        assert_eq!((error.http_status(), sent), (Some(status), 1));
    }
    assert_eq!(elsewhere.heads(), Vec::<String>::new());
}

#[test]
fn an_endless_body_is_given_up() {
    let head = answer("200 OK\r\nContent-Length: 99999999999", "");
    let server = RawServer::start(vec![Canned::ThenDrip(head, vec![b' '; 8 << 20])]);
    let error = client_of(&server).list_groups(&account()).unwrap_err();
    assert!(error.to_string().contains("larger than 64 MiB"), "{error}");
    assert!(!error.is_transient());
}

#[test]
fn no_server_is_a_connection_error() {
    let vacant = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let client = Client::new(config(&vacant, &TestClock::new(None))).unwrap();
    let error = client.list_groups(&account()).unwrap_err();
    assert_eq!(fault_of(&error), Some(TransportFault::Connect), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
}

#[test]
fn a_server_without_tls_is_a_tls_error_and_not_asked_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let plain = format!("https://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    });
    let client = Client::new(config(&plain, &TestClock::new(None))).unwrap();
    let error = client.list_groups(&account()).unwrap_err();
    server.join().unwrap();
    assert_eq!(fault_of(&error), Some(TransportFault::Tls), "{error}");
    assert!(!error.is_transient());
}

#[test]
fn an_action_without_a_body_says_so_by_its_length() {
    let server = RawServer::start(vec![Canned::Bytes(good())]);
    let client = client_of(&server);
    let target = StatefulTarget::Managed(ManagedInstanceId::new("smi-1"));
    let sent = client.act(&account(), &target, &StatefulAction::Pause);
    assert!(matches!(sent, Sent::Accepted), "{sent:?}");
    let head = server.heads().remove(0).to_ascii_lowercase();
    assert!(head.starts_with("put /aws/ec2/managedinstance/smi-1/pause?accountid="), "{head}");
    assert!(head.contains("\r\ncontent-length: 0\r\n"), "{head}");
}
