//! Whether a machine is to be replaced, and what stands in for it already.

use std::fmt;

use thiserror::Error;

use super::contract::{CLUSTER_TAG, FLEET_TAG, REPLACES_TAG};
use super::scale_in::{ENDING, TERMINATED};
use crate::domain::{Ec2Instance, InstanceId};

/// What a fleet's journals say of a machine that was launched. EC2 takes the tags of a machine away a while after its end, and others
/// may do so before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launched {
    /// The machine.
    pub instance: InstanceId,
    /// The run that launched it.
    pub run: String,
    /// Its zone.
    pub zone: String,
    /// The machine that it stands in for.
    pub replaces: Option<String>,
    /// The cluster from whose profile it was launched.
    pub cluster: Option<String>,
}

/// What is known when a machine is to be replaced.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    /// The fleet.
    pub fleet: &'a str,
    /// The cluster whose profile says what is launched; none if options say it.
    pub cluster: Option<&'a str>,
    /// The machine.
    pub id: &'a InstanceId,
    /// What has the fleet's tag and is not terminated.
    pub listed: &'a [Ec2Instance],
    /// What EC2 tells, in whatever state, of the machine and of what the journals call its stand-ins, as far as it is not listed.
    pub told: &'a [Ec2Instance],
    /// What the journals of the fleet say.
    pub kept: &'a [Launched],
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replacement {
    /// Launch one, and drain and terminate the machine if it is there.
    Launch {
        /// The machine's zone; empty if nobody knows.
        zone: String,
        /// The machine, if it is not on its way out.
        old: Option<Box<Ec2Instance>>,
    },
    /// One stands in for it: drain and terminate the machine.
    Finish {
        /// What stands in.
        new: InstanceId,
        /// The machine.
        old: Box<Ec2Instance>,
    },
    /// The machine is gone, and one stood in for it.
    Done {
        /// What stood in.
        new: InstanceId,
        /// Whether it is there.
        lives: bool,
    },
}

/// Why a machine is not replaced.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Irreplaceable {
    /// It is of another fleet.
    #[error("{id} is of fleet {found}, and not of {fleet}; nothing was launched")]
    OtherFleet {
        /// The machine.
        id: InstanceId,
        /// Its fleet.
        found: String,
        /// The one that was asked about.
        fleet: String,
    },
    /// It was launched from another profile.
    #[error(
        "{id} was launched from {}, and not from the profile of cluster {asked}, which would make another kind of machine; nothing was launched",
        Cluster(found.as_deref())
    )]
    OtherCluster {
        /// The machine.
        id: InstanceId,
        /// Its cluster.
        found: Option<String>,
        /// The one that was asked about.
        asked: String,
    },
    /// It lives, and the tag is gone.
    #[error(
        "{id} was launched for fleet {fleet} by run {run} and has lost its tags, so that it is counted nowhere: put the tag {FLEET_TAG}={fleet} back or terminate it; nothing was launched"
    )]
    Untagged {
        /// The machine.
        id: InstanceId,
        /// Its fleet, as the journal says.
        fleet: String,
        /// The run that launched it.
        run: String,
    },
    /// What stands in lives, and its tags are gone.
    #[error(
        "{new} was launched in the place of {id} and has lost its tags: put {FLEET_TAG}={fleet} and {REPLACES_TAG}={id} back or terminate it; nothing was launched"
    )]
    StandInUntagged {
        /// The machine.
        id: InstanceId,
        /// What stands in for it.
        new: InstanceId,
        /// The fleet, as the journal says.
        fleet: String,
    },
    /// EC2 tells nothing of it any more.
    #[error(
        "{id} was of fleet {fleet} and is gone for so long that EC2 tells nothing of it: whether it is missing is not known, exact_count of spot_launch counts; nothing was launched"
    )]
    Forgotten {
        /// The machine.
        id: InstanceId,
        /// The fleet.
        fleet: String,
    },
    /// Neither a tag nor a journal says that it is of the fleet.
    #[error(
        "{id} is no living machine of fleet {fleet}, and nothing stands in for it; nothing was launched"
    )]
    Stranger {
        /// The machine.
        id: InstanceId,
        /// The fleet.
        fleet: String,
    },
}

