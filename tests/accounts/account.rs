//! `spot_account`.

use serde_json::json;

use crate::{CANARY, Desk, answered, call, desk, foreseen, mutations, settled};

const MODULE: &str = "spot_account";

#[test]
fn an_account_is_made_renamed_and_deleted_once() {
    let desk = desk("");
    let made =
        settled(&desk, MODULE, &json!({"name": "staging", "cloud_account_id": "333333333333"}));
    let id = made["account"]["id"].as_str().unwrap();
    let named = json!({"id": id, "name": "stage"});
    assert_eq!(settled(&desk, MODULE, &named)["account"]["name"], "stage");
    let absent = json!({"id": id, "state": "absent", "confirm_delete": true});
    settled(&desk, MODULE, &absent);
    let (one, two) = (format!("PUT /setup/account/{id}"), format!("DELETE /setup/account/{id}"));
    assert_eq!(mutations(&desk), ["POST /setup/account", &one, &two]);
}

#[test]
fn an_account_that_is_there_is_adopted() {
    let desk = desk("");
    for (arguments, id) in [
        (json!({"name": "two"}), "act-00000002"),
        (json!({"id": "act-00000001"}), "act-00000001"),
        (json!({"cloud_account_id": 111_111_111_111_u64, "name": "other"}), "act-00000001"),
    ] {
        let answer = call(&desk, MODULE, &arguments).well();
        assert_eq!((&answer["changed"], &answer["account"]["id"]), (&json!(false), &json!(id)));
    }
    assert!(mutations(&desk).is_empty());
}

#[test]
fn the_single_account_of_a_free_plan_is_adopted_with_a_word() {
    let fleet = format!(
        "tokens: [{{token: {CANARY}}}]\naccounts: [{{id: act-1, name: default}}]\nadministration: {{account_limit: 1}}"
    );
    let desk = Desk::with_whole(&fleet);
    let answer = call(&desk, MODULE, &json!({"name": "staging", "adopt_single": true})).well();
    assert_eq!((&answer["changed"], &answer["adopted"]), (&json!(false), &json!(true)));
    assert_eq!(answer["account"]["id"], "act-1");
    let warning = answer["warnings"][0].as_str().unwrap();
    assert!(warning.contains("act-1 (default)") && warning.contains("ACCOUNT_LIMIT"), "{warning}");
    let refused = call(&desk, MODULE, &json!({"name": "staging"}));
    for words in ["ACCOUNT_LIMIT_REACHED", "act-1 (default)", "adopt_single"] {
        assert!(refused.failed().contains(words), "{}", refused.answer);
    }
}

/// A refusal for another reason does not make the only account the one that is meant.
#[test]
fn a_refusal_of_a_name_adopts_nothing() {
    let fleet = format!("tokens: [{{token: {CANARY}}}]\naccounts: [{{id: act-1, name: default}}]");
    let desk = Desk::with_whole(&fleet);
    for (code, message) in [
        ("ValidationError", "name has a bad character"),
        ("RequestLimitExceeded", "Request limit of the account exceeded"),
        ("ThrottlingException", "Rate exceeded for accounts, see your plan"),
        ("ValidationError", "planned accounts are delimited"),
    ] {
        desk.fault(json!({"kind": "status", "status": 400, "code": code, "message": message,
            "method": "POST", "route": "/setup/account", "count": 1}));
        let called = call(&desk, MODULE, &json!({"name": "staging", "adopt_single": true}));
        for words in [message, "adopt the only one by its id act-1"] {
            assert!(called.failed().contains(words), "{}", called.answer);
        }
    }
}

#[test]
fn what_was_done_to_an_account_is_told_though_it_cannot_be_looked_at() {
    for (arguments, words) in [
        (json!({"id": "act-00000002", "name": "another"}), "was renamed"),
        (json!({"id": "act-00000002", "state": "absent", "confirm_delete": true}), "was deleted"),
    ] {
        let desk = desk("");
        desk.fault(json!({"kind": "status", "status": 403, "method": "GET", "route": "/setup/account", "nth": 2, "count": 99}));
        let called = call(&desk, MODULE, &arguments);
        assert!(called.failed().contains(words), "{}", called.answer);
        assert_eq!(called.answer["changed"], true, "{}", called.answer);
        assert_eq!(mutations(&desk).len(), 1, "{arguments}");
    }
}

/// One that cannot be read may be the one that is meant.
#[test]
fn in_a_list_that_cannot_be_read_whole_no_account_is_missing() {
    let desk = desk("");
    let items = json!([{"accountId": "act-00000001", "name": "one"}, {"name": "staging"}]);
    answered(&desk, "/setup/account", &items);
    for wanted in [
        json!({"name": "staging"}),
        json!({"id": "act-00000009"}),
        json!({"cloud_account_id": "333333333333"}),
    ] {
        for state in ["present", "absent"] {
            let mut arguments = wanted.clone();
            (arguments["state"], arguments["confirm_delete"]) = (json!(state), json!(true));
            let called = call(&desk, MODULE, &arguments);
            assert!(called.failed().contains("cannot tell whether"), "{}", called.answer);
            assert_eq!(called.answer["retryable"], true, "{}", called.answer);
        }
    }
    let there = call(&desk, MODULE, &json!({"name": "one"})).well();
    assert_eq!((&there["changed"], mutations(&desk).len()), (&json!(false), 0), "{there}");
}

