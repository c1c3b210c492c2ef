//! In which order nodes are rolled where the cluster is asked, and what a roll refuses before anything is changed.

use std::fs;

use serde_json::json;

use crate::site::{NEWEST, Site, changed, last_words};
use crate::support::ansible::VERSIONS;
use crate::support::cli::ran;
use crate::support::keepers::{Said, keeper_on, well};

/// The nodes in the order in which they were recycled.
fn recycled(site: &Site) -> Vec<String> {
    let requests = site.desk.simulator.requests().into_iter();
    let asked = requests.filter_map(|request| {
        Some(request.path.strip_suffix("/recycle")?.rsplit('/').next()?.to_owned())
    });
    asked.collect()
}

/// Three servers, of which the one leads whose node the file `leader` names.
fn ensemble(site: &Site) -> serde_json::Value {
    let file = site.path("leader");
    let server = |(at, node): (usize, String)| {
        let file = file.clone();
        let id = node.clone();
        let address = keeper_on(&format!("127.0.0.{}", at + 2), move |word| {
            let leads = fs::read_to_string(&file).unwrap().trim() == id;
            Said::Text(well(word, if leads { "leader" } else { "follower" }, 3))
        });
        (node, json!(address))
    };
    let members: serde_json::Map<_, _> = site.nodes().into_iter().enumerate().map(server).collect();
    let servers: Vec<_> = members.values().cloned().collect();
    json!({
        "members": members,
        "rolling_recycle_cluster": {"kind": "zookeeper", "servers": servers},
        "rolling_recycle_member": "{{ members[rolling_recycle_node.id] | default('') }}",
    })
}

#[test]
fn who_leads_is_rolled_last_and_asked_anew_before_each_node() {
    for version in VERSIONS {
        let site = Site::with(3);
        fs::write(site.path("leader"), "ssi-01").unwrap();
        let mut more = ensemble(&site);
        let plan = site.roll(version, &more, &["--check", "--diff"]);
        assert_eq!(changed(&plan), 1, "{version}");
        for word in ["1. ssi-02", "2. ssi-03", "3. ssi-01", "order: by who leads"] {
            assert!(plan.stdout.contains(word), "{version}: {word}: {}", plan.stdout);
        }
        // While the first one is worked on, the lead goes to the one that would be the next.
        let file = site.path("leader");
        more["rolling_recycle_tasks"] = site.tasks(
            "drain",
            &format!(
                "- ansible.builtin.copy: {{dest: {}, content: ssi-03, mode: '0644'}}",
                file.display()
            ),
        );
        let run = site.roll(version, &more, &[]);
        assert!(changed(&run) > 3, "{version}");
        assert_eq!(recycled(&site), ["ssi-02", "ssi-01", "ssi-03"], "{version}");
        // The tasks and the progress between them count alike.
        let said = format!("{}{}", run.stdout, run.stderr);
        for (position, node) in [(1, "ssi-02"), (2, "ssi-01"), (3, "ssi-03")] {
            for word in [
                format!("node {position} of 3: {node}"),
                format!("node {position} of 3 ({node}): stopped"),
            ] {
                assert!(said.contains(&word), "{version}: {word}: {said}");
            }
        }
    }
}

/// What is left of a zone comes before a canary of another one, so that never two zones are in the middle of it.
#[test]
fn a_roll_that_is_run_again_ends_the_zone_that_it_had_begun() {
    let site = Site::in_two_zones(5);
    fs::write(site.path("leader"), "ssi-05").unwrap();
    let well = ensemble(&site);
    let mut more = well.clone();
    more["rolling_recycle_canary"] = json!("ssi-02");
    let words = "{msg: it cannot be drained}\n  when: rolling_recycle_node.id == 'ssi-04'";
    let task = format!("- ansible.builtin.fail: {words}");
    more["rolling_recycle_tasks"] = site.tasks("drain", &task);
    let ran = site.roll(NEWEST, &more, &[]);
    assert!(last_words(&ran).contains("it cannot be drained"), "{ran:?}");
    assert_eq!(recycled(&site), ["ssi-02"]);
    site.roll(NEWEST, &well, &[]);
    assert_eq!(recycled(&site), ["ssi-02", "ssi-04", "ssi-01", "ssi-03", "ssi-05"]);
}

/// The gate before may be waited for long; whoever has come to lead meanwhile is put back behind the others.
#[test]
fn who_comes_to_lead_while_the_gate_before_is_waited_for_is_rolled_last_all_the_same() {
    let site = Site::with(3);
    fs::write(site.path("leader"), "ssi-01").unwrap();
    let mut more = ensemble(&site);
    let task = format!(
        "- ansible.builtin.copy: {{dest: {}, content: '{{{{ rolling_recycle_node.id }}}}', mode: '0644'}}\n  \
         when: rolling_recycle_node.id == 'ssi-02'",
        site.path("leader").display()
    );
    more["rolling_recycle_tasks"] = site.tasks("pre_gate", &task);
    let run = site.roll(NEWEST, &more, &[]);
    assert!(changed(&run) > 3);
    assert_eq!(recycled(&site), ["ssi-01", "ssi-03", "ssi-02"]);
    site.assert_recycled_once(&site.nodes());
}

#[test]
fn nothing_is_begun_while_it_is_not_known_who_leads() {
    let site = Site::with(3);
    fs::write(site.path("leader"), "nobody").unwrap();
    let ran = site.roll(NEWEST, &ensemble(&site), &[]);
    let words = last_words(&ran);
    assert!(words.contains("nobody leads the cluster"), "{words}");
    assert!(words.contains("Nothing was changed"), "{words}");
    assert_eq!(site.journals().len(), 0);
}

#[test]
fn a_roll_without_gates_or_with_a_variable_that_nobody_knows_is_refused() {
    for version in VERSIONS {
        let site = Site::with(3);
        let ran = site.roll(version, &json!({"rolling_recycle_without_gates": false}), &[]);
        let words = last_words(&ran);
        assert!(words.contains("rolling_recycle_gates_between is empty"), "{version}: {words}");
        let ran = site.roll(version, &json!({"rolling_recycle_services": []}), &[]);
        let words = last_words(&ran);
        for told in ["rolling_recycle_services is empty", "rolling_recycle_without_services"] {
            assert!(words.contains(told), "{version}: {words}");
        }
        let ran = site.roll(version, &json!({"rolling_recycle_gate_before": []}), &[]);
        let words = last_words(&ran);
        let told = "this variable is unknown to the role: rolling_recycle_gate_before";
        assert!(words.contains(told), "{version}: {words}");
        assert_eq!((site.journals().len(), recycled(&site).len()), (0, 0), "{version}");
    }
}

/// From the command line they would stand for what the role proves that a node can be lost by.
#[test]
fn what_a_technologys_role_makes_itself_is_taken_from_nowhere_else() {
    for (index, technology) in ["kafka", "zookeeper", "elasticsearch"].iter().enumerate() {
        let site = Site::with(1);
        let more = json!({"rolling_recycle_gates_between": []});
        let playbook = format!("spotinst.esg.recycle_{technology}");
        let run = ran(site.command(VERSIONS[index % 2], &playbook, &more).output().unwrap());
        let said = last_words(&run);
        let words = format!(
            "rolling_recycle_data_paths, rolling_recycle_gates_between, rolling_recycle_services: the role {playbook} makes these of its own variables"
        );
        assert!(said.contains(&words), "{technology}: {said}");
        assert_eq!(site.recycles().len(), 0);
    }
}