struct Cluster<'a>(Option<&'a str>);

impl fmt::Display for Cluster<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(cluster) => write!(f, "the profile of cluster {cluster}"),
            None => f.write_str("no profile"),
        }
    }
}

/// Whether it is not on its way out.
pub fn lives(it: &Ec2Instance) -> bool {
    !matches!(it.state.as_deref(), Some(ENDING | TERMINATED))
}

/// Whether a machine was launched and does not run yet.
pub fn starts(it: &Ec2Instance) -> bool {
    it.state.as_deref() == Some("pending")
}

/// Whether a machine was stopped, so that it does no work, and may be started again.
pub fn is_at_rest(it: &Ec2Instance) -> bool {
    matches!(it.state.as_deref(), Some("stopping" | "stopped"))
}

impl Sight<'_> {
    /// What is to be done.
    ///
    /// # Errors
    ///
    /// The machine is of another fleet or cluster, or it is not known whether a launch would be one too many.
    pub fn replacement(&self) -> Result<Replacement, Irreplaceable> {
        let old = self.old()?;
        let living = old.filter(|it| lives(it)).cloned().map(Box::new);
        let stands_in = |it: &&Ec2Instance| self.stands_in(it);
        let mut all = self.listed.iter().chain(self.told);
        if let Some(new) = all.clone().find(|it| stands_in(it) && lives(it)) {
            let new = new.id.clone();
            return Ok(match living {
                Some(old) => Replacement::Finish { new, old },
                None => Replacement::Done { new, lives: true },
            });
        }
        let (id, fleet) = (self.id.clone(), self.fleet.to_owned());
        let kept = self.kept.iter().filter(|it| it.replaces.as_deref() == Some(id.as_str()));
        for new in kept.clone().map(|it| it.instance.clone()) {
            if self.told.iter().any(|it| it.id == new && lives(it)) {
                return Err(Irreplaceable::StandInUntagged { id, new, fleet });
            }
        }
        let stood_in = all.find(stands_in).map(|it| &it.id);
        let stood_in = stood_in.or(kept.map(|it| &it.instance).next()).cloned();
        match (living, stood_in) {
            // What stood in may have been launched for nothing, or be missed: a loss of its own, of which another warning tells.
            (None, Some(new)) => Ok(Replacement::Done { new, lives: false }),
            (living, _) => Ok(Replacement::Launch { zone: self.zone(old), old: living }),
        }
    }

    /// By its tag; or it is of the fleet, and a journal says so.
    fn stands_in(&self, it: &Ec2Instance) -> bool {
        let is_for = |replaces: Option<&String>| replaces.is_some_and(|it| it == self.id.as_str());
        let is_kept = || {
            self.kept.iter().any(|kept| kept.instance == it.id && is_for(kept.replaces.as_ref()))
        };
        is_for(it.tags.get(REPLACES_TAG)) || (it.tags.contains_key(FLEET_TAG) && is_kept())
    }

    fn known(&self) -> Option<&Launched> {
        self.kept.iter().find(|it| it.instance == *self.id)
    }

    fn zone(&self, old: Option<&Ec2Instance>) -> String {
        let told = old.and_then(|it| it.availability_zone.clone());
        told.or_else(|| self.known().map(|it| it.zone.clone())).unwrap_or_default()
    }

    /// The machine, if EC2 tells of it and it is of this fleet and cluster; none if only what stands in for it says that it was.
    fn old(&self) -> Result<Option<&Ec2Instance>, Irreplaceable> {
        let (id, fleet) = (self.id.clone(), self.fleet.to_owned());
        let known = self.known();
        let mut all = self.listed.iter().chain(self.told);
        let old = all.clone().find(|it| it.id == id);
        let is_replaced = all.any(|it| self.stands_in(it));
        let Some(old) = old else {
            return match known {
                _ if is_replaced => Ok(None),
                Some(_) => Err(Irreplaceable::Forgotten { id, fleet }),
                None => Err(Irreplaceable::Stranger { id, fleet }),
            };
        };
        match (old.tags.get(FLEET_TAG), known) {
            (Some(found), _) if *found == fleet => {}
            (Some(found), _) => {
                return Err(Irreplaceable::OtherFleet { id, found: found.clone(), fleet });
            }
            (None, Some(known)) if lives(old) => {
                return Err(Irreplaceable::Untagged { id, fleet, run: known.run.clone() });
            }
            (None, Some(_)) => {}
            (None, None) if is_replaced && !lives(old) => return Ok(None),
            (None, None) => return Err(Irreplaceable::Stranger { id, fleet }),
        }
        let found = old.tags.get(CLUSTER_TAG).or(known.and_then(|it| it.cluster.as_ref()));
        match self.cluster {
            Some(asked) if found.map(String::as_str).unwrap_or(&fleet) != asked => {
                let (found, asked) = (found.cloned(), asked.to_owned());
                Err(Irreplaceable::OtherCluster { id, found, asked })
            }
            Some(_) | None => Ok(Some(old)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn machine(id: &str, state: &str, tags: &[(&str, &str)]) -> Ec2Instance {
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Ec2Instance {
            id: InstanceId::new(id),
            state: Some(state.to_owned()),
            state_reason: None,
            instance_type: None,
            availability_zone: Some("a".to_owned()),
            private_ip: None,
            public_ip: None,
            private_dns_name: None,
            public_dns_name: None,
            lifecycle: None,
            image_id: None,
            subnet_id: None,
            vpc_id: None,
            architecture: None,
            launched_at: None,
            tags: tags.collect::<BTreeMap<_, _>>(),
        }
    }

    fn kept(id: &str, replaces: Option<&str>) -> Launched {
        Launched {
            instance: InstanceId::new(id),
            run: "run".to_owned(),
            zone: "b".to_owned(),
            replaces: replaces.map(str::to_owned),
            cluster: None,
        }
    }

    const OF_FLEET: (&str, &str) = (FLEET_TAG, "fleet");
    const FOR_OLD: (&str, &str) = (REPLACES_TAG, "i-old");

    /// What comes of it, in a word.
    fn decided(
        cluster: Option<&str>,
        listed: &[Ec2Instance],
        told: &[Ec2Instance],
        kept: &[Launched],
    ) -> String {
        let id = &InstanceId::new("i-old");
        let sight = Sight { fleet: "fleet", cluster, id, listed, told, kept };
        match sight.replacement() {
            Ok(Replacement::Launch { zone, old }) => {
                format!("launch in {zone}, ends {}", old.is_some())
            }
            Ok(Replacement::Finish { new, .. }) => format!("finish, {new} stands in"),
            Ok(Replacement::Done { new, lives }) => format!("done, {new} lives {lives}"),
            Err(why) => why.to_string().split([':', ';']).next().unwrap().to_owned(),
        }
    }

    #[test]
    fn what_is_on_its_way_out_is_replaced_once_and_not_ended() {
        for (state, ends) in [("running", true), ("stopped", true), ("shutting-down", false)] {
            let old = machine("i-old", state, &[OF_FLEET]);
            assert_eq!(decided(None, &[old], &[], &[]), format!("launch in a, ends {ends}"));
        }
        for tags in [&[OF_FLEET][..], &[]] {
            let old = machine("i-old", "terminated", tags);
            let told = decided(None, &[], &[old], &[kept("i-old", None)]);
            assert_eq!(told, "launch in a, ends false", "{tags:?}");
        }
        let nowhere =
            Ec2Instance { availability_zone: None, ..machine("i-old", "terminated", &[]) };
        let told = decided(None, &[], &[nowhere], &[kept("i-old", None)]);
        assert_eq!(told, "launch in b, ends false", "the journal knows the zone");
    }

    #[test]
    fn one_that_stands_in_or_stood_in_is_enough() {
        let old = |state: &str| machine("i-old", state, &[OF_FLEET]);
        let new = |state: &str| machine("i-new", state, &[OF_FLEET, FOR_OLD]);
        for state in ["pending", "running"] {
            let all = [old("running"), new(state)];
            assert_eq!(decided(None, &all, &[], &[]), "finish, i-new stands in");
            assert_eq!(
                decided(None, &[new(state)], &[old("terminated")], &[]),
                "done, i-new lives true"
            );
            assert_eq!(decided(None, &[new(state)], &[], &[]), "done, i-new lives true");
            let bare = machine("i-old", "terminated", &[]);
            assert_eq!(decided(None, &[new(state)], &[bare], &[]), "done, i-new lives true");
        }
        let all = [old("running"), new("shutting-down")];
        assert_eq!(decided(None, &all, &[], &[]), "launch in a, ends true", "it is gone as well");
        let gone = decided(None, &[new("shutting-down")], &[old("terminated")], &[]);
        assert_eq!(gone, "done, i-new lives false");
        // EC2 has taken the tags away.
        let journal = [kept("i-old", None), kept("i-new", Some("i-old"))];
        let both = [machine("i-old", "terminated", &[]), machine("i-new", "terminated", &[])];
        assert_eq!(decided(None, &[], &both, &journal), "done, i-new lives false");
    }

    #[test]
    fn what_has_lost_its_tags_is_neither_forgotten_nor_launched_twice() {
        let journal = [kept("i-old", None), kept("i-new", Some("i-old"))];
        let bare = machine("i-old", "running", &[]);
        let lost = "i-old was launched for fleet fleet by run run and has lost its tags, so that it is counted nowhere";
        assert_eq!(decided(None, &[], std::slice::from_ref(&bare), &journal[..1]), lost);
        let old = machine("i-old", "running", &[OF_FLEET]);
        let new = machine("i-new", "running", &[]);
        let told = decided(None, &[old], &[new], &journal);
        assert_eq!(told, "i-new was launched in the place of i-old and has lost its tags");
        assert!(decided(None, &[], &[], &journal[..1]).contains("gone for so long"));
        for told in [vec![], vec![bare], vec![machine("i-old", "terminated", &[])]] {
            assert!(decided(None, &[], &told, &[]).contains("is no living machine"));
        }
    }

    #[test]
    fn what_a_journal_calls_a_stand_in_is_one_while_it_is_of_the_fleet() {
        let journal = [kept("i-old", None), kept("i-new", Some("i-old"))];
        let new = machine("i-new", "running", &[OF_FLEET]);
        let old = machine("i-old", "running", &[OF_FLEET]);
        let told = decided(None, &[old, new.clone()], &[], &journal);
        assert_eq!(told, "finish, i-new stands in");
        assert_eq!(decided(None, &[new], &[], &journal), "done, i-new lives true");
    }

    #[test]
    fn fleet_and_cluster_are_those_of_the_machine() {
        let other = machine("i-old", "running", &[(FLEET_TAG, "other")]);
        assert_eq!(decided(None, &[], &[other], &[]), "i-old is of fleet other, and not of fleet");
        for (cluster, asked, fits) in [
            (Some("prod"), Some("prod"), true),
            (Some("prod"), Some("test"), false),
            (Some("prod"), None, true),
            (None, Some("fleet"), true),
            (None, Some("prod"), false),
            (Some("prod"), Some("fleet"), false),
        ] {
            let mut old = machine("i-old", "running", &[OF_FLEET]);
            old.tags.extend(cluster.map(|it| (CLUSTER_TAG.to_owned(), it.to_owned())));
            let told = decided(asked, &[old], &[], &[]);
            assert_eq!(told.starts_with("launch"), fits, "{cluster:?} {asked:?}: {told}");
            assert_eq!(told.contains("was launched from"), !fits, "{told}");
        }
    }
}
