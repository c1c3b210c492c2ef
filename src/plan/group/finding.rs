//! Which group is meant.

use crate::domain::{Group, GroupId};

/// How a group is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// Its id; then nothing else counts.
    pub id: Option<&'a str>,
    /// Its name.
    pub name: Option<&'a str>,
    /// Its region: a group of the same name elsewhere is another one, for no group ever moves.
    pub region: Option<&'a str>,
}

/// What is there of that name.
#[derive(Clone, Debug, PartialEq)]
pub enum Found<'g> {
    /// No such group; these have its name in other regions.
    Nothing {
        /// Their ids and regions.
        elsewhere: Vec<String>,
    },
    /// This one.
    One(&'g Group),
    /// Several have the name: none of them can be meant.
    Several(Vec<GroupId>),
    /// What the vendor tells leaves it open which group is meant, and why.
    Unsure(String),
}

/// Looks for a group. Names are not unique with the vendor, ids are. `left_out` is what was listed and could not be read.
///
/// A name finds a group, or shows that there is none, only where every group is told with what it takes to say so: each that
/// cannot be read, has no name, or has the name and no region may be the one, or another one of that name.
pub fn find<'g>(wanted: Wanted<'_>, groups: &'g [Group], left_out: &[String]) -> Found<'g> {
    if let Some(id) = wanted.id {
        let found = groups.iter().find(|group| group.id.as_str() == id);
        return match (found, left_out) {
            (Some(group), _) => Found::One(group),
            (None, [first, ..]) => Found::Unsure(first.clone()),
            (None, []) => Found::Nothing { elsewhere: Vec::new() },
        };
    }
    let of_name: Vec<&Group> =
        groups.iter().filter(|group| Some(group.name.as_str()) == wanted.name).collect();
    let is_here = |group: &&&Group| wanted.region.is_none() || region(group) == wanted.region;
    let here: Vec<&Group> = of_name.iter().filter(is_here).copied().collect();
    if here.len() > 1 {
        return Found::Several(here.iter().map(|group| group.id.clone()).collect());
    }
    let doubt = left_out.first().cloned();
    if let Some(doubt) = doubt.or_else(|| doubt_of_name(wanted, groups)) {
        return Found::Unsure(doubt);
    }
    match here[..] {
        [one, ..] => Found::One(one),
        [] => {
            let place = |group: &&Group| match region(group) {
                Some(region) => format!("{} in {region}", group.id),
                None => group.id.to_string(),
            };
            Found::Nothing { elsewhere: of_name.iter().map(place).collect() }
        }
    }
}

fn region(group: &Group) -> Option<&str> {
    group.region.as_ref().map(|region| region.as_str())
}

/// The first group of which is not told whether it is one of that name and region.
fn doubt_of_name(wanted: Wanted<'_>, groups: &[Group]) -> Option<String> {
    groups.iter().find_map(|group| {
        let is_elsewhere = region(group).is_some_and(|it| wanted.region.is_some_and(|w| w != it));
        if group.name.is_empty() && !is_elsewhere {
            return Some(format!("the vendor tells no name of group {}", group.id));
        }
        let is_of_name = Some(group.name.as_str()) == wanted.name;
        let is_placeless = wanted.region.is_some() && region(group).is_none();
        (is_of_name && is_placeless).then(|| {
            format!("the vendor tells no region of group {}, which has that name", group.id)
        })
    })
}
