//! Whether a group has what it is to have.

use serde::Serialize;

use super::goal::Goal;
use crate::domain::{Healthiness, Member, StatefulInstance, StatefulState};

/// One instance of a group, with what its several lists tell of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Host {
    /// The stateful instance; none in a group without state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The EC2 instance; none while it does not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// Its state, of a stateful instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Its private address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_ip: Option<String>,
    /// Its public address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_ip: Option<String>,
    /// Its zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub availability_zone: Option<String>,
    /// Its type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_type: Option<String>,
    /// `spot` or `on-demand`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<String>,
    /// Its health, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<String>,
}

/// Whether a group is as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It has as many instances as it is to have, and they are well.
    Ready,
    /// Something is underway; the words say what is waited for.
    NotYet(String),
    /// All run, and some are not healthy.
    Ill(String),
    /// Too few run, and nothing tells whether more are to come.
    Short(String),
    /// It stands still below its target: nothing is underway.
    Still(String),
    /// An instance has failed, so waiting does not help.
    Never(String),
}

/// Joins the lists of a group; `health` is none if it was not asked for.
pub fn hosts(
    stateful: &[StatefulInstance],
    members: &[Member],
    health: Option<&[Healthiness]>,
) -> Vec<Host> {
    let of_member = |member: &Member| Host {
        instance_id: member.instance_id.as_ref().map(ToString::to_string),
        private_ip: member.private_ip.clone(),
        public_ip: member.public_ip.clone(),
        availability_zone: member.availability_zone.clone(),
        instance_type: member.instance_type.clone(),
        lifecycle: member.lifecycle.as_ref().map(|it| it.as_str().to_owned()),
        health: health.map(|all| health_of(all, member).to_owned()),
        ..Host::default()
    };
    if stateful.is_empty() {
        return members.iter().map(of_member).collect();
    }
    let of_stateful = |ssi: &StatefulInstance| {
        let member = members
            .iter()
            .find(|member| member.instance_id.is_some() && member.instance_id == ssi.instance_id);
        let mut host = member.map(of_member).unwrap_or_default();
        host.id = Some(ssi.id.to_string());
        host.state = Some(ssi.state.as_str().to_owned());
        host.instance_id = ssi.instance_id.as_ref().map(ToString::to_string);
        host.private_ip = ssi.private_ip.clone().or(host.private_ip);
        host
    };
    stateful.iter().map(of_stateful).collect()
}

fn health_of<'h>(all: &'h [Healthiness], member: &Member) -> &'h str {
    let found = all.iter().find(|it| Some(&it.instance_id) == member.instance_id.as_ref());
    found.map_or("UNKNOWN", |it| it.health.as_str())
}

/// Whether as much runs as the goal says, and is healthy as far as health counts.
///
/// Without a health check the platform knows nothing of health, and waiting for it would never end.
pub fn judge(goal: &Goal, stateful: &[StatefulInstance], hosts: &[Host]) -> Readiness {
    let is_active = |host: &Host| {
        let state = host.state.as_deref();
        state.is_none_or(|state| StatefulState::parse(state) == StatefulState::Active)
    };
    let is_placed = |host: &&Host| {
        host.instance_id.is_some() && host.availability_zone.is_some() && is_active(host)
    };
    let placed: Vec<&Host> = hosts.iter().filter(is_placed).collect();
    let is_well = |host: &&Host| !goal.is_checked || host.health.as_deref() == Some("HEALTHY");
    let weigh = |host: &Host| goal.weight(host.instance_type.as_deref());
    let running: usize = placed.iter().map(|host| weigh(host)).sum();
    let well: usize = placed.iter().filter(|host| is_well(host)).map(|host| weigh(host)).sum();
    if well >= goal.target {
        return Readiness::Ready;
    }
    if running >= goal.target {
        let ill: Vec<String> = placed.iter().filter(|host| !is_well(host)).map(named).collect();
        let told = goal.counted(well);
        return Readiness::Ill(format!("{told} are healthy; not yet: {}", ill.join(", ")));
    }
    let told = format!("{} run", goal.counted(running));
    let failed: Vec<&StatefulInstance> =
        stateful.iter().filter(|ssi| ssi.state == StatefulState::Error).collect();
    if let [first, ..] = failed[..] {
        return Readiness::Never(format!("{told}, and {} is in state ERROR", first.id));
    }
    let rests = |ssi: &StatefulInstance| {
        matches!(
            ssi.state,
            StatefulState::Active
                | StatefulState::Paused
                | StatefulState::Deallocated
                | StatefulState::Error
        )
    };
    if stateful.is_empty() {
        // What has no instance or no zone yet is being launched.
        return match placed.len() < hosts.len() {
            true => Readiness::NotYet(told),
            false => Readiness::Short(told),
        };
    }
    match stateful.iter().all(rests) {
        true => Readiness::Still(told),
        false => Readiness::NotYet(told),
    }
}

