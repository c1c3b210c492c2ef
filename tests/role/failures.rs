//! A failure in each phase, and what it leads to.

use std::fs;

use serde_json::{Value, json};

use crate::site::{NEW, NEWEST, OLD, Site, last_words};
use crate::support::ansible::VERSIONS;
use crate::support::cli::ran;

/// Makes something go wrong, and says what the roll is given.
type Prepare = fn(&Site) -> Value;

/// A gate that is never open.
fn shut() -> Value {
    json!([{"name": "the gate", "kind": "command", "command": ["false"]}])
}

/// A gate that is always open.
fn open() -> Value {
    json!([{"name": "the gate", "kind": "command", "command": ["true"]}])
}

/// Whatever ended it, the settings are as they were; but for those that a node may yet boot from.
fn fail(site: &Site, version: &str, more: &Value, words: &[&str]) -> String {
    let before = site.settings();
    let said = last_words(&site.roll(version, more, &["--diff"]));
    for word in words {
        assert!(said.contains(word), "{word}: {said}");
    }
    if said.contains(HELD) {
        let image = &site.settings()["config"]["compute"]["launchSpecification"]["imageId"];
        assert_eq!(image, NEW, "{said}");
    } else {
        assert_eq!(site.settings(), before, "{said}");
    }
    said
}

/// Where the node may yet boot.
const HELD: &str = "what it has set stays until then (image, suspensions)";

/// A person gives the run up that has just failed.
fn give_up(site: &Site) {
    let (id, folder) = (site.run_id(), site.path("state").display().to_string());
    let given_up = ["runs", "restore", &id, "--reason", "x", "--yes", "--state-dir", &folder];
    let given_up = site.desk.run(given_up);
    assert_eq!(given_up.code, 0, "{given_up:?}");
}

#[test]
fn until_the_machine_is_given_up_the_service_is_started_again_and_the_roll_ends() {
    let cases: [(&str, Prepare, &str, usize); 6] = [
        ("pre_gate", |_| json!({"rolling_recycle_gates_before": shut()}), "", 0),
        (
            "draining",
            |site| {
                let file = site.tasks("drain", "- ansible.builtin.fail: {msg: it is busy}\n");
                json!({"rolling_recycle_tasks": file})
            },
            "started",
            0,
        ),
        (
            "stopped",
            |site| {
                fs::write(site.path("nodes/ssi-01/kafka.not-stopped"), "").unwrap();
                json!({})
            },
            "stopped started",
            0,
        ),
        ("mid_gate", |_| json!({"rolling_recycle_gates_between": shut()}), "stopped started", 0),
        // A task file that stands for the gate and looks at none.
        (
            "no gate has passed since it entered phase mid_gate",
            |site| {
                let file =
                    site.tasks("mid_gate", "- ansible.builtin.debug: {msg: it will be well}\n");
                json!({"rolling_recycle_tasks": file, "rolling_recycle_gates_between": open()})
            },
            "stopped started",
            0,
        ),
        (
            "recycling",
            |site| {
                site.desk.fault(json!({"kind": "status", "status": 400, "code": "BUSY", "method": "PUT", "count": 1,
                    "route": "/aws/ec2/group/{groupId}/statefulInstance/{statefulInstanceId}/recycle"}));
                json!({})
            },
            "stopped started",
            1,
        ),
    ];
    for (index, (phase, case, told, asked)) in cases.iter().enumerate() {
        let version = VERSIONS[index % 2];
        let site = Site::with(2);
        let more = case(&site);
        let said = fail(
            &site,
            version,
            &more,
            &["node 1 of 2: ssi-01", "was ended and every setting put back"],
        );
        assert!(said.contains(phase), "{phase}: {said}");
        assert_eq!(site.told("ssi-01"), *told, "{phase}: {said}");
        assert_eq!(said.contains("was started again there"), !told.is_empty(), "{phase}: {said}");
        assert_eq!(site.recycles().values().sum::<usize>(), *asked, "{phase}");
        assert_eq!(site.images(), [OLD, OLD]);
        assert_eq!(site.told("ssi-02"), "");
        // Nothing stands in the way of another try.
        site.desk.mend();
        let _ = fs::remove_file(site.path("nodes/ssi-01/kafka.not-stopped"));
        crate::site::changed(&site.roll(version, &json!({}), &[]));
        assert_eq!(site.images(), [NEW, NEW]);
    }
}

#[test]
fn one_that_does_not_come_back_on_its_own_machine_freezes_the_roll() {
    let site = Site::with(1);
    fs::write(site.path("nodes/ssi-01/kafka.not-started"), "").unwrap();
    let more = json!({"rolling_recycle_gates_between": shut()});
    fail(
        &site,
        NEWEST,
        &more,
        &["was not proved to run there again", "it will not be started", "is frozen"],
    );
    assert_eq!(site.recycles().len(), 0);
}

