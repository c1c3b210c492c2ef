//! Machines moved from zone to zone: launched there, looked at, and only then drained and terminated here.

use std::collections::{BTreeMap, BTreeSet};

use super::drain::Drain;
use super::error::LaunchError;
use super::journal::{Fleet, MoveJournal};
use super::launcher::{Job, Launcher};
use super::settling::Bare;
use super::waiting::RUNS;
use crate::domain::{Ec2Instance, InstanceId};
use crate::plan::launch::{
    Attempt, Counts, ENDING, FLEET_TAG, Field, Ladder, MoveEvent, Moving, Prices, RUN_TAG, Rung,
    Shift, Step, Stop, counted, standing,
};

/// Looks at the machines that were launched, and says why none may go if so.
pub type Check<'a> = &'a dyn Fn(&[Ec2Instance]) -> Result<(), String>;

/// What is to be rebalanced, and how.
pub struct Rebalance<'a> {
    /// The rebalance's id, if it is a new one.
    pub run_id: String,
    /// What each launch is; its id, count and clean-up are set here.
    pub job: Job,
    /// Zones and count. The count is that of an unfinished rebalance, if there is one.
    pub field: Field,
    /// What an hour costs now.
    pub prices: &'a Prices,
    /// What is done before a machine is terminated.
    pub drain: &'a Drain,
    /// What must hold before any is.
    pub check: Check<'a>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Moved {
    /// What was launched, and what it was asked for as.
    pub launched: BTreeMap<InstanceId, Rung>,
    /// What was terminated, in order.
    pub terminated: Vec<InstanceId>,
    /// Every request for a machine.
    pub attempts: Vec<Attempt>,
    /// Tokens of requests of which it is not known whether they launched anything.
    pub unknown: Vec<String>,
    /// How many launches are missing to what was wanted.
    pub unfulfilled: u32,
    /// Why; none if none is missing.
    pub stop: Option<String>,
}

/// How a fleet is to be rebalanced: as many as before, or as an unfinished rebalance had them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standstill {
    /// How many machines the fleet has in the end.
    pub count: u32,
    /// What was begun to go.
    pub leaving: BTreeSet<InstanceId>,
    /// What has gone, whatever EC2 still lists.
    pub left: BTreeSet<InstanceId>,
}

/// What a process holds while it moves machines.
struct Course<'a, 'b> {
    launcher: &'a Launcher<'a>,
    fleet: &'a Fleet,
    what: Rebalance<'b>,
    ladder: &'a mut Ladder,
    journal: MoveJournal,
    moved: Moved,
    /// Zones that were found to be without capacity, and with which words.
    shut: BTreeMap<String, String>,
}

impl Launcher<'_> {
    /// The unfinished rebalance of a fleet; none if there is none. Changes nothing.
    ///
    /// # Errors
    ///
    /// Its journal cannot be read.
    pub fn unfinished_moving(&self, fleet: &Fleet) -> Result<Option<Standstill>, LaunchError> {
        let open = fleet.open_moving()?;
        Ok(open.map(|journal| Standstill {
            count: journal.moving.count,
            leaving: journal.moving.leaving,
            left: journal.moving.left,
        }))
    }

    /// Refuses to go on with an unfinished rebalance of a fleet that has more machines than it accounts for: it would terminate as
    /// many. `machines` are those that are not on their way out.
    ///
    /// # Errors
    ///
    /// There are more, or a journal cannot be read.
    pub fn accounted(&self, fleet: &Fleet, machines: &[Ec2Instance]) -> Result<(), LaunchError> {
        match fleet.open_moving()? {
            Some(open) => no_strangers(fleet, &open.moving, machines),
            None => Ok(()),
        }
    }

    /// Rebalances, or goes on with a rebalance.
    ///
    /// No machine is terminated unless the fleet has more than it is to have, by what this launched, no fewer run without it than
    /// before, and what was launched has passed the check.
    ///
    /// # Errors
    ///
    /// With what was done until then: the journal cannot be written, AWS does not answer, the check or the drain does not succeed. Running
    /// again goes on.
    pub fn rebalance(
        &self,
        fleet: &Fleet,
        what: Rebalance<'_>,
        ladder: &mut Ladder,
    ) -> Result<Moved, (LaunchError, Box<Moved>)> {
        let begun = |ended: &mut Vec<InstanceId>| -> Result<MoveJournal, LaunchError> {
            self.settle_steps(fleet, &what.job.region, what.job.settle, ended, Bare::Refuse)?;
            match fleet.open_moving()? {
                Some(open) => Ok(open),
                None => fleet.begin_moving(self.clock, &self.beginning(fleet, &what)?),
            }
        };
        let (mut moved, shut) = (Moved::default(), BTreeMap::new());
        let journal = match begun(&mut moved.terminated) {
            Ok(journal) => journal,
            Err(error) => return Err((error, Box::new(moved))),
        };
        let mut course = Course { launcher: self, fleet, what, ladder, journal, moved, shut };
        course.what.field.count = course.journal.moving.count;
        match course.go() {
            Ok(()) => Ok(course.moved),
            Err(error) => Err((error, Box::new(course.moved))),
        }
    }

    fn beginning(&self, fleet: &Fleet, what: &Rebalance<'_>) -> Result<MoveEvent, LaunchError> {
        let tags = BTreeMap::from([(FLEET_TAG.to_owned(), fleet.name().to_owned())]);
        let machines = self.cloud.tagged_instances(&what.job.region, &tags)?;
        let living = machines.iter().filter(|it| it.state.as_deref() != Some(ENDING)).count();
        Ok(MoveEvent::Begun {
            run: what.run_id.clone(),
            fleet: fleet.name().to_owned(),
            region: what.job.region.to_string(),
            count: u32::try_from(living).unwrap_or(u32::MAX),
            running: running(&machines, None),
            account: Some(fleet.account().to_owned()),
        })
    }
}

