use proptest::prelude::*;

use super::*;

fn node(standing: Standing, roles: &[&str], load: u64) -> NodeView {
    let roles = roles.iter().map(|&role| role.to_owned()).collect();
    NodeView { standing, roles, load: Some(load) }
}

fn candidate(id: &str, member: &str, zone: &str) -> Candidate {
    let zone = (!zone.is_empty()).then(|| zone.to_owned());
    Candidate { id: id.to_owned(), member: member.to_owned(), zone }
}

/// Nodes by their members, each with its zone; the stateful instance of `a` is `ssi-a`.
fn ordered(
    technology: Technology,
    nodes: &[(&str, &str, NodeView)],
    after: Option<&str>,
) -> Result<Vec<String>, NoOrder> {
    let mut view = ClusterView::default();
    let mut candidates = Vec::new();
    for (member, zone, node) in nodes {
        view.note(*member, node.clone());
        candidates.push(candidate(&format!("ssi-{member}"), member, zone));
    }
    let placed = order(technology, &view, &candidates, after)?;
    Ok(placed.into_iter().map(|it| it.candidate.member).collect())
}

#[test]
fn who_leads_is_last_of_its_kind() {
    use Standing::{Follower, Leader, Observer};
    for (technology, nodes, expected) in [
        (
            Technology::ZooKeeper,
            vec![
                ("a", "", node(Leader, &[], 0)),
                ("b", "", node(Follower, &[], 9)),
                ("c", "", node(Observer, &[], 99)),
            ],
            ["c", "b", "a"],
        ),
        // Dedicated controllers come before brokers, the active one last of them.
        (
            Technology::Kafka,
            vec![
                ("1", "", node(Observer, &["broker"], 0)),
                ("2", "", node(Leader, &["controller"], 0)),
                ("3", "", node(Follower, &["controller"], 0)),
            ],
            ["3", "2", "1"],
        ),
        // With ZooKeeper all are brokers.
        (
            Technology::Kafka,
            vec![
                ("1", "", node(Leader, &["broker"], 0)),
                ("2", "", node(Follower, &["broker"], 5)),
                ("3", "", node(Follower, &["broker"], 3)),
            ],
            ["3", "2", "1"],
        ),
        (
            Technology::Search,
            vec![
                ("a", "", node(Leader, &["data", "master"], 0)),
                ("b", "", node(Follower, &["data", "master"], 4)),
                ("c", "", node(Observer, &["data"], 9)),
            ],
            ["c", "b", "a"],
        ),
    ] {
        let found = ordered(technology, &nodes, None).unwrap();
        assert_eq!(found, expected, "{technology:?}");
    }
}

#[test]
fn tiers_go_from_cold_to_hot_and_electable_nodes_without_data_last() {
    use Standing::{Follower, Leader, Observer};
    let nodes = [
        ("master", "", node(Leader, &["master"], 0)),
        ("voter", "", node(Follower, &["master"], 0)),
        // Whatever it serves: one without data has no copies.
        ("ingest", "", node(Observer, &["ingest"], 0)),
        ("hot", "", node(Observer, &["data_hot", "data_content"], 5)),
        ("cold", "", node(Observer, &["data_cold"], 90)),
        ("frozen", "", node(Observer, &["data_frozen"], 99)),
        ("warm", "", node(Observer, &["data_warm"], 50)),
        ("cold voter", "", node(Follower, &["data_cold", "master"], 90)),
    ];
    let expected = ["frozen", "cold", "warm", "hot", "cold voter", "ingest", "voter", "master"];
    assert_eq!(ordered(Technology::Search, &nodes, None).unwrap(), expected);
}

#[test]
fn the_canary_has_the_least_load_and_its_zone_is_finished_first() {
    use Standing::{Follower, Leader};
    let nodes = [
        ("a", "z1", node(Follower, &["broker", "controller"], 7)),
        ("b", "z2", node(Follower, &["broker", "controller"], 3)),
        ("c", "z1", node(Follower, &["broker", "controller"], 5)),
        ("d", "z2", node(Follower, &["broker", "controller"], 9)),
        ("e", "z2", node(Leader, &["broker", "controller"], 0)),
    ];
    let found = ordered(Technology::Kafka, &nodes, None).unwrap();
    assert_eq!(found, ["b", "d", "c", "a", "e"]);
    // Where another node was rolled before, its zone is gone on with.
    let found = ordered(Technology::Kafka, &nodes, Some("z1")).unwrap();
    assert_eq!(found, ["c", "a", "b", "d", "e"]);
}

#[test]
fn nothing_is_ordered_while_it_is_not_known_who_leads() {
    use Standing::{Away, Follower, Leader};
    let unknown = || Standing::Unknown("no answer".to_owned());
    let three = |standings: [Standing; 3]| {
        let [a, b, c] = standings.map(|it| node(it, &[], 0));
        ordered(Technology::ZooKeeper, &[("a", "", a), ("b", "", b), ("c", "", c)], None)
    };
    assert_eq!(three([Follower, Away, Follower]), Err(NoOrder::Nobody));
    let several = NoOrder::Several(vec!["a".to_owned(), "c".to_owned()]);
    assert_eq!(three([Leader, Follower, Leader]), Err(several));
    let told = three([Leader, unknown(), Follower]).unwrap_err();
    assert!(told.may_pass());
    assert_eq!(told.to_string(), "it is not known who leads the cluster: b (unknown: no answer)");
}

#[test]
fn a_member_that_is_not_told_of_or_is_two_nodes_is_refused() {
    let mut view = ClusterView::default();
    view.note("a", node(Standing::Leader, &[], 0));
    let one = [candidate("ssi-1", "a", ""), candidate("ssi-2", "b", "")];
    let found = order(Technology::ZooKeeper, &view, &one, None).unwrap_err();
    assert_eq!(
        found.to_string(),
        "the cluster tells of no member b, which node ssi-2 is said to be"
    );
    let two = [candidate("ssi-1", "a", ""), candidate("ssi-2", "a", "")];
    let found = order(Technology::ZooKeeper, &view, &two, None).unwrap_err();
    assert!(!found.may_pass());
    assert_eq!(found.to_string(), "two nodes are said to be member a");
}

proptest! {
    /// Whatever the cluster: all are in it once, and the leader comes after all others of its technology that share its part.
    #[test]
    fn all_are_in_it_once_and_the_leader_is_last(
        nodes in prop::collection::vec((0..3_u8, 0..50_u64, any::<bool>()), 1..9),
        at in any::<prop::sample::Index>(),
        after in prop::option::of(0..3_u8),
    ) {
        let leader = at.index(nodes.len());
        let named: Vec<(String, String, NodeView)> = nodes.iter().enumerate().map(|(at, (zone, load, votes))| {
            let standing = match (at == leader, votes) {
                (true, _) => Standing::Leader,
                (false, true) => Standing::Follower,
                (false, false) => Standing::Observer,
            };
            (format!("n{at}"), format!("z{zone}"), node(standing, &["data", "master"], *load))
        }).collect();
        let borrowed: Vec<(&str, &str, NodeView)> =
            named.iter().map(|(name, zone, node)| (name.as_str(), zone.as_str(), node.clone())).collect();
        let after = after.map(|zone| format!("z{zone}"));
        for technology in [Technology::ZooKeeper, Technology::Search] {
            let found = ordered(technology, &borrowed, after.as_deref()).unwrap();
            prop_assert_eq!(found.len(), nodes.len());
            prop_assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), nodes.len());
            prop_assert_eq!(found.last().unwrap(), &format!("n{leader}"));
        }
    }
}
