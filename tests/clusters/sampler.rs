//! Who is up and in which role, five times a second, as the servers themselves say it.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::ledger::Ledger;
use super::yard::Node;

/// Between two samples.
const SPACING: Duration = Duration::from_millis(200);

/// In so many samples in a row nobody may lead: ten seconds, since the computer may be busy with other things.
const LONGEST_ELECTION: usize = 50;

/// How long a connection or an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a server says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// The one that decides: leader, active controller, elected manager.
    Leader,
    /// It serves and knows its leader.
    Follower,
}

/// What came of asking one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// Nothing listens: connections are refused.
    Down,
    /// It listens and has no part in the cluster at the moment, or did not say so in time.
    Idle,
    /// It has its part.
    Up(Role),
}

/// How a node is asked; gives up after a second or two.
pub(crate) type Probe = fn(&Node) -> State;

/// A connection to a node, unless it is refused or does not come about in time.
pub(crate) fn connect(node: &Node, port: u16) -> Result<TcpStream, State> {
    let address = SocketAddr::from((node.address, port));
    let stream =
        TcpStream::connect_timeout(&address, PATIENCE).map_err(|error| match error.kind() {
            ErrorKind::ConnectionRefused => State::Down,
            _ => State::Idle,
        })?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    Ok(stream)
}

/// All nodes at once.
pub(crate) fn sample(nodes: &[Node], probe: Probe) -> Vec<State> {
    thread::scope(|scope| {
        let asked: Vec<_> = nodes.iter().map(|node| scope.spawn(move || probe(node))).collect();
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

/// Samples until it is finished.
pub(crate) struct Sampler {
    end: Sender<()>,
    thread: JoinHandle<Samples>,
}

impl Sampler {
    pub(crate) fn start(nodes: &[Node], probe: Probe) -> Self {
        let nodes: Arc<[Node]> = nodes.into();
        let (end, ended) = channel();
        let thread = thread::spawn(move || {
            let mut rows = vec![sample(&nodes, probe)];
            while ended.recv_timeout(SPACING) == Err(RecvTimeoutError::Timeout) {
                rows.push(sample(&nodes, probe));
            }
            Samples { rows }
        });
        Self { end, thread }
    }

    pub(crate) fn finish(self) -> Samples {
        drop(self.end);
        self.thread.join().unwrap()
    }
}

/// What was seen, in order; each row has a state for each node.
pub(crate) struct Samples {
    pub(crate) rows: Vec<Vec<State>>,
}

impl Samples {
    /// The most nodes at which nothing listened at once.
    pub(crate) fn max_down(&self) -> usize {
        let down = |row: &Vec<State>| row.iter().filter(|state| **state == State::Down).count();
        self.rows.iter().map(down).max().unwrap_or(0)
    }

    /// Everything that a node was, by its index.
    pub(crate) fn states(&self, index: usize) -> BTreeSet<State> {
        self.rows.iter().map(|row| row[index]).collect()
    }

    /// The most samples in a row in which nobody led.
    pub(crate) fn longest_without_leader(&self) -> usize {
        let leads = |row: &Vec<State>| row.contains(&State::Up(Role::Leader));
        self.rows.split(leads).map(<[_]>::len).max().unwrap_or(0)
    }

    /// Whether a majority was missing while a node was away that did not lead itself: nobody led for longer than an election takes.
    pub(crate) fn lost_its_quorum(&self) -> bool {
        let leads = |row: &Vec<State>| row.contains(&State::Up(Role::Leader));
        let is_down = |row: &Vec<State>, index: usize| row[index] == State::Down;
        let nodes = 0..self.rows.first().map_or(0, Vec::len);
        let followers: Vec<usize> =
            nodes.filter(|index| !self.led_before_it_went(*index)).collect();
        let mut spans = self.rows.split(leads).filter(|span| span.len() > LONGEST_ELECTION);
        spans.any(|span| span.iter().any(|row| followers.iter().any(|index| is_down(row, *index))))
    }

    /// The nodes, by index, that were down in some sample in which nobody led, or right before.
    pub(crate) fn down_without_leader(&self) -> BTreeSet<usize> {
        let leaderless = |row: &&Vec<State>| !row.contains(&State::Up(Role::Leader));
        let down = |row: &Vec<State>| {
            let down = row.iter().enumerate().filter(|(_, state)| **state == State::Down);
            down.map(|(index, _)| index).collect::<Vec<_>>()
        };
        self.rows.iter().filter(leaderless).flat_map(down).collect()
    }

    /// Whether a node, by index, led when it was last seen with a part before it went down for the first time.
    pub(crate) fn led_before_it_went(&self, index: usize) -> bool {
        let states = self.rows.iter().map(|row| row[index]);
        let before = states.take_while(|state| *state != State::Down);
        before.filter(|state| *state != State::Idle).last() == Some(State::Up(Role::Leader))
    }

    /// Prints the figures of a test that went well; shown with `--nocapture`.
    #[expect(clippy::print_stdout, reason = "figures for whoever asks for them")]
    pub(crate) fn report(&self, ledger: &Ledger) {
        let (count, pause) = (ledger.entries.len(), ledger.longest_pause());
        let leaderless = self.longest_without_leader();
        println!(
            "{count} acknowledged, longest pause {pause} ms, {} samples, at most {leaderless} in a row without a leader",
            self.rows.len()
        );
    }
}