fn no_strangers(
    fleet: &Fleet,
    moving: &Moving,
    machines: &[Ec2Instance],
) -> Result<(), LaunchError> {
    match moving.strangers(machines, &fleet.launched()?) {
        0 => Ok(()),
        strangers => {
            let (fleet, count) = (fleet.name().to_owned(), moving.count);
            Err(LaunchError::Strangers { fleet, count, strangers })
        }
    }
}

/// How many run, without one of them.
fn running(machines: &[Ec2Instance], without: Option<&InstanceId>) -> u32 {
    let runs = |it: &&Ec2Instance| it.state.as_deref() == Some(RUNS) && Some(&it.id) != without;
    u32::try_from(machines.iter().filter(runs).count()).unwrap_or(u32::MAX)
}

impl Course<'_, '_> {
    fn go(&mut self) -> Result<(), LaunchError> {
        loop {
            let machines = self.machines()?;
            let all = standing(&machines, self.what.prices);
            match self.what.field.step(&all, &self.journal.moving.leaving) {
                Shift::Launch { zone } => {
                    let region = &self.what.job.region;
                    self.launcher.all_tagged(self.fleet, region, &machines)?;
                    if let Some(stop) = self.launch(&zone, &counted(&all))? {
                        self.moved.stop = Some(stop);
                        if !self.moved.unknown.is_empty() {
                            return self.end();
                        }
                        // What has been launched already may still stand in for something.
                        self.shut_all();
                    }
                }
                Shift::Leave { instance } => self.leave(&instance, &machines)?,
                Shift::Even => return self.end(),
            }
        }
    }

    /// The machines that are not on their way out.
    fn machines(&self) -> Result<Vec<Ec2Instance>, LaunchError> {
        let tags = BTreeMap::from([(FLEET_TAG.to_owned(), self.fleet.name().to_owned())]);
        let job = &self.what.job;
        let mut all = self.launcher.cloud.tagged_instances(&job.region, &tags)?;
        let left = &self.journal.moving.left;
        all.retain(|it| it.state.as_deref() != Some(ENDING) && !left.contains(&it.id));
        Ok(all)
    }

    fn shut_all(&mut self) {
        let open = std::mem::take(&mut self.what.field.open);
        self.shut.extend(open.into_iter().map(|zone| (zone, String::new())));
    }

    /// Launches one in a zone; why nothing more is to be launched at all, if so. A zone without capacity is shut, and no more.
    fn launch(&mut self, zone: &str, counts: &Counts) -> Result<Option<String>, LaunchError> {
        let number = self.journal.moving.launches.len() + 1;
        let launch = format!("{}-{number}", self.journal.moving.run);
        let event = MoveEvent::Launching { launch: launch.clone(), zone: zone.to_owned() };
        self.journal.write(self.launcher.clock, &event)?;
        let job = &mut self.what.job;
        (job.run_id, job.wanted, job.clean_up, job.resume) = (launch, 1, true, false);
        // How much larger the fleet may be is said by the surge, which knows what has gone and is listed still.
        (job.is_step, job.max_total) = (true, None);
        self.ladder.only_in(BTreeSet::from([zone.to_owned()]));
        let mut counts = counts.clone();
        let (report, error) = match self.launcher.launch(self.fleet, job, self.ladder, &mut counts)
        {
            Ok(report) => (report, None),
            Err((error, report)) => (*report, Some(error)),
        };
        self.moved.attempts.extend(report.attempts);
        self.moved.unknown.extend(report.unknown.iter().cloned());
        self.moved.launched.extend(report.launched);
        self.moved.terminated.extend(report.removed);
        if let Some(error) = error {
            return Err(error);
        }
        if let Some(late) = report.not_running.first() {
            let limit = job.wait.unwrap_or_default().as_secs();
            let reason = match &report.unseen {
                None => {
                    format!("{late} was launched in {zone} and does not run within {limit} s")
                }
                Some(error) => format!(
                    "{late} was launched in {zone}, and after {limit} s it is not known whether it runs: {error}"
                ),
            };
            return Err(LaunchError::Unfit { reason });
        }
        let Some(stop) = report.stop else { return Ok(None) };
        if !report.unknown.is_empty() {
            return Ok(Some(stop));
        }
        match self.ladder.next(&counts) {
            Step::Stop(Stop::Exhausted { .. }) => {
                self.what.field.open.remove(zone);
                self.shut.insert(zone.to_owned(), stop);
                Ok(None)
            }
            Step::Stop(Stop::Refused { .. } | Stop::Throttled) | Step::Ask(_) => Ok(Some(stop)),
        }
    }

