//! `spot_programmatic_user` and its info, tokens in files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};

use crate::{Desk, answered, call, desk, foreseen, mutations, settled};

const MODULE: &str = "spot_programmatic_user";

fn arguments(file: &Path) -> Value {
    let accounts = json!([{"id": "act-00000001", "role": "viewer"}]);
    json!({"name": "robot", "accounts": accounts, "token_file": file})
}

fn token(file: &Path) -> String {
    fs::read_to_string(file).unwrap().trim_end().to_owned()
}

/// Whether the simulator takes the token for that account.
fn may_list(desk: &Desk, token: &str, account: &str) -> bool {
    let request = spot_sim::Request {
        method: "GET".to_owned(),
        path: "/aws/ec2/group".to_owned(),
        query: format!("accountId={account}"),
        headers: vec![("authorization".to_owned(), format!("Bearer {token}"))],
        body: Vec::new(),
    };
    desk.simulator.handle(&request).status == 200
}

#[test]
fn a_user_is_made_once_and_its_token_kept_and_good() {
    let desk = desk("");
    let file = desk.home.path().join("token");
    let made = settled(&desk, MODULE, &arguments(&file));
    assert!(made["token"].is_null() && !made.to_string().contains(&token(&file)), "{made}");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let token = token(&file);
    assert!(may_list(&desk, &token, "act-00000001") && !may_list(&desk, &token, "act-00000002"));
    let info = call(&desk, "spot_programmatic_user_info", &json!({"name": "robot"})).well();
    assert_eq!(info["users"][0]["id"], made["user"]["id"]);
    assert!(!info.to_string().contains(&token), "{info}");
    // Someone has opened it since.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    let open = call(&desk, MODULE, &arguments(&file)).well();
    assert!(open["warnings"][0].as_str().unwrap().contains("chmod 600"), "{open}");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    // It stays what it is, and that is told.
    let mut editor = arguments(&file);
    editor["accounts"][0]["role"] = json!("editor");
    let told = call(&desk, MODULE, &editor).well();
    assert!(told["warnings"].to_string().contains("Account Viewer in account"), "{told}");
    assert_eq!(told["changed"], false, "{told}");
    let told = call(&desk, MODULE, &arguments(&file)).well();
    assert!(!told.to_string().contains("in account act-"), "{told}");
    let mut revealed = arguments(&file);
    revealed["reveal"] = json!(true);
    assert_eq!(call(&desk, MODULE, &revealed).well()["token"], json!(token));
    settled(&desk, MODULE, &json!({"name": "robot", "token_file": file, "state": "absent"}));
    assert!(!file.exists() && !may_list(&desk, &token, "act-00000001"));
    let info = call(&desk, "spot_programmatic_user_info", &json!({"name": "robot"})).well();
    assert_eq!(info["users"], json!([]));
}

#[test]
fn policies_are_kept_as_they_are_said() {
    let desk = desk("");
    let file = desk.home.path().join("token");
    let with = |policy: &str| {
        let policies = json!([{"policy_id": policy, "account_ids": ["act-00000001"]}]);
        json!({"name": "robot", "policies": policies, "token_file": file})
    };
    settled(&desk, MODULE, &with("pol-11111111"));
    settled(&desk, MODULE, &with("pol-22222222"));
    assert_eq!(mutations(&desk).len(), 2);
    // What it may do through a group is told: the option says that there are no others.
    let info = || call(&desk, "spot_programmatic_user_info", &json!({"name": "robot"})).well();
    let group = json!({"id": "ugr-1", "name": "Admins", "policyNames": ["Admin"]});
    let grouped = json!([{"userId": info()["users"][0]["id"], "username": "robot", "type": "programmatic",
        "policies": [{"policyId": "pol-22222222", "accountIds": ["act-00000001"]}], "groups": [group],
        "tokens": [{"tokenLastDigits": &token(&file)[token(&file).len() - 4..]}]}]);
    answered(&desk, "/setup/user/{userId}", &grouped);
    let told = call(&desk, MODULE, &with("pol-22222222")).well();
    assert!(told["warnings"].to_string().contains("user group Admins (ugr-1) besides"), "{told}");
    assert_eq!(info()["users"][0]["groups"][0]["policy_names"], json!(["Admin"]));
}

