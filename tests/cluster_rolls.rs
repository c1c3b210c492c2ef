//! Whole rolls of ZooKeeper ensembles, Kafka and search clusters on simulated machines, in simulated time, with everything that may
//! go wrong by seed: what must hold of the cluster's own data and quorum, whatever happens.
//!
//! Each roll is determined by its seed. `CLUSTER_ROLLS=10000` rolls so many, `CLUSTER_ROLLS_FROM=4711` begins at that seed; so
//! `CLUSTER_ROLLS=1 CLUSTER_ROLLS_FROM=4711 cargo test --test cluster_rolls holds -- --nocapture` tells all of one.
//! `cargo xtask soak` runs many.
//!
//! What a roll sets in a search cluster is set here by a model of `drive/roll/allocation.rs`; that file itself is held in
//! `tests/allocation/`.

#![expect(clippy::unwrap_used, reason = "what a test cannot prepare fails it")]

#[path = "cluster_rolls/cluster.rs"]
mod cluster;
#[path = "cluster_rolls/consensus.rs"]
mod consensus;
#[path = "cluster_rolls/data.rs"]
mod data;
#[allow(dead_code, reason = "what the other rolls need of it is not needed here")]
#[path = "roll/desk.rs"]
mod desk;
#[path = "support/direct.rs"]
mod direct;
#[path = "cluster_rolls/kafka.rs"]
mod kafka;
#[path = "cluster_rolls/kafka_view.rs"]
mod kafka_view;
#[path = "cluster_rolls/mishaps.rs"]
mod mishaps;
#[path = "cluster_rolls/plant.rs"]
mod plant;
#[path = "cluster_rolls/proofs.rs"]
mod proofs;
#[path = "cluster_rolls/role.rs"]
mod role;
#[path = "cluster_rolls/rolls.rs"]
mod rolls;
#[path = "cluster_rolls/search.rs"]
mod search;
#[path = "cluster_rolls/search_view.rs"]
mod search_view;
#[path = "cluster_rolls/stage.rs"]
mod stage;
#[path = "cluster_rolls/zookeeper.rs"]
mod zookeeper;

use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use mishaps::Technology;
use rolls::{End, Plan, Tally, Told, roll};

/// How many are rolled in an ordinary run.
const ROLLS: u64 = 1000;

#[expect(clippy::disallowed_methods, reason = "how much a soak rolls is said to it so")]
fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(value) => value.parse().unwrap_or_else(|_| panic!("{variable}={value} is no number")),
        Err(_) => default,
    }
}

/// Rolls these seeds on all cores; answers in the order of the seeds, since each is determined by its own.
fn roll_all(first: u64, count: u64, say: impl Fn(&Told) + Sync) -> Tally {
    let (next, tally) = (AtomicU64::new(first), Mutex::new(Tally::default()));
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        return;
                    }
                    let told = roll(seed, Plan::of(seed));
                    say(&told);
                    tally.lock().unwrap().add(&told);
                }
            });
        }
    });
    tally.into_inner().unwrap()
}

#[test]
fn what_must_hold_of_a_cluster_holds_whatever_goes_wrong() {
    let (first, count) = (number("CLUSTER_ROLLS_FROM", 0), number("CLUSTER_ROLLS", ROLLS));
    let tally = roll_all(first, count, |told| {
        if !told.violations.is_empty() || count == 1 {
            println!("{told}");
        }
    });
    println!("{count} rolls from seed {first}\n{tally}");
    assert!(tally.violated.is_empty(), "see above; one is rolled again by its seed");
    // A roll that refuses everything violates nothing either.
    for technology in [Technology::ZooKeeper, Technology::Kafka, Technology::Search] {
        let all = tally.count(technology, true, None);
        assert_eq!(tally.count(technology, true, Some(End::Completed)), all, "{technology:?}");
        let all = tally.count(technology, false, None);
        let completed = tally.count(technology, false, Some(End::Completed));
        assert!(all < 50 || completed * 4 >= all, "{technology:?}: {completed} of {all}");
    }
}
