//! What the last line says when more than one thing went wrong: nothing of it is lost, and nothing is said that is not so.

use std::fs;

use serde_json::{Value, json};

use crate::site::{NEW, NEWEST, OLD, Site, changed, last_words};
use crate::support::ansible::VERSIONS;
use crate::support::cli::{ACCOUNT, CANARY, ran};
use crate::support::module::call_with;
use crate::support::roll::dead;

/// A task that makes the simulator do something, in the words of its control API.
fn control(site: &Site, path: &str, body: &Value) -> String {
    format!(
        "- ansible.builtin.uri: {{url: '{}{path}', method: POST, body_format: json, body: {body}, status_code: [200, 201]}}\n  \
         when: rolling_recycle_node.id == 'ssi-02'\n",
        site.desk.simulator.url()
    )
}

/// A task that fails at the second node.
const FAIL: &str =
    "- ansible.builtin.fail: {msg: it is busy}\n  when: rolling_recycle_node.id == 'ssi-02'\n";

fn resume(site: &Site, run_id: &str) {
    let mut command = site.desk.command();
    command.env("SPOTINST_ESG_STATE_DIR", site.path("state"));
    let arguments = ["runs", "resume", run_id, "--reason", "looked", "--yes"];
    let resumed = ran(command.args(arguments).output().unwrap());
    assert_eq!(resumed.code, 0, "{resumed:?}");
}

/// It is left for the next start, and what it has set is not put back yet.
#[test]
fn a_start_that_fails_after_it_has_taken_a_run_up_does_not_say_that_nothing_was_changed() {
    let site = Site::with(1);
    let waivers = site.variables(&json!({}))["rolling_recycle_waivers"].clone();
    let start = json!({"state": "started", "group_id": "sig-1", "image_id": NEW, "waivers": waivers,
                       "state_dir": site.path("state"), "require_mid_gate": false});
    let gone = dead().to_string();
    let first = call_with(&site.desk, "recycle_run", &start, &[("SPOTINST_ESG_CONTROLLER", &gone)]);
    let run_id = first.well()["run_id"].as_str().unwrap().to_owned();
    site.desk.fault(json!({"kind": "status", "status": 403, "method": "GET", "nth": 2,
                           "route": "/aws/ec2/group/{groupId}/suspension"}));
    let said = last_words(&site.roll(NEWEST, &json!({}), &[]));
    for word in [format!("run {run_id} is open"), format!("runs restore {run_id}")] {
        assert!(said.contains(&word), "{word}: {said}");
    }
    assert!(!said.contains("Nothing was changed"), "{said}");
    site.desk.mend();
    changed(&site.roll(NEWEST, &json!({}), &[]));
    assert_eq!((site.run_id(), site.images()), (run_id, vec![NEW.to_owned()]));
}

