//! Ranking the offers of a large region, by itself and as the command that a person starts. Run it with `cargo xtask bench`.
//!
//! How many calls such a region costs is counted in `tests/market.rs`.

#![expect(clippy::unwrap_used, reason = "what a benchmark cannot go on without, it panics on")]

mod desk;

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::time::Instant;

use desk::{BINARY, Desk, Row, row};
use jiff::Timestamp;
use spotinst_esg::domain::{MachineType, Market, MicroUsd, Region, Sourced, SpotPrice};
use spotinst_esg::drive::market::keep;
use spotinst_esg::plan::offers::{Policy, rank};

const TYPES: usize = 800;
const ZONES: usize = 6;
/// The smaller market that the large one is compared with has so many times fewer types.
const PART: usize = 8;
const ROUNDS: usize = 21;

fn main() -> ExitCode {
    desk::report(&[ranking, replayed])
}

fn sourced<T>(data: T) -> Sourced<T> {
    Sourced { source: "bench".to_owned(), at: Timestamp::UNIX_EPOCH, data }
}

/// Families of ten sizes, each type at its own price in each zone.
fn market(types: usize) -> Market {
    let kind = |number: usize| MachineType {
        name: format!("f{}.{}xlarge", number / 10, number % 10 + 1),
        architectures: vec!["x86_64".to_owned()],
        vcpus: 4 * (u32::try_from(number % 10).unwrap() + 1),
        memory_mib: 16_384,
        current_generation: Some(true),
        burstable: Some(false),
        bare_metal: Some(false),
        interfaces: Some(4),
        addresses_per_interface: Some(15),
        spot: Some(true),
        ..MachineType::default()
    };
    let kinds: Vec<MachineType> = (0..types).map(kind).collect();
    let prices = kinds.iter().enumerate().flat_map(|(number, kind)| {
        (0..ZONES).map(move |zone| SpotPrice {
            machine_type: kind.name.clone(),
            zone: format!("eu-west-1{}", char::from(b'a' + u8::try_from(zone).unwrap())),
            price: MicroUsd::new(10_000 + u64::try_from(number * 7919 % 100_003 + zone).unwrap()),
            since: None,
            on_demand: None,
        })
    });
    let full: BTreeMap<String, MicroUsd> =
        kinds.iter().map(|kind| (kind.name.clone(), MicroUsd::new(300_000))).collect();
    Market {
        region: Region::new("eu-west-1"),
        spot: sourced(prices.collect()),
        empty_zones: BTreeSet::new(),
        zone_ages: BTreeMap::new(),
        types: sourced(kinds),
        on_demand: Some(sourced(full)),
        interruptions: None,
        placement: None,
    }
}

/// The median of a ranking, in milliseconds.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn median_ms(market: &Market) -> f64 {
    let policy = Policy { max_per_family_per_az: Some(2), ..Policy::default() };
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let begin = Instant::now();
            let ranking = rank(market, &policy).unwrap();
            assert_eq!(ranking.offers.len(), ZONES * usize::try_from(policy.top_n_per_az).unwrap());
            begin.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[ROUNDS / 2]
}

/// Both sides are measured in this run: a ranking that looked at each pair of offers would take sixty-four times as long.
fn ranking() -> Vec<Row> {
    let (whole, part) = (median_ms(&market(TYPES)), median_ms(&market(TYPES / PART)));
    vec![
        row("ranking 800 types in 6 zones, ms", whole, None),
        row("  over ranking 100 types, of 8 times fewer offers", whole / part, 16.0),
    ]
}

/// The whole program, from a file of figures to the table.
fn replayed() -> Vec<Row> {
    let desk = Desk::with("");
    let file = desk.home.path().join("market.json");
    keep(&market(TYPES), &file).unwrap();
    let run = || {
        let mut command = desk.command(BINARY);
        command.args(["offers", "--region", "eu-west-1", "--replay"]).arg(&file);
        command
    };
    vec![row("offers --replay of 800 types in 6 zones, ms", desk::median_ms(11, run), None)]
}
