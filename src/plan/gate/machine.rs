//! EC2's status checks of a machine, judged.

use super::finding::Finding;
use crate::domain::{InstanceHealth, StatusCheck, one_line};
use crate::plan::Verdict;

/// Judges one look at a machine: that it runs, and each check that EC2 makes of it.
///
/// A check that has yet to be made does not pass: EC2 makes the first ones some minutes after a launch. What EC2 cannot tell, or
/// spells in a way that is not known, is unknown, and so is a machine that EC2 does not list. Volumes are judged only where EC2
/// tells of them, which it does of some instance types (EC2 user guide: attached EBS status checks).
pub fn judge_machine(
    gate: &str,
    object: &str,
    seen: &Result<Option<InstanceHealth>, String>,
) -> Vec<Finding> {
    let finding = |part: &str, (verdict, evidence): (Verdict, String)| Finding {
        name: format!("{gate}.{part}"),
        kind: "ec2".to_owned(),
        object: one_line(object),
        verdict,
        evidence: one_line(&evidence),
        value: None,
        distance: None,
    };
    let health = match seen {
        Ok(Some(health)) => health,
        Ok(None) => {
            let why = (Verdict::Unknown, "EC2 does not list it, or not yet".to_owned());
            return PARTS.map(|part| finding(part, why.clone())).to_vec();
        }
        Err(why) => {
            return PARTS.map(|part| finding(part, (Verdict::Unknown, why.clone()))).to_vec();
        }
    };
    let mut found = vec![
        finding("running", runs(health.state.as_deref())),
        finding("system_status", passes(health.system.as_ref())),
        finding("instance_status", passes(health.instance.as_ref())),
    ];
    if health.volumes.is_some() {
        found.push(finding("volumes_status", passes(health.volumes.as_ref())));
    }
    found
}

/// What is always judged.
const PARTS: [&str; 3] = ["running", "system_status", "instance_status"];

fn runs(state: Option<&str>) -> (Verdict, String) {
    match state {
        Some("running") => (Verdict::Pass, "it is running".to_owned()),
        Some(other) => (Verdict::Fail, format!("it is {other}")),
        None => (Verdict::Unknown, "EC2 does not tell its state".to_owned()),
    }
}

fn passes(check: Option<&StatusCheck>) -> (Verdict, String) {
    let Some(check) = check else {
        return (Verdict::Unknown, "EC2 does not tell the check".to_owned());
    };
    let verdict = match check {
        StatusCheck::Ok => Verdict::Pass,
        StatusCheck::Impaired | StatusCheck::Initializing => Verdict::Fail,
        StatusCheck::InsufficientData | StatusCheck::NotApplicable | StatusCheck::Other(_) => {
            Verdict::Unknown
        }
    };
    (verdict, format!("the check is {check}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::InstanceId;

    fn health(state: &str, system: &str, instance: &str, volumes: Option<&str>) -> InstanceHealth {
        InstanceHealth {
            id: InstanceId::new("i-1"),
            state: Some(state.to_owned()),
            system: Some(StatusCheck::parse(system)),
            instance: Some(StatusCheck::parse(instance)),
            volumes: volumes.map(StatusCheck::parse),
        }
    }

    fn verdicts(seen: &Result<Option<InstanceHealth>, String>) -> Vec<(String, Verdict)> {
        let found = judge_machine("ec2", "i-1", seen).into_iter();
        found.map(|it| (it.name.trim_start_matches("ec2.").to_owned(), it.verdict)).collect()
    }

    #[test]
    fn only_a_running_machine_whose_checks_are_ok_passes() {
        use Verdict::{Fail, Pass, Unknown};
        for (state, system, instance, wanted) in [
            ("running", "ok", "ok", [Pass, Pass, Pass]),
            ("running", "ok", "initializing", [Pass, Pass, Fail]),
            ("running", "impaired", "ok", [Pass, Fail, Pass]),
            ("running", "insufficient-data", "ok", [Pass, Unknown, Pass]),
            ("stopped", "not-applicable", "not-applicable", [Fail, Unknown, Unknown]),
            ("running", "ok", "as new as tomorrow", [Pass, Pass, Unknown]),
        ] {
            let seen = Ok(Some(health(state, system, instance, None)));
            let found: Vec<Verdict> = verdicts(&seen).into_iter().map(|it| it.1).collect();
            assert_eq!(found, wanted, "{state} {system} {instance}");
        }
    }

    #[test]
    fn volumes_count_where_they_are_told_of() {
        let told = |volumes| verdicts(&Ok(Some(health("running", "ok", "ok", Some(volumes)))));
        assert_eq!(told("impaired")[3], ("volumes_status".to_owned(), Verdict::Fail));
        assert_eq!(told("ok")[3].1, Verdict::Pass);
    }

    #[test]
    fn what_cannot_be_seen_is_unknown() {
        for seen in [Ok(None), Err("not allowed".to_owned())] {
            let found = verdicts(&seen);
            assert_eq!(found.len(), 3);
            assert!(found.iter().all(|it| it.1 == Verdict::Unknown), "{found:?}");
        }
        let untold = InstanceHealth {
            id: InstanceId::new("i-1"),
            state: None,
            system: None,
            instance: None,
            volumes: None,
        };
        assert!(verdicts(&Ok(Some(untold))).iter().all(|it| it.1 == Verdict::Unknown));
    }
}
