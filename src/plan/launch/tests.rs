use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::domain::{Ec2Instance, InstanceId, Lifecycle, MachineType, MicroUsd};
use crate::plan::offers::{Offer, Score};

fn offer(name: &str, zone: &str, micros: u64, full: Option<u64>) -> Offer {
    let score = u128::from(micros);
    Offer {
        kind: MachineType { name: name.to_owned(), vcpus: 2, ..MachineType::default() },
        zone: zone.to_owned(),
        price: MicroUsd::new(micros),
        since: None,
        on_demand: full.map(MicroUsd::new),
        saving: None,
        interruption: None,
        placement: None,
        score: Score {
            total_pico_usd: score,
            per_vcpu_pico_usd: score,
            per_gib_pico_usd: score,
            interruption_percent: 0,
            placement_percent: 0,
        },
    }
}

fn settings(spread: Spread, on_demand: bool) -> LadderSettings {
    let offers = vec![
        offer("c.large", "b", 10, Some(100)),
        offer("c.large", "a", 20, Some(100)),
        offer("m.large", "a", 30, Some(90)),
        offer("m.large", "c", 40, None),
    ];
    let zones = ["a", "b", "c"].map(str::to_owned);
    LadderSettings {
        offers,
        zones: BTreeSet::from(zones),
        spread,
        on_demand,
        max_price: None,
        remembered: BTreeSet::new(),
    }
}

fn counts(of: [u32; 3]) -> BTreeMap<String, u32> {
    ["a", "b", "c"].map(str::to_owned).into_iter().zip(of).collect()
}

fn next(ladder: &Ladder, of: [u32; 3]) -> String {
    match ladder.next(&counts(of)) {
        Step::Ask(rung) => {
            let market = if rung.place.is_spot { "spot" } else { "on-demand" };
            format!("{} {} {market}", rung.place.machine_type, rung.place.zone)
        }
        Step::Stop(stop) => stop.to_string(),
    }
}

fn refuse(ladder: &mut Ladder, of: [u32; 3], code: &str) -> Option<u32> {
    let Step::Ask(rung) = ladder.next(&counts(of)) else { panic!("nothing is asked") };
    ladder.refused(&rung, code, "No.")
}

const CAPACITY: &str = "InsufficientInstanceCapacity";

#[test]
fn the_zone_with_the_fewest_comes_first_or_the_best_price() {
    let even = Ladder::new(settings(Spread::Even, false));
    assert_eq!(next(&even, [0, 0, 0]), "c.large b spot", "of zones alike the best offer's");
    assert_eq!(next(&even, [0, 1, 0]), "c.large a spot");
    assert_eq!(next(&even, [1, 1, 0]), "m.large c spot");
    let price = Ladder::new(settings(Spread::Price, false));
    assert_eq!(next(&price, [0, 9, 0]), "c.large b spot");
}

#[test]
fn on_demand_keeps_to_the_highest_price_and_of_like_prices_takes_the_smallest_machine() {
    let sized = |name: &str, vcpus: u32, full: u64| {
        let mut offer = offer(name, "a", 10, Some(full));
        offer.kind.vcpus = vcpus;
        offer
    };
    // A processor costs the same in each, as in a family.
    let offers = vec![sized("m.12xlarge", 48, 2400), sized("m.large", 2, 100)];
    let untold = offer("c.large", "a", 10, None);
    let on_demand = |offers: Vec<Offer>, max_price: Option<u64>| {
        let max_price = max_price.map(MicroUsd::new);
        let settings = LadderSettings { offers, max_price, ..settings(Spread::Price, true) };
        let mut ladder = Ladder::new(settings);
        let Step::Ask(rung) = ladder.next(&counts([0, 0, 0])) else { panic!("no spot") };
        ladder.refused(&rung, "MaxSpotInstanceCountExceeded", "");
        next(&ladder, [0, 0, 0])
    };
    assert_eq!(on_demand(offers.clone(), None), "m.large a on-demand");
    assert_eq!(on_demand(offers.clone(), Some(100)), "m.large a on-demand");
    let said = on_demand(offers, Some(99));
    assert!(said.contains("2 are not known to cost at most max_price on demand"), "{said}");
    assert_eq!(on_demand(vec![untold.clone()], None), "c.large a on-demand");
    let said = on_demand(vec![untold], Some(99));
    assert!(said.contains("1 are not known to cost at most max_price"), "{said}");
}

#[test]
fn without_capacity_the_next_offer_in_the_zone_then_other_zones_then_on_demand() {
    let mut ladder = Ladder::new(settings(Spread::Even, true));
    let of = [0, 1, 2];
    let mut asked = Vec::new();
    loop {
        let said = next(&ladder, of);
        asked.push(said.clone());
        if !said.ends_with("spot") && !said.ends_with("on-demand") {
            break;
        }
        assert_eq!(refuse(&mut ladder, of, CAPACITY), None);
    }
    let expected = [
        "c.large a spot",
        "m.large a spot",
        "c.large b spot",
        "m.large c spot",
        "m.large a on-demand",
        "c.large a on-demand",
        "c.large b on-demand",
        "m.large c on-demand",
        "every offer was tried",
    ];
    assert_eq!(asked, expected);
    assert_eq!(ladder.short().len(), 8);
}