#[test]
fn a_token_that_is_lost_is_told_and_made_anew_only_if_that_is_wanted() {
    let desk = desk("");
    let file = desk.home.path().join("token");
    settled(&desk, MODULE, &arguments(&file));
    let first = token(&file);
    for text in ["", "somebody-elses-token\n"] {
        fs::write(&file, text).unwrap();
        let lost = call(&desk, MODULE, &arguments(&file));
        assert_eq!(lost.answer["error_code"], "TOKEN_LOST", "{}", lost.answer);
        assert!(!lost.answer.to_string().contains("somebody-elses-token"));
    }
    let mut replaced = arguments(&file);
    replaced["when_lost"] = json!("replace");
    // What is written over is told before.
    let foreseen = foreseen(&desk, MODULE, &replaced);
    let place = format!("file:{}", file.display());
    assert!(foreseen["warnings"].to_string().contains("holds something else"), "{foreseen}");
    assert!(foreseen["diff"]["before"].to_string().contains(&place), "{foreseen}");
    settled(&desk, MODULE, &replaced);
    assert!(token(&file) != first && !may_list(&desk, &first, "act-00000001"));
    assert!(may_list(&desk, &token(&file), "act-00000001"));
}

/// What a place takes only writing shows: here one that can be written beside, and has a name that no file takes. The token of the user
/// may be in use elsewhere.
#[test]
fn a_user_that_is_to_be_made_anew_stays_until_each_place_was_written() {
    let desk = desk("");
    let (file, other) = (desk.home.path().join("token"), desk.home.path().join("other/"));
    settled(&desk, MODULE, &arguments(&file));
    let asked = mutations(&desk);
    let mut all = arguments(&other);
    all["when_lost"] = json!("replace");
    let refused = call(&desk, MODULE, &all);
    assert!(refused.failed().contains("no user was made in place of it"), "{}", refused.answer);
    assert_eq!(refused.answer["changed"], false, "{}", refused.answer);
    assert_eq!(mutations(&desk), asked, "{}", refused.answer);
    assert!(may_list(&desk, &token(&file), "act-00000001"));
}

/// A user that the vendor does not let go keeps its places as they were.
#[test]
fn a_user_that_is_not_let_go_is_not_made_anew_and_its_places_are_as_they_were() {
    let desk = desk("");
    let (file, other) = (desk.home.path().join("token"), desk.home.path().join("other"));
    settled(&desk, MODULE, &arguments(&file));
    let mut all = arguments(&other);
    all["when_lost"] = json!("replace");
    desk.fault(json!({"kind": "status", "status": 403, "method": "DELETE", "count": 2}));
    for held in ["something-else", ""] {
        fs::write(&other, held).unwrap();
        let refused = call(&desk, MODULE, &all);
        assert!(refused.failed().contains("no user was made"), "{}", refused.answer);
        assert_eq!(fs::read_to_string(&other).unwrap_or_default().trim_end(), held);
    }
    assert!(may_list(&desk, &token(&file), "act-00000001"));
}

/// What is there may be the token of another organisation, and is kept nowhere else.
#[test]
fn a_place_that_holds_something_is_not_written_over_by_a_new_user_unless_that_is_wanted() {
    let desk = desk("");
    let file = desk.home.path().join("token");
    fs::write(&file, "somebody-elses-token\n").unwrap();
    for is_check in [true, false] {
        let mut all = arguments(&file);
        all["_ansible_check_mode"] = json!(is_check);
        let refused = call(&desk, MODULE, &all);
        assert_eq!(refused.answer["error_code"], "OTHER_TOKEN", "{}", refused.answer);
        assert!(!refused.answer.to_string().contains("somebody-elses-token"));
    }
    assert_eq!(token(&file), "somebody-elses-token");
    assert!(mutations(&desk).is_empty());
    let mut replaced = arguments(&file);
    replaced["when_lost"] = json!("replace");
    settled(&desk, MODULE, &replaced);
    assert!(may_list(&desk, &token(&file), "act-00000001"));
}