/// Someone else begins between the gate before and the drain: the drain was not begun, so nobody has to look at the node.
#[test]
fn a_node_that_may_not_be_drained_ends_the_roll_and_does_not_freeze_it() {
    let site = Site::with(2);
    let task = format!(
        "- ansible.builtin.uri:\n    url: '{}/aws/ec2/group/sig-1/suspension?accountId={ACCOUNT}'\n    method: POST\n    \
         headers: {{Authorization: 'Bearer {CANARY}'}}\n    body_format: json\n    \
         body: {{suspensions: [{{name: AUTO_HEALING, ttlInMinutes: 9999}}]}}\n  \
         when: rolling_recycle_node.id == 'ssi-02'\n",
        site.desk.simulator.url()
    );
    let mut tasks = site.tasks("pre_gate", &task);
    let drain = site.tasks("drain", "- ansible.builtin.debug: {msg: drained}\n");
    tasks["drain"] = drain["drain"].clone();
    let said = last_words(&site.roll(NEWEST, &json!({"rolling_recycle_tasks": tasks}), &[]));
    for word in ["ssi-02, draining", "someone else has suspended processes", "was ended and every"]
    {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert_eq!(site.images(), [NEW, OLD]);
    assert_eq!(site.told("ssi-02"), "");
}

#[test]
fn what_is_left_as_someone_else_has_set_it_is_named_at_the_end() {
    let site = Site::with(2);
    let set = json!({"group": "sig-1", "set": {"compute.launchSpecification.imageId": "ami-00000000000000009"}});
    let tasks = site.tasks("drain", &(control(&site, "/_sim/edit", &set) + FAIL));
    let said = last_words(&site.roll(NEWEST, &json!({"rolling_recycle_tasks": tasks}), &[]));
    let words = "every setting put back, but for what someone else has set meanwhile (image)";
    assert!(said.contains("it is busy") && said.contains(words), "{said}");
    assert_eq!(site.images(), [NEW, OLD]);
}

/// The service may be stopped, and the vendor cannot be asked whether it is still the same machine.
#[test]
fn a_node_that_is_not_started_again_freezes_the_roll_with_both_causes() {
    for version in VERSIONS {
        let site = Site::with(2);
        let before = site.settings();
        let fault = json!({"kind": "status", "status": 403, "message": "token expired"});
        let tasks = site.tasks("drain", &(control(&site, "/_sim/faults", &fault) + FAIL));
        let said = last_words(&site.roll(version, &json!({"rolling_recycle_tasks": tasks}), &[]));
        for word in [
            "node 2 of 2: ssi-02, draining: it is busy",
            "its service was not started again, since it is not proved that it still has its machine",
            "token expired",
            "could not all be put back",
        ] {
            assert!(said.contains(word), "{version}: {word}: {said}");
        }
        assert_eq!(site.told("ssi-02"), "");
        site.desk.mend();
        let refused = last_words(&site.roll(version, &json!({}), &[]));
        assert!(
            refused.contains("is frozen at ssi-02") && refused.contains("it is busy"),
            "{refused}"
        );
        assert_eq!(site.settings(), before, "the next start has put back what this one could not");
    }
}

/// The journal is gone while the last node is watched.
#[test]
fn a_freeze_that_cannot_be_written_is_told() {
    let site = Site::with(2);
    let home = site.desk.home.path().display();
    let away = format!(
        "- ansible.builtin.command: {{cmd: 'mv {home}/state {home}/away'}}\n  when: rolling_recycle_node.id == 'ssi-02'\n"
    );
    let tasks = site.tasks("bake", &(away + FAIL));
    let said = last_words(&site.roll(NEWEST, &json!({"rolling_recycle_tasks": tasks}), &[]));
    for word in
        ["it is busy", "could not be written into the journal: ", "could not all be put back"]
    {
        assert!(said.contains(word), "{word}: {said}");
    }
    fs::remove_dir_all(site.path("state")).unwrap_or_default();
    fs::rename(site.path("away"), site.path("state")).unwrap();
    // The journal is back, and knows where it was.
    changed(&site.roll(NEWEST, &json!({}), &[]));
    site.assert_recycled_once(&site.nodes());
}

/// How a node is reached cannot be told: of one that is in the middle of it a person has to hear.
#[test]
fn a_node_that_nothing_can_be_done_to_is_named_with_the_reason() {
    let site = Site::with(2);
    let more = json!({"rolling_recycle_become": "{{ {'<node>': false, 'ssi-01': false}[rolling_recycle_node.id] | mandatory }}"});
    let said = last_words(&site.roll(NEWEST, &more, &[]));
    for word in ["node 2 of 2: ssi-02, before anything was done to it: ", "every setting put back;"]
    {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert_eq!((site.images(), site.told("ssi-02")), (vec![NEW.into(), OLD.into()], String::new()));

    let failing = site.tasks("start", "- ansible.builtin.fail: {msg: it is busy}\n");
    last_words(&site.roll(NEWEST, &json!({"rolling_recycle_tasks": failing}), &[]));
    let run_id = site.run_id();
    resume(&site, &run_id);
    let said = last_words(&site.roll(NEWEST, &more, &[]));
    for word in ["node 1 of 1: ssi-02, cut off in identity: ", "is frozen"] {
        assert!(said.contains(word), "{word}: {said}");
    }
}

/// A file that is missing is not to be found out once the machine is gone, nor a key that means nothing.
#[test]
fn task_files_that_cannot_be_meant_are_refused_before_anything_is_changed() {
    for version in VERSIONS {
        let site = Site::with(2);
        let before = site.settings();
        for (tasks, words) in [
            (
                json!({"postgate": "/x.yml", "mid-gate": "/y.yml"}),
                "has no such phase: mid-gate, postgate",
            ),
            (
                json!({"start": "/none/start.yml"}),
                "names a file that is not there: /none/start.yml",
            ),
        ] {
            let more = json!({"rolling_recycle_tasks": tasks});
            for arguments in [&["--check", "--diff"][..], &[]] {
                let ran = site.roll(version, &more, arguments);
                assert_ne!(ran.code, 0, "{version}: {}", ran.stdout);
                assert!(ran.stdout.contains(words), "{version}: {words}: {}", ran.stdout);
            }
        }
        assert_eq!(
            (site.settings(), site.images()),
            (before, vec![OLD.to_owned(), OLD.to_owned()])
        );
    }
}

/// The words of a task that its author hides show neither in the role's own nor in the journal.
#[test]
fn what_a_task_hides_is_hidden_here_too() {
    for version in VERSIONS {
        let site = Site::with(1);
        let drain = "- name: Log in\n  ansible.builtin.command: sh -c 'echo login failed for hidden-word-78 >&2; exit 1'\n  \
                     changed_when: true\n  no_log: true\n";
        let more = json!({"rolling_recycle_tasks": site.tasks("drain", drain)});
        let run = site.roll(version, &more, &[]);
        let words = last_words(&run);
        assert!(
            words.contains("the task Log in failed, and no_log hides how"),
            "{version}: {words}"
        );
        let journal = std::fs::read_to_string(&site.journals()[0]).unwrap();
        let said = format!("{}{}{journal}", run.stdout, run.stderr);
        // The task itself is in the file that the test has written.
        assert!(!said.contains("hidden-word-78"), "{version}: {said}");
    }
}
