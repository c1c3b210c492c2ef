//! One roll of a cluster at a time, also where its groups were not said to be of one system.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::clusters_seen::ClusterSeen;
use super::event::{Entry, Event};
use super::holder::Holder;
use super::opening::runs_command;
use super::run::Run;
use crate::domain::GroupId;
use crate::plan::gate::Report;

/// Another run that rolls the same cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherRoll {
    /// Its id.
    pub run_id: String,
    /// What it rolls.
    pub group: GroupId,
    /// Of which system.
    pub system: String,
    /// Who carries it out, or did; none if it has ended frozen.
    pub holder: Option<Holder>,
    /// The cluster.
    pub cluster: ClusterSeen,
    /// Where its journal is, if not where journals usually are.
    pub state_dir: Option<PathBuf>,
}

impl fmt::Display for OtherRoll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { run_id, group, system, holder, cluster, state_dir } = self;
        let by = match holder {
            Some(holder) => format!("begun by {holder} and not ended"),
            None => "frozen".to_owned(),
        };
        write!(
            f,
            "the gate sees {} cluster {}, of which run {run_id} rolls group {group} (system {system:?}), {by}, and one node of a cluster \
             at a time may be down: let that run finish first, or give it up with `{}`; then set system (rolling_recycle_system) to \
             one name for all groups of the cluster, and they wait for each other from the start",
            cluster.kind,
            cluster.id,
            runs_command("restore", run_id, state_dir.as_deref())
        )
    }
}

/// The open run, if there is one, that saw a cluster of this report before the run of these entries did. Of two that see one
/// cluster the one goes on that was seen by its gates first, and nothing is taken from a run by one that comes later.
pub fn other_roll(
    run: &Run,
    entries: &[Entry],
    report: &Report,
    others: &[(Run, Vec<Entry>)],
    state_dir: Option<&Path>,
) -> Option<OtherRoll> {
    let mine = first_seen(entries);
    let others = others.iter().filter(|(other, _)| other.is_open() && other.id() != run.id());
    let theirs: Vec<_> = others.map(|(other, entries)| (other, first_seen(entries))).collect();
    for (finding, id) in report.clusters() {
        let cluster = ClusterSeen { kind: finding.kind.clone(), id: id.to_owned() };
        let since = mine.get(&cluster);
        let is_before = |(other, seen): &&(&Run, BTreeMap<ClusterSeen, Timestamp>)| {
            let at = seen.get(&cluster);
            at.is_some_and(|at| since.is_none_or(|since| (at, other.id()) < (since, run.id())))
        };
        if let Some((other, _)) = theirs.iter().find(is_before) {
            return Some(OtherRoll {
                run_id: other.id().to_owned(),
                group: other.plan.group.clone(),
                system: other.plan.system.clone(),
                holder: other.holder.clone(),
                cluster,
                state_dir: state_dir.map(Path::to_owned),
            });
        }
    }
    None
}

