//! Where nobody can tell what is meant, nothing is taken down.

use serde_json::json;

use crate::support::module::call;
use crate::{REGION, Site, changed};

const SURE: [&str; 2] = ["-e", "onboard_account_confirm_delete=true"];
const ROLE: [&str; 2] = ["-e", "onboard_account_role_name=Other"];

/// Under another name its role, its user and its token are still its own.
#[test]
fn nothing_of_an_account_that_is_there_is_taken_down_unless_it_is_known_to_be_meant() {
    let site = Site::new(&json!({}));
    let before = site.left();
    let ocean = ["-e", "onboard_account_ocean=true"];
    assert!(changed(&site.play("onboard", &[ROLE, ocean].concat())) > 0);
    let there = site.left();
    let refused = |more: &[&str], words: &str| {
        let run = site.play("offboard", &[&SURE[..], more].concat());
        let said = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(run.code != 0 && said.contains(words), "{words}: {}", run.stdout);
    };

    let items = json!([{"accountId": "act-00000009", "name": "other"}, {"name": "staging"}]);
    let status = json!({"code": 200, "message": "OK"});
    let body = json!({"request": {}, "response": {"status": status, "items": items, "count": 2}});
    site.desk
        .fault(json!({"kind": "body", "method": "GET", "route": "/setup/account", "body": body}));
    refused(&ROLE, "cannot be read whole (account at place 2");
    site.desk.mend();
    assert_eq!(site.left(), there);

    let state = site.desk.simulator.control("GET", "/_sim/state", json!(null));
    let mut accounts = state["accounts"].as_array().unwrap().iter();
    let id = accounts.find(|one| one["name"] == "staging").unwrap()["id"].as_str().unwrap();
    call(&site.desk, "spot_account", &json!({"id": id, "name": "renamed"})).well();
    // The name of the role is not given, so that no other account is seen to be connected by it.
    refused(&[], &format!("holds the external id of account {id}, which is there"));
    assert_eq!(site.left(), there);

    let name = json!({"Name": "/spot/staging/external-id"});
    site.moto.ssm(REGION, "DeleteParameter", &name).unwrap();
    let settings = json!({"tells_roles": false, "iam_endpoint": site.moto.url()});
    site.desk.simulator.control("POST", "/_sim/settings", json!({"administration": settings}));
    refused(&ROLE, "the vendor does not tell by which role");
    let mut kept = there;
    assert!(kept.remove("parameter /spot/staging/external-id"));
    assert_eq!(site.left(), kept);

    let named = format!("onboard_account_adopted_id={id}");
    let run = site.play("offboard", &[&SURE[..], &ROLE, &["-e", &named]].concat());
    assert!(changed(&run) > 0 && run.stdout.contains("not for Ocean clusters"), "{}", run.stdout);
    let mut after = site.left();
    let linked = after.iter().find(|one| one.contains("AWSServiceRoleFor")).cloned();
    assert!(linked.is_some_and(|one| after.remove(&one)), "{after:?}");
    assert_eq!(after, before);
}
