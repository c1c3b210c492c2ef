//! Observers against real sockets, servers and processes on this machine.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::json;
use spotinst_esg::cluster::{Command, Http, HttpError, HttpTarget, Login, Prometheus, Tcp};
use spotinst_esg::domain::{Captured, Clock, Observation, ObstacleKind, Seen, Series};
use spotinst_esg::drive::SystemClock;
use support::canned::{Canned, Reply};
use support::cluster::{Secured, closed_port};

/// Long enough for anything that answers at all.
const PATIENT: Duration = Duration::from_secs(20);

/// Soon over, for what never answers.
const BRIEF: Duration = Duration::from_millis(300);

fn clock() -> SystemClock {
    SystemClock::start()
}

fn obstacle(observation: &Observation) -> ObstacleKind {
    match &observation.seen {
        Err(obstacle) => obstacle.kind,
        Ok(seen) => panic!("{seen:?}"),
    }
}

/// A server that writes these bytes on each connection once a request has come, and then hangs up or holds on.
fn raw(answer: Vec<u8>, holds_on: bool) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap_or(0) > 0 {}
            // A client that gives up is the client's affair.
            reader.get_mut().write_all(&answer).unwrap_or_default();
            if holds_on {
                held.push(reader);
            }
        }
    });
    url
}

fn target(url: &str) -> HttpTarget {
    HttpTarget {
        url: url.to_owned(),
        method: "GET".to_owned(),
        validate_certs: true,
        ..HttpTarget::default()
    }
}

fn asked(target: &HttpTarget, timeout: Duration) -> Observation {
    Http::new(target).unwrap_or_else(|e| panic!("{e}")).look(timeout, &clock())
}