/// Each cluster that a gate has seen, under whichever name, and since when.
pub fn first_seen(entries: &[Entry]) -> BTreeMap<ClusterSeen, Timestamp> {
    let mut seen: BTreeMap<ClusterSeen, Timestamp> = BTreeMap::new();
    for entry in entries {
        let Event::Gate { report, .. } = &entry.event else { continue };
        let Ok(report) = serde_json::from_value::<Report>(report.clone()) else { continue };
        for (finding, id) in report.clusters() {
            let cluster = ClusterSeen { kind: finding.kind.clone(), id: id.to_owned() };
            seen.entry(cluster).and_modify(|at| *at = entry.at.min(*at)).or_insert(entry.at);
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::StatefulInstanceId;
    use crate::plan::roll::{Outcome, Planned};

    fn at(minute: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
    }

    fn report(kind: &str, id: &str) -> Value {
        let identified = json!({"name": "c.identified", "kind": kind, "object": "h", "verdict": "pass", "evidence": "it is",
            "value": id, "waived": null});
        json!({"verdict": "pass", "end": "passed", "predicates": [identified], "looks": 1, "in_a_row": 1, "samples": 1,
            "waited_seconds": 0, "interrupted_by": null, "warnings": []})
    }

    /// A run whose gates have seen these clusters, each in its minute.
    fn entries(id: &str, seen: &[(i64, &str)]) -> Vec<Entry> {
        let plan: Planned = serde_json::from_value(json!({
            "form": 1, "run_id": id, "program": "0", "account": "act-1", "group": format!("sig-{id}"), "group_name": "g",
            "system": format!("sig-{id}"), "target": {"wanted": {"kind": "present_configuration"}, "image_id": null},
            "switch": null, "expected_seconds": null, "persistence": {"root_device": false, "block_devices": true,
            "private_ip": true, "block_devices_mode": null}, "suspended_before": [], "suspend_minutes": 60,
            "revert_image_on_abort": true, "waived": [], "others": [], "may_be_down": [], "waived_deployments": [], "nodes": [],
        }))
        .unwrap();
        let holder =
            Holder { host: "h".to_owned(), boot: None, pid: Some(7), started: None, among: None };
        let held = Event::Held { holder, come_up: Vec::new() };
        let mut entries = vec![
            Entry { at: at(0), event: Event::Planned(Box::new(plan)) },
            Entry { at: at(0), event: held },
        ];
        for (minute, cluster) in seen {
            let (node, report) = (StatefulInstanceId::new("ssi-1"), report("kafka", cluster));
            entries.push(Entry { at: at(*minute), event: Event::Gate { node, report } });
        }
        entries
    }

    fn ended(mut entries: Vec<Entry>, outcome: Outcome) -> Vec<Entry> {
        entries.push(Entry { at: at(90), event: Event::Ended { outcome, reason: None } });
        entries
    }

    fn found(mine: &[Entry], sees: Value, others: &[Vec<Entry>]) -> Option<OtherRoll> {
        let run = |entries: &[Entry]| Run::read(entries).unwrap();
        let others: Vec<_> = others.iter().map(|it| (run(it), it.clone())).collect();
        let report = serde_json::from_value(sees).unwrap();
        other_roll(&run(mine), mine, &report, &others, None)
    }

    #[test]
    fn a_cluster_that_another_open_run_has_seen_is_left_to_it() {
        let (new, first) = (entries("b", &[]), entries("a", &[(5, "k1")]));
        let sees = || report("kafka", "k1");
        let told = found(&new, sees(), std::slice::from_ref(&first)).unwrap().to_string();
        for words in [
            "kafka cluster k1, of which run a rolls group sig-a (system \"sig-a\"), begun by process 7 on h and not ended",
            "`spotinst-esg runs restore a --reason …`; then set system (rolling_recycle_system) to one name",
        ] {
            assert!(told.contains(words), "{words}: {told}");
        }
        let frozen = found(&new, sees(), &[ended(first.clone(), Outcome::Frozen)]).unwrap();
        assert!(frozen.to_string().contains("(system \"sig-a\"), frozen, and"), "{frozen}");
        for outcome in [Outcome::Completed, Outcome::Aborted] {
            assert_eq!(found(&new, sees(), &[ended(first.clone(), outcome)]), None);
        }
        assert_eq!(found(&first, sees(), std::slice::from_ref(&first)), None, "the run itself");
        for other in [report("kafka", "k2"), report("elasticsearch", "k1"), report("tcp", "k1")] {
            assert_eq!(found(&new, other, std::slice::from_ref(&first)), None);
        }
        assert_eq!(found(&new, sees(), &[entries("a", &[])]), None);
    }

    /// Both have seen it, as by a program that did not ask: the one goes on, so that no node of it stays stopped.
    #[test]
    fn of_two_that_have_seen_one_cluster_the_first_goes_on() {
        let early = entries("b", &[(5, "k1"), (50, "k1")]);
        for late in [entries("a", &[(6, "k1")]), entries("c", &[(5, "k1")])] {
            assert_eq!(found(&early, report("kafka", "k1"), std::slice::from_ref(&late)), None);
            let held = found(&late, report("kafka", "k1"), std::slice::from_ref(&early)).unwrap();
            assert_eq!(held.run_id, "b");
        }
    }
}