#[test]
fn a_lost_answer_says_that_the_token_is_lost_with_it() {
    let desk = desk("");
    let file = desk.home.path().join("token");
    let route = "/setup/user/programmatic";
    desk.fault(json!({"kind": "cut_after_commit", "method": "POST", "route": route, "count": 1}));
    let lost = call(&desk, MODULE, &arguments(&file));
    assert_eq!(lost.answer["error_code"], "TOKEN_LOST", "{}", lost.answer);
    assert!(lost.failed().contains("when_lost: replace"));
    assert_eq!(mutations(&desk).len(), 1);
    let mut replaced = arguments(&file);
    replaced["when_lost"] = json!("replace");
    settled(&desk, MODULE, &replaced);
}

/// Lists may show it late, and looking may fail.
#[test]
fn a_user_that_may_have_been_made_is_looked_for_and_told_as_a_change() {
    let desk = desk("clock: {speed: 500}\n");
    let file = desk.home.path().join("token");
    let route = "/setup/user/programmatic";
    desk.fault(json!({"kind": "cut_after_commit", "method": "POST", "route": route, "count": 1}));
    desk.fault(json!({"kind": "status", "status": 403, "method": "GET", "route": "/setup/organization/user", "nth": 2, "count": 99}));
    let lost = call(&desk, MODULE, &arguments(&file));
    assert!(lost.failed().contains("may have been made"), "{}", lost.answer);
    assert_eq!(lost.answer["changed"], true, "{}", lost.answer);
}

#[test]
fn a_user_that_may_be_anothers_is_left() {
    let desk = desk("");
    let (file, other) = (desk.home.path().join("token"), desk.home.path().join("other"));
    settled(&desk, MODULE, &arguments(&file));
    let absent = |accounts: &Value| json!({"name": "robot", "state": "absent", "token_file": other, "accounts": accounts});
    let viewer = |id: &str| json!({"id": id, "role": "viewer"});
    let left = |accounts: &Value, words: &str| {
        let left = call(&desk, MODULE, &absent(accounts)).well();
        assert_eq!(left["changed"], false, "{left}");
        let warning = left["warnings"][0].as_str().unwrap();
        assert!(warning.contains("left as it is") && warning.contains(words), "{warning}");
    };
    left(&Value::Null, "no account is named");
    left(&json!([viewer("act-00000002")]), "not for the accounts that are named alone");
    // The vendor takes rights away with their account.
    let info = call(&desk, "spot_programmatic_user_info", &json!({"name": "robot"})).well();
    let route = "/setup/user/{userId}";
    let bare = json!([{"userId": info["users"][0]["id"], "username": "robot", "type": "programmatic",
        "policies": [], "groups": [], "tokens": []}]);
    answered(&desk, route, &bare);
    left(&json!([viewer("act-00000001")]), "no rights in any account");
    desk.mend();
    // What it may do through groups nobody can tell, nor where groups are not told.
    for (groups, words) in [
        (
            json!([{"id": "ugr-1", "name": "Admins", "policyNames": ["Admin"]}]),
            "user group Admins (ugr-1)",
        ),
        (Value::Null, "the groups of the user are not told"),
    ] {
        let mut grouped = bare.clone();
        grouped[0]["groups"] = groups;
        grouped[0]["policies"] = json!([{"policyId": "pol-1", "accountIds": ["act-00000001"]}]);
        answered(&desk, route, &grouped);
        left(&json!([viewer("act-00000001")]), words);
        desk.mend();
    }
    let info = call(&desk, "spot_programmatic_user_info", &json!({"name": "robot"})).well();
    assert_eq!(info["users"].as_array().unwrap().len(), 1);
    settled(&desk, MODULE, &absent(&json!([viewer("act-00000001")])));
}