fn status(observation: &Observation) -> u16 {
    match &observation.seen {
        Ok(Seen::Answered { status, .. }) => *status,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_port_is_open_or_refuses_or_cannot_be_found() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    for host in ["127.0.0.1", "localhost"] {
        let seen = Tcp { host: host.to_owned(), port }.look(PATIENT, &clock());
        assert_eq!((seen.seen, seen.object), (Ok(Seen::Accepted), format!("{host}:{port}")));
    }
    let refused = Tcp { host: "127.0.0.1".to_owned(), port: closed_port() };
    assert_eq!(refused.look(PATIENT, &clock()).seen, Ok(Seen::Refused));
    for host in ["no-such-host.invalid", "", "127.0.0.1.", "\u{1b}[2J"] {
        let seen = Tcp { host: host.to_owned(), port }.look(PATIENT, &clock());
        let kind = obstacle(&seen);
        assert!(matches!(kind, ObstacleKind::Name | ObstacleKind::Time), "{host:?}: {seen:?}");
        assert!(!seen.object.contains('\u{1b}'), "{seen:?}");
    }
    assert_eq!(Tcp { host: "[::1]".to_owned(), port: 1 }.to_string(), "[::1]:1");
}

#[test]
fn a_request_is_sent_as_it_is_described() {
    let server = Canned::start(|_| Reply::json(200, "{\"value\": 3}"));
    let url = format!("{}/jolokia/?canary=query", server.url());
    let mut plain = target(&url);
    plain.headers.insert("X-Key".to_owned(), SecretString::from("key-canary".to_owned()));
    let seen = asked(&plain, PATIENT);
    assert_eq!(seen.object, format!("{}/jolokia/", server.url()));
    let body = Captured { bytes: b"{\"value\": 3}".to_vec(), is_cut: false };
    assert_eq!(seen.seen, Ok(Seen::Answered { status: 200, body }));
    let head = &server.requests()[0].head;
    assert!(head.starts_with("GET /jolokia/?canary=query HTTP/1.1"), "{head}");
    assert!(head.contains("x-key: key-canary") && !head.contains("authorization"), "{head}");

    let password = SecretString::from("hunter2".to_owned());
    let login = Some(Login { username: "me".to_owned(), password });
    let body = Some(json!({"type": "read"}));
    let post = HttpTarget { method: "POST".to_owned(), login, body, ..target(&url) };
    let http = Http::new(&post).unwrap();
    assert_eq!(status(&http.look(PATIENT, &clock())), 200);
    let request = &server.requests()[1];
    assert!(request.head.starts_with("POST ") && request.body == "{\"type\":\"read\"}");
    assert!(request.head.contains("authorization: Basic bWU6aHVudGVyMg=="), "{}", request.head);
    assert!(request.head.contains("content-type: application/json"), "{}", request.head);
    for secret in ["hunter2", "bWU6aHVudGVyMg=="] {
        assert!(http.secrets().iter().any(|it| it == secret), "a server may repeat {secret}");
        assert!(!format!("{http:?}{post:?}").contains(secret));
    }
    let text = HttpTarget { body: Some(json!("<q/>")), ..post };
    asked(&text, PATIENT);
    assert_eq!(server.requests()[2].body, "<q/>");
}

#[test]
fn answers_that_are_late_broken_or_endless_are_told_apart() {
    let head = |length: usize| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    let part = [head(10).as_bytes(), b"12345"].concat();
    for (answer, holds_on, timeout, kind) in [
        (Vec::new(), true, BRIEF, ObstacleKind::Time),
        (part.clone(), true, BRIEF, ObstacleKind::Time),
        (part, false, PATIENT, ObstacleKind::Broken),
        (Vec::new(), false, PATIENT, ObstacleKind::Broken),
        (b"220 smtp ready\r\n".to_vec(), false, PATIENT, ObstacleKind::Broken),
    ] {
        let seen = asked(&target(&raw(answer.clone(), holds_on)), timeout);
        assert_eq!(obstacle(&seen), kind, "{answer:?} {seen:?}");
    }
    let endless = [head(5 << 20).into_bytes(), vec![b'x'; 5 << 20]].concat();
    match asked(&target(&raw(endless, true)), PATIENT).seen {
        Ok(Seen::Answered { status: 200, body }) => {
            assert_eq!((body.bytes.len(), body.is_cut), (1 << 20, true));
        }
        other => panic!("{other:?}"),
    }
    let closed = format!("http://127.0.0.1:{}", closed_port());
    assert_eq!(obstacle(&asked(&target(&closed), PATIENT)), ObstacleKind::Connection);
    let nowhere = asked(&target("http://no-such-host.invalid/"), PATIENT);
    assert!(matches!(obstacle(&nowhere), ObstacleKind::Name | ObstacleKind::Time), "{nowhere:?}");
}

/// A body that trickles in is given up when the time is up, though each part of it comes in time.
#[test]
fn the_whole_answer_must_come_in_time() {
    /// Ten seconds pass with each question for the time.
    #[derive(Default)]
    struct Hasty(Mutex<Duration>);

    impl Clock for Hasty {
        fn now(&self) -> jiff::Timestamp {
            jiff::Timestamp::UNIX_EPOCH
        }

        fn monotonic(&self) -> Duration {
            let mut now = self.0.lock().unwrap();
            *now += Duration::from_secs(10);
            *now
        }

        fn sleep(&self, _: Duration) {}
    }

    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n12345".to_vec();
    let http = Http::new(&target(&raw(answer, true))).unwrap();
    let seen = http.look(Duration::from_secs(5), &Hasty::default());
    assert_eq!(obstacle(&seen), ObstacleKind::Time);
}

#[test]
fn redirects_are_followed_if_asked_and_never_to_anyone_else() {
    let other = Canned::start(|_| Reply::json(200, "{}"));
    let elsewhere = format!("{}/stolen", other.url());
    let server = Canned::start(move |request| match request.head.split(' ').nth(1).unwrap() {
        "/here" => Reply::redirect("/there"),
        "/there" => Reply::json(200, "{}"),
        "/round" => Reply::redirect("/round"),
        _ => Reply::redirect(&elsewhere),
    });
    for (path, follow_redirects, expected) in
        [("/here", false, 302), ("/here", true, 200), ("/round", true, 302), ("/away", true, 302)]
    {
        let url = format!("{}{path}", server.url());
        let mut asks = HttpTarget { follow_redirects, ..target(&url) };
        asks.headers.insert("X-Key".to_owned(), SecretString::from("key-canary".to_owned()));
        assert_eq!(status(&asked(&asks, PATIENT)), expected, "{path}");
    }
    assert!(other.requests().is_empty(), "headers hold secrets");
}

#[test]
fn a_server_must_prove_who_it_is_unless_that_is_waived() {
    let server = Secured::start();
    let asks = target(&format!("https://127.0.0.1:{}/", server.port));
    let unknown = asked(&asks, PATIENT);
    assert_eq!(obstacle(&unknown), ObstacleKind::Tls, "{unknown:?}");
    let trusting = HttpTarget { ca_path: Some(Secured::authority()), ..asks.clone() };
    assert_eq!(status(&asked(&trusting, PATIENT)), 200);
    let careless = HttpTarget { validate_certs: false, ..asks.clone() };
    assert_eq!(status(&asked(&careless, PATIENT)), 200);
    let url = format!("https://127.0.0.2:{}/", server.port);
    let misnamed = HttpTarget { url, ..trusting };
    assert_eq!(obstacle(&asked(&misnamed, PATIENT)), ObstacleKind::Tls, "another name");
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let plain = format!("https://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap_or_default();
    });
    let seen = asked(&target(&plain), PATIENT);
    assert_eq!(obstacle(&seen), ObstacleKind::Tls, "{seen:?}");
}