#[test]
fn each_class_of_error_decides_what_is_asked_next() {
    let of = [0, 0, 0];
    let after = |code: &str| {
        let mut ladder = Ladder::new(settings(Spread::Price, true));
        let pause = refuse(&mut ladder, of, code);
        (next(&ladder, of), pause)
    };
    assert_eq!(after(CAPACITY), ("c.large a spot".to_owned(), None));
    assert_eq!(after("SpotMaxPriceTooLow").0, "c.large a spot");
    assert_eq!(after("MaxSpotInstanceCountExceeded").0, "m.large a on-demand");
    assert_eq!(after("Unsupported").0, "m.large a spot");
    assert_eq!(after("RequestLimitExceeded"), ("c.large b spot".to_owned(), Some(1)));
    let said = after("UnauthorizedOperation").0;
    assert_eq!(said, "EC2 refuses (auth): UnauthorizedOperation: No.");
    assert!(after("InvalidAMIID.NotFound").0.contains("(parameter)"));
    assert!(after("SomethingNew").0.contains("(unknown): SomethingNew"));

    let mut ladder = Ladder::new(settings(Spread::Price, true));
    let pauses: Vec<_> = (0..6).map(|_| refuse(&mut ladder, of, "RequestLimitExceeded")).collect();
    assert_eq!(pauses, [Some(1), Some(2), Some(3), Some(4), Some(5), None]);
    assert!(next(&ladder, of).contains("throttles"));

    let mut ladder = Ladder::new(settings(Spread::Price, true));
    for _ in 0..2 {
        refuse(&mut ladder, of, "VcpuLimitExceeded");
    }
    assert!(next(&ladder, of).contains("spot quota is used up"));
}

#[test]
fn what_lacked_capacity_a_while_ago_is_left_out() {
    let place = Place { machine_type: "c.large".into(), zone: "b".into(), is_spot: true };
    let mut settings = settings(Spread::Price, false);
    settings.remembered.insert(place);
    settings.offers.truncate(2);
    let mut ladder = Ladder::new(settings);
    assert_eq!(next(&ladder, [0; 3]), "c.large a spot");
    refuse(&mut ladder, [0; 3], CAPACITY);
    assert!(next(&ladder, [0; 3]).contains("1 lacked capacity a while ago"));
}

fn standing(id: &str, zone: &str, day: u32, price: Option<u64>) -> Standing {
    Standing {
        id: InstanceId::new(id),
        zone: zone.to_owned(),
        launched_at: Some(format!("2026-01-{day:02}T00:00:00Z")),
        price: price.map(MicroUsd::new),
    }
}

#[test]
fn machines_go_by_age_by_price_or_by_the_balance_of_zones() {
    let all = [
        standing("i-1", "a", 3, Some(10)),
        standing("i-2", "a", 1, Some(30)),
        standing("i-3", "b", 2, Some(20)),
        standing("i-4", "a", 4, None),
    ];
    let of = |order, count| -> Vec<String> {
        leaving(&all, count, order).iter().map(ToString::to_string).collect()
    };
    assert_eq!(of(Order::Oldest, 2), ["i-2", "i-3"]);
    assert_eq!(of(Order::Newest, 2), ["i-4", "i-1"]);
    assert_eq!(of(Order::Dearest, 3), ["i-4", "i-2", "i-3"]);
    assert_eq!(of(Order::ZoneBalance, 3), ["i-2", "i-1", "i-4"]);
    assert_eq!(of(Order::ZoneBalance, 9).len(), 4);
    assert!(of(Order::Oldest, 0).is_empty());
}

#[test]
fn names_and_tags_are_what_ec2_takes_and_what_is_ours_stays_ours() {
    for name in ["workers", "a.b-c_1", "9"] {
        assert_eq!(check_name(name), Ok(()));
    }
    for name in ["", "-a", "a/b", "a*", "ü", &"x".repeat(65)] {
        assert!(check_name(name).is_err(), "{name}");
    }
    let tags =
        |key: &str, value: &str| check_tags(&BTreeMap::from([(key.to_owned(), value.to_owned())]));
    assert_eq!(tags("Name", "{{ x }}"), Ok(()));
    for key in ["aws:x", "AWS:x", "spotinst-esg:fleet"] {
        assert!(matches!(tags(key, ""), Err(TagError::Reserved(_))), "{key}");
    }
    assert!(tags("", "x").is_err() && tags("k", &"v".repeat(257)).is_err());
}

