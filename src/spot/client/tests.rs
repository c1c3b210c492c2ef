use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::spot::TransportFault;

/// Time that passes only by sleeping.
#[derive(Default)]
struct Sleeper {
    slept: Mutex<Duration>,
}

impl Clock for Sleeper {
    fn now(&self) -> Timestamp {
        let slept = SignedDuration::try_from(self.monotonic()).unwrap();
        "2026-11-20T12:00:00Z".parse::<Timestamp>().unwrap() + slept
    }

    fn monotonic(&self) -> Duration {
        *self.slept.lock().unwrap()
    }

    fn sleep(&self, duration: Duration) {
        *self.slept.lock().unwrap() += duration;
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 43\r\nConnection: close\r\n\r\n\
    {\"response\":{\"status\":{\"code\":200},\"a\":1}}\n";
const BUSY: &str = "HTTP/1.1 429 Too Many\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const DOWN: &str = "HTTP/1.1 503 Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const CUT: &str = "HTTP/1.1 200 OK\r\nContent-";

/// Calls with a mutation; the server gives these answers in turn. Returns the outcome and the request heads.
fn mutate(answers: &[&'static str]) -> (Result<Reply, SpotError>, Vec<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answers = answers.to_vec();
    let server = std::thread::spawn(move || {
        let mut heads = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            heads.push(String::from_utf8(head).unwrap());
            stream.write_all(answer.as_bytes()).unwrap();
        }
        heads
    });
    let mut request = Request::list_groups(&AccountId::new("act-1")).unwrap();
    request.method = "PUT";
    request.idempotency = Idempotency::Mutation;
    let outcome = client(&url).call(&request);
    (outcome, server.join().unwrap())
}

fn client(url: &str) -> Client {
    let endpoint = Endpoint::parse(url, false).unwrap();
    let token = SecretString::from("s3cret-token".to_owned());
    let clock = Arc::new(Sleeper::default());
    Client::new(ClientConfig::new(endpoint, token, clock, Pacing::in_memory())).unwrap()
}

#[test]
fn a_mutation_is_sent_again_after_a_refusal_for_the_rate_limit() {
    let (outcome, heads) = mutate(&[BUSY, BUSY, OK]);
    outcome.unwrap();
    assert_eq!(heads.len(), 3);
}

#[test]
fn a_mutation_whose_outcome_is_unknown_is_not_sent_again() {
    let (outcome, heads) = mutate(&[DOWN]);
    let error = outcome.unwrap_err();
    assert!(matches!(error, SpotError::Unavailable { attempts: 1, .. }), "{error}");
    assert_eq!(heads.len(), 1);
    let (outcome, _) = mutate(&[CUT]);
    let error = outcome.unwrap_err();
    let is_cut = |fault| fault == TransportFault::Cut;
    assert!(matches!(error, SpotError::Transport { fault, attempts: 1, .. } if is_cut(fault)));
}

/// A clock whose reader stands still for a while each time that it looks at it.
struct Halting {
    time: Sleeper,
    pause: Duration,
}

impl Clock for Halting {
    fn now(&self) -> Timestamp {
        self.time.sleep(self.pause);
        self.time.now()
    }

    fn monotonic(&self) -> Duration {
        self.time.monotonic()
    }

    fn sleep(&self, duration: Duration) {
        self.time.sleep(duration);
    }
}

/// Nobody listens, so what is sent ends in another error.
#[test]
fn a_mutation_that_was_held_up_is_not_sent() {
    let sent = |seconds: u64, idempotency| {
        let mut client = client("http://127.0.0.1:9");
        let pause = Duration::from_secs(seconds);
        client.clock = Arc::new(Halting { time: Sleeper::default(), pause });
        let mut request = Request::list_groups(&AccountId::new("act-1")).unwrap();
        request.idempotency = idempotency;
        let is_read = idempotency == Idempotency::Read;
        request.patience = (!is_read).then(|| Duration::from_secs(10));
        client.call(&request).unwrap_err()
    };
    let late = sent(11, Idempotency::Mutation);
    assert!(matches!(late, SpotError::Late { after, .. } if after.as_secs() == 11), "{late}");
    assert!(late.to_string().contains("11.0 s passed") && late.is_transient(), "{late}");
    for (seconds, idempotency) in [(9, Idempotency::Mutation), (11, Idempotency::Read)] {
        let error = sent(seconds, idempotency);
        assert!(matches!(error, SpotError::Transport { .. }), "{error}");
    }
}

#[test]
fn a_mutation_without_body_says_its_length() {
    let (outcome, heads) = mutate(&[OK]);
    outcome.unwrap();
    assert!(heads[0].to_ascii_lowercase().contains("\r\ncontent-length: 0\r\n"), "{}", heads[0]);
}

#[test]
fn organisations_differ_by_endpoint_and_token_and_tell_neither() {
    let of = |url: &str, token: &str| {
        organisation(&Endpoint::parse(url, false).unwrap(), &SecretString::from(token.to_owned()))
    };
    let one = of("https://a.example", "token-1");
    assert_eq!(one, of("https://a.example/", "token-1"));
    assert_ne!(one, of("https://a.example", "token-2"));
    assert_ne!(one, of("https://b.example", "token-1"));
    assert!(one.len() == 32 && !one.contains("token"));
}

#[test]
fn debug_output_holds_no_token() {
    assert!(!format!("{:?}", client("http://127.0.0.1:9")).contains("s3cret"));
}

#[test]
fn pauses_double_within_their_jitter_and_differ_between_calls() {
    let client = client("http://127.0.0.1:9");
    let (one, other): (Vec<_>, Vec<_>) = (client.pauses().collect(), client.pauses().collect());
    assert_eq!(one.len(), 4);
    assert_ne!(one, other);
    for (pause, base) in one.iter().zip([500, 1000, 2000, 4000]) {
        let base = Duration::from_millis(base);
        assert!((base..=base * 2).contains(pause), "{pause:?}");
    }
}