/// What lists them says so, too, whatever it is asked for.
#[test]
fn a_list_of_accounts_tells_what_of_it_cannot_be_read() {
    let desk = desk("");
    for arguments in [json!({}), json!({"name": "one"}), json!({"id": "act-00000009"})] {
        let whole = call(&desk, "spot_account_info", &arguments).well();
        assert_eq!((&whole["left_out"], &whole["warnings"]), (&json!([]), &json!(null)), "{whole}");
    }
    let items = json!([
        {"accountId": "act-00000001", "name": "one", "providerExternalId": ["1"]}, {"name": "staging"}]);
    answered(&desk, "/setup/account", &items);
    for arguments in [
        json!({}),
        json!({"name": "one"}),
        json!({"id": "act-00000009"}),
        json!({"cloud_account_id": "123456789012"}),
    ] {
        let torn = call(&desk, "spot_account_info", &arguments).well();
        let left_out = torn["left_out"].as_array().unwrap();
        // Whoever asks for those of an AWS account misses one of which that cannot be read.
        let most = if arguments["cloud_account_id"].is_string() { 2 } else { 1 };
        assert_eq!(left_out.len(), most, "{torn}");
        let words = ["account at place 2 of the reply has no id", "act-00000001"];
        for (told, words) in left_out.iter().zip(words) {
            assert!(told.as_str().unwrap().contains(words), "{torn}");
        }
        let warnings = torn["warnings"].as_array().unwrap();
        assert!(warnings.contains(&left_out[0]) && warnings.len() == 2, "{torn}");
    }
}

/// Where the token may not list them all, those of one AWS account are told alone.
#[test]
fn in_a_list_of_one_aws_account_no_other_account_is_missing() {
    let desk = desk("");
    let denied = |arguments: serde_json::Value| {
        desk.mend();
        desk.fault(json!({"kind": "status", "status": 403, "method": "GET", "route": "/setup/account", "count": 1}));
        call(&desk, MODULE, &arguments)
    };
    let cloud = "333333333333";
    for wanted in [
        json!({"name": "two", "cloud_account_id": cloud}),
        json!({"id": "act-00000002", "cloud_account_id": cloud}),
    ] {
        for state in ["present", "absent"] {
            let mut arguments = wanted.clone();
            (arguments["state"], arguments["confirm_delete"]) = (json!(state), json!(true));
            let called = denied(arguments);
            assert!(called.failed().contains("cannot tell whether"), "{}", called.answer);
        }
    }
    assert!(mutations(&desk).is_empty());
    // None is connected to it, and that is all that is asked.
    let gone = denied(json!({"cloud_account_id": cloud, "state": "absent"})).well();
    assert_eq!(gone["changed"], false, "{gone}");
    let there = denied(json!({"name": "one", "cloud_account_id": "111111111111"})).well();
    assert_eq!(there["account"]["id"], "act-00000001", "{there}");
}

#[test]
fn a_lost_answer_makes_no_second_account() {
    let desk = desk("");
    desk.fault(json!({"kind": "cut_after_commit", "method": "POST", "route": "/setup/account", "count": 1}));
    let answer = call(&desk, MODULE, &json!({"name": "staging"})).well();
    assert_eq!(answer["account"]["name"], "staging");
    assert_eq!(mutations(&desk), ["POST /setup/account"]);
}

#[test]
fn nothing_is_deleted_that_is_not_confirmed_or_in_use() {
    let fleet = "groups: [{name: g, id: sig-1, account: act-00000001, region: eu-west-1}]";
    let desk = desk(fleet);
    let unconfirmed = call(&desk, MODULE, &json!({"name": "two", "state": "absent"}));
    assert_eq!(unconfirmed.answer["error_code"], "NOT_CONFIRMED");
    let absent = json!({"name": "one", "state": "absent", "confirm_delete": true});
    let used = call(&desk, MODULE, &absent);
    assert!(used.failed().contains("sig-1"), "{}", used.answer);
    assert!(mutations(&desk).is_empty());
    let nothing = json!({"name": "none", "state": "absent", "confirm_delete": true});
    assert_eq!(foreseen(&desk, MODULE, &nothing)["changed"], false);
}

#[test]
fn what_the_vendor_denies_or_would_not_take_is_explained() {
    let text = format!(
        "tokens: [{{token: {CANARY}, access: accounts, accounts: [act-1]}}]\naccounts: [{{id: act-1, name: x}}]"
    );
    let denied = call(&Desk::with_whole(&text), MODULE, &json!({"name": "new"}));
    assert!(denied.failed().contains("lacks the permission"), "{}", denied.answer);
    let desk = desk("");
    for (arguments, words) in [
        (json!({"name": "123"}), "letter"),
        (json!({"id": "act-9"}), "act-9"),
        (
            json!({"name": "one", "cloud_account_id": "222222222222"}),
            "connected to AWS account 111111111111",
        ),
        (json!({}), "one of"),
        (json!({"nmae": "x"}), "name"),
    ] {
        let refused = call(&desk, MODULE, &arguments);
        assert!(refused.failed().contains(words), "{arguments}: {}", refused.answer);
    }
    assert!(mutations(&desk).is_empty());
}
