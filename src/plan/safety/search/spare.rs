//! Whether the others have what the target gives: its roles, and room for what may be moved while it is away.

use std::collections::BTreeSet;

use super::{Asked, Judged};
use crate::domain::{SearchNode, Watermark};
use crate::plan::gate::Finding;

/// It restricts what another role allows, so nobody needs to have it, too.
const VOTING_ONLY: &str = "voting_only";

/// Whoever holds any data holds these as well. Not the frozen tier, whose shards need a cache that not each node has.
const HELD_BY_DATA: [&str; 4] = ["data_content", "data_hot", "data_warm", "data_cold"];

/// Those that take in new data, which is asked of the others when a node of all data goes.
const TAKING_IN: [&str; 2] = ["data_content", "data_hot"];

/// Whether nodes with these roles together do what the role says.
fn is_filled(role: &str, by: &BTreeSet<&str>) -> bool {
    let is_held = by.contains("data") && HELD_BY_DATA.contains(&role);
    let takes_in = role == "data" && TAKING_IN.iter().all(|it| by.contains(it));
    by.contains(role) || is_held || takes_in
}

/// Whether a node has shards on its own disk. What the frozen tier has there is a cache, which fills the disk by design.
fn stores(node: &SearchNode) -> bool {
    node.roles.iter().any(|role| role.starts_with("data") && role != "data_frozen")
}

impl Asked<'_> {
    /// One finding for each role that is the target's alone.
    pub(super) fn roles_elsewhere(&self) -> Vec<Finding> {
        const NAME: &str = "roles_elsewhere";
        let nodes = match &self.cluster.nodes {
            Ok(nodes) => nodes,
            Err(obstacle) => return vec![self.whole(NAME, Judged::unknown(obstacle.to_string()))],
        };
        let Some(target) = nodes.get(self.target()) else {
            let text = format!("{} is none of the nodes", self.target());
            return vec![self.whole(NAME, Judged::unknown(text))];
        };
        let others = nodes.iter().filter(|(name, _)| *name != self.target());
        let elsewhere: BTreeSet<&str> =
            others.flat_map(|(_, node)| &node.roles).map(String::as_str).collect();
        let (filled, alone): (Vec<&str>, Vec<&str>) = target
            .roles
            .iter()
            .map(String::as_str)
            .filter(|role| *role != VOTING_ONLY)
            .partition(|role| is_filled(role, &elsewhere));
        let filled = Judged::pass(format!("filled by others, too: {}", filled.join(", ")));
        let alone = alone.into_iter().map(|role| {
            (role, Judged::fail(format!("no other node than {} is {role}", self.target())))
        });
        self.each(NAME, filled, alone)
    }

    /// One finding for each other node with data whose disk is too full, or of which it is not told.
    pub(super) fn disk_headroom(&self) -> Vec<Finding> {
        const NAME: &str = "disk_headroom";
        let told = (&self.cluster.disks, &self.cluster.high_watermark, &self.cluster.nodes);
        let (disks, most, nodes) = match told {
            (Ok(disks), Ok(Watermark::Percent(most)), Ok(nodes)) => (disks, *most, nodes),
            (Ok(_), Ok(Watermark::Other(value)), Ok(_)) => {
                let text = format!("the high watermark is {value}, which is not compared");
                return vec![self.whole(NAME, Judged::unknown(text))];
            }
            (Err(obstacle), _, _) | (_, Err(obstacle), _) | (_, _, Err(obstacle)) => {
                return vec![self.whole(NAME, Judged::unknown(obstacle.to_string()))];
            }
        };
        let judged = |name: &String| match disks.get(name) {
            Some(percent) if *percent >= most => {
                Some(Judged::fail(format!("{name} is {percent} % full; {most} % is the most")))
            }
            Some(_) => None,
            None => Some(Judged::unknown(format!("how full {name} is is not told"))),
        };
        let others = nodes.iter().filter(|(name, node)| *name != self.target() && stores(node));
        let full = others.filter_map(|(name, _)| Some((name.as_str(), judged(name)?)));
        let rest = format!("the high watermark of the others with data is {most} %");
        self.each(NAME, Judged::pass(rest), full)
    }
}
