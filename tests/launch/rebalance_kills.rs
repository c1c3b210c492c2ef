//! A rebalance that is killed at each of its writes and calls, and run again: every moment, and every two.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use spotinst_esg::domain::InstanceId;
use spotinst_esg::drive::launch::{Drain, Fleets, Launcher, Moved, Rebalance};
use spotinst_esg::drive::{Environment, Progress};
use spotinst_esg::plan::launch::{FLEET_TAG, Field, Ladder, LadderSettings, Order, Prices, Spread};

use super::kills::{ACCOUNT, Fake, Killed, instance, job, offer, taken};

const MACHINES: usize = 4;

/// A cloud with all machines in one zone.
fn crowded(zone: &str, is_short: bool) -> Fake {
    let mut cloud = Fake::new(is_short);
    cloud.floor = MACHINES;
    for number in 1..=MACHINES {
        let tags = BTreeMap::from([(FLEET_TAG.to_owned(), "fleet".to_owned())]);
        let machine = instance(&format!("i-old-{number}"), zone, tags);
        cloud.launched.lock().unwrap().insert(format!("old-{number}"), machine);
    }
    cloud
}

fn zones(cloud: &Fake) -> Vec<(String, usize)> {
    let mut zones: BTreeMap<String, usize> = BTreeMap::new();
    for machine in cloud.living() {
        *zones.entry(machine.availability_zone.unwrap()).or_default() += 1;
    }
    zones.into_iter().collect()
}

/// One start of the program; none if it was killed.
fn start(folder: &Path, cloud: &Fake, run: usize) -> Option<Moved> {
    let environment = Environment::new(BTreeMap::new(), None, None, Some(folder.to_owned()));
    let fleets = Fleets::find(None, &environment, ACCOUNT).unwrap();
    let both: BTreeSet<String> = ["a", "b"].map(str::to_owned).into();
    let mut ladder = Ladder::new(LadderSettings {
        offers: vec![offer("a", 10), offer("b", 20)],
        zones: both.clone(),
        spread: Spread::Even,
        on_demand: false,
        max_price: None,
        remembered: BTreeSet::new(),
    });
    let carried = catch_unwind(AssertUnwindSafe(|| {
        let fleet = taken(&fleets);
        let quiet = |_: &str| {};
        let progress = Progress::new(cloud, &quiet);
        let launcher = Launcher { cloud, clock: cloud, progress: &progress };
        let what = Rebalance {
            run_id: format!("move-{run:04}"),
            job: job(run, 1, true),
            // The count is that of the journal: here it is wrong once a machine was launched and none has gone.
            field: Field {
                zones: both.clone(),
                open: both.clone(),
                count: u32::try_from(cloud.living().len()).unwrap(),
                surge: 1,
                order: Order::Oldest,
            },
            prices: &Prices::default(),
            drain: &Drain { command: Vec::new(), timeout: Duration::from_secs(1) },
            check: &|new| {
                cloud.moment();
                if let Some(taken) = cloud.taken_at_gate.lock().unwrap().take() {
                    cloud.gone.lock().unwrap().insert(taken);
                }
                if new.is_empty() { Err("nothing was launched".to_owned()) } else { Ok(()) }
            },
        };
        launcher.rebalance(&fleet, what, &mut ladder).unwrap()
    }));
    match carried {
        Ok(moved) => Some(moved),
        Err(killed) => {
            assert!(killed.is::<Killed>(), "it failed otherwise than by the kill");
            None
        }
    }
}

fn count_of(cloud: &Fake) -> usize {
    cloud.moments.lock().unwrap().0
}

#[test]
fn killed_at_any_moment_and_run_again_it_comes_to_an_even_spread_and_is_never_below_the_count() {
    for (zone, is_short, even) in [("a", false, [2, 2]), ("b", true, [1, 3])] {
        let folder = tempfile::TempDir::new().unwrap();
        let cloud = crowded(zone, is_short);
        let moved = start(folder.path(), &cloud, 0).unwrap();
        let missing = u32::from(is_short);
        assert_eq!((moved.unfulfilled, moved.stop.is_some()), (missing, is_short));
        let many = count_of(&cloud);
        assert!(many >= 20, "{many}");
        for first in 1..=many {
            for second in (1..=many).step_by(2) {
                let folder = tempfile::TempDir::new().unwrap();
                let cloud = crowded(zone, is_short);
                cloud.kill_at(first);
                assert!(start(folder.path(), &cloud, 1).is_none());
                cloud.kill_at(second);
                let ended = start(folder.path(), &cloud, 2);
                cloud.kill_at(0);
                if ended.is_none() {
                    start(folder.path(), &cloud, 3).unwrap();
                }
                let expected: Vec<(String, usize)> =
                    ["a", "b"].map(str::to_owned).into_iter().zip(even).collect();
                assert_eq!(zones(&cloud), expected, "{zone}, at {first} and {second}");
                let again = start(folder.path(), &cloud, 4).unwrap();
                assert!(again.launched.is_empty() && again.terminated.is_empty());
            }
        }
    }
}

/// The floor of the cloud holds whatever EC2 takes back between the first look and the end of a machine.
#[test]
fn a_machine_that_is_taken_back_while_the_gate_is_watched_is_launched_again_before_another_goes() {
    let folder = tempfile::TempDir::new().unwrap();
    let cloud = crowded("a", false);
    *cloud.taken_at_gate.lock().unwrap() = Some(InstanceId::new("i-old-4"));
    let moved = start(folder.path(), &cloud, 1).unwrap();
    let even = [("a".to_owned(), 2), ("b".to_owned(), 2)];
    assert_eq!((moved.unfulfilled, zones(&cloud)), (0, even.to_vec()));
    assert!(!moved.terminated.contains(&InstanceId::new("i-old-4")));
}
