//! The same with parameters of Systems Manager.

use serde_json::{Value, json};

use crate::support::module::{Called, call_with};
use crate::support::moto::{self, Moto};
use crate::{Desk, desk, mutations};

const REGION: &str = "eu-west-1";

fn call(desk: &Desk, moto: &Moto, module: &str, arguments: &Value) -> Called {
    let environment = [
        ("AWS_ENDPOINT_URL", moto.url()),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ];
    call_with(desk, module, arguments, &environment)
}

fn parameter(moto: &Moto, name: &str) -> Option<Value> {
    let asked = json!({"Name": name, "WithDecryption": true});
    moto.ssm(REGION, "GetParameter", &asked).ok().map(|it| it["Parameter"].clone())
}

#[test]
fn a_token_is_kept_encrypted_by_the_key_named_and_copied_to_a_further_place() {
    let (desk, moto) = (desk(""), moto::shared());
    let key = moto.kms_key(REGION);
    let name = "/test/token";
    let accounts = json!([{"id": "act-00000001", "role": "viewer"}]);
    let ssm = json!({"name": name, "region": REGION, "kms_key_id": key});
    let mut arguments = json!({"name": "robot", "accounts": accounts, "ssm_parameter": ssm});
    let made = call(&desk, moto, "spot_programmatic_user", &arguments).well();
    assert_eq!(made["changed"], true);
    let stored = parameter(moto, name).unwrap();
    assert_eq!(stored["Type"], "SecureString");
    let token = stored["Value"].as_str().unwrap().to_owned();
    assert!(!made.to_string().contains(&token));
    let asked = json!({"ParameterFilters": [{"Key": "Name", "Values": [name]}]});
    let described = moto.ssm(REGION, "DescribeParameters", &asked).unwrap();
    assert_eq!(described["Parameters"][0]["KeyId"], json!(key), "{described}");
    let again = call(&desk, moto, "spot_programmatic_user", &arguments).well();
    assert_eq!(again["changed"], false);
    // Who wrote it by hand may have written it in plain text.
    assert!(!again.to_string().contains("SecureString"), "{again}");
    moto.ssm(REGION, "DeleteParameter", &json!({"Name": name})).unwrap();
    let plain = json!({"Name": name, "Value": token, "Type": "String"});
    moto.ssm(REGION, "PutParameter", &plain).unwrap();
    let told = call(&desk, moto, "spot_programmatic_user", &arguments).well();
    assert!(told["warnings"].to_string().contains("not encrypted"), "{told}");
    assert!(!told.to_string().contains(&token));
    let file = desk.home.path().join("token");
    arguments["token_file"] = json!(file);
    // A token that another place has is no consent to write over what may be kept nowhere else.
    std::fs::write(&file, "somebody-elses-token\n").unwrap();
    let refused = call(&desk, moto, "spot_programmatic_user", &arguments);
    assert_eq!(refused.answer["error_code"], "OTHER_TOKEN", "{}", refused.answer);
    assert!(!refused.answer.to_string().contains("somebody-elses-token"), "{}", refused.answer);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "somebody-elses-token\n");
    let mut replaced = arguments.clone();
    (replaced["when_lost"], replaced["_ansible_check_mode"]) = (json!("replace"), json!(true));
    let foreseen = call(&desk, moto, "spot_programmatic_user", &replaced).well();
    assert!(foreseen["warnings"].to_string().contains("holds something else"), "{foreseen}");
    std::fs::write(&file, "").unwrap();
    let copied = call(&desk, moto, "spot_programmatic_user", &arguments).well();
    assert_eq!(copied["changed"], true);
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim_end(), token);
    let absent =
        json!({"name": "robot", "ssm_parameter": ssm, "token_file": file, "state": "absent"});
    assert_eq!(call(&desk, moto, "spot_programmatic_user", &absent).well()["changed"], true);
    assert!(parameter(moto, name).is_none() && !file.exists());
}

#[test]
fn an_external_id_is_kept_with_its_end() {
    let (desk, moto) = (desk(""), moto::shared());
    let name = "/test/external-id";
    let ssm = json!({"name": name});
    let arguments = json!({
        "account_id": "act-00000002", "state": "prepared", "ssm_parameter": ssm, "region": REGION,
    });
    let made = call(&desk, moto, "spot_aws_connection", &arguments).well();
    assert_eq!(made["changed"], true);
    let stored = parameter(moto, name).unwrap();
    let kept: Value = serde_json::from_str(stored["Value"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&kept["valid_until"], &kept["account_id"]),
        (&made["valid_until"], &json!("act-00000002"))
    );
    assert_eq!(call(&desk, moto, "spot_aws_connection", &arguments).well()["changed"], false);
    let mut absent = arguments;
    absent["state"] = json!("absent");
    assert_eq!(call(&desk, moto, "spot_aws_connection", &absent).well()["changed"], true);
    assert!(parameter(moto, name).is_none());
}

#[test]
fn a_parameter_that_is_not_taken_leaves_no_user_behind() {
    let (desk, moto) = (desk(""), moto::shared());
    let accounts = json!([{"id": "act-00000001", "role": "viewer"}]);
    // Systems Manager refuses names of its own.
    let ssm = json!({"name": "/aws/token", "region": REGION});
    let arguments = json!({"name": "robot", "accounts": accounts, "ssm_parameter": ssm});
    let refused = call(&desk, moto, "spot_programmatic_user", &arguments);
    assert!(refused.failed().contains("removed again"), "{}", refused.answer);
    assert_eq!(refused.answer["changed"], false, "{}", refused.answer);
    let info = call(&desk, moto, "spot_programmatic_user_info", &json!({})).well();
    assert_eq!(info["users"], json!([]));
    desk.fault(json!({"kind": "status", "status": 403, "method": "DELETE", "count": 1}));
    let left = call(&desk, moto, "spot_programmatic_user", &arguments);
    assert!(left.failed().contains("may still be there"), "{}", left.answer);
    assert_eq!(left.answer["changed"], true, "{}", left.answer);
}

/// Who may read a parameter may not be allowed to write it, and the old user's token may be in use elsewhere.
#[test]
fn a_user_that_is_to_be_made_anew_stays_until_each_place_was_written() {
    let (desk, moto) = (desk(""), moto::shared());
    let (kept, other) = (desk.home.path().join("kept"), desk.home.path().join("other"));
    let accounts = json!([{"id": "act-00000001", "role": "viewer"}]);
    let mut arguments = json!({"name": "robot", "accounts": accounts, "token_file": kept});
    let made = call(&desk, moto, "spot_programmatic_user", &arguments).well();
    let asked = mutations(&desk);
    std::fs::write(&other, "something-else\n").unwrap();
    (arguments["token_file"], arguments["when_lost"]) = (json!(other), json!("replace"));
    arguments["ssm_parameter"] = json!({"name": "/aws/token", "region": REGION});
    let refused = call(&desk, moto, "spot_programmatic_user", &arguments);
    assert!(refused.failed().contains("no user was made in place of it"), "{}", refused.answer);
    assert_eq!(mutations(&desk), asked, "{}", refused.answer);
    assert_eq!(std::fs::read_to_string(&other).unwrap(), "something-else\n");
    arguments["ssm_parameter"] = Value::Null;
    arguments["token_file"] = json!(kept);
    let there = call(&desk, moto, "spot_programmatic_user", &arguments).well();
    assert_eq!((&there["changed"], &there["user"]), (&json!(false), &made["user"]), "{there}");
}
