//! What a cluster's machines are launched from, as Spotter keeps it in a parameter of Systems Manager and as more is added to it here.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::domain::TemplateName;

const CLUSTER: &str = "cluster_name";
const REGION: &str = "region";
const TEMPLATE: &str = "launch_template_id";
const VERSION: &str = "launch_template_version";
const SUBNETS: &str = "subnet_ids";
/// One subnet a zone: two of a zone collapse there.
const ONE_EACH: &str = "subnet_map";
const BY_ZONE: &str = "subnets_by_zone";
const POLICY: &str = "policy";

/// A standard parameter of Systems Manager holds no more, in bytes.
const LARGEST: usize = 4096;
const LONGEST_NAME: usize = 100;
const USUAL_VERSION: &str = "$Default";

/// A profile. What others keep beside it in the same parameter stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// The cluster.
    pub cluster: String,
    /// Its region; none where it is not told.
    pub region: Option<String>,
    /// The launch template, by its id.
    pub template: Option<TemplateName>,
    /// The subnets, those of one zone together.
    pub subnets: Vec<String>,
    /// The same by zone, as far as zones are told.
    pub by_zone: BTreeMap<String, Vec<String>>,
    /// What is wanted of an offer, as it is typed; none where nothing is told.
    pub policy: Option<Map<String, Value>>,
    /// What is not known here.
    others: Map<String, Value>,
}

/// A profile that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProfileError {
    /// A name that is none.
    #[error(
        "the cluster {0:?} is not 1 to 100 letters, digits, points, dashes and underscores that begin with a letter or digit"
    )]
    Name(String),
    /// What is kept is no profile.
    #[error("it is no profile: {0}")]
    Torn(String),
    /// It does not fit into a parameter.
    #[error("it is {0} bytes, and a parameter takes 4096: name fewer subnets")]
    Large(usize),
}

/// A cluster's name is the last part of a parameter's.
///
/// # Errors
///
/// It is none.
pub fn check_cluster(name: &str) -> Result<(), ProfileError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if begins && name.len() <= LONGEST_NAME && name.chars().all(fits) {
        Ok(())
    } else {
        Err(ProfileError::Name(name.chars().take(2 * LONGEST_NAME).collect()))
    }
}

impl Profile {
    /// The profile that a parameter's text holds.
    ///
    /// # Errors
    ///
    /// It holds none: nothing of it is used.
    pub fn read(cluster: &str, text: &str) -> Result<Self, ProfileError> {
        let torn = |why: String| ProfileError::Torn(why);
        let mut all: Map<String, Value> =
            serde_json::from_str(text).map_err(|error| torn(error.to_string()))?;
        if let Some(other) = words(&mut all, CLUSTER)?.filter(|it| it != cluster) {
            return Err(torn(format!("{CLUSTER} is {other:?}")));
        }
        let region = words(&mut all, REGION)?;
        let (id, version) = (words(&mut all, TEMPLATE)?, words(&mut all, VERSION)?);
        let template = id.map(|id| TemplateName {
            id: Some(id),
            name: None,
            version: version.unwrap_or_else(|| USUAL_VERSION.to_owned()),
        });
        let mut by_zone = zones(&mut all, BY_ZONE)?;
        for (zone, ids) in zones(&mut all, ONE_EACH)? {
            let known = by_zone.entry(zone).or_default();
            known.extend(ids.into_iter().filter(|id| !known.contains(id)).collect::<Vec<_>>());
        }
        let listed = list(all.shift_remove(SUBNETS), SUBNETS)?;
        let mut subnets = listed;
        if subnets.is_empty() {
            subnets = by_zone.values().flatten().cloned().collect();
        } else {
            // The list is what Spotter launches in; a zone's entry that is not on it is out of date.
            by_zone.values_mut().for_each(|ids| ids.retain(|id| subnets.contains(id)));
            by_zone.retain(|_, ids| !ids.is_empty());
        }
        let policy = match all.shift_remove(POLICY) {
            None | Some(Value::Null) => None,
            Some(Value::Object(policy)) => Some(policy),
            Some(_) => return Err(torn(format!("{POLICY} is no mapping"))),
        };
        Ok(Self {
            cluster: cluster.to_owned(),
            region,
            template,
            subnets,
            by_zone,
            policy,
            others: all,
        })
    }

    /// As it is kept.
    pub fn document(&self) -> Value {
        let mut all = self.others.clone();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                all.insert(name.to_owned(), value);
            }
        };
        put(CLUSTER, Some(json!(self.cluster)));
        put(REGION, self.region.as_ref().map(|region| json!(region)));
        put(TEMPLATE, self.template.as_ref().map(|it| json!(it.id)));
        put(VERSION, self.template.as_ref().map(|it| json!(it.version)));
        put(SUBNETS, Some(json!(self.subnets)));
        let first = self.by_zone.iter().filter_map(|(zone, ids)| Some((zone, ids.first()?)));
        put(ONE_EACH, Some(json!(first.collect::<BTreeMap<_, _>>())));
        put(BY_ZONE, Some(json!(self.by_zone)));
        put(POLICY, self.policy.as_ref().map(|policy| json!(policy)));
        Value::Object(all)
    }

    /// The same as text.
    ///
    /// # Errors
    ///
    /// It does not fit into a parameter.
    pub fn text(&self) -> Result<String, ProfileError> {
        let text = self.document().to_string();
        if text.len() > LARGEST { Err(ProfileError::Large(text.len())) } else { Ok(text) }
    }
}