fn users(desk: &Desk) -> usize {
    let info = call(desk, "spot_programmatic_user_info", &json!({"name": "robot"})).well();
    info["users"].as_array().unwrap().len()
}

fn absent(file: &Path) -> Value {
    json!({"name": "robot", "token_file": file, "state": "absent"})
}

/// The place is what proves whose the user is, so it tells that until the user is gone.
#[test]
fn a_removal_that_is_refused_or_cut_off_is_gone_on_with() {
    let route = "/setup/user/{userId}";
    for kind in ["cut_before_commit", "cut_after_commit", "status"] {
        let desk = desk("");
        let file = desk.home.path().join("token");
        settled(&desk, MODULE, &arguments(&file));
        let kept = token(&file);
        let mut fault = json!({"kind": kind, "method": "DELETE", "route": route, "count": 1});
        if kind == "status" {
            fault["status"] = json!(403);
        }
        desk.fault(fault);
        // And what became of it cannot be seen.
        let list = "/setup/organization/user";
        desk.fault(json!({"kind": "status", "status": 403, "method": "GET", "route": list, "nth": 2, "count": 99}));
        let failed = call(&desk, MODULE, &absent(&file));
        assert!(!failed.failed().contains(&kept), "{kind}: {}", failed.answer);
        // A refusal changes nothing, and the token goes on to be good and kept.
        assert_eq!(token(&file) == kept, kind == "status", "{kind}: {}", failed.answer);
        desk.mend();
        assert_eq!(users(&desk), usize::from(kind != "cut_after_commit"), "{kind}");
        settled(&desk, MODULE, &absent(&file));
        assert_eq!((users(&desk), file.exists()), (0, false), "{kind}");
    }
}

/// What stands for a withdrawn token is none, and of another user it proves nothing.
#[test]
fn a_place_whose_token_was_withdrawn_has_none() {
    let desk = desk("");
    let file = desk.home.path().join("token");
    settled(&desk, MODULE, &arguments(&file));
    fs::write(&file, "spotinst-esg:withdrawn-token-of:pu-00000000\n").unwrap();
    let lost = call(&desk, MODULE, &arguments(&file));
    assert_eq!(lost.answer["error_code"], "TOKEN_LOST", "{}", lost.answer);
    let left = call(&desk, MODULE, &absent(&file)).well();
    assert_eq!((&left["changed"], users(&desk)), (&json!(false), 1), "{left}");
}

/// One that cannot be read may be the one that is meant.
#[test]
fn in_a_list_that_cannot_be_read_whole_no_user_is_missing() {
    let desk = desk("");
    let file = desk.home.path().join("token");
    settled(&desk, MODULE, &arguments(&file));
    let unreadable = json!([{"username": "robot", "type": "programmatic"}]);
    let list = "/setup/organization/user";
    answered(&desk, list, &unreadable);
    for arguments in [arguments(&file), absent(&file)] {
        let called = call(&desk, MODULE, &arguments);
        assert!(called.failed().contains("cannot tell whether"), "{}", called.answer);
        assert_eq!(called.answer["retryable"], true, "{}", called.answer);
    }
    assert_eq!(mutations(&desk).len(), 1);
    // Nor is one gone that cannot be read.
    desk.mend();
    let info = call(&desk, "spot_programmatic_user_info", &json!({})).well();
    let id = info["users"][0]["id"].clone();
    let status = json!({"code": 200, "message": "OK"});
    let body =
        json!({"request": {}, "response": {"status": status, "items": unreadable, "count": 1}});
    desk.fault(json!({"kind": "body", "method": "GET", "route": list, "nth": 2, "body": body}));
    let called = call(&desk, MODULE, &absent(&file));
    let words = format!("cannot tell whether user {} is gone", id.as_str().unwrap());
    assert!(called.failed().contains(&words), "{}", called.answer);
    assert_eq!(called.answer["changed"], true, "{}", called.answer);
}

