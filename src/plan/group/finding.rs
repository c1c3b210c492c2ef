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
}

/// Looks for a group. Names are not unique with the vendor, ids are.
pub fn find<'g>(wanted: Wanted<'_>, groups: &'g [Group]) -> Found<'g> {
    if let Some(id) = wanted.id {
        let found = groups.iter().find(|group| group.id.as_str() == id);
        return found.map_or(Found::Nothing { elsewhere: Vec::new() }, Found::One);
    }
    let of_name: Vec<&Group> =
        groups.iter().filter(|group| Some(group.name.as_str()) == wanted.name).collect();
    let is_there = |group: &&&Group| {
        let region = group.region.as_ref().map(|region| region.as_str().to_owned());
        wanted.region.is_none() || region.is_none() || region.as_deref() == wanted.region
    };
    let here: Vec<&Group> = of_name.iter().filter(is_there).copied().collect();
    match here[..] {
        [] => {
            let place = |group: &&Group| match &group.region {
                Some(region) => format!("{} in {}", group.id, region.as_str()),
                None => group.id.to_string(),
            };
            Found::Nothing { elsewhere: of_name.iter().map(place).collect() }
        }
        [one] => Found::One(one),
        _ => Found::Several(here.iter().map(|group| group.id.clone()).collect()),
    }
}