fn words(all: &mut Map<String, Value>, name: &str) -> Result<Option<String>, ProfileError> {
    match all.shift_remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(ProfileError::Torn(format!("{name} is no text"))),
    }
}

/// One, or several.
fn list(value: Option<Value>, name: &str) -> Result<Vec<String>, ProfileError> {
    let torn = || ProfileError::Torn(format!("{name} is no list of subnets"));
    let mut found: Vec<String> = Vec::new();
    let all = match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(one)) => vec![Value::String(one)],
        Some(Value::Array(all)) => all,
        Some(_) => return Err(torn()),
    };
    for it in all {
        match it {
            Value::String(id) if id.starts_with("subnet-") => {
                if !found.contains(&id) {
                    found.push(id);
                }
            }
            _ => return Err(torn()),
        }
    }
    Ok(found)
}

fn zones(
    all: &mut Map<String, Value>,
    name: &str,
) -> Result<BTreeMap<String, Vec<String>>, ProfileError> {
    match all.shift_remove(name) {
        None | Some(Value::Null) => Ok(BTreeMap::new()),
        Some(Value::Object(zones)) => {
            let each = zones.into_iter().map(|(zone, ids)| Ok((zone, list(Some(ids), name)?)));
            each.collect()
        }
        Some(_) => Err(ProfileError::Torn(format!("{name} is no mapping of zones"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Spotter writes.
    const SPOTTER: &str = r#"{"cluster_name": "prod", "launch_template_id": "lt-1", "subnet_ids": ["subnet-a", "subnet-b",
        "subnet-a2"], "subnet_map": {"eu-west-1a": "subnet-a2", "eu-west-1b": "subnet-b"}, "region": "eu-west-1", "owner": "me"}"#;

    #[test]
    fn what_spotter_keeps_is_read_whole_and_what_is_not_known_stays() {
        let read = Profile::read("prod", SPOTTER).unwrap();
        assert_eq!(read.subnets, ["subnet-a", "subnet-b", "subnet-a2"], "also two of a zone");
        assert_eq!(read.region.as_deref(), Some("eu-west-1"));
        let template = read.template.clone().unwrap();
        assert_eq!((template.id.as_deref(), template.version.as_str()), (Some("lt-1"), "$Default"));
        assert_eq!(read.document()["owner"], "me");
        assert_eq!(Profile::read("prod", &read.text().unwrap()), Ok(read));
    }

    #[test]
    fn several_subnets_of_a_zone_come_back_and_spotter_sees_the_first() {
        let by_zone = BTreeMap::from([
            ("eu-west-1a".to_owned(), vec!["subnet-a".to_owned(), "subnet-c".to_owned()]),
            ("eu-west-1b".to_owned(), vec!["subnet-b".to_owned()]),
        ]);
        let profile = Profile {
            cluster: "prod".to_owned(),
            subnets: by_zone.values().flatten().cloned().collect(),
            by_zone,
            policy: Some(Map::from_iter([("min_vcpus".to_owned(), json!(4))])),
            ..Profile::default()
        };
        let kept = profile.document();
        assert_eq!(kept["subnet_map"], json!({"eu-west-1a": "subnet-a", "eu-west-1b": "subnet-b"}));
        assert_eq!(Profile::read("prod", &kept.to_string()), Ok(profile));
        // Spotter has taken a subnet off its list.
        let less = json!({"subnet_ids": ["subnet-b"], "subnets_by_zone": kept["subnets_by_zone"]});
        let read = Profile::read("prod", &less.to_string()).unwrap();
        assert_eq!(read.by_zone.into_keys().collect::<Vec<_>>(), ["eu-west-1b"]);
    }

    #[test]
    fn what_is_no_profile_is_refused() {
        for (text, words) in [
            ("", "EOF"),
            ("[]", "invalid type"),
            ("{\"cluster_name\": \"other\"}", "cluster_name is \"other\""),
            ("{\"launch_template_id\": 1}", "launch_template_id is no text"),
            ("{\"subnet_ids\": [\"x\"]}", "subnet_ids is no list of subnets"),
            ("{\"subnet_ids\": {}}", "subnet_ids is no list of subnets"),
            ("{\"subnet_map\": []}", "subnet_map is no mapping of zones"),
            ("{\"policy\": 1}", "policy is no mapping"),
            ("{\"cluster_name\": \"prod\"", "EOF"),
        ] {
            let said = Profile::read("prod", text).unwrap_err().to_string();
            assert!(said.contains(words), "{text}: {said}");
        }
        assert_eq!(check_cluster("prod-1"), Ok(()));
        for name in ["", "a/b", "-a", "a b", &"x".repeat(101)] {
            assert!(check_cluster(name).is_err(), "{name}");
        }
        let subnets = (0..300).map(|number| format!("subnet-{number:017}")).collect();
        let large = Profile { subnets, ..Profile::default() };
        assert!(matches!(large.text(), Err(ProfileError::Large(_))));
    }
}