#[test]
fn what_cannot_be_asked_is_refused_and_shows_no_secret() {
    let header = |name: &str, value: &str| {
        let value = SecretString::from(value.to_owned());
        let headers = BTreeMap::from([(name.to_owned(), value)]);
        HttpTarget { headers, ..target("http://127.0.0.1") }
    };
    let ca =
        |path: &Path| HttpTarget { ca_path: Some(path.to_owned()), ..target("https://127.0.0.1") };
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "nothing").unwrap();
    let odd_method = HttpTarget { method: "DELETE".to_owned(), ..target("http://127.0.0.1") };
    for (asks, words) in [
        (target("http://me:canary@127.0.0.1/"), "holds credentials"),
        (target("http://canary@127.0.0.1/"), "holds credentials"),
        (target("canary"), "is no URL"),
        (target("ftp://canary/"), "http:// or https://"),
        (target(""), "is no URL"),
        (header("X-Key", "canary\n"), "\"X-Key\""),
        (header("X Key", "canary"), "\"X Key\""),
        (ca(&PathBuf::from("/none.pem")), "/none.pem"),
        (ca(&empty), "there is none in it"),
        (odd_method, "DELETE is not one of"),
    ] {
        let error: HttpError = Http::new(&asks).unwrap_err();
        let (shown, debug) = (error.to_string(), format!("{error:?}"));
        assert!(shown.contains(words), "{shown}");
        assert!(!shown.contains("canary") && !debug.contains("canary"), "{debug}");
    }
}

#[test]
fn a_query_is_asked_below_the_servers_path() {
    let body = r#"{"status":"success","data":{"resultType":"vector","result":[
        {"metric":{"job":"kafka"},"value":[1,"4"]}]}}"#;
    let server = Canned::start(move |_| Reply::json(200, body));
    let asks = target(&format!("{}/prometheus/?tenant=a", server.url()));
    let prometheus = Prometheus::new(&asks, "sum(up) > 0 & x").unwrap();
    let seen = prometheus.look(PATIENT, &clock());
    assert_eq!(seen.object, format!("{}/prometheus/api/v1/query", server.url()));
    let series = Series { labels: "{job=\"kafka\"}".to_owned(), value: 4.0 };
    assert_eq!(seen.seen, Ok(Seen::Series(vec![series])));
    let head = &server.requests()[0].head;
    let line = "GET /prometheus/api/v1/query?tenant=a&query=sum%28up%29+%3E+0+%26+x HTTP/1.1";
    assert!(head.starts_with(line), "{head}");
    let closed = target(&format!("http://127.0.0.1:{}", closed_port()));
    let seen = Prometheus::new(&closed, "up").unwrap().look(PATIENT, &clock());
    assert_eq!(obstacle(&seen), ObstacleKind::Connection);
    let html = Canned::start(|_| Reply::html(200, "<html>Sign in</html>"));
    let seen = Prometheus::new(&target(html.url()), "up").unwrap().look(PATIENT, &clock());
    assert_eq!(obstacle(&seen), ObstacleKind::NotUnderstood);
}

