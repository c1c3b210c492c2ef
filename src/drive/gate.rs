//! Watching a gate: look, weigh, pause, until it is open or it is clear that it stays shut.

mod clusters;
mod machine;

use std::collections::BTreeMap;
use std::time::Duration;

use super::concurrently::each;
use super::progress::Progress;
use super::wait::pause;
use crate::domain::Clock;
use crate::plan::gate::{End, Finding, Predicate, Report, Step, Terms, Watch};
use crate::plan::{Verdict, Waiver};

pub use crate::cluster::{
    ADMIN_PORT, ClientFiles, Command, Http, HttpError, HttpTarget, KafkaClient, KafkaLogin,
    KafkaTarget, KafkaTls, Login, Metrics, Prometheus, Search, SearchTarget, Tcp, TlsFiles,
    ZooKeeper, ZooKeeperTarget, kafka_client,
};
pub use clusters::{Ensemble, KafkaCluster, SearchCluster};
pub use machine::Machine;

/// What was seen before a beat that took longer than this, as where a server stumbles, is looked at anew.
const LONG_BEAT: Duration = Duration::from_secs(10);

/// Most looks at a time.
const AT_ONCE: usize = 16;

/// Secrets shorter than this are too common among other words to be told from them.
const SHORTEST_SECRET: usize = 4;

/// What stands for a secret that a server repeats.
const HIDDEN: &str = "********";

/// Something that is looked at and judged: a generic predicate, or all those of one cluster.
pub trait Source: Sync {
    /// Looks once and judges. What was in the way is a finding that is unknown, so there is always a finding.
    fn look(&self, clock: &dyn Clock) -> Vec<Finding>;
}

/// How one thing is looked at.
#[derive(Debug)]
pub enum Look {
    /// By connecting.
    Tcp(Tcp),
    /// By HTTP.
    Http(Box<Http>),
    /// By a command.
    Command(Command),
    /// By a query.
    Prometheus(Box<Prometheus>),
}

/// One thing that is looked at, and what is asked of it.
#[derive(Debug)]
pub struct Probe {
    /// The predicate's name.
    pub name: String,
    /// How it is looked at.
    pub look: Look,
    /// What is asked of it.
    pub predicate: Predicate,
    /// How long one look may take.
    pub timeout: Duration,
}

impl Source for Probe {
    fn look(&self, clock: &dyn Clock) -> Vec<Finding> {
        let timeout = self.timeout;
        let (observation, secrets): (_, &[String]) = match &self.look {
            Look::Tcp(tcp) => (tcp.look(timeout, clock), &[]),
            Look::Http(http) => (http.look(timeout, clock), http.secrets()),
            Look::Command(command) => (command.look(timeout), &[]),
            Look::Prometheus(prometheus) => (prometheus.look(timeout, clock), prometheus.secrets()),
        };
        let mut findings = self.predicate.judge(&self.name, self.look.kind(), &observation);
        conceal(&mut findings, secrets);
        findings
    }
}

impl Look {
    /// The word for it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Tcp(_) => "tcp",
            Self::Http(_) => "http",
            Self::Command(_) => "command",
            Self::Prometheus(_) => "prometheus",
        }
    }
}

/// Takes secrets out of whatever findings say: servers repeat what they are sent.
fn conceal(findings: &mut [Finding], secrets: &[String]) {
    for finding in findings {
        hide(&mut finding.object, secrets);
        hide(&mut finding.evidence, secrets);
        if let Some(serde_json::Value::String(text)) = &mut finding.value {
            hide(text, secrets);
        }
    }
}

/// A text without the secrets that a server may have repeated in it.
pub fn concealed(text: &str, secrets: &[String]) -> String {
    let mut text = text.to_owned();
    hide(&mut text, secrets);
    text
}

/// Takes secrets out of a text that may have been cut in the middle of one.
fn hide(text: &mut String, secrets: &[String]) {
    let mut secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
    secrets.retain(|secret| secret.len() >= SHORTEST_SECRET);
    // The longest first: one may be a part of another.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    for secret in &secrets {
        if text.contains(secret) {
            *text = text.replace(secret, HIDDEN);
        }
    }
    for secret in &secrets {
        let ends = secret.char_indices().map(|(at, _)| at).skip(SHORTEST_SECRET);
        for end in ends.collect::<Vec<_>>().into_iter().rev() {
            let cut = format!("{}…", &secret[..end]);
            if text.contains(&cut) {
                *text = text.replace(&cut, &format!("{HIDDEN}…"));
            }
        }
    }
}

/// What is watched, and for how long it must hold.
pub struct Gate {
    /// What is looked at, all of it at each look.
    pub sources: Vec<Box<dyn Source>>,
    /// How often and how long it must hold, and how long that is waited for.
    pub terms: Terms,
    /// What need not hold.
    pub waivers: Vec<Waiver>,
}

