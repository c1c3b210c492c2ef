//! The launch itself: one machine a request, each with a token, a tag and two lines in the journal.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::ending::Ends;
use super::error::LaunchError;
use super::journal::{Fleet, Journal};
use super::preflight::Ground;
use super::sending::{Before, Told, order};
use super::settling::Bare;
use super::waiting::{End, Unseen, of_fleet};
use crate::domain::{Blueprint, Clock, Ec2Instance, InstanceId, LaunchAnswer, MicroUsd, Region};
use crate::drive::market::Cloud;
use crate::drive::progress::Progress;
use crate::drive::wait::pause;
use crate::plan::launch::{
    Attempt, CLUSTER_TAG, Class, Event, LAUNCH_TAG, Ladder, Outcome, REPLACES_TAG, RUN_TAG, Rung,
    Step, Stop, lives,
};

const LONGEST_BACKOFF: u64 = 32;

/// What is to be launched.
pub struct Job {
    /// The region.
    pub region: Region,
    /// The run's id, if it is a new one.
    pub run_id: String,
    /// How many.
    pub wanted: u32,
    /// The most machines that the fleet may have.
    pub max_total: Option<u32>,
    /// Whether an unfinished run for as many is gone on with, and this one is one until it is concluded; else it is settled and
    /// ended, and a new one begins.
    pub resume: bool,
    /// Whether it is a step of something larger: then an unfinished run of another kind remains as it is.
    pub is_step: bool,
    /// What.
    pub blueprint: Blueprint,
    /// A digest of it.
    pub digest: String,
    /// Where.
    pub ground: Ground,
    /// The most that an hour may cost.
    pub max_price: Option<MicroUsd>,
    /// Whether what was launched is terminated if it is not all.
    pub clean_up: bool,
    /// How long it is waited until all run; none not to wait.
    pub wait: Option<Duration>,
    /// How long a machine that was asked for is looked for when no answer came.
    pub settle: Duration,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// The run.
    pub run: String,
    /// What was launched by the run and lives on.
    pub launched: BTreeMap<InstanceId, Rung>,
    /// Every attempt, those of before an interruption among them.
    pub attempts: Vec<Attempt>,
    /// How many are missing.
    pub unfulfilled: u32,
    /// Why; none if none is missing.
    pub stop: Option<String>,
    /// Tokens of requests of which it is not known whether they launched anything.
    pub unknown: Vec<String>,
    /// What was terminated again, of runs of before among it.
    pub removed: Vec<InstanceId>,
    /// What was launched by this call and came to an end before it ran, with what it was asked for as. It is missing.
    pub ended: Vec<(Rung, End)>,
    /// What was launched and was not seen to run.
    pub not_running: Vec<InstanceId>,
    /// Why it is not known whether it does; none if it was seen that it does not.
    pub unseen: Option<String>,
    /// What could not be done in the end, after all was launched.
    pub warnings: Vec<String>,
}

/// Carries launches out.
pub struct Launcher<'a> {
    /// AWS.
    pub cloud: &'a dyn Cloud,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Whoever waits.
    pub progress: &'a Progress<'a>,
}