fn shell(script: &str, timeout: Duration) -> Observation {
    let arguments = vec!["-c".to_owned(), script.to_owned()];
    Command { program: "sh".to_owned(), arguments }.look(timeout)
}

#[test]
fn a_command_is_told_by_its_end_and_its_words() {
    let captured = |text: &str| Captured { bytes: text.as_bytes().to_vec(), is_cut: false };
    let seen = shell("echo out; echo err >&2; exit 3", PATIENT);
    let (stdout, stderr) = (captured("out\n"), captured("err\n"));
    assert_eq!(seen.seen, Ok(Seen::Exited { status: 3, stdout, stderr }));
    assert_eq!(seen.object, "sh", "arguments may hold a password");
    let (stdout, stderr) = (captured(""), captured(""));
    assert_eq!(
        shell("test -z \"$(cat)\"", PATIENT).seen,
        Ok(Seen::Exited { status: 0, stdout, stderr }),
        "nothing is on stdin"
    );
    match shell("head -c 3000000 /dev/zero", PATIENT).seen {
        Ok(Seen::Exited { status: 0, stdout, .. }) => {
            assert_eq!((stdout.bytes.len(), stdout.is_cut), (1 << 20, true));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(obstacle(&shell("kill -9 $$", PATIENT)), ObstacleKind::Killed);
    for program in ["no-such-program", "/", "/dev/null", "", "a\0b"] {
        let command = Command { program: program.to_owned(), arguments: Vec::new() };
        let seen = command.look(PATIENT);
        assert_eq!(obstacle(&seen), ObstacleKind::NotStarted, "{program:?}");
    }
}

/// Whether a process is over soon: what is killed takes a moment to die.
fn ends(pid: &str) -> bool {
    let runs = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        // A zombie that its new parent has not reaped yet does not run.
        stat.is_ok_and(|stat| !stat.rsplit(')').next().unwrap().trim().starts_with('Z'))
    };
    let clock = clock();
    while runs() && clock.monotonic() < PATIENT {
        thread::yield_now();
    }
    !runs()
}

#[test]
fn a_command_that_takes_too_long_is_ended_with_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let (own, inner) = (folder.path().join("own"), folder.path().join("inner"));
    let script = format!(
        "sh -c 'echo $$ > {inner}; exec sleep 1000' & echo $$ > {own}; trap '' TERM; wait; sleep 1000",
        inner = inner.display(),
        own = own.display()
    );
    let seen = shell(&script, Duration::from_secs(2));
    assert_eq!(obstacle(&seen), ObstacleKind::Time, "{seen:?}");
    let (own, inner) =
        (std::fs::read_to_string(own).unwrap(), std::fs::read_to_string(inner).unwrap());
    assert!(!Path::new(&format!("/proc/{}", own.trim())).exists(), "no zombie is left");
    assert!(ends(&inner), "nothing that it started goes on");
}

#[test]
fn what_a_command_leaves_behind_does_not_go_on() {
    let seen = shell("sleep 1000 & echo $!", PATIENT);
    let Ok(Seen::Exited { status: 0, stdout, .. }) = seen.seen else { panic!("{seen:?}") };
    assert!(ends(&String::from_utf8(stdout.bytes).unwrap()));
    // What has left the group is beyond reach, so its output never ends: that is told, and not waited for.
    let folder = tempfile::tempdir().unwrap();
    let left = folder.path().join("left").display().to_string();
    let script = format!("setsid sh -c ': > {left}; sleep 20' & until test -e {left}; do :; done");
    let seen = shell(&script, PATIENT);
    assert_eq!(obstacle(&seen), ObstacleKind::Broken, "{seen:?}");
}