/// Watches a gate until it is over.
///
/// `beat` is called before each look and at least every ten seconds between looks, so that whoever holds a lease can renew
/// it; what it refuses ends the watch at once. A look itself is bounded by the longest timeout of its sources, for each
/// sixteen of them.
///
/// # Errors
///
/// Those of `beat`. A gate that stays shut is a report like any other.
pub fn run<E>(
    gate: &Gate,
    clock: &dyn Clock,
    progress: &Progress<'_>,
    beat: impl FnMut() -> Result<(), E>,
) -> Result<Report, E> {
    Vigil::new(gate, clock, progress).finish(beat)
}

/// A gate being watched.
pub struct Vigil<'a> {
    gate: &'a Gate,
    clock: &'a dyn Clock,
    progress: &'a Progress<'a>,
    so_far: SoFar,
}

/// What a vigil has seen, for one that goes on later.
pub struct SoFar {
    watch: Watch,
    told: Vec<Verdict>,
    last: Option<Step>,
}

impl SoFar {
    /// What is known.
    pub fn report(&self) -> Report {
        self.watch.report()
    }
}

impl<'a> Vigil<'a> {
    /// Nothing is looked at yet.
    pub fn new(gate: &'a Gate, clock: &'a dyn Clock, progress: &'a Progress<'a>) -> Self {
        let watch = Watch::new(gate.terms, gate.waivers.clone());
        let so_far = SoFar { watch, told: Vec::new(), last: None };
        Self::resume(gate, clock, progress, so_far)
    }

    /// Which clusters earlier gates of a run have seen, by the name of the predicate: they must be the same.
    pub fn of_clusters(self, identities: BTreeMap<String, String>) -> Self {
        let SoFar { watch, told, last } = self.so_far;
        let so_far = SoFar { watch: watch.of_clusters(identities), told, last };
        Self { so_far, ..self }
    }

    /// Goes on with what has been seen of the same gate by the same clock.
    pub fn resume(
        gate: &'a Gate,
        clock: &'a dyn Clock,
        progress: &'a Progress<'a>,
        so_far: SoFar,
    ) -> Self {
        Self { gate, clock, progress, so_far }
    }

    /// Leaves off.
    pub fn leave(self) -> SoFar {
        self.so_far
    }

    /// Looks once.
    pub fn look(&mut self) -> Step {
        let sources = &self.gate.sources;
        let line = |done| format!("looking: {done} of {} looks done", sources.len());
        let found = each(sources, AT_ONCE, self.progress, line, |source| source.look(self.clock));
        let findings = found.into_iter().flatten().collect();
        let step = self.so_far.watch.weigh(self.clock.monotonic(), findings);
        self.so_far.last = Some(step);
        self.tell(step);
        step
    }

    /// Goes on until it is over. One that is over already has a beat as well: gates of one look each may follow each other for
    /// hours.
    ///
    /// # Errors
    ///
    /// Those of `beat`, see [`run`].
    pub fn finish<E>(mut self, mut beat: impl FnMut() -> Result<(), E>) -> Result<Report, E> {
        if let Some(Step::Over(_)) = self.so_far.last {
            let began = self.clock.monotonic();
            beat()?;
            if self.clock.monotonic().saturating_sub(began) > LONG_BEAT {
                self.look();
            }
        }
        loop {
            match self.so_far.last {
                Some(Step::Over(_)) => return Ok(self.so_far.report()),
                Some(Step::Again(after)) => pause(self.clock, after, &mut beat)?,
                None => {}
            }
            beat()?;
            self.look();
        }
    }