impl Launcher<'_> {
    /// Launches, or goes on with a launch.
    ///
    /// # Errors
    ///
    /// With what was done until then: the journal cannot be written, or AWS does not answer questions. What was launched until then
    /// is in the journal, and running again goes on.
    pub fn launch(
        &self,
        fleet: &Fleet,
        job: &Job,
        ladder: &mut Ladder,
        counts: &mut BTreeMap<String, u32>,
    ) -> Result<Report, (LaunchError, Box<Report>)> {
        let mut ended = Vec::new();
        // A count launches for nothing that is missing to the fleet.
        let bare = if job.resume { Bare::Leave } else { Bare::Refuse };
        let opened = |ended: &mut Vec<InstanceId>| {
            if job.resume || job.is_step {
                self.settle_steps(fleet, &job.region, job.settle, ended, bare)?;
            }
            let mut open = fleet.open_runs()?.into_iter().filter(|it| !it.run.is_step);
            let goes_on =
                |it: &Journal| job.resume && !it.run.is_exact && it.run.wanted == job.wanted;
            match open.next().filter(goes_on) {
                Some(mut open) => {
                    self.count_again(fleet, &mut open, job)?;
                    return Ok(open);
                }
                None if job.is_step => {}
                None => self.settle(fleet, &job.region, job.settle, ended, bare)?,
            }
            fleet.begin(self.clock, &begun(fleet, job))
        };
        let mut journal = match opened(&mut ended) {
            Ok(journal) => journal,
            Err(error) => {
                return Err((error, Box::new(Report { removed: ended, ..Report::default() })));
            }
        };
        let launched = self.launching(&mut journal, job, ladder, counts, &mut ended);
        let mut report = match launched {
            Ok(report) => report,
            Err(error) => {
                let report = told(&journal, job, None);
                return Err((error, Box::new(Report { removed: ended, ..report })));
            }
        };
        report.removed.extend(ended);
        Ok(report)
    }

    fn launching(
        &self,
        journal: &mut Journal,
        job: &Job,
        ladder: &mut Ladder,
        counts: &mut BTreeMap<String, u32>,
        ended: &mut Vec<InstanceId>,
    ) -> Result<Report, LaunchError> {
        self.end_again(journal, &job.region, job.settle, ended)?;
        // What is listed by now is there, and what is not is missing until it was sent again.
        self.seen(journal, &job.region)?;
        self.within(journal, job)?;
        let mut stop = self.go_on(journal, job)?;
        let mut ends = Vec::new();
        let seen = loop {
            while stop.is_none() && missing(journal, job) > 0 {
                stop = match ladder.next(counts) {
                    Step::Stop(why) => Some(why.to_string()),
                    Step::Ask(rung) => self.ask(journal, job, ladder, counts, &rung)?,
                };
            }
            if stop.is_some() {
                break Unseen::default();
            }
            let seen = self.running(job, journal.run.launched().into_keys().collect());
            if !seen.ended.is_empty() {
                stop = self.fell(journal, ladder, counts, &seen)?;
                let run = &journal.run;
                ends.extend(
                    seen.ended
                        .iter()
                        .filter_map(|end| Some((run.rung(&end.instance)?.clone(), end.clone()))),
                );
            }
            if stop.is_some() || missing(journal, job) == 0 {
                break seen;
            }
        };
        let report = self.finish(journal, job, stop, seen)?;
        Ok(Report { ended: ends, ..report })
    }

    /// Refuses to launch what is missing where the fleet would be larger than it may be. It is counted when it is known how many are
    /// missing: what was taken back since the run began is missing again.
    fn within(&self, journal: &Journal, job: &Job) -> Result<(), LaunchError> {
        let missing = missing(journal, job);
        let Some(most) = job.max_total.filter(|_| missing > 0) else { return Ok(()) };
        let mut listed = self.cloud.tagged_instances(&job.region, &of_fleet(job))?;
        // What is listed of a request that has no answer yet is counted as missing.
        let pending: Vec<String> = journal.run.pending().into_iter().map(|it| it.token).collect();
        let is_missing =
            |it: &Ec2Instance| it.tags.get(LAUNCH_TAG).is_some_and(|it| pending.contains(it));
        listed.retain(|it| lives(it) && !is_missing(it));
        // What was launched a moment ago may not be listed yet.
        let mut ids: BTreeSet<InstanceId> = listed.into_iter().map(|it| it.id).collect();
        ids.extend(journal.run.launched().into_keys());
        let here = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        match here.saturating_add(missing) {
            total if total > most => Err(LaunchError::Refused(format!(
                "there are {here} machines, {missing} of {} are missing, and max_total is {most}",
                job.wanted
            ))),
            _ => Ok(()),
        }
    }

    /// Asks for one machine; why nothing more is to be asked, if so.
    fn ask(
        &self,
        journal: &mut Journal,
        job: &Job,
        ladder: &mut Ladder,
        counts: &mut BTreeMap<String, u32>,
        rung: &Rung,
    ) -> Result<Option<String>, LaunchError> {
        let token = format!("{}-{}", journal.run.id, journal.run.attempts.len() + 1);
        let zone = &rung.place.zone;
        let number = counts.get(zone).copied().unwrap_or_default();
        let subnet = job.ground.subnet(zone, number, ladder.full()).map(str::to_owned);
        let asked =
            Event::Asked { token: token.clone(), rung: rung.clone(), subnet: subnet.clone() };
        journal.write(self.clock, &asked)?;
        let run = &journal.run.id;
        let outcome = match self.send(job, run, rung, subnet.as_deref(), &token, Before::Never)? {
            Told::Known(outcome) => outcome,
            Told::Silence(reason) => return Ok(Some(reason)),
        };
        journal.write(self.clock, &Event::Answered { token, outcome: outcome.clone() })?;
        match outcome {
            Outcome::Launched { .. } => {
                ladder.launched();
                *counts.entry(zone.clone()).or_default() += 1;
                let (done, name) = (journal.run.launched().len(), &rung.place.machine_type);
                let wanted = job.wanted;
                self.progress.tick(|| format!("launched {name} in {zone}: {done} of {wanted}"));
            }
            Outcome::Refused(refusal) => {
                let pauses = ladder.refused(rung, &refusal.code, &refusal.message);
                if Class::of(&refusal.code) == Class::Addresses {
                    let mut full = ladder.full().clone();
                    full.extend(subnet.clone());
                    let has_another = job.ground.subnet(zone, 0, &full).is_some();
                    ladder.is_full(zone, subnet.as_deref(), has_another);
                }
                if let Some(number) = pauses {
                    let seconds = 1_u64.checked_shl(number - 1).unwrap_or(LONGEST_BACKOFF);
                    let rest = Duration::from_secs(seconds.min(LONGEST_BACKOFF));
                    pause(self.clock, rest, || Ok::<_, LaunchError>(()))?;
                }
            }
            Outcome::Lost { .. } => {}
        }
        Ok(None)
    }

    fn finish(
        &self,
        journal: &mut Journal,
        job: &Job,
        stop: Option<String>,
        Unseen { machines, error, .. }: Unseen,
    ) -> Result<Report, LaunchError> {
        let mut report = told(journal, job, stop);
        if report.unfulfilled > 0 && !job.clean_up {
            self.keep(journal, &mut report);
        }
        // What was launched is told, whether it can be listed or not.
        if job.wait.is_some() {
            (report.not_running, report.unseen) = (machines, error.map(|it| it.to_string()));
        } else if let Some(error) = error {
            let text = format!("{error}: whether what was launched is listed is not known");
            report.warnings.push(text);
        }
        if report.unfulfilled > 0 && job.clean_up {
            // What an earlier answer said is kept may be at work.
            let kept = journal.run.kept.clone();
            let mut ids: Vec<InstanceId> = report.launched.keys().cloned().collect();
            ids.retain(|id| !kept.contains(id));
            if !ids.is_empty() {
                journal.write(self.clock, &Event::Terminating { instances: ids.clone() })?;
                let tags = tag(RUN_TAG, &report.run);
                let Ends { living, .. } = self.end(&job.region, &tags, &ids, job.settle)?;
                report.launched.retain(|id, _| living.contains(id) || kept.contains(id));
                ids.retain(|id| !living.contains(id));
                // What was terminated is told all the same; the next run finds that it is gone.
                let gone = Event::Gone { instances: ids.clone() };
                let written =
                    if ids.is_empty() { Ok(()) } else { journal.write(self.clock, &gone) };
                report.warnings.extend(written.err().map(|error| error.to_string()));
            }
            report.unfulfilled = missing(journal, job);
            report.removed = ids;
            // What is not known may still appear, and what lives is to be ended; then running again finds it.
            if report.unknown.is_empty() && report.launched.is_empty() {
                report.warnings.extend(self.over(journal, "cleaned up"));
            }
        } else if report.unfulfilled == 0 && !job.resume {
            // Else whoever asked ends it, with [`Self::conclude`].
            report.warnings.extend(self.over(journal, "complete"));
        }
        Ok(report)
    }

    /// Writes down what the answer says is kept.
    fn keep(&self, journal: &mut Journal, report: &mut Report) {
        let mut instances: Vec<InstanceId> = report.launched.keys().cloned().collect();
        instances.retain(|id| !journal.run.kept.contains(id));
        if !instances.is_empty()
            && let Err(error) = journal.write(self.clock, &Event::Kept { instances })
        {
            report.warnings.push(format!(
                "{error}: the same again with on_partial: terminate may end what is kept now"
            ));
        }
    }

    /// Asks EC2 whether it would launch the first rung.
    ///
    /// # Errors
    ///
    /// AWS does not answer.
    pub fn rehearse(
        &self,
        job: &Job,
        ladder: &Ladder,
        counts: &BTreeMap<String, u32>,
    ) -> Result<Option<Stop>, LaunchError> {
        let rung = match ladder.next(counts) {
            Step::Stop(stop) => return Ok(Some(stop)),
            Step::Ask(rung) => rung,
        };
        let number = counts.get(&rung.place.zone).copied().unwrap_or_default();
        let subnet = job.ground.subnet(&rung.place.zone, number, ladder.full());
        let token = format!("{}-rehearsal", job.run_id);
        let order = order(job, &job.run_id, &rung, subnet, &token, true);
        match self.cloud.run_instance(&job.region, &order)? {
            LaunchAnswer::WouldLaunch | LaunchAnswer::Launched { .. } => Ok(None),
            LaunchAnswer::Refused(refusal) => {
                // A rung that lacks capacity is for the ladder to pass; what no rung would change ends it here.
                let mut tried = ladder.clone();
                tried.refused(&rung, &refusal.code, &refusal.message);
                Ok(match tried.next(counts) {
                    Step::Stop(stop @ Stop::Refused { .. }) => Some(stop),
                    Step::Stop(_) | Step::Ask(_) => None,
                })
            }
        }
    }
}

/// What the journal says that was done.
fn told(journal: &Journal, job: &Job, stop: Option<String>) -> Report {
    Report {
        run: journal.run.id.clone(),
        launched: journal.run.launched(),
        attempts: journal.run.attempts.clone(),
        unfulfilled: missing(journal, job),
        unknown: journal.run.pending().into_iter().map(|it| it.token).collect(),
        stop,
        ..Report::default()
    }
}

fn missing(journal: &Journal, job: &Job) -> u32 {
    job.wanted.saturating_sub(journal.run.done())
}

pub(super) fn tag(name: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(name.to_owned(), value.to_owned())])
}

fn begun(fleet: &Fleet, job: &Job) -> Event {
    Event::Begun {
        run: job.run_id.clone(),
        fleet: fleet.name().to_owned(),
        region: job.region.to_string(),
        wanted: job.wanted,
        blueprint: job.digest.clone(),
        account: Some(fleet.account().to_owned()),
        replaces: job.blueprint.tags.get(REPLACES_TAG).cloned(),
        cluster: job.blueprint.tags.get(CLUSTER_TAG).cloned(),
        is_step: job.is_step,
        is_exact: !job.resume && !job.is_step,
    }
}
