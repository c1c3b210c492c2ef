//! The role that makes and deletes groups, by real playbooks: which account is meant, and what a plan of a teardown tells of data.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod support;

use serde_json::json;
use support::ansible::{VERSIONS, ansible, root};
use support::cli::{ACCOUNT, CANARY, Desk, Ran, ran};

/// What the teardown, and what follows, says of these variables, on one line.
fn torn_down(desk: &Desk, variables: &str) -> (Ran, String) {
    let file = desk.file("variables.yml", variables);
    let book = desk.file("book.yml", "- import_playbook: spotinst.esg.teardown\n");
    let mut command = ansible(desk, VERSIONS[1], "ansible-playbook");
    command.arg("-i").arg("localhost,").arg(book).arg("-e").arg(format!("@{}", file.display()));
    let run = ran(command.output().unwrap());
    let said = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    (run, said)
}

/// Who confirms a plan confirms what it says of the data, which the flags say that are sent.
#[test]
fn the_plan_of_a_teardown_tells_what_becomes_of_data_by_the_flags_that_are_sent() {
    let desk = Desk::with(
        "groups:\n  - {name: kafka, id: sig-1, region: us-east-1, image: ami-1, persistence: {data: reattach}, \
         volumes: [{device: /dev/xvdb}], capacity: {minimum: 0, target: 2, maximum: 5}, \
         stateful: [{id: ssi-1}, {id: ssi-2}]}\n  \
         - {name: web, id: sig-2, region: us-east-1, image: ami-1, capacity: {minimum: 0, target: 1, maximum: 5}}\n",
    );
    let groups =
        "provision_groups: [{name: kafka, region: us-east-1}, {name: web, region: us-east-1}]\n";
    for (flags, words) in [
        (
            "",
            "network interfaces are deleted at once; images, volumes, snapshots are kept for some days",
        ),
        (
            "provision_deallocation: {delete_volumes: true, delete_snapshots: 'yes'}",
            "network interfaces, volumes, snapshots are deleted at once; images are kept for some days",
        ),
        (
            "provision_deallocation: {delete_volumes: true, delete_snapshots: true, delete_images: true}",
            "images, network interfaces, volumes, snapshots are deleted at once\"",
        ),
    ] {
        let (run, said) = torn_down(&desk, &format!("{groups}{flags}\n"));
        assert_eq!(run.code, 0, "{}\n{}", run.stdout, run.stderr);
        let plan = format!("with 2 instances, 2 of them stateful: their {words}");
        assert!(said.contains(&plan), "{flags}: {said}");
        assert_eq!(said.matches("stateful: their").count(), 1, "{said}");
        assert!(said.contains("delete web (sig-2) in us-east-1"), "{said}");
    }
}

/// A name may be that of several accounts; an id is of one.
#[test]
fn an_account_that_is_given_by_its_id_is_not_looked_up_by_its_name() {
    let desk = Desk::with_whole(&format!(
        "tokens: [{{token: {CANARY}}}]\nlimits: {{default: 100000}}\n\
         accounts: [{{id: {ACCOUNT}, name: one}}, {{id: act-00000002, name: one}}]\n\
         groups: [{{name: kafka, id: sig-1, region: us-east-1, account: act-00000002}}]\n"
    ));
    let groups =
        "provision_groups: [{name: kafka, region: us-east-1}]\nprovision_account_name: one\n";
    let (run, said) = torn_down(&desk, groups);
    assert!(run.code != 0 && said.contains("Several accounts are called one"), "{said}");
    let (run, said) = torn_down(&desk, &format!("{groups}provision_account_id: act-00000002\n"));
    assert!(run.code == 0 && said.contains("delete kafka (sig-1)"), "{said}\n{}", run.stderr);
    // And who onboards by the AWS account goes on with the account that was found by it.
    let bootstrap = std::fs::read_to_string(root().join("playbooks/bootstrap.yml")).unwrap();
    assert!(bootstrap.contains("provision_account_id: \"{{ onboard_account_id"), "{bootstrap}");
}

/// An account that is missing in a list which cannot be read whole may be there all the same.
#[test]
fn an_account_that_a_torn_list_lacks_is_not_taken_for_one_that_is_gone() {
    let desk = Desk::with_whole(&format!(
        "tokens: [{{token: {CANARY}}}]\nlimits: {{default: 100000}}\naccounts: [{{id: {ACCOUNT}, name: one}}]\n"
    ));
    let items = json!([{"accountId": "act-00000009", "name": "other"}, {"name": "one"}]);
    let status = json!({"code": 200, "message": "OK"});
    let body = json!({"request": {}, "response": {"status": status, "items": items, "count": 2}});
    desk.fault(json!({"kind": "body", "method": "GET", "route": "/setup/account", "body": body}));
    let variables = "provision_account_name: one\nprovision_account_may_be_gone: true\nprovision_groups: [{name: kafka, region: us-east-1}]\n";
    let (run, said) = torn_down(&desk, variables);
    assert!(run.code != 0 && said.contains("cannot be read whole"), "{}", run.stdout);
}
