//! Whether a role's trust lets the vendor in, by the rules of IAM as far as they are used here.

use serde_json::Value;

/// The vendor's AWS account (OpenAPI description: setCloudCredentialsForAWS).
pub(crate) const VENDOR_ACCOUNT: &str = "922761411349";

/// Whether the vendor may assume a role of this trust when it presents this external id.
pub(crate) fn lets_vendor_in(trust: &Value, external_id: &str) -> bool {
    let statements = listed(&trust["Statement"]);
    let allows = |wanted: &str| {
        statements.iter().any(|one| one["Effect"] == wanted && applies(one, external_id))
    };
    allows("Allow") && !allows("Deny")
}

fn applies(statement: &Value, external_id: &str) -> bool {
    let is_vendor = |principal: &&str| {
        *principal == "*"
            || *principal == VENDOR_ACCOUNT
            || principal.ends_with(&format!(":iam::{VENDOR_ACCOUNT}:root"))
    };
    let principal = match &statement["Principal"] {
        Value::String(any) => any == "*",
        principal => texts(&principal["AWS"]).iter().any(is_vendor),
    };
    let is_assuming = |action: &&str| {
        ["*", "sts:*", "sts:AssumeRole"].iter().any(|known| action.eq_ignore_ascii_case(known))
    };
    principal
        && texts(&statement["Action"]).iter().any(is_assuming)
        && holds(&statement["Condition"], external_id)
}

/// A condition that is not understood does not hold.
fn holds(condition: &Value, external_id: &str) -> bool {
    let Some(operators) = condition.as_object() else { return condition.is_null() };
    operators.iter().all(|(operator, keys)| {
        operator == "StringEquals"
            && keys.as_object().is_some_and(|keys| {
                keys.iter().all(|(key, values)| {
                    key.eq_ignore_ascii_case("sts:ExternalId")
                        && texts(values).contains(&external_id)
                })
            })
    })
}

fn listed(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

fn texts(value: &Value) -> Vec<&str> {
    listed(value).into_iter().filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn trust(principal: &Value, condition: Option<Value>) -> Value {
        let mut statement =
            json!({"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"});
        if let Some(condition) = condition {
            statement["Condition"] = condition;
        }
        json!({"Version": "2012-10-17", "Statement": [statement]})
    }

    #[test]
    fn only_the_vendor_with_the_right_id_gets_in() {
        let vendor = json!("arn:aws:iam::922761411349:root");
        let equals = |id: Value| Some(json!({"StringEquals": {"sts:ExternalId": id}}));
        let table = [
            (trust(&vendor, equals(json!("x"))), true),
            (trust(&json!(["1", "922761411349"]), equals(json!(["y", "x"]))), true),
            (trust(&vendor, None), true),
            (trust(&vendor, equals(json!("y"))), false),
            (trust(&json!("arn:aws:iam::111111111111:root"), equals(json!("x"))), false),
            (trust(&vendor, Some(json!({"Unheard": {"sts:ExternalId": "x"}}))), false),
            (json!({}), false),
        ];
        for (trust, expected) in table {
            assert_eq!(lets_vendor_in(&trust, "x"), expected, "{trust}");
        }
    }
}
