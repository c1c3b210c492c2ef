//! Clocks and servers for the client's tests.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::{Value, json};
use spot_sim::{Fleet, Server};
use spotinst_esg::domain::Clock;
use spotinst_esg::spot::{Client, ClientConfig, Endpoint, Pacing};

pub(crate) const TOKEN: &str = "demo-token";
pub(crate) const ACCOUNT: &str = "act-demo0001";

/// Time that passes by sleeping only, here and, where there is one, in the simulator.
pub(crate) struct TestClock {
    slept: Mutex<Vec<Duration>>,
    sim: Option<Arc<Server>>,
}

impl TestClock {
    pub(crate) fn new(sim: Option<Arc<Server>>) -> Arc<Self> {
        Arc::new(Self { slept: Mutex::new(Vec::new()), sim })
    }

    /// Every pause of half a second and more, the shortest being looks for another's answer.
    pub(crate) fn pauses(&self) -> Vec<Duration> {
        let slept = self.slept.lock().unwrap();
        slept.iter().copied().filter(|pause| *pause >= Duration::from_millis(500)).collect()
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let slept = SignedDuration::try_from(self.monotonic()).unwrap();
        "2026-11-20T12:00:00Z".parse::<Timestamp>().unwrap() + slept
    }

    fn monotonic(&self) -> Duration {
        self.slept.lock().unwrap().iter().sum()
    }

    fn sleep(&self, duration: Duration) {
        // A look for an answer that is on its way costs no time, or the other thread would seem lost.
        if duration < Duration::from_millis(500) {
            return std::thread::yield_now();
        }
        self.slept.lock().unwrap().push(duration);
        if let Some(sim) = &self.sim {
            sim.control("POST", "/_sim/advance", json!({"seconds": duration.as_secs_f64()}));
        }
    }
}

/// The demo fleet, its time moved by hand.
pub(crate) fn demo() -> Arc<Server> {
    let fleet = Fleet::demo().with_clock(Some(spot_sim::ClockMode::Virtual), None);
    Arc::new(Server::start(fleet).unwrap())
}

pub(crate) fn fault(sim: &Server, fault: Value) {
    let answer = sim.control("POST", "/_sim/faults", fault);
    assert!(answer["error"].is_null(), "{answer}");
}

pub(crate) fn settings(sim: &Server, settings: Value) {
    let answer = sim.control("POST", "/_sim/settings", settings);
    assert!(answer["error"].is_null(), "{answer}");
}

pub(crate) fn config(url: &str, clock: &Arc<TestClock>) -> ClientConfig {
    let endpoint = Endpoint::parse(url, false).unwrap();
    let token = SecretString::from(TOKEN.to_owned());
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    ClientConfig::new(endpoint, token, clock, Pacing::in_memory())
}

/// A client of the simulator with a clock of its own, which moves the simulator's, too.
pub(crate) fn client(sim: &Arc<Server>) -> (Client, Arc<TestClock>) {
    let clock = TestClock::new(Some(Arc::clone(sim)));
    (Client::new(config(&sim.url(), &clock)).unwrap(), clock)
}

/// What a raw server does with a connection, once it has read the request's head.
#[derive(Clone)]
pub(crate) enum Canned {
    /// Sends these bytes and closes.
    Bytes(Vec<u8>),
    /// Sends these bytes and stays silent until the server ends.
    ThenSilence(Vec<u8>),
    /// Sends these bytes, then these again and again until the server ends or the client leaves.
    ThenDrip(Vec<u8>, Vec<u8>),
}

/// A server where every byte is chosen. The last answer is given to all further connections.
pub(crate) struct RawServer {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
    heads: Arc<Mutex<Vec<String>>>,
    thread: Option<JoinHandle<()>>,
}

impl RawServer {
    pub(crate) fn start(answers: Vec<Canned>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let ended = Arc::new(AtomicBool::new(false));
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (end, log) = (Arc::clone(&ended), Arc::clone(&heads));
        let thread = std::thread::spawn(move || {
            let mut workers = Vec::new();
            for index in 0.. {
                let Ok((stream, _)) = listener.accept() else { break };
                if end.load(Ordering::Acquire) {
                    break;
                }
                let answer = answers[index.min(answers.len() - 1)].clone();
                let (end, log) = (Arc::clone(&end), Arc::clone(&log));
                workers.push(std::thread::spawn(move || serve(stream, answer, &end, &log)));
            }
            workers.into_iter().for_each(|worker| worker.join().unwrap());
        });
        Self { address, ended, heads, thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        // Wakes the accepting thread.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn serve(mut stream: TcpStream, answer: Canned, ended: &AtomicBool, log: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    log.lock().unwrap().push(String::from_utf8(head).unwrap());
    let (first, then) = match answer {
        Canned::Bytes(bytes) => (bytes, None),
        Canned::ThenSilence(bytes) => (bytes, Some(Vec::new())),
        Canned::ThenDrip(bytes, drip) => (bytes, Some(drip)),
    };
    if stream.write_all(&first).is_err() {
        return;
    }
    let Some(drip) = then else { return };
    stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    while !ended.load(Ordering::Acquire) {
        if !drip.is_empty() && stream.write_all(&drip).is_err() {
            return;
        }
        // Also ends when the client has left.
        if matches!(stream.read(&mut byte), Ok(0)) {
            return;
        }
    }
}
