use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::domain::{InstanceId, MicroUsd};

fn machine(id: usize, zone: &str) -> Standing {
    Standing {
        id: InstanceId::new(format!("i-{id:03}")),
        zone: zone.to_owned(),
        launched_at: Some(format!("2026-01-01T00:{:02}:00Z", id % 60)),
        price: Some(MicroUsd::new(10)),
    }
}

fn fleet(of: &[(&str, usize)]) -> Vec<Standing> {
    let mut all = Vec::new();
    for (zone, count) in of {
        for _ in 0..*count {
            all.push(machine(all.len() + 1, zone));
        }
    }
    all
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn field(zones: &[&str], open: &[&str], count: u32) -> Field {
    Field { zones: set(zones), open: set(open), count, surge: 1, order: Order::Oldest }
}

fn told(field: &Field, all: &[Standing]) -> Vec<String> {
    let word = |step: &Shift| match step {
        Shift::Launch { zone } => format!("+{zone}"),
        Shift::Leave { instance } => format!("-{instance}"),
        Shift::Even => "even".to_owned(),
    };
    field.foresee(all, &BTreeSet::new()).iter().map(word).collect()
}

const ABC: [&str; 3] = ["a", "b", "c"];

#[test]
fn one_is_launched_where_there_are_too_few_before_the_oldest_goes_where_there_are_too_many() {
    let all = fleet(&[("a", 4), ("b", 1), ("c", 1)]);
    let six = field(&ABC, &ABC, 6);
    assert_eq!(told(&six, &all), ["+b", "-i-001", "+c", "-i-002"]);
    let two = Field { surge: 2, ..six.clone() };
    assert_eq!(told(&two, &all), ["+b", "+c", "-i-001", "-i-002"]);
    let newest = Field { order: Order::Newest, ..six };
    assert_eq!(told(&newest, &all), ["+b", "-i-004", "+c", "-i-003"]);
}

#[test]
fn what_is_as_even_as_it_can_be_stays_and_the_remainder_is_where_it_is() {
    for all in [&[("a", 2), ("b", 1), ("c", 1)], &[("a", 1), ("b", 1), ("c", 2)]] {
        assert!(told(&field(&ABC, &ABC, 4), &fleet(all)).is_empty(), "{all:?}");
    }
    assert!(told(&field(&ABC, &ABC, 1), &fleet(&[("c", 1)])).is_empty());
    assert!(told(&field(&ABC, &ABC, 0), &[]).is_empty());
}

#[test]
fn a_zone_that_is_not_open_gets_none_and_one_that_is_not_named_loses_all() {
    let all = fleet(&[("a", 4), ("b", 1), ("c", 1)]);
    assert_eq!(told(&field(&ABC, &["a", "b"], 6), &all), ["+b", "-i-001"]);
    assert!(told(&field(&ABC, &[], 6), &all).is_empty());
    let gone = told(&field(&["b", "c"], &["b", "c"], 6), &all);
    let launches: Vec<&String> = gone.iter().filter(|step| step.starts_with('+')).collect();
    assert_eq!(launches, ["+b", "+c", "+b", "+c"], "{gone:?}");
    assert_eq!(gone.len(), 8);
    let nowhere = told(&field(&["b"], &[], 6), &all);
    assert!(nowhere.is_empty(), "where nothing is open nothing goes: {nowhere:?}");
}

#[test]
fn an_unfinished_rebalance_goes_on_with_what_was_begun_and_fills_what_is_missing() {
    let all = fleet(&[("a", 4), ("b", 2), ("c", 1)]);
    let begun = BTreeSet::from([InstanceId::new("i-003")]);
    let step = field(&ABC, &ABC, 6).step(&all, &begun);
    assert_eq!(step, Shift::Leave { instance: InstanceId::new("i-003") });
    // One was taken back by EC2 meanwhile.
    let all = fleet(&[("a", 2), ("b", 2), ("c", 1)]);
    assert_eq!(told(&field(&ABC, &ABC, 6), &all), ["+c"]);
}

proptest! {
    #[test]
    fn every_plan_ends_even_never_below_the_count_never_above_the_surge_and_with_the_fewest_moves(
        of in proptest::collection::vec(0..7_usize, 4), open in proptest::collection::vec(any::<bool>(), 4),
        missing in 0..3_u32, surge in 1..4_u32,
    ) {
        let names = ["a", "b", "c", "d"];
        let all = fleet(&names.into_iter().zip(of).collect::<Vec<_>>());
        let open: Vec<&str> = names.into_iter().zip(&open).filter(|it| *it.1).map(|it| it.0).collect();
        let total = u32::try_from(all.len()).unwrap();
        let field = Field { surge, ..field(&names, &open, total + missing) };
        let before = counted(&all);
        let steps = field.foresee(&all, &BTreeSet::new());
        let (mut now, mut here) = (total, before.clone());
        for step in &steps {
            match step {
                Shift::Launch { zone } => {
                    prop_assert!(open.contains(&zone.as_str()));
                    now += 1;
                    *here.entry(zone.clone()).or_default() += 1;
                }
                Shift::Leave { instance } => {
                    now -= 1;
                    prop_assert!(now >= field.count, "below the count");
                    let zone = &all.iter().find(|it| it.id == *instance).unwrap().zone;
                    *here.get_mut(zone).unwrap() -= 1;
                }
                Shift::Even => unreachable!("it is the end"),
            }
            prop_assert!(now <= field.count + surge);
        }
        let count = |zone: &str| here.get(zone).copied().unwrap_or(0);
        let had = |zone: &str| before.get(zone).copied().unwrap_or(0);
        // An open zone is never two below another that could give one.
        for low in &open {
            for high in names {
                prop_assert!(count(high) <= count(low) + 1, "{here:?}");
            }
        }
        prop_assert!(open.is_empty() || now == field.count);
        for name in names {
            prop_assert!(open.contains(&name) || count(name) <= had(name));
        }
        // No zone both gets and gives.
        let launches = steps.iter().filter(|it| matches!(it, Shift::Launch { .. })).count();
        let gained: u32 = names.into_iter().map(|it| count(it).saturating_sub(had(it))).sum();
        prop_assert_eq!(launches, gained as usize);
    }
}