fn named(host: &&Host) -> String {
    let id = host.id.as_ref().or(host.instance_id.as_ref());
    let health = host.health.as_deref().unwrap_or("of unknown health");
    format!("{} {health}", id.map_or("?", String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(id: &str, health: &str) -> Host {
        Host {
            instance_id: Some(id.to_owned()),
            availability_zone: Some("a".to_owned()),
            health: Some(health.to_owned()),
            ..Host::default()
        }
    }

    fn ssi(state: &str) -> StatefulInstance {
        StatefulInstance {
            id: crate::domain::StatefulInstanceId::new("ssi-1"),
            instance_id: None,
            private_ip: None,
            image_id: None,
            state: StatefulState::parse(state),
            devices: Vec::new(),
            launched_at: None,
            created_at: None,
        }
    }

    fn goal(target: usize, is_checked: bool) -> Goal {
        Goal { target, is_checked, ..Goal::default() }
    }

    #[test]
    fn a_group_is_ready_when_as_many_as_wanted_run_and_are_well() {
        let two = [host("i-1", "HEALTHY"), host("i-2", "UNKNOWN")];
        assert_eq!(judge(&goal(0, true), &[], &[]), Readiness::Ready);
        assert_eq!(judge(&goal(1, true), &[], &two), Readiness::Ready);
        assert_eq!(judge(&goal(2, false), &[], &two), Readiness::Ready);
        let ill = "1 of 2 instances are healthy; not yet: i-2 UNKNOWN".to_owned();
        assert_eq!(judge(&goal(2, true), &[], &two), Readiness::Ill(ill));
        assert!(matches!(judge(&goal(3, false), &[], &two), Readiness::Short(_)));
        let launching = [host("i-1", "HEALTHY"), Host::default()];
        assert!(matches!(judge(&goal(2, false), &[], &launching), Readiness::NotYet(_)));
    }

    #[test]
    fn weights_are_counted_where_the_group_counts_them() {
        let sized = |id: &str, kind: &str, health: &str| Host {
            instance_type: Some(kind.to_owned()),
            ..host(id, health)
        };
        let weights = [("m5.large".to_owned(), 2), ("m5.xlarge".to_owned(), 4)];
        let weighed =
            |target: usize| Goal { weights: Some(weights.clone().into()), ..goal(target, true) };
        let one = [sized("i-1", "m5.large", "HEALTHY")];
        let short = "2 of 6 units of weight run".to_owned();
        assert_eq!(judge(&weighed(6), &[], &one), Readiness::Short(short));
        let both = [sized("i-1", "m5.large", "HEALTHY"), sized("i-2", "m5.xlarge", "HEALTHY")];
        assert_eq!(judge(&weighed(6), &[], &both), Readiness::Ready);
        assert!(matches!(judge(&weighed(7), &[], &both), Readiness::Short(_)));
        let ill = [sized("i-1", "m5.large", "HEALTHY"), sized("i-2", "m5.xlarge", "UNHEALTHY")];
        let words = "2 of 6 units of weight are healthy; not yet: i-2 UNHEALTHY".to_owned();
        assert_eq!(judge(&weighed(6), &[], &ill), Readiness::Ill(words));
        let strange = [sized("i-1", "m9.large", "HEALTHY"), host("i-2", "HEALTHY")];
        assert!(matches!(judge(&weighed(3), &[], &strange), Readiness::Short(_)));
    }

    #[test]
    fn what_failed_or_stands_still_is_told_apart_from_what_is_underway() {
        let one =
            |state: &str| judge(&goal(1, false), &[ssi(state)], &hosts(&[ssi(state)], &[], None));
        assert!(matches!(one("RESUMING"), Readiness::NotYet(_)));
        assert!(matches!(one("LATER"), Readiness::NotYet(_)), "unknown is not at rest");
        assert!(matches!(one("PAUSED"), Readiness::Still(_)));
        assert!(matches!(one("ERROR"), Readiness::Never(_)));
        assert!(matches!(one("ACTIVE"), Readiness::Still(_)), "not placed yet: no EC2 instance");
    }
}