    /// News at once: what stands otherwise than before, and the end. The rest now and then.
    fn tell(&mut self, step: Step) {
        let report = self.so_far.report();
        let verdicts: Vec<Verdict> =
            report.predicates.iter().map(|reported| reported.finding.verdict).collect();
        let is_news = verdicts != self.so_far.told && step != Step::Over(End::Passed);
        self.so_far.told = verdicts;
        let line = || {
            let unmet = report.unmet();
            let limit = self.gate.terms.limit.as_secs();
            let mut line = format!(
                "{}, {} of {} looks in a row, {} s of {limit} s at most",
                report.tally(),
                report.in_a_row,
                report.samples,
                report.waited_seconds
            );
            if let Some(first) = unmet.first() {
                let others = unmet.len() - 1;
                let more = if others == 0 { String::new() } else { format!(" and {others} more") };
                line.push_str(&format!("; waiting for {}{more}", first.finding));
            }
            line
        };
        if is_news { self.progress.tell(&line()) } else { self.progress.tick(line) }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Mutex;

    use super::*;
    use crate::drive::hand_clock::HandClock;

    /// Passes from this second on.
    struct From(u64);

    impl Source for From {
        fn look(&self, clock: &dyn Clock) -> Vec<Finding> {
            let is_good = clock.monotonic().as_secs() >= self.0;
            vec![Finding {
                name: format!("from-{}", self.0),
                kind: "test".to_owned(),
                object: "clock".to_owned(),
                verdict: if is_good { Verdict::Pass } else { Verdict::Fail },
                evidence: "seen".to_owned(),
                value: None,
                distance: None,
            }]
        }
    }

    fn gate(seconds: &[u64], limit: u64) -> Gate {
        let terms = Terms {
            samples: 3,
            spacing: Duration::from_secs(25),
            window: Duration::ZERO,
            limit: Duration::from_secs(limit),
            stall: None,
        };
        let sources = seconds.iter().map(|it| Box::new(From(*it)) as Box<dyn Source>).collect();
        Gate { sources, terms, waivers: Vec::new() }
    }

    #[test]
    fn it_looks_until_all_have_held_and_tells_what_it_waits_for() {
        let (clock, said) = (HandClock::default(), Mutex::new(Vec::new()));
        let say = |line: &str| said.lock().unwrap().push(line.to_owned());
        let progress = Progress::new(&clock, &say);
        let mut beats = 0;
        let report = run(&gate(&[0, 60], 900), &clock, &progress, || {
            beats += 1;
            Ok::<_, Infallible>(())
        });
        let Ok(report) = report;
        assert_eq!((report.verdict, report.end), (Verdict::Pass, Some(End::Passed)));
        assert_eq!((report.looks, report.waited_seconds), (6, 125));
        assert_eq!(beats, 6 + 2 * 5, "before each look, and twice in each pause of 25 s");
        let said = said.into_inner().unwrap();
        assert_eq!(
            said[0],
            "1 of 2 predicates pass, 0 of 3 looks in a row, 0 s of 900 s at most; waiting for from-60 (test clock) fail: seen"
        );
        assert!(
            said.iter().any(|line| line.starts_with("2 of 2 predicates pass, 1 of 3")),
            "{said:?}"
        );
    }

    #[test]
    fn a_beat_that_fails_ends_it_at_once() {
        let clock = HandClock::default();
        let progress = Progress::new(&clock, &|_| ());
        let mut left = 3;
        let ended = run(&gate(&[900], 900), &clock, &progress, || {
            left -= 1;
            if left == 0 { Err("the lease is lost") } else { Ok(()) }
        });
        assert_eq!(ended, Err("the lease is lost"));
        assert_eq!(clock.monotonic().as_secs(), 20, "in the middle of a pause");
    }

    /// As a roll's gates while a broker reads its logs: each of one look.
    #[test]
    fn a_gate_that_is_over_with_its_first_look_has_a_beat_too() {
        let clock = HandClock::default();
        let progress = Progress::new(&clock, &|_| ());
        let mut once = gate(&[0], 0);
        once.terms.samples = 1;
        for (takes, looks) in [(0, 1), (60, 2)] {
            let mut vigil = Vigil::new(&once, &clock, &progress);
            vigil.look();
            let mut beats = 0;
            let report = vigil.finish(|| {
                beats += 1;
                clock.sleep(Duration::from_secs(takes));
                Ok::<_, Infallible>(())
            });
            let Ok(report) = report;
            assert_eq!((report.verdict, report.end), (Verdict::Pass, Some(End::Passed)));
            assert_eq!((beats, report.looks), (1, looks), "what is old is looked at anew");
        }
        let mut vigil = Vigil::new(&once, &clock, &progress);
        vigil.look();
        assert_eq!(vigil.finish(|| Err("the lease is lost")), Err("the lease is lost"));
    }

    #[test]
    fn one_look_is_reported_without_an_end() {
        let clock = HandClock::default();
        let progress = Progress::new(&clock, &|_| ());
        let gate = gate(&[0], 900);
        let mut vigil = Vigil::new(&gate, &clock, &progress);
        vigil.look();
        let so_far = vigil.leave();
        let report = so_far.report();
        assert_eq!((report.verdict, report.end, report.looks), (Verdict::Pass, None, 1));
        let vigil = Vigil::resume(&gate, &clock, &progress, so_far);
        let Ok(report) = vigil.finish(|| Ok::<_, Infallible>(()));
        assert_eq!((report.looks, report.waited_seconds), (3, 50), "the first look counts");
    }

    #[test]
    fn secrets_are_hidden_whole_and_cut() {
        let secrets =
            ["Bearer s3cret-token".to_owned(), "s3cret-token".to_owned(), "ab".to_owned()];
        for (text, hidden) in [
            ("ab: s3cret-token!", "ab: ********!"),
            ("it was \"Bearer s3cret-token\"", "it was \"********\""),
            ("xs3cret-tok…", "x********…"),
            ("Bearer s3c…", "********…"),
            ("s3c…", "s3c…"),
            ("nothing", "nothing"),
        ] {
            let mut shown = text.to_owned();
            hide(&mut shown, &secrets);
            assert_eq!(shown, hidden);
        }
    }
}
