//! What a group is to have, in instances or in their weights.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::change::at;
use super::refusal::whole;

/// How much is to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Goal {
    /// So many instances, or units of weight.
    pub target: usize,
    /// What an instance of each type counts, where weights are counted.
    pub weights: Option<BTreeMap<String, usize>>,
    /// Whether the platform checks the health of the group's instances, and it counts.
    pub is_checked: bool,
}

impl Goal {
    /// What a configuration asks for. `with_health` says whether health counts where it is checked.
    pub fn of(config: &Map<String, Value>, with_health: bool) -> Self {
        let config = &Value::Object(config.clone());
        let number = |value: &Value| whole(value).and_then(|number| usize::try_from(number).ok());
        let kind = at(config, "compute.launchSpecification.healthCheckType").as_str();
        let is_weighed = at(config, "capacity.unit") == "weight";
        let weights = at(config, "compute.instanceTypes.weights").as_array();
        let weights = weights.into_iter().flatten().filter_map(|it| {
            Some((it["instanceType"].as_str()?.to_owned(), number(&it["weightedCapacity"])?))
        });
        Self {
            target: number(at(config, "capacity.target")).unwrap_or(0),
            weights: is_weighed.then(|| weights.collect()),
            is_checked: with_health && kind.is_some_and(|it| !it.is_empty() && it != "NONE"),
        }
    }

    /// What an instance of a type counts. One of a type without a weight, or of an unknown type, counts the least there is.
    pub fn weight(&self, instance_type: Option<&str>) -> usize {
        let Some(weights) = &self.weights else { return 1 };
        instance_type.and_then(|name| weights.get(name)).copied().unwrap_or(1)
    }

    /// A count of it, in words.
    pub(super) fn counted(&self, count: usize) -> String {
        let unit = if self.weights.is_some() { "units of weight" } else { "instances" };
        format!("{count} of {} {unit}", self.target)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn instances_count_one_and_weights_what_the_group_says() {
        let of = |config: Value| Goal::of(config.as_object().unwrap(), true);
        let plain = of(json!({"capacity": {"target": "3", "unit": "instance"},
            "compute": {"instanceTypes": {"weights": [{"instanceType": "m5.large", "weightedCapacity": 2}]}}}));
        assert_eq!((plain.target, plain.weight(Some("m5.large"))), (3, 1));
        assert!(!plain.is_checked);
        let weighed = of(json!({"capacity": {"target": 8, "unit": "weight"},
            "compute": {"instanceTypes": {"weights": [{"instanceType": "m5.large", "weightedCapacity": "2"}]},
                "launchSpecification": {"healthCheckType": "EC2"}}}));
        assert_eq!(weighed.weight(Some("m5.large")), 2);
        assert_eq!((weighed.weight(Some("m5.xlarge")), weighed.weight(None)), (1, 1));
        assert!(weighed.is_checked);
        assert_eq!(Goal::of(&Map::new(), true), Goal::default());
    }
}
