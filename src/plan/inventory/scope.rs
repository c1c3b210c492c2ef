//! Which groups are in.

use std::collections::BTreeMap;

use wildmatch::WildMatch;

use crate::domain::{Group, Region};

/// A filter over groups (and managed instances); an empty part lets everything pass.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scope {
    regions: Vec<String>,
    elastigroups: Vec<String>,
    tags: BTreeMap<String, Vec<String>>,
}

impl Scope {
    /// `regions` by exact name, `elastigroups` by id, name or glob (`*`, `?`) over either, `tags` by name and
    /// glob over the value; a tag without values asks only that it is there. All parts must agree.
    pub fn new(
        regions: Vec<String>,
        elastigroups: Vec<String>,
        tags: BTreeMap<String, Vec<String>>,
    ) -> Self {
        Self { regions, elastigroups, tags }
    }

    /// Whether `group` is in. A group without a region is in only where no region was asked for.
    pub fn holds(&self, group: &Group) -> bool {
        self.holds_parts(group.region.as_ref(), [group.id.as_str(), &group.name], &group.tags)
    }

    /// The same question for anything with a region, two names and tags.
    pub fn holds_parts(
        &self,
        region: Option<&Region>,
        names: [&str; 2],
        tags: &BTreeMap<String, String>,
    ) -> bool {
        let in_region =
            |region: &Region| self.regions.iter().any(|wanted| wanted == region.as_str());
        let named = |pattern: &String| names.iter().any(|name| matches(pattern, name));
        let tagged = |(name, values): (&String, &Vec<String>)| {
            tags.get(name).is_some_and(|tag| {
                values.is_empty() || values.iter().any(|pattern| matches(pattern, tag))
            })
        };
        (self.regions.is_empty() || region.is_some_and(in_region))
            && (self.elastigroups.is_empty() || self.elastigroups.iter().any(named))
            && self.tags.iter().all(tagged)
    }

    /// The patterns of `elastigroups` that meet none of `groups`: probably misspelt, so worth a word.
    pub fn unmatched<'a>(&'a self, groups: &[(&str, &str)]) -> Vec<&'a str> {
        let meets = |pattern: &str| {
            groups.iter().any(|(id, name)| matches(pattern, id) || matches(pattern, name))
        };
        self.elastigroups.iter().map(String::as_str).filter(|pattern| !meets(pattern)).collect()
    }
}

/// Equal, or a glob that matches: a name may itself hold `*` or `?`.
fn matches(pattern: &str, text: &str) -> bool {
    pattern == text || WildMatch::new(pattern).matches(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(regions: &[&str], names: &[&str], tags: &[(&str, &[&str])]) -> Scope {
        let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let tags = tags.iter().map(|(name, values)| ((*name).to_owned(), owned(values))).collect();
        Scope::new(owned(regions), owned(names), tags)
    }

    #[test]
    fn every_part_must_agree_and_an_empty_part_lets_pass() {
        let region = Region::new("eu-west-1");
        let tags = BTreeMap::from([("Role".to_owned(), "kafka".to_owned())]);
        let holds =
            |scope: Scope| scope.holds_parts(Some(&region), ["sig-1", "kafka prod/1"], &tags);
        assert!(holds(scope(&[], &[], &[])));
        assert!(holds(scope(&["eu-west-1"], &["sig-1"], &[("Role", &["kafka"])])));
        assert!(holds(scope(&[], &["kafka*"], &[("Role", &[])])));
        assert!(holds(scope(&[], &["other", "*prod?1"], &[("Role", &["zoo*", "ka*"])])));
        assert!(!holds(scope(&["us-east-1"], &[], &[])));
        assert!(!holds(scope(&[], &["kafka"], &[])));
        assert!(!holds(scope(&[], &[], &[("Role", &["zookeeper"])])));
        assert!(!holds(scope(&[], &[], &[("Missing", &[])])));
    }

    #[test]
    fn a_group_without_region_is_not_in_an_asked_region() {
        let asked = scope(&["eu-west-1"], &[], &[]);
        assert!(!asked.holds_parts(None, ["sig-1", "x"], &BTreeMap::new()));
    }

    #[test]
    fn patterns_that_meet_nothing_are_told() {
        let asked = scope(&[], &["kafka", "zoo*"], &[]);
        assert_eq!(asked.unmatched(&[("sig-1", "zookeeper")]), ["kafka"]);
    }
}