/// It was started on data that was proved, and what is there now is other data.
#[test]
fn a_service_that_runs_on_other_data_when_a_roll_is_gone_on_with_is_stopped() {
    let site = Site::with(1);
    fail(&site, NEWEST, &json!({"rolling_recycle_gates_after": shut()}), &["is frozen"]);
    let mut command = site.desk.command();
    command.env("SPOTINST_ESG_STATE_DIR", site.path("state"));
    let resume = ["runs", "resume", &site.run_id(), "--reason", "looked", "--yes"];
    let resumed = ran(command.args(resume).output().unwrap());
    assert_eq!(resumed.code, 0, "{resumed:?}");
    fs::write(site.path("nodes/ssi-01/data/meta.properties"), "other").unwrap();
    let words =
        ["does not have the old one's data", "its service ran, and was stopped", "is frozen"];
    fail(&site, NEWEST, &json!({"rolling_recycle_gates_after": open()}), &words);
    assert_eq!(site.told("ssi-01"), "stopped started stopped");
}

/// What was judged is what it runs on: it may have been started before its disk was there.
#[test]
fn what_an_image_has_started_is_stopped_until_its_data_is_proved() {
    for version in VERSIONS {
        let site = Site::with(1);
        let home = site.desk.home.path().display().to_string();
        let text = format!(
            "- ansible.builtin.include_tasks: '{}/roles/rolling_recycle/tasks/recycle.yml'\n\
             - ansible.builtin.copy: {{dest: '{home}/nodes/ssi-01/kafka', content: started, mode: '0600'}}\n",
            crate::support::ansible::root().display()
        );
        let more = json!({"rolling_recycle_tasks": site.tasks("recycle", &text)});
        let run = site.roll(version, &more, &[]);
        crate::site::changed(&run);
        assert_eq!(site.told("ssi-01"), "stopped stopped started", "{version}");
        let warned = "has started".to_owned();
        assert!(
            run.stdout.contains("WARNING: the image of ssi-01") && run.stdout.contains(&warned),
            "{version}"
        );
    }
}

/// The roll was cut off before it started anything, so what runs was started by the image, perhaps before its disk was there.
#[test]
fn what_an_image_has_started_is_stopped_also_where_the_roll_is_gone_on_with() {
    let site = Site::with(1);
    let home = site.desk.home.path().display().to_string();
    let text = format!(
        "- ansible.builtin.copy: {{dest: '{home}/nodes/ssi-01/kafka', content: started, mode: '0600'}}\n\
         - ansible.builtin.fail: {{msg: it is not reached}}\n"
    );
    let more = json!({"rolling_recycle_tasks": site.tasks("identity", &text)});
    fail(&site, NEWEST, &more, &["it is not reached", "is frozen"]);
    let mut command = site.desk.command();
    command.env("SPOTINST_ESG_STATE_DIR", site.path("state"));
    let resume = ["runs", "resume", &site.run_id(), "--reason", "looked", "--yes"];
    let resumed = ran(command.args(resume).output().unwrap());
    assert_eq!(resumed.code, 0, "{resumed:?}");
    let run = site.roll(NEWEST, &json!({}), &[]);
    crate::site::changed(&run);
    assert_eq!(site.told("ssi-01"), "stopped stopped started", "{}", run.stdout);
    site.assert_recycled_once(&site.nodes());
}

