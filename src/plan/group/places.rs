//! Where a group may have instances now and could launch none any more.

use serde_json::Value;

use super::change::at;

/// Where zones are said, with their subnets.
const ZONES: &str = "compute.availabilityZones";

/// Where subnets are said without their zones.
const SUBNETS: &str = "compute.subnetIds";

/// A zone, or a subnet of which nobody tells here in which zone it is.
struct Place<'a> {
    path: &'static str,
    zone: Option<&'a str>,
    subnets: Vec<&'a str>,
}

impl Place<'_> {
    /// Whether instances from here could be launched in one of these again. What has one subnet in common has its zone in common.
    fn is_among(&self, others: &[Self]) -> bool {
        others.iter().any(|other| {
            let is_same_zone = self.zone.is_some() && self.zone == other.zone;
            let may_launch = self.subnets.is_empty() || !other.subnets.is_empty();
            is_same_zone && may_launch || self.subnets.iter().any(|id| other.subnets.contains(id))
        })
    }

    fn words(&self) -> String {
        match (self.zone, self.subnets.first()) {
            (Some(zone), _) => zone.to_owned(),
            (None, Some(subnet)) => format!("the zone of {subnet}"),
            (None, None) => "a zone whose name is not told".to_owned(),
        }
    }
}

/// Zones that are lost, in words, and where they are said; none if each has somewhere to launch in.
pub(super) fn lost_places(before: &Value, after: &Value) -> Option<(&'static str, Vec<String>)> {
    if [ZONES, SUBNETS].iter().all(|path| at(before, path) == at(after, path)) {
        return None;
    }
    let left = places(after);
    let places = places(before);
    let Some(first) = places.first() else {
        return Some((ZONES, vec!["zones that the vendor does not tell".to_owned()]));
    };
    let path = first.path;
    let lost: Vec<String> =
        places.iter().filter(|place| !place.is_among(&left)).map(Place::words).collect();
    (!lost.is_empty()).then_some((path, lost))
}

fn places(config: &Value) -> Vec<Place<'_>> {
    let mut places: Vec<Place<'_>> = list(at(config, ZONES)).iter().map(zone).collect();
    let bare = list(at(config, SUBNETS)).iter().filter_map(Value::as_str);
    places.extend(bare.map(|id| Place { path: SUBNETS, zone: None, subnets: vec![id] }));
    places
}

fn zone(zone: &Value) -> Place<'_> {
    let ids = list(&zone["subnetIds"]).iter().chain([&zone["subnetId"]]);
    let subnets = ids.filter_map(Value::as_str).filter(|id| !id.is_empty()).collect();
    Place { path: ZONES, zone: zone["name"].as_str(), subnets }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The zones that are lost where one `compute` follows another.
    fn lost(before: &Value, after: &Value) -> Vec<String> {
        let whole = |compute: &Value| json!({"compute": compute});
        lost_places(&whole(before), &whole(after)).map_or(Vec::new(), |(_, lost)| lost)
    }

    fn zones(zones: &[(&str, &[&str])]) -> Value {
        let zones = zones.iter().map(|(name, ids)| json!({"name": name, "subnetIds": ids}));
        json!({"availabilityZones": zones.collect::<Vec<_>>()})
    }

    #[test]
    fn a_zone_stays_with_its_name_or_one_of_its_subnets() {
        let two = zones(&[("a", &["s-a"]), ("b", &["s-b", "s-c"])]);
        for same in [
            zones(&[("b", &["s-c", "s-b"]), ("a", &["s-a"])]),
            zones(&[("a", &["s-a"]), ("b", &["s-d"]), ("c", &["s-e"])]),
            json!({"availabilityZones": [{"name": "a", "subnetId": "s-a"}, {"name": "b", "subnetIds": ["s-b"]}]}),
            json!({"subnetIds": ["s-c", "s-a"], "availabilityZones": null}),
        ] {
            assert!(lost(&two, &same).is_empty(), "{same}");
        }
        let none: [&str; 0] = [];
        for (other, gone) in [
            (zones(&[("a", &["s-a"])]), "b"),
            (zones(&[("b", &["s-b"]), ("c", &["s-d"])]), "a"),
            (zones(&[("a", &none), ("b", &["s-b"])]), "a"),
            (json!({"subnetIds": ["s-a"]}), "b"),
        ] {
            assert_eq!(lost(&two, &other), [gone], "{other}");
        }
        assert_eq!(lost(&two, &json!({})), ["a", "b"]);
    }

    #[test]
    fn what_is_not_told_of_zones_is_lost_by_any_change() {
        let bare = json!({"subnetIds": ["s-a", "s-b"]});
        assert!(lost(&bare, &json!({"subnetIds": ["s-b", "s-a", "s-c"]})).is_empty());
        assert!(lost(&bare, &zones(&[("a", &["s-a", "s-b"])])).is_empty());
        assert_eq!(lost(&bare, &json!({"subnetIds": ["s-b"]})), ["the zone of s-a"]);
        let nameless = json!({"availabilityZones": [{"placementGroupName": "x"}]});
        assert!(lost(&nameless, &nameless).is_empty());
        assert_eq!(lost(&nameless, &zones(&[("a", &["s-a"])])), ["a zone whose name is not told"]);
        let untold = lost(&json!({}), &zones(&[("a", &["s-a"])]));
        assert_eq!(untold, ["zones that the vendor does not tell"]);
    }
}
