//! The command `offers` from end to end, against moto. Run it with `cargo xtask bench --aws`.
//!
//! moto knows its types and zones; a proxy before it supplies prices, as in the tests. Both sizes are measured in this run, so
//! that what moto and the start of the program cost once does not count for much.

#![expect(clippy::unwrap_used, reason = "what a benchmark cannot go on without, it panics on")]

mod desk;
#[path = "../tests/support/mod.rs"]
mod support;

use std::process::ExitCode;

use desk::{BINARY, Desk, Row, median_ms, row};
use support::market::Market;
use support::moto;

const TYPES: usize = 800;
const ZONES: usize = 6;
const REGION: &str = "us-east-1";
/// The smaller region that the large one is compared with has so many times fewer types.
const PART: usize = 8;
const RUNS: usize = 5;

/// As few rules as can be, so that every type is ranked.
const POLICY: &str =
    "{current_generation: any, bare_metal: any, gpu: any, burstable: any, top_n_per_az: 9}";

fn main() -> ExitCode {
    desk::report(&[asked])
}

/// What moto lists.
fn listed(action: &str, element: &str) -> Vec<String> {
    let reply = moto::shared().ec2(REGION, &[("Action".to_owned(), action.to_owned())]);
    moto::elements(&reply, element).map(str::to_owned).collect()
}

/// Milliseconds of the command in a region of so many types, and the calls that one run makes.
fn offers(types: &[String], zones: &[String]) -> (f64, usize) {
    let desk = Desk::with("");
    let market = Market::before(moto::shared());
    market.only(types, zones);
    let policy = desk.file("policy.yml", POLICY);
    let took = median_ms(RUNS, || {
        let mut command = desk.command(BINARY);
        command.envs(market.environment()).args(["offers", "--region", REGION, "--policy"]);
        command.arg(&policy);
        command
    });
    let calls = market.calls().values().sum::<usize>();
    (took, calls / (RUNS + 1))
}

fn asked() -> Vec<Row> {
    let (mut types, zones) = (
        listed("DescribeInstanceTypes", "instanceType"),
        listed("DescribeAvailabilityZones", "zoneName"),
    );
    types.truncate(TYPES);
    assert_eq!((types.len(), zones.len()), (TYPES, ZONES), "of moto's types and zones");
    let (part, fewer) = offers(&types[..TYPES / PART], &zones);
    let (whole, calls) = offers(&types, &zones);
    let times = PART as f64;
    vec![
        row("offers of 800 types in 6 zones against moto, ms", whole, None),
        row("  over offers of 100 types, 8 times fewer", whole / part, times),
        row("calls for 800 types, by pages", calls as f64, 25.0),
        row("calls for 100 types", fewer as f64, None),
    ]
}