    /// Drains one and ends it, if nothing speaks against it.
    fn leave(&mut self, id: &InstanceId, machines: &[Ec2Instance]) -> Result<(), LaunchError> {
        let moving = &self.journal.moving;
        let Some(machine) = machines.iter().find(|it| it.id == *id) else { return Ok(()) };
        no_strangers(self.fleet, moving, machines)?;
        let (left, least) = (running(machines, Some(id)), moving.running.min(moving.count));
        let is_up = machine.state.as_deref() == Some(RUNS);
        if is_up && left < least {
            let reason = format!("without {id} {left} machines would run, and {least} have to");
            return Err(LaunchError::Unfit { reason });
        }
        let is_new = |it: &&Ec2Instance| {
            it.tags.get(RUN_TAG).is_some_and(|run| moving.launches.contains(run)) && it.id != *id
        };
        let new: Vec<Ec2Instance> = machines.iter().filter(is_new).cloned().collect();
        (self.what.check)(&new).map_err(|reason| LaunchError::Unfit { reason })?;
        let (launcher, region) = (self.launcher, self.what.job.region.clone());
        self.journal.write(launcher.clock, &MoveEvent::Leaving { instance: id.clone() })?;
        launcher.progress.tick(|| format!("draining {id}"));
        self.what.drain.drain(machine)?;
        // Gate and drain take their time, and EC2 may have taken others back meanwhile.
        let machines = self.machines()?;
        if !self.spares(id, &machines) {
            return Ok(());
        }
        no_strangers(self.fleet, &self.journal.moving, &machines)?;
        let tags = BTreeMap::from([(FLEET_TAG.to_owned(), self.fleet.name().to_owned())]);
        let settle = self.what.job.settle;
        launcher.end_surely(&region, &tags, std::slice::from_ref(id), settle)?;
        self.journal.write(launcher.clock, &MoveEvent::Left { instance: id.clone() })?;
        self.moved.terminated.push(id.clone());
        Ok(())
    }

    /// Whether enough machines are there, and run, without one of them.
    fn spares(&self, id: &InstanceId, machines: &[Ec2Instance]) -> bool {
        let moving = &self.journal.moving;
        let others = machines.iter().filter(|it| it.id != *id).count();
        let is_up = machines.iter().any(|it| it.id == *id && it.state.as_deref() == Some(RUNS));
        let least = moving.running.min(moving.count);
        others < machines.len()
            && u32::try_from(others).unwrap_or(u32::MAX) >= moving.count
            && (!is_up || running(machines, Some(id)) >= least)
    }

    /// The end, with an account of what is missing. The fleet has its count again unless something is not known.
    fn end(&mut self) -> Result<(), LaunchError> {
        let machines = self.machines()?;
        let all = standing(&machines, self.what.prices);
        let field = &mut self.what.field;
        field.open.extend(self.shut.keys().cloned());
        let target = field.target(&counted(&all));
        let here = counted(&all);
        let lacks = target.iter().map(|(zone, wanted)| {
            wanted.saturating_sub(here.get(zone).copied().unwrap_or_default())
        });
        let total = u32::try_from(all.len()).unwrap_or(u32::MAX);
        let missing = self.journal.moving.count.saturating_sub(total);
        self.moved.unfulfilled = lacks.sum::<u32>().max(missing);
        if self.moved.unfulfilled > 0 && self.moved.stop.is_none() {
            let words = self.shut.iter().map(|(zone, why)| format!("{zone}: {why}"));
            let words = words.collect::<Vec<_>>().join("; ");
            let nowhere = "no zone has an offer that fits";
            self.moved.stop = Some(if words.is_empty() { nowhere.to_owned() } else { words });
        }
        if total == self.journal.moving.count && self.moved.unknown.is_empty() {
            let reason = self.moved.stop.clone().unwrap_or_else(|| "even".to_owned());
            return self.journal.write(self.launcher.clock, &MoveEvent::Ended { reason });
        }
        Ok(())
    }
}
