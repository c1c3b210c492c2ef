//! What goes wrong, when, and for how long.

use serde_json::{Value, json};
use spotinst_esg::plan::roll::Phase;

use super::cluster::Ailment;

/// Which technology the group runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Technology {
    ZooKeeper,
    Kafka,
    Search,
}

/// Whom something befalls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whom {
    /// The node that is rolled.
    Target,
    /// The one that comes so many after it.
    Other(usize),
}

/// What befalls the machine that takes the place of the one that is rolled, or the stop before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The service takes five minutes to come up.
    SlowBoot,
    /// The service never comes up.
    CrashLoop,
    /// The service is killed when it is to stop.
    UncleanStop,
    /// The volume of the same id holds nothing.
    BlankDisk,
    /// It is in another zone, on a volume made from a snapshot.
    OtherZone,
    /// It has a new volume.
    LostVolumes,
    /// It has another address.
    OtherAddress,
}

/// Something that goes wrong.
#[derive(Clone)]
pub(crate) enum Mishap {
    /// In the cluster, or in what is seen of it.
    Cluster(Befall, Whom),
    /// With the next machine that is replaced.
    Next(Trouble),
    /// The platform takes a machine away.
    Interrupted(Whom),
    /// The service of a node is killed, and starts again.
    Killed(Whom),
    /// A fault of the platform's API.
    Platform(Value),
}

/// When it goes wrong.
#[derive(Clone)]
pub(crate) struct Planned {
    /// After so many nodes were rolled.
    pub(crate) after: usize,
    /// In or after this phase of the next one.
    pub(crate) phase: Phase,
    /// So many seconds later.
    pub(crate) delay: f64,
    /// For so many seconds.
    pub(crate) lasts: f64,
    pub(crate) mishap: Mishap,
}

impl std::fmt::Debug for Planned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { after, phase, delay, lasts, mishap } = self;
        let what = match mishap {
            Mishap::Cluster(make, whom) => format!("{:?} of {whom:?}", make(0)),
            Mishap::Next(trouble) => format!("{trouble:?}"),
            Mishap::Interrupted(whom) => format!("interruption of {whom:?}"),
            Mishap::Killed(whom) => format!("kill of {whom:?}"),
            Mishap::Platform(fault) => fault.to_string(),
        };
        write!(f, "{what} after {after} nodes, {delay:.0} s into {phase}, for {lasts:.0} s")
    }
}

impl Mishap {
    /// What kind it is of.
    pub(crate) fn kind(&self) -> String {
        let word = |text: String| text.split('(').next().unwrap_or_default().to_owned();
        match self {
            Self::Cluster(make, _) => word(format!("{:?}", make(0))),
            Self::Next(trouble) => format!("{trouble:?}"),
            Self::Interrupted(_) => "Interrupted".to_owned(),
            Self::Killed(_) => "Killed".to_owned(),
            Self::Platform(fault) => format!("platform {}", fault["kind"].as_str().unwrap_or("?")),
        }
    }
}

/// For good.
pub(crate) const FOR_GOOD: f64 = 1e9;

/// What befalls a cluster; where nobody is meant the node is not looked at.
pub(crate) type Befall = fn(usize) -> Ailment;

const ZOOKEEPER: &[Befall] = &[
    Ailment::Lags,
    |_| Ailment::NobodyLeads,
    Ailment::Leads,
    |_| Ailment::HalfAnswers,
    Ailment::Silent,
    |_| Ailment::TwoLead,
];

const KAFKA: &[Befall] = &[
    Ailment::Lags,
    |_| Ailment::NobodyLeads,
    Ailment::Leads,
    |_| Ailment::HalfAnswers,
    Ailment::Silent,
    Ailment::ThrownOut,
    Ailment::NewWithoutCopies,
    Ailment::New,
    |_| Ailment::Moving,
    |_| Ailment::MoreDemanded,
    |_| Ailment::OldView,
];

const SEARCH: &[Befall] = &[
    Ailment::Lags,
    |_| Ailment::NobodyLeads,
    Ailment::Leads,
    |_| Ailment::HalfAnswers,
    Ailment::Silent,
    Ailment::ThrownOut,
    Ailment::NewWithoutCopies,
    Ailment::New,
    |_| Ailment::Moving,
    |_| Ailment::LeftOver,
];

const TROUBLES: [Trouble; 7] = [
    Trouble::SlowBoot,
    Trouble::CrashLoop,
    Trouble::UncleanStop,
    Trouble::BlankDisk,
    Trouble::OtherZone,
    Trouble::LostVolumes,
    Trouble::OtherAddress,
];

const RECYCLE: &str = "/aws/ec2/group/{groupId}/statefulInstance/{statefulInstanceId}/recycle";
const LIST: &str = "/aws/ec2/group/{groupId}/statefulInstance";

fn platform(chance: &mut fastrand::Rng) -> Value {
    let nth = chance.u32(1..4);
    match chance.u32(..9) {
        0 => json!({"kind": "status", "status": 503, "route": RECYCLE, "nth": 1, "count": nth}),
        1 => {
            json!({"kind": "status", "status": 502, "committed": true, "route": RECYCLE, "nth": 1})
        }
        2 => json!({"kind": "cut_after_commit", "route": RECYCLE, "nth": 1}),
        3 => json!({"kind": "lifecycle", "ends": "STUCK", "count": 1}),
        4 => json!({"kind": "lifecycle", "ends": "ERROR", "count": 1}),
        5 => {
            json!({"kind": "stale", "seconds": chance.u32(5..90), "route": LIST, "nth": nth, "count": 3})
        }
        6 => {
            json!({"kind": "rate_limited", "retry_after": chance.u32(5..60), "route": RECYCLE, "nth": 1, "count": nth})
        }
        7 => json!({"kind": "status", "status": 500, "method": "GET", "nth": nth, "count": 4}),
        _ => json!({"kind": "cut_before_commit", "method": "PUT", "nth": nth}),
    }
}

/// Draws what goes wrong in one roll of so many nodes. The platform takes at most one machine away.
pub(crate) fn draw(
    chance: &mut fastrand::Rng,
    technology: Technology,
    nodes: usize,
) -> Vec<Planned> {
    let mut drawn = Vec::new();
    let mut is_interrupted = false;
    for _ in 0..chance.usize(1..4) {
        let whom = if chance.bool() { Whom::Target } else { Whom::Other(chance.usize(1..nodes)) };
        let other = Whom::Other(chance.usize(1..nodes));
        let mishap = match chance.u32(..10) {
            0..=4 => {
                let all = match technology {
                    Technology::ZooKeeper => ZOOKEEPER,
                    Technology::Kafka => KAFKA,
                    Technology::Search => SEARCH,
                };
                Mishap::Cluster(all[chance.usize(..all.len())], whom)
            }
            5 | 6 => Mishap::Next(TROUBLES[chance.usize(..TROUBLES.len())]),
            7 if !is_interrupted => {
                is_interrupted = true;
                Mishap::Interrupted(other)
            }
            7 | 8 => Mishap::Killed(other),
            _ => Mishap::Platform(platform(chance)),
        };
        let phases = &Phase::ALL[1..];
        drawn.push(Planned {
            after: chance.usize(..nodes),
            phase: phases[chance.usize(..phases.len())],
            delay: f64::from(chance.u32(..25)),
            lasts: [10.0, 40.0, 120.0, 600.0, FOR_GOOD][chance.usize(..5)],
            mishap,
        });
    }
    drawn
}