#[test]
fn from_then_on_whatever_is_not_proved_freezes_the_roll() {
    let cases: [(&str, Prepare, &str, &str); 7] = [
        (
            "recycling",
            |site| {
                site.desk.fault(json!({"kind": "lifecycle", "ends": "ERROR", "message": "no {{ 7 * 7 }} capacity"}));
                json!({})
            },
            "stopped",
            "ERROR",
        ),
        (
            "recycling",
            |site| {
                site.desk.fault(json!({"kind": "relaunch", "twist": "lost_volumes"}));
                json!({})
            },
            "stopped",
            "volumes",
        ),
        (
            "identity",
            |site| {
                let home = site.desk.home.path().display().to_string();
                let text = format!(
                    "- ansible.builtin.include_tasks: '{}/roles/rolling_recycle/tasks/recycle.yml'\n\
                     - ansible.builtin.copy: {{dest: '{home}/nodes/ssi-01/data/meta.properties', content: other, mode: '0600'}}\n",
                    crate::support::ansible::root().display()
                );
                json!({"rolling_recycle_tasks": site.tasks("recycle", &text)})
            },
            "stopped",
            "does not have the old one's data",
        ),
        // The image starts it by itself, on whatever disk is there.
        (
            "identity",
            |site| {
                let home = site.desk.home.path().display().to_string();
                let node = format!("{home}/nodes/ssi-01");
                let text = format!(
                    "- ansible.builtin.include_tasks: '{}/roles/rolling_recycle/tasks/recycle.yml'\n\
                     - ansible.builtin.copy: {{dest: '{node}/data/meta.properties', content: other, mode: '0600'}}\n\
                     - ansible.builtin.copy: {{dest: '{node}/kafka', content: started, mode: '0600'}}\n",
                    crate::support::ansible::root().display()
                );
                json!({"rolling_recycle_tasks": site.tasks("recycle", &text)})
            },
            "stopped stopped",
            "its service was not started",
        ),
        (
            "starting",
            |site| {
                fs::write(site.path("nodes/ssi-01/kafka.not-started"), "").unwrap();
                json!({})
            },
            "stopped started",
            "it will not be started",
        ),
        (
            "post_gate",
            |_| json!({"rolling_recycle_gates_after": shut()}),
            "stopped started",
            "the gate",
        ),
        (
            "baking",
            |site| {
                let file = site.tasks("bake", "- ansible.builtin.fail: {msg: it fell over}\n");
                json!({"rolling_recycle_tasks": file})
            },
            "stopped started",
            "it fell over",
        ),
    ];
    for (index, (phase, case, told, why)) in cases.iter().enumerate() {
        let version = VERSIONS[index % 2];
        let site = Site::with(2);
        let (more, before) = (case(&site), site.settings());
        let said = fail(&site, version, &more, &["node 1 of 2: ssi-01", phase, why, "is frozen"]);
        assert_eq!(said.contains(HELD), *phase == "recycling", "{phase}: {said}");
        assert!(!said.contains("no 49"), "{said}");
        assert_eq!(site.told("ssi-01"), *told, "{phase}: {said}");
        assert_eq!((site.recycles()["ssi-01"], site.told("ssi-02")), (1, String::new()));
        let run_id = site.run_id();
        let refused = last_words(&site.roll(version, &json!({}), &[]));
        assert!(refused.contains(&run_id) && refused.contains("frozen"), "{phase}: {refused}");
        give_up(&site);
        assert_eq!(site.settings(), before, "{phase}");
    }
}

/// A person has looked and lets it go on: what was done is not done again.
#[test]
fn a_frozen_roll_that_is_let_go_on_goes_on_where_it_was() {
    let site = Site::with(2);
    let said = fail(&site, NEWEST, &json!({"rolling_recycle_gates_after": shut()}), &["is frozen"]);
    let run_id = site.run_id();
    assert!(said.contains(&format!("spotinst-esg runs resume {run_id}")), "{said}");
    let mut command = site.desk.command();
    command.env("SPOTINST_ESG_STATE_DIR", site.path("state"));
    let resumed = ran(command
        .args(["runs", "resume", &run_id, "--reason", "looked", "--yes"])
        .output()
        .unwrap());
    assert_eq!(resumed.code, 0, "{resumed:?}");
    // What could not be proved may be looked at otherwise, and not be left out.
    let run = site.roll(NEWEST, &json!({"rolling_recycle_gates_after": open()}), &[]);
    crate::site::changed(&run);
    site.assert_recycled_once(&site.nodes());
    // It is taken up at its identity, so it is started once more, which a service that runs takes for nothing.
    assert_eq!(
        (site.told("ssi-01"), site.told("ssi-02")),
        ("stopped started started".into(), "stopped started".into())
    );
    assert_eq!(site.images(), [NEW, NEW]);
}

/// A play on localhost that says `connection: local` must not stop the controller's own services.
#[test]
fn a_node_is_never_mistaken_for_the_controller() {
    let site = Site::with(1);
    let play = site.desk.file(
        "play.yml",
        "- hosts: localhost\n  connection: local\n  gather_facts: false\n  roles: [spotinst.esg.rolling_recycle]\n",
    );
    let more = json!({"rolling_recycle_connect_timeout": 1, "rolling_recycle_data_paths": []});
    let mut command = site.command(NEWEST, play.to_str().unwrap(), &more);
    // Nothing says how the node is reached.
    site.desk.options("ec2: false\nhostnames: [id]");
    command
        .env("ANSIBLE_SSH_ARGS", "-o ConnectTimeout=1 -o BatchMode=yes")
        .env("ANSIBLE_SSH_RETRIES", "0");
    let run = ran(command.output().unwrap());
    assert!(last_words(&run).contains("ssi-01"), "{run:?}");
    assert_eq!((site.told("ssi-01"), site.recycles().len()), (String::new(), 0));
}
