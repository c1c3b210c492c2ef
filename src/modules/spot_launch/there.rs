//! As many as are wanted, of which some may not run yet.

use std::collections::BTreeMap;
use std::time::Duration;

use super::answer::Returns;
use super::ending;
use super::launching::{reported, too_many};
use crate::ansible::{Failure, Outcome, Planned};
use crate::domain::{Ec2Instance, InstanceId};
use crate::drive::Progress;
use crate::drive::launch::{Bare, Launcher, Report, Unseen};
use crate::modules::fleet::{Desk, Terms, listed};
use crate::plan::launch::{FLEET_TAG, starts};

/// Nothing is launched, so that no market is asked. What an unfinished launch has launched is found out, and what does not run yet is
/// waited for: whoever launched it may have given up before.
pub(super) fn planned<'c>(
    desk: Desk<'c>,
    machines: Vec<Ec2Instance>,
    is_unfinished: bool,
    terms: Terms,
) -> Planned<'c, Returns> {
    let there = format!("there are {} already", machines.len());
    let wait = terms.wait.then(|| Duration::from_secs(desk.args.wait_timeout.into()));
    let late = starting(&machines);
    let message = match (is_unfinished, wait.is_some() && !late.is_empty()) {
        (false, false) => return ending::as_it_is(desk, &machines, there),
        (false, true) => format!("{there}; would wait until {} run", listed(&late)),
        (true, _) => format!("{there}; would find out what an unfinished launch has launched"),
    };
    let returns = Returns::of(&machines);
    let act = move || {
        desk.fleet.end_moving(&desk.clock, "its count was said")?;
        if is_unfinished {
            settled(&desk, machines.len())?;
        }
        let mut report = Report::default();
        if let Some(limit) = wait {
            await_counted(&desk, limit, late, &mut report);
        }
        let outcome = reported(&desk, &report)?;
        Ok(Outcome { message: Some(there), ..outcome })
    };
    Planned::looking_on(returns, act).with_message(message)
}

/// Ends unfinished launches; there must be as many machines as before.
fn settled(desk: &Desk<'_>, exact: usize) -> Result<(), Failure> {
    let progress = Progress::new(&desk.clock, desk.context.progress);
    let launcher = Launcher { cloud: desk.cloud.as_ref(), clock: &desk.clock, progress: &progress };
    // Nothing was about to be terminated.
    launcher.settle(&desk.fleet, &desk.region, desk.settle(), &mut Vec::new(), Bare::Refuse)?;
    let present = desk.machines()?.len();
    let number = |count| u32::try_from(count).unwrap_or(u32::MAX);
    if present > exact {
        return Err(too_many(number(present), number(exact)));
    }
    match present == exact {
        true => Ok(()),
        false => Err(Failure::new(format!(
            "there are {present} and {exact} are wanted: others were taken back meanwhile; run this again to launch what is missing"
        ))
        .retryable(true)),
    }
}

pub(super) fn starting(machines: &[Ec2Instance]) -> Vec<InstanceId> {
    machines.iter().filter(|it| starts(it)).map(|it| it.id.clone()).collect()
}

/// Waits for machines that count and were launched before: those that do not run yet, or if that cannot be looked up, that did not run
/// before. Those that come to an end instead are missing.
pub(super) fn await_counted(
    desk: &Desk<'_>,
    limit: Duration,
    before: Vec<InstanceId>,
    report: &mut Report,
) {
    let mut late = desk.machines().map_or(before, |machines| starting(&machines));
    // These were waited for.
    late.retain(|id| !report.launched.contains_key(id));
    let progress = Progress::new(&desk.clock, desk.context.progress);
    let launcher = Launcher { cloud: desk.cloud.as_ref(), clock: &desk.clock, progress: &progress };
    let tags = BTreeMap::from([(FLEET_TAG.to_owned(), desk.args.name.clone())]);
    let Unseen { machines, ended, error } = launcher.late(&desk.region, &tags, late, limit);
    report.not_running.extend(machines);
    if let Some(error) = error {
        report.unseen.get_or_insert(error.to_string());
    }
    if !ended.is_empty() {
        report.unfulfilled = u32::try_from(ended.len()).unwrap_or(u32::MAX);
        let words: Vec<String> = ended.iter().map(ToString::to_string).collect();
        report.stop = Some(words.join("; "));
    }
}