#[test]
fn a_journal_tells_what_was_launched_and_what_is_not_known() {
    let rung = Rung {
        place: Place { machine_type: "c.large".into(), zone: "a".into(), is_spot: true },
        price: Some(MicroUsd::new(10)),
        on_demand: None,
    };
    let asked =
        |token: &str| Event::Asked { token: token.into(), rung: rung.clone(), subnet: None };
    let instance = InstanceId::new("i-1");
    let launched = Outcome::Launched { instance: instance.clone(), request_id: None };
    let events = [
        Event::Begun {
            run: "r".into(),
            fleet: "f".into(),
            region: "eu-west-1".into(),
            wanted: 3,
            blueprint: "d".into(),
            account: Some("123456789012".into()),
            replaces: Some("i-0".into()),
            cluster: None,
            is_step: false,
            is_exact: false,
        },
        asked("r-1"),
        Event::Answered { token: "r-1".into(), outcome: launched },
        asked("r-2"),
    ];
    let at = jiff::Timestamp::UNIX_EPOCH;
    let entries: Vec<Entry> = events.into_iter().map(|event| Entry { at, event }).collect();
    let text: Vec<String> = entries.iter().map(|it| serde_json::to_string(it).unwrap()).collect();
    let again: Vec<Entry> = text.iter().map(|it| serde_json::from_str(it).unwrap()).collect();
    assert_eq!(again, entries);
    let run = run_of(&entries).unwrap();
    let ever = run.ever_launched();
    assert_eq!((ever.len(), &ever[0].instance, ever[0].zone.as_str()), (1, &instance, "a"));
    assert_eq!(ever[0].replaces.as_deref(), Some("i-0"));
    assert_eq!(run.launched().into_keys().collect::<Vec<_>>(), [instance]);
    assert_eq!(run.pending()[0].token, "r-2");
    assert_eq!(run.ended, None);
    assert!(run_of(&entries[1..]).is_err());
}

#[test]
fn the_dearest_is_told_by_the_price_of_its_own_market() {
    let machine = |id: &str, lifecycle: Lifecycle| Ec2Instance {
        id: InstanceId::new(id),
        state: None,
        state_reason: None,
        instance_type: Some("c.large".into()),
        availability_zone: Some("a".into()),
        private_ip: None,
        public_ip: None,
        private_dns_name: None,
        public_dns_name: None,
        lifecycle: Some(lifecycle),
        image_id: None,
        subnet_id: None,
        vpc_id: None,
        architecture: None,
        launched_at: None,
        tags: BTreeMap::new(),
    };
    let prices = Prices {
        spot: [(("c.large".into(), "a".into()), MicroUsd::new(30))].into(),
        on_demand: [("c.large".into(), MicroUsd::new(90))].into(),
    };
    let all = [machine("i-1", Lifecycle::Spot), machine("i-2", Lifecycle::OnDemand)];
    let all = super::standing(&all, &prices);
    assert_eq!(all.iter().map(|it| it.price.unwrap().micros()).collect::<Vec<_>>(), [30, 90]);
    assert_eq!(leaving(&all, 1, Order::Dearest), [InstanceId::new("i-2")]);
}

#[test]
fn a_subnet_without_addresses_closes_its_zone_only_when_it_is_the_last() {
    let mut ladder = Ladder::new(settings(Spread::Price, false));
    let Step::Ask(first) = ladder.next(&counts([0; 3])) else { panic!("there are offers") };
    let zone = first.place.zone.clone();
    assert_eq!(ladder.refused(&first, "InsufficientFreeAddressesInSubnet", "No."), None);
    ladder.is_full(&zone, Some("subnet-1"), true);
    assert_eq!(ladder.next(&counts([0; 3])), Step::Ask(first), "the same, elsewhere in the zone");
    ladder.is_full(&zone, Some("subnet-2"), false);
    let Step::Ask(next) = ladder.next(&counts([0; 3])) else { panic!("there are other zones") };
    assert_ne!(next.place.zone, zone);
    assert!(ladder.short().is_empty(), "of the type it says nothing");
    ladder.only_in([zone].into());
    let Step::Stop(stop) = ladder.next(&counts([0; 3])) else { panic!("it is closed") };
    assert_eq!(
        stop.to_string(),
        "every offer was tried, and no address is free in subnet-1, subnet-2"
    );
}

proptest! {
    /// However EC2 answers, the ladder comes to an end, and asks nowhere twice what it was told is not there.
    #[test]
    fn every_sequence_of_refusals_ends(
        codes in proptest::collection::vec(0..7_usize, 60), even in any::<bool>(), full in any::<bool>(),
    ) {
        let spread = if even { Spread::Even } else { Spread::Price };
        let mut ladder = Ladder::new(settings(spread, full));
        let mut short = BTreeSet::new();
        let mut ended = false;
        for code in codes {
            let Step::Ask(rung) = ladder.next(&counts([1, 0, 2])) else { ended = true; break };
            prop_assert!(!short.contains(&rung.place), "{rung:?}");
            prop_assert!(full || rung.place.is_spot);
            let code = [
                CAPACITY, "SpotMaxPriceTooLow", "VcpuLimitExceeded", "Unsupported", "Throttling",
                "AuthFailure", "Odd",
            ][code];
            if code == CAPACITY {
                short.insert(rung.place.clone());
            }
            ladder.refused(&rung, code, "No.");
        }
        prop_assert!(ended);
    }
}
