use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use proptest::prelude::*;

use super::rules::fits;
use super::*;
use crate::domain::{Interruption, MachineType, Market, MicroUsd, Region, Sourced, SpotPrice};

const NOW: i64 = 1_790_000_000;

fn sourced<T>(source: &str, data: T) -> Sourced<T> {
    let at = Timestamp::from_second(NOW).unwrap();
    Sourced { source: source.to_owned(), at, data }
}

fn kind(name: &str, vcpus: u32, memory_gib: u64) -> MachineType {
    MachineType {
        name: name.to_owned(),
        architectures: vec!["x86_64".to_owned()],
        vcpus,
        memory_mib: memory_gib * 1024,
        current_generation: Some(true),
        burstable: Some(false),
        bare_metal: Some(false),
        interfaces: Some(3),
        addresses_per_interface: Some(10),
        spot: Some(true),
        ..MachineType::default()
    }
}

fn price(machine_type: &str, zone: &str, micros: u64) -> SpotPrice {
    SpotPrice {
        machine_type: machine_type.to_owned(),
        zone: zone.to_owned(),
        price: MicroUsd::new(micros),
        since: None,
        on_demand: None,
    }
}

fn market(types: Vec<MachineType>, spot: Vec<SpotPrice>) -> Market {
    Market {
        region: Region::new("eu-west-1"),
        types: sourced("types", types),
        spot: sourced("prices", spot),
        empty_zones: BTreeSet::new(),
        zone_ages: BTreeMap::new(),
        on_demand: None,
        interruptions: None,
        placement: None,
    }
}

fn small() -> Market {
    let types = vec![kind("m5.large", 2, 8), kind("c5.xlarge", 4, 8), kind("r5.large", 2, 16)];
    let spot = vec![
        price("m5.large", "a", 40_000),
        price("c5.xlarge", "a", 70_000),
        price("r5.large", "a", 50_000),
        price("m5.large", "b", 30_000),
    ];
    market(types, spot)
}

fn names(ranking: &Ranking) -> Vec<(&str, &str)> {
    ranking.offers.iter().map(|it| (it.kind.name.as_str(), it.zone.as_str())).collect()
}

#[test]
fn the_cheapest_processor_is_first_and_names_end_ties() {
    let mut market = small();
    let ranked = rank(&market, &Policy::default()).unwrap();
    let expected = [("m5.large", "b"), ("c5.xlarge", "a"), ("m5.large", "a"), ("r5.large", "a")];
    assert_eq!(names(&ranked), expected);
    // 15 000 for each processor, as in m5.large of b; then the zone.
    market.spot.data.push(price("c5.xlarge", "b", 60_000));
    market.spot.data.push(price("c5.xlarge", "c", 60_000));
    let ranked = rank(&market, &Policy::default()).unwrap();
    assert_eq!(names(&ranked)[..3], [("c5.xlarge", "b"), ("c5.xlarge", "c"), ("m5.large", "b")]);
}

#[test]
fn memory_interruptions_and_placement_weigh_as_asked() {
    let mut market = small();
    let gib = Weights { price_per_vcpu: 0, price_per_gib: 1, interruption: 0, placement: 0 };
    let by_memory = Policy { weights: gib, ..Policy::default() };
    assert_eq!(names(&rank(&market, &by_memory).unwrap())[0], ("r5.large", "a"));

    let rates = [("m5.large", Interruption::Over20), ("c5.xlarge", Interruption::Under5)];
    let rates = rates.map(|(name, rate)| (name.to_owned(), rate));
    market.interruptions = Some(sourced("advisor", BTreeMap::from(rates)));
    let with = |profile: Profile| Policy { weights: profile.weights(), ..Policy::default() };
    // 15 000 and a quarter is 18 750; 17 500 and a twentieth is 18 375.
    assert_eq!(names(&rank(&market, &with(Profile::Stateless)).unwrap())[0].0, "c5.xlarge");
    let stateful = rank(&market, &with(Profile::Stateful)).unwrap();
    let of = |name: &str| stateful.offers.iter().find(|it| it.kind.name == name).unwrap();
    assert_eq!(of("m5.large").score.interruption_percent, 125);
    // What is not known is never better than what is known.
    assert_eq!(of("r5.large").score.interruption_percent, 125);

    let mut market = small();
    let scores = [("a", 9), ("b", 1)].map(|(zone, score)| (zone.to_owned(), score));
    market.placement = Some(sourced("placement", BTreeMap::from(scores)));
    let heavy = Weights { placement: 10, ..Weights::PRICE_PER_VCPU };
    let ranked = rank(&market, &Policy { weights: heavy, ..Policy::default() }).unwrap();
    assert_eq!(names(&ranked)[0], ("c5.xlarge", "a"));
}

