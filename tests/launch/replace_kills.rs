//! A replacement that is killed at each of its writes and calls, and run again: every moment, and every two.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use spotinst_esg::domain::{InstanceId, Region};
use spotinst_esg::drive::launch::{Drain, Fleets, Launcher, Replace, Replaced};
use spotinst_esg::drive::{Environment, Progress};
use spotinst_esg::plan::launch::{
    FLEET_TAG, Ladder, LadderSettings, REPLACES_TAG, Replacement, Spread,
};

use super::kills::{ACCOUNT, Fake, Killed, instance, job, offer, taken};

const MACHINES: usize = 3;

fn crowd() -> Fake {
    let mut cloud = Fake::new(false);
    // Whatever happens: one is launched before the other goes.
    cloud.floor = MACHINES;
    for number in 1..=MACHINES {
        let tags = BTreeMap::from([(FLEET_TAG.to_owned(), "fleet".to_owned())]);
        let machine = instance(&format!("i-old-{number}"), "a", tags);
        cloud.launched.lock().unwrap().insert(format!("old-{number}"), machine);
    }
    cloud
}

fn ladder() -> Ladder {
    Ladder::new(LadderSettings {
        offers: vec![offer("a", 10), offer("b", 20)],
        zones: ["a", "b"].map(str::to_owned).into(),
        spread: Spread::Even,
        on_demand: false,
        max_price: None,
        remembered: Default::default(),
    })
}

/// One start of the program; none if it was killed.
fn start(folder: &Path, cloud: &Fake, run: usize) -> Option<Replaced> {
    let environment = Environment::new(BTreeMap::new(), None, None, Some(folder.to_owned()));
    let fleets = Fleets::find(None, &environment, ACCOUNT).unwrap();
    let carried = catch_unwind(AssertUnwindSafe(|| {
        let fleet = taken(&fleets);
        let quiet = |_: &str| {};
        let progress = Progress::new(cloud, &quiet);
        let launcher = Launcher { cloud, clock: cloud, progress: &progress };
        let (region, id) = (Region::new("eu-west-1"), InstanceId::new("i-old-1"));
        let (_, planned) = launcher.replacement(&fleet, &region, None, &id).unwrap();
        if let Replacement::Done { lives, .. } = planned {
            assert!(lives);
            return Replaced::default();
        }
        let mut job = job(run, 1, true);
        job.resume = false;
        job.blueprint.tags.insert(REPLACES_TAG.to_owned(), id.to_string());
        let counts = BTreeMap::from([("a".to_owned(), 0), ("b".to_owned(), 1)]);
        let mut ladder = ladder();
        let what = Replace {
            id,
            region,
            cluster: None,
            launch: Some((job, &mut ladder, counts)),
            max_total: Some(u32::try_from(MACHINES + 1).unwrap()),
            drain: &Drain { command: Vec::new(), timeout: Duration::from_secs(1) },
            wait: Some(Duration::from_secs(60)),
            settle: Duration::from_secs(2),
        };
        launcher.replace(&fleet, what).map_err(|(error, _)| error.to_string()).unwrap()
    }));
    match carried {
        Ok(replaced) => Some(replaced),
        Err(killed) => {
            assert!(killed.is::<Killed>(), "it failed otherwise than by the kill");
            None
        }
    }
}

#[test]
fn killed_at_any_moment_one_stands_in_and_the_other_goes() {
    let folder = tempfile::TempDir::new().unwrap();
    let cloud = crowd();
    let done = start(folder.path(), &cloud, 0).unwrap();
    assert!(done.has_ended && done.report.launched.len() == 1, "{done:?}");
    let many = cloud.moments.lock().unwrap().0;
    assert!(many >= 7, "{many}");
    for first in 1..=many {
        for second in 0..=many {
            let folder = tempfile::TempDir::new().unwrap();
            let cloud = crowd();
            cloud.kill_at(first);
            assert!(start(folder.path(), &cloud, 1).is_none(), "at {first}");
            cloud.kill_at(second);
            let ended = start(folder.path(), &cloud, 2);
            cloud.kill_at(0);
            if ended.is_none() {
                start(folder.path(), &cloud, 3).unwrap();
            }
            // Once more changes nothing.
            let again = start(folder.path(), &cloud, 4).unwrap();
            assert!(again.report.launched.is_empty() && !again.has_ended);
            let living = cloud.living();
            let case = format!("at {first} and {second}: {living:?}");
            assert_eq!(living.len(), MACHINES, "{case}");
            assert!(living.iter().all(|it| it.id.as_str() != "i-old-1"), "{case}");
            let new = living.iter().filter(|it| it.tags.contains_key(REPLACES_TAG));
            assert_eq!(new.count(), 1, "{case}");
        }
    }
}

/// Its stand-in is gone as well, and EC2 has taken all tags away: the journal knows that there was one.
#[test]
fn a_warning_that_comes_late_launches_no_second_one() {
    let folder = tempfile::TempDir::new().unwrap();
    let cloud = crowd();
    let done = start(folder.path(), &cloud, 0).unwrap();
    let new = done.report.launched.keys().next().unwrap().clone();
    cloud.gone.lock().unwrap().insert(new.clone());
    let environment = Environment::new(BTreeMap::new(), None, None, Some(folder.path().to_owned()));
    let fleet = taken(&Fleets::find(None, &environment, ACCOUNT).unwrap());
    let quiet = |_: &str| {};
    let progress = Progress::new(&cloud, &quiet);
    let launcher = Launcher { cloud: &cloud, clock: &cloud, progress: &progress };
    let (region, old) = (Region::new("eu-west-1"), InstanceId::new("i-old-1"));
    // No journal of this fleet tells of i-old-1, which it did not launch, and EC2 no more of its tags.
    let unknown = launcher.replacement(&fleet, &region, None, &old).unwrap_err();
    assert!(unknown.to_string().contains("is no living machine"), "{unknown}");
    // Of the stand-in it does.
    let (_, planned) = launcher.replacement(&fleet, &region, None, &new).unwrap();
    assert!(
        matches!(planned, Replacement::Launch { ref zone, old: None } if zone == "a"),
        "{planned:?}"
    );
}