/// What was accepted was done, also if it cannot be looked at since.
#[test]
fn what_was_done_to_a_user_is_told_as_a_change_though_it_cannot_be_seen() {
    let desk = desk("");
    let file = desk.home.path().join("token");
    let mapped = |policy: &str| {
        let policies = json!([{"policy_id": policy, "account_ids": ["act-00000001"]}]);
        json!({"name": "robot", "policies": policies, "token_file": file, "when_lost": "replace"})
    };
    settled(&desk, MODULE, &mapped("pol-11111111"));
    let unreadable = |route: &str| {
        desk.fault(json!({"kind": "status", "status": 403, "method": "GET", "route": route, "nth": 2, "count": 99}));
    };
    let told = |arguments: &Value, words: &str| {
        let called = call(&desk, MODULE, arguments);
        assert!(called.failed().contains(words), "{}", called.answer);
        assert_eq!(called.answer["changed"], true, "{}", called.answer);
        desk.mend();
    };
    unreadable("/setup/user/{userId}");
    told(&mapped("pol-22222222"), "was given other policies, or perhaps so");
    desk.fault(json!({"kind": "lost_update", "method": "PUT"}));
    told(&mapped("pol-11111111"), "has other policies than it was given");
    fs::write(&file, "").unwrap();
    unreadable("/setup/organization/user");
    told(&mapped("pol-22222222"), "was removed, or perhaps so");
    settled(&desk, MODULE, &mapped("pol-22222222"));
    unreadable("/setup/organization/user");
    told(&absent(&file), "was removed, or perhaps so");
}

#[test]
fn no_user_is_made_whose_token_nobody_would_get() {
    let desk = desk("");
    let accounts = json!([{"id": "act-00000001", "role": "editor"}]);
    let file = desk.home.path().join("token");
    for (arguments, words) in [
        (json!({"name": "robot", "accounts": accounts}), "no place"),
        (json!({"name": "robot", "token_file": file}), "allowed nothing"),
        (
            json!({"name": "robot", "accounts": accounts, "token_file": "/nowhere/token"}),
            "/nowhere/token",
        ),
        (
            json!({"name": "robot", "accounts": [{"id": "act-9", "role": "editor"}], "token_file": file}),
            "act-9",
        ),
        (
            json!({"name": "robot", "accounts": [{"id": "x", "role": "owner"}], "token_file": file}),
            "owner",
        ),
        (json!({"name": "a+b", "accounts": accounts, "token_file": file}), "+ = @"),
    ] {
        let refused = call(&desk, MODULE, &arguments);
        assert!(refused.failed().contains(words), "{arguments}: {}", refused.answer);
    }
    let info = call(&desk, "spot_programmatic_user_info", &json!({})).well();
    assert_eq!(info["users"], json!([]));
    assert!(!file.exists());
}

#[test]
fn a_garbled_answer_with_the_token_in_it_is_not_repeated() {
    let desk = desk("");
    let file = desk.home.path().join("token");
    let route = "/setup/user/programmatic";
    desk.fault(
        json!({"kind": "truncated", "method": "POST", "route": route, "count": 1, "bytes": 400}),
    );
    let garbled = call(&desk, MODULE, &arguments(&file));
    let line = garbled.failed();
    assert!(
        !line.contains("\"token\"") && line.contains("TOKEN_LOST") | line.contains("lost"),
        "{line}"
    );
}

#[test]
fn two_of_a_name_are_an_error_that_names_both() {
    let desk = desk("");
    for _ in 0..2 {
        let body = json!({"name": "robot", "accounts": [{"id": "act-00000001", "role": "viewer"}]});
        let request = spot_sim::Request {
            method: "POST".to_owned(),
            path: "/setup/user/programmatic".to_owned(),
            headers: vec![("authorization".to_owned(), format!("Bearer {}", crate::CANARY))],
            body: body.to_string().into_bytes(),
            ..spot_sim::Request::default()
        };
        assert_eq!(desk.simulator.handle(&request).status, 200);
    }
    let file = desk.home.path().join("token");
    let refused = call(&desk, MODULE, &arguments(&file));
    assert_eq!(refused.failed().matches("pu-").count(), 2, "{}", refused.answer);
}