/// Who asks for it believes that it counts.
#[test]
fn what_is_weighed_on_purpose_and_was_not_asked_for_is_told() {
    let stateful = Policy { weights: Profile::Stateful.weights(), ..Policy::default() };
    let placed = Weights { placement: 10, ..Weights::PRICE_PER_VCPU };
    let placed = Policy { weights: placed, ..Policy::default() };
    let (bare, mut full) = (small(), small());
    full.interruptions = Some(sourced("advisor", BTreeMap::new()));
    full.placement = Some(sourced("placement", BTreeMap::new()));
    for (policy, found) in [
        (&Policy::default(), None),
        (&stateful, Some(Unweighed::Interruption(5))),
        (&placed, Some(Unweighed::Placement(10))),
    ] {
        assert_eq!(unweighed(policy, &bare), Vec::from_iter(found));
        assert_eq!(unweighed(policy, &full), []);
    }
    assert!(Unweighed::Interruption(5).to_string().contains("give interruption_feed"));
}

/// A change to the policy, and what it leaves of two types.
type Case = (fn(&mut Policy), &'static [&'static str]);
/// A change, and the words that it is refused with.
type Refused<T> = (fn(&mut T), &'static str);

#[test]
fn each_rule_drops_what_it_is_about_and_unknown_never_passes() {
    let plain = kind("m5.large", 2, 8);
    let odd = MachineType {
        architectures: vec!["arm64".to_owned()],
        current_generation: None,
        burstable: Some(true),
        bare_metal: None,
        gpus: 1,
        local_disk_gb: 75,
        interfaces: None,
        spot: None,
        ..kind("t4g.metal", 64, 256)
    };
    let cases: [Case; 22] = [
        (|_| {}, &["m5.large", "t4g.metal"]),
        (|it| it.instance_types = vec!["m5.*".to_owned()], &["m5.large"]),
        (|it| it.architectures = vec!["arm64".to_owned()], &["t4g.metal"]),
        (|it| it.min_vcpus = Some(3), &["t4g.metal"]),
        (|it| it.max_vcpus = Some(2), &["m5.large"]),
        (|it| it.min_memory_mib = Some(8_193), &["t4g.metal"]),
        (|it| it.max_memory_mib = Some(8_192), &["m5.large"]),
        (|it| it.families_allowed = vec!["m?".to_owned()], &["m5.large"]),
        (|it| it.families_denied = vec!["m5".to_owned()], &["t4g.metal"]),
        (|it| it.current_generation = Wish::Required, &["m5.large"]),
        (|it| it.current_generation = Wish::Excluded, &[]),
        (|it| it.burstable = Wish::Required, &["t4g.metal"]),
        (|it| it.bare_metal = Wish::Excluded, &["m5.large"]),
        (|it| it.gpu = Wish::Required, &["t4g.metal"]),
        (|it| it.local_disk = Wish::Excluded, &["m5.large"]),
        (|it| it.min_pods = Some(29), &["m5.large"]),
        (|it| it.max_pods = Some(1_000), &["m5.large"]),
        (|it| it.min_saving_percent = Some(60), &["m5.large"]),
        (|it| it.max_price = Some(MicroUsd::new(40_000)), &["m5.large"]),
        (|it| it.max_price_percent = Some(40), &["m5.large"]),
        (|it| it.max_interruption = Some(Interruption::To10), &["m5.large"]),
        (
            |it| {
                it.max_interruption = Some(Interruption::To10);
                it.allow_unknown_interruption = true;
            },
            &["m5.large", "t4g.metal"],
        ),
    ];
    let mut market = market(
        vec![plain, odd],
        vec![price("m5.large", "a", 40_000), price("t4g.metal", "a", 3_000_000)],
    );
    let full = [("m5.large".to_owned(), MicroUsd::new(100_000))];
    market.on_demand = Some(sourced("list", BTreeMap::from(full)));
    let rates = [("m5.large".to_owned(), Interruption::To10)];
    market.interruptions = Some(sourced("advisor", BTreeMap::from(rates)));
    for (number, (change, left)) in cases.into_iter().enumerate() {
        let any = Wish::Any;
        let mut policy = Policy {
            current_generation: any,
            burstable: any,
            bare_metal: any,
            ..Policy::default()
        };
        change(&mut policy);
        let ranked = rank(&market, &policy).unwrap();
        let mut names: Vec<&str> = ranked.offers.iter().map(|it| it.kind.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, left, "case {number}: {:?}", ranked.dropped);
        assert_eq!(ranked.offers.len() + ranked.dropped.len(), 2, "case {number}");
    }
    market.types.data[0].spot = Some(false);
    let ranked = rank(&market, &Policy { max_vcpus: Some(2), ..Policy::default() }).unwrap();
    assert_eq!(ranked.dropped[0].misses[0].rule, Rule::Spot);
}

#[test]
fn a_policy_that_nothing_fits_says_which_rules_and_how_close_the_nearest_came() {
    let policy =
        Policy { max_price: Some(MicroUsd::new(29_000)), min_vcpus: Some(4), ..Policy::default() };
    let ranked = rank(&small(), &policy).unwrap();
    let nothing = ranked.nothing_left().unwrap();
    assert_eq!(nothing.considered, 4);
    assert_eq!(nothing.dropped_by, [(Rule::MaxPrice, 4), (Rule::MinVcpus, 3)]);
    assert_eq!(
        nothing.to_string(),
        "none of 4 offers fits the policy: max_price alone excludes them all; nearest is c5.xlarge in a, where \
         max_price wants at most 0.0290 and it is 0.0700"
    );
    // No single rule does it, but two together.
    let policy =
        Policy { max_price: Some(MicroUsd::new(45_000)), min_vcpus: Some(4), ..Policy::default() };
    let said = rank(&small(), &policy).unwrap().nothing_left().unwrap().to_string();
    assert!(said.contains("min_vcpus drops 3, max_price drops 2"), "{said}");
    assert!(said.contains("m5.large in a, where min_vcpus wants at least 4 and it is 2"), "{said}");
    let elsewhere = Policy { zones: vec!["z".to_owned()], ..Policy::default() };
    let ranked = rank(&small(), &elsewhere).unwrap();
    assert_eq!(ranked.unpriced_zones, ["z"]);
    assert!(ranked.nothing_left().unwrap().to_string().contains("no type has a price"));
    assert_eq!(rank(&small(), &Policy::default()).unwrap().nothing_left(), None);
}

#[test]
fn a_policy_that_contradicts_itself_is_refused() {
    let cases: [Refused<Policy>; 8] = [
        (
            |it| (it.min_vcpus, it.max_vcpus) = (Some(8), Some(4)),
            "min_vcpus is 8 and max_vcpus is 4",
        ),
        (|it| (it.min_memory_mib, it.max_memory_mib) = (Some(2), Some(1)), "min_memory_mib is 2"),
        (|it| (it.min_pods, it.max_pods) = (Some(2), Some(1)), "min_pods is 2"),
        (|it| it.min_saving_percent = Some(100), "saving of 100 percent"),
        (
            |it| (it.min_saving_percent, it.max_price_percent) = (Some(10), Some(0)),
            "nothing is free",
        ),
        (
            |it| {
                it.families_allowed = vec!["m5".to_owned()];
                it.families_denied = vec!["c5".to_owned(), "m5".to_owned()];
            },
            "families_denied has all of families_allowed (m5)",
        ),
        (|it| it.top_n_per_az = 0, "at least 1"),
        (|it| (it.weights.price_per_vcpu, it.weights.price_per_gib) = (0, 0), "nothing to rank by"),
    ];
    for (change, words) in cases {
        let mut policy = Policy::default();
        change(&mut policy);
        let said = rank(&small(), &policy).unwrap_err().to_string();
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn an_empty_feed_never_ranks_and_a_rule_without_figures_is_refused() {
    let feeds: [Refused<Market>; 5] = [
        (|it| it.types.data.clear(), "types told no instance types"),
        (|it| it.spot.data.clear(), "prices told no spot prices"),
        (
            |it| it.on_demand = Some(sourced("list", BTreeMap::new())),
            "list told no on-demand prices",
        ),
        (
            |it| it.interruptions = Some(sourced("advisor", BTreeMap::new())),
            "advisor told no interruption rates",
        ),
        (
            |it| it.placement = Some(sourced("placement", BTreeMap::new())),
            "placement told no placement scores",
        ),
    ];
    for (empty, words) in feeds {
        let mut market = small();
        empty(&mut market);
        let said = rank(&market, &Policy::default()).unwrap_err().to_string();
        assert!(said.contains(words) && said.contains("eu-west-1"), "{said}");
    }
    let saving = Policy { min_saving_percent: Some(10), ..Policy::default() };
    let said = rank(&small(), &saving).unwrap_err().to_string();
    assert!(
        said.contains("min_saving_percent cannot be judged without on-demand prices"),
        "{said}"
    );
    let rate = Policy { max_interruption: Some(Interruption::To10), ..Policy::default() };
    let said = rank(&small(), &rate).unwrap_err().to_string();
    assert!(said.contains("max_interruption cannot be judged without interruption"), "{said}");
}

#[test]
fn old_figures_are_named_with_their_age() {
    let mut market = small();
    let at = |after: i64| Timestamp::from_second(NOW + after).unwrap();
    market.interruptions = Some(sourced("advisor.json", BTreeMap::new()));
    assert_eq!(stale(&market, &|_| true, 600, at(600)), []);
    let told = stale(&market, &|_| true, 600, at(601));
    assert_eq!(told.len(), 1, "what changes by the week has a month: {told:?}");
    assert_eq!(
        told[0].to_string(),
        "spot prices of prices are 601 s old, more than the 600 s allowed"
    );
    let told = stale(&market, &|_| true, 600, at(40 * 86_400));
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[2].to_string().contains("interruption rates of advisor.json are 3456000 s old"));
    assert_eq!(stale(&market, &|_| true, 600, at(-299)), []);
    let early = stale(&market, &|_| true, 600, at(-301));
    assert!(early[0].to_string().contains("dated 301 s in the future"), "{early:?}");
}

/// What nobody looks at any more grows old, and concerns nobody who does not want it.
#[test]
fn a_zone_is_as_old_as_it_is_and_only_the_wanted_ones_are_judged() {
    let mut market = small();
    let at = |after: i64| Timestamp::from_second(NOW + after).unwrap();
    market.zone_ages = [("a", 0), ("b", -10), ("c", -90_000), ("d", -80_000), ("e", 900)]
        .map(|(zone, after)| (zone.to_owned(), at(after)))
        .into();
    market.spot.at = at(-90_000);
    let told = |zones: &str| -> Vec<String> {
        let all = stale(&market, &|zone| zones.contains(zone), 600, at(100));
        all.iter().map(ToString::to_string).collect()
    };
    assert_eq!(told("ab"), [""; 0]);
    assert_eq!(
        told("abc"),
        ["spot prices of prices in c are 90100 s old, more than the 600 s allowed"]
    );
    assert_eq!(
        told("bdce"),
        [
            "spot prices of prices in c, d are up to 90100 s old, more than the 600 s allowed",
            "spot prices of prices in e are dated 800 s in the future"
        ]
    );
    let ages = ["a", "c", "z"].map(|zone| market.priced_at(zone));
    assert_eq!(ages, [at(0), at(-90_000), at(-90_000)]);
    let again: Market = serde_json::from_str(&serde_json::to_string(&market).unwrap()).unwrap();
    assert_eq!(again, market);
}

#[test]
fn a_type_is_explained_zone_by_zone() {
    let policy =
        Policy { top_n_per_az: 1, max_price: Some(MicroUsd::new(60_000)), ..Policy::default() };
    let mut market = small();
    market.spot.data.push(price("m5.large", "c", 90_000));
    let ranked = rank(&market, &policy).unwrap();
    let told = explain(&ranked, "m5.large");
    let fates: Vec<_> = told.iter().map(|it| (it.offer.zone.as_str(), &it.fate)).collect();
    assert_eq!(fates[0], ("a", &Fate::Ranked { in_zone: 1, overall: 2 }));
    assert_eq!(fates[1], ("b", &Fate::Ranked { in_zone: 1, overall: 1 }));
    assert!(matches!(fates[2].1, Fate::Dropped(misses) if misses[0].rule == Rule::MaxPrice));
    assert_eq!(explain(&ranked, "r5.large")[0].fate, Fate::Capped(Cap::Zone));
    assert_eq!(explain(&ranked, "x9.huge"), []);
}

#[test]
fn a_market_that_was_written_down_ranks_the_same() {
    let mut market = small();
    market.spot.data[0].since = Some(Timestamp::from_second(NOW).unwrap());
    market.spot.data[1].on_demand = Some(MicroUsd::new(170_000));
    let again: Market = serde_json::from_str(&serde_json::to_string(&market).unwrap()).unwrap();
    assert_eq!(again, market);
    let policy = Policy { min_saving_percent: Some(50), ..Policy::default() };
    let text = serde_json::to_string(&policy).unwrap();
    assert_eq!(serde_json::from_str::<Policy>(&text).unwrap(), policy);
    assert_eq!(rank(&again, &policy), rank(&market, &policy));
}

// ---- properties ----

fn types() -> impl Strategy<Value = Vec<MachineType>> {
    let one = (0..6_usize, 0..5_usize, 1..97_u32, 1..400_u64, any::<[bool; 4]>(), 0..3_u32);
    let made = |(family, size, vcpus, memory, traits, gpus): (usize, usize, _, _, [bool; 4], _)| {
        let family = ["m5", "c7g", "r7g", "t3", "m7g", "p4"][family];
        let size = ["large", "xlarge", "2xlarge", "4xlarge", "metal"][size];
        let architecture = if traits[0] { "arm64" } else { "x86_64" };
        MachineType {
            architectures: vec![architecture.to_owned()],
            current_generation: Some(traits[1]),
            burstable: Some(traits[2]),
            bare_metal: Some(traits[3]),
            gpus,
            ..kind(&format!("{family}.{size}"), vcpus, memory)
        }
    };
    proptest::collection::vec(one.prop_map(made), 1..25).prop_map(|mut all| {
        all.sort();
        all.dedup_by(|a, b| a.name == b.name);
        all
    })
}

fn markets() -> impl Strategy<Value = Market> {
    types().prop_flat_map(|types| {
        let many = types.len();
        // Few prices, so that ties are common, and some for types that nobody describes.
        let one = (0..many + 1, 0..4_usize, 1..40_u64);
        let spot = proptest::collection::vec(one, 1..80);
        let rates = proptest::collection::vec(proptest::option::of(0..5_u64), many);
        (Just(types), spot, rates).prop_map(|(types, spot, rates)| {
            let named = |(index, zone, tenths): (usize, usize, u64)| {
                let name = types.get(index).map_or("x1.none", |kind| kind.name.as_str());
                price(name, ["a", "b", "c", "d"][zone], tenths * 10_000)
            };
            let spot = spot.into_iter().map(named).collect();
            let full = types
                .iter()
                .map(|kind| (kind.name.clone(), MicroUsd::new(u64::from(kind.vcpus) * 20_000)));
            let full: BTreeMap<_, _> = full.collect();
            let rates = types.iter().zip(rates).filter_map(|(kind, rate)| {
                Some((kind.name.clone(), Interruption::from_index(rate?)?))
            });
            let mut rates: BTreeMap<_, _> = rates.collect();
            rates.insert("another".to_owned(), Interruption::Under5);
            let mut market = market(types, spot);
            market.on_demand = Some(sourced("list", full));
            market.interruptions = Some(sourced("advisor", rates));
            market
        })
    })
}

fn wishes() -> impl Strategy<Value = Wish> {
    prop_oneof![Just(Wish::Any), Just(Wish::Required), Just(Wish::Excluded)]
}

fn policies() -> impl Strategy<Value = Policy> {
    let option = proptest::option::of::<std::ops::Range<u32>>;
    (
        (option(1..32), option(32..97), option(1..80), option(10..100), option(1..3), 1..8_u32),
        (wishes(), wishes(), wishes(), wishes()),
        (proptest::option::of(0..5_u64), any::<bool>(), any::<bool>(), 0..3_u32, 0..6_u32),
    )
        .prop_map(|(bounds, wishes, rest)| Policy {
            min_vcpus: bounds.0,
            max_vcpus: bounds.1,
            min_saving_percent: bounds.2,
            max_price_percent: bounds.3,
            max_per_family_per_az: bounds.4,
            top_n_per_az: bounds.5,
            current_generation: wishes.0,
            burstable: wishes.1,
            bare_metal: wishes.2,
            gpu: wishes.3,
            max_interruption: rest.0.and_then(Interruption::from_index),
            allow_unknown_interruption: rest.1,
            families_denied: if rest.2 { vec!["c*".to_owned()] } else { Vec::new() },
            weights: Weights {
                price_per_vcpu: 1,
                price_per_gib: rest.3,
                interruption: rest.4,
                placement: 0,
            },
            ..Policy::default()
        })
}

/// The issue's `policy respected`, said once more and otherwise than by the rules.
fn respects(policy: &Policy, it: &Offer) -> bool {
    let kind = &it.kind;
    let wished = |wish: Wish, has: bool| match wish {
        Wish::Any => true,
        Wish::Required => has,
        Wish::Excluded => !has,
    };
    let (paid, full) = (it.price.micros(), it.on_demand.unwrap().micros());
    let percent_paid = paid * 100;
    policy.min_vcpus.is_none_or(|least| kind.vcpus >= least)
        && policy.max_vcpus.is_none_or(|most| kind.vcpus <= most)
        && wished(policy.current_generation, kind.current_generation == Some(true))
        && wished(policy.burstable, kind.burstable == Some(true))
        && wished(policy.bare_metal, kind.bare_metal == Some(true))
        && wished(policy.gpu, kind.gpus > 0)
        && !fits(&policy.families_denied, kind.family())
        && policy.max_price_percent.is_none_or(|most| percent_paid <= full * u64::from(most))
        && policy
            .min_saving_percent
            .is_none_or(|least| percent_paid <= full * (100 - u64::from(least)))
        && policy.max_interruption.is_none_or(|most| {
            it.interruption.map_or(policy.allow_unknown_interruption, |rate| rate <= most)
        })
}

/// Spotter, from its description: join the lowest price per type and zone, filter, price per virtual processor, sort by score and
/// type, so many of a family, the first n. Fractions are compared by multiplication, so that it shares no arithmetic.
fn spotter(market: &Market, policy: &Policy, zone: &str) -> Vec<String> {
    let mut left: Vec<(u64, &MachineType)> = Vec::new();
    for kind in &market.types.data {
        let prices =
            market.spot.data.iter().filter(|it| it.machine_type == kind.name && it.zone == zone);
        let Some(lowest) = prices.map(|it| it.price.micros()).min() else { continue };
        let family = kind.name.split_once('.').unwrap().0;
        let rate = market.interruptions.as_ref().unwrap().data.get(&kind.name);
        let often = rate.is_none_or(|rate| *rate > policy.max_interruption.unwrap());
        let allowed = policy.families_allowed.is_empty()
            || policy.families_allowed.iter().any(|it| it == family);
        let keeps = kind.architectures.iter().any(|it| policy.architectures.contains(it))
            && kind.vcpus >= policy.min_vcpus.unwrap()
            && !often
            && allowed
            && kind.burstable == Some(false)
            && kind.current_generation == Some(true);
        if keeps {
            left.push((lowest, kind));
        }
    }
    left.sort_by(|(one, a), (other, b)| {
        let (left, right) = (one * u64::from(b.vcpus), other * u64::from(a.vcpus));
        left.cmp(&right).then_with(|| a.name.cmp(&b.name))
    });
    let mut chosen: Vec<String> = Vec::new();
    for (_, kind) in left {
        let family = format!("{}.", kind.family());
        let same = chosen.iter().filter(|name| name.starts_with(&family)).count();
        if same < policy.max_per_family_per_az.unwrap() as usize {
            chosen.push(kind.name.clone());
        }
    }
    chosen.truncate(policy.top_n_per_az as usize);
    chosen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_order_is_total_the_policy_respected_and_nothing_is_lost(
        market in markets(), policy in policies(),
    ) {
        let ranked = rank(&market, &policy).unwrap();
        for pair in ranked.offers.windows(2) {
            let key = |it: &Offer| (it.score.total_pico_usd, it.kind.name.clone(), it.zone.clone());
            prop_assert!(key(&pair[0]) < key(&pair[1]));
        }
        for offer in ranked.offers.iter().chain(ranked.capped.iter().map(|it| &it.offer)) {
            prop_assert!(respects(&policy, offer), "{offer:?}");
        }
        for dropped in &ranked.dropped {
            prop_assert!(!dropped.misses.is_empty() && !respects(&policy, &dropped.offer), "{dropped:?}");
        }
        for zone in ["a", "b", "c", "d"] {
            let of_zone: Vec<_> = ranked.of_zone(zone).collect();
            prop_assert!(of_zone.len() <= policy.top_n_per_az as usize);
            for offer in &of_zone {
                let same = of_zone.iter().filter(|it| it.kind.family() == offer.kind.family()).count();
                prop_assert!(policy.max_per_family_per_az.is_none_or(|most| same <= most as usize));
            }
        }
        let pairs: std::collections::BTreeSet<_> = market.spot.data.iter()
            .filter(|it| market.types.data.iter().any(|kind| kind.name == it.machine_type))
            .map(|it| (&it.machine_type, &it.zone)).collect();
        let all = ranked.offers.len() + ranked.capped.len() + ranked.dropped.len();
        prop_assert_eq!(all, pairs.len());
        prop_assert_eq!(ranked.nothing_left().is_some(), ranked.offers.is_empty());
    }

    #[test]
    fn the_order_of_the_input_changes_nothing(
        (market, mixed) in markets().prop_flat_map(|market| {
            let types = Just(market.types.data.clone()).prop_shuffle();
            let spot = Just(market.spot.data.clone()).prop_shuffle();
            (Just(market), types, spot)
        }).prop_map(|(market, types, spot)| {
            let mut mixed = market.clone();
            (mixed.types.data, mixed.spot.data) = (types, spot);
            (market, mixed)
        }),
        policy in policies(),
    ) {
        prop_assert_eq!(rank(&market, &policy), rank(&mixed, &policy));
    }

    #[test]
    fn with_spotters_policy_the_offers_are_spotters(
        market in markets(), least in 1..16_u32, rate in 0..5_u64, some in any::<bool>(),
    ) {
        let allowed = if some { vec!["c7g".to_owned(), "m7g".to_owned()] } else { Vec::new() };
        let policy = Policy {
            architectures: vec!["arm64".to_owned()],
            min_vcpus: Some(least),
            max_interruption: Interruption::from_index(rate),
            families_allowed: allowed,
            bare_metal: Wish::Any,
            max_per_family_per_az: Some(2),
            top_n_per_az: 10,
            weights: Weights::PRICE_PER_VCPU,
            ..Policy::default()
        };
        let ranked = rank(&market, &policy).unwrap();
        for zone in ["a", "b", "c", "d"] {
            let ours: Vec<String> = ranked.of_zone(zone).map(|it| it.kind.name.clone()).collect();
            prop_assert_eq!(ours, spotter(&market, &policy, zone), "zone {}", zone);
        }
    }
}
