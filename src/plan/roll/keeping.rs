//! Which runs are still of use at each start.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::run::Run;
use crate::domain::GroupId;

/// What ended longer ago than this is history.
const OLD: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Of each group the newest so many that came to their end stay, however old: durations are foreseen by them.
const KEPT: usize = 10;

/// The runs that can be put away: they are over for good, for long, and enough newer ones tell how long a node takes.
pub fn to_put_away(runs: &[Run], now: Timestamp) -> Vec<&Run> {
    let mut ended: Vec<(&Run, Timestamp)> = runs
        .iter()
        .filter(|run| !run.is_open())
        .filter_map(|run| Some((run, run.ended.as_ref()?.at)))
        .collect();
    ended.sort_by_key(|(run, at)| (std::cmp::Reverse(*at), run.id()));
    let mut newer: BTreeMap<&GroupId, usize> = BTreeMap::new();
    let mut old = Vec::new();
    for (run, at) in ended {
        let newer = newer.entry(&run.plan.group).or_default();
        if *newer >= KEPT && now.duration_since(at) > OLD {
            old.push(run);
        }
        *newer += usize::from(!run.node_seconds().is_empty());
    }
    old.reverse();
    old
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::roll::{Entry, Event, Outcome, Phase};

    /// A run of one node that ended so many days ago.
    fn run(group: &str, days: i64, outcome: Option<Outcome>, is_done: bool) -> Run {
        let at = now() - SignedDuration::from_hours(24 * days);
        let plan = format!(
            "{{\"at\":\"{at}\",\"event\":\"planned\",\"form\":1,\"run_id\":\"{group}-{days}\",\"program\":\"0\",\"account\":\"act-1\",\
             \"group\":\"{group}\",\"group_name\":\"g\",\"system\":\"{group}\",\"target\":{{\"wanted\":{{\"kind\":\"present_configuration\"}},\
             \"image_id\":null}},\"nodes\":[{{\"id\":\"ssi-1\",\"instance_id\":null,\"image_id\":null,\"private_ip\":null,\"zone\":null,\
             \"volumes\":[],\"launched_at\":null}}],\"others\":[],\"switch\":null,\"persistence\":{{\"root_device\":false,\
             \"block_devices\":true,\"private_ip\":true,\"block_devices_mode\":null}},\"suspended_before\":[],\"suspend_minutes\":60,\
             \"revert_image_on_abort\":true,\"waived\":[],\"may_be_down\":[],\"waived_deployments\":[],\"expected_seconds\":null}}"
        );
        let plan: Entry = serde_json::from_str(&plan).unwrap_or_else(|e| panic!("{e}: {plan}"));
        let mut entries = vec![plan];
        if is_done {
            let node = crate::domain::StatefulInstanceId::new("ssi-1");
            entries.push(Entry { at, event: Event::Entered { node, phase: Phase::Done } });
        }
        let end = |outcome| Entry { at, event: Event::Ended { outcome, reason: None } };
        entries.extend(outcome.map(end));
        Run::read(&entries).unwrap_or_else(|e| panic!("{e}"))
    }

    fn now() -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 10_000)
    }

    fn ids(runs: &[Run]) -> Vec<&str> {
        to_put_away(runs, now()).into_iter().map(Run::id).collect()
    }

    #[test]
    fn the_old_go_and_of_each_group_ten_that_tell_durations_stay() {
        let completed = |group, days| run(group, days, Some(Outcome::Completed), true);
        let mut runs: Vec<Run> = (1..=13).map(|n| completed("sig-1", 100 * n)).collect();
        runs.extend((1..=10).map(|n| completed("sig-2", 100 * n)));
        assert_eq!(ids(&runs), ["sig-1-1300", "sig-1-1200", "sig-1-1100"]);
        // What tells nothing of durations is kept for its age only.
        runs.push(run("sig-1", 29, Some(Outcome::Aborted), false));
        runs.push(run("sig-2", 2000, Some(Outcome::Aborted), false));
        assert_eq!(ids(&runs), ["sig-2-2000", "sig-1-1300", "sig-1-1200", "sig-1-1100"]);
    }

    #[test]
    fn what_is_young_or_open_stays() {
        let young: Vec<Run> =
            (1..=29).map(|n| run("sig-1", n, Some(Outcome::Completed), true)).collect();
        assert_eq!(ids(&young), Vec::<&str>::new());
        let mut open: Vec<Run> =
            (1..=20).map(|n| run("sig-1", n, Some(Outcome::Completed), true)).collect();
        open.push(run("sig-1", 900, Some(Outcome::Frozen), false));
        open.push(run("sig-1", 901, None, true));
        assert_eq!(ids(&open), Vec::<&str>::new());
        open.push(run("sig-1", 902, Some(Outcome::Aborted), false));
        assert_eq!(ids(&open), ["sig-1-902"]);
    }
}
